"""The parts that a column's profile is made of, whatever its kind.

Owns: their shape and their JSON. Invariant: every figure carries its label; what is None is left
out of the JSON. Those of one kind alone are in :mod:`profiling_engine.columns.profile`.

The parts of a column's profile that only one kind of column has.

Owns: their shape; see :mod:`profiling_engine.columns.profile`.

What is told of a column.

Owns: a column's profile and its alerts. Invariant: a part is None where the column's kind has no
such thing. Made by the profiler, read by alerts, design hints and whoever shows a profile.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from parquet_tables.json_values import json_value
from profiling_engine.columns.accuracy import Accuracy, Figure
from profiling_engine.columns.kinds import Kind


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


@dataclass(frozen=True)
class Largest(Part):
    """The largest ``rows`` values: the smallest of them, and their share of the column's sum."""

    rows: int
    from_value: Any
    share_of_sum: float


@dataclass(frozen=True)
class NumberFigures(Part):
    """Of a column of numbers. NaN and the infinite are counted, and left out of all the rest.

    Parameters
    ----------
    far_below, far_above : Figure
        Rows more than three times the quartiles' distance outside them (Tukey's "far out").
    largest : tuple of Largest
        Of a column without negative numbers: how much the largest values make up.
    """

    sum: Figure
    mean: Figure
    standard_deviation: Figure
    skewness: Figure
    zeros: Figure
    negatives: Figure
    nan: Figure
    positive_infinity: Figure
    negative_infinity: Figure
    far_below: Figure | None = None
    far_above: Figure | None = None
    largest: tuple[Largest, ...] | None = None


@dataclass(frozen=True)
class MomentFigures(Part):
    """Of a column of dates or times: the infinite ones, and those at midnight."""

    infinite: Figure
    midnight: Figure | None = None


@dataclass(frozen=True)
class BooleanFigures(Part):
    """Of a column of truth values."""

    true: Figure
    false: Figure


@dataclass(frozen=True)
class LetterCase(Part):
    """Rows by the case of their letters; ``none`` has no letter, or only such as have no case."""

    upper: Figure
    lower: Figure
    mixed: Figure
    none: Figure


@dataclass(frozen=True)
class Patterns(Part):
    """What texts look like: letters as ``A`` or ``a``, digits as ``9``; up to 32 characters."""

    most_frequent: tuple[ValueRows, ...]
    longer: Figure
    accuracy: Accuracy


@dataclass(frozen=True)
class Variants(Part):
    """Values that are one but for case and white space around them, and examples of such."""

    values: Figure
    examples: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class TextFigures(Part):
    """Of a column of texts.

    Parameters
    ----------
    blank : Figure
        Rows of nothing but white space, and not empty.
    stray_blanks : Figure
        Other rows with white space at their beginning or end.
    numbers, codes, dates : Figure
        Rows that read as a number, as digits that begin with 0, as a date.
    """

    lengths: Lengths
    blank: Figure
    stray_blanks: Figure
    case: LetterCase
    numbers: Figure
    codes: Figure
    dates: Figure
    patterns: Patterns
    variants: Variants | None = None


@dataclass(frozen=True)
class Field(Part):
    """A field of a structure."""

    name: str
    type: str


@dataclass(frozen=True)
class Alert(Part):
    """Something that a person should know.

    Parameters
    ----------
    code : str
        Stable; docs/PROFILING.md lists them.
    severity : {"info", "notice", "warning"}
    sentence : str
        For a person, with the figure in it.
    figure : Figure
        The figure behind it.
    """

    code: str
    severity: str
    sentence: str
    figure: Figure


@dataclass(frozen=True)
class ColumnProfile(Part):
    """All that is told of a column.

    Parameters
    ----------
    rows : int
        Of the table.
    unique : bool or None
        Whether no value but NULL is there twice; None if that wasn't found out.
    minimum, maximum : Figure
        Of what has an order; of numbers and moments the smallest and largest finite ones.
    """

    name: str
    type: str
    kind: Kind
    rows: int
    nulls: Figure
    distinct: Figure | None = None
    unique: bool | None = None
    minimum: Figure | None = None
    maximum: Figure | None = None
    quartiles: Quartiles | None = None
    histogram: Histogram | None = None
    most_frequent: FrequentValues | None = None
    groups: Groups | None = None
    number: NumberFigures | None = None
    moment: MomentFigures | None = None
    boolean: BooleanFigures | None = None
    text: TextFigures | None = None
    lengths: Lengths | None = None
    fields: tuple[Field, ...] | None = None
    alerts: tuple[Alert, ...] = ()

    @property
    def values(self) -> int:
        """Rows that aren't NULL, as far as is known."""
        return self.rows - int(self.nulls.value)
