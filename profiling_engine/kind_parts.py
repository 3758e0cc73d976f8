"""The parts of a column's profile that only one kind of column has.

Owns: their shape; see :mod:`profiling_engine.parts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from profiling_engine.accuracy import Accuracy, Figure
from profiling_engine.parts import Lengths, Part, ValueRows


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
