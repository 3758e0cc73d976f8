"""The statements of a draw's passes in Spark SQL, built by pure functions of a pass and a table.

The view ``t`` has the needed columns of all files, row number ``r`` in the file and the file's key
``f``; ``files`` has the first ordinal of each file by its key. Names are the engine's own, and no
column's. Spark plans ``rank`` inside predicates anew for each use, which never ends: the expression
``pid``, which it must not move, keeps predicates above the steps of the order.

In ANSI mode Spark checks each product of integers by a call, which takes far longer than the
product. So the view ``ranked`` of the steps of the order, whose products have 61 bits, is made
in the other mode, from the view ``numbered`` of all that a draw reads; both keep their modes.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from functools import singledispatch
from typing import Any

from lazy_dataclasses import dataclass
from parquet_tables.row_keys.digests import EXAMPLES, MAX_NUMBERED
from parquet_tables.rows import Statement
from parquet_tables.tables import Column
from sampling_engine.amounts import FLOAT_PLACES
from sampling_engine.engines.spark_types import (
    NotInSpark,
    as_double,
    as_integer,
    double,
    is_finite,
    is_integer_cheap,
    require_number,
    spark_type,
)
from sampling_engine.filters.filter import Filter
from sampling_engine.filters.spark import build_spark_condition
from sampling_engine.selection.bands import BandColumn
from sampling_engine.selection.keyed import SIZE, DigestRanks
from sampling_engine.selection.order import (
    FIRST_FACTOR,
    LOW_31_BITS,
    SECOND_FACTOR,
    Int64s,
    SeededOrder,
)
from sampling_engine.spec import RowFilter
from sampling_engine.sql.lines import LineDialect, placed_rows
from sampling_engine.sql.passes import (
    SIZE_GROUPS_PER_OCTAVE,
    AmountsByStratum,
    CountRows,
    CountStrata,
    ExactTotals,
    MoneyByBlock,
    MoneyOfBlocks,
    Pass,
    RangeOf,
    RankedBelow,
    RefusedNumbers,
    RowsAtPlaces,
    RowsOfPoints,
    RowsOfUnits,
    ScanUnits,
    SumsByStratum,
    UnitGroups,
    UnitTotals,
)
from sampling_engine.sql.statements import StrataTable, not_taken, same_keys
from sampling_engine.sql.units import (
    MAX_FLOAT_AMOUNT,
    MAX_MONEY,
    MILLION,
    MoneyUnits,
    UncertaintyUnits,
    Units,
)

WIDE = "DECIMAL(38,0)"
MAX_BIGINT = (1 << 63) - 1
NEAR_AN_EDGE = 1e-7
"""Distance from a size group's edge within which logarithms of two engines may round apart."""
HALF_BITS = 50
PART_BITS = 25
PART = 1 << PART_BITS
"""Sums of so many bits of up to 2^38 numbers are below 2^63."""
SHA_BITS = 256
ALL_FOUND = "SELECT f.* FROM found AS f"
IN_SPARK = LineDialect("<=>", "AS", "1L", f"CAST(v AS {WIDE})", by_group=True)
NOT_TAKEN_FOUND = f"{ALL_FOUND} WHERE {not_taken('f')}"


@dataclass(frozen=True)
class SparkTable:
    """The names of a table's columns in the view ``t``, and the start of its only file, if any."""

    names: Mapping[Column, str]
    is_one_file: bool

    def name(self, column: Column) -> str:
        """The column of ``t``; raises NotInSpark if Spark doesn't read it."""
        own = Column(column.name, column.type)
        if own not in self.names:
            raise NotInSpark(own)
        return f"t.{self.names[own]}"

    def key(self, column: Column) -> str:
        """The value that makes a stratum; 0.0 and -0.0 are one."""
        name = self.name(column)
        if isinstance(column, BandColumn):
            return column.number_of(name, spark_type(column.compared_as))
        return f"{name} + CAST(0 AS {column.type})" if column.data_type.is_float else name

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
            return f"SELECT {_not_null('t.r')} AS ordinal{selected} FROM t{where}", params
        return (
            f"SELECT /*+ BROADCAST(s) */ {_not_null('s.start + t.r')} AS ordinal{selected} FROM t "
            f"JOIN files AS s ON s.f = t.f{where}",
            params,
        )

    def units(self, units: Units) -> str:
        """A number of ``t`` as an integer."""
        return units_of(units, self.name(units.column))

    def _passing(self, row_filter: RowFilter | None) -> Statement:
        if row_filter is None:
            return "", []
        assert isinstance(row_filter, Filter)  # noqa: S101 - a round's filter is one
        condition, params = build_spark_condition(row_filter.node, self.name)
        return f" WHERE {condition}", params


