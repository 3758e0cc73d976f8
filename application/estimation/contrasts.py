"""Contrasts of an estimates request: two groups, or two columns, with the interval of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import Annotated, Any

from application.estimation.figures import FigureEstimate, GroupFigure, PlainEstimate
from application.estimation.value_sources import value_condition
from application.estimation.weighting import Weighted
from contract.answers import AtConfidence, Hidden
from contract.declarations import Help
from contract.requests.estimate import BetweenRequest, ContrastRequest, EstimatesRequest
from contract.words import ContrastMeasure
from domain_errors import counted
from estimation_engine import (
    Design,
    DomainEstimate,
    EstimateSettings,
    FigureContrast,
    InvalidEstimate,
    Statistic,
    contrasts,
)
from estimation_engine.arrays import Booleans
from estimation_engine.estimates import may_not_respond
from estimation_engine.reading import ReadSample
from lazy_dataclasses import dataclass
from parquet_tables.rows import Statement
from parquet_tables.tables import TableFiles

LOC = ("contrast",)


@dataclass(frozen=True, kw_only=True)
class ContrastSide(PlainEstimate):
    """One of the two figures of a contrast."""

    name: Annotated[Any, Help("The value of the group, or the column.")]
    n: Annotated[int, Help("Sampled rows with a value.")]


@dataclass(frozen=True, kw_only=True)
class ContrastEstimate(AtConfidence, PlainEstimate, GroupFigure):
    """The difference or the ratio of two figures; ``computed`` is what it was made from."""

    computed: Hidden[DomainEstimate]
    measure: ContrastMeasure
    between: Annotated[str | None, Help("The column of the two groups; null for two columns.")]
    first: ContrastSide
    second: ContrastSide
    df: Annotated[
        int,
        Help(
            "Degrees of freedom: Satterthwaite's of both groups, at most those of their rows "
            "together; for two columns those of the rows."
        ),
    ]
    p_value: Annotated[
        float | None,
        Help("Two-sided, by Student's t, if both figures were the same in the population."),
    ]
    n: Annotated[int, Help("Sampled rows with a value, of two columns with both.")]
    n_missing: Annotated[int, Help("Sampled rows without one.")]
    interval: Annotated[str, Help("The formula of the interval.")]
    true_value: Annotated[
        float | None, Help("Of all rows of the source, if `true_values` was given.")
    ] = None

    @property
    def figure_name(self) -> str:
        """The contrast in the words of a sentence."""
        names = " and ".join(
            "missing" if side.name is None else str(side.name) for side in (self.first, self.second)
        )
        return f"{self.measure} of {super().figure_name} between {names}"


@dataclass(frozen=True)
class TwoGroups:
    """The conditions over ``f`` of the rows of both groups of a contrast."""

    first: Statement
    second: Statement

    @property
    def either(self) -> Statement:
        """The rows of either group."""
        (first, of_first), (second, of_second) = self.first, self.second
        return f"({first} OR {second})", [*of_first, *of_second]

    def statistics(self, table: TableFiles, by: str) -> list[Statistic]:
        """What is read of each row: whether it is in the first and in the second group."""
        column = table.column(by)
        return [
            Statistic("proportion", column, condition=condition, counts_missing=True)
            for condition in (self.first, self.second)
        ]


def with_both_figures(request: EstimatesRequest) -> EstimatesRequest:
    """The request with both columns of each figure, or with the groups of its contrast.

    Raises
    ------
    InvalidEstimate
        The contrast doesn't fit the figures or the groups.
    """
    contrast = request.contrast
    if contrast is None:
        return request
    for at, figure in enumerate(request.statistics):
        if figure.statistic == "quantile":
            raise InvalidEstimate(
                "A quantile has no contrast: choose a mean, total, proportion, count or ratio.",
                loc=("statistics", at, "statistic"),
            )
    if contrast.between is not None:
        if contrast.between.by in request.by:
            raise InvalidEstimate(
                'The groups of "{column}" are contrasted: leave it out of `by`.',
                column=contrast.between.by,
                loc=("by",),
            )
        return replace(request, by=(*request.by, contrast.between.by))
    pairs = []
    for at, figure in enumerate(request.statistics):
        if figure.column is None or figure.column == contrast.column:
            raise InvalidEstimate(
                "A contrast with another column needs a figure of a column, and two different "
                "ones.",
                loc=("statistics", at, "column"),
            )
        pairs += [figure, replace(figure, column=contrast.column)]
    return replace(request, statistics=tuple(pairs))


def two_groups(table: TableFiles, between: BetweenRequest | None) -> TwoGroups | None:
    """The two groups as conditions of a table's rows; None without such a contrast."""
    if between is None:
        return None
    column, loc = table.column(between.by), (*LOC, "between")
    first = value_condition(table, column, between.first, (*loc, "first"))
    second = value_condition(table, column, between.second, (*loc, "second"))
    if first == second:  # two texts of one number
        raise InvalidEstimate("`first` and `second` are the same group.", loc=(*loc, "second"))
    return TwoGroups(first, second)


@dataclass(frozen=True)
class ContrastAnswer:
    """The contrasts of a request, and notes on those that it hasn't and on what they assume."""

    contrasts: list[ContrastEstimate]
    warnings: list[str]
    notes: list[str]


