"""Sections as HTML: parts for pages, and one file that prints on A4, without script or other file.

Every text is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from markupsafe import Markup

from presentation.content import (
    Block,
    Cell,
    Facts,
    Judgement,
    Note,
    Section,
    Table,
    cell_kind,
    cell_text,
    column_kinds,
)


@cache
def _style() -> Markup:
    sheet = files("presentation").joinpath("page.css").read_text(encoding="utf-8")
    return Markup(sheet)  # noqa: S704 - a file of this package


def page(sections: Sequence[Section]) -> str:
    """The sections below each other as one file; that named "Items" prints in landscape."""
    parts = Markup("").join(
        Markup('<section class="{}"><h1>{}</h1>{}</section>').format(
            section.name.lower(),
            section.title,
            Markup("").join(
                Markup("<h2>{}</h2>{}").format(block.title, block_html(block))
                for block in section.blocks
            ),
        )
        for section in sections
    )
    return Markup(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>{}</title><style>{}</style></head><body>{}</body></html>\n"
    ).format(sections[0].title, _style(), parts)


def block_html(block: Block, *, is_tall: bool = False) -> Markup:
    """A block without its title, in the classes of the pages' style sheet.

    A long table with ``is_tall`` scrolls on pages by itself.
    """
    match block:
        case Facts():
            lines = (
                Markup("<dt>{}</dt><dd{}>{}</dd>").format(
                    cell_text(label), _fact_class(values), "; ".join(map(cell_text, values))
                )
                for label, *values in block.lines
            )
            return Markup('<dl class="facts">{}</dl>').format(Markup("\n").join(lines))
        case Table():
            return _table(block, "scroll tall" if is_tall else "scroll")
        case Note():
            sentences = map(Markup("<li>{}</li>").format, block.sentences)
            return Markup("<ul>{}</ul>").format(Markup("").join(sentences))
        case _:
            legend = Markup('<p class="soft">{}</p>').format(block.legend) if block.legend else ""
            return block.svg() + legend


def _table(table: Table, style: str) -> Markup:
    names = (
        Markup('<th scope="col"{}>{}</th>').format(_class(kind if kind != "mono" else ""), name)
        for name, kind in zip(table.header, column_kinds(table), strict=True)
    )
    rows = (Markup("<tr>{}</tr>").format(Markup("").join(map(_cell, row))) for row in table.rows)
    return Markup(
        '<div class="{}" tabindex="0" role="region" aria-label="{}"><table>'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(style, table.title, Markup("").join(names), Markup("\n").join(rows))


def _cell(value: Cell) -> Markup:
    if isinstance(value, Judgement):
        chip = Markup('<td><span class="{}">{}</span></td>')
        return chip.format(f"chip {value.tone}".rstrip(), value.text)
    return Markup("<td{}>{}</td>").format(_class(cell_kind(value)), cell_text(value))


def _fact_class(values: Sequence[Cell]) -> Markup:
    """The tone of a verdict; the font of a code that stands alone."""
    tone = next((value.tone for value in values if isinstance(value, Judgement)), "")
    is_code = len(values) == 1 and cell_kind(values[0]) == "mono"
    return _class(tone or ("mono" if is_code else ""))


def _class(name: str) -> Markup:
    return Markup(' class="{}"').format(name) if name else Markup("")
