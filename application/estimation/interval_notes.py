"""Notes on intervals that few rows or skewed values make doubtful, and on those that aren't shown.

The rules are those of :mod:`estimation_engine.estimates`; docs/ESTIMATES.md has what simulations
found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from domain_errors import counted
from estimation_engine import Estimate, Settings
from estimation_engine.estimates import FEW_DEGREES, ROWS_BY_SKEWNESS

MAX_NAMED = 5
MAX_NAME = 60
CERTAIN = 24
"""Twice the standard error of normal values' skewness, √(6/n), squared and times n."""


def interval_notes(
    estimated: Sequence[tuple[Mapping[str, Any], Estimate]], settings: Settings, unit: str = "row"
) -> list[str]:
    """The notes, the most serious first.

    Parameters
    ----------
    estimated : sequence of tuple
        Estimates as the answer has them and as they were computed.
    unit : str
        What was drawn independently.
    """
    names_figure = len({_figure(given) for given, _ in estimated}) > 1
    named = [(_name(given, names_figure=names_figure), found) for given, found in estimated]
    left = [pair for pair in named if pair[1].error]
    shown = [pair for pair in left if pair[1].low is not None]
    hidden = [pair for pair in left if is_hidden(pair[1], settings)]
    without = [pair for pair in hidden if not pair[1].degrees]
    hidden = [pair for pair in hidden if pair[1].degrees]
    skewed = [pair for pair in shown if is_skewed(pair[1])]
    few = [pair for pair in shown if pair[1].degrees < FEW_DEGREES]
    uneven = [pair for pair in shown if pair[1].effective_degrees < FEW_DEGREES <= pair[1].degrees]
    constant = [pair for pair in named if pair[1].is_constant]
    have, of_estimates = ("estimate has", "estimates have"), ("estimate", "estimates")
    notes = []
    if constant:
        notes.append(
            f"{counted(len(constant), *have)} a standard error of 0 only because the sampled "
            "values are equal; rows that weren't drawn may differ, so the interval isn't one of "
            f"its confidence: {_listed(constant)}. Estimate a share instead."
        )
    if hidden:
        notes.append(
            f"{counted(len(hidden), 'interval is', 'intervals are')} not shown, with fewer than "
            f"{settings.minimum_degrees} degrees of freedom (units with a value, less their "
            f"strata): {_listed(hidden, _degrees)}. Set `minimum_degrees` to 0 to show them."
        )
    if without:
        notes.append(
            f"{counted(len(without), *have)} no interval, since there is no degree of freedom: at "
            f"most one unit of each stratum has a value: {_listed(without)}."
        )
    if skewed:
        needed = _listed(skewed, lambda f: f"{f.normal_units:,} {unit}s, not {f.units:,}")
        notes.append(
            f"The values of {counted(len(skewed), *of_estimates)} are skewed, and the normal "
            "approximation needs more of them (25 times the squared skewness, Cochran 1977, "
            f"section 2.15): {needed}. {100 * settings.confidence:g} % intervals then hold the "
            "true value less often than they say, mostly since a sample has too few of the "
            "largest values. Take large values whole, stratify by bands of them, or draw with "
            "probabilities by size."
        )
    if few:
        notes.append(
            f"{counted(len(few), *have)} fewer than {FEW_DEGREES} degrees of freedom (units with a "
            "value, less their strata), so the standard error is itself uncertain and the "
            f"interval assumes normal values: {_listed(few, _degrees)}."
        )
    if uneven:
        effective = _listed(uneven, lambda f: f"about {f.effective_degrees:.1f}")
        notes.append(
            f"Most of the variance of {counted(len(uneven), *of_estimates)} is that of strata with "
            "few drawn rows, so the standard error is uncertain, and the interval holds the true "
            "value less often than it says. Effective degrees of freedom (Satterthwaite 1946): "
            f"{effective}. Draw more rows of these strata."
        )
    return notes


def is_hidden(found: Estimate, settings: Settings) -> bool:
    """Whether an interval has fewer degrees of freedom than the request publishes."""
    return bool(found.error) and found.low is None and not settings.shows(found.degrees)


def is_skewed(found: Estimate) -> bool:
    """Whether the normal approximation needs more units, and their skewness isn't chance."""
    needed, units = found.normal_units, found.units
    if needed is None or needed <= units:
        return False
    return needed * units > CERTAIN * ROWS_BY_SKEWNESS


def _degrees(found: Estimate) -> str:
    return f"{found.degrees}"


def _listed(
    estimated: Sequence[tuple[str, Estimate]], detail: Callable[[Estimate], str] | None = None
) -> str:
    """The names of some estimates, each with a detail in parentheses."""
    names = [
        name if detail is None else f"{name} ({detail(found)})"
        for name, found in estimated[:MAX_NAMED]
    ]
    more = len(estimated) - MAX_NAMED
    return "; ".join(names) + (f"; and {more:,} more" if more > 0 else "")


def _name(given: Mapping[str, Any], *, names_figure: bool) -> str:
    """The group, and the figure where there are several or no groups."""
    group = ", ".join(
        f"{name} {'missing' if value is None else value}" for name, value in given["group"].items()
    )
    parts = [group[:MAX_NAME]] if group else []
    if not group or names_figure:
        parts.insert(0, _figure(given)[:MAX_NAME])
    return ", ".join(parts)


def _figure(given: Mapping[str, Any]) -> str:
    match given["statistic"]:
        case "count":
            return "number of rows"
        case "proportion":
            value = "missing" if given["value"] is None else given["value"]
            return f"share of {given['column']} {value}"
        case "ratio":
            return f"{given['column']} by {given['denominator']}"
        case "quantile":
            return f"quantile {given['q']:g} of {given['column']}"
        case name:
            return f"{name} of {given['column']}"
