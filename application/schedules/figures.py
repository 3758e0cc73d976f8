"""A figure of each run of a schedule, and of all runs together.

Runs are pooled in one of two ways, and each names what it assumes. As *strata* their populations
are parts of one population that have no row in common. Their *average* is the mean of the runs'
figures: of what a run found on the average, whatever rows the populations share.

The change from run to run is that of independent samples, as each run has seeds of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import hypot, inf, isfinite, sqrt
from typing import Annotated

import numpy as np

from application.access import Caller, sample_source
from application.estimation.estimates import computed_estimates, sampled_values, settings_of
from application.estimation.figures import GroupFigure, PlainEstimate
from application.estimation.sample_rows import SampledValues
from application.estimation.value_sources import FROM_ENTRIES
from application.review.readings import ReviewProgress, review_progress
from application.schedules.registering import readable_schedule
from contract.answers import AtConfidence
from contract.declarations import Help, copied
from contract.requests.estimate import CalibrateRequest, EstimatesRequest, StatisticRequest
from contract.requests.pooling import ScheduleFiguresRequest
from contract.words import Pooling, StatisticName
from domain_errors import DomainError, counted
from estimation_engine import DomainEstimate, Domains, EstimateSettings, Values, estimate
from estimation_engine.designs.pooled import pooled_design
from estimation_engine.errors import InvalidEstimate
from estimation_engine.intervals import Confidence as Level
from estimation_engine.intervals import difference_interval, t_interval
from lazy_dataclasses import dataclass
from service.service import Service
from service.tables.open_tables import version_of
from storage.errors import Conflict
from storage.jobs.jobs import JobRecord
from storage.jobs.schedules import Schedule, sampled_runs
from storage.versions.data_files import AttachedFile
from storage.versions.manifests import get_commit

ROUNDING = 1e-9
UNANSWERED = "No row is answered yet."
NO_VALUE = "No sampled row has a value."
NO_ESTIMATE = PlainEstimate(None, None, None, None)


@dataclass(frozen=True, kw_only=True)
class RunFigure(PlainEstimate):
    """The figure of a run's population; null with a ``problem``."""

    job_id: str
    name: Annotated[str | None, Help("The name of the sample.")]
    created_at: str
    population: Annotated[int | None, Help("Rows that the run could draw.")]
    n: Annotated[int | None, Help("Sampled rows with a value.")]
    df: int | None
    problem: Annotated[str | None, Help("Why the run has no figure: it isn't pooled then.")]
    drawn: Annotated[int | None, Help("Rows to answer; null of values of the table.")] = None
    answered: Annotated[
        int | None, Help("Those that were answered, or found that they can't be judged.")
    ] = None
    is_complete: Annotated[
        bool | None,
        Help(
            "Whether each row has its answer and, where due, its second reading and decision. "
            "Until then the figure is preliminary."
        ),
    ] = None
    since_last: Annotated[
        PlainEstimate | None, Help("The change since the run before that has a figure.")
    ] = None
    since_first: Annotated[
        PlainEstimate | None, Help("The change since the first of `runs` that has a figure.")
    ] = None


@dataclass(frozen=True)
class PooledFigure(PlainEstimate):
    """The figure of all runs together."""

    runs: Annotated[int, Help("Runs that have a figure.")]
    population: int
    n: int
    df: int
    interval: Annotated[str, Help("The formula of the interval.")]
    preliminary_runs: Annotated[int, Help("Those of the runs that lack answers.")]


@dataclass(frozen=True, kw_only=True)
class ScheduleFigures(AtConfidence):
    """A figure of each run of a schedule, and of all runs together."""

    schedule_id: int
    statistic: StatisticName
    figure: Annotated[str, Help("The figure in words.")]
    pooling: Pooling
    runs: Annotated[list[RunFigure], Help("Oldest first.")]
    pooled: Annotated[PooledFigure | None, Help("Null if fewer than two runs have a figure.")]
    notes: Annotated[list[str], Help("What the figures assume and refer to.")]


@dataclass(frozen=True)
class _Run:
    """A run with the values of its sample and its estimate."""

    job: JobRecord
    progress: ReviewProgress | None
    sampled: SampledValues
    found: DomainEstimate

    @property
    def is_preliminary(self) -> bool:
        return self.progress is not None and not self.progress.is_complete

    @property
    def population(self) -> int:
        return self.sampled.design.design.covered_rows

    @property
    def weight(self) -> float:
        """The weights of the rows with a value: how many rows of the population they stand for."""
        read = self.sampled.read
        rows = read.domains.included & read.values[0].present
        return float(self.sampled.design.design.weights[rows].sum())

    def figure(self) -> RunFigure:
        """What is answered of the run."""
        return _run_figure(
            self.job,
            self.progress,
            PlainEstimate.of(self.found),
            population=self.population,
            n=self.found.rows,
            df=self.found.degrees,
        )


