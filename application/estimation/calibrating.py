"""Calibration of a sample to the exact totals of its source, or to totals from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Annotated, Any

import numpy as np

from application.estimation.known_totals import (
    COLUMNS_LOC,
    OutsideTotals,
    TotalsSource,
    agree,
    group_key,
    named,
    shown_keys,
    too_many_cells,
)
from contract.declarations import Help
from contract.requests.estimate import CalibrateRequest
from contract.words import WITHOUT_WEIGHTS, CalibrationMethod
from domain_errors import counted, located
from estimation_engine import (
    Calibration,
    Design,
    Difference,
    InvalidCalibration,
    Judge,
    Margins,
    Statistic,
    TooManyGroups,
    by_raking,
    by_ratio,
    by_regression,
    by_strata,
    is_summable,
    read_values,
    true_values,
)
from estimation_engine.arrays import Floats, Ints
from estimation_engine.population import GroupKey
from estimation_engine.reading import ReadSample
from estimation_engine.weighting import Solve
from lazy_dataclasses import dataclass
from parquet_tables.database import ParquetDatabase
from parquet_tables.rows import Statement
from parquet_tables.tables import Column, TableFiles
from presentation.content import float_text

MAX_COLUMNS: Mapping[CalibrationMethod, int] = {
    "difference": 1,
    "ratio": 1,
    "regression": 20,
    "poststratify": 4,
    "rake": 10,
    "judge": 5,
}
MAX_RAKED_CELLS = 300
MAX_LISTED = 100
"""Totals in an answer."""
FEW_ROWS = 5
LARGEST_CALIBRATED = 1e140
"""The largest number whose squares, times weights, surely have a sum."""


@dataclass(frozen=True)
class CalibrationFrame:
    """The tables and the database that a calibration reads.

    Parameters
    ----------
    source, condition : TableFiles, Statement
        The table and SQL of its rows that could be drawn.
    sample, ordinals : Statement, array of int
        SQL of the sample's table, and the sorted ordinals of its rows.
    columns : TableFiles
        The table whose columns a request names: the source, or the sample if totals are from
        outside.
    weights : array, shape (rows,)
        Those that are calibrated: of the design, or of respondents, 0 for other rows.
    outside : OutsideTotals, optional
        Totals from outside; without them those of the source.
    strata : sequence of Column
        The columns of the source by which one stratified sample was drawn.
    """

    database: ParquetDatabase
    source: TableFiles
    condition: Statement | None
    sample: Statement
    ordinals: Ints
    design: Design
    columns: TableFiles
    weights: Floats
    outside: OutsideTotals | None = None
    strata: Sequence[Column] = ()

    @property
    def has_nonresponse(self) -> bool:
        """Whether rows with the weight 0 didn't respond."""
        return self.weights is not self.design.weights

    def known(
        self, statistics: Sequence[Statistic], by: Sequence[Column], where: Statement | None = None
    ) -> dict[GroupKey, list[float | None]]:
        """Figures of the rows that could be drawn, by group."""
        condition = both(self.condition, where)
        with self.database.cursor(self.source) as cursor:
            found = true_values(cursor, self.source, statistics, by, condition)
        if found is None:
            raise too_many_cells(by)
        return found

    def sampled(self, statistics: Sequence[Statistic], by: Sequence[Column]) -> ReadSample:
        """Values of the sampled rows, and their groups."""
        try:
            with self.database.cursor() as cursor:
                read = read_values(cursor, self.sample, self.ordinals, statistics, by, None)
        except TooManyGroups:
            raise too_many_cells(by) from None
        for statistic, values in zip(statistics, read.values, strict=True):
            sizes = np.abs(values.y[values.present & np.isfinite(values.y)])
            if statistic.column is not None and sizes.max(initial=0.0) > LARGEST_CALIBRATED:
                raise InvalidCalibration(
                    'The column "{column}" has values beyond {most}, whose squares are too large '
                    "to calibrate with: divide them.",
                    column=statistic.column.name,
                    most=f"{LARGEST_CALIBRATED:g}",
                    loc=COLUMNS_LOC,
                )
        return read


def both(first: Statement | None, second: Statement | None) -> Statement | None:
    """SQL of the rows that meet both conditions; None for all rows."""
    conditions = [each for each in (first, second) if each is not None]
    return _joined(conditions, " AND ") if conditions else None


