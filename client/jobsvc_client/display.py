"""Figures as text and HTML for notebooks: plain tables, every value escaped, no scripts."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any

CELL = "text-align:{align};padding:2px 12px 2px 0"
FIGURE = re.compile(r"[-–]?[0-9.,]*( %| percentage points)?")
MILLION = 1e6


def number_text(value: float | None) -> str:
    """Write a figure with six digits, or all digits before the decimal point."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.6g}" if abs(value) < MILLION else f"{value:,.0f}"


def share_text(value: float | None) -> str:
    """Write a share as a percentage."""
    return "–" if value is None else f"{100 * value:.2f} %"


def points_text(value: float | None) -> str:
    """Write the margin of a share, or the difference of two shares, in percentage points."""
    return "–" if value is None else f"{100 * value:.2f} percentage points"


def escaped(value: Any) -> str:
    """Write a value as HTML text."""
    return html.escape("–" if value is None else str(value))


def heading(text: str, url: str | None = None) -> str:
    """Write a title, linked to its page."""
    linked = escaped(text)
    if url is not None:
        linked = f'<a href="{escaped(url)}" target="_blank" rel="noopener">{linked}</a>'
    return f"<p><strong>{linked}</strong></p>"


def paragraph(text: str) -> str:
    """Write a paragraph."""
    return f"<p>{escaped(text)}</p>"


def facts(pairs: Iterable[tuple[str, Any]]) -> str:
    """Write labels and values as a table of two columns."""
    return _table(
        "", [[_head(label, "left", "row"), _cell("left", _text(value))] for label, value in pairs]
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write a table; numbers, and figures as text, are aligned to the right."""
    cells = [[(_aligned(value), _text(value)) for value in row] for row in rows]
    sides = [align for align, _ in cells[0]] if cells else ["left"] * len(columns)
    head = "".join(map(_head, columns, sides, ["col"] * len(columns)))
    return _table(
        f"<thead><tr>{head}</tr></thead>", [[_cell(*one) for one in row] for row in cells]
    )


def _table(head: str, rows: Iterable[Iterable[str]]) -> str:
    body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    style = "border-collapse:collapse;margin:0 0 8px"
    return f'<table style="{style}">{head}<tbody>{body}</tbody></table>'


def _head(text: str, align: str, scope: str) -> str:
    return f'<th scope="{scope}" style="{CELL.format(align=align)}">{escaped(text)}</th>'


def _cell(align: str, text: str) -> str:
    return f'<td style="{CELL.format(align=align)}">{escaped(text)}</td>'


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _aligned(value: Any) -> str:
    is_figure = isinstance(value, str) and FIGURE.fullmatch(value) is not None
    return "right" if _is_number(value) or is_figure or value is None else "left"


def _text(value: Any) -> str:
    return number_text(value) if value is None or _is_number(value) else str(value)