def _not_null(number: str) -> str:
    """A row number, which is never NULL: so Spark leaves the code for NULL out of each round."""
    return f"coalesce({number}, 0L)"


@dataclass(frozen=True)
class Ranks:
    """The statements of the views ``numbered`` and ``ranked``; the latter has no product to check.

    ``ranked`` has the ordinals and carried columns of ``numbered``, ``rank`` and ``pid``.
    """

    numbered: Statement
    ranked: str


def ranked(
    order: SeededOrder,
    source: Statement,
    carried: Sequence[str],
    number: str = "ordinal",
    shift: int = 0,
) -> Ranks:
    """The ranks of ``source``'s rows with their ordinals and the ``carried`` columns.

    The rank is that of the column ``number``, less ``shift``.
    A SELECT for each round of the order. Spark evaluates a round's common subexpressions once, and
    the time it takes to plan grows with the number of SELECTs.
    """
    half = order.bits // 2
    mask = (1 << half) - 1
    columns = ", ".join(["ordinal", *carried])
    halves = f"shiftright({number}, {half}) AS l, {number} & {mask}L AS r"
    sql = f"SELECT {columns}, {halves} FROM numbered"
    for key in order.keys:
        once = f"(((r ^ {key}L) * {FIRST_FACTOR}L) & {LOW_31_BITS}L)"
        twice = f"((({once} ^ shiftright({once}, 15)) * {SECOND_FACTOR}L) & {LOW_31_BITS}L)"
        mixed = f"(({twice} ^ shiftright({twice}, 13)) & {mask}L)"
        sql = f"SELECT {columns}, r AS l, l ^ {mixed} AS r FROM ({sql})"
    rank = f"shiftleft(l, {half}) | r"
    if shift:
        rank = f"(({rank}) - {shift}L) & {order.size - 1}L"
    return Ranks(
        source, f"SELECT {columns}, {rank} AS rank, spark_partition_id() AS pid FROM ({sql})"
    )


@dataclass(frozen=True)
class Query:
    """A statement of Spark, and the one of DuckDB that makes the pass's rows of those ``found``.

    ``ranks`` are the views ``numbered`` and ``ranked``, if the statement reads this.
    """

    sql: str
    params: list[object]
    finish: str = ALL_FOUND
    ranks: Ranks | None = None

    @property
    def statement(self) -> Statement:
        return self.sql, self.params


@singledispatch
def query_of(wanted: Pass[Any], table: SparkTable) -> Query:
    """The query of a pass over all rows."""
    raise NotImplementedError(type(wanted).__name__)


def files_of() -> Statement:
    """By file: its key, its rows, and smallest, largest and sum of the row numbers."""
    return (
        "SELECT f, count(*) AS n, min(r) AS low, max(r) AS high, "
        f"CAST(sum(CAST(r AS {WIDE})) AS STRING) AS total FROM t GROUP BY f",
        [],
    )


def with_constants(
    names: Mapping[Column, str], constants: Container[Column], *, by_file: bool
) -> str:
    """The query of the rows ``of_files`` with values of the view ``constants`` for some columns.

    The values are texts, by the file's key if there are several files.
    """
    selected = [
        f"coalesce(t.{name}, {_of_text(f'k.{name}', column.type)}) AS {name}"
        if column in constants
        else f"t.{name}"
        for column, name in names.items()
    ]
    joined = "JOIN constants AS k ON k.f = t.f" if by_file else "CROSS JOIN constants AS k"
    return (
        f"SELECT /*+ BROADCAST(k) */ {', '.join([*selected, 't.r', 't.f'])} "
        f"FROM of_files AS t {joined}"
    )


def _of_text(value: str, type_: str) -> str:
    return f"unhex({value})" if type_ == "BLOB" else f"CAST({value} AS {spark_type(type_)})"


