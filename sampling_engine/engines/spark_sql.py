"""The statements of a draw in Spark SQL, built by pure functions that return ``(sql, params)``.

The view ``t`` has the needed columns of all files, row number ``r`` in the file and the file's key
``f``; ``files`` has the first ordinal of each file by its key. Names are the engine's own, and no
column's. Spark plans ``rank`` inside predicates anew for each use, which never ends: the expression
``pid``, which it must not move, keeps predicates above the steps of the order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from parquet_tables.columns import decimals_of, digits_of
from parquet_tables.tables import Column
from sampling_engine.amounts import FLOAT_PLACES
from sampling_engine.engines.spark_types import (
    as_double,
    as_integer,
    double,
    is_finite,
    require_number,
    spark_type,
)
from sampling_engine.filters.filter import Filter
from sampling_engine.filters.spark import build_spark_condition
from sampling_engine.selection.bands import BandColumn
from sampling_engine.selection.order import (
    FIRST_FACTOR,
    LOW_31_BITS,
    SECOND_FACTOR,
    SeededOrder,
)
from sampling_engine.spec import RowFilter
from sampling_engine.statements import (
    FLOATS,
    MAX_FLOAT_AMOUNT,
    MAX_MONEY,
    SIZE_GROUPS_PER_OCTAVE,
    MoneyUnits,
    Statement,
    Units,
)

WIDE = "DECIMAL(38,0)"
MAX_BIGINT = (1 << 63) - 1
NEAR_AN_EDGE = 1e-7
"""Distance from a size group's edge within which logarithms of two engines may round apart."""
HALF_BITS = 50


@dataclass(frozen=True)
class SparkTable:
    """The names of a table's columns in the view ``t``, and the start of its only file, if any."""

    names: Mapping[Column, str]
    is_one_file: bool

    def name(self, column: Column) -> str:
        return f"t.{self.names[Column(column.name, column.type)]}"

    def key(self, column: Column) -> str:
        """The value that makes a stratum; 0.0 and -0.0 are one."""
        name = self.name(column)
        if isinstance(column, BandColumn):
            return column.number_of(name, spark_type(column.compared_as))
        return f"{name} + CAST(0 AS {column.type})" if column.type in FLOATS else name

    def keys(self, columns: Sequence[Column]) -> str:
        return "".join(f", {self.key(column)} AS k{i}" for i, column in enumerate(columns))

    def rows(self, selected: str, row_filter: RowFilter | None) -> Statement:
        """``selected``, which begins with a comma or is empty, and no ordinal."""
        where, params = self._passing(row_filter)
        return f"SELECT 1 AS one{selected} FROM t{where}", params

    def numbered(self, selected: str, row_filter: RowFilter | None) -> Statement:
        """``ordinal`` and ``selected``, which begins with a comma or is empty."""
        where, params = self._passing(row_filter)
        if self.is_one_file:
            return f"SELECT t.r AS ordinal{selected} FROM t{where}", params
        return (
            f"SELECT /*+ BROADCAST(s) */ s.start + t.r AS ordinal{selected} FROM t "
            f"JOIN files AS s ON s.f = t.f{where}",
            params,
        )

    def _passing(self, row_filter: RowFilter | None) -> Statement:
        if row_filter is None:
            return "", []
        assert isinstance(row_filter, Filter)  # noqa: S101 - a round's filter is one
        condition, params = build_spark_condition(row_filter.node, self.name)
        return f" WHERE {condition}", params


def ranked(order: SeededOrder, source: str, carried: Sequence[str]) -> str:
    """``source``'s ordinal and the ``carried`` columns with ``rank``, and ``pid``."""
    half = order.bits // 2
    mask = (1 << half) - 1
    columns = ", ".join(["ordinal", *carried])
    halves = f"shiftright(ordinal, {half}) AS l, ordinal & {mask}L AS r"
    sql = f"SELECT {columns}, {halves} FROM ({source})"
    for key in order.keys:
        once = f"((r ^ {key}L) * {FIRST_FACTOR}L) & {LOW_31_BITS}L"
        sql = f"SELECT {columns}, l, r, {once} AS x FROM ({sql})"
        sql = (
            f"SELECT {columns}, l, r, ((x ^ shiftright(x, 15)) * {SECOND_FACTOR}L) & "
            f"{LOW_31_BITS}L AS x FROM ({sql})"
        )
        sql = f"SELECT {columns}, r AS l, l ^ ((x ^ shiftright(x, 13)) & {mask}L) AS r FROM ({sql})"
    return (
        f"SELECT {columns}, shiftleft(l, {half}) | r AS rank, spark_partition_id() AS pid "
        f"FROM ({sql})"
    )


