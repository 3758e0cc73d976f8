"""Estimated figures, and notes on intervals that are doubtful or aren't shown.

The rules are those of :mod:`estimation_engine.estimates`; docs/ESTIMATES.md has what simulations
found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Protocol

from contract.answers import AtConfidence, Hidden
from contract.declarations import Help
from contract.fields import NOT_GIVEN
from contract.numbers import percent_digits
from contract.requests.estimate import StatisticRequest
from contract.words import StatisticName
from domain_errors import render
from estimation_engine import DomainEstimate, EstimateSettings
from estimation_engine.agreement import AgreementFigure
from estimation_engine.classification import LimitedFigure
from estimation_engine.estimates import FEW_DEGREES, ROWS_BY_SKEWNESS
from estimation_engine.two_phase import CorrectedEstimate
from lazy_dataclasses import dataclass

MAX_NAMED = 5
MAX_NAME = 60
CERTAIN = 24
"""Twice the standard error of normal values' skewness, √(6/n), squared and times n."""
HAVE = "{count} {count|estimate has|estimates have}"
SLACK = 1e-9
"""The relative distance from an interval's end that is rounding."""


@dataclass(frozen=True)
class GroupFigure:
    """A figure of one group."""

    statistic: StatisticName
    column: str | None
    denominator: str | None
    value: Any
    q: float
    group: Annotated[dict[str, Any], Help("The group's value of each column of `by`.")]

    @classmethod
    def of_request(cls, figure: StatisticRequest, group: dict[str, Any]) -> GroupFigure:
        """The figure of a request, of a group."""
        value = None if figure.value is NOT_GIVEN else figure.value
        return GroupFigure(
            figure.statistic, figure.column, figure.denominator, value, figure.q, group
        )

    @property
    def figure_name(self) -> str:
        """The figure in the words of a sentence."""
        match self.statistic:
            case "count":
                return "number of rows"
            case "proportion":
                value = "missing" if self.value is None else self.value
                return f"share of {self.column} {value}"
            case "ratio":
                return f"{self.column} by {self.denominator}"
            case "quantile":
                return f"quantile {self.q:g} of {self.column}"
            case name:
                return f"{name} of {self.column}"


@dataclass(frozen=True)
class PlainEstimate:
    """An estimate with its interval."""

    estimate: float | None
    standard_error: float | None
    ci_low: float | None
    ci_high: float | None

    @classmethod
    def of(
        cls, found: DomainEstimate | AgreementFigure | CorrectedEstimate | LimitedFigure
    ) -> PlainEstimate:
        """The estimate of an engine."""
        return cls(found.value, found.error, found.low, found.high)

    @property
    def width(self) -> float | None:
        """The width of the interval; None without one."""
        low, high = self.ci_low, self.ci_high
        return None if low is None or high is None else high - low

    @property
    def margin(self) -> float | None:
        """Half the width of the interval."""
        return None if self.width is None else self.width / 2


@dataclass(frozen=True)
class JudgeCoefficient:
    """The coefficient λ of a judge's column."""

    column: str
    stratum: Annotated[
        dict[str, Any] | None, Help("The stratum that it is of; null for all rows of the group.")
    ]
    coefficient: Annotated[float, Help("0 where the judge isn't used.")]


@dataclass(frozen=True)
class JudgeAlone:
    """The figure of a judge's column over the whole table, and how far it is off.

    The bias is the judge's figure less that of both; the table's own has no error, so the interval
    is that of both.
    """

    column: str
    estimate: Annotated[float | None, Help("Of the table's rows with a value of the column.")]
    bias: float | None
    bias_low: float | None
    bias_high: float | None


@dataclass(frozen=True)
class JudgeFigures:
    """The figures of people, of a judge and of both, for one figure and group."""

    people_alone: PlainEstimate
    judge_alone: Annotated[list[JudgeAlone], Help("Of each column.")]
    both: PlainEstimate
    coefficients: list[JudgeCoefficient]
    correlation: Annotated[
        float | None,
        Help(
            "Of people's estimate and the judge's by the design; of several columns the multiple."
        ),
    ]
    n_eff: Annotated[float | None, Help("Labels that people alone need for the precision of both.")]

    @property
    def is_used(self) -> bool:
        """Whether any coefficient isn't 0."""
        return any(each.coefficient for each in self.coefficients)