@dataclass(frozen=True)
class SparkKeys:
    """The digests of a key in Spark, and their ranks.

    Parameters
    ----------
    ranks : DigestRanks, optional
        They may be left out where only digests are needed.
    """

    columns: Sequence[Column]
    ranks: DigestRanks | None = None

    def text(self, table: SparkTable) -> str:
        """The canonical text of a row's key; NULL without one."""
        texts = [_canonical_text(table.name(column), column) for column in self.columns]
        return f"concat({', '.join(_with_length(text) for text in texts)})"

    def ranked(self, source: Statement, carried: Sequence[str]) -> Ranks:
        """As :func:`ranked`, of a source with the column ``key_text``."""
        assert self.ranks is not None  # noqa: S101 - the caller's part
        sql, params = source
        rows = digests(sql, ["ordinal", *carried]), params
        return ranked(self.ranks.network, rows, carried, "digest", self.ranks.shift)

    def faults(self, table: SparkTable, *, without_deleted: bool) -> KeyFaultQueries:
        """The queries that find missing and repeated keys."""
        source, params = table.numbered(f", {self.text(table)} AS key_text", None)
        assert not params  # noqa: S101 - there is no filter
        if without_deleted:
            source = (
                f"SELECT q.* FROM ({source}) AS q LEFT ANTI JOIN deleted AS d "
                "ON d.ordinal = q.ordinal"
            )
        rows = digests(source, ["ordinal"])
        counts = f"SELECT digest, count(*) AS n FROM ({rows}) GROUP BY digest"
        repeated = "digest IS NOT NULL AND n > 1"
        return KeyFaultQueries(
            "SELECT coalesce(sum(n) FILTER (WHERE digest IS NULL), 0) AS missing, "
            f"coalesce(sum(n) FILTER (WHERE {repeated}), 0) AS repeated FROM ({counts})",
            f"SELECT ordinal FROM ({rows}) WHERE digest IS NULL ORDER BY ordinal LIMIT {EXAMPLES}",
            f"SELECT r.ordinal FROM ({rows}) AS r LEFT SEMI JOIN (SELECT digest FROM ({counts}) "
            f"WHERE {repeated}) AS s ON s.digest = r.digest "
            f"ORDER BY r.ordinal LIMIT {MAX_NUMBERED}",
        )


@dataclass(frozen=True)
class KeyFaultQueries:
    """Queries: the numbers of faults, the first rows without a key, the rows of repeated keys."""

    counts: str
    missing: str
    repeated: str


def digests(source: str, columns: Sequence[str]) -> str:
    """Columns of a source and ``digest``, the first 62 bits of the SHA-256 of ``key_text``."""
    shown = ", ".join(columns)
    hashed = f"SELECT {shown}, sha2(CAST(key_text AS BINARY), {SHA_BITS}) AS hex FROM ({source})"
    high = "CAST(conv(substring(hex, 1, 15), 16, 10) AS BIGINT)"
    low = "CAST(conv(substring(hex, 16, 1), 16, 10) AS BIGINT)"
    return f"SELECT {shown}, shiftleft({high}, 2) | shiftright({low}, 2) AS digest FROM ({hashed})"


def _with_length(text: str) -> str:
    return f"CAST(octet_length({text}) AS STRING), ':', {text}"


def _canonical_text(value: str, column: Column) -> str:
    """As :func:`parquet_tables.row_keys.canonical.value_text`."""
    kind, plain = column.data_type, f"CAST({value} AS STRING)"
    if kind.is_text:
        return value
    if kind.digits is not None and kind.digits[1]:
        return f"trim(TRAILING '.' FROM trim(TRAILING '0' FROM {plain}))"
    if kind.is_date:
        return _years(plain, f"year({value})", "")
    if kind.name.startswith("TIMESTAMP"):
        text = _years(f"replace({plain}, ' ', 'T')", f"year({value})", "T")
        return f"concat({text}, 'Z')" if kind.name == "TIMESTAMP WITH TIME ZONE" else text
    return plain


def _years(text: str, year: str, before: str) -> str:
    """Years after 9999 have no sign in DuckDB, and those before 1 are counted as BC."""
    early = (
        f"concat(regexp_replace({text}, '^-[0-9]+', lpad(CAST(1 - {year} AS STRING), 4, '0')), "
        f"'{before or ' '}(BC)')"
    )
    return (
        f"CASE WHEN {year} BETWEEN 1 AND 9999 THEN {text} WHEN {year} > 9999 "
        f"THEN trim(LEADING '+' FROM {text}) ELSE {early} END"
    )


@query_of.register
def count_strata(wanted: CountStrata, table: SparkTable) -> Query:
    """Keys and rows of the strata, one more of them than are taken at the most."""
    keys = ", ".join(f"k{i}" for i in range(len(wanted.columns)))
    source, params = table.rows(table.keys(wanted.columns), wanted.row_filter)
    order = ", ".join(f"q.k{i} NULLS LAST" for i in range(len(wanted.columns)))
    return Query(
        f"SELECT {keys}, count(*) AS rows FROM ({source}) GROUP BY {keys} LIMIT {wanted.most + 1}",
        params,
        f"CREATE TEMP TABLE {wanted.table_name} AS SELECT row_number() OVER (ORDER BY {order}) - 1 "
        f"AS stratum, q.* FROM (SELECT {_found_keys(wanted.columns)}, f.rows FROM found AS f) AS q",
    )


def count_of_strata(wanted: CountStrata, table: SparkTable) -> Query:
    """How many strata there are."""
    keys = ", ".join(f"k{i}" for i in range(len(wanted.columns)))
    source, params = table.rows(table.keys(wanted.columns), wanted.row_filter)
    return Query(f"SELECT count(*) AS n FROM (SELECT DISTINCT {keys} FROM ({source}))", params)


