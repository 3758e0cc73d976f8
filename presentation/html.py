"""Sections as HTML: parts for pages, and one file that prints on A4, without script or other file.

Every text is escaped.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from markupsafe import Markup

from domain_errors import Sentence
from presentation.content import (
    Block,
    Cell,
    Facts,
    Judgement,
    Note,
    Section,
    Table,
    cell_kind,
    column_kinds,
)
from presentation.language import ENGLISH, Language
from presentation.letterhead import Letterhead

MAX_UPRIGHT = 9
"""Columns that an upright page holds."""
MAX_DENSE = 20
"""Rows of a table with more columns that don't need landscape pages."""
MAX_WHOLE = 10
"""Lines of a block that isn't split between pages."""
LONGEST_WORD = 24
"""Letters of a word that isn't broken within a cell of a table."""


@cache
def _style() -> Markup:
    sheet = files("presentation").joinpath("page.css").read_text(encoding="utf-8")
    return Markup(sheet)  # noqa: S704 - a file of this package


def page(
    sections: Sequence[Section],
    language: Language = ENGLISH,
    letterhead: Letterhead | None = None,
) -> str:
    """The sections below each other as one file.

    Those with wide tables come last, as landscape pages: each change of the sheet ends a page.

    Parameters
    ----------
    letterhead : Letterhead, optional
        The firm's name, logo, colour and texts.
    """
    look = letterhead or Letterhead()
    parts = Markup("").join(
        Markup('<section class="{}"><h1>{}</h1>{}</section>').format(
            _section_class(section),
            language.label(section.title),
            Markup("").join(_titled(block, language) for block in section.blocks),
        )
        for section in sorted(sections, key=_is_wide)
    )
    return Markup(
        '<!doctype html>\n<html lang="{}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>{}</title><style>{}{}</style></head><body>{}{}</body></html>\n"
    ).format(
        language.code,
        language.label(sections[0].title),
        _style(),
        Markup(page_style(look, language)),  # noqa: S704 - texts are escaped for CSS
        _head(look),
        parts,
    )


def _is_wide(section: Section) -> bool:
    return "wide" in _section_class(section).split()


def _section_class(section: Section) -> str:
    """The class of a section: "wide", in landscape, if a table has many columns.

    With few rows it is "dense", in small type on an upright page, as a sheet for it would be empty.
    """
    tables = [block for block in section.blocks if isinstance(block, Table)]
    rows = max((len(each.rows) for each in tables if len(each.header) > MAX_UPRIGHT), default=0)
    style = "wide" if rows > MAX_DENSE else "dense" if rows else ""
    return f"{section.name.lower()} {style}".rstrip()


def _titled(block: Block, language: Language) -> Markup:
    """A block under its title; a short one stays whole on a page."""
    is_short = isinstance(block, Facts) and len(block.lines) <= MAX_WHOLE
    is_short = is_short or (isinstance(block, Table) and len(block.rows) <= MAX_WHOLE)
    style = "block whole" if is_short or not isinstance(block, Facts | Table | Note) else "block"
    if isinstance(block, Table) and block.name:
        style += f" {block.name}"
    return Markup('<div class="{}"><h2>{}</h2>{}</div>').format(
        style, language.label(block.title), block_html(block, language=language)
    )


def _head(look: Letterhead) -> Markup:
    """The logo, the firm's name and its address above the cover."""
    if not (look.firm or look.address or look.logo):
        return Markup("")
    logo = Markup("")
    if look.logo is not None:
        logo = Markup('<img src="data:image/{};base64,{}" alt="">').format(
            look.logo_type, base64.b64encode(look.logo).decode()
        )
    return Markup('<header class="letterhead">{}<p><strong>{}</strong><br>{}</p></header>').format(
        logo, look.firm, look.address
    )


