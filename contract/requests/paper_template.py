"""The request of the firm's template of working papers."""

from __future__ import annotations

from typing import Annotated

from contract.declarations import Help, Option, Request, Title
from contract.fields import Choice, Items, Text
from contract.words import ENTERED_LANGUAGES

MAX_LINE, MAX_TEXT, MAX_LINES = 200, 4000, 12
"""Characters, and lines of a list."""
MAX_LOGO_BYTES = 150_000
MAX_LOGO_TEXT = 4 * (MAX_LOGO_BYTES // 3 + 1)
"""Characters of a logo in base64."""
LINE = Text(0, MAX_LINE)
Lines = tuple[str, ...] | None


class PaperTemplateRequest(Request):
    """The look of all working papers, for administrators.

    A field that isn't given stays as it is; an empty text or list clears it.
    """

    firm: Annotated[str | None, LINE, Help("The firm's name.")] = None
    address: Annotated[str | None, LINE, Help("Below the firm's name, on one line.")] = None
    header: Annotated[
        str | None, LINE, Help("A text at the top of each page, after the firm's name.")
    ] = None
    footer: Annotated[str | None, LINE, Help("A text at the bottom of each page.")] = None
    color: Annotated[
        str | None,
        Text(0, 7, "COLOR"),
        Title("Colour of headings"),
        Help("Such as `#1f3b57`, dark enough to read on white."),
    ] = None
    logo: Annotated[
        str | None,
        Text(0, MAX_LOGO_TEXT),
        Option(None),
        Help(f"A PNG or JPEG image of up to {MAX_LOGO_BYTES:,} bytes, in base64."),
    ] = None
    cover_rows: Annotated[
        Lines,
        Items(Text(1, MAX_LINE), MAX_LINES),
        Option("--cover-row"),
        Title("Rows of the cover"),
        Help("Such as `Office: Vienna`: a label, a colon and a text."),
    ] = None
    sign_offs: Annotated[
        Lines,
        Items(Text(1, MAX_LINE), MAX_LINES),
        Option("--sign-off"),
        Title("Boxes for signatures"),
        Help("Who signs, such as `Partner`."),
    ] = None
    standard_text: Annotated[str | None, Text(0, MAX_TEXT), Help("A text on each cover.")] = None
    language: Annotated[
        str | None, Choice(ENTERED_LANGUAGES), Help("The language of papers whose facts name none.")
    ] = None


class TemplatePreviewRequest(Request):
    """A page that shows the template."""

    format: Annotated[str, Choice({"html": "HTML", "xlsx": "Excel"}), Option(None)] = "html"