@query_of.register
def count_rows(wanted: CountRows, table: SparkTable) -> Query:
    source, params = table.rows("", wanted.row_filter)
    return Query(
        f"SELECT count(*) AS rows FROM ({source})",
        params,
        f"CREATE TEMP TABLE {wanted.table_name} AS "
        "SELECT CAST(0 AS BIGINT) AS stratum, f.rows FROM found AS f",
    )


@query_of.register
def ranked_below(wanted: RankedBelow, table: SparkTable) -> Query:
    """Rows below the thresholds of the view ``wanted``, which is there if the strata have columns.

    The largest of the thresholds is applied before strata are looked up.
    """
    columns = wanted.strata.columns
    source = table.numbered(table.keys(columns), wanted.strata.row_filter)
    ranks = ranked(wanted.order, source, [f"k{i}" for i in range(len(columns))])
    return _below(wanted.strata, wanted.thresholds, ranks)


def ranked_by_key(
    keyed: SparkKeys,
    strata: StrataTable,
    thresholds: Int64s,
    table: SparkTable,
    *,
    own_starts: bool = False,
) -> Query:
    """As :func:`ranked_below`, by the ranks of digests.

    With ``own_starts`` the view ``wanted`` has the shift of each stratum's start, too.
    """
    columns = strata.columns
    source = table.numbered(
        f"{table.keys(columns)}, {keyed.text(table)} AS key_text", strata.row_filter
    )
    keys = [f"k{i}" for i in range(len(columns))]
    ranks = keyed.ranked(source, keys)
    if not own_starts:
        return _below(strata, thresholds, ranks)
    same = " AND ".join(f"q.{key} <=> w.{key}" for key in keys)
    rank = f"((q.rank - w.shift) & {SIZE - 1}L)"
    return Query(
        f"SELECT /*+ BROADCAST(w) */ q.ordinal, w.stratum, {rank} AS rank "
        f"FROM (SELECT * FROM ranked WHERE pid >= 0) AS q JOIN wanted AS w ON {same} "
        f"WHERE {rank} < w.threshold",
        [],
        NOT_TAKEN_FOUND,
        ranks,
    )


def _below(strata: StrataTable, thresholds: Int64s, ranks: Ranks) -> Query:
    columns, largest = strata.columns, int(thresholds.max(initial=0))
    keys = [f"k{i}" for i in range(len(columns))]
    below = f"SELECT * FROM ranked WHERE rank < {largest}L AND pid >= 0"
    if not columns:
        sql = f"SELECT ordinal, CAST(0 AS BIGINT) AS stratum, rank FROM ({below})"
        return Query(sql, [], NOT_TAKEN_FOUND, ranks)
    same = " AND ".join(f"q.{key} <=> w.{key}" for key in keys)
    sql = (
        f"SELECT /*+ BROADCAST(w) */ q.ordinal, w.stratum, q.rank FROM ({below}) AS q "
        f"JOIN wanted AS w ON {same} WHERE q.rank < w.threshold"
    )
    return Query(sql, [], NOT_TAKEN_FOUND, ranks)


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


@query_of.register
def rows_at_places(wanted: RowsAtPlaces, table: SparkTable) -> Query:
    """The view ``taken`` has the taken rows, and ``hit`` the places."""
    source, params = table.numbered(table.keys(wanted.line.columns), wanted.row_filter)
    left = f"SELECT t.* FROM ({source}) AS t LEFT ANTI JOIN taken AS d ON d.ordinal = t.ordinal"
    placed = placed_rows(wanted.line, left, IN_SPARK, by_units=False)
    return Query(
        f"SELECT /*+ BROADCAST(h) */ r.ordinal, r.before FROM ({placed}) AS r "
        "LEFT SEMI JOIN hit AS h ON h.place = r.before",
        params,
        "SELECT f.ordinal FROM found AS f ORDER BY f.before",
    )


@query_of.register
def rows_of_points(wanted: RowsOfPoints, table: SparkTable) -> Query:
    """As :class:`RowsOfPoints`; a decimal DIV gives a BIGINT, the number of a point."""
    selected = f"{table.keys(wanted.line.columns)}, {table.units(wanted.units)} AS v"
    source, params = table.numbered(selected, wanted.row_filter)
    left = (
        f"SELECT t.* FROM ({source}) AS t LEFT ANTI JOIN taken AS d ON d.ordinal = t.ordinal "
        f"WHERE t.v > 0 AND t.v < {_bigint(wanted.below)}"
    )
    placed = placed_rows(wanted.line, left, IN_SPARK, by_units=True)
    count, total = f"CAST('{wanted.count}' AS {WIDE})", f"CAST('{wanted.total}' AS {WIDE})"
    rest = f"CAST('{wanted.total - wanted.start - 1}' AS {WIDE})"
    k, later = (
        f"(CAST(({units}) * {count} + {rest} AS {WIDE}) DIV {total})"
        for units in ("r.before", "r.before + r.m")
    )
    return Query(
        f"SELECT ordinal, v, k FROM (SELECT r.ordinal, r.v, {k} AS k, {later} AS later "
        f"FROM ({placed}) AS r) WHERE later > k",
        params,
        "SELECT f.ordinal, f.v FROM found AS f ORDER BY f.k",
    )


