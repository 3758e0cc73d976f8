"""The SQL statements of the engine, built by pure functions that return ``(sql, params)``.

Unquoted names (``k0``, ``picked``, ``strata_0``) are the engine's own and always qualified. Sums
are of integers, so they don't depend on threads or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from parquet_tables.columns import as_integer, decimals_of, digits_of
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import RowSet, file_scans, rows_at
from parquet_tables.tables import Column, TableFiles
from sampling_engine.selection.bands import BandColumn
from sampling_engine.selection.order import SeededOrder, rank_steps
from sampling_engine.spec import RowFilter

if TYPE_CHECKING:
    from sampling_engine.selection.strata import Strata

Statement = tuple[str, list[object]]


def passing(row_filter: RowFilter | None, joined_by: str = "WHERE") -> Statement:
    """The filter's condition on ``f`` after ``WHERE`` or ``AND``; nothing without a filter."""
    if row_filter is None:
        return "", []
    condition, params = row_filter.condition("f")
    return f" {joined_by} ({condition})", params


def all_rows(table: TableFiles, selected: str, row_filter: RowFilter | None) -> Statement:
    """Every row in the files that passes the filter, in one scan and without its ordinal."""
    paths = [str(file.path) for file, _ in table.with_starts()]
    where, params = passing(row_filter)
    return f"SELECT {selected} FROM read_parquet(?) AS f{where}", [paths, *params]


def numbered_rows(
    table: TableFiles,
    selected: str,
    row_filter: RowFilter | None,
    first: int = 0,
    stop: int | None = None,
) -> Statement:
    """Every row, or those of a range of ordinals, that passes the filter, with its ``ordinal``."""
    more = f", {selected}" if selected else ""
    selects: list[str] = []
    bound: list[object] = []
    for scan in file_scans(table, first, stop):
        conditions, params = scan.conditions()
        if row_filter is not None:
            condition, values = row_filter.condition("f")
            conditions.append(f"({condition})")
            params += values
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        selects.append(f"SELECT {scan.ordinal} AS ordinal{more} FROM {scan.source}{where}")
        bound += [scan.starts, scan.paths, *params]
    return " UNION ALL ".join(selects), bound


def joined_rows(
    table: TableFiles,
    selected: str,
    rows: RowSet,
    carried: Sequence[str] = (),
    row_filter: RowFilter | None = None,
) -> Statement:
    """The rows of a set that pass the filter; see :func:`rows_at`."""
    where, params = passing(row_filter, "AND")
    return rows_at(table, selected, rows, carried, where, params)


def rows_among(
    table: TableFiles, selected: str, row_filter: RowFilter | None, rows: RowSet | None
) -> Statement:
    """All rows, or those of a set; both pass the filter."""
    if rows is None:
        return all_rows(table, selected, row_filter)
    return joined_rows(table, selected, rows, row_filter=row_filter)


def key_columns(columns: Sequence[Column]) -> str:
    """The columns of ``f`` that make a stratum, as ``k0…``."""
    return ", ".join(f"{key_value(column)} AS k{i}" for i, column in enumerate(columns))


def same_keys(columns: Sequence[Column]) -> str:
    """Whether a row ``t`` is of the stratum ``s``."""
    return " AND ".join(f"s.k{i} IS NOT DISTINCT FROM t.k{i}" for i in range(len(columns)))


def label_expression(columns: Sequence[Column]) -> str:
    """The label of a stratum ``s`` from its values: joined by `` | ``, NULL as the bare word.

    A value is put in double quotes, its own doubled, where it could be misread: when it is empty,
    is the word NULL, holds a quote or a bar, or begins or ends with white space. So no two strata
    share a label.
    """
    return " || ' | ' || ".join(
        column.readable(f"s.k{i}")
        if isinstance(column, BandColumn)
        else _readable(f"CAST(s.k{i} AS VARCHAR)")
        for i, column in enumerate(columns)
    )


def _readable(text: str) -> str:
    return (
        f"CASE WHEN {text} IS NULL THEN 'NULL' "
        f"WHEN {text} IN ('', 'NULL') OR regexp_matches({text}, '[\"|]|^\\s|\\s$') "
        f"THEN '\"' || replace({text}, '\"', '\"\"') || '\"' ELSE {text} END"
    )


