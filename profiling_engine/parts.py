"""The parts that a column's profile is made of, whatever its kind.

Owns: their shape and their JSON. Invariant: every figure carries its label; what is None is left
out of the JSON. Those of one kind alone are in :mod:`profiling_engine.kind_parts`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from parquet_tables.json_values import json_value
from profiling_engine.accuracy import Accuracy, Figure


def part_as_json(part: Any) -> dict[str, object]:
    """A dataclass of figures and further parts as a JSON object, without what is None."""
    told = {field.name: getattr(part, field.name) for field in fields(part)}
    return {name: _as_json(value) for name, value in told.items() if value is not None}


def _as_json(value: Any) -> Any:
    if hasattr(value, "as_json"):
        return value.as_json()
    if isinstance(value, tuple):
        return [_as_json(one) for one in value]
    return json_value(value)


class Part:
    """A part of a profile that is a JSON object of its own fields."""

    def as_json(self) -> dict[str, object]:
        """The part as a JSON object, without what is None."""
        return part_as_json(self)


@dataclass(frozen=True)
class ValueRows(Part):
    """A value, a pattern or a bin's worth of rows.

    Parameters
    ----------
    value : JSON value
        A text is cut after 200 characters, and ends in an ellipsis then.
    share : float
        Of the rows that aren't NULL.
    low, high : int or None
        Between which the number of rows lies, unless it's exact.
    """

    value: Any
    rows: int
    share: float
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True)
class FrequentValues(Part):
    """The most frequent values, the most frequent first.

    Parameters
    ----------
    others_at_most : int or None
        No value that isn't listed has more rows than this, unless the rows are estimated.
    complete : bool
        Whether these are surely the most frequent values.
    """

    values: tuple[ValueRows, ...]
    accuracy: Accuracy
    others_at_most: int | None
    complete: bool


@dataclass(frozen=True)
class Groups(Part):
    """The groups of rows with one value each; only where every value was counted.

    Parameters
    ----------
    smallest, largest : Figure
        Rows of the rarest and of the most frequent value.
    once : Figure
        Values with one row.
    sparse : Figure
        Values with fewer than 30 rows.
    effective : Figure
        Equally large groups that would be as mixed: the inverse of the sum of squared shares.
    """

    smallest: Figure
    largest: Figure
    once: Figure
    sparse: Figure
    effective: Figure


@dataclass(frozen=True)
class Bin(Part):
    """Rows from ``start`` up to, not including, ``end``."""

    start: Any
    end: Any
    rows: int
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True)
class Histogram(Part):
    """Rows by bin.

    Parameters
    ----------
    scale : {"linear", "logarithmic", "calendar"}
    unit, step : str, int or None
        Of a calendar's bins, for example 1 quarter.
    """

    scale: str
    bins: tuple[Bin, ...]
    accuracy: Accuracy
    unit: str | None = None
    step: int | None = None


@dataclass(frozen=True)
class Quartiles(Part):
    """Values of the column: the smallest that so much of the rows is no larger than."""

    lower: Figure
    median: Figure
    upper: Figure


@dataclass(frozen=True)
class Lengths(Part):
    """Characters of a text, bytes of a binary value, elements of a list or map."""

    minimum: Figure
    mean: Figure
    maximum: Figure
    empty: Figure