def files_of() -> Statement:
    """By file: its key, its rows, and smallest, largest and sum of the row numbers."""
    return (
        "SELECT f, count(*) AS n, min(r) AS low, max(r) AS high, "
        f"CAST(sum(CAST(r AS {WIDE})) AS STRING) AS total FROM t GROUP BY f",
        [],
    )


def count_strata(
    table: SparkTable, columns: Sequence[Column], row_filter: RowFilter | None, limit: int
) -> Statement:
    """Keys and rows of the strata, ``limit`` of them at the most."""
    keys = ", ".join(f"k{i}" for i in range(len(columns)))
    source, params = table.rows(table.keys(columns), row_filter)
    return f"SELECT {keys}, count(*) AS rows FROM ({source}) GROUP BY {keys} LIMIT {limit}", params


def count_of_strata(
    table: SparkTable, columns: Sequence[Column], row_filter: RowFilter | None
) -> Statement:
    """How many strata there are."""
    keys = ", ".join(f"k{i}" for i in range(len(columns)))
    source, params = table.rows(table.keys(columns), row_filter)
    return f"SELECT count(*) AS n FROM (SELECT DISTINCT {keys} FROM ({source}))", params


def count_rows(table: SparkTable, row_filter: RowFilter | None) -> Statement:
    """The rows that pass the filter."""
    source, params = table.rows("", row_filter)
    return f"SELECT count(*) AS rows FROM ({source})", params


def ranked_below(
    table: SparkTable,
    columns: Sequence[Column],
    order: SeededOrder,
    row_filter: RowFilter | None,
    largest: int,
) -> Statement:
    """Ordinal, stratum and rank of the rows below the thresholds of the view ``wanted``.

    ``largest`` is the largest of them, which is applied before strata are looked up.
    """
    source, params = table.numbered(table.keys(columns), row_filter)
    keys = [f"k{i}" for i in range(len(columns))]
    below = f"SELECT * FROM ({ranked(order, source, keys)}) WHERE rank < {largest}L AND pid >= 0"
    if not columns:
        return f"SELECT ordinal, CAST(0 AS BIGINT) AS stratum, rank FROM ({below})", params
    same = " AND ".join(f"q.{key} <=> w.{key}" for key in keys)
    return (
        f"SELECT /*+ BROADCAST(w) */ q.ordinal, w.stratum, q.rank FROM ({below}) AS q "
        f"JOIN wanted AS w ON {same} WHERE q.rank < w.threshold",
        params,
    )


def rows_by_block(table: SparkTable, row_filter: RowFilter | None, shift: int) -> Statement:
    """By block of 2^shift ordinals: the rows that pass the filter."""
    source, params = table.numbered("", row_filter)
    return (
        f"SELECT shiftright(ordinal, {shift:d}) AS block, count(*) AS rows FROM ({source}) "
        "GROUP BY block",
        params,
    )


def ordinals_of_blocks(table: SparkTable, row_filter: RowFilter | None, shift: int) -> Statement:
    """The rows that pass the filter in the blocks of the view ``hit``."""
    source, params = table.numbered("", row_filter)
    return (
        f"SELECT /*+ BROADCAST(h) */ q.ordinal FROM ({source}) AS q LEFT SEMI JOIN hit AS h "
        f"ON h.block = shiftright(q.ordinal, {shift:d})",
        params,
    )


def exact_totals(table: SparkTable, column: Column, row_filter: RowFilter | None) -> Statement:
    digits = digits_of(column.type)
    wide = f"DECIMAL(38,{digits[1]})" if digits else WIDE
    source, params = table.rows(f", {table.name(column)} AS v", row_filter)
    return (
        "SELECT count(*) AS n, count_if(v > 0) AS above, min(v) AS low, "
        f"coalesce(sum(CAST(v AS {wide})), CAST(0 AS {wide})) AS total, max(v) AS high "
        f"FROM ({source})",
        params,
    )


