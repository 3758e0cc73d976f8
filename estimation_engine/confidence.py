"""The confidence of limits and intervals: its bounds, its default, and the levels offered."""

from __future__ import annotations

DEFAULT_CONFIDENCE = 0.95
LEAST_CONFIDENCE = 0.5
"""The lowest; published tables begin with it. The highest is below 1."""
USUAL_CONFIDENCES = (0.5, 0.8, 0.9, 0.95, 0.99)
OUT_OF_RANGE = "A confidence is from 0.5, and below 1, such as 0.95 or 95 %."


def is_confidence(value: float) -> bool:
    """Whether a number is a confidence.

    >>> is_confidence(0.5), is_confidence(1.0)
    (True, False)
    """
    return LEAST_CONFIDENCE <= value < 1.0
