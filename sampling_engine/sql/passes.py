"""The passes over all rows of a table that a draw needs: what each reads, and what it returns.

A pass is declared once, with its statement for DuckDB. Sums are of integers or decimals, so they
don't depend on threads or files. The parameter of an engine's ``run`` is a pass.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import duckdb

from lazy_dataclasses import dataclass
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import RowSet, Statement
from parquet_tables.tables import Column, TableFiles
from sampling_engine.selection.order import Int64s, SeededOrder, rank_steps
from sampling_engine.spec import RowFilter
from sampling_engine.sql import statements
from sampling_engine.sql.lines import IN_DUCKDB, SelectionLine, placed_rows
from sampling_engine.sql.statements import (
    Halves,
    StrataTable,
    amount_value,
    key_columns,
    not_taken,
    same_keys,
)
from sampling_engine.sql.units import MoneyUnits, Units

Result = TypeVar("Result")
Rows = duckdb.DuckDBPyConnection
"""A cursor that has executed a statement."""

SIZE_GROUPS_PER_OCTAVE = 128


class Pass(ABC, Generic[Result]):
    """A pass over the rows that pass a filter; None is no filter."""

    rows: RowSet | None = None
    """The rows that it reads; None is all. DuckDB alone reads others than all."""
    message: str = "adding numbers up"
    """The step's name in the progress of a draw."""

    @abstractmethod
    def statement(self, table: TableFiles) -> Statement:
        """The statement in DuckDB; ``taken`` is the table of the taken rows."""

    @abstractmethod
    def result(self, found: Rows) -> Result:
        """Read the rows of the statement; in no order unless it says so."""

    @property
    def inputs(self) -> Mapping[str, Mapping[str, Int64s]]:
        """Tables of numbers, by name, that the statement reads."""
        return {}


def _arrays(found: Rows) -> list[Any]:
    return list(found.fetchnumpy().values())


def _row(found: Rows) -> Any:
    (row,) = found.fetchall()
    return row


class Totals(NamedTuple):
    """Rows, those above 0, and the smallest number, the sum and the largest; None of no number."""

    rows: int
    positive: int
    smallest: int | Decimal | None
    total: int | Decimal
    largest: int | Decimal | None


@dataclass(frozen=True)
class ExactTotals(Pass[Totals]):
    """The totals of a column of integers or decimals."""

    column: Column
    row_filter: RowFilter | None
    rows: RowSet | None = None

    def statement(self, table: TableFiles) -> Statement:
        value = f"f.{quote_identifier(self.column.name)} AS v"
        source, params = statements.rows_among(table, value, self.row_filter, self.rows)
        return (
            "SELECT count(*), coalesce(count_if(v > 0), 0), min(v), coalesce(sum(v), 0), max(v) "
            f"FROM ({source})",
            params,
        )

    def result(self, found: Rows) -> Totals:
        return Totals(*_row(found))


@dataclass(frozen=True)
class UnitTotals(Pass[Totals]):
    """The totals of any numbers, in units."""

    units: Units
    row_filter: RowFilter | None
    rows: RowSet | None = None

    def statement(self, table: TableFiles) -> Statement:
        value = f"{self.units.sql()} AS v"
        source, params = statements.rows_among(table, value, self.row_filter, self.rows)
        return (
            "SELECT count(*), coalesce(count_if(v > 0), 0), min(v), coalesce(sum(v), 0), "
            f"coalesce(max(v), 0) FROM ({source})",
            params,
        )

    def result(self, found: Rows) -> Totals:
        return Totals(*_row(found))


class Range(NamedTuple):
    """Rows, finite values, and the smallest and the largest of these; None of no value."""

    rows: int
    finite: int
    low: float | None
    high: float | None


