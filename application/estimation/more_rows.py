"""How many more rows a finished sample needs for a precision."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf
from typing import Any, TypedDict

import numpy as np

from application.audit.finding_values import has_findings
from application.estimation.estimates import (
    EstimateJson,
    estimates_of,
)
from application.estimation.sizing import KINDS, MIN_DRAWN, SizeRequest, size_for_goals
from application.estimation.value_sources import TABLE
from contract.declarations import declared
from contract.requests.estimate import EstimatesRequest, MoreRowsRequest, StatisticRequest
from contract.words import Basis
from domain_errors import DomainError
from estimation_engine import InvalidGoal, UnsupportedDesign
from estimation_engine.planning import Goal, random_size
from sampling_engine.methods.parameters import PERCENT, TAKE_ALL, share_of_size
from service.sampling_parameters import stated_rounds
from service.service import Service
from service.tables.open_tables import open_source
from service.tables.sample_design import SampleDesign, design_of
from storage.jobs.jobs import Job

ROUNDING = 1e-9
GROWING = ("samples_per_stratum", "sizes", "num_clusters")
"""Sizes of which a larger one with the same seed includes the rows of a smaller one."""


@dataclass(frozen=True)
class PrecisionGoal:
    """A figure of a sample, and the precision that it is to have.

    Parameters
    ----------
    estimate : EstimatesRequest
        One statistic, with its groups and filter.
    goal : mapping
        One of ``margin``, ``relative_margin`` and ``cv``.
    basis : str
        The variance that is assumed: the sample's own, or the true one of the source.
    """

    estimate: EstimatesRequest
    goal: Mapping[str, float]
    basis: Basis = "sample"


def more_rows_request(given: MoreRowsRequest) -> PrecisionGoal:
    """The figure and the precision of a request."""
    body = given.given()
    figure = StatisticRequest(
        **{each.name: getattr(given, each.name) for each in declared(StatisticRequest)}
    )
    estimate = EstimatesRequest(
        statistics=(figure,),
        by=given.by,
        where=given.where,
        confidence=given.confidence,
        variance=given.variance,
    )
    goal = {kind: body[kind] for kind in KINDS if kind in body}
    return PrecisionGoal(estimate, goal, given.basis)


class NeedJson(TypedDict):
    """The rows, or clusters, that one figure needs; ``size`` is that of the whole sample."""

    group: dict[str, Any]
    estimate: float
    margin_of_error: float | None
    size: int
    more: int


class SizesJson(TypedDict):
    """Rows and clusters now, needed, and to add."""

    rows: int
    needed_rows: int
    more_rows: int
    clusters: int | None
    needed_clusters: int | None
    more_clusters: int | None


class LargerRound(TypedDict):
    """The round that draws the needed rows, and whether they include those of the sample."""

    round: dict[str, Any] | None
    includes_sample: bool | None


class MoreRowsJson(SizesJson, LargerRound):
    """The size that a sample needs for a precision."""

    job_id: str
    basis: Basis
    confidence: float
    groups: list[NeedJson]
    notes: list[str]


def more_rows(service: Service, job: Job, request: PrecisionGoal) -> MoreRowsJson:
    """The size that a finished sample needs for a precision, as JSON.

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
    if has_findings(service, job):
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
        groups = [_needed(found, each, kinds[0], request) for each in answer["estimates"]]
        size = max(group["size"] for group in groups)
        notes = [
            "The needed rows follow from the variance that the sample estimates, which itself "
            "varies from sample to sample."
        ]
    else:
        size, groups, notes = _by_frame(service, job, found, request)
    return {
        "job_id": job.id,
        "basis": request.basis,
        "confidence": request.estimate.confidence,
        **_sizes(found, size),
        "groups": groups,
        **_round(job, found, size),
        "notes": [*notes, *_notes(found, size, _misses(request, kinds[0], groups))],
    }


def _misses(request: PrecisionGoal, kind: str, groups: Sequence[NeedJson]) -> bool:
    """Whether an interval that the sample gives is wider than wanted; of a share it may be."""
    if request.basis == "frame" or kind == "cv":
        return False
    limit = request.goal[kind] * (1.0 + 1e-9)
    halves = [
        (each["margin_of_error"], 1.0 if kind == "margin" else abs(each["estimate"]))
        for each in groups
    ]
    return any(half is not None and half > limit * unit for half, unit in halves)


def larger_round(service: Service, job: Job, size: int) -> dict[str, Any] | None:
    """The only round of a completed draw with so many rows or clusters; None if it has them."""
    found = design_of(service, job, open_source(service, job))
    return _round(job, found, size)["round"]


def _units(found: SampleDesign) -> tuple[int, int]:
    """The rows, or clusters, of the sample and of its population."""
    design = found.design
    return design.clusters or (design.rows, design.population)