@query_of.register
def exact_totals(wanted: ExactTotals, table: SparkTable) -> Query:
    """Spark adds integers up where it gets them cheaply, and DuckDB makes decimals of the sums."""
    type_, digits = wanted.column.type, wanted.column.data_type.digits
    wide = f"DECIMAL(38,{digits[1]})" if digits else WIDE
    counts = "count(*) AS n, count_if(v > 0) AS above, min(v) AS low"
    if is_integer_cheap(type_):
        source, params = table.rows(
            f", {as_integer(table.name(wanted.column), type_)} AS v", wanted.row_filter
        )
        below = 10 ** digits[0] if digits else MAX_BIGINT + 1
        total = f"coalesce({exact_sum('v', below)}, CAST(0 AS {WIDE}))"
        low, whole, high = (_in_units(f"f.{name}", digits) for name in ("low", "total", "high"))
        return Query(
            f"SELECT {counts}, {total} AS total, max(v) AS high FROM ({source})",
            params,
            f"SELECT f.n, f.above, {low}, {whole}, {high} FROM found AS f",
        )
    source, params = table.rows(f", {table.name(wanted.column)} AS v", wanted.row_filter)
    return Query(
        f"SELECT {counts}, coalesce(sum(CAST(v AS {wide})), CAST(0 AS {wide})) AS total, "
        f"max(v) AS high FROM ({source})",
        params,
    )


def _in_units(integer: str, digits: tuple[int, int] | None) -> str:
    """In DuckDB: the decimal number whose last places an integer counts."""
    places = digits[1] if digits else 0
    if not places:
        return integer
    unit = f"CAST(1e-{places} AS DECIMAL({places + 1}, {places}))"
    return f"CAST({integer} AS {WIDE}) * {unit}"


@query_of.register
def range_of(wanted: RangeOf, table: SparkTable) -> Query:
    """The extremes of exact numbers are of the column's own type; DuckDB makes them DOUBLE."""
    column, name = wanted.column, table.name(wanted.column)
    if column.data_type.decimals is not None:
        source, params = table.rows(f", {name} AS v", wanted.row_filter)
        low, high = (
            f"CAST(CAST(f.{one} AS {column.type}) AS DOUBLE) AS {one}" for one in ("low", "high")
        )
        return Query(
            f"SELECT count(*) AS n, count(v) AS finite, min(v) AS low, max(v) AS high "
            f"FROM ({source})",
            params,
            f"SELECT f.n, f.finite, {low}, {high} FROM found AS f",
        )
    require_number(column)
    source, params = table.rows(f", CAST({name} AS DOUBLE) AS v", wanted.row_filter)
    finite = f"FILTER (WHERE {is_finite('v')})"
    return Query(
        f"SELECT count(*) AS n, count(*) {finite} AS finite, min(v) {finite} AS low, "
        f"max(v) {finite} AS high FROM ({source})",
        params,
    )


@query_of.register
def refused_numbers(wanted: RefusedNumbers, table: SparkTable) -> Query:
    value = as_double(table.name(wanted.column), wanted.column)
    source, params = table.rows(f", {value} AS v", wanted.row_filter)
    return Query(
        "SELECT count(*) FILTER (WHERE v < 0D) AS negative, count(*) FILTER (WHERE abs(v) = "
        f"CAST('Infinity' AS DOUBLE)) AS infinite FROM ({source})",
        params,
    )


@query_of.register
def unit_totals(wanted: UnitTotals, table: SparkTable) -> Query:
    source, params = table.rows(f", {table.units(wanted.units)} AS v", wanted.row_filter)
    return Query(
        "SELECT count(*) AS n, count_if(v > 0) AS above, min(v) AS low, coalesce(sum(CAST(v AS "
        f"{WIDE})), CAST(0 AS {WIDE})) AS total, coalesce(max(v), 0L) AS high FROM ({source})",
        params,
    )


@query_of.register
def rows_of_units(wanted: RowsOfUnits, table: SparkTable) -> Query:
    source, params = table.numbered(f", {table.units(wanted.units)} AS v", wanted.row_filter)
    sql = f"SELECT ordinal, v FROM ({source}) WHERE v >= {_bigint(wanted.least)}"
    return Query(sql, params, NOT_TAKEN_FOUND)