@dataclass(frozen=True)
class RangeOf(Pass[Range]):
    """The range of a column of any numbers."""

    column: Column
    row_filter: RowFilter | None

    def statement(self, table: TableFiles) -> Statement:
        name = f"f.{quote_identifier(self.column.name)}"
        if self.column.data_type.decimals is not None:
            # Every value is finite, and the extremes may be had from the files' statistics.
            source, params = statements.all_rows(table, f"{name} AS v", self.row_filter)
            return (
                "SELECT count(*), count(v), CAST(min(v) AS DOUBLE), CAST(max(v) AS DOUBLE) "
                f"FROM ({source})",
                params,
            )
        source, params = statements.all_rows(table, f"CAST({name} AS DOUBLE) AS v", self.row_filter)
        finite = "FILTER (WHERE isfinite(v))"
        return (
            f"SELECT count(*), count(*) {finite}, min(v) {finite}, max(v) {finite} FROM ({source})",
            params,
        )

    def result(self, found: Rows) -> Range:
        return Range(*_row(found))


class Refused(NamedTuple):
    """How many numbers are negative, and how many infinite (minus infinity is both)."""

    negative: int
    infinite: int


@dataclass(frozen=True)
class RefusedNumbers(Pass[Refused]):
    """The numbers of a column that can't be weights or costs."""

    column: Column
    row_filter: RowFilter | None
    rows: RowSet | None = None

    def statement(self, table: TableFiles) -> Statement:
        value = f"CAST(f.{quote_identifier(self.column.name)} AS DOUBLE) AS v"
        source, params = statements.rows_among(table, value, self.row_filter, self.rows)
        return (
            "SELECT count(*) FILTER (WHERE v < 0), count(*) FILTER (WHERE isinf(v)) "
            f"FROM ({source})",
            params,
        )

    def result(self, found: Rows) -> Refused:
        return Refused(*_row(found))


class SizeGroup(NamedTuple):
    """Rows of nearly the same units, and the sum of these."""

    number: int
    rows: int
    units: int


@dataclass(frozen=True)
class UnitGroups(Pass[list[SizeGroup]]):
    """The rows of fewer than ``below`` units, and more than 0, grouped by size.

    A group's largest size is 2^(1/128) times its smallest at the most, 0.5 % more.
    """

    units: Units
    row_filter: RowFilter | None
    below: int
    rows: RowSet | None = None
    message = "grouping rows by size"

    def statement(self, table: TableFiles) -> Statement:
        value = f"{self.units.sql()} AS v"
        source, params = statements.rows_among(table, value, self.row_filter, self.rows)
        return (
            f"SELECT CAST(floor(log2(v) * {SIZE_GROUPS_PER_OCTAVE}) AS INTEGER) AS size_group, "
            f"count(*), sum(v) FROM ({source}) WHERE v > 0 AND v < CAST(? AS HUGEINT) "
            "GROUP BY size_group",
            [*params, self.below],
        )

    def result(self, found: Rows) -> list[SizeGroup]:
        return [SizeGroup(*row) for row in found.fetchall()]


class UnitRows(NamedTuple):
    """Ordinals and units of rows; two arrays of one length."""

    ordinals: Int64s
    units: Int64s


@dataclass(frozen=True)
class RowsOfUnits(Pass[UnitRows]):
    """The rows with ``least`` units or more that aren't taken."""

    units: Units
    row_filter: RowFilter | None
    least: int
    message = "looking for take-all rows"

    def statement(self, table: TableFiles) -> Statement:
        value = f"{self.units.sql()} AS v"
        branches, params = statements.numbered_rows(table, value, self.row_filter)
        return (
            f"SELECT t.ordinal, t.v FROM ({branches}) AS t "
            f"WHERE t.v >= CAST(? AS HUGEINT) AND {not_taken('t')}",
            [*params, self.least],
        )

    def result(self, found: Rows) -> UnitRows:
        return UnitRows(*_arrays(found))


@dataclass(frozen=True)
class UnitsOfPiece(Pass[UnitRows]):
    """The rows from ``first`` to ``stop`` of fewer than ``below`` units that aren't taken."""

    units: Units
    row_filter: RowFilter | None
    below: int
    first: int
    stop: int
    message = "scanning for the smallest keys"

    def statement(self, table: TableFiles) -> Statement:
        value = f"{self.units.sql()} AS v"
        branches, params = statements.numbered_rows(
            table, value, self.row_filter, self.first, self.stop
        )
        return (
            f"SELECT t.ordinal, t.v FROM ({branches}) AS t "
            f"WHERE t.v > 0 AND t.v < CAST(? AS HUGEINT) AND {not_taken('t')}",
            [*params, self.below],
        )

    def result(self, found: Rows) -> UnitRows:
        return UnitRows(*_arrays(found))


