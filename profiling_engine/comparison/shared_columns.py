"""The columns that two tables have in common: when values are equal, and which ones are keys.

Names are matched as DuckDB does, in any case of A to Z. Values of one type are equal as in SQL, and
NULL equals NULL, NaN equals NaN. Values of a column whose type changed are equal if no digit is
lost either way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import duckdb

from contract.columns import is_identifier_name
from lazy_dataclasses import dataclass
from parquet_tables.names import DRAWN_COLUMNS, folded
from parquet_tables.quoting import quote_identifier
from parquet_tables.row_keys.canonical import can_be_in_key
from parquet_tables.rows import unique_in_first_rows
from parquet_tables.tables import Column, TableFiles

_LEADING_ZERO = "'^\\s*[+-]?0[0-9]'"


@dataclass(frozen=True)
class SharedColumn:
    """A column of both tables."""

    base: Column
    other: Column

    @property
    def name(self) -> str:
        """The name in the other, later table."""
        return self.other.name

    @property
    def are_numbers(self) -> bool:
        """Whether both columns hold numbers."""
        return self.base.data_type.is_number and self.other.data_type.is_number

    @property
    def is_retyped(self) -> bool:
        """Whether the tables have different types."""
        return self.base.type != self.other.type

    def equal(self, one: str, two: str) -> str:
        """Build the SQL of whether a base's value ``one`` equals the other's value ``two``."""
        before, now = self.base.data_type, self.other.data_type
        if not self.is_retyped:
            return f"{one} IS NOT DISTINCT FROM {two}"
        if self.are_numbers or (before.is_moment and now.is_moment):
            return (
                f"(TRY_CAST({one} AS {now.name}) IS NOT DISTINCT FROM {two} "
                f"AND TRY_CAST({two} AS {before.name}) IS NOT DISTINCT FROM {one})"
            )
        if before.is_text and now.is_number:
            return _reads_as(one, two, now.name)
        if now.is_text and before.is_number:
            return _reads_as(two, one, before.name)
        return f"CAST({one} AS VARCHAR) IS NOT DISTINCT FROM CAST({two} AS VARCHAR)"


def _reads_as(text: str, number: str, type_: str) -> str:
    """Whether a text reads as a number, in any spelling without leading zeros."""
    return (
        f"(({text} IS NULL AND {number} IS NULL) OR coalesce("
        f"TRY_CAST({text} AS {type_}) = {number} "
        f"AND TRY_CAST({text} AS DOUBLE) = CAST({number} AS DOUBLE) "
        f"AND NOT regexp_matches({text}, {_LEADING_ZERO}), false))"
    )


@dataclass(frozen=True)
class MatchedColumns:
    """The columns of two tables: those of both in the base's order, and those of only one."""

    shared: tuple[SharedColumn, ...]
    only_in_base: tuple[Column, ...]
    only_in_other: tuple[Column, ...]


def match_columns(base: Sequence[Column], other: Sequence[Column]) -> MatchedColumns:
    """Match the columns of two tables by their names."""
    first = {folded(column.name): column for column in base}
    second = {folded(column.name): column for column in other}
    return MatchedColumns(
        tuple(
            SharedColumn(column, second[name]) for name, column in first.items() if name in second
        ),
        tuple(column for name, column in first.items() if name not in second),
        tuple(column for name, column in second.items() if name not in first),
    )


MAX_SUGGESTED, MAX_TRIED = 3, 8
MAX_KEY_COLUMNS = 200


def suggest_keys(
    cursor: duckdb.DuckDBPyConnection,
    base: TableFiles,
    other: TableFiles,
    shared: Sequence[SharedColumn],
) -> tuple[tuple[str, ...], ...]:
    """The columns, or else the pairs of columns, that are unique and complete in both tables.

    Names such as ``id`` come first. Floating-point numbers and times are no keys. Of a large table
    only the given rows are examined.
    """
    if not base.row_count or not other.row_count:
        return ()
    columns = [one for one in shared if _can_be_key(one)][:MAX_KEY_COLUMNS]
    sizes = [_distinct_values(cursor, table, columns) for table in (base, other)]
    complete = [
        (one, min(pair)) for one, *pair in zip(columns, *sizes, strict=True) if None not in pair
    ]
    singles = [(one,) for one, share in complete if share > NEARLY_UNIQUE]
    singles.sort(key=lambda names: not is_identifier_name(names[0].name))
    found = list(_unique(cursor, (base, other), singles))
    if not found:
        likely = sorted(complete, key=lambda pair: -pair[1])[:MAX_TRIED]
        in_order = [one for one, _ in complete if one in {one for one, _ in likely}]
        found = list(_unique(cursor, (base, other), list(combinations(in_order, 2))))
    return tuple(tuple(one.name for one in columns) for columns in found)