def _needed(
    found: SampleDesign, estimate: EstimateJson, kind: str, request: PrecisionGoal
) -> NeedJson:
    """The units that one estimate needs, if its variance per unit stays."""
    drawn, population = _units(found)
    variance, value = estimate["variance"], estimate["estimate"]
    if variance is None or value is None:
        raise InvalidGoal(
            "An estimate has no standard error, so the rows that it needs aren't known: it is "
            "based on fewer than two rows.",
            loc=("by",) if estimate["group"] else ("column",),
        )
    _require_variation(found, estimate)
    if kind != "margin" and value == 0:
        raise InvalidGoal(
            "The estimate is 0, so a precision relative to it has no meaning. Give a `margin`.",
            loc=(kind,),
        )
    goal = Goal(kind, request.goal[kind], estimate["confidence"], value)  # type: ignore[arg-type]
    low, high = estimate["ci_low"], estimate["ci_high"]
    longer, half = 0.0, None
    if low is not None and high is not None:
        longer, half = max(high - value, value - low), (high - low) / 2
    if estimate["statistic"] == "proportion" and variance == 0.0 and longer > goal.margin:
        raise InvalidGoal(
            "All sampled rows are of one kind, so the sample doesn't say how many rows the share "
            "needs. Plan with the `frame`.",
            loc=("basis",),
        )
    design = found.design
    has_stages = bool(design.clusters and (design.group_drawn[design.sampled_strata] > 0).any())
    # The variance inside clusters stays where all clusters are drawn, so none of it is taken off.
    whole = inf if has_stages else float(population)
    taken_off = 1.0 / drawn - 1.0 / whole
    size = drawn
    if variance > 0 and taken_off > 0:
        if not estimate["df"]:
            raise InvalidGoal(
                "An estimate has no degree of freedom, so the rows that it needs aren't known: at "
                "most one unit of each stratum has a value.",
                loc=("by",) if estimate["group"] else ("column",),
            )
        square, lost = variance / taken_off, drawn - design.degrees
        # A group's degrees of freedom grow with those of the design.
        share = estimate["df"] / design.degrees
        # An interval of fewer isn't shown.
        least = lost + ceil(max(request.estimate.interval.minimum_degrees, 1) / share)
        sizes = range(min(least, population), population)

        def is_reached(size: int) -> bool:
            wanted = goal.wanted(max(share * (size - lost), 1.0))
            return size >= random_size(square, wanted, whole) - ROUNDING

        size = sizes.start + bisect_left(sizes, True, key=is_reached)
    else:
        size = min(drawn, 2)
    return {
        "group": estimate["group"],
        "estimate": value,
        "margin_of_error": half,
        "size": size,
        "more": max(size - drawn, 0),
    }


def _require_variation(found: SampleDesign, estimate: EstimateJson) -> None:
    """Refuse a variance of 0 that follows from equal values: the other rows may differ."""
    is_shown = estimate["statistic"] in ("mean", "total", "ratio")
    if is_shown and estimate["variance"] == 0.0 and not found.design.is_census:
        raise InvalidGoal(
            "The sampled values don't vary, so the sample doesn't say how many rows the figure "
            "needs: values that are rare may be in the other rows. Plan with the `frame`.",
            loc=("basis",),
        )


def _by_frame(
    service: Service, job: Job, found: SampleDesign, request: PrecisionGoal
) -> tuple[int, list[NeedJson], list[str]]:
    """The size that the design needs by the true variances of its source."""
    statistic = request.estimate.statistics[0].given()
    if request.estimate.where is not None:
        raise InvalidGoal("The true variance can't be combined with `where`.", loc=("where",))
    if request.estimate.values != TABLE or request.estimate.calibrate is not None:
        raise InvalidGoal(
            "The true variance is that of the table's own columns, without calibration.",
            loc=("basis",),
        )
    if statistic["statistic"] not in ("mean", "total", "proportion"):
        raise InvalidGoal(
            "The true variance is that of a mean, a total or a proportion.", loc=("statistic",)
        )
    goal = {
        **{name: value for name, value in statistic.items() if name in ("statistic", "column")},
        **({"value": statistic["value"]} if "value" in statistic else {}),
        **request.goal,
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
    try:
        planned = size_for_goals(
            service,
            open_source(service, job),
            SizeRequest([goal], {**design, "parameters": parameters}, is_single=True),
        )
    except DomainError as error:
        if error.loc[:1] == ("goal",):
            error.loc = error.loc[1:]
        raise
    size = planned["clusters"] if planned["clusters"] is not None else planned["sample_size"]
    groups: list[NeedJson] = [
        {
            "group": each["group"],
            "estimate": each["true_value"],
            "margin_of_error": each["margin_of_error"],
            "size": size,
            "more": max(size - _units(found)[0], 0),
        }
        for each in planned["goals"]
    ]
    return size, groups, planned["notes"]


def _sizes(found: SampleDesign, size: int) -> SizesJson:
    drawn, _ = _units(found)
    rows = found.design.rows
    needed = round(rows * size / drawn)
    is_clustered = found.design.clusters is not None
    return {
        "rows": rows,
        "needed_rows": max(needed, size),
        "more_rows": max(needed - rows, 0),
        "clusters": drawn if is_clustered else None,
        "needed_clusters": size if is_clustered else None,
        "more_clusters": max(size - drawn, 0) if is_clustered else None,
    }


def _round(job: Job, found: SampleDesign, size: int) -> LargerRound:
    drawn, _ = _units(found)
    rounds = job.run_parameters["rounds"]
    if len(rounds) > 1 or size <= drawn:
        return {"round": None, "includes_sample": None}
    (given,) = rounds
    parameters = dict(given["parameters"])
    factor = size / drawn
    if "samples_per_stratum" in parameters:
        parameters["samples_per_stratum"] = ceil(parameters["samples_per_stratum"] * factor)
    elif "sizes" in parameters:
        sizes = parameters["sizes"]
        parameters["sizes"] = {label: _grown(one, factor) for label, one in sizes.items()}
    else:
        parameters = found.rounds[0].method.with_size(parameters, size)
    least = np.minimum(found.design.group_rows, MIN_DRAWN).sum()
    if "min_per_stratum" in parameters and least <= size:
        parameters["min_per_stratum"] = max(parameters["min_per_stratum"], MIN_DRAWN)
    includes = found.rounds[0].method.includes_smaller or any(
        name in parameters for name in GROWING
    )
    sized = {name: value for name, value in given.items() if name != "goal"}
    (larger,) = stated_rounds([{**sized, "parameters": parameters}], recorded=True)
    return {"round": larger, "includes_sample": includes}


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
    return notes