class KeyedUnits(NamedTuple):
    """Ordinals, units and ranks of rows; three arrays of one length."""

    ordinals: Int64s
    units: Int64s
    ranks: Int64s


@dataclass(frozen=True)
class ScanUnits(Pass[KeyedUnits]):
    """The rows below ``below`` units, and not taken, whose Pareto key may be small enough.

    The keys are evaluated again in numpy, so ``largest_key`` has a margin for the last digits.
    """

    units: Units
    row_filter: RowFilter | None
    order: SeededOrder
    target_per_unit: float
    below: int
    largest_key: float
    message = "scanning for the smallest keys"

    @property
    def rank_limit(self) -> int:
        """A number above the rank of every row whose key may be small enough."""
        p = min((self.below - 1) * self.target_per_unit, 1.0)
        if p == 1.0 or self.largest_key == float("inf"):
            return self.order.size
        share = self.largest_key * p / (1.0 - p + self.largest_key * p)
        return min(int(share * (1.0 + 1e-9) * self.order.size) + 1, self.order.size)

    def statement(self, table: TableFiles) -> Statement:
        value = f"{self.units.sql()} AS v"
        branches, params = statements.numbered_rows(table, value, self.row_filter)
        source = f"(SELECT ordinal, v FROM ({branches}) WHERE v > 0)"
        steps, ranked = rank_steps(self.order, source, ["v"])
        return (
            f"WITH {', '.join(steps)}, keyed AS NOT MATERIALIZED (SELECT ordinal, v, rank, "
            "CAST(rank AS DOUBLE) + 0.5::DOUBLE AS lower, "
            f"CAST({self.order.size - 1} - rank AS DOUBLE) + 0.5::DOUBLE AS upper, "
            f"least(v * ?::DOUBLE, 1.0) AS p FROM {ranked} WHERE v < CAST(? AS HUGEINT)) "
            "SELECT ordinal, v, rank FROM keyed WHERE lower * (1 - p) <= ?::DOUBLE * p * upper "
            f"AND {not_taken('keyed')}",
            [*params, self.target_per_unit, self.below, self.largest_key],
        )

    def result(self, found: Rows) -> KeyedUnits:
        return KeyedUnits(*_arrays(found))


class MoneyBlocks(NamedTuple):
    """Blocks of rows: counts and sums of amounts in minor units; arrays of one length.

    ``rows`` of a block, those with an amount, above 0, equal to 0; the sum, that of the amounts
    above 0 (both masked where they need more than 64 bits); the rows whose amount is refused, and
    whose is rounded.
    """

    block: Int64s
    rows: Int64s
    present: Int64s
    above: Int64s
    zero: Int64s
    net: Int64s
    gross: Int64s
    refused: Int64s
    rounded: Int64s


@dataclass(frozen=True)
class MoneyByBlock(Pass[MoneyBlocks]):
    """The amounts of each block of 2^``shift`` ordinals that has rows."""

    units: MoneyUnits
    row_filter: RowFilter | None
    shift: int
    rows: RowSet | None = None
    message = "adding amounts up"

    def statement(self, table: TableFiles) -> Statement:
        value = f"{self.units.signed()} AS v"
        faults = "0 AS refused, 0 AS rounded"
        if self.units.refused() != "false":
            value += f", {self.units.refused()} AS refused, {self.units.rounded()} AS rounded"
            faults = "count_if(t.refused) AS refused, count_if(t.rounded) AS rounded"
        if self.rows is None:
            source, params = statements.numbered_rows(table, value, self.row_filter)
        else:
            source, params = statements.joined_rows(
                table, value, self.rows, ["ordinal"], self.row_filter
            )
        return (
            f"SELECT t.ordinal >> {self.shift:d} AS block, count(*) AS rows, "
            "count(t.v) AS present, count_if(t.v > 0) AS above, count_if(t.v = 0) AS zero, "
            "TRY_CAST(coalesce(sum(t.v), 0) AS BIGINT) AS net, "
            "TRY_CAST(coalesce(sum(greatest(t.v, 0)), 0) AS BIGINT) AS gross, "
            f"{faults} FROM ({source}) AS t GROUP BY block",
            params,
        )

    def result(self, found: Rows) -> MoneyBlocks:
        return MoneyBlocks(*_arrays(found))


