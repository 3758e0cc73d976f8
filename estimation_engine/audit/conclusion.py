"""The conclusion of an evaluation in words: a limit against what is tolerable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from domain_errors import render

BELOW = (
    "The upper limit, {limit}, is below the tolerable {tolerable}: at {confidence} confidence the "
    "sample supports that errors are tolerable."
)
ABOVE = (
    "The upper limit, {limit}, is not below the tolerable {tolerable}: the sample doesn't support "
    "that errors are tolerable. {next}"
)
NOT_SUPPORTED = (
    "Find the causes of the errors, have the population corrected, or do other audit procedures."
)
MAYBE_SUPPORTED = (
    "The errors found, {found}, are below it: a planned further stage, or a new and larger sample, "
    "may support it. Find the causes of the errors, too."
)
MAX_PLACES = 10
"""Decimal places of percentages that would else look equal."""


@dataclass(frozen=True)
class Conclusion:
    """Whether a limit is below what is tolerable, as data and in words."""

    is_tolerable: bool
    template: str
    parameters: Mapping[str, object]

    @property
    def sentence(self) -> str:
        """The conclusion in words."""
        return render(self.template, self.parameters)


def conclude(
    limit: float, tolerable: float, found: float, confidence: float, *, scope: str | None = None
) -> Conclusion:
    """Compare an upper limit with what is tolerable; all are shares, from 0 to 1.

    Parameters
    ----------
    found : float
        The most likely share of errors.
    scope : str, optional
        The filter of the sample's rows, to which the conclusion is limited.

    Examples
    --------
    >>> conclude(0.0348, 0.03, 0.0086, 0.95).sentence[:61]
    'The upper limit, 3.48 %, is not below the tolerable 3.00 %: t'
    """
    is_tolerable = limit < tolerable
    places = next(
        (n for n in range(2, MAX_PLACES) if _percent(limit, n) != _percent(tolerable, n)),
        2 if limit == tolerable else MAX_PLACES,
    )
    parameters: dict[str, object] = {
        "limit": _percent(limit, places),
        "tolerable": _percent(tolerable, places),
        "found": _percent(found, places),
        "confidence": f"{100 * confidence:g} %",
    }
    template = BELOW
    if not is_tolerable:
        template = ABOVE.replace("{next}", MAYBE_SUPPORTED if found < tolerable else NOT_SUPPORTED)
    if scope is not None:
        template += " It is a conclusion on the rows that pass {scope} alone."
        parameters["scope"] = scope
    return Conclusion(is_tolerable, template, parameters)


def _percent(share: float, places: int) -> str:
    return f"{100 * share:.{places}f} %"
