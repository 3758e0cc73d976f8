"""Summaries of columns for the head of a grid (missing values and a small chart), and round edges.

A summary costs two scans of its column, so it can follow a filter. In large tables it reads
blocks of rows at equal distances instead. Numbers and times have bins with round edges, all other
values their most frequent ones. The ``filters`` of a part select its rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise
from typing import Annotated, Any, Literal

import duckdb

from contract.answers import Hidden
from contract.declarations import Help
from lazy_dataclasses import dataclass
from parquet_tables.json_values import json_value
from parquet_tables.quoting import (
    positional_names,
    quote_text,
    shown_identifier,
)
from parquet_tables.rows import RowView, view_statement
from parquet_tables.tables import Column, TableFiles
from profiling_engine.columns.kinds import kind_of

Groups = list[tuple[Any, int]]
MAX_BINS = 20
MAX_VALUES = 6
FEW_DISTINCT = 12
"""Whole numbers with at most this many distinct values are shown value by value."""
MAX_TEXT_LENGTH = 1_000
"""Longer texts are no parts: neither a chart nor a filter can hold them."""
MAX_DISTINCT_SHOWN = 20
"""Above it, values that occur less than three times each are not shown."""
MANY_DISTINCT = 50_000
"""Above it the most frequent values are found approximately, in bounded memory."""
LONG_TAIL = 4
"""Bins end at the 1 % and 99 % quantiles if the range is so many times as wide."""
TIME_UNITS = ("minute", "hour", "day", "month", "quarter", "year", "decade", "century")
UNIT_SECONDS = (60, 3_600, 86_400, 2_629_746, 7_889_238, 31_556_952, 315_569_520, 3_155_695_200)


@dataclass(frozen=True)
class SummaryLimits:
    """Limits of the work.

    Parameters
    ----------
    exact_rows : int
        Larger tables are read in blocks.
    exact_distinct_rows : int
        In larger tables distinct values are counted approximately.
    sampled_rows, block_rows : int
        The rows of all blocks and of one.
    """

    exact_rows: int = 2_000_000
    exact_distinct_rows: int = 200_000
    sampled_rows: int = 1_000_000
    block_rows: int = 16_384


DEFAULT_LIMITS = SummaryLimits()


@dataclass(frozen=True)
class ChartBar:
    """One bar: its label, its rows, and the filter expression that selects them."""

    label: str
    row_count: int
    filters: Annotated[str, Help("The expression that selects the bar's rows.")]


@dataclass(frozen=True)
class ColumnSummary:
    """The form of a column's values."""

    column: Hidden[Column]
    row_count: Annotated[int, Help("The rows in view.")]
    missing: Annotated[int, Help("Those without a value.")]
    distinct: int
    minimum: Any
    maximum: Any
    chart: Annotated[
        Literal["bins", "values", "none"],
        Help("Whether `parts` are bins in order or the most frequent values."),
    ] = "none"
    parts: tuple[ChartBar, ...] = ()
    clipped: Annotated[bool, Help("Whether the outer bins have no limit.")] = False
    sampled: Annotated[bool, Help("Whether the numbers are those of some blocks.")] = False
    distinct_exact: Annotated[bool, Help("Whether `distinct` is exact.")] = False

    @property
    def name(self) -> Annotated[str, Help(None)]:
        """The column's name."""
        return self.column.name

    @property
    def type(self) -> Annotated[str, Help("DuckDB's type.")]:
        """The column's type."""
        return self.column.type


def summarise(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    columns: Sequence[Column],
    view: RowView,
    limits: SummaryLimits = DEFAULT_LIMITS,
) -> list[ColumnSummary]:
    """Summarise some columns of the rows of a view."""
    is_sampled = table.row_count > limits.exact_rows
    shown = RowView(_in_blocks(table, view, limits) if is_sampled else view.condition)
    sql, params = view_statement(table, columns, shown, 0, None)
    relation = f"({sql}) AS r({positional_names(len(columns))})"
    is_exact = table.row_count <= limits.exact_distinct_rows
    figures = ", ".join(
        _figures(f"r.c{at}", column, is_exact=is_exact) for at, column in enumerate(columns)
    )
    found = cursor.execute(f"SELECT count(*), {figures} FROM {relation}", params).fetchall()[0]
    summaries = []
    for at, column in enumerate(columns):
        count, distinct, low, high, ends = found[1 + 5 * at : 6 + 5 * at]
        missing = found[0] - count
        plain = ColumnSummary(
            column,
            found[0],
            missing,
            distinct,
            low,
            high,
            sampled=is_sampled,
            distinct_exact=is_exact,
        )
        sql, params = view_statement(table, [column], shown, 0, None)
        source = _Source(cursor, f"({sql}) AS r(v)", params)
        summary = _with_chart(plain, source, ends) if count else plain
        summaries.append(replace(summary, minimum=json_value(low), maximum=json_value(high)))
    return summaries


