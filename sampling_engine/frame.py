"""Facts of the rows that a round can draw, for planning: exact sums, a histogram, and bands.

One scan reads all variables; the range of each column is read before, from the files' statistics
where the type has only finite values.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lazy_dataclasses import dataclass
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part, watched
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import RowSet, Statement, read_rows
from parquet_tables.tables import Column, TableFiles
from sampling_engine.allocation import ColumnRange, range_and_units
from sampling_engine.amounts import eligible_amounts
from sampling_engine.checks import amount_of
from sampling_engine.engines.engine import DrawState
from sampling_engine.errors import TooManyStrata
from sampling_engine.methods.method import EligibleRows
from sampling_engine.selection.bands import BandColumn, Bands, band_column
from sampling_engine.selection.order import Int64s
from sampling_engine.selection.strata import ColumnStrata
from sampling_engine.spec import RowFilter
from sampling_engine.sql import statements
from sampling_engine.sql.passes import SIZE_GROUPS_PER_OCTAVE
from sampling_engine.sql.units import Units

MAX_CELLS = 200_000
CELLS = "frame_cells"
READING = "adding up the rows"


@dataclass(frozen=True)
class Variable:
    """A column of numbers; with a condition, 1 for the rows that meet it and 0 for others.

    Parameters
    ----------
    condition : Statement, optional
        SQL over ``f``, with its parameters.
    counts_missing : bool
        Rows without a value in the column count, too.
    """

    column: Column
    condition: Statement | None = None
    counts_missing: bool = False


@dataclass(frozen=True, eq=False)
class VariableSums:
    """Sums by cell: rows with a value, Σu, Σu² and Σu³; a value is (u + offset)·unit.

    Σu³ is a floating-point number, whose last digits depend on the order of the rows. ``low`` and
    ``high`` are the range of the values; NaN without any.
    """

    counts: Int64s
    sums: np.ndarray
    squares: np.ndarray
    cubes: np.ndarray
    offset: int
    unit: Fraction
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class FrameSums:
    """The cells, a group's rows in one domain, with the sums of each variable.

    Parameters
    ----------
    groups, domains : arrays of int64, shape (cells,)
    group_rows : array of int64, shape (groups,)
        All rows of each group.
    domains_by : list of dict
        Each domain's value of every column of ``by``, in the order of the values.
    group_weights : array of float, shape (groups,), optional
        The mean weight of each size group, in descending order.
    """

    groups: Int64s
    domains: Int64s
    group_rows: Int64s
    domains_by: list[dict[str, Any]]
    variables: list[VariableSums]
    group_weights: np.ndarray | None = None


def read_frame(
    eligible: EligibleRows,
    variables: Sequence[Variable],
    by: Sequence[Column],
    on_progress: ProgressCallback,
    weights: Units | None = None,
) -> FrameSums:
    """Add up variables over the rows of each stratum or cluster of a round, by domain.

    Parameters
    ----------
    weights : Units, optional
        A weight column: rows are grouped by weights that differ by 0.5 % at the most, and rows
        without a weight left out.

    Raises
    ------
    TooManyStrata
        There are more than MAX_CELLS cells.
    """
    state, strata = eligible.state, eligible.strata
    step = progress_part(on_progress, 0.0, 0.3)
    ranges = [
        None if each.condition else range_and_units(eligible, each.column, step)
        for each in variables
    ]
    columns = strata.columns if weights is None else ()
    read = _Reading(eligible, columns, by, variables, ranges, weights)
    state.cursor.execute(f"DROP TABLE IF EXISTS {CELLS}")
    with watched(state.cursor, progress_part(on_progress, 0.3, 1.0), READING):
        state.cursor.execute(*read.statement())
    count = state.cursor.execute(f"SELECT count(*) FROM {CELLS} WHERE n > 0").fetchall()[0][0]
    if count > MAX_CELLS:
        raise TooManyStrata(
            "The groups of the design and of `by` make {count} combinations; a size is computed "
            "for up to {maximum}. Choose columns with fewer values, or bands.",
            count=count,
            maximum=MAX_CELLS,
            loc=eligible.loc,
        )
    return read.result(_domains(eligible, by))


def _domains(eligible: EligibleRows, by: Sequence[Column]) -> list[dict[str, Any]]:
    if not by:
        return [{}]
    names = ", ".join(f"b{at}" for at in range(len(by)))
    order = ", ".join(f"b{at} NULLS LAST" for at in range(len(by)))
    sql = f"SELECT DISTINCT {names} FROM {CELLS} WHERE n > 0 ORDER BY {order}"
    # Names that a column of the table can't have twice.
    numbered = [Column(f"{at}", column.type) for at, column in enumerate(by)]
    rows = read_rows(eligible.state.cursor, (sql, []), numbered)
    names_of = [column.name for column in by]
    return [dict(zip(names_of, row.values(), strict=True)) for row in rows]


@dataclass(frozen=True)
class _Reading:
    """The statement of a frame, and the arrays of its result."""

    eligible: EligibleRows
    columns: Sequence[Column]
    by: Sequence[Column]
    variables: Sequence[Variable]
    ranges: Sequence[ColumnRange | None]
    weights: Units | None

    def statement(self) -> Statement:
        """Make the table of cells: keys k0…, domains b0…, rows n, and n0, s0, q0, u0 … of each."""
        state = self.eligible.state
        sources: list[str] = []
        params: list[object] = []
        for rows, sign in state.signed_rows:
            sql, bound = self._source(rows, sign)
            sources.append(sql)
            params += bound
        is_signed = len(sources) > 1
        keys = [f"k{at}" for at in range(self._keys)] + [f"b{at}" for at in range(len(self.by))]
        figures = [f"{_count(None, signed=is_signed)} AS n"]
        if self.weights is not None:
            figures.append(f"{_sum('x', signed=is_signed)} AS x")
        for at in range(len(self.variables)):
            figures += [
                f"{_count(f'v{at}', signed=is_signed)} AS n{at}",
                f"{_sum(f'v{at}', signed=is_signed)} AS s{at}",
                f"{_sum(f'CAST(v{at} AS HUGEINT) * v{at}', signed=is_signed)} AS q{at}",
                f"{_sum(f'CAST(v{at} AS DOUBLE) * v{at} * v{at}', signed=is_signed)} AS u{at}",
            ]
        where = "" if self.weights is None else " WHERE x > 0"
        return (
            f"CREATE TEMP TABLE {CELLS} AS SELECT {', '.join([*keys, *figures])} "
            f"FROM ({' UNION ALL '.join(sources)}){where} GROUP BY ALL",
            params,
        )

    @property
    def _keys(self) -> int:
        return len(self.columns) if self.weights is None else 1

    def _source(self, rows: RowSet | None, sign: int) -> Statement:
        """The signed rows with their keys and values."""
        table, row_filter = self.eligible.state.table, self.eligible.strata.row_filter
        selected: list[str] = []
        params: list[object] = []
        if self.columns:
            selected.append(statements.key_columns(self.columns))
        if self.weights is not None:
            x = self.weights.sql()
            group = f"floor(log2({x}) * {SIZE_GROUPS_PER_OCTAVE})"
            selected.append(f"CASE WHEN {x} > 0 THEN CAST({group} AS INTEGER) END AS k0, {x} AS x")
        selected += [f"f.{quote_identifier(each.name)} AS b{at}" for at, each in enumerate(self.by)]
        for at, (variable, found) in enumerate(zip(self.variables, self.ranges, strict=True)):
            sql, bound = _value(variable, found)
            selected.append(f"{sql} AS v{at}")
            params += bound
        # The table's own columns are read by their names inside, the engine's are outside.
        inner, bound = statements.rows_among(table, self._read_columns(), row_filter, rows)
        sql = f"SELECT {', '.join([*selected, f'{sign} AS sign'])} FROM ({inner}) AS f"
        return sql, [*params, *bound]

    def _read_columns(self) -> str:
        names = [column.name for column in (*self.columns, *self.by)]
        names += [variable.column.name for variable in self.variables]
        if self.weights is not None:
            names.append(self.weights.column.name)
        return ", ".join(f"f.{quote_identifier(name)}" for name in dict.fromkeys(names))

    def result(self, domains: list[dict[str, Any]]) -> FrameSums:
        """The arrays of the cells, with the groups numbered as those of the round."""
        order = ", ".join(f"t.b{at} NULLS LAST" for at in range(len(self.by)))
        domain = f"dense_rank() OVER (ORDER BY {order}) - 1" if self.by else "0"
        group, joined = "0", ""
        if self.weights is not None:
            group = "dense_rank() OVER (ORDER BY t.k0 DESC) - 1"
        elif self.columns:
            name = self.eligible.strata.table_name
            group = "s.stratum"
            joined = f" JOIN {name} AS s ON {statements.same_keys(self.columns)}"
        figures = [] if self.weights is None else ["t.x"]
        for at in range(len(self.variables)):
            figures += [f"t.n{at}", f"t.s{at}", f"t.q{at}", f"t.u{at}"]
        rows = self.eligible.state.cursor.execute(
            f"SELECT {group} AS stratum, {domain} AS domain, t.n, {', '.join(figures)} "
            f"FROM {CELLS} AS t{joined} WHERE t.n > 0 ORDER BY stratum, domain"
        ).fetchall()
        found = [list(part) for part in zip(*rows, strict=True)] or [[] for _ in range(9)]
        groups, numbers, counts = (np.array(part, dtype=np.int64) for part in found[:3])
        sums = found[3:]
        if self.weights is None:
            return FrameSums(
                groups, numbers, self.eligible.counts, domains, self._variables(sums, len(groups))
            )
        size = int(groups.max(initial=-1)) + 1
        group_rows = np.bincount(groups, counts, minlength=size).astype(np.int64)
        totals = np.bincount(groups, np.array(sums[0], dtype=np.float64), minlength=size)
        variables = self._variables(sums[1:], len(groups))
        return FrameSums(groups, numbers, group_rows, domains, variables, totals / group_rows)

    def _variables(self, sums: list[list[Any]], cells: int) -> list[VariableSums]:
        found = []
        for at, (variable, limits) in enumerate(zip(self.variables, self.ranges, strict=True)):
            counts, first, second, third = sums[4 * at : 4 * at + 4] if cells else ([], [], [], [])
            offset, unit, low, high = 0, Fraction(1), 0.0, 1.0
            if limits is not None:
                factor = Fraction(limits.units.factor)
                offset = round(Fraction(limits.units.centre) * factor)
                unit, low, high = 1 / factor, limits.low, limits.high
            elif variable.condition is None:
                low = high = float("nan")
            arrays = (np.array(counts, dtype=np.int64), _exact(first), _exact(second))
            cubes = np.array(third, dtype=np.float64)
            found.append(VariableSums(*arrays, cubes, offset, unit, low, high))
        return found


def _exact(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = [int(value) for value in values]
    return array


def _value(variable: Variable, found: ColumnRange | None) -> Statement:
    """The integer of a row ``f``; NULL for a row without a value."""
    if variable.condition is None:
        return ("CAST(NULL AS BIGINT)", []) if found is None else (found.units.sql(), [])
    sql, params = variable.condition
    value = f"CAST(coalesce({sql}, false) AS BIGINT)"
    if variable.counts_missing:
        return value, params
    name = f"f.{quote_identifier(variable.column.name)}"
    return f"CASE WHEN {name} IS NOT NULL THEN {value} END", params


def _count(value: str | None, *, signed: bool) -> str:
    if not signed:
        return f"count({value or '*'})"
    present = "" if value is None else f" FILTER (WHERE {value} IS NOT NULL)"
    return f"CAST(coalesce(sum(sign){present}, 0) AS BIGINT)"


def _sum(value: str, *, signed: bool) -> str:
    return f"coalesce(sum({value}{' * sign' if signed else ''}), 0)"


BINS_PER_OCTAVE = 256
OCTAVES = 24


@dataclass(frozen=True, eq=False)
class FineHistogram:
    """Bin edges, shape (bins + 1,), rows of each bin, and the range of the finite values."""

    edges: NDArray[np.float64]
    rows: NDArray[np.int64]
    low: float
    high: float


def fine_histogram(
    eligible: EligibleRows, column: Column, on_progress: ProgressCallback
) -> FineHistogram | None:
    """Count the finite values of a column by bin; None unless there are two different ones."""
    found = range_and_units(eligible, column, progress_part(on_progress, 0.0, 0.5))
    if found is None or not found.low < found.high:
        return None
    state = eligible.state
    origin = 0.0 if found.low < 0.0 < found.high else found.low
    scale = 2.0 ** (OCTAVES - 1) / max(found.high / 2 - origin / 2, origin / 2 - found.low / 2)
    ends = np.array([found.low, found.high]) - origin
    ends = np.sign(ends) * np.log2(1.0 + np.abs(ends) * scale) * BINS_PER_OCTAVE
    # A bin more at both ends, where the logarithms of DuckDB may differ in the last digit.
    first, last = int(np.floor(ends[0])) - 1, int(np.floor(ends[1])) + 1
    rows = np.zeros(last - first + 1, dtype=np.int64)
    distance = f"CAST(f.{quote_identifier(column.name)} AS DOUBLE) - ?::DOUBLE"
    bin_number = f"floor({BINS_PER_OCTAVE} * sign(d) * log2(1 + abs(d) * ?::DOUBLE))"
    for name, sign in state.signed_rows:
        source, params = statements.rows_among(
            state.table,
            f"f.{quote_identifier(column.name)}",
            eligible.strata.row_filter,
            name,
        )
        sql = (
            f"SELECT CAST({bin_number} AS INTEGER) AS bin, count(*) AS rows "
            f"FROM (SELECT {distance} AS d FROM ({source}) AS f) WHERE isfinite(d) GROUP BY bin"
        )
        with watched(state.cursor, progress_part(on_progress, 0.5, 1.0), "counting values"):
            counted = state.cursor.execute(sql, [scale, origin, *params]).fetchnumpy()
        np.add.at(rows, counted["bin"] - first, sign * counted["rows"])
    places = np.arange(first, last + 2) / BINS_PER_OCTAVE
    edges = origin + np.sign(places) * (2.0 ** np.abs(places) - 1.0) / scale
    return FineHistogram(edges, rows, found.low, found.high)


@dataclass(frozen=True)
class BandTotals:
    """The bands in order, and the rows without a value; ``amounts`` is None without a column."""

    column: BandColumn
    rows: tuple[int, ...]
    amounts: tuple[Decimal, ...] | None
    missing: int
    missing_amount: Decimal | None


def band_totals(
    database: ParquetDatabase,
    table: TableFiles,
    bands: Bands,
    *,
    row_filter: RowFilter | None = None,
    amount_column: str | None = None,
    counts_dir: Path | None = None,
) -> BandTotals:
    """Count rows and add up amounts by band.

    Raises
    ------
    InvalidStrata, UnknownColumn, InvalidMethod
        The column or the breaks make no bands, or the amount column holds no numbers.
    """
    column = band_column(table.column(bands.column, ("column",)), bands, ())
    amount = amount_of(table, amount_column)
    rows = dict.fromkeys(range(len(column.labels)), 0)
    amounts = dict.fromkeys(rows, Decimal(0))
    missing, missing_amount = 0, Decimal(0)
    with database.cursor(table) as cursor:
        state = DrawState(cursor, table, counts_dir=counts_dir, amount=amount)
        strata = state.strata_of([column], row_filter, ignore_progress)
        counts = state.eligible_of(strata, ignore_progress).tolist()
        sums = (
            [Decimal(0)] * len(counts)
            if amount is None
            else [one.net for one in eligible_amounts(state, strata, ignore_progress)]
        )
        numbers = strata.band_numbers() if isinstance(strata, ColumnStrata) else [None]
    for number, count, total in zip(numbers, counts, sums, strict=True):
        if number is None:
            missing, missing_amount = count, total
        else:
            rows[number], amounts[number] = count, total
    return BandTotals(
        column,
        tuple(rows.values()),
        None if amount is None else tuple(amounts.values()),
        missing,
        None if amount is None else missing_amount,
    )
