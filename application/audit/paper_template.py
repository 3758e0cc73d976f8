"""The firm's template of working papers: what administrators set, and how papers show it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import Annotated, Any

from application.access import Caller
from application.audit.logos import Logo, logo_of, stored_logo
from contract.declarations import Help, declared
from contract.requests.paper_template import PaperTemplateRequest
from domain_errors import InvalidRequest, Sentence
from lazy_dataclasses import dataclass
from presentation.content import Block, Facts, Given, Note, Percent, Row, Section, Table
from presentation.letterhead import COLOR, Letterhead
from service.service import Service
from storage.accounts.names import UNSAFE_NAME, unsafe_character
from storage.audit.paper_template import StoredTemplate, enter_template, paper_template

LINES = ("firm", "address", "header", "footer")
"""The fields on one line of each page."""
SIGN_OFFS = ("Prepared by", "Reviewed by")
"""The boxes for signatures of papers without others."""
MIN_CONTRAST = 4.5
"""Of a colour and white (WCAG 2.2, 1.4.3)."""


@dataclass(frozen=True)
class PaperTemplate:
    """The template of working papers."""

    template: Annotated[PaperTemplateRequest, Help("Without the logo; null where nothing is set.")]
    has_logo: bool
    user_soeid: Annotated[str | None, Help("Who changed it last.")]
    at: str | None


def template_of(service: Service) -> PaperTemplate:
    """Read the template."""
    stored = _stored(service)
    if stored is None:
        return PaperTemplate(PaperTemplateRequest(), False, None, None)
    return PaperTemplate(stored.body, stored.logo is not None, stored.user_soeid, stored.at)


def change_template(by: Caller, given: PaperTemplateRequest) -> None:
    """Change the template, as an administrator; papers that were issued stay as they are.

    Raises
    ------
    InvalidRequest
        A line has a control character; the colour isn't one, or is too light; the logo isn't an
        image; a row has no label.
    """
    user = by.require_role("admin")
    entered = given.given()
    for name in LINES:
        if (character := unsafe_character(getattr(given, name) or "")) is not None:
            raise InvalidRequest(UNSAFE_NAME, character=character, loc=("body", name))
    if given.color:
        _check_color(given.color)
    for place, row in enumerate(given.cover_rows or ()):
        _cover_row(row, place)
    logo = logo_of(given.logo) if given.logo else None
    with by.writing() as tx:
        before = paper_template(tx)
        kept: dict[str, Any] = {} if before is None else before.body.given()
        body = {name: value for name, value in {**kept, **entered}.items() if value}
        body.pop("logo", None)
        lists = {name: tuple(value) for name, value in body.items() if isinstance(value, list)}
        content = logo.content if logo else None
        if given.logo is None and before is not None:
            content = before.logo
        template = PaperTemplateRequest(**{**body, **lists})
        enter_template(tx, template, content, user.id, by.service.clock)
        by.audit(tx, "paper_template_changed", fields=", ".join(entered))


def _stored(service: Service) -> StoredTemplate | None:
    with service.database.read() as tx:
        return paper_template(tx)


def _check_color(color: str) -> None:
    loc = ("body", "color")
    if not re.fullmatch("#[0-9a-fA-F]{6}", color):
        raise InvalidRequest("`color` is # and six hexadecimal digits, such as #1f3b57.", loc=loc)
    linear = []
    for place in (1, 3, 5):
        part = int(color[place : place + 2], 16) / 255
        linear.append(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    if 1.05 / (luminance + 0.05) < MIN_CONTRAST:
        raise InvalidRequest("`color` is too light to read on white. Choose a darker one.", loc=loc)


def _cover_row(row: str, place: int = 0) -> Row:
    label, colon, text = row.partition(":")
    if not (colon and label.strip() and text.strip()):
        raise InvalidRequest(
            "A row of the cover is a label, a colon and a text, such as Office: Vienna.",
            loc=("body", "cover_rows", place),
        )
    return (Given(label.strip()), text.strip())


def letterhead_of(service: Service, running: Sequence[str] = ()) -> Letterhead:
    """The look of papers; ``running`` are the references at the top of each page."""
    stored = _stored(service)
    reference = " · ".join(filter(None, running))
    if stored is None:
        return Letterhead(running=reference)
    body = stored.body
    logo: Logo | None = None if stored.logo is None else stored_logo(stored.logo)
    return Letterhead(
        firm=body.firm or "",
        address=body.address or "",
        header=body.header or "",
        footer=body.footer or "",
        running=reference,
        color=body.color or COLOR,
        logo=None if logo is None else logo.content,
        logo_type=logo.kind if logo else "png",
        logo_height=logo.height if logo else 0,
    )


def template_language(service: Service) -> str | None:
    """The language of papers whose facts name none."""
    stored = _stored(service)
    return None if stored is None else stored.body.language


def cover_blocks(service: Service, people: Sequence[str | None] = ()) -> list[Block]:
    """The rows, the text and the boxes for signatures that the template adds to a cover.

    ``people`` are the names of preparer and reviewer, for boxes that the template doesn't name.
    """
    stored = _stored(service)
    body = PaperTemplateRequest() if stored is None else stored.body
    blocks: list[Block] = []
    if body.cover_rows:
        blocks.append(Facts("Further facts", [_cover_row(row) for row in body.cover_rows]))
    if body.standard_text:
        blocks.append(Note("Standard text", [Given(body.standard_text)]))
    names: list[str] = [Given(name) for name in body.sign_offs or ()]
    boxes: list[Row] = [(name, None, None, None) for name in names] or [
        (Sentence(role), name, None, None) for role, name in zip_longest(SIGN_OFFS, people)
    ]
    header = ("Role", "Name", "Date", "Signature")
    return [*blocks, Table("Signatures", header, boxes, name="signatures")]


def template_preview(service: Service) -> list[Section]:
    """A page that shows the template with an invented fact and table."""
    facts = Facts(
        "Engagement", [("Client", "Example Ltd"), ("Period", "2025"), ("Confidence", Percent(0.95))]
    )
    return [Section("Cover", "Working paper", [facts, *cover_blocks(service)])]


def field_names() -> list[str]:
    """The names of the template's fields, but the logo."""
    return [each.name for each in declared(PaperTemplateRequest) if each.name != "logo"]
