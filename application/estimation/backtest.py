"""Back-test of a sample: estimates of figures that are known, held against their true values.

Every column of numbers gives a mean, and every value of a column of few values a share.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from application.estimation.estimates import estimates_of
from application.estimation.figures import FigureEstimate
from application.estimation.value_sources import estimated_columns
from contract.answers import AtConfidence
from contract.declarations import Help
from contract.requests.estimate import (
    BacktestRequest,
    EstimatesRequest,
    IntervalRequest,
    StatisticRequest,
    VarianceRequest,
)
from domain_errors import counted
from estimation_engine.reading import relation_of
from lazy_dataclasses import dataclass
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import read_rows
from parquet_tables.tables import Column, TableFiles
from service.service import Service
from service.tables.open_tables import open_sample, open_source
from storage.jobs.jobs import JobRecord

MAX_VALUES = 10
"""Values of a column whose shares are estimated; a column of more values is no category."""
MAX_FIGURES = 200
CATEGORIES = ("VARCHAR", "BOOLEAN")


@dataclass(frozen=True, kw_only=True)
class KnownFigure(FigureEstimate):
    """An estimate of a figure that is known."""

    covers: Annotated[
        bool | None,
        Help(
            "Whether the interval holds the true value; null if either is unknown, or for `exact`."
        ),
    ]
    exact: Annotated[bool, Help("Whether the figure is the true value by design, and can't miss.")]

    @classmethod
    def judged(cls, estimate: FigureEstimate) -> KnownFigure:
        covers = estimate.holds_truth
        is_point = estimate.ci_low == estimate.ci_high
        exact = bool(covers and estimate.standard_error == 0.0 and is_point)
        return cls(**vars(estimate), covers=None if exact else covers, exact=exact)


@dataclass(frozen=True, kw_only=True)
class BacktestAnswer(AtConfidence):
    """Estimates of figures that are known, and how many intervals hold the true value."""

    job_id: str
    figures: Annotated[
        Sequence[KnownFigure], Help("Means of numbers and shares of categories.")
    ] = ()
    intervals: Annotated[
        int, Help("Figures with an interval and a true value, without exact ones.")
    ] = 0
    covered: Annotated[int, Help("Intervals that hold the true value.")] = 0
    notes: Sequence[str] = (
        "No column of the table has numbers, or few enough values to be a category.",
    )


def backtest_of(service: Service, job: JobRecord, request: BacktestRequest) -> BacktestAnswer:
    """Estimate all figures of known columns, and count the intervals that hold the true value.

    Raises
    ------
    DomainError
        The design has no formula.
    """
    statistics, notes = _known_statistics(service, job)
    if not statistics:
        return BacktestAnswer(request.confidence, job_id=job.id)
    # A back-test counts every interval, also those that rest on few degrees of freedom.
    asked = EstimatesRequest(
        statistics=tuple(statistics),
        confidence=request.confidence,
        variance=VarianceRequest(lonely_stratum=request.lonely_stratum),
        interval=IntervalRequest(minimum_degrees=0),
        true_values=True,
    )
    estimated = estimates_of(service, job, asked)
    figures = [KnownFigure.judged(estimate) for estimate in estimated.estimates]
    verdicts = [figure.covers for figure in figures if figure.covers is not None]
    exact = sum(figure.exact for figure in figures)
    if exact:
        of_figures = counted(exact, "figure is", "figures are")
        notes.append(
            f"{of_figures} exact by design and in no count: no margin, and the true value."
        )
    notes.append(
        "All figures are from one sample, so their errors are related: the share of intervals that "
        "hold the true value varies more than that of independent intervals."
    )
    return BacktestAnswer(
        request.confidence,
        job_id=job.id,
        figures=figures,
        intervals=len(verdicts),
        covered=sum(verdicts),
        notes=[*notes, *estimated.notes],
    )


def _known_statistics(service: Service, job: JobRecord) -> tuple[list[StatisticRequest], list[str]]:
    """Statistics of the table's columns, and notes on those that are left out."""
    sample = open_sample(service, job).files
    known = {column.name for column in open_source(service, job).files.columns}
    columns = [each for each in estimated_columns(service, job) if each.name in known]
    numbers = [sample.column(each.name) for each in columns if each.is_number]
    odd = _not_finite(service, sample, numbers)
    statistics: list[StatisticRequest] = []
    for column in columns:
        if column.name in odd:
            continue
        if column.is_number:
            statistics.append(StatisticRequest(statistic="mean", column=column.name))
        else:
            statistics += _shares(service, sample, sample.column(column.name))
    notes = []
    if len(statistics) > MAX_FIGURES:
        notes.append(f"The first {MAX_FIGURES} of {len(statistics):,} figures.")
    notes += [f'"{name}" has NaN or infinite values: left out.' for name in odd]
    return statistics[:MAX_FIGURES], notes


def _not_finite(service: Service, sample: TableFiles, columns: Sequence[Column]) -> list[str]:
    """The columns with a sampled value that is NaN or infinite."""
    names = [column.name for column in columns if column.data_type.is_float]
    if not names:
        return []
    relation, params = relation_of(sample)
    odd = ", ".join(f"bool_or(NOT isfinite(f.{quote_identifier(name)}))" for name in names)
    with service.parquet.cursor(sample) as cursor:
        found = cursor.execute(f"SELECT {odd} FROM {relation} AS f", params).fetchone() or ()
    return [name for name, is_odd in zip(names, found, strict=True) if is_odd]


def _shares(service: Service, sample: TableFiles, column: Column) -> Sequence[StatisticRequest]:
    """The shares of a category's sampled values; none if it has one value, or too many.

    Of one value or two besides NULL, the share of the last one follows from the others.
    """
    if column.type not in CATEGORIES:
        return []
    relation, params = relation_of(sample)
    name = f"f.{quote_identifier(column.name)}"
    sql = (
        f"SELECT {name} FROM {relation} AS f GROUP BY {name} ORDER BY count(*) DESC, {name} "
        f"NULLS LAST LIMIT {MAX_VALUES + 1:d}"
    )
    with service.parquet.cursor(sample) as cursor:
        values = [row[column.name] for row in read_rows(cursor, (sql, params), [column])]
    if not 1 < len(values) <= MAX_VALUES:
        return []
    present = [value for value in values if value is not None]
    if len(present) <= 2:
        values.remove(present[-1])
    return [
        StatisticRequest(statistic="proportion", column=column.name, value=value)
        for value in values
    ]
