"""The conclusion of an evaluation in words: a limit against what is tolerable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from contract.declarations import Help
from contract.numbers import percent_digits
from domain_errors import FigureText, Sentence
from lazy_dataclasses import dataclass

BELOW = (
    "The upper limit{of}, {limit}, is below the tolerable {tolerable}: at {confidence} confidence "
    "the sample supports that {errors} are tolerable."
)
ABOVE = (
    "The upper limit{of}, {limit}, is not below the tolerable {tolerable}: the sample doesn't "
    "support that {errors} are tolerable. {next}"
)
NOT_SUPPORTED = (
    "Find the causes of the errors, have the population corrected, or do other audit procedures."
)
MAYBE_SUPPORTED = (
    "The most likely {measure}, {found}, is below it. Find the causes of the errors, have the "
    "population corrected, or do other audit procedures. A sample that is enlarged now, when its "
    "errors are known, is valid only as a sequential evaluation of rows or monetary units that "
    "were selected at random in one step; other samples then allow no conclusion."
)
TOO_SMALL = (
    "No exception was found, and the sample is too small for a conclusion. A new sample of {size} "
    "{size|row|rows} without an exception would do. A sample that is enlarged now, when its errors "
    "are known, is valid only as a sequential evaluation."
)
TOO_SMALL_OF_MONEY = (
    "The most likely {measure} is 0, and the sample is too small for a conclusion. Plan a larger "
    "one, or do other audit procedures. A sample that is enlarged now, when its errors are known, "
    "is valid only as a sequential evaluation."
)
BETWEEN = (
    "The misstatement, between {low} and {limit}, is within the tolerable {tolerable} in both "
    "directions: at {confidence} confidence the sample supports that errors are tolerable."
)
BEYOND = (
    "The misstatement, between {low} and {limit}, isn't within the tolerable {tolerable} in both "
    "directions: the sample doesn't support that errors are tolerable. {next}"
)
NETTED = (
    " The misstatement is net: understatements of {under} are taken from overstatements of {over}. "
    "Consider each direction, too."
)
FOUND = " The errors found in the sample are {sample_errors} in {error_rows} {error_rows|row|rows}."
ERROR_RATE = " The projected misstatement is {error_rate} of the book value."
WITHHELD = (
    "No conclusion at {confidence} confidence. The upper limit{of}, {limit}, is below the "
    "tolerable {tolerable}, but may be too low. {reason}"
)
WITHHELD_BETWEEN = (
    "No conclusion at {confidence} confidence. The misstatement, between {low} and {limit}, is "
    "within the tolerable {tolerable} in both directions, but these limits may be too narrow. "
    "{reason}"
)
ONLY_OF_SCOPE = " It is a conclusion on the rows that pass {scope} alone."
MAX_PLACES = 10
"""Decimal places of percentages that would else look equal."""


@dataclass(frozen=True)
class Conclusion:
    """Whether a limit is below what is tolerable, as data and in words.

    ``is_tolerable`` is None where the limit is in doubt, so that nothing is concluded.
    """

    is_tolerable: bool | None
    template: str
    parameters: Mapping[str, object]

    @property
    def sentence(self) -> Annotated[str, Help("The conclusion in words.")]:
        return Sentence(self.template, **self.parameters)


def conclude(
    limit: float,
    tolerable: float,
    found: float,
    confidence: float,
    *,
    amounts: Callable[[float], str] | None = None,
    scope: str | None = None,
    direction: str = "",
    covered: Sequence[str] = (),
    size: Callable[[], int] | None = None,
) -> Conclusion:
    """Compare an upper limit with what is tolerable; all are shares, from 0 to 1.

    Parameters
    ----------
    found : float
        The most likely share of errors.
    amounts : callable, optional
        The text of the amount that a share is of, which is shown before the share.
    scope : str, optional
        The filter of the sample's rows, to which the conclusion is limited.
    direction, covered : str, sequence of str
        That of the limit, such as ``overstatement``, and those that the conclusion covers.
    size : callable, optional
        The rows that would do without an exception, asked where none has one.

    Examples
    --------
    >>> conclude(0.0348, 0.03, 0.0086, 0.95).sentence[:61]
    'The upper limit, 3.48 %, is not below the tolerable 3.00 %: t'
    """
    is_tolerable = limit < tolerable
    places = next(
        (n for n in range(2, MAX_PLACES) if percent_text(limit, n) != percent_text(tolerable, n)),
        2 if limit == tolerable else MAX_PLACES,
    )

    def text(share: float) -> str:
        percent = percent_text(share, places)
        return percent if amounts is None else FigureText(f"{amounts(share)} ({percent})")

    parameters: dict[str, object] = {
        "measure": Sentence("share" if amounts is None else "misstatement"),
        "of": Sentence(f" of {direction}s") if direction else "",
        "errors": Sentence(" and ".join(f"{each}s" for each in covered) or "errors"),
        "limit": text(limit),
        "tolerable": text(tolerable),
        "found": text(found),
        "confidence": confidence_text(confidence),
    }
    template = BELOW
    if not is_tolerable:
        advice = MAYBE_SUPPORTED if found < tolerable else NOT_SUPPORTED
        if not found:
            advice = TOO_SMALL_OF_MONEY if size is None else TOO_SMALL
        if not found and size is not None:
            parameters["size"] = size()
        template = ABOVE.replace("{next}", advice)
    return Conclusion(is_tolerable, *scoped(template, parameters, scope))


def conclude_misstatement(
    low: float | None,
    limit: float,
    tolerable: float,
    found: float,
    confidence: float,
    *,
    errors: tuple[float, int],
    book_value: float,
    netted: tuple[float, float] | None = None,
    places: int = 2,
    scope: str | None = None,
) -> Conclusion:
    """Compare the limits of a net misstatement with what is tolerable; all are amounts.

    Parameters
    ----------
    low : float, optional
        The lower limit, if the conclusion is about both directions.
    found : float
        The most likely misstatement.
    errors : tuple of float and int
        The net errors of the examined rows, which aren't projected, and the rows that have one.
    book_value : float
        That of the population, of which a sentence says the projected share if it is above 0.
    netted : tuple of float, optional
        The projected overstatements and understatements, if there are both.
    places : int
        Decimal places in the sentence.
    """

    def amount(value: float) -> str:
        return FigureText(f"{value:,.{places}f}")

    is_tolerable = limit < tolerable and (low is None or low > -tolerable)
    advice = MAYBE_SUPPORTED if abs(found) < tolerable else NOT_SUPPORTED
    parameters: dict[str, object] = {
        "measure": Sentence("misstatement"),
        "of": Sentence(" of the net misstatement"),
        "errors": Sentence("net overstatements"),
        "limit": amount(limit),
        "tolerable": amount(tolerable),
        "found": amount(found),
        "confidence": confidence_text(confidence),
    }
    if low is not None:
        parameters["low"] = amount(low)
        template = BETWEEN if is_tolerable else BEYOND.replace("{next}", advice)
    else:
        template = BELOW if is_tolerable else ABOVE.replace("{next}", advice)
    template += FOUND
    parameters |= {"sample_errors": amount(errors[0]), "error_rows": errors[1]}
    if book_value > 0:
        template += ERROR_RATE
        parameters["error_rate"] = percent_text(found / book_value, 2)
    if netted is not None:
        template += NETTED
        parameters |= {"over": amount(netted[0]), "under": amount(netted[1])}
    return Conclusion(is_tolerable, *scoped(template, parameters, scope))


def withheld(found: Conclusion, reason: str, scope: str | None = None) -> Conclusion:
    """No conclusion that errors are tolerable, as the limit may be too low for a reason.

    What the conclusion says of the errors that were found, and of directions, stays. So does one
    that errors aren't supported to be tolerable: a higher limit would say the same.
    """
    if not found.is_tolerable:
        return found
    between = found.template.startswith(BETWEEN)
    stays = found.template.removeprefix(BETWEEN if between else BELOW).removesuffix(ONLY_OF_SCOPE)
    template = (WITHHELD_BETWEEN if between else WITHHELD) + stays
    return Conclusion(None, *scoped(template, {**found.parameters, "reason": reason}, scope))


def scoped(
    template: str, parameters: dict[str, object], scope: str | None
) -> tuple[str, dict[str, object]]:
    """The sentence with the filter that limits the conclusion."""
    if scope is None:
        return template, parameters
    return template + ONLY_OF_SCOPE, {**parameters, "scope": scope}


def confidence_text(confidence: float) -> str:
    """A confidence as a percentage, with all of its digits.

    >>> confidence_text(0.95), confidence_text(0.9999999)
    ('95 %', '99.99999 %')
    """
    return FigureText(f"{percent_digits(confidence)} %")


def percent_text(share: float, places: int) -> str:
    """A share as a percentage."""
    return FigureText(f"{100 * share:.{places}f} %")
