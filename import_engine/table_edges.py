"""Rows around a table: titles above the column names, totals and notes below the last row.

Detection reads the head and the tail of a file alone; what is left out is named in a note.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from statistics import median
from typing import Literal

from lazy_dataclasses import dataclass

HEAD_ROWS = 100
MAX_TITLE_ROWS = 30
MAX_FOOTER_ROWS = 20
SHOWN_ROWS = 5
MAX_LABEL = 60
"""Characters of a cell that may be a value or a total's label: patterns take long on long texts."""
FEW_SHARE, MOST_SHARE = 0.4, 0.6
"""Shares of the usual number of values in a row: at most in a title, at least in the header."""
SHOWN_CHARACTERS = 80
_WORDS = (
    r"(?:(?:grand|sub|net|gross|overall|report)[ -]?)?"
    r"(?:totals?|sum|summe|somme|suma|totale|totaal)"
    r"|(?:gesamt|end|zwischen)(?:summe|betrag|total|ergebnis)|gesamt|insgesamt|total général"
    r"|übertrag"
)
_TOTAL = re.compile(_WORDS, re.IGNORECASE)
_TOTAL_OF = re.compile(rf"(?:{_WORDS})\b.+|.+\b(?:{_WORDS}|ergebnis)[\s:.*]*", re.IGNORECASE)
_BALANCES = (
    r"(?:opening|closing|beginning|starting|ending) balance|balance (?:brought|carried) forward"
    r"|(?:anfangs|end|schluss)(?:bestand|saldo)|saldo-?vortrag|vortrag|eb-wert"
    r"|solde (?:initial|final)"
)
_BALANCE = re.compile(_BALANCES, re.IGNORECASE)
LABEL_HINT = rf"(?i)(?:^|[^a-z])(?:{_WORDS}|ergebnis|{_BALANCES})(?:[^a-z]|$)"
"""An RE2 expression that each label of a total or a balance matches."""
_WHOLE = r"(\d{1,3}(?:[.,'’ ]\d{3})+|\d+)(?:[.,]0{1,2})?"
_COUNT = re.compile(
    r"(?:(?:number of|total|count of|anzahl(?: der)?|nombre de) ?)?"
    r"(?:records?|rows?|lines?|entries|items?|documents?|datensätze|zeilen|belege|posten|buchungen"
    rf"|count|anzahl|lignes)(?: count| total)?[\s:=.]*{_WHOLE}|{_WHOLE} "
    r"(?:records|rows|lines|entries|datensätze|zeilen|belege|posten)\.?",
    re.IGNORECASE,
)
_NOTE = re.compile(
    r"(?:sources?|notes?|remarks?|generated|printed|created|exported|end of|page|quelle|hinweis"
    r"|erstellt|stand|seite)\b|\*|\(",
    re.IGNORECASE,
)
_VALUE = re.compile(r"[-+(]?[^\w\s]?\s*\d[\d\s.,'’:/%-]*\)?\s*[^\w\s]?|true|false", re.IGNORECASE)

_YEAR = re.compile(r"(?:19|20)\d\d")
YEARS = "The first row names the columns, some of them by years."
KEPT_TOTAL = "The last row was kept, but may be a total"
JOINED = "Two rows name the columns; the group above is joined to the name below."
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
            is_header = _is_below_titles(rows, place, usual) or bool(joined_names(rows, place))
            return place if is_header else 0
    return 0


def _is_below_titles(rows: Sequence[Row], place: int, usual: float) -> bool:
    """Whether the rows above ``place`` are titles, and not rows with missing values."""
    titles = [row for row in rows[:place] if _filled(row)]
    header, below = rows[place], rows[place + 1 :]
    if not titles:
        return bool(below) and not any(map(_is_value, header))
    have_few = all(_filled(row) <= max(1, usual * FEW_SHARE) for row in titles)
    if have_few and any(len(row) < len(header) for row in titles):
        return True
    named = [cell for cell in header if cell.strip()]
    return (
        (len(header) >= 3 or any(_is_value(cell) for row in below for cell in row))
        and (have_few or all(len(row) < len(header) for row in titles))
        and not any(map(_is_value, named))
        and len(named) >= MOST_SHARE * usual
        and bool(below)
    )


