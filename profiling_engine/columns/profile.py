"""The profile of a table and its columns: figures with their accuracy, alerts and JSON.

A part is None if the column's kind doesn't have it, and is omitted from the JSON.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal, TypedDict, dataclass_transform

from lazy_dataclasses import dataclass
from parquet_tables.json_values import json_value
from profiling_engine.columns.kinds import Kind

CERTAIN = 1.0


def _as_json(value: Any) -> Any:
    if hasattr(value, "as_json"):
        return value.as_json()
    if isinstance(value, tuple):
        return [_as_json(entry) for entry in value]
    return json_value(value)


@dataclass_transform(frozen_default=True)
class ProfilePart:
    """A frozen dataclass that becomes a JSON object of its fields."""

    def __init_subclass__(cls) -> None:
        """Make a frozen dataclass of a subclass."""
        super().__init_subclass__()
        dataclass(frozen=True)(cls)

    def as_json(self) -> dict[str, object]:
        """A JSON object without fields that are None."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return {name: _as_json(value) for name, value in values.items() if value is not None}


class Accuracy(ProfilePart):
    """How a figure was found, and the bounds of its confidence interval; None for an unknown bound.

    ``sample_rows`` is the number of rows that an estimate uses.
    """

    kind: Literal["exact", "approximate", "estimated"]
    method: str | None = None
    low: Any = None
    high: Any = None
    confidence: float | None = None
    sample_rows: int | None = None

    @property
    def is_exact(self) -> bool:
        return self.kind == "exact"


EXACT = Accuracy("exact")


@dataclass(frozen=True)
class Figure:
    """A value and its accuracy; the value is None if undefined, such as a mean of no rows."""

    value: Any
    accuracy: Accuracy = EXACT

    @property
    def low(self) -> Any:
        return self.value if self.accuracy.is_exact else self.accuracy.low

    @property
    def high(self) -> Any:
        return self.value if self.accuracy.is_exact else self.accuracy.high

    def as_json(self) -> dict[str, object]:
        accuracy = self.accuracy.as_json()
        low, high = self.accuracy.low, self.accuracy.high
        numbers = all(isinstance(number, int | float) for number in (low, high, self.value))
        if numbers and self.value:
            accuracy["relative_error"] = float(high - low) / 2 / abs(self.value)
        return {"value": json_value(self.value), "accuracy": accuracy}


class ValueRows(ProfilePart):
    """The rows with a value or a pattern, and their share of the rows that aren't NULL.

    A text is cut after 200 characters. ``low`` and ``high`` bound rows that aren't exact.
    """

    value: Any
    rows: int
    share: float
    low: int | None = None
    high: int | None = None


class FrequentValues(ProfilePart):
    """The most frequent values, the most frequent first.

    ``others_at_most`` is the most rows that an unlisted value can have, None if the rows are
    estimated; ``complete`` whether these are certainly the most frequent values.
    """

    values: tuple[ValueRows, ...]
    accuracy: Accuracy
    others_at_most: int | None
    complete: bool


class Groups(ProfilePart):
    """The groups of rows with equal values, if every value was counted.

    ``smallest`` and ``largest`` are rows, ``once`` and ``sparse`` numbers of values with one and
    with fewer than 30 rows, ``effective`` is the inverse of the sum of squared shares.
    """

    smallest: Figure
    largest: Figure
    once: Figure
    sparse: Figure
    effective: Figure


class Bin(ProfilePart):
    """Rows from ``start`` up to, not including, ``end``."""

    start: Any
    end: Any
    rows: int
    low: int | None = None
    high: int | None = None


class Histogram(ProfilePart):
    """Rows by bin; calendar bins have a ``unit`` and a ``step``, such as 1 quarter.

    On the ``clipped`` scale the first and the last bin reach to the ends of a long tail.
    """

    scale: str
    bins: tuple[Bin, ...]
    accuracy: Accuracy
    unit: str | None = None
    step: int | None = None


class Quartiles(ProfilePart):
    lower: Figure
    median: Figure
    upper: Figure


class Lengths(ProfilePart):
    """Lengths: characters of a text, bytes of a binary value."""

    minimum: Figure
    mean: Figure
    maximum: Figure
    empty: Figure


class Largest(ProfilePart):
    """The largest ``rows`` values: the smallest of them, and their share of the column's sum."""

    rows: int
    from_value: Any
    share_of_sum: float


class NumberFigures(ProfilePart):
    """Figures of a column of numbers; NaN and infinite values are excluded from the others.

    ``far_below`` and ``far_above`` count rows more than three interquartile ranges outside the
    quartiles (Tukey's "far out"). ``largest`` is None if a number is negative.
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


class MomentFigures(ProfilePart):
    """Figures of a column of dates or times: the infinite values, and those at midnight."""

    infinite: Figure
    midnight: Figure | None = None


class BooleanFigures(ProfilePart):
    true: Figure
    false: Figure


class LetterCase(ProfilePart):
    """Rows by letter case; ``none`` counts texts without letters that have a case."""

    upper: Figure
    lower: Figure
    mixed: Figure
    none: Figure


class Patterns(ProfilePart):
    """Patterns of texts up to 32 characters: letters as ``A`` or ``a``, digits as ``9``."""

    most_frequent: tuple[ValueRows, ...]
    longer: Figure
    accuracy: Accuracy


class Variants(ProfilePart):
    """Values that differ only in case or in white space at their ends, with examples."""

    values: Figure
    examples: tuple[tuple[str, ...], ...]


class TextFigures(ProfilePart):
    """Figures of a column of texts.

    ``blank`` counts rows that are empty or only white space, ``stray_blanks`` other rows with white
    space at an end, ``codes`` digits that begin with 0.
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


class Alert(ProfilePart):
    """An alert: its code (docs/PROFILING.md), severity, sentence, and the figure it is based on."""

    code: str
    severity: str
    sentence: str
    figure: Figure


class KindFigures(TypedDict, total=False):
    """The fields of a profile that a column's kind has."""

    minimum: Figure
    maximum: Figure
    quartiles: Quartiles | None
    histogram: Histogram | None
    number: NumberFigures | None
    moment: MomentFigures | None
    boolean: BooleanFigures
    text: TextFigures
    lengths: Lengths


class ColumnProfile(ProfilePart):
    """The profile of a column; ``rows`` are those of the table.

    ``unique`` is whether no value except NULL is repeated, None if unknown. The extremes of numbers
    and times are the finite ones.
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
    alerts: tuple[Alert, ...] = ()

    @property
    def values(self) -> int:
        """The rows that aren't NULL; approximate if ``nulls`` is."""
        return self.rows - int(self.nulls.value)


PROFILE_VERSION = "jobsvc-profile-3"


class TableProfile(ProfilePart):
    """A table's profile, with the seed of its sample and the version of the engine's arithmetic.

    ``estimated_columns`` were estimated because the time budget was used up. ``repeated_rows`` is
    None if only some columns were profiled or the time budget was used up.
    """

    rows: int
    columns: tuple[ColumnProfile, ...]
    seed: int | str
    estimated_columns: tuple[str, ...] = ()
    repeated_rows: Figure | None = None
    alerts: tuple[Alert, ...] = ()
    version: str = PROFILE_VERSION

    def column(self, name: str) -> ColumnProfile:
        return next(column for column in self.columns if column.name == name)