def _in_blocks(table: TableFiles, view: RowView, limits: SummaryLimits) -> tuple[str, list[object]]:
    """The view's condition, and that a row is in one of the blocks."""
    condition, params = view.condition or ("true", [])
    period = limits.block_rows * table.row_count // limits.sampled_rows
    return f"(f.file_row_number % ? < ?) AND ({condition})", [period, limits.block_rows, *params]


@dataclass(frozen=True)
class _Source:
    """The values ``r.v`` of one column."""

    cursor: duckdb.DuckDBPyConnection
    relation: str
    params: list[object]

    def groups(self, key: str, tail: str = "", key_params: Sequence[object] = ()) -> Groups:
        """The values of an SQL expression and their rows."""
        sql = f"SELECT {key} AS k, count(*) AS n FROM {self.relation} WHERE r.v IS NOT NULL"
        params = [*key_params, *self.params]
        return self.cursor.execute(f"{sql} GROUP BY k {tail}", params).fetchall()


def _figures(value: str, column: Column, *, is_exact: bool) -> str:
    """Count, distinct, minimum, maximum, and the 1 % and 99 % quantiles of a number."""
    kind = kind_of(column).kind
    if kind == "binary":
        return f"count({value}), 0, NULL, NULL, NULL"
    distinct = f"count(DISTINCT {value})" if is_exact else f"approx_count_distinct({value})"
    figures = f"count({value}), {distinct}"
    if kind == "number":
        number = _number(value, column)
        return f"{figures}, min({value}), max({value}), approx_quantile({number}, [0.01, 0.99])"
    if kind == "moment":
        return f"{figures}, min({value}), max({value}), NULL"
    return f"{figures}, NULL, NULL, NULL"


def _number(value: str, column: Column) -> str:
    cast = f"CAST({value} AS DOUBLE)"
    return f"CASE WHEN isfinite({value}) THEN {cast} END" if column.data_type.is_float else cast


def _with_chart(plain: ColumnSummary, source: _Source, ends: list[float] | None) -> ColumnSummary:
    kind = kind_of(plain.column).kind
    if kind == "number" and ends is not None and None not in ends:
        return _numbers(plain, source, ends)
    if kind == "moment":
        return _times(plain, source)
    if kind in ("text", "boolean"):
        return _values(plain, source)
    return plain


def _numbers(plain: ColumnSummary, source: _Source, ends: list[float]) -> ColumnSummary:
    column, name = plain.column, shown_identifier(plain.column.name)
    is_whole = isinstance(plain.minimum, int)
    if is_whole and plain.distinct <= FEW_DISTINCT:
        found = source.groups("r.v", "ORDER BY k")
        values = tuple(ChartBar(str(value), rows, f"{name} = {value}") for value, rows in found)
        return _charted(plain, "bins", values)
    low, high = float(plain.minimum), float(plain.maximum)
    if column.data_type.is_float and not abs(high - low) < float("inf"):
        low, high = ends
    is_clipped = high - low > LONG_TAIL * max(ends[1] - ends[0], 0) > 0
    first, last = ends if is_clipped else (low, high)
    edges = round_edges(first, last, whole=is_whole)
    passed = " + ".join("CAST(CAST(r.v AS DOUBLE) >= ? AS INTEGER)" for _ in edges)
    counted = dict(source.groups(f"{passed} - 1", key_params=edges))  # NaN is the largest
    parts = []
    lowest, highest = edges[0], edges[-1]
    if rows := counted.get(-1):
        below = f"{name} < {_literal(lowest)}"
        parts.append(ChartBar(f"< {shown_number(lowest)}", rows, below))
    for at, (start, end) in enumerate(pairwise(edges)):
        condition = f"{name} >= {_literal(start)} AND {name} < {_literal(end)}"
        label = f"{shown_number(start)} to {shown_number(end)}"
        parts.append(ChartBar(label, counted.get(at, 0), condition))
    if rows := counted.get(len(edges) - 1):
        above = f"{name} >= {_literal(highest)}"
        parts.append(ChartBar(f"≥ {shown_number(highest)}", rows, above))
    while not parts[-1].row_count:
        parts.pop()
    return _charted(plain, "bins", tuple(parts), clipped=is_clipped)