def key_value(column: Column) -> str:
    """The SQL of a row ``f``'s value of a column as a part of a stratum's key."""
    if isinstance(column, BandColumn):
        return column.number()
    name = f"f.{quote_identifier(column.name)}"
    if column.type in ("FLOAT", "DOUBLE"):
        # 0.0 and -0.0 are equal but differ as text: adding zero makes both 0.0.
        return f"{name} + CAST(0 AS {column.type})"
    return name


NOT_TAKEN = "NOT EXISTS (SELECT 1 FROM taken AS d WHERE d.ordinal = {rows}.ordinal)"


def count_strata(
    table: TableFiles,
    columns: Sequence[Column],
    strata: str,
    row_filter: RowFilter | None = None,
) -> Statement:
    """Make the table ``strata``: numbered from 0 in the order of the values, NULL last."""
    keys = [f"k{i}" for i in range(len(columns))]
    order = ", ".join(f"{key} NULLS LAST" for key in keys)
    rows, params = all_rows(table, f"{key_columns(columns)}, count(*) AS rows", row_filter)
    return (
        f"CREATE TEMP TABLE {strata} AS SELECT row_number() OVER (ORDER BY {order}) - 1 AS "
        f"stratum, {', '.join(keys)}, rows FROM ({rows} GROUP BY ALL)",
        params,
    )


def count_rows(table: TableFiles, strata: str, row_filter: RowFilter) -> Statement:
    """Make the table ``strata`` of one stratum: the rows that pass the filter."""
    rows, params = all_rows(table, "count(*) AS rows", row_filter)
    return (
        f"CREATE TEMP TABLE {strata} AS SELECT CAST(0 AS BIGINT) AS stratum, rows FROM ({rows})",
        params,
    )


def load_strata(strata: str, path: str) -> Statement:
    """Make the table ``strata`` from a file that holds one."""
    return f"CREATE TEMP TABLE {strata} AS SELECT * FROM read_parquet(?)", [path]


def all_strata(strata: str) -> Statement:
    """The whole table ``strata`` in its order."""
    return f"SELECT * FROM {strata} ORDER BY stratum", []


def totals_of_strata(strata: str) -> Statement:
    """The number of strata, and the rows over all of them."""
    return f"SELECT count(*), CAST(coalesce(sum(rows), 0) AS BIGINT) FROM {strata}", []


def sizes_of_strata(strata: str) -> Statement:
    """The strata's row counts in the order of their numbers."""
    return f"SELECT rows FROM {strata} ORDER BY stratum", []


def band_numbers(strata: str) -> Statement:
    """The first key of each stratum, in the order of their numbers."""
    return f"SELECT k0 FROM {strata} ORDER BY stratum", []


def keys_of_strata(strata: str, columns: Sequence[Column], numbers: Sequence[int]) -> Statement:
    """The values of some strata as text, in the order of their numbers."""
    values = ", ".join(
        column.text(f"k{i}") if isinstance(column, BandColumn) else f"CAST(k{i} AS VARCHAR)"
        for i, column in enumerate(columns)
    )
    return (
        f"SELECT {values} FROM {strata} WHERE stratum IN (SELECT unnest(?::BIGINT[])) "
        "ORDER BY stratum",
        [list(numbers)],
    )


def labels_of_strata(strata: str, columns: Sequence[Column], numbers: Sequence[int]) -> Statement:
    """The labels of some strata, in the order of their numbers."""
    return (
        f"SELECT {label_expression(columns)} FROM {strata} AS s "
        "WHERE stratum IN (SELECT unnest(?::BIGINT[])) ORDER BY stratum",
        [list(numbers)],
    )


def strata_of_labels(strata: str, columns: Sequence[Column], labels: Sequence[str]) -> Statement:
    """Label and number of those strata whose label is among ``labels``."""
    return (
        f"SELECT label, stratum FROM (SELECT {label_expression(columns)} AS label, stratum "
        f"FROM {strata} AS s) WHERE label IN (SELECT unnest(?::VARCHAR[]))",
        [list(labels)],
    )