def schedule_figures(
    caller: Caller, schedule_id: int, request: ScheduleFiguresRequest
) -> ScheduleFigures:
    """Estimate a figure of each run's population, and pool the runs.

    Raises
    ------
    NotFound
        There is no such schedule.
    Conflict
        It is of profiles, or of waves of a panel; or two populations have a data file in common.
    InvalidEstimate
        The figure is a quantile, which isn't pooled; or no run has one for this reason.
    """
    service = caller.service
    schedule = readable_schedule(caller, schedule_id)
    _require_pooled(schedule, request)
    with service.database.read() as tx:
        jobs = sampled_runs(tx, schedule.id, request.runs)
    one = _of_one_run(request)
    settings = settings_of(one)
    runs, figures = _read_runs(caller, jobs, one)
    _require_known_value(caller, one, runs)
    pooled, pooling_notes = _pooled(service, request, settings, runs)
    notes = [
        *_preliminary_notes(runs),
        *([_judged_note(request.judge)] if request.judge else ()),
        *pooling_notes,
        *_answer_notes(request),
        *_margin_notes(runs),
        *_change_notes(len(runs), request.confidence),
        *_lacking_notes(len(figures) - len(runs)),
    ]
    return ScheduleFigures(
        request.confidence,
        schedule_id=schedule.id,
        statistic=request.statistic,
        figure=GroupFigure.of_request(request, {}).figure_name,
        pooling=request.pooling,
        runs=figures,
        pooled=pooled,
        notes=notes,
    )


def _read_runs(
    caller: Caller, jobs: Sequence[JobRecord], one: EstimatesRequest
) -> tuple[list[_Run], list[RunFigure]]:
    """The runs that have a figure, and what is answered of each run.

    Raises
    ------
    DomainError
        No run has a figure: the problem of the newest.
    """
    runs: list[_Run] = []
    figures: list[RunFigure] = []
    problem: DomainError | None = None
    for job in jobs:
        progress = None if one.values == "table" else review_progress(caller.service, job)
        if progress is not None and not progress.answered:
            figures.append(_run_figure(job, progress, NO_ESTIMATE, problem=UNANSWERED))
            continue
        try:
            with caller.reading():
                run = _run_of(caller.service, job, progress, one)
        except DomainError as error:
            problem = error
            figures.append(_run_figure(job, progress, NO_ESTIMATE, problem=error.message))
            continue
        if run.found.value is None:
            figures.append(_run_figure(job, progress, NO_ESTIMATE, problem=NO_VALUE))
            continue
        caller.audit_view(sample_source(job), "estimates")
        runs.append(run)
        figures.append(_with_changes(runs))
    if problem is not None and not runs:
        raise problem
    return runs, figures


def _run_of(
    service: Service, job: JobRecord, progress: ReviewProgress | None, one: EstimatesRequest
) -> _Run:
    sampled = sampled_values(service, job, one, has_known_values=False)
    (found,) = computed_estimates(service, sampled, one).estimates
    return _Run(job, progress, sampled, found.computed)


def _answer_notes(request: ScheduleFiguresRequest) -> list[str]:
    """What figures of answers take for granted."""
    if request.values not in FROM_ENTRIES:
        return []
    return [
        "The intervals take what people found as right, so they hold the true figure less often "
        "than they say if readers err. Second readings correct no figure of a run here; the "
        "estimates of one sample have the corrected figure."
    ]


def _margin_notes(runs: Sequence[_Run]) -> list[str]:
    """A note on margins of 0 that may follow from sampled rows that are all alike."""
    alike = sum(run.found.is_constant and run.found.error == 0.0 for run in runs)
    if not alike:
        return []
    return [
        f"{counted(alike, 'run has', 'runs have')} a margin of 0, since the sampled rows are "
        "all alike. That doesn't show that the other rows are."
    ]


def _lacking_notes(without: int) -> list[str]:
    """What runs without a figure mean for the others."""
    if not without:
        return []
    return [
        f"{counted(without, 'run has', 'runs have')} no figure and "
        f"{'is' if without == 1 else 'are'} left out; a rate of the others is biased if the "
        "reason has to do with the figure."
    ]