def either(conditions: Sequence[Statement]) -> Statement:
    """SQL of the rows that meet any of some conditions."""
    sql, params = _joined(conditions, " OR ")
    return f"({sql})", params


def _joined(conditions: Sequence[Statement], word: str) -> Statement:
    sql = word.join(f"coalesce({each}, false)" for each, _ in conditions)
    return sql, [value for _, params in conditions for value in params]


@dataclass(frozen=True)
class KnownTotal:
    """A total that the calibration reproduces: of a column, or the rows of a group."""

    column: Annotated[str | None, Help("A column of numbers; null for the number of rows.")]
    group: Annotated[dict[str, Any] | None, Help("The values of the columns, of a number of rows.")]
    n: Annotated[int, Help("Sampled rows; with nonresponse respondents.")]
    known: Annotated[float, Help("In the table, the request or the census.")]
    estimated: Annotated[
        float, Help("By the design weights; with nonresponse by those of respondents.")
    ]


@dataclass(frozen=True)
class CalibrationFacts:
    """What an answer says about a calibration; a difference and a judge have no weights."""

    method: CalibrationMethod
    columns: tuple[str, ...]
    source: Annotated[TotalsSource, Help("Where the totals come from.")]
    totals: Annotated[Sequence[KnownTotal], Help("The first 100 totals that are reproduced.")]
    g_min: Annotated[
        float | None, Help("The smallest factor of a weight; null for `difference` and `judge`.")
    ]
    g_max: float | None
    negative_weights: Annotated[int, Help("Sampled rows with a negative weight.")]


@dataclass(frozen=True)
class FigureDomains:
    """Figures with their groups and filter, whose own totals a difference and a judge use.

    Parameters
    ----------
    figures : sequence of Statistic
        Those of the request.
    values : sequence
        The value of each figure that is a share, as the request has it.
    """

    by: Sequence[Column] = ()
    where: Statement | None = None
    keys: Sequence[Mapping[str, Any]] = field(default_factory=lambda: [{}])
    figures: Sequence[Statistic] = ()
    values: Sequence[Any] = ()


@dataclass(frozen=True)
class FoundCalibration:
    """A calibration, with its totals and notes; ``solve`` calibrates other weights as well.

    A judge has no weights, but the known figures of its columns for each figure of the request.
    """

    calibration: Calibration | Difference | None
    totals: Sequence[KnownTotal]
    notes: Sequence[str]
    solve: Solve | None = None
    source: TotalsSource = "table"
    place: str = "in the table"
    judges: Sequence[Judge] = ()

    def facts(self, request: CalibrateRequest) -> CalibrationFacts:
        """The facts of the answer."""
        known = self.calibration
        g = _factors(known) if isinstance(known, Calibration) else None
        return CalibrationFacts(
            request.method,
            request.columns,
            self.source,
            self.totals[:MAX_LISTED],
            *(
                (None, None, 0)
                if g is None
                else (float(g.min()), float(g.max()), int((g < 0).sum()))
            ),
        )


def find_calibration(
    frame: CalibrationFrame,
    request: CalibrateRequest,
    domains: FigureDomains,
) -> FoundCalibration:
    """Calibrate a sample; ``domains`` are those of a difference or a judge.

    Raises
    ------
    InvalidCalibration
        The columns don't fit, or the sample can't reproduce their totals.
    """
    columns = calibration_columns(frame, request)
    with located(COLUMNS_LOC, InvalidCalibration):
        found = _found(frame, request, columns, domains)
    if frame.outside is None:
        return found
    return replace(found, source=frame.outside.source, place=frame.outside.place)


def _found(
    frame: CalibrationFrame,
    request: CalibrateRequest,
    columns: Sequence[Column],
    domains: FigureDomains,
) -> FoundCalibration:
    match request.method:
        case "difference":
            return _difference(frame, columns[0], domains)
        case "ratio":
            return _ratio(frame, columns[0])
        case "regression":
            return _regression(frame, columns)
        case "poststratify":
            return _poststratified(frame, columns)
        case "rake":
            return _raking(frame, columns)
        case "judge":
            raise AssertionError("find_judges finds those of a judge")


