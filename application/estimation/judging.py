"""A judge: a model or a rule whose opinions are columns of the table, beside labels of people.

Three figures stand side by side: that of people alone, that of the judge alone with its estimated
bias, and that of both. The formulas are those of :mod:`estimation_engine.judge`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import numpy as np

from application.estimation.calibrating import (
    CalibrationFrame,
    FigureDomains,
    FoundCalibration,
    calibration_columns,
)
from application.estimation.figures import (
    JudgeAlone,
    JudgeCoefficient,
    JudgeFigures,
    PlainEstimate,
)
from application.estimation.judge_columns import JudgeStatistic, judge_statistic
from application.estimation.known_totals import COLUMNS_LOC
from contract.requests.estimate import CalibrateRequest
from domain_errors import Loc, counted
from estimation_engine import (
    DomainEstimate,
    InvalidCalibration,
    Judge,
    JudgeColumn,
    Statistic,
)
from estimation_engine.arrays import Booleans, Floats, Ints
from estimation_engine.judge import LEAST_CARRIERS, MAX_CELLS
from estimation_engine.population import GroupKey
from lazy_dataclasses import dataclass
from parquet_tables.tables import Column
from presentation.charts import Interval, IntervalChart, axis_of
from sampling_engine.selection.bands import BandColumn

STATISTIC_LOC = "statistics"


@dataclass(frozen=True)
class _Strata:
    """The strata of the sampled rows: their keys, each row's number, and which are sampled."""

    columns: Sequence[Column]
    keys: Sequence[GroupKey]
    of_rows: Ints
    sampled: Booleans

    def shown_keys(self) -> list[dict[str, Any]]:
        """Each stratum's values by column; of bands their labels."""
        return [
            {
                column.name: column.labels[value]
                if isinstance(column, BandColumn) and value is not None
                else value
                for column, value in zip(self.columns, key, strict=True)
            }
            for key in self.keys
        ]


def find_judges(
    frame: CalibrationFrame, request: CalibrateRequest, domains: FigureDomains
) -> FoundCalibration:
    """The known figures of a judge's columns, for each figure and group of a request.

    Raises
    ------
    InvalidCalibration
        The columns or the figures don't fit, or the method doesn't fit the sample.
    """
    columns = calibration_columns(frame, request)
    strata = _strata(frame, len(domains.keys))
    judges = []
    for at, figure in enumerate(domains.figures):
        own = [
            _statistic(frame, figure, domains.values[at], column, (STATISTIC_LOC, at), place)
            for place, column in enumerate(columns)
        ]
        judges.append(_judge(frame, columns, own, domains, strata))
    return FoundCalibration(None, (), _missing_notes(frame, columns), judges=judges)


def _statistic(
    frame: CalibrationFrame,
    figure: Statistic,
    value: Any,
    column: Column,
    loc: Loc,
    place: int,
) -> JudgeStatistic:
    """The figure of a request, of a judge's column."""
    if figure.name == "ratio":
        below = figure.denominator
        if below is None or all(below != each for each in frame.source.columns):
            raise InvalidCalibration(
                "With a judge, the `denominator` of a ratio is a column of the table.",
                loc=(*loc, "denominator"),
            )
    return judge_statistic(
        frame.columns, figure, value, column, (loc, (*COLUMNS_LOC, place)), InvalidCalibration
    )


def _strata(frame: CalibrationFrame, groups: int) -> _Strata | None:
    """The strata of the sampled rows; None of other designs, and of very many strata."""
    if not frame.strata or groups * len(frame.design.group_rows) > MAX_CELLS:
        return None
    read = frame.sampled([], frame.strata)
    of_rows, design = read.domains.groups, frame.design
    sampled = np.zeros(len(read.keys), dtype=np.bool_)
    sampled[of_rows] = design.sampled_strata[design.groups]
    return _Strata(frame.strata, [tuple(key.values()) for key in read.keys], of_rows, sampled)


