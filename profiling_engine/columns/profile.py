"""The profile of a table and its columns: figures with their accuracy, alerts and JSON.

A part is None if the column's kind doesn't have it, and is omitted from the JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from parquet_tables.json_values import json_value
from profiling_engine.columns.kinds import Kind

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


def _as_json(value: Any) -> Any:
    if hasattr(value, "as_json"):
        return value.as_json()
    if isinstance(value, tuple):
        return [_as_json(entry) for entry in value]
    return json_value(value)


class Part:
    """A dataclass that becomes a JSON object of its fields."""

    def as_json(self) -> dict[str, object]:
        """The part as a JSON object, without fields that are None."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return {name: _as_json(value) for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class ValueRows(Part):
    """The rows with a value or a pattern.

    Parameters
    ----------
    value : JSON value
        A text is cut after 200 characters, with an ellipsis.
    share : float
        The share of the rows that aren't NULL.
    low, high : int or None
        The bounds of the number of rows, unless it is exact.
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
        The most rows that an unlisted value can have; None if the rows are estimated.
    complete : bool
        Whether these are certainly the most frequent values.
    """

    values: tuple[ValueRows, ...]
    accuracy: Accuracy
    others_at_most: int | None
    complete: bool


@dataclass(frozen=True)
class Groups(Part):
    """The groups of rows with equal values, if every value was counted.

    Parameters
    ----------
    smallest, largest : Figure
        The rows of the rarest and of the most frequent value.
    once, sparse : Figure
        The number of values with one row, and with fewer than 30 rows.
    effective : Figure
        The effective number of groups: the inverse of the sum of squared shares.
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
    """Rows by bin; calendar bins have a ``unit`` and a ``step``, such as 1 quarter."""

    scale: str
    bins: tuple[Bin, ...]
    accuracy: Accuracy
    unit: str | None = None
    step: int | None = None


@dataclass(frozen=True)
class Quartiles(Part):
    """The quartiles, which are values of the column."""

    lower: Figure
    median: Figure
    upper: Figure


@dataclass(frozen=True)
class Lengths(Part):
    """Lengths: characters of a text, bytes of a binary value, elements of a list or map."""

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
    """Figures of a column of numbers; NaN and infinite values are excluded from the others.

    Parameters
    ----------
    far_below, far_above : Figure
        Rows more than three interquartile ranges outside the quartiles (Tukey's "far out").
    largest : tuple of Largest
        The share of the largest values in the sum; None if a number is negative.
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
    """Figures of a column of dates or times: the infinite values, and those at midnight."""

    infinite: Figure
    midnight: Figure | None = None


@dataclass(frozen=True)
class BooleanFigures(Part):
    """Figures of a column of truth values."""

    true: Figure
    false: Figure


@dataclass(frozen=True)
class LetterCase(Part):
    """Rows by letter case; ``none`` counts texts without letters that have a case."""

    upper: Figure
    lower: Figure
    mixed: Figure
    none: Figure


@dataclass(frozen=True)
class Patterns(Part):
    """Patterns of texts up to 32 characters: letters as ``A`` or ``a``, digits as ``9``."""

    most_frequent: tuple[ValueRows, ...]
    longer: Figure
    accuracy: Accuracy


@dataclass(frozen=True)
class Variants(Part):
    """Values that differ only in case or in white space at their ends, with examples."""

    values: Figure
    examples: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class TextFigures(Part):
    """Figures of a column of texts.

    Parameters
    ----------
    blank : Figure
        Rows that are empty or only white space.
    stray_blanks : Figure
        Other rows with white space at their beginning or end.
    numbers, codes, dates : Figure
        Rows that are a number, digits that begin with 0, a date.
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
    """An alert: its code (docs/PROFILING.md), severity, sentence, and the figure it is based on."""

    code: str
    severity: str
    sentence: str
    figure: Figure


@dataclass(frozen=True)
class ColumnProfile(Part):
    """The profile of a column.

    Parameters
    ----------
    rows : int
        The rows of the table.
    unique : bool or None
        Whether no value except NULL is repeated; None if unknown.
    minimum, maximum : Figure
        The extremes of ordered types; the finite ones of numbers and times.
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
        """The rows that aren't NULL; approximate if ``nulls`` is."""
        return self.rows - int(self.nulls.value)


PROFILE_VERSION = "jobsvc-profile-2"


@dataclass(frozen=True)
class TableProfile(Part):
    """A table's profile.

    Parameters
    ----------
    seed : int or str
        The seed of the sample of rows.
    columns : tuple of ColumnProfile
        The requested columns in the requested order.
    estimated_columns : tuple of str
        Columns that are estimated because the time budget was used up.
    repeated_rows : Figure or None
        The rows that repeat another one; None if only some columns were profiled or the time
        budget was used up.
    """

    rows: int
    columns: tuple[ColumnProfile, ...]
    seed: int | str
    estimated_columns: tuple[str, ...] = ()
    repeated_rows: Figure | None = None
    alerts: tuple[Alert, ...] = ()
    version: str = PROFILE_VERSION

    def column(self, name: str) -> ColumnProfile:
        """The profile of the column with this exact name."""
        return next(column for column in self.columns if column.name == name)