def strata_of_picked(
    table: TableFiles,
    columns: Sequence[Column],
    strata: str,
    picked: RowSet,
    row_filter: RowFilter | None = None,
) -> Statement:
    """Position and stratum of the rows in ``picked`` that pass the filter."""
    branches, params = joined_rows(table, key_columns(columns), picked, ["position"], row_filter)
    if not columns:
        return f"SELECT t.position, CAST(0 AS BIGINT) AS stratum FROM ({branches}) AS t", params
    return (
        f"SELECT t.position, s.stratum FROM ({branches}) AS t JOIN {strata} AS s "
        f"ON {same_keys(columns)}",
        params,
    )


def scan(
    table: TableFiles,
    columns: Sequence[Column],
    strata: str | None,
    order: SeededOrder,
    row_filter: RowFilter | None = None,
) -> Statement:
    """Rows of ``wanted`` strata that aren't taken and rank below the stratum's threshold.

    Without ``columns`` all rows are of the one stratum in ``wanted``. Columns: ordinal, stratum,
    rank; in no order.
    """
    branches, params = numbered_rows(table, key_columns(columns), row_filter)
    joined = (
        f"JOIN {strata} AS s ON {same_keys(columns)} JOIN wanted AS w ON w.stratum = s.stratum"
        if columns
        else "CROSS JOIN wanted AS w"
    )
    source = f"(SELECT t.ordinal, w.stratum, w.threshold FROM ({branches}) AS t {joined})"
    steps, ranked = rank_steps(order, source, ["stratum", "threshold"])
    return (
        f"WITH {', '.join(steps)} SELECT ordinal, stratum, rank FROM {ranked} "
        f"WHERE rank < threshold AND {NOT_TAKEN.format(rows=ranked)}",
        params,
    )


def count_before(
    table: TableFiles,
    columns: Sequence[Column],
    strata: str | None,
    order: SeededOrder,
    row_filter: RowFilter | None = None,
) -> Statement:
    """Position in ``lines`` and the number of rows of :func:`scan` that precede it in its stratum.

    A line has a position, a stratum and a rank; one without a row before it is missing.
    """
    scanned, params = scan(table, columns, strata, order, row_filter)
    return (
        f"SELECT l.position, count(*) AS rows FROM ({scanned}) AS r "
        "JOIN lines AS l ON l.stratum = r.stratum AND r.rank < l.rank GROUP BY l.position",
        params,
    )