def _judge(
    frame: CalibrationFrame,
    columns: Sequence[Column],
    read_as: Sequence[JudgeStatistic],
    domains: FigureDomains,
    strata: _Strata | None,
) -> Judge:
    """The figures of the columns in the sample and in the table."""
    statistics = [each.statistic for each in read_as]
    read = frame.sampled(statistics, [])
    counts = [Statistic("count", each.column) for each in statistics]
    known = frame.known([*statistics, *counts], domains.by, domains.where)
    nothing: list[float | None] = [None] * (2 * len(statistics))
    by_group = [known.get(tuple(key.values()), nothing) for key in domains.keys]
    by_strata = None
    if strata is not None and all(each.name != "ratio" for each in statistics):
        by_strata = _by_strata(frame, statistics, domains, strata)
    found = []
    for at, (column, statistic) in enumerate(zip(columns, statistics, strict=True)):
        own = [(group[at], group[len(statistics) + at]) for group in by_group]
        if any(value is None and rows for value, rows in own) and statistic.name != "ratio":
            raise InvalidCalibration(
                'The column "{column}" has no total: it has NaN or infinite values, or is too '
                "large.",
                column=column.name,
                loc=(*COLUMNS_LOC, at),
            )
        figures = np.array([np.nan if value is None else value for value, _ in own])
        values, is_complement = read.values[at], read_as[at].is_complement
        y, of_strata = values.y, None if by_strata is None else by_strata[at]
        if is_complement:
            y, figures = np.where(values.present, 1.0 - y, 0.0), 1.0 - figures
        if is_complement and of_strata is not None:
            sums, rows_by_stratum = of_strata
            of_strata = rows_by_stratum - sums, rows_by_stratum
        found.append(
            JudgeColumn(
                column.name,
                statistic.name,
                *(y, values.present, values.x, figures),
                *(of_strata or (None, None)),
            )
        )
    if strata is None or by_strata is None:
        return Judge(found)
    return Judge(found, strata.of_rows, strata.sampled, strata.shown_keys())


def _by_strata(
    frame: CalibrationFrame,
    statistics: Sequence[Statistic],
    domains: FigureDomains,
    strata: _Strata,
) -> list[tuple[Floats, Floats]]:
    """Sums and rows with a value of each statistic, shape (domains, strata)."""
    parts = [part for each in statistics for part in (each, Statistic("count", each.column))]
    known = frame.known(parts, [*domains.by, *strata.columns], domains.where)
    shape = len(domains.keys), len(strata.keys)
    found = []
    for at, statistic in enumerate(statistics):
        sums, counts = np.zeros(shape), np.zeros(shape)
        for domain, key in enumerate(domains.keys):
            for stratum, own in enumerate(strata.keys):
                figures = known.get((*key.values(), *own))
                if figures is None:
                    continue
                value, rows = figures[2 * at], figures[2 * at + 1] or 0.0
                scale = 1.0 if statistic.name == "total" else rows
                sums[domain, stratum] = (value or 0.0) * scale
                counts[domain, stratum] = rows
        found.append((sums, counts))
    return found


def _missing_notes(frame: CalibrationFrame, columns: Sequence[Column]) -> list[str]:
    """Notes on the rows of which a judge says nothing."""
    statistics = [Statistic("count", column) for column in columns]
    *present, rows = frame.known([*statistics, Statistic("count")], [])[()]
    read = frame.sampled(statistics, [])
    notes = []
    for column, count, values in zip(columns, present, read.values, strict=True):
        missing = int((rows or 0) - (count or 0))
        if missing:
            drawn = int((~values.present).sum())
            notes.append(
                f'{missing:,} rows have no value in "{column.name}", {drawn:,} of them drawn. '
                "These count by their labels alone; the judge's figure is that of the rows with a "
                "value."
            )
    return notes