@dataclass(frozen=True)
class MoneyOfBlocks(Pass[UnitRows]):
    """The minor units of the rows of some blocks, ascending, that aren't taken.

    A block has 2^``shift`` ordinals. Rows have more than 0 minor units and fewer than ``below``.
    """

    units: MoneyUnits
    row_filter: RowFilter | None
    shift: int
    blocks: Int64s
    below: int
    message = "reading the selected blocks"

    def statement(self, table: TableFiles) -> Statement:
        value = f"{self.units.sql()} AS v"
        first, stop = int(self.blocks[0]) << self.shift, int(self.blocks[-1]) + 1 << self.shift
        branches, params = statements.numbered_rows(table, value, self.row_filter, first, stop)
        return (
            f"SELECT t.ordinal, t.v FROM ({branches}) AS t "
            f"SEMI JOIN hit AS h ON h.block = t.ordinal >> {self.shift:d} "
            f"WHERE t.v > 0 AND t.v < CAST(? AS HUGEINT) AND {not_taken('t')}",
            [*params, self.below],
        )

    @property
    def inputs(self) -> Mapping[str, Mapping[str, Int64s]]:
        return {"hit": {"block": self.blocks}}

    def result(self, found: Rows) -> UnitRows:
        return UnitRows(*_arrays(found))


class StratumSums(NamedTuple):
    """Of a stratum: values that are numbers, the sums of their units and of the squares."""

    stratum: int
    values: int
    units: int
    squares: int


@dataclass(frozen=True)
class SumsByStratum(Pass[list[StratumSums]]):
    """The sums of the strata that have rows, in order of their numbers."""

    strata: StrataTable
    units: Units
    rows: RowSet | None = None
    message = "reading the allocation's columns"

    def statement(self, table: TableFiles) -> Statement:
        figures = {
            "n": "count(v)",
            "s": "coalesce(sum(v), 0)",
            "q": "coalesce(sum(CAST(v AS HUGEINT) * v), 0)",
        }
        return _by_stratum(table, self.strata, self.units.sql(), figures, self.rows)

    def result(self, found: Rows) -> list[StratumSums]:
        return [StratumSums(*row) for row in found.fetchall()]


class StratumAmounts(NamedTuple):
    """Of a stratum: the exact sum of an amount, and that of the negative ones; None of no row."""

    stratum: int
    net: int | Decimal | None
    negative: int | Decimal | None


@dataclass(frozen=True)
class AmountsByStratum(Pass[list[StratumAmounts]]):
    """The amounts of the strata that have rows.

    Where ``halves`` of a millionth go "to_even", all engines give the same sum.
    """

    strata: StrataTable
    column: Column
    rows: RowSet | None = None
    halves: Halves = "away"
    message = "adding amounts up"

    def statement(self, table: TableFiles) -> Statement:
        value = amount_value(self.column, self.halves)
        figures = {"net": "sum(v)", "negative": "sum(v) FILTER (WHERE v < 0)"}
        return _by_stratum(table, self.strata, value, figures, self.rows)

    def result(self, found: Rows) -> list[StratumAmounts]:
        return [StratumAmounts(*row) for row in found.fetchall()]


def _by_stratum(
    table: TableFiles,
    strata: StrataTable,
    value: str,
    figures: Mapping[str, str],
    rows: RowSet | None,
) -> Statement:
    """Figures of the value ``v`` of a stratum's rows, by name, after the stratum's number."""
    computed = ", ".join(f"{sql} AS {name}" for name, sql in figures.items())
    if not strata.columns:
        source, params = statements.rows_among(table, f"{value} AS v", strata.row_filter, rows)
        return f"SELECT 0 AS stratum, {computed} FROM ({source})", params
    selected = f"{key_columns(strata.columns)}, {value} AS v"
    source, params = statements.rows_among(table, selected, strata.row_filter, rows)
    keys = ", ".join(f"k{i}" for i in range(len(strata.columns)))
    return (
        f"SELECT s.stratum, {', '.join(f't.{name}' for name in figures)} FROM (SELECT {keys}, "
        f"{computed} FROM ({source}) GROUP BY ALL) AS t JOIN {strata.table_name} AS s "
        f"ON {same_keys(strata.columns)} ORDER BY s.stratum",
        params,
    )