def _preliminary_notes(runs: Sequence[_Run]) -> list[str]:
    """What runs without all answers are."""
    waiting = [run.progress for run in runs if run.progress and not run.progress.is_complete]
    if not waiting:
        return []
    rows = sum(each.rows for each in waiting)
    lacking = rows - sum(each.answered for each in waiting)
    return [
        f"{counted(len(waiting), 'run is', 'runs are')} preliminary: {lacking:,} of "
        f"{counted(rows, 'row')} aren't answered yet, or second readings and decisions are "
        "lacking. These figures change with the answers that come, and are biased if the rows "
        "were answered in another order than that of the queue, which is random."
    ]


def _with_changes(runs: Sequence[_Run]) -> RunFigure:
    """The figure of the last run, with its changes since the run before and since the first."""
    *before, run = runs
    if not before:
        return run.figure()
    return replace(
        run.figure(),
        since_last=_change(before[-1].found, run.found),
        since_first=_change(before[0].found, run.found),
    )


def _change(first: DomainEstimate, second: DomainEstimate) -> PlainEstimate | None:
    """The change between independent samples: variances add up, and both intervals combine."""
    if first.value is None or second.value is None:
        return None
    value = second.value - first.value
    errors = (first.error, second.error)
    error = None if None in errors else hypot(*(each or 0.0 for each in errors))
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return PlainEstimate(value, error, None, None)
    low, high = difference_interval(
        first.value, (first.low, first.high), second.value, (second.low, second.high)
    )
    return PlainEstimate(value, error, low, high)


def _judged_note(columns: Sequence[str]) -> str:
    return (
        f"Each run's figure is that of people and {', '.join(columns)} together, with coefficients "
        "of its own labels: the judge needn't be right, but must judge all rows alike. Where it "
        "doesn't help, it isn't used."
    )


def _change_notes(runs: int, confidence: float) -> list[str]:
    """What the changes assume."""
    if runs < 2:
        return []
    return [
        "The change from run to run assumes independent samples: each run was drawn with a seed of "
        "its own, so both variances add up. It is of the populations as they were, including rows "
        "that came or went. Its interval combines both runs' intervals (Zou and Donner 2008).",
        f"Each interval of a change is that of one comparison alone: of many, about "
        f"{100 * (1 - confidence):.3g} % leave out 0 though nothing has changed.",
    ]


def _require_known_value(caller: Caller, one: EstimatesRequest, runs: Sequence[_Run]) -> None:
    """Refuse the share of a value that no row of any run's table has: it may be misspelled."""
    if any(run.found.value for run in runs):
        return
    problem: DomainError | None = None
    for run in reversed(runs):
        try:
            with caller.reading():
                sampled_values(caller.service, run.job, one)
        except DomainError as error:
            problem = error
        else:
            return
    if problem is not None:
        raise problem


def _require_pooled(schedule: Schedule, request: ScheduleFiguresRequest) -> None:
    if schedule.run_type != "sampling":
        raise Conflict("Only the draws of a schedule have figures to pool.")
    if "panel_id" in schedule.request:
        raise Conflict(
            "The waves of a panel have rows in common, so they aren't independent samples. "
            "Estimate the change from wave to wave instead."
        )
    if request.statistic == "quantile":
        raise InvalidEstimate(
            "A quantile isn't pooled: choose a mean, total, proportion, count or ratio.",
            loc=("statistic",),
        )


def _of_one_run(request: ScheduleFiguresRequest) -> EstimatesRequest:
    """The request of the estimate of one run."""
    figure = copied(StatisticRequest, request)
    judge = CalibrateRequest(method="judge", columns=request.judge) if request.judge else None
    return copied(EstimatesRequest, request, statistics=(figure,), calibrate=judge)


def _run_figure(
    job: JobRecord,
    progress: ReviewProgress | None,
    plain: PlainEstimate,
    *,
    population: int | None = None,
    n: int | None = None,
    df: int | None = None,
    problem: str | None = None,
) -> RunFigure:
    return RunFigure(
        **vars(plain),
        job_id=job.id,
        name=job.output_name,
        created_at=job.created_at,
        population=population,
        n=n,
        df=df,
        problem=problem,
        drawn=None if progress is None else progress.rows,
        answered=None if progress is None else progress.answered,
        is_complete=None if progress is None else progress.is_complete,
    )