def footer_rows(rows: Sequence[Row], width: int, *, whole: bool = False) -> int:
    """Return how many of the last rows are totals, notes or empty, but not the table's rows.

    Parameters
    ----------
    rows : sequence of rows
        The last rows of the file, without its column names; blank rows are empty lists.
    whole : bool
        Whether these are all rows, so that a total can be checked by adding up.

    >>> footer_rows([["1", "x", "5"], ["2", "y", "6"], ["Total", "", "11"], ["Source: SAP"]], 3)
    2
    """
    if width < 2:
        return 0
    last = len(rows)
    first = max(0, last - MAX_FOOTER_ROWS)
    place = last
    while place > first and _ends_table(rows[place - 1], width, rows[: place - 1], whole):
        place -= 1
    footer = rows[place:]
    if not any(map(_filled, footer)) and width < 3:
        return 0
    return last - place if place else 0


def _ends_table(row: Row, width: int, above: Sequence[Row], whole: bool) -> bool:
    filled = [cell.strip() for cell in row if cell.strip()]
    if not filled:
        return True
    if counted := count_cell(row):
        near = above[-MAX_FOOTER_ROWS:]
        others = [cells[counted.place] for cells in near if counted.place < len(cells)]
        if len(row) < width or _misses_usual_value(row, near, width):
            return True
        return counted.place > 0 and bool(others) and not any(map(_is_value, others))
    if any(map(is_total_label, filled)):
        return (
            len(row) < width
            or _misses_usual_value(row, above[-MAX_FOOTER_ROWS:], width)
            or (whole and _adds_up(row, above))
        )
    if whole and not row[0].strip() and all(map(_is_value, filled)) and _adds_up(row, above):
        return True
    text = filled[0]
    is_text = not _is_value(text)
    if len(filled) > 1 or not is_text or row[0].strip() != text:
        return False
    is_note = bool(_NOTE.match(text))
    if len(row) < width:
        return is_note or " " in text
    follows_gap = bool(above) and not _filled(above[-1])
    return width >= 3 and (is_note or (follows_gap and " " in text))


def joined_names(rows: Sequence[Row], place: int) -> list[str] | None:
    """Return the names of columns that two rows give: groups in merged cells, and names below.

    None if the row below ``place`` doesn't name columns.

    >>> head = [["Region", "2023", "", "2024", ""], ["", "Q1", "Q2", "Q1", "Q2"]]
    >>> joined_names([*head, ["North", "1", "2", "3", "4"]], 0)
    ['Region', '2023 Q1', '2023 Q2', '2024 Q1', '2024 Q2']
    """
    if len(rows) < place + 3 or len(rows[place]) != len(rows[place + 1]):
        return None
    upper = [cell.strip() for cell in rows[place]]
    lower = [cell.strip() for cell in rows[place + 1]]
    groups = _groups(upper)
    grouped = [at for at, group in enumerate(groups) if group]
    if not grouped or not all(lower[at] for at in grouped):
        return None
    alone = [at for at in range(len(upper)) if at not in grouped]
    below = rows[place + 2 :]
    if any(map(_is_value, lower)):
        return None
    if any(upper[at] and lower[at] for at in alone):
        valued = [at for at in grouped if _has_values(below, at)]
        if not all(lower) or len(valued) < 2 or len(valued) * 2 < len(grouped):
            return None
    if not any(at < len(row) and _is_value(row[at]) for row in below for at in grouped):
        return None
    return [
        f"{groups[at] or upper[at]} {lower[at]}".strip() if lower[at] else upper[at]
        for at in range(len(upper))
    ]


def _has_values(rows: Sequence[Row], at: int) -> bool:
    """Whether all filled cells of a column are numbers, dates, times or flags."""
    filled = [row[at] for row in rows if at < len(row) and row[at].strip()]
    return bool(filled) and all(map(_is_value, filled))


