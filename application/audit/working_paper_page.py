"""A working paper as one HTML file that prints on A4: own style, no script, no other file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

from markupsafe import Markup

from parquet_tables.workbooks import Block, Cell, Share, Sheet, Verdict

STYLE = Markup(
    "@page { size: A4; margin: 15mm; @bottom-right { font: 8pt system-ui, sans-serif;"
    " content: counter(page) ' / ' counter(pages); } }"
    "body { max-width: 180mm; margin: 1rem auto; padding: 0 1rem; color: #111; background: #fff;"
    " font: 10pt/1.4 system-ui, sans-serif; }"
    "h1 { font-size: 16pt; } h2 { font-size: 12pt; margin: 1.2em 0 .3em; }"
    "section + section { border-top: 1px solid #999; margin-top: 1.5rem; }"
    "table { width: 100%; border-collapse: collapse; font-size: 8pt; }"
    "th, td { padding: .15rem .3rem; border-bottom: 1px solid #ccc; text-align: left;"
    " vertical-align: top; overflow-wrap: break-word; }"
    ".facts td { overflow-wrap: anywhere; }"
    ".number, .time { white-space: nowrap; font-variant-numeric: tabular-nums; }"
    ".number { text-align: right; }"
    "thead { display: table-header-group; } tr, .facts { break-inside: avoid; }"
    "h1, h2 { break-after: avoid; } table.facts th { width: 35%; font-weight: 400; }"
    "table.facts td { white-space: pre-line; }"
    "td.good, td.bad, td.warn { font-weight: 600; border-left: 4px solid; }"
    "td.good { border-left-color: #1a7f37; background: #e6f4ea; }"
    "td.bad { border-left-color: #b42318; background: #fdecea; }"
    "td.warn { border-left-color: #9a6700; background: #fff4d6; }"
    "@page wide { size: A4 landscape; margin: 12mm; } .items { page: wide; }"
    ".items table { font-size: 6.5pt; } .items { overflow-x: auto; }"
    "@media print { body { max-width: none; margin: 0; padding: 0; }"
    " .items { overflow: visible; } section + section.items { border: 0; margin: 0; } }"
)


def working_paper_page(sheets: Sequence[Sheet]) -> str:
    """The sheets one below the other."""
    sections = Markup("").join(_section(sheet) for sheet in sheets)
    return Markup(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>{}</title><style>{}</style></head><body>{}</body></html>\n"
    ).format(sheets[0].title, STYLE, sections)


def _section(sheet: Sheet) -> Markup:
    blocks = Markup("").join(_block(block) for block in sheet.blocks)
    return Markup('<section class="{}"><h1>{}</h1>{}</section>').format(
        sheet.name.lower(), sheet.title, blocks
    )


def _block(block: Block) -> Markup:
    if block.header:
        names = Markup("").join(
            Markup('<th scope="col"{}>{}</th>').format(_kind(_kind_of_column(block, at)), name)
            for at, name in enumerate(block.header)
        )
        rows = [Markup("").join(map(_cell, row)) for row in block.rows]
        head, kind = Markup("<thead><tr>{}</tr></thead>").format(names), "list"
    else:
        rows = [
            Markup('<th scope="row">{}</th>').format(text(row[0]))
            + Markup("<td{}>{}</td>").format(_tone(row[1:]), "; ".join(map(text, row[1:])))
            for row in block.rows
        ]
        head, kind = Markup(""), "facts"
    lines = Markup("\n").join(Markup("<tr>{}</tr>").format(row) for row in rows)
    return Markup('<h2>{}</h2><table class="{}">{}<tbody>{}</tbody></table>').format(
        block.title, kind, head, lines
    )


def _cell(value: Cell) -> Markup:
    return Markup("<td{}>{}</td>").format(_kind(_kind_of(value)), text(value))


def _tone(values: Sequence[Cell]) -> Markup:
    """The class of a verdict."""
    return _kind(next((value.tone for value in values if isinstance(value, Verdict)), ""))


def _kind(name: str) -> Markup:
    return Markup(' class="{}"').format(name) if name else Markup("")


def _kind_of(value: Cell) -> str:
    match value:
        case int() | float() | Decimal() | Share():
            return "number"
        case dt.date():
            return "time"
        case _:
            return ""


def _kind_of_column(block: Block, at: int) -> str:
    """The kind of a column's values, if they have the same."""
    kinds = {_kind_of(row[at]) for row in block.rows if row[at] is not None}
    return kinds.pop() if len(kinds) == 1 else ""


def text(value: Cell) -> str:
    """A cell's value in words.

    >>> text(Decimal("1234.50")), text(Share(0.05)), text(None)
    ('1,234.50', '5.00 %', '')
    """
    match value:
        case None:
            return ""
        case Share():
            return f"{100 * value.value:.2f} %"
        case dt.datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case dt.date():
            return value.isoformat()
        case float():
            return f"{value:,.8g}"
        case int() | Decimal():
            return f"{value:,}"
        case _:
            return str(value)