@query_of.register
def unit_groups(wanted: UnitGroups, table: SparkTable) -> Query:
    """Rows near a group's edge are grouped by their units, as a negative number, and by DuckDB."""
    source, params = table.rows(f", {table.units(wanted.units)} AS v", wanted.row_filter)
    place = f"log2(CAST(v AS DOUBLE)) * {SIZE_GROUPS_PER_OCTAVE}D"
    near = f"floor(log2(-f.size_group) * {SIZE_GROUPS_PER_OCTAVE})"
    return Query(
        f"SELECT size_group, count(*) AS n, {exact_sum('v', wanted.below)} AS total FROM ("
        f"SELECT v, CASE WHEN abs(x - rint(x)) < {double(NEAR_AN_EDGE)} THEN -v "
        f"ELSE CAST(floor(x) AS BIGINT) END AS size_group FROM (SELECT v, {place} AS x "
        f"FROM ({source}) WHERE v > 0 AND v < {_bigint(wanted.below)})) GROUP BY size_group",
        params,
        f"SELECT CAST(CASE WHEN f.size_group < 0 THEN {near} ELSE f.size_group END AS INTEGER) "
        "AS g, CAST(sum(f.n) AS BIGINT), CAST(sum(f.total) AS HUGEINT) FROM found AS f GROUP BY g",
    )


@query_of.register
def scan_units(wanted: ScanUnits, table: SparkTable) -> Query:
    """Ranks that are too high for the largest units go first, before other units are computed."""
    column = f", {table.name(wanted.units.column)} AS w"
    source = table.numbered(column, wanted.row_filter)
    return _small_units(wanted, ranked(wanted.order, source, ["w"]))


def units_by_key(wanted: ScanUnits, keyed: SparkKeys, table: SparkTable) -> Query:
    """As :func:`scan_units`, by the ranks of digests."""
    columns = f", {table.name(wanted.units.column)} AS w, {keyed.text(table)} AS key_text"
    source = table.numbered(columns, wanted.row_filter)
    return _small_units(wanted, keyed.ranked(source, ["w"]))


def _small_units(wanted: ScanUnits, ranks: Ranks) -> Query:
    order, largest = wanted.order, wanted.largest_key
    key = f"CAST('{'Infinity' if largest == float('inf') else repr(largest)}' AS DOUBLE)"
    p = f"least(CAST(v AS DOUBLE) * {double(wanted.target_per_unit)}, 1D)"
    upper = f"(CAST({order.size - 1}L - rank AS DOUBLE) + 0.5D)"
    return Query(
        "SELECT ordinal, v, rank FROM (SELECT ordinal, rank, pid, "
        f"{units_of(wanted.units, 'w')} AS v FROM ranked) "
        f"WHERE rank < {wanted.rank_limit}L AND pid >= 0 AND v > 0 AND "
        f"v < {_bigint(wanted.below)} AND (CAST(rank AS DOUBLE) + 0.5D) * (1D - {p}) <= "
        f"{key} * {p} * {upper}",
        [],
        NOT_TAKEN_FOUND,
        ranks,
    )


@query_of.register
def money_by_block(wanted: MoneyByBlock, table: SparkTable) -> Query:
    money = Money(wanted.units, table.name(wanted.units.column))
    selected = f", {money.signed()} AS v"
    faults = "0L AS refused, 0L AS rounded"
    if not money.is_exact:
        selected += f", {money.refused()} AS refused, {money.rounded()} AS rounded"
        faults = "count_if(refused) AS refused, count_if(rounded) AS rounded"
    source, params = table.numbered(selected, wanted.row_filter)
    net, gross = _narrow_sum("v"), _narrow_sum("greatest(v, 0L)")
    return Query(
        f"SELECT shiftright(ordinal, {wanted.shift:d}) AS block, count(*) AS rows, "
        "count(v) AS present, count_if(v > 0) AS above, count_if(v = 0) AS zero, "
        f"{net} AS net, {gross} AS gross, {faults} FROM ({source}) GROUP BY block",
        params,
    )


@query_of.register
def money_of_blocks(wanted: MoneyOfBlocks, table: SparkTable) -> Query:
    source, params = table.numbered(f", {table.units(wanted.units)} AS v", wanted.row_filter)
    return Query(
        f"SELECT /*+ BROADCAST(h) */ q.ordinal, q.v FROM ({source}) AS q LEFT SEMI JOIN hit AS h "
        f"ON h.block = shiftright(q.ordinal, {wanted.shift:d}) "
        f"WHERE q.v > 0 AND q.v < {_bigint(wanted.below)}",
        params,
        NOT_TAKEN_FOUND,
    )