def quick_key(
    cursor: duckdb.DuckDBPyConnection,
    base: TableFiles,
    other: TableFiles,
    shared: Sequence[SharedColumn],
) -> tuple[str, ...]:
    """A probable key: one or two columns that are unique in the first rows of both tables.

    Columns named like an id come first. Other rows may repeat it.
    """
    keys = _likely_keys([one for one in shared if _can_be_key(one)])
    sides = (
        unique_in_first_rows(cursor, base, [[one.base for one in key] for key in keys]),
        unique_in_first_rows(cursor, other, [[one.other for one in key] for key in keys]),
    )
    unique = (key for key, *are in zip(keys, *sides, strict=True) if all(are))
    return tuple(one.name for one in next(unique, ()))


def proposed_key(cursor: duckdb.DuckDBPyConnection, table: TableFiles) -> tuple[str, ...]:
    """The probable row key of a table: one or two columns that are unique in its first rows.

    Columns named like an id come first. Of few rows other columns are unique by chance, so they
    need ``MIN_ROWS`` of them. Amounts are no key, also if they differ.
    """
    columns = [
        each
        for each in table.columns
        if can_be_in_key(each)
        and folded(each.name) not in DRAWN_COLUMNS
        and not (each.data_type.is_time or each.data_type.name == "BOOLEAN")
        and (each.data_type.is_whole or not each.data_type.is_number)
    ]
    if table.row_count < MIN_ROWS:
        columns = [each for each in columns if is_identifier_name(each.name)]
    keys = _likely_keys([SharedColumn(each, each) for each in columns])
    for key in keys:  # one after the other, so that memory holds the values of one
        (is_unique,) = unique_in_first_rows(cursor, table, [[one.base for one in key]])
        if is_unique:
            return tuple(one.name for one in key)
    return ()


def _likely_keys(columns: Sequence[SharedColumn]) -> list[tuple[SharedColumn, ...]]:
    """Single columns, those named like an id first, then pairs of them."""
    likely = sorted(columns, key=lambda one: not is_identifier_name(one.name))[:MAX_TRIED]
    return [*((one,) for one in likely), *combinations(likely, 2)]


MIN_ROWS = 20
"""Rows of a table of which any unique column is proposed as the row key."""
NEARLY_UNIQUE = 0.8
"""An approximate share of distinct values that may be 1."""


def _can_be_key(column: SharedColumn) -> bool:
    """Whether the columns can be in a key, and aren't dates, times or truth values."""
    return not any(
        one.data_type.is_moment or one.data_type.name == "BOOLEAN" or not can_be_in_key(one)
        for one in (column.base, column.other)
    )


def _distinct_values(
    cursor: duckdb.DuckDBPyConnection, table: TableFiles, columns: Sequence[SharedColumn]
) -> list[float | None]:
    """The approximate share of distinct values of each column; None if values are missing."""
    if not columns:
        return []
    cells = [f"f.{quote_identifier(one.name)}" for one in columns]
    counts = ", ".join(f"count({cell}), approx_count_distinct({cell})" for cell in cells)
    (row,) = cursor.execute(f"SELECT {counts} FROM read_parquet(?) AS f", [table.paths]).fetchall()
    rows = table.row_count
    return [
        distinct / rows if count == rows else None
        for count, distinct in zip(row[::2], row[1::2], strict=True)
    ]


def _unique(
    cursor: duckdb.DuckDBPyConnection,
    tables: Sequence[TableFiles],
    candidates: Sequence[Sequence[SharedColumn]],
) -> Iterator[Sequence[SharedColumn]]:
    """The first candidates that are unique in every table."""
    found = 0
    for columns in candidates:
        cells = ", ".join(f"f.{quote_identifier(one.name)}" for one in columns)
        counts = (
            cursor.execute(
                f"SELECT count(*) FROM (SELECT DISTINCT {cells} FROM read_parquet(?) AS f)",
                [table.paths],
            ).fetchall()[0][0]
            for table in tables
        )
        if all(count == table.row_count for count, table in zip(counts, tables, strict=True)):
            yield columns
            found += 1
        if found == MAX_SUGGESTED:
            return
