"""How far a figure can be trusted.

Owns: the label that every figure carries. Invariant: there is no figure without one. A figure is
*exact* when a plain query over all rows would give it; *approximate* when all rows were read by a
method that may miss it, by no more than the label says; *estimated* when it comes from a seeded
sample of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from parquet_tables.json_values import json_value

CONFIDENCE = 0.95
"""Of the intervals of estimates and of most approximations."""
CERTAIN = 1.0
"""Of bounds that can't be exceeded."""


@dataclass(frozen=True)
class Accuracy:
    """The label of a figure.

    Parameters
    ----------
    method : str or None
        How it was come by, unless it's exact.
    low, high : number, text or None
        The figure lies between them with probability ``confidence``; None where nothing is known.
    sample_rows : int or None
        Rows that an estimate was made from.
    """

    kind: Literal["exact", "approximate", "estimated"]
    method: str | None = None
    low: Any = None
    high: Any = None
    confidence: float | None = None
    sample_rows: int | None = None

    @property
    def is_exact(self) -> bool:
        """Whether a plain query would give the same figure."""
        return self.kind == "exact"

    def as_json(self) -> dict[str, object]:
        """The label as a JSON object: what isn't known is left out."""
        told = {
            "kind": self.kind,
            "method": self.method,
            "low": json_value(self.low),
            "high": json_value(self.high),
            "confidence": self.confidence,
            "sample_rows": self.sample_rows,
        }
        return {name: one for name, one in told.items() if one is not None}


EXACT = Accuracy("exact")


@dataclass(frozen=True)
class Figure:
    """A figure with its label; the value is None where there is none, such as a mean of no rows."""

    value: Any
    accuracy: Accuracy = EXACT

    @property
    def low(self) -> Any:
        """The least that it can be, as far as its label tells."""
        return self.value if self.accuracy.is_exact else self.accuracy.low

    @property
    def high(self) -> Any:
        """The most that it can be, as far as its label tells."""
        return self.value if self.accuracy.is_exact else self.accuracy.high

    def as_json(self) -> dict[str, object]:
        """The figure as a JSON object."""
        accuracy = self.accuracy.as_json()
        error = relative_error(self)
        if error is not None:
            accuracy["relative_error"] = error
        return {"value": json_value(self.value), "accuracy": accuracy}


def relative_error(figure: Figure) -> float | None:
    """Half of the interval by the value; None for what is exact, or isn't a number above 0."""
    low, high, value = figure.accuracy.low, figure.accuracy.high, figure.value
    numbers = all(isinstance(one, int | float) for one in (low, high, value))
    return float(high - low) / 2 / abs(value) if numbers and value else None
