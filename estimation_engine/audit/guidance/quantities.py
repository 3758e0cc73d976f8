"""What the calculations of the guidance share: its source, checks, quantiles and verdicts."""

from __future__ import annotations

from typing import Literal

from contract.fields import LEAST_CONFIDENCE, Bounds
from domain_errors import FigureText
from estimation_engine.errors import InvalidCalculation
from lazy_dataclasses import dataclass

GUIDANCE = "European Commission, EGESIF_16-0014-01, Guidance on sampling methods"
MOST_CONFIDENCE = 0.999
CONFIDENCES = Bounds(LEAST_CONFIDENCE, MOST_CONFIDENCE)
MATERIALITY = 0.02
"""The share of the book value that is tolerable, at most (section 4.9)."""
LEAST_OF_STRATUM = 3
"""The units of a stratum's sample, at least (section 6.1.2.2)."""

Verdict = Literal["tolerable", "material", "inconclusive"]
EXPANSION = {
    0.99: 1.9,
    0.95: 1.6,
    0.90: 1.5,
    0.85: 1.4,
    0.80: 1.3,
    0.75: 1.25,
    0.70: 1.2,
    0.60: 1.1,
    0.50: 1.0,
}
"""The expansion factors of table 5 by confidence (section 6.3.5.2)."""


@dataclass(frozen=True, kw_only=True)
class AtLevel:
    """What a calculation takes, or gives, at a confidence."""

    confidence: float


@dataclass(frozen=True, kw_only=True)
class NormalInputs(AtLevel):
    """Inputs of a calculation by the normal distribution.

    Parameters
    ----------
    z : float, optional
        In place of the quantile of the confidence.
    """

    z: float | None = None


def section(number: str) -> str:
    """The source of a formula."""
    return f"{GUIDANCE}, section {number}"


def check(holds: bool, template: str, field: str, /, **parameters: object) -> None:
    """Refuse an input that is out of range.

    Raises
    ------
    InvalidCalculation
        Its location is the field.
    """
    if not holds:
        raise InvalidCalculation(template, loc=("inputs", *field.split(".")), **parameters)


def check_confidence(confidence: float) -> None:
    """Refuse a confidence that isn't from 50 to 99.9 %."""
    check(
        CONFIDENCES.holds(confidence),
        "A confidence of these calculations is from 0.5 to 0.999, such as 0.8.",
        "confidence",
    )


def quantile(confidence: float, z: float | None = None) -> float:
    """The z of a confidence: the quantile of a two-sided interval (section 5.3, table 3).

    ``z`` is used in its place, where a printed value with its digits is to be reproduced.

    >>> round(quantile(0.8), 3), round(quantile(0.9), 3), quantile(0.8, 1.282)
    (1.282, 1.645, 1.282)
    """
    from scipy.special import ndtri

    check_confidence(confidence)
    if z is None:
        return float(ndtri((1.0 + confidence) / 2.0))
    check(z > 0.0, "`z` must be above 0.", "z")
    return z


def confidence_of(z: float) -> float:
    """The confidence of a two-sided interval with a quantile; 0 below 0.

    >>> round(confidence_of(1.419), 3)
    0.844
    """
    from scipy.special import ndtr

    return max(2.0 * float(ndtr(z)) - 1.0, 0.0)


def expansion_factor(confidence: float, given: float | None = None) -> float:
    """The factor by which an expected error counts (section 6.3.5.2, table 5)."""
    if given is not None:
        check(given >= 1.0, "An expansion factor is 1 or more.", "expansion")
        return given
    printed = EXPANSION.get(round(confidence, 6))
    check(
        printed is not None,
        "The guidance prints no expansion factor for a confidence of {confidence}: give "
        "`expansion`, or a confidence of {printed}.",
        "expansion",
        confidence=confidence,
        printed=", ".join(str(each) for each in sorted(EXPANSION)),
    )
    return printed or 1.0


def verdict_of(error: float, upper: float | None, tolerable: float) -> Verdict:
    """What follows from a projected error and its upper limit (section 4.12).

    Material if the projected error is above what is tolerable; tolerable if the upper limit, or
    without one the projected error, is below it; else inconclusive.

    >>> verdict_of(548_058, 548_058 + 512_134, 930_024)
    'inconclusive'
    """
    if error > tolerable:
        return "material"
    return "tolerable" if (error if upper is None else upper) < tolerable else "inconclusive"


def amount_text(value: float) -> FigureText:
    """An amount for sentences."""
    return FigureText(f"{value:,.2f}")
