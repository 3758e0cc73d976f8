"""Candidate types of a column of text, inferred from a few of its cells.

A type that fits all cells of a column is always among its candidates, in the fixed order of
``values.all_candidates``, so a column's type doesn't depend on the order of its rows. DuckDB's own
inference isn't used: for mixed dates and timestamps its result depends on which come first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from import_engine.text_tables import any_cells_sql, first_cells_sql
from import_engine.values import EMPTY, MISSING_WORDS, NUMBERS, TEXT, CandidateType, all_candidates
from import_engine.work import ImportWork
from parquet_tables.progress import ProgressCallback, execute_watched, progress_part

CHUNK_COLUMNS = 200
"""Columns in one statement: DuckDB 2.0 plans thousands of aggregates in many seconds."""
FIRST_ROWS, MIN_ROWS, FIRST_CELLS = 200, 10, 100_000
"""Limits of the first sample: fewer rows if there are many columns."""
MISSING = frozenset(("", *MISSING_WORDS))
MESSAGE = "finding the columns' types"

Candidates = Callable[[Sequence[str]], tuple[CandidateType, ...]]
"""Takes one or more non-missing cells of a column; returns its candidate types."""

_ALL = all_candidates()
_QUOTED = tuple(
    inferred for inferred in _ALL if inferred.type.startswith(("DATE", "TIME")) or inferred == TEXT
)
_PLAIN_NUMBERS = ("BIGINT", "DECIMAL(38,0)", NUMBERS[0].type)


def text_candidates(cells: Sequence[str]) -> tuple[CandidateType, ...]:
    """Return the types whose form all ``cells`` have; VARCHAR is the last one.

    >>> [reading.type for reading in text_candidates(["1", "2.5"])]
    ['DOUBLE', 'DOUBLE', 'VARCHAR']
    """
    return _narrowed(_ALL, cells)


def json_candidates(cells: Sequence[str]) -> tuple[CandidateType, ...]:
    """Like :func:`text_candidates`, for JSON values: quoted digits stay text.

    >>> [reading.type for reading in json_candidates(['"1"'])]
    ['VARCHAR']
    """
    if all(cell.startswith('"') for cell in cells):
        return _narrowed(_QUOTED, [_unquoted(cell) for cell in cells])
    if all(cell in ("true", "false") for cell in cells):
        return (CandidateType("BOOLEAN"), TEXT)
    return _narrowed([r for r in _ALL if r.type in _PLAIN_NUMBERS or r == TEXT], cells)


def _narrowed(inferred: Sequence[CandidateType], cells: Sequence[str]) -> tuple[CandidateType, ...]:
    left = [inferred for inferred in inferred if inferred != TEXT]
    for cell in cells:
        left = [inferred for inferred in left if inferred.may_fit(cell)]
        if not left:
            break
    return (*left, TEXT)


def _unquoted(cell: str) -> str:
    """The text of a JSON string, which may be truncated."""
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
    """Return the non-missing cells of each column in the first rows.

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


def any_cells(
    work: ImportWork,
    source: tuple[str, Sequence[object]],
    cells: Sequence[str],
    on_progress: ProgressCallback,
) -> list[list[str]]:
    """Like :func:`first_cells`, but one non-missing cell of each column, from any row."""
    sql, params = source
    found: list[list[str]] = []
    for start in range(0, len(cells), CHUNK_COLUMNS):
        end = min(start + CHUNK_COLUMNS, len(cells))
        step = progress_part(on_progress, start / len(cells), end / len(cells))
        statement = any_cells_sql(sql, cells[start:end])
        (row,) = execute_watched(work.cursor, statement, params, step, MESSAGE)
        found += [[] if cell is None else [str(cell)] for cell in row]
    return found


def candidates_for(cells: Sequence[str], candidates: Candidates) -> tuple[CandidateType, ...]:
    """Return the types to try on a column; ``EMPTY`` for a column without a value."""
    return candidates(cells) if cells else (EMPTY, TEXT)