def _groups(upper: Sequence[str]) -> list[str]:
    """Return the group of each column; empty for a column without one.

    A group begins at a filled cell and goes on in the empty cells after it.
    """
    starts = [at for at, cell in enumerate(upper) if cell]
    groups = [""] * len(upper)
    for start, end in pairwise([*starts, len(upper)]):
        if end - start > 1:
            groups[start:end] = [upper[start]] * (end - start)
    return groups


def _is_value(cell: str) -> bool:
    """Whether a cell is a number, a date, a time or a flag."""
    text = cell.strip()
    return len(text) <= MAX_LABEL and _VALUE.fullmatch(text) is not None


def header_place(rows: Sequence[Row]) -> tuple[int, list[str] | None]:
    """Return the row of the column names below titles, and the names if two rows make them.

    Of two rows the lower one is returned.
    """
    place = title_rows(rows)
    above = rows[place - 1] if place else []
    may_group = place > 0 and not above[0].strip() and _filled(above) > 1 if above else False
    for upper in (place - 1, place) if may_group else (place,):
        names = joined_names(rows, upper)
        if names:
            return upper + 1, names
    return place, None


def years_name_columns(rows: Sequence[Row]) -> bool:
    """Whether the first row has ascending years among texts, and other rows have other numbers.

    >>> years_name_columns([["region", "2022", "2023"], ["North", "1", "2"]])
    True
    >>> years_name_columns([["Ann", "1980", "2004"], ["Bob", "1975", "1999"]])
    False
    """
    header, below = [cell.strip() for cell in rows[0]] if rows else [], rows[1:]
    places = [at for at, cell in enumerate(header) if _YEAR.fullmatch(cell)]
    named = [cell for at, cell in enumerate(header) if at not in places]
    return (
        len(places) > 1
        and all(int(header[one]) < int(header[two]) for one, two in pairwise(places))
        and not any(map(_is_value, named))
        and any(
            row[at].strip() and not _YEAR.fullmatch(row[at].strip())
            for row in below
            for at in places
            if at < len(row)
        )
    )


def is_total_label(cell: str) -> bool:
    """Whether a cell names a total, for example ``Grand total (EUR):``.

    >>> is_total_label("Grand total (EUR):"), is_total_label("Total Energies")
    (True, False)
    """
    if len(cell) > MAX_LABEL:
        return False
    text = re.sub(r"[\s:.*]*(?:\(?(?:[A-Z]{3}|[€$£])\)?)?[\s:.*]*$", "", cell.strip())
    return _TOTAL.fullmatch(text) is not None


@dataclass(frozen=True)
class CountCell:
    """A number of rows, and the place of the cell that has it."""

    count: int
    place: int


def count_cell(cells: Sequence[str]) -> CountCell | None:
    """The number of rows that a row below a table counts; None if it is no such row.

    It is in the first filled cell or, after a label, in the second. The others may have amounts.
    """
    filled = [(at, cell.strip()) for at, cell in enumerate(cells) if cell.strip()]
    for size in range(1, min(2, len(filled)) + 1):
        text = " ".join(cell for _, cell in filled[:size])
        counted = _COUNT.fullmatch(text) if len(text) <= MAX_LABEL else None
        if counted and all(_is_value(cell) for _, cell in filled[size:]):
            place = next(at for at, cell in filled if any(map(str.isdigit, cell)))
            return CountCell(int(re.sub(r"\D", "", counted[1] or counted[2])), place)
    return None


def file_count(cells: Sequence[str]) -> int | None:
    """The number of rows that a row below a table counts; None if it is no such row.

    >>> file_count(["Records: 1,234"]), file_count(["Anzahl Belege", "", "1234"]), file_count(["x"])
    (1234, 1234, None)
    >>> file_count(["Records: 3.00"]), file_count(["Anzahl Buchungen", "3", "600,00"])
    (3, 3)
    """
    counted = count_cell(cells)
    return counted.count if counted else None