def round_edges(low: float, high: float, *, whole: bool) -> list[float]:
    """Edges of at most 20 bins with a step of 1, 2 or 5 times a power of ten.

    The last edge is above ``high``.

    >>> round_edges(3, 97, whole=True)
    [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0, 65.0, 70.0, 75.0, \
80.0, 85.0, 90.0, 95.0, 100.0]
    """
    first, last = Decimal(repr(low)), Decimal(repr(high))
    width = (last - first) / MAX_BINS or abs(first) / MAX_BINS or Decimal(1)
    power = Decimal(10) ** width.adjusted()
    steps = (factor * power for factor in (1, 2, 5, 10, 20, 50))
    for step in steps:
        if step < width or (whole and step < 1):
            continue
        start = (first / step).to_integral_value(ROUND_FLOOR)
        count = int((last / step).to_integral_value(ROUND_FLOOR) - start) + 1
        if count <= MAX_BINS:
            break
    return [float((start + at) * step) for at in range(count + 1)]


def _times(plain: ColumnSummary, source: _Source) -> ColumnSummary:
    name, type_ = shown_identifier(plain.column.name), plain.column.type
    unit = "hour" if type_ == "TIME" else _time_unit(plain.minimum, plain.maximum)
    start = f"date_trunc({quote_text(unit)}, {_as_time('r.v', type_)})"
    end = f"{start} + INTERVAL 1 {'century' if unit == 'century' else unit}"
    begin_text, end_text = (_day_or_time(one, unit, type_) for one in (start, end))
    key = f"struct_pack(s := {begin_text}, e := {end_text})"
    found = source.groups(key, "ORDER BY k")
    parts = []
    for bounds, rows in found:
        begins, ends = bounds["s"], bounds["e"]
        condition = f"{name} >= '{begins}'"
        if type_ != "TIME" or ends > begins:
            condition += f" AND {name} < '{ends}'"
        parts.append(ChartBar(f"{begins}", rows, condition))
    return _charted(plain, "bins", tuple(parts))


def _as_time(value: str, type_: str) -> str:
    if type_ == "TIME":
        return f"DATE '1970-01-01' + {value}"
    return f"CAST({value} AS TIMESTAMP)"


def _day_or_time(start: str, unit: str, type_: str) -> str:
    if type_ == "TIME":
        return f"strftime({start}, '%H:%M:%S')"
    pattern = "%Y-%m-%d %H:%M:%S" if unit in ("minute", "hour") else "%Y-%m-%d"
    return f"strftime({start}, {quote_text(pattern)})"


def _time_unit(low: date | datetime | time, high: date | datetime | time) -> str:
    """The smallest unit that needs at most 40 bins."""
    if not isinstance(low, date) or not isinstance(high, date):
        return "year"
    is_date = not isinstance(low, datetime)
    seconds = (high - low).total_seconds()
    for unit, length in zip(TIME_UNITS, UNIT_SECONDS, strict=True):
        if seconds / length <= 2 * MAX_BINS and not (is_date and length < UNIT_SECONDS[2]):
            return unit
    return TIME_UNITS[-1]


def _values(plain: ColumnSummary, source: _Source) -> ColumnSummary:
    value = "CAST(r.v AS VARCHAR)"
    present = plain.row_count - plain.missing
    if plain.distinct > present / 3 and present > MAX_DISTINCT_SHOWN:
        return plain
    if plain.distinct > MANY_DISTINCT:
        found = _frequent(source, value)
    else:
        found = source.groups(value, f"ORDER BY n DESC, k LIMIT {MAX_VALUES}")
    name = shown_identifier(plain.column.name)
    is_boolean = plain.column.type == "BOOLEAN"
    parts = [
        ChartBar(text, rows, f"{name} = {text if is_boolean else quote_text(text)}")
        for text, rows in found
        if len(text) <= MAX_TEXT_LENGTH
    ]
    return _charted(plain, "values", tuple(parts)) if parts else plain