def range_of(table: SparkTable, column: Column, row_filter: RowFilter | None) -> Statement:
    """As DuckDB's, but the extremes of exact numbers are of the column's own type."""
    name = table.name(column)
    if decimals_of(column.type) is not None:
        source, params = table.rows(f", {name} AS v", row_filter)
        return (
            f"SELECT count(*) AS n, count(v) AS finite, min(v) AS low, max(v) AS high "
            f"FROM ({source})",
            params,
        )
    require_number(column)
    source, params = table.rows(f", CAST({name} AS DOUBLE) AS v", row_filter)
    finite = f"FILTER (WHERE {is_finite('v')})"
    return (
        f"SELECT count(*) AS n, count(*) {finite} AS finite, min(v) {finite} AS low, "
        f"max(v) {finite} AS high FROM ({source})",
        params,
    )


def refused_numbers(table: SparkTable, column: Column, row_filter: RowFilter | None) -> Statement:
    value = as_double(table.name(column), column)
    source, params = table.rows(f", {value} AS v", row_filter)
    return (
        "SELECT count(*) FILTER (WHERE v < 0D) AS negative, count(*) FILTER (WHERE abs(v) = "
        f"CAST('Infinity' AS DOUBLE)) AS infinite FROM ({source})",
        params,
    )


def unit_totals(table: SparkTable, units: Units, row_filter: RowFilter | None) -> Statement:
    source, params = table.rows(f", {units_of(table, units)} AS v", row_filter)
    return (
        "SELECT count(*) AS n, count_if(v > 0) AS above, min(v) AS low, coalesce(sum(CAST(v AS "
        f"{WIDE})), CAST(0 AS {WIDE})) AS total, coalesce(max(v), 0L) AS high FROM ({source})",
        params,
    )


def rows_of_units(
    table: SparkTable, units: Units, row_filter: RowFilter | None, least: int
) -> Statement:
    source, params = table.numbered(f", {units_of(table, units)} AS v", row_filter)
    return f"SELECT ordinal, v FROM ({source}) WHERE v >= {_bigint(least)}", params


def unit_groups(
    table: SparkTable, units: Units, row_filter: RowFilter | None, below: int
) -> Statement:
    """As DuckDB's; rows near a group's edge have their units in ``near``, and are left to it."""
    source, params = table.rows(f", {units_of(table, units)} AS v", row_filter)
    place = f"log2(CAST(v AS DOUBLE)) * {SIZE_GROUPS_PER_OCTAVE}D"
    return (
        "SELECT size_group, near, count(*) AS n, sum(CAST(v AS DECIMAL(38,0))) AS total FROM ("
        f"SELECT v, CAST(floor(x) AS INT) AS size_group, CASE WHEN abs(x - rint(x)) < "
        f"{double(NEAR_AN_EDGE)} THEN v END AS near FROM (SELECT v, {place} AS x FROM ({source}) "
        f"WHERE v > 0 AND v < {_bigint(below)})) GROUP BY size_group, near",
        params,
    )


def scan_units(
    table: SparkTable,
    units: Units,
    row_filter: RowFilter | None,
    order: SeededOrder,
    target_per_unit: float,
    below: int,
    largest_key: float,
) -> Statement:
    source, params = table.numbered(f", {units_of(table, units)} AS v", row_filter)
    source = f"SELECT ordinal, v FROM ({source}) WHERE v > 0 AND v < {_bigint(below)}"
    key = "Infinity" if largest_key == float("inf") else repr(largest_key)
    return (
        "SELECT ordinal, v, rank FROM (SELECT ordinal, v, rank, pid, CAST(rank AS DOUBLE) + 0.5D "
        f"AS lower, CAST({order.size - 1}L - rank AS DOUBLE) + 0.5D AS upper, "
        f"least(CAST(v AS DOUBLE) * {double(target_per_unit)}, 1D) AS p "
        f"FROM ({ranked(order, source, ['v'])})) WHERE pid >= 0 "
        f"AND lower * (1D - p) <= CAST('{key}' AS DOUBLE) * p * upper",
        params,
    )


