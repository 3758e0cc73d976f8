"""How many more rows a finished sample needs for a precision."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil, inf
from typing import Annotated, Any

import numpy as np

from application.audit.finding_values import has_findings
from application.audit.state import audit_state
from application.estimation.estimates import estimates_of
from application.estimation.figures import FigureEstimate
from application.estimation.sizing import KINDS, MIN_DRAWN, size_for_goals
from application.estimation.value_sources import TABLE
from contract.answers import AtConfidence
from contract.declarations import Help, copied
from contract.requests.estimate import EstimatesRequest, MoreRowsRequest, StatisticRequest
from contract.requests.size import SizeRequest
from contract.words import Basis, GoalKind
from domain_errors import moved
from estimation_engine import InvalidGoal, UnsupportedDesign
from estimation_engine.planning.goals import Goal, random_size
from lazy_dataclasses import dataclass
from sampling_engine.methods.parameters import PERCENT, TAKE_ALL, share_of_size
from service.sampling_parameters import stated_rounds
from service.service import Service
from service.tables.open_tables import open_source
from service.tables.sample_design import SampleDesign, design_of
from storage.jobs.jobs import JobRecord

ROUNDING = 1e-9
GROWING = ("samples_per_stratum", "sizes")
"""Sizes of which a larger one with the same seed includes the rows of a smaller one."""


@dataclass(frozen=True)
class PrecisionGoal:
    """A figure of a sample, and the precision that it is to have.

    Parameters
    ----------
    estimate : EstimatesRequest
        One statistic, with its groups and filter.
    goal : mapping
        By its kind: one of ``margin``, ``relative_margin`` and ``cv``.
    basis : str
        The variance that is assumed: the sample's own, or the true one of the source.
    """

    estimate: EstimatesRequest
    goal: Mapping[GoalKind, float]
    basis: Basis = "sample"


def more_rows_request(given: MoreRowsRequest) -> PrecisionGoal:
    """The figure and the precision of a request."""
    body = given.given()
    figure = copied(StatisticRequest, given)
    estimate = copied(EstimatesRequest, given, statistics=(figure,))
    goal = {kind: body[kind] for kind in KINDS if kind in body}
    return PrecisionGoal(estimate, goal, given.basis)


@dataclass(frozen=True)
class NeededUnits:
    """The rows, or clusters, that one figure needs."""

    group: Annotated[dict[str, Any], Help("The group's value of each column of `by`.")]
    estimate: Annotated[float | None, Help("Of the sample; the true value if `basis` is `frame`.")]
    margin_of_error: Annotated[float | None, Help("Now; of the needed size if `basis` is `frame`.")]
    size: Annotated[int, Help("Rows, or clusters, that it needs.")]
    more: Annotated[int, Help("Of them, those to add.")]


@dataclass(frozen=True, kw_only=True)
class MoreRowsAnswer(AtConfidence):
    """The size that a sample needs for a precision."""

    job_id: str
    basis: Basis
    row_count: Annotated[int, Help("Of the sample.")]
    needed_rows: int
    more_rows: int
    clusters: int | None = None
    needed_clusters: int | None = None
    more_clusters: int | None = None
    groups: list[NeededUnits]
    round: Annotated[
        dict[str, Any] | None,
        Help(
            "The step with the needed size and the same seed; null if no more rows are needed, or "
            "the sample has several steps."
        ),
    ]
    includes_sample: Annotated[
        bool | None,
        Help("Whether that step draws all rows of the sample again, among others."),
    ]
    notes: list[str]


def more_rows(service: Service, job: JobRecord, request: PrecisionGoal) -> MoreRowsAnswer:
    """The size that a finished sample needs for a precision.

    Raises
    ------
    DomainError
        The figure can't be estimated, or its precision not be planned.
    """
    kinds = [kind for kind in KINDS if kind in request.goal]
    if len(kinds) != 1:
        raise InvalidGoal(
            "Give one of `margin`, `relative_margin` and `cv`.",
            loc=(kinds[1] if kinds else "margin",),
        )
    if has_findings(service, job) and not audit_state(service, job).questions.questions:
        raise InvalidGoal(
            "The sample has findings, and rows that are added after the findings are known make an "
            "evaluation of a fixed size invalid. Evaluate the sample as `sequential`, which allows "
            "more rows at any time: draw it with the same seed and a larger size, and its findings "
            "come along. Or examine a stage that was planned beforehand."
        )
    source = open_source(service, job)
    found = design_of(service, job, source)
    if not found.design.is_one_sample:
        raise UnsupportedDesign(
            "The steps of this sample differ, so the rows that they need aren't known. Plan the "
            "size of a new sample."
        )
    # Few degrees of freedom are what more rows are for, so no margin is withheld here.
    interval = replace(request.estimate.interval, minimum_degrees=0)
    answer = estimates_of(service, job, replace(request.estimate, interval=interval))
    if request.basis == "sample":
        groups = [_needed(found, each, kinds[0], request) for each in answer.estimates]
        size = max(group.size for group in groups)
        notes = [
            "The needed rows follow from the variance that the sample estimates, which itself "
            "varies from sample to sample."
        ]
    else:
        size, groups, notes = _by_frame(service, job, found, request)
    (drawn, _), rows = _units(found), found.design.rows
    needed = round(rows * size / drawn)
    clusters: dict[str, int] = {}
    if found.design.clusters is not None:
        more = max(size - drawn, 0)
        clusters = {"clusters": drawn, "needed_clusters": size, "more_clusters": more}
    larger, includes_sample = _larger_round(job, found, size)
    return MoreRowsAnswer(
        request.estimate.confidence,
        job_id=job.id,
        basis=request.basis,
        row_count=rows,
        needed_rows=max(needed, size),
        more_rows=max(needed - rows, 0),
        **clusters,
        groups=groups,
        round=larger,
        includes_sample=includes_sample,
        notes=[*notes, *_notes(found, size, _misses(request, kinds[0], groups))],
    )


def _misses(request: PrecisionGoal, kind: GoalKind, groups: Sequence[NeededUnits]) -> bool:
    """Whether an interval that the sample gives is wider than wanted; of a share it may be."""
    if request.basis == "frame" or kind == "cv":
        return False
    limit = request.goal[kind] * (1.0 + 1e-9)
    return any(
        each.margin_of_error is not None
        and each.margin_of_error > limit * (1.0 if kind == "margin" else abs(each.estimate or 0.0))
        for each in groups
    )


def larger_round(service: Service, job: JobRecord, size: int) -> dict[str, Any] | None:
    """The only round of a completed draw with so many rows or clusters; None if it has them."""
    found = design_of(service, job, open_source(service, job))
    return _larger_round(job, found, size)[0]


def _units(found: SampleDesign) -> tuple[int, int]:
    """The rows, or clusters, of the sample and of its population."""
    design = found.design
    return design.clusters or (design.rows, design.population)


def _needed(
    found: SampleDesign, estimate: FigureEstimate, kind: GoalKind, request: PrecisionGoal
) -> NeededUnits:
    """The units that one estimate needs, if its variance per unit stays."""
    drawn, population = _units(found)
    goal, variance = _goal_of(found, estimate, kind, request.goal[kind])
    design, size = found.design, drawn
    has_stages = bool(design.clusters and (design.group_drawn[design.sampled_strata] > 0).any())
    # The variance inside clusters stays where all clusters are drawn, so none of it is taken off.
    whole = inf if has_stages else float(population)
    taken_off = 1.0 / drawn - 1.0 / whole
    if variance > 0 and taken_off > 0:
        if not estimate.df:
            raise InvalidGoal(
                "An estimate has no degree of freedom, so the rows that it needs aren't known: at "
                "most one unit of each stratum has a value.",
                loc=("by",) if estimate.group else ("column",),
            )
        square, lost = variance / taken_off, drawn - design.degrees
        # A group's degrees of freedom grow with those of the design.
        share = estimate.df / design.degrees
        # An interval of fewer isn't shown.
        least = lost + ceil(max(request.estimate.interval.minimum_degrees, 1) / share)
        sizes = range(min(least, population), population)

        def is_reached(size: int) -> bool:
            largest = goal.wanted(max(share * (size - lost), 1.0))
            return size >= random_size(square, largest, whole) - ROUNDING

        size = sizes.start + bisect_left(sizes, True, key=is_reached)
    else:
        size = min(drawn, 2)
    more = max(size - drawn, 0)
    return NeededUnits(estimate.group, goal.value, estimate.margin, size, more)


def _goal_of(
    found: SampleDesign, estimate: FigureEstimate, kind: GoalKind, limit: float
) -> tuple[Goal, float]:
    """The goal of an estimate and its variance; an estimate that says too little is refused."""
    variance, value = estimate.variance, estimate.estimate
    if variance is None or value is None:
        raise InvalidGoal(
            "An estimate has no standard error, so the rows that it needs aren't known: it is "
            "based on fewer than two rows.",
            loc=("by",) if estimate.group else ("column",),
        )
    can_vary = estimate.statistic in ("mean", "total", "ratio")
    if can_vary and variance == 0.0 and not found.design.is_census:
        raise InvalidGoal(
            "The sampled values don't vary, so the sample doesn't say how many rows the figure "
            "needs: values that are rare may be in the other rows. Plan with the `frame`.",
            loc=("basis",),
        )
    if kind != "margin" and value == 0:
        raise InvalidGoal(
            "The estimate is 0, so a precision relative to it has no meaning. Give a `margin`.",
            loc=(kind,),
        )
    goal = Goal(estimate.confidence, kind=kind, limit=limit, value=value)
    longer = 0.0
    if estimate.ci_low is not None and estimate.ci_high is not None:
        longer = max(estimate.ci_high - value, value - estimate.ci_low)
    if estimate.statistic == "proportion" and variance == 0.0 and longer > goal.margin:
        raise InvalidGoal(
            "All sampled rows are of one kind, so the sample doesn't say how many rows the share "
            "needs. Plan with the `frame`.",
            loc=("basis",),
        )
    return goal, variance


def _by_frame(
    service: Service, job: JobRecord, found: SampleDesign, request: PrecisionGoal
) -> tuple[int, list[NeededUnits], list[str]]:
    """The size that the design needs by the true variances of its source."""
    statistic = request.estimate.statistics[0].given()
    if request.estimate.filters is not None:
        raise InvalidGoal("The true variance can't be combined with `filters`.", loc=("filters",))
    if request.estimate.values != TABLE or _is_weighted(request.estimate):
        raise InvalidGoal(
            "The true variance is that of the table's own columns, without calibration.",
            loc=("basis",),
        )
    if statistic["statistic"] not in ("mean", "total", "proportion"):
        raise InvalidGoal(
            "The true variance is that of a mean, a total or a proportion.", loc=("statistic",)
        )
    goal: dict[str, Any] = {
        **{name: statistic[name] for name in ("statistic", "column", "value") if name in statistic},
        **{str(kind): limit for kind, limit in request.goal.items()},
        "by": list(request.estimate.by),
        "confidence": request.estimate.confidence,
    }
    first = job.run_parameters["rounds"][0]
    design = {
        name: value for name, value in first.items() if name in ("method", "parameters", "filters")
    }
    parameters = {
        name: value
        for name, value in design["parameters"].items()
        if name not in ("samples_per_stratum", "sizes", "seed")
    }
    if "samples_per_stratum" in design["parameters"]:
        parameters["allocation"] = "equal"
    method = found.rounds[0].method
    parameters = method.with_size(parameters, 1)
    with moved(("goal",), ()):
        planned = size_for_goals(
            service,
            open_source(service, job),
            SizeRequest(goal=goal, design={**design, "parameters": parameters}),
        )
    size = planned.sample_size if planned.clusters is None else planned.clusters
    more = max(size - _units(found)[0], 0)
    groups = [
        NeededUnits(each.group, each.true_value, each.margin_of_error, size, more)
        for each in planned.goals
    ]
    return size, groups, list(planned.notes)


def _is_weighted(request: EstimatesRequest) -> bool:
    """Whether the weights are others than those of the design."""
    return request.calibrate is not None or request.nonresponse is not None


def _larger_round(
    job: JobRecord, found: SampleDesign, size: int
) -> tuple[dict[str, Any] | None, bool | None]:
    """The round that draws the needed rows, and whether they include those of the sample."""
    drawn, _ = _units(found)
    rounds = job.run_parameters["rounds"]
    if len(rounds) > 1 or size <= drawn:
        return None, None
    (given,) = rounds
    parameters = dict(given["parameters"])
    factor = size / drawn
    if "samples_per_stratum" in parameters:
        parameters["samples_per_stratum"] = ceil(parameters["samples_per_stratum"] * factor)
    elif "sizes" in parameters:
        sizes = parameters["sizes"]
        parameters["sizes"] = {label: _grown(one, factor) for label, one in sizes.items()}
    elif found.rounds[0].method.draws_in_each_stratum:
        parameters["num_clusters"] = ceil(parameters["num_clusters"] * factor)
    elif "take_all" in parameters:
        parameters |= _larger_rest(parameters, size - drawn, factor)
    else:
        parameters = found.rounds[0].method.with_size(parameters, size)
    least = np.minimum(found.design.group_rows, MIN_DRAWN).sum()
    if "min_per_stratum" in parameters and least <= size:
        parameters["min_per_stratum"] = max(parameters["min_per_stratum"], MIN_DRAWN)
    method = found.rounds[0].method
    includes = method.includes_smaller or any(name in parameters for name in GROWING)
    sized = {name: value for name, value in given.items() if name != "goal"}
    (larger,) = stated_rounds([{**sized, "parameters": parameters}], recorded=True)
    return larger, includes


def _larger_rest(parameters: Mapping[str, Any], more: int, factor: float) -> dict[str, Any]:
    """A larger size of the strata that aren't taken whole."""
    if "sample_size" in parameters:
        return {"sample_size": parameters["sample_size"] + more}
    return {"sample_fraction": min(parameters["sample_fraction"] * factor, 1.0)}