LabelKind = Literal["total", "total_of", "balance", ""]


def label_kind(cell: str) -> LabelKind:
    """What a cell calls its row: a total, perhaps the total of something, or a balance.

    >>> label_kind("Subtotal"), label_kind("Summe Kreditor 70001"), label_kind("Opening balance")
    ('total', 'total_of', 'balance')
    >>> label_kind("Total Energies"), label_kind("Teilsummen"), label_kind("Consumer goods")
    ('total_of', '', '')
    """
    if is_total_label(cell):
        return "total"
    text = cell.strip(" :.*")
    if len(cell) > MAX_LABEL:
        return ""
    if _BALANCE.match(text):
        return "balance"
    return "total_of" if _TOTAL_OF.fullmatch(text) else ""


def total_word(label: str) -> str:
    """The word by which a label is that of a total of something, and whether it comes first.

    >>> total_word("Summe Kreditor 70001"), total_word("North Total")
    ('summe …', '… total')
    """
    text = label.strip(" :.*").lower()
    first = re.match(rf"(?:{_WORDS})\b", text)
    last = re.search(rf"\b(?:{_WORDS}|ergebnis)$", text)
    return f"{first[0]} …" if first else f"… {last[0]}" if last else ""


def _untotalled(rows: Sequence[Row], width: int) -> tuple[list[Row], list[Row]]:
    """The full rows of which no cell names a total, and of these those without totals of something.

    A text such as "Total Energies" may be in all rows, or in those that are subtotals.
    """
    full = [cells for cells in rows if len(cells) == width and not any(map(is_total_label, cells))]
    others = [cells for cells in full if not any(label_kind(cell) == "total_of" for cell in cells)]
    return full, others


def _misses_usual_value(row: Row, above: Sequence[Row], width: int) -> bool:
    """Whether a cell is empty whose column has values in the rows above."""
    empty = [place for place in range(width) if not row[place].strip()]
    return any(
        sum(bool(cells[place].strip()) for cells in data) >= 0.8 * len(data)
        for data in _untotalled(above, width)
        for place in empty
        if data
    )


def _adds_up(row: Row, above: Sequence[Row]) -> bool:
    """Whether the numbers of a row are the sums of the rows above."""
    places = [at for at, cell in enumerate(row) if _is_value(cell)]
    return bool(places) and any(
        all(
            any(_last_is_sum(cells, decimal) for decimal in (".", ","))
            for cells in _columns_and(row, data, places)
        )
        for data in _untotalled(above, len(row))
    )


def _columns_and(row: Row, data: Sequence[Row], places: Sequence[int]) -> list[list[str]]:
    return [[*(cells[at] for cells in data if cells[at].strip()), row[at]] for at in places]


def _last_is_sum(cells: Sequence[str], decimal: str) -> bool:
    amounts = [amount_of(cell, decimal) for cell in cells]
    known = [amount for amount in amounts if amount is not None]
    return len(known) == len(cells) > 2 and sum(known[:-1]) == known[-1]


def amount_of(cell: str, decimal: str) -> Decimal | None:
    """The amount of a cell, with any thousands sign and currency."""
    digits = re.sub(rf"[^0-9{re.escape(decimal)}]", "", cell).replace(decimal, ".")
    try:
        amount = Decimal(digits)
    except InvalidOperation:
        return None
    return -amount if re.search("[(\u2212-]", cell) else amount


def _filled(row: Row) -> int:
    return sum(bool(cell.strip()) for cell in row)


def kept_total_note(rows: Sequence[Row]) -> str | None:
    """Return the note on a last row that may be a total but is no different from the others."""
    last = next((row for row in reversed(rows) if _filled(row)), [])
    first = next((cell.strip() for cell in last if cell.strip()), "")
    if not is_total_label(first):
        return None
    shown = _shortened(" | ".join(last))
    return f'{KEPT_TOTAL}: "{shown}". `skip_below` leaves it out.'


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