def calibration_columns(frame: CalibrationFrame, request: CalibrateRequest) -> list[Column]:
    """The columns of a request, after all checks of its method.

    Raises
    ------
    InvalidCalibration
        The columns don't fit, or the method doesn't fit the sample.
    """
    uncovered = frame.design.uncovered_rows
    if uncovered:
        raise InvalidCalibration(
            "The sample has no row of strata with {rows} rows, so it can't reproduce totals of "
            "the whole table: leave out `calibrate`.",
            rows=uncovered,
            loc=("calibrate",),
        )
    has_weights = request.method not in WITHOUT_WEIGHTS
    if not has_weights and (frame.outside is not None or frame.has_nonresponse):
        raise InvalidCalibration(
            "Calibration by {method} takes totals of the table, and no nonresponse: choose `ratio` "
            "or `regression`.",
            method=request.method,
            loc=("calibrate", "method"),
        )
    return _columns(frame.columns, request)


def _columns(source: TableFiles, request: CalibrateRequest) -> list[Column]:
    most = MAX_COLUMNS[request.method]
    if len(request.columns) > most:
        raise InvalidCalibration(
            "`calibrate` by {method} takes up to {most} columns.",
            method=request.method,
            most=most,
            loc=COLUMNS_LOC,
        )
    found = []
    for at, name in enumerate(request.columns):
        loc = (*COLUMNS_LOC, at)
        if name in request.columns[:at]:
            raise InvalidCalibration('The column "{column}" is named twice.', column=name, loc=loc)
        column = source.column(name)
        if request.method in ("difference", "ratio", "regression") and not is_summable(column):
            raise InvalidCalibration(
                'Calibration by {method} needs columns of numbers; "{column}" is of type {type}. '
                "Use poststratify or rake for categories.",
                method=request.method,
                column=name,
                type=column.type,
                loc=loc,
            )
        found.append(column)
    return found


@dataclass(frozen=True)
class _Number:
    """A column of numbers: of the sampled rows, and its total in the frame.

    A row without a value counts as the mean of the others, in the sample as in the frame.
    """

    column: Column
    x: Floats
    total: float
    mean: float
    rows: float
    missing: int
    sampled_missing: int
    is_outside: bool = False

    def notes(self) -> list[str]:
        if self.is_outside:
            if not self.sampled_missing:
                return []
            return [
                f'{self.sampled_missing:,} sampled rows have no value in "{self.column.name}". '
                "They count as the known mean."
            ]
        if not self.missing:
            return []
        return [
            f'{self.missing:,} rows have no value in "{self.column.name}", '
            f"{self.sampled_missing:,} of them drawn. They count as the mean of the others, in the "
            "sample and in the table, which leaves the estimates unbiased."
        ]

    def known_total(self, weights: Floats) -> KnownTotal:
        estimated = float((weights * self.x).sum())
        rows = int((weights > 0).sum())
        return KnownTotal(self.column.name, None, rows, self.total, estimated)


def _numbers(frame: CalibrationFrame, columns: Sequence[Column]) -> list[_Number]:
    population: float
    if frame.outside is not None:
        known = frame.outside.numbers(columns)
        population, totals = known.rows, known.totals
    else:
        statistics = [Statistic(name, column) for column in columns for name in ("total", "count")]
        *sums, rows = frame.known([*statistics, Statistic("count")], [])[()]
        population = _frame_rows(frame, rows)
        totals = [
            _known_total(column, *sums[2 * at : 2 * at + 2]) for at, column in enumerate(columns)
        ]
    read = frame.sampled([Statistic("total", column) for column in columns], [])
    numbers = []
    for at, column in enumerate(columns):
        total, count = totals[at]
        mean = total / count
        missing = int(population - count)
        values = read.values[at]
        x = np.where(values.present, values.y, mean)
        numbers.append(
            _Number(
                column,
                x,
                total + mean * missing,
                mean,
                population,
                missing,
                int((~values.present & (frame.weights > 0)).sum()),
                frame.outside is not None,
            )
        )
    return numbers


def _known_total(column: Column, total: float | None, count: float | None) -> tuple[float, float]:
    """A total and the number of values that it is of."""
    if not count or total is None:
        raise InvalidCalibration(
            'The column "{column}" has no total: it has {reason}.',
            column=column.name,
            reason="NaN or infinite values, or is too large" if count else "no value",
        )
    return total, count