@dataclass(frozen=True, kw_only=True)
class CorrectedFigure(PlainEstimate):
    """A figure of answers that second readings correct; without an estimate the note says why."""

    df: Annotated[int, Help("Degrees of freedom of both phases.")]
    first_answers: Annotated[
        float | None, Help("The figure of the first answers alone, without decisions.")
    ]
    correction: Annotated[
        float | None, Help("What the second readings add to the figure of the first answers.")
    ]
    correction_standard_error: float | None
    second_readings: Annotated[int, Help("Rows of the group with a resolved second reading.")]
    differing: Annotated[int, Help("Those whose resolved answer gives another value.")]
    note: Annotated[str, Help("What the interval contains and assumes.")]


@dataclass(frozen=True, kw_only=True)
class FigureEstimate(AtConfidence, PlainEstimate, GroupFigure):
    """An estimate of a figure; ``computed`` is what it was made from."""

    computed: Hidden[DomainEstimate]
    df: Annotated[
        int,
        Help(
            "Degrees of freedom of the group: its rows or clusters with a value, less the strata "
            "that they are in."
        ),
    ]
    design_effect: Annotated[
        float | None, Help("The variance by that of a simple random sample of as many rows.")
    ]
    n: Annotated[int, Help("Sampled rows of the group with a value.")]
    n_missing: Annotated[int, Help("Sampled rows of the group without one.")]
    interval: Annotated[str, Help("The formula of the interval.")]
    variance: float | None
    true_value: Annotated[
        float | None, Help("Of all rows of the source, if `true_values` was given.")
    ] = None
    uncalibrated: Annotated[
        PlainEstimate | None, Help("The figure without `calibrate`, if that was given.")
    ] = None
    corrected: Annotated[
        CorrectedFigure | None,
        Help("The figure with the readers' errors in its interval, if answers were read twice."),
    ] = None
    judge: Annotated[
        JudgeFigures | None, Help("People alone, the judge alone and both, by `calibrate` judge.")
    ] = None

    @property
    def holds_truth(self) -> bool | None:
        """Whether the interval holds the true value; None if either isn't known."""
        low, high, truth = self.ci_low, self.ci_high, self.true_value
        if truth is None or low is None or high is None:
            return None
        slack = SLACK * max(abs(truth), 1e-300)
        return bool(low - slack <= truth <= high + slack)


class NotedFigure(Protocol):
    """An estimated figure of a group that notes are about."""

    @property
    def computed(self) -> DomainEstimate:
        """What it was made from."""

    @property
    def figure_name(self) -> str:
        """The figure in the words of a sentence."""

    @property
    def group(self) -> dict[str, Any]:
        """The group's value of each column."""


@dataclass(frozen=True)
class IntervalDoubt:
    """A reason for a note: the estimates that it is about, and its text.

    ``text`` has their ``{count}`` and their ``{names}``, each with its ``detail``.
    """

    applies: Callable[[DomainEstimate], bool]
    text: str
    detail: Callable[[DomainEstimate], str] | None = None


def _degrees(found: DomainEstimate) -> str:
    return f"{found.degrees}"


def interval_notes(
    estimates: Sequence[NotedFigure],
    settings: EstimateSettings,
    unit: str = "row",
    *,
    by_size: bool = False,
) -> list[str]:
    """The notes, the most serious first; ``unit`` is what was drawn independently.

    ``by_size`` is whether that was with probabilities by size.
    """
    has_figures = len({each.figure_name for each in estimates}) > 1
    notes = []
    for doubt in _doubts(settings, unit, by_size=by_size):
        about = [each for each in estimates if doubt.applies(each.computed)]
        if about:
            names = [_name(each, doubt, has_figures=has_figures) for each in about[:MAX_NAMED]]
            more = len(about) - MAX_NAMED
            listed = "; ".join(names) + (f"; and {more:,} more" if more > 0 else "")
            parameters = {"count": len(about), "names": listed}
            notes.append(render(doubt.text, parameters, lambda field: f"`{field}`"))
    return notes


