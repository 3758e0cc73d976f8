"""Rows around a table: titles above the column names, totals and notes below the last row.

Detection reads the head and the tail of a file alone; what is left out is named in a note.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from statistics import median

HEAD_ROWS = 100
MAX_TITLE_ROWS = 30
MAX_FOOTER_ROWS = 20
SHOWN_ROWS = 5
FEW_SHARE, MOST_SHARE = 0.4, 0.6
"""Shares of the usual number of values in a row: at most in a title, at least in the header."""
SHOWN_CHARACTERS = 80
_TOTAL = re.compile(
    r"(?:(?:grand|sub|net|gross|overall|report)[ -]?)?"
    r"(?:totals?|sum|summe|somme|suma|totale|totaal)"
    r"|(?:gesamt|end|zwischen)(?:summe|betrag|total)|gesamt|insgesamt|total général",
    re.IGNORECASE,
)
_NOTE = re.compile(
    r"(?:sources?|notes?|remarks?|generated|printed|created|exported|end of|page|quelle|hinweis"
    r"|erstellt|stand|seite|\*|\()",
    re.IGNORECASE,
)
_VALUE = re.compile(r"[-+(]?[^\w\s]?\s*\d[\d\s.,'’:/%-]*\)?\s*[^\w\s]?|true|false", re.IGNORECASE)

Row = Sequence[str]


def title_rows(rows: Sequence[Row]) -> int:
    """Return the number of rows above the column names of a table; blank rows among them count.

    A title has a value in one cell, or in few. The row below the titles has values in most cells.

    >>> title_rows([["Report 2024"], [], ["id", "name", "n"], ["1", "x", "2"], ["2", "y", "3"]])
    2
    >>> title_rows([["id", "name"], ["1", "x"]])
    0
    """
    counts = [_filled(row) for row in rows]
    usual = median(sorted(counts)[len(counts) // 2 :]) if counts else 0
    if usual < 2:
        return 0
    width = Counter(len(row) for row in rows if row).most_common(1)[0][0]
    for place in range(min(len(rows), MAX_TITLE_ROWS + 1)):
        if counts[place] > max(1, usual * FEW_SHARE) and len(rows[place]) >= width:
            return place if _is_below_titles(rows, place, usual) else 0
    return 0


def _is_below_titles(rows: Sequence[Row], place: int, usual: float) -> bool:
    """Whether the rows above ``place`` are titles, and not rows with missing values."""
    titles = [row for row in rows[:place] if _filled(row)]
    if not titles:
        return False
    header, below = rows[place], rows[place + 1 :]
    have_few = all(_filled(row) <= max(1, usual * FEW_SHARE) for row in titles)
    if have_few and any(len(row) < len(header) for row in titles):
        return True
    named = [cell for cell in header if cell.strip()]
    return (
        len(header) >= 3
        and (have_few or all(len(row) < len(header) for row in titles))
        and not any(_VALUE.fullmatch(cell.strip()) for cell in named)
        and len(named) >= MOST_SHARE * usual
        and bool(below)
    )


def footer_rows(rows: Sequence[Row], width: int) -> int:
    """Return how many of the last rows are totals, notes or empty, but not the table's rows.

    Parameters
    ----------
    rows : sequence of rows
        The last rows of the file, without its column names; blank rows are empty lists.

    >>> footer_rows([["1", "x", "5"], ["2", "y", "6"], ["Total", "", "11"], ["Source: SAP"]], 3)
    2
    """
    if width < 2:
        return 0
    last = len(rows)
    first = max(0, last - MAX_FOOTER_ROWS)
    place = last
    while place > first and _ends_table(
        rows[place - 1], width, rows[: place - 1][-MAX_FOOTER_ROWS:]
    ):
        place -= 1
    footer = rows[place:]
    if not any(map(_filled, footer)) and width < 3:
        return 0
    return last - place if place else 0


def _ends_table(row: Row, width: int, above: Sequence[Row]) -> bool:
    filled = [cell.strip() for cell in row if cell.strip()]
    if not filled:
        return True
    if is_total_label(filled[0]):
        return len(row) < width or _misses_usual_value(row, above, width)
    text = filled[0]
    is_text = not _VALUE.fullmatch(text)
    if len(filled) > 1 or not is_text or row[0].strip() != text:
        return False
    looks_like_note = bool(_NOTE.match(text)) or " " in text
    return looks_like_note and (len(row) < width or (width >= 3 and bool(_NOTE.match(text))))


def is_total_label(cell: str) -> bool:
    """Whether a cell names a total, for example ``Grand total (EUR):``.

    >>> is_total_label("Grand total (EUR):"), is_total_label("Total Energies")
    (True, False)
    """
    text = re.sub(r"[\s:.*]*(?:\(?(?:[A-Z]{3}|[€$£])\)?)?[\s:.*]*$", "", cell.strip())
    return _TOTAL.fullmatch(text) is not None


def _misses_usual_value(row: Row, above: Sequence[Row], width: int) -> bool:
    """Whether a cell is empty whose column has values in the rows above."""
    data = [each for each in above if len(each) == width and not is_total_label(each[0])]
    for place in range(width):
        present = sum(bool(each[place].strip()) for each in data)
        if not row[place].strip() and data and present >= 0.8 * len(data):
            return True
    return False


def _filled(row: Row) -> int:
    return sum(bool(cell.strip()) for cell in row)


def left_out_note(texts: Sequence[str], where: str) -> str:
    """Say which rows were left out; ``where`` is ``above the column names`` or ``at the end``.

    >>> left_out_note(["Total;;5"], "at the end")
    'Left out 1 row at the end: "Total;;5".'
    """
    count = len(texts)
    shown = ", ".join(f'"{_shortened(text)}"' for text in texts[:SHOWN_ROWS])
    more = f" and {count - SHOWN_ROWS} more" if count > SHOWN_ROWS else ""
    return f"Left out {count} row{'s' if count > 1 else ''} {where}: {shown}{more}."


def _shortened(text: str) -> str:
    clean = " ".join(text.split())
    return f"{clean[:SHOWN_CHARACTERS]}…" if len(clean) > SHOWN_CHARACTERS else clean
