"""Exact comparison of integer, decimal and temporal columns with any value.

The type's values are multiples of a step in a range, numbered by an index. Comparison with any
other value becomes an equivalent comparison with a multiple, so the column is never cast, and
DuckDB can use the files' minimum and maximum.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from sampling_engine.filters.types import (
    INTEGER_BITS,
    TEMPORAL_STEP_NS,
    decimal_shape,
    integer_range,
)

# DuckDB uses the first and last values of 64 bits for infinite timestamps.
MIN_TEMPORAL_INDEX, MAX_TEMPORAL_INDEX = -(1 << 63) + 2, (1 << 63) - 2


def index_of(type_name: str, value: Decimal | int) -> Fraction:
    """Return the value in steps of the type; a temporal value is in nanoseconds."""
    if type_name in TEMPORAL_STEP_NS:
        return Fraction(int(value), TEMPORAL_STEP_NS[type_name])
    return Fraction(value) * Fraction(10 ** _scale(type_name))


def value_at(type_name: str, index: int) -> Decimal | int:
    """Return the type's value at an index: the inverse of :func:`index_of`."""
    if type_name in TEMPORAL_STEP_NS:
        return index * TEMPORAL_STEP_NS[type_name]
    scale = _scale(type_name)
    return Decimal((index < 0, tuple(map(int, str(abs(index)))), -scale)) if scale else index


def is_representable(type_name: str, index: Fraction) -> bool:
    """Return whether the type has a value at this index."""
    first, last = index_range(type_name)
    return index.denominator == 1 and first <= index <= last


def exact_comparison(type_name: str, operator: str, index: Fraction) -> tuple[str, int] | bool:
    """Return the equivalent comparison with a representable index.

    Returns
    -------
    (str, int) or bool
        An operator and a representable index; or the outcome, when all values share it.

    Examples
    --------
    >>> exact_comparison("INTEGER", ">", Fraction(3, 2))
    ('>', 1)
    >>> exact_comparison("INTEGER", "<", Fraction(3, 2))
    ('<=', 1)
    >>> exact_comparison("TINYINT", "<", Fraction(1000))
    True
    """
    first, last = index_range(type_name)
    if is_representable(type_name, index):
        return operator, int(index)
    if operator in ("=", "!="):
        return operator == "!="
    is_less = operator in ("<", "<=")
    if index < first or index > last:
        return is_less == (index > last)
    return "<=" if is_less else ">", index.numerator // index.denominator


def index_range(type_name: str) -> tuple[int, int]:
    """Return the lowest and the highest index of the type."""
    if type_name in INTEGER_BITS:
        return integer_range(type_name)
    if type_name in TEMPORAL_STEP_NS:
        return MIN_TEMPORAL_INDEX, MAX_TEMPORAL_INDEX
    limit = 10 ** decimal_shape(type_name)[0] - 1
    return -limit, limit


def _scale(type_name: str) -> int:
    return 0 if type_name in INTEGER_BITS else decimal_shape(type_name)[1]