def judge_figures(
    judge: Judge,
    domain: int,
    people: DomainEstimate,
    final: DomainEstimate,
    rows: float,
) -> JudgeFigures:
    """The three figures of a group; ``rows`` are those of the table that it stands for."""
    both, tuned = PlainEstimate.of(final), final.tuned
    assert tuned is not None  # noqa: S101 - a judge is tuned
    values, cells, strata = tuned.coefficients.values, tuned.cells[domain], tuned.strata[domain]
    coefficients = [
        JudgeCoefficient(
            column.name,
            None if strata is None else dict(judge.keys[strata[place]]),
            float(values[at, cell]),
        )
        for at, column in enumerate(judge.columns)
        for place, cell in enumerate(cells.tolist())
    ]
    alone = [_alone(column.name, float(column.known[domain]), both) for column in judge.columns]
    return JudgeFigures(
        PlainEstimate.of(people),
        alone,
        both,
        coefficients,
        tuned.correlation(domain),
        _effective_labels(people, final, rows),
    )


def _alone(column: str, known: float, both: PlainEstimate) -> JudgeAlone:
    if not isfinite(known):
        return JudgeAlone(column, None, None, None, None)
    bias, low, high = (
        None if end is None else known - end for end in (both.estimate, both.ci_high, both.ci_low)
    )
    return JudgeAlone(column, known, bias, low, high)


def _effective_labels(people: DomainEstimate, final: DomainEstimate, rows: float) -> float | None:
    """n′ with 1/n′ - 1/N = (1/n - 1/N)·V/V₀, V₀ the variance of people alone.

    For a random sample n/(1 - ρ²(N - n)/N), as n labelled and N - n other rows have it.
    """
    if not people.error or final.error is None or not people.rows or rows <= people.rows:
        return None
    share = (final.error / people.error) ** 2
    return 1.0 / (1.0 / rows + (1.0 / people.rows - 1.0 / rows) * share)


def judge_notes(figures: Sequence[JudgeFigures], *, lacks_labels: bool) -> list[str]:
    """What the figures of both assume, and how many of them don't use the judge.

    ``lacks_labels`` is whether sampled rows have no label.
    """
    notes = [
        "Both: people's estimate, corrected by what the judge says of the whole table less what it "
        "says of the sample, with tuned coefficients. The judge needn't be right. It must have "
        "judged all rows alike, whether they were drawn or not, and without knowing the labels."
    ]
    if lacks_labels:
        notes.append(
            "Sampled rows without a label count in the judge's figure and not in people's, so both "
            "are less related: the more rows are labelled, the narrower both are."
        )
    unused = sum(not each.is_used for each in figures)
    if unused:
        whole = counted(unused, "estimate is", "estimates are")
        notes.append(
            f"{whole} that of people alone: the judge isn't related to the labels, the degrees of "
            "freedom are few, or it differs from people in fewer than some "
            f"{LEAST_CARRIERS} rows, which is too few for a standard error."
        )
    return notes


def judge_chart(
    title: str, figures: Sequence[tuple[str, JudgeFigures]], text_of: Callable[[float], str]
) -> IntervalChart | None:
    """People alone, the judge alone and both, of each named group; None without an interval.

    Parameters
    ----------
    figures : sequence of (str, JudgeFigures)
        The name of each group, empty for all rows.
    text_of : callable
        Writes a figure.
    """
    lines = []
    for name, each in figures:
        judges = [
            (
                f"Judge alone ({one.column})" if len(each.judge_alone) > 1 else "Judge alone",
                PlainEstimate(one.estimate, None, one.estimate, one.estimate),
            )
            for one in each.judge_alone
        ]
        for label, one in (("People alone", each.people_alone), *judges, ("Both", each.both)):
            value, low, high = one.estimate, one.ci_low, one.ci_high
            if value is not None and low is not None and high is not None:
                shown = f"{name}: {label}" if name else label
                lines.append(Interval(shown, value, low, high, text_of(value)))
    if not lines:
        return None
    return IntervalChart(title, lines, [text_of(end) for end in axis_of(lines)])