def page_style(look: Letterhead, language: Language) -> str:
    """The colour and the running texts of printed pages, as rules of a style sheet."""
    of = language.label(Sentence("Page {page} of {pages}", page="\0", pages="\1"))
    before, between, after = re.split("[\0\1]", of)
    number = (
        f'"{css_text(before)}" counter(page) "{css_text(between)}" counter(pages) '
        f'"{css_text(after)}"'
    )
    left = " · ".join(filter(None, (look.firm, look.header)))
    boxes = (
        f'@top-left {{ content: "{css_text(left)}"; }} '
        f'@top-right {{ content: "{css_text(look.running)}"; }} '
        f'@bottom-left {{ content: "{css_text(look.footer)}"; }} '
        f"@bottom-right {{ content: {number}; }}"
    )
    return f"@page {{ {boxes} }}\n:root {{ --accent: {look.color}; }}\n"


def css_text(text: str) -> str:
    """A text within a string of a style sheet: all but letters and digits are escaped.

    >>> css_text('a"}b')
    'a\\\\22 \\\\7d b'
    """
    return "".join(
        each if each.isascii() and each.isalnum() else f"\\{ord(each):x} " for each in text
    )


def block_html(
    block: Block,
    *,
    is_tall: bool = False,
    is_stacked: bool = False,
    language: Language = ENGLISH,
) -> Markup:
    """A block without its title, in the classes of the pages' style sheet.

    A long table with ``is_tall`` scrolls on pages by itself. On narrow screens, the rows of a table
    with ``is_stacked`` are cards of labelled lines.
    """
    match block:
        case Facts():
            lines = (
                Markup("<dt>{}</dt><dd{}>{}</dd>").format(
                    language.label(label),
                    _fact_class(values),
                    "; ".join(map(language.cell, values)),
                )
                for label, *values in block.lines
            )
            return Markup('<dl class="facts">{}</dl>').format(Markup("\n").join(lines))
        case Table():
            return _table(block, "scroll tall" if is_tall else "scroll", language, is_stacked)
        case Note():
            sentences = map(Markup("<li>{}</li>").format, map(language.label, block.sentences))
            return Markup("<ul>{}</ul>").format(Markup("").join(sentences))
        case _:
            chart = language.chart(block)
            legend = Markup('<p class="soft">{}</p>').format(chart.legend) if chart.legend else ""
            return chart.svg() + legend


def _table(table: Table, style: str, language: Language, is_stacked: bool) -> Markup:
    labels = [language.label(name) if is_stacked else "" for name in table.header]
    names = (
        Markup('<th scope="col"{}>{}</th>').format(
            _class(kind if kind != "mono" else ""), language.label(name)
        )
        for name, kind in zip(table.header, column_kinds(table), strict=True)
    )
    rows = (
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                _cell(cell, language, label) for cell, label in zip(row, labels, strict=True)
            )
        )
        for row in table.rows
    )
    if not table.rows:
        return Markup('<p class="soft">{}</p>').format(language.label("None"))
    return Markup(
        '<div class="{}" tabindex="0" role="region" aria-label="{}"><table{}>'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(
        style,
        language.label(table.title),
        _class("cards" if is_stacked else ""),
        Markup("").join(names),
        Markup("\n").join(rows),
    )


def _cell(value: Cell, language: Language, label: str) -> Markup:
    shown = Markup(' data-label="{}"').format(label) if label else Markup("")
    if isinstance(value, Judgement):
        chip = Markup('<td{}><span class="{}">{}</span></td>')
        return chip.format(shown, f"chip {value.tone}".rstrip(), language.cell(value))
    text = language.cell(value)
    is_long = any(len(word) > LONGEST_WORD for word in text.split())
    kinds = [cell_kind(value), "long" if is_long else ""]
    return Markup("<td{}{}>{}</td>").format(_class(" ".join(filter(None, kinds))), shown, text)


def _fact_class(values: Sequence[Cell]) -> Markup:
    """The tone of a verdict; the font of a code that stands alone."""
    tone = next((value.tone for value in values if isinstance(value, Judgement)), "")
    is_code = len(values) == 1 and cell_kind(values[0]) == "mono"
    return _class(tone or ("mono" if is_code else ""))


def _class(name: str) -> Markup:
    return Markup(' class="{}"').format(name) if name else Markup("")