@query_of.register
def sums_by_stratum(wanted: SumsByStratum, table: SparkTable) -> Query:
    columns, value = wanted.strata.columns, f"{table.units(wanted.units)} AS v"
    source, params = table.rows(f"{table.keys(columns)}, {value}", wanted.strata.row_filter)
    zero = f"CAST(0 AS {WIDE})"
    square = f"CAST(CAST(v AS DECIMAL(19,0)) * CAST(v AS DECIMAL(19,0)) AS {WIDE})"
    return Query(
        _by_keys(
            columns,
            f"count(v) AS n, coalesce({exact_sum('v')}, {zero}) AS s, "
            f"coalesce(sum({square}), {zero}) AS q",
            source,
        ),
        params,
        _by_stratum(
            wanted.strata, "f.n, CAST(f.s AS HUGEINT) AS s, CAST(f.q AS HUGEINT) AS q", "n, s, q"
        ),
    )


@query_of.register
def amounts_by_stratum(wanted: AmountsByStratum, table: SparkTable) -> Query:
    """Floating-point numbers count in millionths: DuckDB makes decimals of six places.

    They are added up in halves of 50 bits, as ``high`` and ``low``, since Spark makes a decimal of
    a number's text.
    """
    strata, name = wanted.strata, table.name(wanted.column)
    if not wanted.column.data_type.is_float:
        digits = wanted.column.data_type.digits
        wide = f"DECIMAL(38,{digits[1]})" if digits else WIDE
        value = f"{table.keys(strata.columns)}, CAST({name} AS {wide}) AS v"
        source, params = table.rows(value, strata.row_filter)
        return Query(
            _by_keys(
                strata.columns,
                "sum(v) AS net, sum(v) FILTER (WHERE v < 0) AS negative",
                source,
            ),
            params,
            _by_stratum(strata, "f.net, f.negative", "net, negative"),
        )
    number = f"CAST({name} AS DOUBLE)"
    millionths = f"rint({number} * {10**FLOAT_PLACES}D)"
    selected = f"CASE WHEN {is_finite(number)} AND abs({millionths}) < 1e38D THEN {millionths} END"
    source, params = table.rows(f"{table.keys(strata.columns)}, {selected} AS x", strata.row_filter)
    keys = "".join(f", k{i}" for i in range(len(strata.columns)))
    step = f"{1 << HALF_BITS}D"
    halves = f"SELECT x{keys}, floor(x / {step}) AS high FROM ({source})"
    parts = (
        f"SELECT x{keys}, CAST(high AS {WIDE}) AS high, "
        f"CAST(CAST(x - CAST(high AS DOUBLE) * {step} AS BIGINT) AS {WIDE}) AS low FROM ({halves})"
    )
    return Query(
        _by_keys(
            strata.columns,
            "sum(high) AS high, sum(low) AS low, sum(high) FILTER (WHERE x < 0D) AS negative_high, "
            "sum(low) FILTER (WHERE x < 0D) AS negative_low",
            parts,
        ),
        params,
        _by_stratum(
            strata,
            f"{_of_halves('f.high', 'f.low')} AS net, "
            f"{_of_halves('f.negative_high', 'f.negative_low')} AS negative",
            "net, negative",
        ),
    )


def _by_keys(columns: Sequence[Column], figures: str, source: str) -> str:
    keys = ", ".join(f"k{i}" for i in range(len(columns)))
    if not columns:
        return f"SELECT {figures} FROM ({source})"
    return f"SELECT {keys}, {figures} FROM ({source}) GROUP BY {keys}"


def _by_stratum(strata: StrataTable, figures: str, names: str) -> str:
    """In DuckDB: the figures of the rows ``f`` that were found, with the strata's numbers."""
    if not strata.columns:
        return f"SELECT 0 AS stratum, {figures} FROM found AS f"
    return (
        f"SELECT s.stratum, {names} FROM (SELECT {_found_keys(strata.columns)}, {figures} "
        f"FROM found AS f) AS t JOIN {strata.table_name} AS s ON {same_keys(strata.columns)} "
        "ORDER BY s.stratum"
    )


def _found_keys(columns: Sequence[Column]) -> str:
    """The keys of the rows ``f`` that were found, in DuckDB's types."""
    return ", ".join(
        f"CAST(f.k{i} AS {'SMALLINT' if isinstance(column, BandColumn) else column.type}) AS k{i}"
        for i, column in enumerate(columns)
    )


def _of_halves(high: str, low: str) -> str:
    """In DuckDB: a sum of halves in millionths as the decimal number."""
    units = f"CAST({high} AS HUGEINT) * {1 << HALF_BITS} + CAST({low} AS HUGEINT)"
    return _in_units(units, (38, FLOAT_PLACES))