def _grown(size: int | str, factor: float) -> int | str:
    """A stratum's size times a factor."""
    if isinstance(size, int):
        return ceil(size * factor)
    if not PERCENT.fullmatch(size):
        return TAKE_ALL
    share = 100.0 * float(share_of_size(size)) * factor
    return f"{share:.6f}%" if share < 100 else TAKE_ALL


def _notes(found: SampleDesign, size: int, misses: bool) -> list[str]:
    drawn, population = _units(found)
    notes = []
    if size <= drawn and misses:
        notes.append(
            "By t·SE the sample is large enough, but its interval of the share is wider than that, "
            "and wider than wanted: the share is close to 0 or 1. Draw more rows, or plan with the "
            "`frame`."
        )
    elif size <= drawn:
        notes.append("The sample reaches this precision already.")
    elif size >= population:
        notes.append("All rows must be drawn for this precision.")
    if size > drawn and len(found.rounds) > 1:
        notes.append(
            "The sample has several steps: draw the further rows in another step of the same kind."
        )
    if size > drawn and found.design.group_kind == "strata":
        notes.append("The rows of all groups grow in proportion.")
    elif size > drawn and found.rounds[0].method.draws_in_each_stratum:
        notes.append(
            "A step draws the same number of clusters of each stratum, so it may draw a few more."
        )
    return notes