@dataclass(frozen=True)
class Units:
    """How a number becomes an integer.

    An exact one is multiplied by ten to the power ``decimals``; another is (value - centre) ·
    factor, to the nearest integer.
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


Population = Literal["positive", "absolute", "negative"]
MINOR_PLACES = 2
MAX_MONEY = 1 << 62
# Cents of a floating-point number below 2^52, so that rounding gives the nearest one.
MAX_FLOAT_AMOUNT = 4e13
FLOATS = ("FLOAT", "DOUBLE")


@dataclass(frozen=True)
class MoneyUnits(Units):
    """How an amount becomes minor units, of which the rows of ``population`` have more than 0.

    An exact type counts in its last decimal place, a floating-point number in hundredths, a wider
    one in hundredths or, without decimals, in ones; each is rounded to the nearest.
    """

    population: Population = "positive"

    @classmethod
    def of(cls, column: Column, population: Population) -> MoneyUnits:
        """The minor units of a column."""
        decimals = decimals_of(column.type)
        if decimals is None:
            digits = digits_of(column.type)
            whole = 0 if "INT" in column.type else MINOR_PLACES
            decimals = min(digits[1], MINOR_PLACES) if digits else whole
        return cls(column, decimals=decimals, population=population)

    def signed(self) -> str:
        """The minor units of a row ``f`` as BIGINT; NULL where missing, not finite or too large."""
        name = f"f.{quote_identifier(self.column.name)}"
        if self._is_exact:
            return as_integer(name, self.column.type)
        if self.column.type in FLOATS:
            value = f"CAST({name} AS DOUBLE)"
            return (
                f"CASE WHEN abs({value}) < {MAX_FLOAT_AMOUNT!r}::DOUBLE "
                f"THEN CAST(round({value} * 100) AS BIGINT) END"
            )
        return as_integer(f"TRY_CAST({name} AS {self._narrow})", self._narrow)

    def sql(self) -> str:
        """The minor units as a population counts them; 0 or less for rows that aren't in it."""
        value = self.signed()
        if self.population == "positive":
            return value
        opposite = "-" if self.population == "negative" else "abs"
        # The smallest BIGINT has no opposite.
        return f"CASE WHEN {value} > {-MAX_MONEY} THEN {opposite}({value}) END"

    def refused(self) -> str:
        """Whether a row ``f`` has an amount that is infinite or too large."""
        name = f"f.{quote_identifier(self.column.name)}"
        if self._is_exact:
            return "false"
        present = f"NOT isnan({name})" if self.column.type in FLOATS else "true"
        return f"{name} IS NOT NULL AND {present} AND ({self.signed()}) IS NULL"

    def rounded(self) -> str:
        """Whether a row ``f`` has a fraction of a minor unit, beyond its type's own precision."""
        name = f"f.{quote_identifier(self.column.name)}"
        if self._is_exact:
            return "false"
        if self.column.type in FLOATS:
            cents = f"CAST({name} AS DOUBLE) * 100"
            precision = 1e-7 if self.column.type == "FLOAT" else 1e-15
            return (
                f"isfinite({name}) AND abs({cents} - round({cents})) > 0.001::DOUBLE + "
                f"abs({cents}) * {precision!r}::DOUBLE"
            )
        return f"{name} <> TRY_CAST({name} AS {self._narrow})"

    @property
    def _is_exact(self) -> bool:
        return decimals_of(self.column.type) is not None

    @property
    def _narrow(self) -> str:
        """The exact type that a wider one is rounded to."""
        return f"DECIMAL(18,{self.decimals})" if digits_of(self.column.type) else "BIGINT"


def exact_totals(
    table: TableFiles, column: Column, row_filter: RowFilter | None, rows: RowSet | None
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
    table: TableFiles, column: Column, row_filter: RowFilter | None, rows: RowSet | None
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
    table: TableFiles, column: Column, row_filter: RowFilter | None, rows: RowSet | None
) -> Statement:
    """How many numbers are negative, how many infinite (minus infinity is both)."""
    value = f"CAST(f.{quote_identifier(column.name)} AS DOUBLE)"
    source, params = rows_among(table, f"{value} AS v", row_filter, rows)
    return (
        f"SELECT count(*) FILTER (WHERE v < 0), count(*) FILTER (WHERE isinf(v)) FROM ({source})",
        params,
    )


def unit_totals(
    table: TableFiles, units: Units, row_filter: RowFilter | None, rows: RowSet | None
) -> Statement:
    """Of any numbers as :func:`exact_totals` of exact ones, in units."""
    source, params = rows_among(table, f"{units.sql()} AS v", row_filter, rows)
    return (
        "SELECT count(*), coalesce(count_if(v > 0), 0), min(v), coalesce(sum(v), 0), "
        f"coalesce(max(v), 0) FROM ({source})",
        params,
    )