@dataclass(frozen=True)
class CountStrata(Pass[None]):
    """Make the cursor's table ``table_name``: the strata of some columns, with their rows.

    They are numbered from 0 in the order of their values, NULL last. An engine may refuse more
    than ``most`` strata.
    """

    columns: Sequence[Column]
    row_filter: RowFilter | None
    table_name: str
    most: int
    message = "counting strata"

    def statement(self, table: TableFiles) -> Statement:
        keys = [f"k{i}" for i in range(len(self.columns))]
        order = ", ".join(f"{key} NULLS LAST" for key in keys)
        counted = f"{key_columns(self.columns)}, count(*) AS rows"
        rows, params = statements.all_rows(table, counted, self.row_filter)
        return (
            f"CREATE TEMP TABLE {self.table_name} AS SELECT row_number() OVER (ORDER BY {order}) "
            f"- 1 AS stratum, {', '.join(keys)}, rows FROM ({rows} GROUP BY ALL)",
            params,
        )

    def result(self, found: Rows) -> None:
        """The table is the result."""


@dataclass(frozen=True)
class CountRows(Pass[None]):
    """Make the cursor's table ``table_name`` of one stratum: the rows that pass the filter."""

    row_filter: RowFilter
    table_name: str
    message = "counting rows"
    columns: ClassVar[Sequence[Column]] = ()
    most: ClassVar[int] = 1

    def statement(self, table: TableFiles) -> Statement:
        rows, params = statements.all_rows(table, "count(*) AS rows", self.row_filter)
        return (
            f"CREATE TEMP TABLE {self.table_name} AS SELECT CAST(0 AS BIGINT) AS stratum, rows "
            f"FROM ({rows})",
            params,
        )

    def result(self, found: Rows) -> None:
        """The table is the result."""


@dataclass(frozen=True)
class PassingRows(Pass[Int64s]):
    """The ordinals, ascending, of the rows from ``first`` to ``stop`` that pass the filter."""

    row_filter: RowFilter
    first: int
    stop: int
    message = "reading the filter's columns"

    def statement(self, table: TableFiles) -> Statement:
        return statements.numbered_rows(table, "", self.row_filter, self.first, self.stop)

    def result(self, found: Rows) -> Int64s:
        ordinals: Int64s
        (ordinals,) = _arrays(found)
        if (ordinals[1:] < ordinals[:-1]).any():  # DuckDB keeps their order in a scan of one file
            ordinals.sort()
        return ordinals


class RankedRows(NamedTuple):
    """Ordinals, strata and ranks of rows; three arrays of one length."""

    ordinals: Int64s
    strata: Int64s
    ranks: Int64s


@dataclass(frozen=True)
class RankedBelow(Pass[RankedRows]):
    """The rows of the ``wanted`` strata that rank below the stratum's threshold and aren't taken.

    ``wanted`` and ``thresholds`` have one entry for each such stratum.
    """

    order: SeededOrder
    strata: StrataTable
    wanted: Int64s
    thresholds: Int64s
    message = "scanning for the lowest ranks"

    def statement(self, table: TableFiles) -> Statement:
        return statements.scan(table, self.strata, self.order)

    @property
    def inputs(self) -> Mapping[str, Mapping[str, Int64s]]:
        return {"wanted": {"stratum": self.wanted, "threshold": self.thresholds}}

    def result(self, found: Rows) -> RankedRows:
        return RankedRows(*_arrays(found))


class RowsOfStrata(NamedTuple):
    """Ordinals and strata of rows; two arrays of one length."""

    ordinals: Int64s
    strata: Int64s


@dataclass(frozen=True)
class StrataOfRows(Pass[RowsOfStrata]):
    """The rows from ``first`` to ``stop`` that are of ``wanted`` strata and aren't taken."""

    strata: StrataTable
    wanted: Int64s
    first: int
    stop: int
    message = "scanning for the lowest ranks"

    def statement(self, table: TableFiles) -> Statement:
        return statements.rows_of_strata(table, self.strata, self.first, self.stop)

    @property
    def inputs(self) -> Mapping[str, Mapping[str, Int64s]]:
        return {"wanted": {"stratum": self.wanted}}

    def result(self, found: Rows) -> RowsOfStrata:
        return RowsOfStrata(*_arrays(found))


