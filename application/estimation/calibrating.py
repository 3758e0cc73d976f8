"""Calibration of a sample to the exact totals of its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from contract.declarations import Help
from contract.requests.estimate import CalibrateRequest
from contract.words import CalibrationMethod
from estimation_engine import (
    Calibration,
    Design,
    Difference,
    InvalidCalibration,
    Margins,
    Statistic,
    TooManyGroups,
    by_raking,
    by_ratio,
    by_regression,
    by_strata,
    is_number,
    read_values,
    true_values,
)
from estimation_engine.arrays import Floats, Ints
from estimation_engine.population import GroupKey
from estimation_engine.reading import ReadSample
from parquet_tables.database import ParquetDatabase
from parquet_tables.rows import Statement
from parquet_tables.tables import Column, TableFiles

MAX_COLUMNS: Mapping[CalibrationMethod, int] = {
    "difference": 1,
    "ratio": 1,
    "regression": 20,
    "poststratify": 4,
    "rake": 10,
}
MAX_RAKED_CELLS = 300
MAX_LISTED = 100
"""Totals in an answer."""
MAX_NAMED = 5
"""Cells that an error names."""
FEW_ROWS = 5
COLUMNS_LOC = ("calibrate", "columns")


@dataclass(frozen=True)
class CalibrationFrame:
    """The tables and the database that a calibration reads.

    Parameters
    ----------
    source, condition : TableFiles, Statement
        The table and SQL of its rows that could be drawn.
    sample, ordinals : Statement, array of int
        SQL of the sample's table, and the sorted ordinals of its rows.
    """

    database: ParquetDatabase
    source: TableFiles
    condition: Statement | None
    sample: Statement
    ordinals: Ints
    design: Design

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
                return read_values(cursor, self.sample, self.ordinals, statistics, by, None)
        except TooManyGroups:
            raise too_many_cells(by) from None


def both(first: Statement | None, second: Statement | None) -> Statement | None:
    """SQL of the rows that meet both conditions; None for all rows."""
    conditions = [each for each in (first, second) if each is not None]
    if not conditions:
        return None
    sql = " AND ".join(f"coalesce({each}, false)" for each, _ in conditions)
    return sql, [value for _, params in conditions for value in params]


@dataclass(frozen=True)
class KnownTotal:
    """A total that the calibration reproduces: of a column, or the rows of a group."""

    column: Annotated[str | None, Help("A column of numbers; null for the number of rows.")]
    group: Annotated[dict[str, Any] | None, Help("The values of the columns, of a number of rows.")]
    n: Annotated[int, Help("Sampled rows.")]
    known: Annotated[float, Help("In the table.")]
    estimated: Annotated[float, Help("By the design weights.")]


@dataclass(frozen=True)
class CalibrationFacts:
    """What an answer says about a calibration; a difference has no weights."""

    method: CalibrationMethod
    columns: tuple[str, ...]
    totals: Annotated[Sequence[KnownTotal], Help("The first 100 totals that are reproduced.")]
    g_min: Annotated[float | None, Help("The smallest factor of a weight; null for `difference`.")]
    g_max: float | None
    negative_weights: Annotated[int, Help("Sampled rows with a negative weight.")]


@dataclass(frozen=True)
class FoundCalibration:
    """A calibration, with its totals and notes."""

    calibration: Calibration | Difference
    totals: Sequence[KnownTotal]
    notes: Sequence[str]

    def facts(self, request: CalibrateRequest) -> CalibrationFacts:
        """The facts of the answer."""
        known = self.calibration
        g = known.g if isinstance(known, Calibration) else None
        return CalibrationFacts(
            request.method,
            request.columns,
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
    by: Sequence[Column],
    where: Statement | None,
    keys: Sequence[Mapping[str, Any]],
) -> FoundCalibration:
    """Calibrate a sample; ``by``, ``where`` and ``keys`` are the domains of a difference.

    Raises
    ------
    InvalidCalibration
        The columns don't fit, or the sample can't reproduce their totals.
    """
    uncovered = frame.design.uncovered_rows
    if uncovered:
        raise InvalidCalibration(
            "The sample has no row of strata with {rows} rows, so it can't reproduce totals of "
            "the whole table: leave out `calibrate`.",
            rows=uncovered,
            loc=("calibrate",),
        )
    columns = _columns(frame.source, request)
    try:
        match request.method:
            case "difference":
                return _difference(frame, columns[0], by, where, keys)
            case "ratio":
                return _ratio(frame, columns[0])
            case "regression":
                return _regression(frame, columns)
            case "poststratify":
                cells, weights = _cells(frame, columns), frame.design.weights
                by_cell = by_strata(weights, cells.of_sample, cells.rows)
                return FoundCalibration(by_cell, cells.known_totals(weights), _few_notes([cells]))
            case "rake":
                return _raking(frame, columns)
    except InvalidCalibration as error:
        error.loc = error.loc or COLUMNS_LOC
        raise


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
        if request.method in ("difference", "ratio", "regression") and not is_number(column):
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


def too_many_cells(columns: Sequence[Column]) -> InvalidCalibration:
    """The error of columns whose values make too many groups."""
    return InvalidCalibration(
        "{columns} make more groups than a calibration takes: choose columns with fewer values.",
        columns=_named([column.name for column in columns]),
        loc=COLUMNS_LOC,
    )


def _named(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


@dataclass(frozen=True)
class _Number:
    """A column of numbers: of the sampled rows, and its total in the frame.

    A row without a value counts as the mean of the others, in the sample as in the frame.
    """

    column: Column
    x: Floats
    total: float
    mean: float
    rows: int
    missing: int
    sampled_missing: int

    def notes(self) -> list[str]:
        if not self.missing:
            return []
        return [
            f'{self.missing:,} rows have no value in "{self.column.name}", '
            f"{self.sampled_missing:,} of them drawn. They count as the mean of the others, in the "
            "sample and in the table, which leaves the estimates unbiased."
        ]

    def known_total(self, weights: Floats) -> KnownTotal:
        estimated = float((weights * self.x).sum())
        return KnownTotal(self.column.name, None, len(self.x), self.total, estimated)


def _numbers(frame: CalibrationFrame, columns: Sequence[Column]) -> list[_Number]:
    statistics = [Statistic(name, column) for column in columns for name in ("total", "count")]
    *sums, rows = frame.known([*statistics, Statistic("count")], [])[()]
    population = _frame_rows(frame, rows)
    totals = [_known_total(column, *sums[2 * at : 2 * at + 2]) for at, column in enumerate(columns)]
    read = frame.sampled([Statistic("total", column) for column in columns], [])
    numbers = []
    for at, column in enumerate(columns):
        total, count = totals[at]
        mean = total / count
        missing = population - int(count)
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
                int((~values.present).sum()),
            )
        )
    return numbers


def _known_total(column: Column, total: float | None, count: float | None) -> tuple[float, float]:
    """A total and the number of values that it is of."""
    if not count or total is None:
        raise InvalidCalibration(
            'The column "{column}" has no total: it has {reason}.',
            column=column.name,
            reason="NaN or infinite values" if count else "no value",
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
    weights = frame.design.weights
    notes = number.notes()
    if (number.x < 0).any():
        notes.append(
            f'"{column.name}" has negative values; a ratio fits a column of sizes. Consider '
            "regression."
        )
    calibration = by_ratio(weights, number.x, number.total)
    return FoundCalibration(calibration, [number.known_total(weights)], notes)


def _regression(frame: CalibrationFrame, columns: Sequence[Column]) -> FoundCalibration:
    numbers = _numbers(frame, columns)
    design, population = frame.design, numbers[0].rows
    calibration = by_regression(
        design.weights,
        np.array([number.x for number in numbers]),
        np.array([number.total / population for number in numbers]),
        population,
        [column.name for column in columns],
    )
    rows = KnownTotal(None, None, design.rows, population, float(design.weights.sum()))
    totals = [rows, *(number.known_total(design.weights) for number in numbers)]
    notes = [note for number in numbers for note in number.notes()]
    return FoundCalibration(calibration, totals, notes + _weight_notes(calibration))


def _weight_notes(calibration: Calibration) -> list[str]:
    negative = int((calibration.g < 0).sum())
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
    known = frame.known([Statistic("count")], columns)
    _frame_rows(frame, sum(rows or 0.0 for (rows,) in known.values()))
    read = frame.sampled([], columns)
    keys = [tuple(key.values()) for key in read.keys]
    empty = [key for key in known if key not in set(keys)]
    if empty:
        shown = "; ".join(
            ", ".join("missing" if value is None else str(value) for value in key)
            for key in empty[:MAX_NAMED]
        )
        more = f" and {len(empty) - MAX_NAMED:,} more" if len(empty) > MAX_NAMED else ""
        raise InvalidCalibration(
            "{count} of {cells} groups of {columns} have no sampled row: {shown}. Choose columns "
            "with fewer values, or rake them separately.",
            count=len(empty),
            cells=len(known),
            columns=_named([column.name for column in columns]),
            shown=shown + more,
        )
    rows = np.array([known[key][0] or 0.0 for key in keys])
    of_sample = read.domains.groups
    return _FrameCells(columns, keys, rows, of_sample, np.bincount(of_sample, minlength=len(keys)))


def _few_notes(all_cells: Sequence[_FrameCells]) -> list[str]:
    few = sum(int((cells.drawn < FEW_ROWS).sum()) for cells in all_cells)
    if not few:
        return []
    return [
        f"{few:,} groups of the calibration have fewer than {FEW_ROWS} sampled rows; margins are "
        "then too small."
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
    weights = frame.design.weights
    calibration = by_raking(
        weights,
        Margins([each.of_sample for each in margins], counts),
        [each.rows for each in margins],
    )
    totals = [total for each in margins for total in each.known_totals(weights)]
    return FoundCalibration(calibration, totals, _few_notes(margins))


def _difference(
    frame: CalibrationFrame,
    column: Column,
    by: Sequence[Column],
    where: Statement | None,
    keys: Sequence[Mapping[str, Any]],
) -> FoundCalibration:
    (number,) = _numbers(frame, [column])
    figures = [Statistic("total", column), Statistic("count", column), Statistic("count")]
    known = frame.known(figures, by, where)
    totals, counts = np.zeros(len(keys)), np.zeros(len(keys))
    for at, key in enumerate(keys):
        total, present, rows = (each or 0.0 for each in known[tuple(key.values())])
        totals[at] = total + number.mean * (rows - present)
        counts[at] = rows
    weights = frame.design.weights
    return FoundCalibration(
        Difference(number.x, totals, counts), [number.known_total(weights)], number.notes()
    )
