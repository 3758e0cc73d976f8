"""The statements that read columns of numbers: weights, and what allocations rest on.

Owns: the statements of sums, and how a number that isn't exact becomes an integer. Invariant: sums
are of integers alone, so they come out the same in any order, with any number of threads and from
any layout of files, which a sum of floating-point numbers does not. Called by
:mod:`sampling_engine.weights` and :mod:`sampling_engine.spread`.
"""

from __future__ import annotations

from dataclasses import dataclass

from parquet_tables.columns import as_integer, decimals_of
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column, TableFiles
from sampling_engine.selection.order import SeededOrder, rank_steps
from sampling_engine.selection.strata import Strata
from sampling_engine.spec import RowFilter
from sampling_engine.sql.statements import (
    NOT_TAKEN,
    Statement,
    joined_rows,
    key_columns,
    numbered_rows,
    rows_among,
    same_keys,
)


@dataclass(frozen=True)
class Units:
    """How a number becomes an integer.

    Parameters
    ----------
    decimals : int or None
        The value times ten to this power, exactly; None for a column that isn't exact.
    centre, factor : float
        Otherwise (value - centre) · factor, to the nearest integer, a half to the even one.
    """

    column: Column
    decimals: int | None = None
    centre: float = 0.0
    factor: float = 1.0

    def sql(self) -> str:
        """The integer of a row ``f`` as BIGINT; NULL for NULL, NaN and the infinite."""
        name = f"f.{quote_identifier(self.column.name)}"
        if self.decimals is not None:
            return as_integer(name, self.column.type)
        value = f"CAST({name} AS DOUBLE)"
        moved = f"({value} - CAST({self.centre!r} AS DOUBLE))" if self.centre else value
        return (
            f"CASE WHEN isfinite({value}) "
            f"THEN CAST({moved} * CAST({self.factor!r} AS DOUBLE) AS BIGINT) END"
        )


def exact_totals(
    table: TableFiles, column: Column, row_filter: RowFilter | None, rows: str | None
) -> Statement:
    """Of exact numbers: rows, those above 0, the smallest, the sum and the largest."""
    name = f"f.{quote_identifier(column.name)}"
    source, params = rows_among(table, f"{name} AS v", row_filter, rows)
    return (
        "SELECT count(*), coalesce(count_if(v > 0), 0), min(v), coalesce(sum(v), 0), max(v) "
        f"FROM ({source})",
        params,
    )


def range_of(
    table: TableFiles, column: Column, row_filter: RowFilter | None, rows: str | None
) -> Statement:
    """Of any column of numbers: rows, finite values, and their smallest and largest as DOUBLE."""
    name = f"f.{quote_identifier(column.name)}"
    if decimals_of(column.type) is not None:
        # Every value is finite, and the extremes may be had from the files' statistics.
        source, params = rows_among(table, f"{name} AS v", row_filter, rows)
        return (
            "SELECT count(*), count(v), CAST(min(v) AS DOUBLE), CAST(max(v) AS DOUBLE) "
            f"FROM ({source})",
            params,
        )
    value = f"CAST({name} AS DOUBLE)"
    source, params = rows_among(table, f"{value} AS v", row_filter, rows)
    return (
        "SELECT count(*), count(*) FILTER (WHERE isfinite(v)), "
        f"min(v) FILTER (WHERE isfinite(v)), max(v) FILTER (WHERE isfinite(v)) FROM ({source})",
        params,
    )


def refused_numbers(
    table: TableFiles, column: Column, row_filter: RowFilter | None, rows: str | None
) -> Statement:
    """How many numbers are negative, how many infinite (minus infinity is both)."""
    value = f"CAST(f.{quote_identifier(column.name)} AS DOUBLE)"
    source, params = rows_among(table, f"{value} AS v", row_filter, rows)
    return (
        f"SELECT count(*) FILTER (WHERE v < 0), count(*) FILTER (WHERE isinf(v)) FROM ({source})",
        params,
    )


def unit_totals(
    table: TableFiles, units: Units, row_filter: RowFilter | None, rows: str | None
) -> Statement:
    """Of any numbers as :func:`exact_totals` of exact ones, in units."""
    source, params = rows_among(table, f"{units.sql()} AS v", row_filter, rows)
    return (
        "SELECT count(*), coalesce(count_if(v > 0), 0), min(v), coalesce(sum(v), 0), "
        f"coalesce(max(v), 0) FROM ({source})",
        params,
    )