@dataclass(frozen=True)
class RowsAtPlaces(Pass[Int64s]):
    """The ordinals of the rows at ascending places, from 0, of a line of rows that aren't taken.

    Places beyond the last row are left out.
    """

    line: SelectionLine
    row_filter: RowFilter | None
    places: Int64s
    message = "sorting rows"

    def statement(self, table: TableFiles) -> Statement:
        placed, params = _line_statement(table, self.line, self.row_filter)
        return (
            f"SELECT r.ordinal FROM ({placed}) AS r SEMI JOIN hit AS h ON h.place = r.before "
            "ORDER BY r.before",
            params,
        )

    @property
    def inputs(self) -> Mapping[str, Mapping[str, Int64s]]:
        return {"hit": {"place": self.places}}

    def result(self, found: Rows) -> Int64s:
        ordinals: Int64s
        (ordinals,) = _arrays(found)
        return ordinals


@dataclass(frozen=True)
class RowsOfPoints(Pass[UnitRows]):
    """The rows of a line in which points lie, in its order, and their units.

    The rows have more than 0 units and fewer than ``below``, together ``total``. The k-th of
    ``count`` points, from 0, is in the unit floor((k·total + start) / count).
    """

    line: SelectionLine
    row_filter: RowFilter | None
    units: Units
    below: int
    count: int
    total: int
    start: int
    message = "adding sizes up"

    def statement(self, table: TableFiles) -> Statement:
        placed, params = _line_statement(table, self.line, self.row_filter, self.units, self.below)
        number = "CAST(? AS HUGEINT)"

        def points_before(units: str) -> str:
            # (k·total + start) / count < units, so k is below this.
            return f"({units} * {number} + {number}) // {number}"

        bound = [self.count, self.total - self.start - 1, self.total]
        before = points_before("r.before")
        return (
            f"SELECT h.ordinal, h.v FROM (SELECT r.ordinal, r.v, {before} AS k, "
            f"{points_before('(r.before + r.v)')} AS later FROM ({placed}) AS r) AS h "
            "WHERE h.later > h.k ORDER BY h.k",
            [*bound, *bound, *params],
        )

    def result(self, found: Rows) -> UnitRows:
        return UnitRows(*_arrays(found))


@dataclass(frozen=True)
class PlacesInLine(Pass[dict[int, int]]):
    """What lies before some rows of a line: rows, or with ``units`` the units of these.

    Only rows of fewer than ``below`` units, and more than 0, are in such a line.
    """

    line: SelectionLine
    row_filter: RowFilter | None
    ordinals: Int64s
    units: Units | None = None
    below: int = 0
    message = "sorting rows"

    def statement(self, table: TableFiles) -> Statement:
        placed, params = _line_statement(table, self.line, self.row_filter, self.units, self.below)
        return (
            f"SELECT r.ordinal, r.before FROM ({placed}) AS r "
            "SEMI JOIN asked AS a ON a.ordinal = r.ordinal",
            params,
        )

    @property
    def inputs(self) -> Mapping[str, Mapping[str, Int64s]]:
        return {"asked": {"ordinal": self.ordinals}}

    def result(self, found: Rows) -> dict[int, int]:
        return dict(found.fetchall())


def _line_statement(
    table: TableFiles,
    line: SelectionLine,
    row_filter: RowFilter | None,
    units: Units | None = None,
    below: int = 0,
) -> Statement:
    """The rows of a line with ``before``, and with units ``v``; see :func:`placed_rows`."""
    selected = [key_columns(line.columns)] if line.columns else []
    selected += [] if units is None else [f"{units.sql()} AS v"]
    branches, params = statements.numbered_rows(table, ", ".join(selected), row_filter)
    source = f"SELECT t.* FROM ({branches}) AS t WHERE {not_taken('t')}"
    # The source of a line with leading columns is read once for their groups, once for the rows.
    if units is not None:
        source += " AND t.v > 0 AND t.v < CAST(? AS HUGEINT)"
        params = [*params, below]
    return placed_rows(line, source, IN_DUCKDB, by_units=units is not None), params
