"""Figures and their accuracy: exact, approximate or estimated.

A figure is *exact* if a plain query over all rows gives it, *approximate* if a method with a stated
error read all rows, and *estimated* if it comes from a seeded sample of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from parquet_tables.json_values import json_value

CONFIDENCE = 0.95
"""The confidence level of estimates and of most approximations."""
CERTAIN = 1.0
"""The confidence level of proven bounds."""


@dataclass(frozen=True)
class Accuracy:
    """The accuracy of a figure.

    Parameters
    ----------
    method : str or None
        The method, unless the figure is exact.
    low, high : number, text or None
        The bounds of the confidence interval; None for an unknown bound.
    sample_rows : int or None
        The rows of the sample that an estimate uses.
    """

    kind: Literal["exact", "approximate", "estimated"]
    method: str | None = None
    low: Any = None
    high: Any = None
    confidence: float | None = None
    sample_rows: int | None = None

    @property
    def is_exact(self) -> bool:
        """Whether a plain query gives the same figure."""
        return self.kind == "exact"

    def as_json(self) -> dict[str, object]:
        """The accuracy as a JSON object without unknown fields."""
        labels = {
            "kind": self.kind,
            "method": self.method,
            "low": json_value(self.low),
            "high": json_value(self.high),
            "confidence": self.confidence,
            "sample_rows": self.sample_rows,
        }
        return {name: value for name, value in labels.items() if value is not None}


EXACT = Accuracy("exact")


@dataclass(frozen=True)
class Figure:
    """A value and its accuracy; the value is None if undefined, such as a mean of no rows."""

    value: Any
    accuracy: Accuracy = EXACT

    @property
    def low(self) -> Any:
        """The lower bound of the value."""
        return self.value if self.accuracy.is_exact else self.accuracy.low

    @property
    def high(self) -> Any:
        """The upper bound of the value."""
        return self.value if self.accuracy.is_exact else self.accuracy.high

    def as_json(self) -> dict[str, object]:
        """The figure as a JSON object."""
        accuracy = self.accuracy.as_json()
        low, high = self.accuracy.low, self.accuracy.high
        numbers = all(isinstance(number, int | float) for number in (low, high, self.value))
        if numbers and self.value:
            accuracy["relative_error"] = float(high - low) / 2 / abs(self.value)
        return {"value": json_value(self.value), "accuracy": accuracy}