def _pooled(
    service: Service,
    request: ScheduleFiguresRequest,
    settings: EstimateSettings,
    runs: Sequence[_Run],
) -> tuple[PooledFigure | None, list[str]]:
    """The figure of all runs, and what it assumes."""
    if len(runs) < 2:
        return None, ["At least two runs need a figure before they can be pooled."]
    if request.pooling == "strata":
        _require_disjoint(service, runs)
        notes = [
            "The populations of the runs are strata of one population. This assumes that they have "
            "no row in common: no two have a data file in common, and nothing else was checked."
        ]
        return _as_strata(runs, settings), notes
    notes = [
        "The pooled figure is the mean of the runs' figures, each with the same weight. It is the "
        "figure of a run's population on the average of these runs, not of later ones. Its "
        "interval is right because each run was drawn with a seed of its own."
    ]
    if any("excluded" in run.job.run_parameters for run in runs):
        notes.append(
            "Runs leave out the rows of earlier ones, so each figure is of the rows that were "
            "left, which depend on the earlier draws; the errors of the figures don't."
        )
    return _average(request, runs, settings), notes


def _require_disjoint(service: Service, runs: Sequence[_Run]) -> None:
    """Refuse runs whose populations have a data file in common."""
    owners: dict[tuple[str, ...], JobRecord] = {}
    for run in runs:
        with service.database.read() as tx:
            commit = get_commit(tx, run.job.dataset_id, version_of(run.job))
        for file in commit.manifest.table(run.job.run_parameters["table_key"]).files:
            if isinstance(file, AttachedFile):
                identity: tuple[str, ...] = (file.connection, file.uri)
            else:
                identity = (file.sha256,)
            if owners.setdefault(identity, run.job) is not run.job:
                raise Conflict(
                    "The runs {first} and {second} read the same data file, so their populations "
                    "have rows in common: choose `pooling` average.",
                    first=owners[identity].shown_name,
                    second=run.job.shown_name,
                    loc=("body", "pooling"),
                )


def _as_strata(
    runs: Sequence[_Run], settings: EstimateSettings, scales: Sequence[float] = ()
) -> PooledFigure:
    design = pooled_design([run.sampled.design.design for run in runs], scales)
    values = [run.sampled.read.values[0] for run in runs]
    domains = [run.sampled.read.domains for run in runs]
    x = [each.x for each in values if each.x is not None]
    pooled = Values(
        values[0].statistic,
        np.concatenate([each.y for each in values]),
        np.concatenate([each.present for each in values]),
        np.concatenate(x) if x else None,
    )
    everything = Domains(
        np.concatenate([each.included for each in domains]),
        np.concatenate([each.groups for each in domains]),
        1,
    )
    (found,) = estimate(design, pooled, everything, settings)
    return _figure(runs, PlainEstimate.of(found), found.degrees, found.interval)


def _average(
    request: ScheduleFiguresRequest, runs: Sequence[_Run], settings: EstimateSettings
) -> PooledFigure:
    """The mean of the figures; its variance is Σ V_r / R², with Satterthwaite's degrees.

    That of shares is the share where each run's weights add up to 1, so that its interval is one of
    a share, also where no run has a row with the value. With a judge each run has weights for its
    own coefficients, and the interval is by t.
    """
    is_judged = bool(request.judge)
    if runs[0].sampled.read.values[0].statistic == "proportion" and not is_judged:
        return _as_strata(runs, settings, [1.0 / run.weight for run in runs])
    values = [run.found.value for run in runs]
    errors = [run.found.error for run in runs]
    mean = sum(value or 0.0 for value in values) / len(runs)
    if any(error is None or not isfinite(error) for error in errors):
        return _figure(runs, PlainEstimate(mean, None, None, None), 0, "t")
    variances = [(error or 0.0) ** 2 for error in errors]
    error = sqrt(sum(variances)) / len(runs)
    below = sum(
        variance**2 / max(run.found.degrees, 1)
        for variance, run in zip(variances, runs, strict=True)
    )
    degrees = sum(variances) ** 2 / below if below else inf
    most = sum(run.found.degrees for run in runs)
    df = int(min(degrees + ROUNDING, most))
    is_shown = error == 0.0 or settings.shows(df)
    ends = t_interval(mean, error, Level(settings.confidence, df)) if is_shown else None
    low, high = ends or (None, None)
    return _figure(runs, PlainEstimate(mean, error, low, high), df, "t")


def _figure(runs: Sequence[_Run], plain: PlainEstimate, df: int, interval: str) -> PooledFigure:
    return PooledFigure(
        **vars(plain),
        runs=len(runs),
        population=sum(run.population for run in runs),
        n=sum(run.found.rows for run in runs),
        df=df,
        interval=interval,
        preliminary_runs=sum(run.is_preliminary for run in runs),
    )