def contrasts_of(
    request: EstimatesRequest,
    design: Design,
    read: ReadSample,
    membership: tuple[Booleans, Booleans] | None,
    settings: EstimateSettings,
    weights: Weighted,
    estimates: Sequence[FigureEstimate],
) -> ContrastAnswer:
    """Contrast the figures of a request of :func:`with_both_figures`.

    Parameters
    ----------
    membership : pair of arrays, shape (rows,)
        The rows of the first and of the second group; None for two columns.
    estimates : sequence of FigureEstimate
        Those of the request, by figure and key, which may have true values.
    """
    contrast = request.contrast
    if contrast is None:
        return ContrastAnswer([], [], [])
    notes = ["The standard error of a contrast has the covariance of both figures."]
    if contrast.between is None:
        pairs = [(at, at) for at in range(len(read.keys))]
        groups, step = read.keys, 2
        notes.append("Contrasts of two columns are of the rows that have both values.")
    else:
        assert membership is not None  # noqa: S101 - read with the groups
        pairs, groups, without = _pairs(contrast.between.by, read, membership)
        step = 1
        if without:
            notes.append(
                f"{counted(without, 'group has', 'groups have')} no contrast: no row of one of "
                "both was sampled."
            )
    found = []
    for at in range(0, len(read.values), step):
        values = read.values[at], read.values[at + step - 1]
        computed = contrasts(
            design, values, read.domains, pairs, settings, contrast.measure, weights.of_figure(at)
        )
        for group, pair, each in zip(groups, pairs, computed, strict=True):
            one = _contrast_estimate(request, contrast, at, group, each)
            if contrast.between is not None:
                by, of_figure = contrast.between.by, at * len(read.keys)
                sides = [estimates[of_figure + domain] for domain in pair]
                one = replace(
                    one,
                    first=replace(one.first, name=sides[0].group[by]),
                    second=replace(one.second, name=sides[1].group[by]),
                    true_value=_measured(contrast.measure, *(side.true_value for side in sides)),
                )
            found.append(one)
    if sum(each.p_value is not None for each in found) > 1:
        notes.append(
            "Each p value is that of one comparison alone; of many, some are small by chance."
        )
    is_census = design.is_census and not may_not_respond(weights.final)
    return ContrastAnswer(found, [] if is_census else _warnings(found), notes)


def _pairs(
    by: str, read: ReadSample, membership: tuple[Booleans, Booleans]
) -> tuple[list[tuple[int, int]], list[dict[str, Any]], int]:
    """The domains of both groups with the rest of their keys; and the keys that lack one."""
    places: dict[tuple[Any, ...], list[int | None]] = {}
    rests = [{name: value for name, value in key.items() if name != by} for key in read.keys]
    for side, rows in enumerate(membership):
        for domain in set(read.domains.groups[rows & read.domains.included].tolist()):
            rest = tuple(rests[domain].values())
            places.setdefault(rest, [None, None])[side] = domain
    whole = [
        (first, second)
        for first, second in places.values()
        if first is not None and second is not None
    ]
    whole.sort()
    return whole, [rests[first] for first, _ in whole], max(len(places), 1) - len(whole)


def _contrast_estimate(
    request: EstimatesRequest,
    contrast: ContrastRequest,
    at: int,
    group: dict[str, Any],
    found: FigureContrast,
) -> ContrastEstimate:
    figure, between, computed = request.statistics[at], contrast.between, found.contrast
    names = (figure.column, contrast.column)
    if between is not None:
        names = between.first, between.second
    if not all(map(isfinite, (computed.value or 0.0, computed.error or 0.0))):
        raise InvalidEstimate(
            "A contrast is beyond the largest number, 1.8e308: divide the values, or choose the "
            "difference.",
            loc=LOC,
        )
    sides = (
        ContrastSide(**vars(PlainEstimate.of(side)), name=name, n=side.rows)
        for name, side in zip(names, (found.first, found.second), strict=True)
    )
    first, second = sides
    return ContrastEstimate(
        **vars(GroupFigure.of_request(figure, group)),
        **vars(PlainEstimate.of(computed)),
        confidence=request.confidence,
        computed=computed,
        measure=contrast.measure,
        between=None if between is None else between.by,
        first=first,
        second=second,
        df=computed.degrees,
        p_value=found.p_value,
        n=computed.rows,
        n_missing=computed.missing,
        interval=computed.interval,
    )


def _warnings(found: Sequence[ContrastEstimate]) -> list[str]:
    """A note on shares that no row or each has: their variance isn't 0."""
    ends = sum(
        any(side.estimate in (0.0, 1.0) and not side.standard_error for side in sides)
        for each in found
        if each.statistic == "proportion"
        for sides in [(each.first, each.second)]
    )
    if not ends:
        return []
    return [
        f"{counted(ends, 'contrast has', 'contrasts have')} a share that no sampled row or each "
        "of them has. Such a share adds nothing to the standard error, so the interval is too "
        "narrow."
    ]


def _measured(measure: ContrastMeasure, first: float | None, second: float | None) -> float | None:
    if first is None or second is None:
        return None
    if measure == "difference":
        return first - second
    return first / second if second else None