def _doubts(settings: EstimateSettings, unit: str, *, by_size: bool) -> tuple[IntervalDoubt, ...]:
    advice = (
        "Draw by a size that these figures follow more closely."
        if by_size
        else "Take large values whole, stratify by bands of them, or draw with probabilities by "
        "size."
    )

    def is_hidden(found: DomainEstimate) -> bool:
        return bool(found.error) and found.low is None and not settings.shows(found.degrees)

    return (
        IntervalDoubt(
            lambda f: f.is_constant,
            f"{HAVE} a standard error of 0 only because the sampled values are equal; rows that "
            "weren't drawn may differ, so the interval isn't one of its confidence: {names}. "
            "Estimate a share instead.",
        ),
        IntervalDoubt(
            lambda f: is_hidden(f) and f.degrees > 0,
            "{count} {count|interval is|intervals are} not shown, with fewer than "
            f"{settings.minimum_degrees} degrees of freedom (units with a value, less their "
            "strata): {names}. Set `minimum_degrees` to 0 to show them.",
            _degrees,
        ),
        IntervalDoubt(
            lambda f: is_hidden(f) and not f.degrees,
            f"{HAVE} no interval, since there is no degree of freedom: at most one unit of each "
            "stratum has a value: {names}.",
        ),
        IntervalDoubt(
            lambda f: _is_shown(f) and is_skewed(f),
            "The values of {count} {count|estimate|estimates} are skewed, and the normal "
            "approximation needs more of them (25 times the squared skewness, Cochran 1977, "
            "section 2.15): {names}. "
            f"{percent_digits(settings.confidence)} % intervals then hold the true value less "
            "often than they say, mostly since a sample has too few of the largest values. "
            f"{advice}",
            lambda f: f"{f.normal_units:,} {unit}s, not {f.units:,}",
        ),
        IntervalDoubt(
            lambda f: _is_shown(f) and f.degrees < FEW_DEGREES,
            f"{HAVE} fewer than {FEW_DEGREES} degrees of freedom (units with a value, less their "
            "strata), so the standard error is itself uncertain and the interval assumes normal "
            "values: {names}.",
            _degrees,
        ),
        IntervalDoubt(
            lambda f: _is_shown(f) and f.effective_degrees < FEW_DEGREES <= f.degrees,
            "Most of the variance of {count} {count|estimate|estimates} is that of strata with few "
            "drawn rows, so the standard error is uncertain, and the interval holds the true value "
            "less often than it says. Effective degrees of freedom (Satterthwaite 1946): {names}. "
            "Draw more rows of these strata.",
            lambda f: f"about {f.effective_degrees:.1f}",
        ),
    )


def _is_shown(found: DomainEstimate) -> bool:
    return bool(found.error) and found.low is not None


def is_skewed(found: DomainEstimate) -> bool:
    """Whether the normal approximation needs more units, and their skewness isn't chance."""
    needed, units = found.normal_units, found.units
    if needed is None or needed <= units:
        return False
    return needed * units > CERTAIN * ROWS_BY_SKEWNESS


def _name(estimate: NotedFigure, doubt: IntervalDoubt, *, has_figures: bool) -> str:
    """The group, and the figure where there are several or no groups, with the detail."""
    group = ", ".join(
        f"{name} {'missing' if value is None else value}" for name, value in estimate.group.items()
    )
    parts = [group[:MAX_NAME]] if group else []
    if not group or has_figures:
        parts.insert(0, estimate.figure_name[:MAX_NAME])
    detail = "" if doubt.detail is None else f" ({doubt.detail(estimate.computed)})"
    return ", ".join(parts) + detail