def units_of_picked(table: TableFiles, units: Units, row_filter: RowFilter | None) -> Statement:
    """Position and units of the rows in ``picked`` that pass the filter and have more than 0."""
    branches, params = joined_rows(table, f"p.position, {units.sql()} AS v", "picked", row_filter)
    return f"SELECT t.position, t.v FROM ({branches}) AS t WHERE t.v > 0", params


def rows_of_units(
    table: TableFiles, units: Units, row_filter: RowFilter | None, least: int
) -> Statement:
    """Ordinal and units of the rows with ``least`` units or more that aren't taken."""
    branches, params = numbered_rows(table, f"{units.sql()} AS v", row_filter)
    return (
        f"SELECT t.ordinal, t.v FROM ({branches}) AS t "
        f"WHERE t.v >= CAST(? AS HUGEINT) AND {NOT_TAKEN.format(rows='t')}",
        [*params, least],
    )


SIZE_GROUPS_PER_OCTAVE = 128


def unit_groups(
    table: TableFiles, units: Units, row_filter: RowFilter | None, rows: str | None, below: int
) -> Statement:
    """Rows of fewer than ``below`` units, grouped by size: the group, its rows, their units.

    A group's largest size is 2^(1/128) times its smallest at the most, 0.5 % more.
    """
    source, params = rows_among(table, f"{units.sql()} AS v", row_filter, rows)
    return (
        f"SELECT CAST(floor(log2(v) * {SIZE_GROUPS_PER_OCTAVE}) AS INTEGER) AS size_group, "
        f"count(*), sum(v) FROM ({source}) WHERE v > 0 AND v < CAST(? AS HUGEINT) "
        "GROUP BY size_group",
        [*params, below],
    )


def scan_units(
    table: TableFiles,
    units: Units,
    row_filter: RowFilter | None,
    order: SeededOrder,
    target_per_unit: float,
    below: int,
    largest_key: float,
) -> Statement:
    """Rows of a Pareto draw whose key may be small enough; ordinal, units, rank.

    The keys that decide are evaluated elsewhere: these differ in their last digits at most.

    Parameters
    ----------
    target_per_unit : float
        Target probability of one unit.
    below : int
        Rows of so many units or more are not looked at.
    largest_key : float
        With a margin for the last digits.
    """
    branches, params = numbered_rows(table, f"{units.sql()} AS v", row_filter)
    source = f"(SELECT ordinal, v FROM ({branches}) WHERE v > 0)"
    steps, ranked = rank_steps(order, source, ["v"])
    return (
        f"WITH {', '.join(steps)}, keyed AS NOT MATERIALIZED (SELECT ordinal, v, rank, "
        "CAST(rank AS DOUBLE) + 0.5::DOUBLE AS lower, "
        f"CAST({order.size - 1} - rank AS DOUBLE) + 0.5::DOUBLE AS upper, "
        f"least(v * ?::DOUBLE, 1.0) AS p FROM {ranked} WHERE v < CAST(? AS HUGEINT)) "
        "SELECT ordinal, v, rank FROM keyed WHERE lower * (1 - p) <= ?::DOUBLE * p * upper "
        f"AND {NOT_TAKEN.format(rows='keyed')}",
        [*params, target_per_unit, below, largest_key],
    )


def sums_by_stratum(table: TableFiles, strata: Strata, units: Units, rows: str | None) -> Statement:
    """By stratum: its number, values that are numbers, the sums of units and of their squares."""
    counted = (
        "count(v) AS n, coalesce(sum(v), 0) AS s, coalesce(sum(CAST(v AS HUGEINT) * v), 0) AS q"
    )
    value = f"{units.sql()} AS v"
    keys = ", ".join(f"k{i}" for i in range(len(strata.columns)))
    selected = f"{key_columns(strata.columns)}, {value}"
    source, params = rows_among(table, selected, strata.row_filter, rows)
    return (
        f"SELECT s.stratum, t.n, t.s, t.q FROM (SELECT {keys}, {counted} FROM ({source}) "
        f"GROUP BY ALL) AS t JOIN {strata.table_name} AS s ON {same_keys(strata.columns)} "
        "ORDER BY s.stratum",
        params,
    )
