"""Which readings a column of text may have, judged by a few of its cells.

Invariant: a reading that fits all cells of a column is among the column's candidates, in the one
order of ``readings.ladder``; so a column's type doesn't depend on the order of its rows. Used by
``delimited`` and ``json_lines``.

DuckDB's own guess of a type isn't used: of days and times in one column it takes the type of those
that come first, or text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from import_engine.text_tables import any_cells_sql, first_cells_sql
from import_engine.values import MISSING_WORDS, NO_VALUE, NUMBERS, TEXT, Reading, ladder
from import_engine.work import ImportWork
from parquet_tables.progress import ProgressCallback, execute_watched, progress_part

CHUNK_COLUMNS = 200
"""Columns in one statement: DuckDB 2.0 plans thousands of aggregates in many seconds."""
FIRST_ROWS, MIN_ROWS, FIRST_CELLS = 200, 10, 100_000
"""The rows whose cells are looked at, at first: fewer if there are many columns."""
MISSING = frozenset(("", *MISSING_WORDS))
MESSAGE = "finding the columns' types"

Candidates = Callable[[Sequence[str]], tuple[Reading, ...]]
"""Takes some cells of a column that have a value, at least one; gives its candidates."""

_ALL = ladder()
_QUOTED = tuple(
    reading for reading in _ALL if reading.type.startswith(("DATE", "TIME")) or reading == TEXT
)
_PLAIN_NUMBERS = ("BIGINT", "DECIMAL(38,0)", NUMBERS[0].type)


def text_candidates(cells: Sequence[str]) -> tuple[Reading, ...]:
    """The readings whose form all of some cells have; text at last.

    >>> [reading.type for reading in text_candidates(["1", "2.5"])]
    ['DOUBLE', 'DOUBLE', 'VARCHAR']
    """
    return _narrowed(_ALL, cells)


def json_candidates(cells: Sequence[str]) -> tuple[Reading, ...]:
    """As :func:`text_candidates` for values as they are in JSON: digits in quotes stay text.

    >>> [reading.type for reading in json_candidates(['"1"'])]
    ['VARCHAR']
    """
    if all(cell.startswith('"') for cell in cells):
        return _narrowed(_QUOTED, [_unquoted(cell) for cell in cells])
    if all(cell in ("true", "false") for cell in cells):
        return (Reading("BOOLEAN"), TEXT)
    return _narrowed([r for r in _ALL if r.type in _PLAIN_NUMBERS or r == TEXT], cells)


def _narrowed(readings: Sequence[Reading], cells: Sequence[str]) -> tuple[Reading, ...]:
    left = [reading for reading in readings if reading != TEXT]
    for cell in cells:
        left = [reading for reading in left if reading.may_fit(cell)]
        if not left:
            break
    return (*left, TEXT)


def _unquoted(cell: str) -> str:
    """The text of a JSON string, which may be cut."""
    try:
        return str(json.loads(cell)).strip(" ")
    except ValueError:
        return cell.strip('" ')


def first_cells(
    work: ImportWork,
    source: tuple[str, Sequence[object]],
    cells: Sequence[str],
    on_progress: ProgressCallback,
) -> list[list[str]]:
    """The cells with a value that each column has in its first rows.

    Parameters
    ----------
    source : (str, sequence)
        The SQL of the rows, and its parameters.
    cells : sequence of str
        The SQL of each column's cells.
    """
    sql, params = source
    rows = min(FIRST_ROWS, max(MIN_ROWS, FIRST_CELLS // len(cells)))
    statement = first_cells_sql(sql, cells, rows)
    found = execute_watched(work.cursor, statement, params, on_progress, MESSAGE)
    return [
        [
            text
            for cell in column
            if cell is not None and (text := str(cell).strip(" ")) not in MISSING
        ]
        for column in (zip(*found, strict=True) if found else ([] for _ in cells))
    ]


def late_cells(
    work: ImportWork,
    source: tuple[str, Sequence[object]],
    cells: Sequence[str],
    on_progress: ProgressCallback,
) -> list[list[str]]:
    """As :func:`first_cells`, but one cell of each column, wherever it is."""
    sql, params = source
    found: list[list[str]] = []
    for start in range(0, len(cells), CHUNK_COLUMNS):
        end = min(start + CHUNK_COLUMNS, len(cells))
        step = progress_part(on_progress, start / len(cells), end / len(cells))
        statement = any_cells_sql(sql, cells[start:end])
        (row,) = execute_watched(work.cursor, statement, params, step, MESSAGE)
        found += [[] if cell is None else [str(cell)] for cell in row]
    return found


def ladder_of(cells: Sequence[str], candidates: Candidates) -> tuple[Reading, ...]:
    """The readings to try on a column; of one without a value, none but no value."""
    return candidates(cells) if cells else (NO_VALUE, TEXT)