def units_of_picked(
    table: TableFiles, units: Units, picked: RowSet, row_filter: RowFilter | None
) -> Statement:
    """Position and units of the rows in ``picked`` that pass the filter and have more than 0."""
    value = f"{units.sql()} AS v"
    branches, params = joined_rows(table, value, picked, ["position"], row_filter)
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
    table: TableFiles, units: Units, row_filter: RowFilter | None, rows: RowSet | None, below: int
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
    """Ordinal, units and rank of the rows below ``below`` units whose key may be small enough.

    The keys are evaluated again in numpy, so ``largest_key`` has a margin for the last digits.
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


def money_by_block(
    table: TableFiles,
    units: MoneyUnits,
    row_filter: RowFilter | None,
    rows: RowSet | None,
    shift: int,
) -> Statement:
    """By block of 2^shift ordinals: counts, sums and extremes of an amount in minor units.

    Columns: block, rows, those with an amount, above 0, equal to 0; the sum, that of the amounts
    above 0 (NULL where it needs more than 64 bits); the rows whose amount is refused, and whose is
    rounded.
    """
    value = f"{units.signed()} AS v"
    is_exact = units.refused() == "false"
    if not is_exact:
        value += f", {units.refused()} AS refused, {units.rounded()} AS rounded"
    if rows is None:
        source, params = numbered_rows(table, value, row_filter)
    else:
        source, params = joined_rows(table, value, rows, ["ordinal"], row_filter)
    faults = (
        "0 AS refused, 0 AS rounded"
        if is_exact
        else "count_if(t.refused) AS refused, count_if(t.rounded) AS rounded"
    )
    return (
        f"SELECT t.ordinal >> {shift:d} AS block, count(*) AS rows, count(t.v) AS present, "
        "count_if(t.v > 0) AS above, count_if(t.v = 0) AS zero, "
        "TRY_CAST(coalesce(sum(t.v), 0) AS BIGINT) AS net, "
        "TRY_CAST(coalesce(sum(greatest(t.v, 0)), 0) AS BIGINT) AS gross, "
        f"{faults} FROM ({source}) AS t GROUP BY block",
        params,
    )


def money_of_blocks(
    table: TableFiles,
    units: MoneyUnits,
    row_filter: RowFilter | None,
    shift: int,
    blocks: tuple[int, int],
    below: int,
) -> Statement:
    """Ordinal and minor units of the rows, fewer than ``below``, in the blocks of table ``hit``.

    ``blocks`` are the first of them and the one after the last. Rows that are taken are left out.
    """
    first, stop = (block << shift for block in blocks)
    branches, params = numbered_rows(table, f"{units.sql()} AS v", row_filter, first, stop)
    return (
        f"SELECT t.ordinal, t.v FROM ({branches}) AS t "
        f"SEMI JOIN hit AS h ON h.block = t.ordinal >> {shift:d} "
        f"WHERE t.v > 0 AND t.v < CAST(? AS HUGEINT) AND {NOT_TAKEN.format(rows='t')}",
        [*params, below],
    )


def sums_by_stratum(
    table: TableFiles, strata: Strata, units: Units, rows: RowSet | None
) -> Statement:
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


def amount_value(column: Column) -> str:
    """The amount of a row ``f`` as an exact number; NULL where it is missing or not finite.

    A floating-point number counts as the nearest decimal of six places.
    """
    name = f"f.{quote_identifier(column.name)}"
    if column.type in ("FLOAT", "DOUBLE"):
        return f"CASE WHEN isfinite({name}) THEN TRY_CAST({name} AS DECIMAL(38, 6)) END"
    return name


SUMS = "sum(v) AS net, sum(v) FILTER (WHERE v < 0) AS negative"


def amounts_by_stratum(
    table: TableFiles, strata: Strata, column: Column, rows: RowSet | None
) -> Statement:
    """By stratum: its number, its exact sum of an amount over eligible rows, and of negatives."""
    value = f"{amount_value(column)} AS v"
    if not strata.columns:
        source, params = rows_among(table, value, strata.row_filter, rows)
        return f"SELECT 0 AS stratum, {SUMS} FROM ({source})", params
    keys = ", ".join(f"k{i}" for i in range(len(strata.columns)))
    selected = f"{key_columns(strata.columns)}, {value}"
    source, params = rows_among(table, selected, strata.row_filter, rows)
    return (
        f"SELECT s.stratum, t.net, t.negative FROM (SELECT {keys}, {SUMS} FROM ({source}) "
        f"GROUP BY ALL) AS t JOIN {strata.table_name} AS s ON {same_keys(strata.columns)}",
        params,
    )


def amounts_of_picked(table: TableFiles, column: Column, picked: RowSet) -> Statement:
    """By stratum: its number, the exact sum of an amount over ``picked`` rows, and of negatives."""
    source, params = joined_rows(table, f"{amount_value(column)} AS v", picked, ["stratum"])
    return f"SELECT stratum, {SUMS} FROM ({source}) GROUP BY stratum", params