def units_of(units: Units, name: str) -> str:
    """The number ``name`` as an integer, as :meth:`Units.sql`."""
    if isinstance(units, MoneyUnits):
        return Money(units, name).sql()
    if isinstance(units, UncertaintyUnits):
        return _uncertainty(units, name)
    if units.decimals is not None:
        return as_integer(name, units.column.type)
    value = as_double(name, units.column)
    value = f"abs({value})" if units.is_absolute else value
    moved = f"({value} - {double(units.centre)})" if units.centre else value
    return (
        f"CASE WHEN {is_finite(value)} "
        f"THEN CAST(rint({moved} * {double(units.factor)}) AS BIGINT) END"
    )


def _uncertainty(units: UncertaintyUnits, name: str) -> str:
    """Millionths of √(p(1 - p)), as :meth:`UncertaintyUnits.sql`."""
    value = as_double(name, units.column)
    root = f"sqrt({value} * (1D - {value}))"
    return (
        f"CASE WHEN {name} IS NULL THEN {units.missing}L "
        f"WHEN {value} >= 0D AND {value} <= 1D THEN greatest({units.least}L, "
        f"CAST(floor({root} * {double(float(MILLION))} + 0.5D) AS BIGINT)) END"
    )


@dataclass(frozen=True)
class Money:
    """An amount as minor units, as :class:`MoneyUnits`."""

    units: MoneyUnits
    name: str

    @property
    def is_exact(self) -> bool:
        return self.units.column.data_type.decimals is not None

    @property
    def _is_float(self) -> bool:
        return self.units.column.data_type.is_float

    @property
    def _narrow(self) -> str:
        wide = self.units.column.data_type.digits
        return f"DECIMAL(18,{self.units.decimals})" if wide else "BIGINT"

    def signed(self) -> str:
        if self.is_exact:
            return as_integer(self.name, self.units.column.type)
        if self._is_float:
            value = f"CAST({self.name} AS DOUBLE)"
            return (
                f"CASE WHEN abs({value}) < {double(MAX_FLOAT_AMOUNT)} "
                f"THEN CAST({_rounded(f'({value} * 100D)')} AS BIGINT) END"
            )
        return as_integer(f"TRY_CAST({self.name} AS {self._narrow})", self._narrow)

    def sql(self) -> str:
        value = self.signed()
        if self.units.population == "positive":
            return value
        opposite = "-" if self.units.population == "negative" else "abs"
        return f"CASE WHEN {value} > -{MAX_MONEY}L THEN {opposite}({value}) END"

    def refused(self) -> str:
        present = f"NOT isnan({self.name})" if self._is_float else "true"
        return f"({self.name} IS NOT NULL AND {present} AND ({self.signed()}) IS NULL)"

    def rounded(self) -> str:
        if not self._is_float:
            return f"({self.name} <> TRY_CAST({self.name} AS {self._narrow}))"
        cents = f"(CAST({self.name} AS DOUBLE) * 100D)"
        precision = 1e-7 if self.units.column.type == "FLOAT" else 1e-15
        return (
            f"({is_finite(f'CAST({self.name} AS DOUBLE)')} AND "
            f"abs({cents} - {_rounded(cents)}) > "
            f"0.001D + abs({cents}) * {double(precision)})"
        )


def _rounded(value: str) -> str:
    """The nearest integer as DOUBLE, a half away from zero; Spark's ``round`` works on decimals."""
    whole = f"floor(abs({value}))"
    up = f"CASE WHEN abs({value}) - {whole} >= 0.5D THEN 1D ELSE 0D END"
    rounded = f"sign({value}) * (CAST({whole} AS DOUBLE) + {up})"
    return f"(CASE WHEN abs({value}) < {1 << 52}D THEN {rounded} ELSE {value} END)"


def exact_sum(value: str, below: int = MAX_BIGINT + 1) -> str:
    """The sum of BIGINT values from -``below`` to ``below`` - 1, as ``WIDE``.

    It is made of the sums of a value's parts, since Spark is slow at adding decimals up by group.
    """
    shifts = range(0, max((below - 1).bit_length(), 1), PART_BITS)
    parts = [f"(shiftright({value}, {shift}) & {PART - 1}L)" for shift in shifts[:-1]]
    parts.append(f"shiftright({value}, {shifts[-1]})")
    return " + ".join(
        f"CAST(sum({part}) AS {WIDE}) * CAST({1 << shift} AS {WIDE})"
        for shift, part in zip(shifts, parts, strict=True)
    )


def _narrow_sum(value: str) -> str:
    """A sum as BIGINT; NULL where it needs more than 64 bits."""
    return f"TRY_CAST(coalesce({exact_sum(value)}, CAST(0 AS {WIDE})) AS BIGINT)"


def _bigint(number: int) -> str:
    """A bound of BIGINT values; one beyond their range lets all pass, or none."""
    return f"{number}L" if number <= MAX_BIGINT else f"CAST('{number}' AS {WIDE})"
