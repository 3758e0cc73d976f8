"""Which columns have no value together.

Owns: the patterns of NULLs over whole rows. Invariant: counted over all rows, so exact; a row's
pattern is one integer with a bit for each column, which bounds a table's width by what an integer
holds. Used by reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import Report, no_report
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column, TableFiles
from profiling_engine.run import Budget, OutOfTime, Run
from profiling_engine.sources import Statement, rows_of

MOST_COLUMNS = 60
"""Bits of a BIGINT that are used."""
MOST_PATTERNS = 20


@dataclass(frozen=True)
class Pattern:
    """The columns that are NULL in the same ``rows`` rows, while all others have a value."""

    columns: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class MissingPatterns:
    """The most frequent patterns, the most frequent first.

    Parameters
    ----------
    patterns : int
        How many different ones there are.
    left_out : tuple of str
        Columns with NULLs beyond the 60 that are looked at.
    """

    columns: tuple[str, ...]
    most_frequent: tuple[Pattern, ...]
    patterns: int
    left_out: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """As a report shows it."""
        return {
            "columns": list(self.columns),
            "patterns": self.patterns,
            "most_frequent": [
                {"columns": list(one.columns), "rows": one.rows} for one in self.most_frequent
            ],
            "left_out": list(self.left_out),
        }


def pattern_statement(table: TableFiles, columns: Sequence[Column]) -> Statement:
    """Each of the most frequent patterns, its rows, and how many patterns there are."""
    bits = " + ".join(
        f"CASE WHEN f.{quote_identifier(column.name)} IS NULL THEN {1 << at}::BIGINT "
        "ELSE 0::BIGINT END"
        for at, column in enumerate(columns)
    )
    rows, params = rows_of(table, columns, f"{bits} AS pattern")
    return (
        "SELECT pattern, count(*) AS n, count(*) OVER () AS patterns "
        f"FROM ({rows}) GROUP BY pattern ORDER BY n DESC, pattern LIMIT {MOST_PATTERNS}",
        params,
    )


def missing_patterns(
    database: ParquetDatabase,
    table: TableFiles,
    columns: Sequence[str],
    *,
    budget_s: float | None = None,
    report: Report = no_report,
) -> MissingPatterns | None:
    """Count the patterns of columns that have NULLs; None when the time was up.

    Parameters
    ----------
    columns : sequence of str
        Those that have NULLs, or may have; those with the most first, if there are many.
    """
    looked_at = [table.column(name) for name in columns[:MOST_COLUMNS]]
    left_out = tuple(columns[MOST_COLUMNS:])
    if not looked_at:
        return MissingPatterns((), (), 0, left_out)
    with database.cursor(table) as cursor:
        run = Run(cursor, table, Budget(budget_s), report, "counting missing values")
        try:
            found = run.fetch(pattern_statement(table, looked_at))
        except OutOfTime:
            return None
    patterns = tuple(
        Pattern(tuple(one.name for at, one in enumerate(looked_at) if bits >> at & 1), rows)
        for bits, rows, _ in found
    )
    return MissingPatterns(
        tuple(column.name for column in looked_at),
        patterns,
        int(found[0][2]) if found else 0,
        left_out,
    )