def _frame_rows(frame: CalibrationFrame, rows: float | None) -> int:
    """The rows that could be drawn, which the totals are of.

    A design by size counts rows without one, too, which couldn't be drawn.
    """
    found = int(rows or 0)
    if not frame.design.by_size and found != frame.design.population:
        raise InvalidCalibration(
            "The rows that could be drawn can't be found again in the table, so their totals "
            "aren't known: leave out `calibrate`.",
            loc=("calibrate",),
        )
    return found


def _ratio(frame: CalibrationFrame, column: Column) -> FoundCalibration:
    (number,) = _numbers(frame, [column])
    weights = frame.weights
    if frame.outside is not None and number.total <= 0:
        raise InvalidCalibration(
            'A ratio needs a total above 0; that of "{column}" is {total}.',
            column=column.name,
            total=float_text(number.total),
        )
    notes = number.notes()
    if (number.x < 0).any():
        notes.append(
            f'"{column.name}" has negative values; a ratio fits a column of sizes. Consider '
            "regression."
        )

    def solve(given: Floats) -> Calibration:
        return by_ratio(given, number.x, number.total)

    return FoundCalibration(solve(weights), [number.known_total(weights)], notes, solve)


def _regression(frame: CalibrationFrame, columns: Sequence[Column]) -> FoundCalibration:
    numbers = _numbers(frame, columns)
    weights, population = frame.weights, numbers[0].rows
    x = np.array([number.x for number in numbers])
    means = np.array([number.total / population for number in numbers])
    names = [column.name for column in columns]

    def solve(given: Floats) -> Calibration:
        return by_regression(given, x, means, population, names)

    calibration = solve(weights)
    rows = KnownTotal(None, None, int((weights > 0).sum()), population, float(weights.sum()))
    totals = [rows, *(number.known_total(weights) for number in numbers)]
    notes = [note for number in numbers for note in number.notes()]
    return FoundCalibration(calibration, totals, notes + _weight_notes(calibration), solve)


def _factors(calibration: Calibration) -> Floats:
    """g of the rows that have a weight: with nonresponse of the respondents."""
    return calibration.g[calibration.weights > 0]


def _weight_notes(calibration: Calibration) -> list[str]:
    negative = int((_factors(calibration) < 0).sum())
    if not negative:
        return []
    return [
        f"{negative:,} sampled rows have a negative weight after the calibration: it corrects the "
        "sample strongly. Shares and quantiles of small groups can be impossible."
    ]


@dataclass(frozen=True)
class _FrameCells:
    """The groups of some columns: their rows in the frame, and each sampled row's group."""

    columns: Sequence[Column]
    keys: Sequence[GroupKey]
    rows: Floats
    of_sample: Any
    drawn: Any

    def known_totals(self, weights: Floats) -> list[KnownTotal]:
        estimated = np.bincount(self.of_sample, weights, len(self.keys))
        names = [column.name for column in self.columns]
        return [
            KnownTotal(
                None,
                dict(zip(names, key, strict=True)),
                int(self.drawn[at]),
                float(self.rows[at]),
                float(estimated[at]),
            )
            for at, key in enumerate(self.keys)
        ]


def _cells(frame: CalibrationFrame, columns: Sequence[Column]) -> _FrameCells:
    if frame.outside is None:
        known = {
            key: rows or 0.0 for key, (rows,) in frame.known([Statistic("count")], columns).items()
        }
        _frame_rows(frame, sum(known.values()))
    else:
        known = frame.outside.cells(columns)
    read = frame.sampled([], columns)
    shown = [tuple(key.values()) for key in read.keys]
    keys = shown if frame.outside is None else [group_key(columns, key) for key in shown]
    of_sample = read.domains.groups
    drawn = np.bincount(of_sample, frame.weights > 0, minlength=len(keys)).astype(np.int64)
    names = [column.name for column in columns]
    if frame.outside is not None:
        _require_listed(frame.outside, known, keys, drawn, names)
    answered = {key for key, rows in zip(keys, drawn.tolist(), strict=True) if rows}
    empty = [key for key, rows in known.items() if rows and key not in answered]
    if empty:
        lacking = (
            "{count} of {cells} groups of {columns} have no respondent: {shown}. "
            if frame.has_nonresponse
            else "{count} of {cells} groups of {columns} have no sampled row: {shown}. "
        )
        raise InvalidCalibration(
            lacking + "Choose columns with fewer values, or rake them separately.",
            count=len(empty),
            cells=len(known),
            columns=named(names),
            shown=shown_keys(empty),
        )
    # Groups whose rows have the weight 0 alone count as one that is left out.
    kept = np.flatnonzero(drawn > 0)
    places = np.zeros(len(keys), dtype=np.int64)
    places[kept] = np.arange(len(kept))
    rows = np.array([known[keys[at]] for at in kept.tolist()])
    return _FrameCells(
        columns, [shown[at] for at in kept.tolist()], rows, places[of_sample], drawn[kept]
    )


