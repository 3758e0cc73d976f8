"""The confidence levels of forms: what is offered, what is the default, and what was typed."""

from __future__ import annotations

from contract.fields import (
    DEFAULT_CONFIDENCE,
    OUT_OF_RANGE,
    USUAL_CONFIDENCES,
    is_confidence,
)

from contract.numbers import confidence_of
from domain_errors import InvalidRequest

__all__ = ["DEFAULT_CONFIDENCE", "USUAL_CONFIDENCES", "level_of"]


def level_of(typed: str) -> float:
    """The confidence in a field, which is a percentage or a share.

    Raises
    ------
    InvalidRequest
        It is no confidence.

    Examples
    --------
    >>> level_of("95"), level_of("99,5 %"), level_of("0.5")
    (0.95, 0.995, 0.5)
    """
    level = float(confidence_of(typed))
    if not is_confidence(level):
        raise InvalidRequest(OUT_OF_RANGE)
    return level