def money_by_block(
    table: SparkTable, units: MoneyUnits, row_filter: RowFilter | None, shift: int
) -> Statement:
    money = Money(table, units)
    selected = f", {money.signed()} AS v"
    faults = "0L AS refused, 0L AS rounded"
    if not money.is_exact:
        selected += f", {money.refused()} AS refused, {money.rounded()} AS rounded"
        faults = "count_if(refused) AS refused, count_if(rounded) AS rounded"
    source, params = table.numbered(selected, row_filter)
    net, gross = _narrow_sum("v"), _narrow_sum("greatest(v, 0L)")
    return (
        f"SELECT shiftright(ordinal, {shift:d}) AS block, count(*) AS rows, count(v) AS present, "
        f"count_if(v > 0) AS above, count_if(v = 0) AS zero, {net} AS net, {gross} AS gross, "
        f"{faults} FROM ({source}) GROUP BY block",
        params,
    )


def money_of_blocks(
    table: SparkTable, units: MoneyUnits, row_filter: RowFilter | None, shift: int, below: int
) -> Statement:
    source, params = table.numbered(f", {units_of(table, units)} AS v", row_filter)
    return (
        f"SELECT /*+ BROADCAST(h) */ q.ordinal, q.v FROM ({source}) AS q LEFT SEMI JOIN hit AS h "
        f"ON h.block = shiftright(q.ordinal, {shift:d}) WHERE q.v > 0 AND q.v < {_bigint(below)}",
        params,
    )


def sums_by_stratum(
    table: SparkTable, columns: Sequence[Column], units: Units, row_filter: RowFilter | None
) -> Statement:
    """By keys: values that are numbers, the sums of units and of their squares."""
    value = f"{table.keys(columns)}, CAST({units_of(table, units)} AS {WIDE}) AS v"
    source, params = table.rows(value, row_filter)
    zero = f"CAST(0 AS {WIDE})"
    square = f"CAST(CAST(v AS DECIMAL(19,0)) * CAST(v AS DECIMAL(19,0)) AS {WIDE})"
    return _by_keys(
        columns,
        f"count(v) AS n, coalesce(sum(v), {zero}) AS s, coalesce(sum({square}), {zero}) AS q",
        source,
        params,
    )


def amounts_by_stratum(
    table: SparkTable, columns: Sequence[Column], column: Column, row_filter: RowFilter | None
) -> Statement:
    """By keys: the sums of an amount, and of negative ones, as ``net`` and ``negative``.

    Those of floating-point numbers count in millionths: DuckDB makes decimals of six places. They
    are added up in halves of 50 bits, as ``high`` and ``low``, since Spark makes a decimal of a
    number's text.
    """
    name = table.name(column)
    if column.type not in FLOATS:
        digits = digits_of(column.type)
        wide = f"DECIMAL(38,{digits[1]})" if digits else WIDE
        source, params = table.rows(
            f"{table.keys(columns)}, CAST({name} AS {wide}) AS v", row_filter
        )
        return _by_keys(
            columns, "sum(v) AS net, sum(v) FILTER (WHERE v < 0) AS negative", source, params
        )
    value = f"CAST({name} AS DOUBLE)"
    millionths = f"rint({value} * {10**FLOAT_PLACES}D)"
    selected = f"CASE WHEN {is_finite(value)} AND abs({millionths}) < 1e38D THEN {millionths} END"
    source, params = table.rows(f"{table.keys(columns)}, {selected} AS x", row_filter)
    keys = "".join(f", k{i}" for i in range(len(columns)))
    step = f"{1 << HALF_BITS}D"
    halves = f"SELECT x{keys}, floor(x / {step}) AS high FROM ({source})"
    parts = (
        f"SELECT x{keys}, CAST(high AS {WIDE}) AS high, "
        f"CAST(CAST(x - CAST(high AS DOUBLE) * {step} AS BIGINT) AS {WIDE}) AS low FROM ({halves})"
    )
    return _by_keys(
        columns,
        "sum(high) AS high, sum(low) AS low, sum(high) FILTER (WHERE x < 0D) AS negative_high, "
        "sum(low) FILTER (WHERE x < 0D) AS negative_low",
        parts,
        params,
    )