def _require_listed(
    outside: OutsideTotals,
    known: Mapping[GroupKey, float],
    keys: Sequence[GroupKey],
    drawn: Ints,
    names: Sequence[str],
) -> None:
    """Refuse sampled rows in groups without a known total, or with the total 0."""
    rows = dict(zip(keys, drawn.tolist(), strict=True))
    unknown = [key for key, count in rows.items() if count and not known.get(key)]
    if unknown:
        raise InvalidCalibration(
            "{rows} sampled {rows|row is|rows are} in groups of {columns} whose total {place} is "
            "missing or 0: {shown}.",
            rows=sum(rows[key] for key in unknown),
            columns=named(names),
            place=outside.place,
            shown=shown_keys(unknown),
        )


def _poststratified(frame: CalibrationFrame, columns: Sequence[Column]) -> FoundCalibration:
    cells, weights = _cells(frame, columns), frame.weights

    def solve(given: Floats) -> Calibration:
        return by_strata(given, cells.of_sample, cells.rows)

    totals = cells.known_totals(weights)
    return FoundCalibration(solve(weights), totals, _few_notes([cells]), solve)


def _few_notes(all_cells: Sequence[_FrameCells]) -> list[str]:
    few = sum(int((cells.drawn < FEW_ROWS).sum()) for cells in all_cells)
    if not few:
        return []
    return [
        f"{counted(few, 'group of the calibration has', 'groups of the calibration have')} fewer "
        f"than {FEW_ROWS} sampled rows; margins are then too small."
    ]


def _raking(frame: CalibrationFrame, columns: Sequence[Column]) -> FoundCalibration:
    margins = [_cells(frame, [column]) for column in columns]
    counts = [len(each.keys) for each in margins]
    if sum(counts) > MAX_RAKED_CELLS:
        raise InvalidCalibration(
            "The columns have {cells} values; raking takes up to {most}.",
            cells=sum(counts),
            most=MAX_RAKED_CELLS,
        )
    weights = frame.weights
    first = float(margins[0].rows.sum())
    for each in margins[1:]:
        whole = float(each.rows.sum())
        if not agree(first, whole):
            raise InvalidCalibration(
                'The groups of "{column}" have {sum} rows together, and those of "{other}" {rows}.',
                column=each.columns[0].name,
                sum=float_text(whole),
                other=margins[0].columns[0].name,
                rows=float_text(first),
            )
    by_margin = Margins([each.of_sample for each in margins], counts)
    # Published totals agree but for their rounding, raked ones to the last digits.
    rows = [each.rows * (first / float(each.rows.sum())) for each in margins]

    def solve(given: Floats) -> Calibration:
        return by_raking(given, by_margin, rows)

    totals = [total for each in margins for total in each.known_totals(weights)]
    return FoundCalibration(solve(weights), totals, _few_notes(margins), solve)


def _difference(
    frame: CalibrationFrame,
    column: Column,
    domains: FigureDomains,
) -> FoundCalibration:
    (number,) = _numbers(frame, [column])
    figures = [Statistic("total", column), Statistic("count", column), Statistic("count")]
    known = frame.known(figures, domains.by, domains.where)
    totals, counts = np.zeros(len(domains.keys)), np.zeros(len(domains.keys))
    for at, key in enumerate(domains.keys):
        total, present, rows = (each or 0.0 for each in known[tuple(key.values())])
        totals[at] = total + number.mean * (rows - present)
        counts[at] = rows
    weights = frame.design.weights
    return FoundCalibration(
        Difference(number.x, totals, counts), [number.known_total(weights)], number.notes()
    )
