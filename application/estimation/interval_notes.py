"""Notes on intervals that few rows or skewed values make doubtful, and on those that aren't shown.

The rules are those of :mod:`estimation_engine.estimates`; docs/ESTIMATES.md has what simulations
found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from domain_errors import counted
from estimation_engine import Estimate, Settings
from estimation_engine.estimates import FEW_DEGREES, ROWS_BY_SKEWNESS

MAX_NAMED = 5
MAX_NAME = 60
CERTAIN = 24
"""Twice the standard error of normal values' skewness, √(6/n), squared and times n."""

Named = Sequence[tuple[str, Estimate]]


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
    left = [(name, found) for name, found in named if found.error]
    return [
        *_constant_notes(named),
        *_hidden_notes(left, settings),
        *_skewness_notes(left, settings, unit),
        *_few_notes(left),
        *_uneven_notes(left),
    ]


def is_hidden(found: Estimate, settings: Settings) -> bool:
    """Whether an interval has fewer degrees of freedom than the request publishes."""
    return bool(found.error) and found.low is None and not settings.shows(found.degrees)


def is_skewed(found: Estimate) -> bool:
    """Whether the normal approximation needs more units, and their skewness isn't chance."""
    needed, units = found.normal_units, found.units
    if needed is None or needed <= units:
        return False
    return needed * units > CERTAIN * ROWS_BY_SKEWNESS


def _constant_notes(estimated: Named) -> list[str]:
    constant = [name for name, found in estimated if found.is_constant]
    if not constant:
        return []
    return [
        f"{counted(len(constant), 'estimate has', 'estimates have')} a standard error of 0 only "
        "because the sampled values are equal; rows that weren't drawn may differ, so the interval "
        f"isn't one of its confidence: {_listed(constant)}. Estimate a share instead."
    ]


def _hidden_notes(estimated: Named, settings: Settings) -> list[str]:
    hidden = [pair for pair in estimated if is_hidden(pair[1], settings)]
    notes = []
    shown_if_asked = [pair for pair in hidden if pair[1].degrees]
    if shown_if_asked:
        notes.append(
            f"{counted(len(shown_if_asked), 'interval is', 'intervals are')} not shown, with fewer "
            f"than {settings.minimum_degrees} degrees of freedom (units with a value, less their "
            f"strata): {_degrees(shown_if_asked)}. Set `minimum_degrees` to 0 to show them."
        )
    without = [pair for pair in hidden if not pair[1].degrees]
    if without:
        notes.append(
            f"{counted(len(without), 'estimate has', 'estimates have')} no interval, since there "
            "is no degree of freedom: at most one unit of each stratum has a value: "
            f"{_listed([name for name, _ in without])}."
        )
    return notes


def _few_notes(estimated: Named) -> list[str]:
    few = [pair for pair in estimated if pair[1].low is not None and pair[1].degrees < FEW_DEGREES]
    if not few:
        return []
    return [
        f"{counted(len(few), 'estimate has', 'estimates have')} fewer than {FEW_DEGREES} degrees "
        "of freedom (units with a value, less their strata), so the standard error is itself "
        f"uncertain and the interval assumes normal values: {_degrees(few)}."
    ]


def _uneven_notes(estimated: Named) -> list[str]:
    """Estimates whose variance is that of few rows, in strata that vary much."""
    uneven = [
        pair
        for pair in estimated
        if pair[1].low is not None and pair[1].effective_degrees < FEW_DEGREES <= pair[1].degrees
    ]
    if not uneven:
        return []
    named = [f"{name} (about {found.effective_degrees:.1f})" for name, found in uneven]
    return [
        f"Most of the variance of {counted(len(uneven), 'estimate')} is that of strata with few "
        "drawn rows, so the standard error is uncertain, and the interval holds the true value "
        "less often than it says. Effective degrees of freedom (Satterthwaite 1946): "
        f"{_listed(named)}. Draw more rows of these strata."
    ]


def _skewness_notes(estimated: Named, settings: Settings, unit: str) -> list[str]:
    skewed = [pair for pair in estimated if pair[1].low is not None and is_skewed(pair[1])]
    if not skewed:
        return []
    named = [
        f"{name} ({found.normal_units:,} {unit}s, not {found.units:,})" for name, found in skewed
    ]
    return [
        f"The values of {counted(len(skewed), 'estimate')} are skewed, and the normal "
        "approximation needs more of them (25 times the squared skewness, Cochran 1977, section "
        f"2.15): {_listed(named)}. {100 * settings.confidence:g} % intervals then hold the true "
        "value less often than they say, mostly since a sample has too few of the largest values. "
        "Take large values whole, stratify by bands of them, or draw with probabilities by size."
    ]


def _degrees(estimated: Named) -> str:
    return _listed([f"{name} ({found.degrees})" for name, found in estimated])


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMED
    listed = "; ".join(names[:MAX_NAMED])
    return f"{listed}; and {more:,} more" if more > 0 else listed


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