def _by_keys(
    columns: Sequence[Column], figures: str, source: str, params: list[object]
) -> Statement:
    keys = ", ".join(f"k{i}" for i in range(len(columns)))
    if not columns:
        return f"SELECT {figures} FROM ({source})", params
    return f"SELECT {keys}, {figures} FROM ({source}) GROUP BY {keys}", params


def units_of(table: SparkTable, units: Units) -> str:
    """A number as an integer, as :meth:`Units.sql`."""
    if isinstance(units, MoneyUnits):
        return Money(table, units).sql()
    name = table.name(units.column)
    if units.decimals is not None:
        return as_integer(name, units.column.type)
    value = as_double(name, units.column)
    moved = f"({value} - {double(units.centre)})" if units.centre else value
    return (
        f"CASE WHEN {is_finite(value)} "
        f"THEN CAST(rint({moved} * {double(units.factor)}) AS BIGINT) END"
    )


@dataclass(frozen=True)
class Money:
    """An amount as minor units, as :class:`MoneyUnits`."""

    table: SparkTable
    units: MoneyUnits

    @property
    def _name(self) -> str:
        return self.table.name(self.units.column)

    @property
    def is_exact(self) -> bool:
        return decimals_of(self.units.column.type) is not None

    @property
    def _is_float(self) -> bool:
        return self.units.column.type in FLOATS

    @property
    def _narrow(self) -> str:
        wide = digits_of(self.units.column.type)
        return f"DECIMAL(18,{self.units.decimals})" if wide else "BIGINT"

    def signed(self) -> str:
        if self.is_exact:
            return as_integer(self._name, self.units.column.type)
        if self._is_float:
            value = f"CAST({self._name} AS DOUBLE)"
            return (
                f"CASE WHEN abs({value}) < {double(MAX_FLOAT_AMOUNT)} "
                f"THEN CAST({_rounded(f'({value} * 100D)')} AS BIGINT) END"
            )
        return as_integer(f"TRY_CAST({self._name} AS {self._narrow})", self._narrow)

    def sql(self) -> str:
        value = self.signed()
        if self.units.population == "positive":
            return value
        opposite = "-" if self.units.population == "negative" else "abs"
        return f"CASE WHEN {value} > -{MAX_MONEY}L THEN {opposite}({value}) END"

    def refused(self) -> str:
        present = f"NOT isnan({self._name})" if self._is_float else "true"
        return f"({self._name} IS NOT NULL AND {present} AND ({self.signed()}) IS NULL)"

    def rounded(self) -> str:
        if not self._is_float:
            return f"({self._name} <> TRY_CAST({self._name} AS {self._narrow}))"
        cents = f"(CAST({self._name} AS DOUBLE) * 100D)"
        precision = 1e-7 if self.units.column.type == "FLOAT" else 1e-15
        return (
            f"({is_finite(f'CAST({self._name} AS DOUBLE)')} AND "
            f"abs({cents} - {_rounded(cents)}) > "
            f"0.001D + abs({cents}) * {double(precision)})"
        )


def _rounded(value: str) -> str:
    """The nearest integer as DOUBLE, a half away from zero; Spark's ``round`` works on decimals."""
    whole = f"floor(abs({value}))"
    up = f"CASE WHEN abs({value}) - {whole} >= 0.5D THEN 1D ELSE 0D END"
    rounded = f"sign({value}) * (CAST({whole} AS DOUBLE) + {up})"
    return f"(CASE WHEN abs({value}) < {1 << 52}D THEN {rounded} ELSE {value} END)"


def _narrow_sum(value: str) -> str:
    """A sum as BIGINT; NULL where it needs more than 64 bits."""
    return f"TRY_CAST(coalesce(sum(CAST({value} AS {WIDE})), CAST(0 AS {WIDE})) AS BIGINT)"


def _bigint(number: int) -> str:
    """A bound of BIGINT values; one beyond their range lets all pass, or none."""
    return f"{number}L" if number <= MAX_BIGINT else f"CAST('{number}' AS {WIDE})"