def _frequent(source: _Source, value: str) -> Groups:
    """The most frequent values by an approximate method, with their exact numbers of rows."""
    sql = f"SELECT approx_top_k({value}, {MAX_VALUES}) FROM {source.relation}"
    (candidates,) = source.cursor.execute(sql, source.params).fetchall()[0]
    counted = f"WHERE list_contains(?::VARCHAR[], {value}) GROUP BY k ORDER BY n DESC, k"
    sql = f"SELECT {value} AS k, count(*) AS n FROM {source.relation} {counted}"
    return source.cursor.execute(sql, [*source.params, candidates]).fetchall()


def _charted(
    plain: ColumnSummary,
    chart: Literal["bins", "values"],
    parts: tuple[ChartBar, ...],
    *,
    clipped: bool = False,
) -> ColumnSummary:
    return replace(plain, chart=chart, parts=parts, clipped=clipped)


def shown_number(number: float) -> str:
    """A bin's edge with thousands separators.

    >>> shown_number(12500.0), shown_number(0.25), shown_number(1e15)
    ('12,500', '0.25', '1e+15')
    """
    return f"{number:,.10g}" if abs(number) < 1e12 else f"{number:.6g}"


def _literal(number: float) -> str:
    return format(Decimal(repr(number)).normalize(), "f")


MAX_DECADES = 6
MAX_DATE_BINS = 40
MONTHS = {"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1200}
DAYS_OF_MONTH = 30


def histogram_edges(
    column: Column, minimum: object, maximum: object, *, long_tail: bool
) -> list[str]:
    """Edges that cover a column's values, as texts; none for a type without bins.

    Parameters
    ----------
    minimum, maximum
        As JSON: numbers, numbers as text, or ISO dates.

    Examples
    --------
    >>> histogram_edges(Column("a", "INTEGER"), -3, 12, long_tail=True)
    ['-5', '-2', '-1', '0', '1', '2', '5', '10', '20']
    >>> histogram_edges(Column("d", "DATE"), "2025-01-15", "2025-03-02", long_tail=False)[:2]
    ['2025-01-15', '2025-01-16']
    """
    if minimum is None or maximum is None:
        return []
    kind = kind_of(column).kind
    if kind == "number":
        low, high = Decimal(str(minimum)), Decimal(str(maximum))
        if not (low.is_finite() and high.is_finite()):
            return []
        if long_tail:
            return [f"{edge:f}" for edge in _scaled_edges(low, high)]
        is_whole = isinstance(minimum, int)
        edges = round_edges(float(low), float(high), whole=is_whole)
        return [f"{Decimal(repr(edge)).normalize():f}" for edge in edges]
    if kind == "moment" and column.type != "TIME":
        try:
            first, last = (date.fromisoformat(str(one)[:10]) for one in (minimum, maximum))
        except ValueError:  # infinite, or before the year 1
            return []
        return [edge.isoformat() for edge in _date_edges(first, last)]
    return []


def _scaled_edges(low: Decimal, high: Decimal) -> list[Decimal]:
    """From the largest step at or below ``low`` to the first above ``high``."""
    largest = max(abs(low), abs(high))
    top = largest.adjusted() + 1
    steps = [
        Decimal((0, (digit,), power))
        for power in range(top - MAX_DECADES, top + 1)
        for digit in (1, 2, 5)
    ]
    edges = [*(-step for step in reversed(steps)), Decimal(0), *steps]
    first = max(at for at, edge in enumerate(edges) if edge <= low)
    last = min(at for at, edge in enumerate(edges) if edge > high)
    return edges[first : last + 1]


def _date_edges(first: date, last: date) -> Iterator[date]:
    days = (last - first).days + 1
    if days <= MAX_DATE_BINS:
        yield from (first + timedelta(at) for at in range(days + 1))
        return
    months = next(
        (each for each in MONTHS.values() if days / (DAYS_OF_MONTH * each) <= MAX_DATE_BINS), 1200
    )
    at = (first.year * 12 + first.month - 1) // months * months
    while at // 12 <= date.max.year:
        edge = date(max(at // 12, 1), at % 12 + 1, 1)
        yield edge
        if edge > last:
            return
        at += months
