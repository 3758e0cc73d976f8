"""The true values of a whole population, to hold an estimate against them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import frexp
from typing import Any

import duckdb

from estimation_engine.reading import ALL, Statistic, number_of
from parquet_tables.columns import Column
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import Statement, read_rows, scan_statement
from parquet_tables.tables import TableFiles

MAX_TRUE_GROUPS = 20_000
FLOATS = ("FLOAT", "DOUBLE")
GroupKey = tuple[Any, ...]


def true_values(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    statistics: Sequence[Statistic],
    by: Sequence[Column],
    where: Statement | None,
) -> dict[GroupKey, list[float | None]] | None:
    """The statistics of each group's rows, in one pass; None if there are too many groups.

    A figure that isn't finite, such as a sum above the largest floating-point number, is None.
    """
    condition, bound = where or (ALL, [])
    exponents = _exponents(cursor, table, statistics)
    selected = [f"({condition}) AS included"]
    selected += [f"{column.group_value()} AS b{at}" for at, column in enumerate(by)]
    params = list(bound)
    figures = []
    for at, statistic in enumerate(statistics):
        expressions, given = _expressions(statistic, at)
        selected += expressions
        params += given
        figures.append(f"CAST({_figure(statistic, at, exponents)} AS DOUBLE)")
    scan, scanned = scan_statement(table, selected, params)
    keys = [f"t.b{at}" for at in range(len(by))]
    grouped = f" GROUP BY {', '.join(keys)}" if keys else ""
    sql = (
        f"SELECT {', '.join([*keys, *figures])} FROM ({scan}) AS t WHERE t.included{grouped} "
        f"LIMIT {MAX_TRUE_GROUPS + 1:d}"
    )
    # Names that a column of the table can't have twice.
    columns = [Column(f"{at}", each.group_type) for at, each in enumerate(by)]
    columns += [Column(f"{len(by) + at}", "DOUBLE") for at in range(len(statistics))]
    rows = [list(row.values()) for row in read_rows(cursor, (sql, scanned), columns)]
    if len(rows) > MAX_TRUE_GROUPS:
        return None
    # Rows have NaN and infinities as texts.
    return {
        tuple(row[: len(by)]): [None if isinstance(each, str) else each for each in row[len(by) :]]
        for row in rows
    }


def _expressions(statistic: Statistic, at: int) -> tuple[list[str], list[object]]:
    name = None
    if statistic.column is not None:
        name = f"f.{quote_identifier(statistic.column.name)}"
    if statistic.name == "count":
        return [f"{'true' if name is None else f'{name} IS NOT NULL'} AS y{at}"], []
    if statistic.name == "proportion":
        assert statistic.condition is not None  # noqa: S101 - checked
        sql, params = statistic.condition
        if statistic.counts_missing:
            return [f"coalesce({sql}, false) AS y{at}"], list(params)
        value = f"CASE WHEN {name} IS NOT NULL THEN coalesce({sql}, false) END"
        return [f"{value} AS y{at}"], list(params)
    if statistic.column is not None:
        name = number_of(statistic.column)
    if statistic.name != "ratio" or statistic.denominator is None:
        return [f"{name} AS y{at}"], []
    below = number_of(statistic.denominator)
    return [
        f"CASE WHEN {below} IS NOT NULL THEN {name} END AS y{at}",
        f"CASE WHEN {name} IS NOT NULL THEN {below} END AS x{at}",
    ], []


def _figure(statistic: Statistic, at: int, exponents: Mapping[str, int]) -> str:
    def total() -> str:
        return _sum(statistic.column, f"t.y{at}", exponents)

    match statistic.name:
        case "count":
            return f"count(*) FILTER (t.y{at})"
        case "proportion":
            return f"count(*) FILTER (t.y{at}) / nullif(count(t.y{at}), 0)"
        case "total":
            return f"CASE WHEN count(t.y{at}) = 0 THEN 0 ELSE {total()} END"
        case "mean":
            return f"{total()} / nullif(count(t.y{at}), 0)"
        case "ratio":
            below = _sum(statistic.denominator, f"t.x{at}", exponents)
            return f"{total()} / nullif({below}, 0)"
        case "quantile":
            return f"quantile_disc(t.y{at}, {statistic.q!r})"


SUMMED_BITS = 90
"""The integers that are summed are below 2**90, so a HUGEINT holds the sum of 2**37 of them."""
MAX_EXPONENT = 1000
MAX_SUMMED = 2.0**37
SURE_DIGITS = 26
"""Digits of decimals of which any 2**37 have a sum of at most 38 digits."""


def _exponents(
    cursor: duckdb.DuckDBPyConnection, table: TableFiles, statistics: Sequence[Statistic]
) -> dict[str, int]:
    """The power of two by which each column of floating-point numbers becomes integers.

    So do decimals that are too large for an exact sum.
    """
    columns = {
        column.name: column
        for statistic in statistics
        if statistic.name in ("total", "mean", "ratio")
        for column in (statistic.column, statistic.denominator)
        if column is not None and (column.data_type.is_float or _is_wide(column))
    }
    if not columns:
        return {}
    names = sorted(columns)
    selected = [
        f"CAST(f.{quote_identifier(name)} AS DOUBLE) AS y{at}" for at, name in enumerate(names)
    ]
    scan, params = scan_statement(table, selected)
    largest = (f"max(abs(t.y{at})) FILTER (isfinite(t.y{at}))" for at in range(len(names)))
    row = cursor.execute(f"SELECT {', '.join(largest)} FROM ({scan}) AS t", params).fetchone()
    return {
        name: min(SUMMED_BITS - frexp(most or 0.0)[1], MAX_EXPONENT)
        for name, most in zip(names, row or (), strict=True)
        if columns[name].type in FLOATS or not _has_exact_sum(columns[name], most or 0.0)
    }


def _is_wide(column: Column) -> bool:
    digits = column.data_type.digits
    return digits is not None and digits[0] > SURE_DIGITS


def _has_exact_sum(column: Column, largest: float) -> bool:
    """Whether a sum of ``MAX_SUMMED`` decimals has no more than 38 digits."""
    _, scale = column.data_type.digits or (0, 0)
    return largest * 10.0**scale * MAX_SUMMED < 1e37


def _sum(column: Column | None, value: str, exponents: Mapping[str, int]) -> str:
    """A sum that doesn't depend on the order of rows: of integers, also for floating point.

    Floating-point numbers are rounded to 90 bits of the largest; no sum if one isn't finite.
    """
    if column is None or column.name not in exponents:
        return f"CAST(sum({value}) AS DOUBLE)"
    factor = f"CAST({2.0 ** exponents[column.name]!r} AS DOUBLE)"
    number = f"CAST({value} AS DOUBLE)"
    integer = f"CASE WHEN isfinite({number}) THEN CAST({number} * {factor} AS HUGEINT) END"
    total = f"CAST(sum({integer}) AS DOUBLE) / {factor}"
    return f"CASE WHEN count_if(NOT isfinite({number})) = 0 THEN {total} END"
