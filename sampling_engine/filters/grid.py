"""Exact comparison of a column's values with any number or moment.

Owns: the arithmetic. A column of whole numbers, decimals or moments holds multiples of a step
inside a range. A value between two multiples, or outside the range, is moved to a multiple and
the operator changed so that the outcome stays the same: ``x > 1.5`` on whole numbers is ``x > 1``.
Invariant: what comes out is a value of the column's own type, so the column is never cast, and the
files' minimum and maximum help to skip. Called by :mod:`statement`.
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

# DuckDB keeps the two ends for its infinite timestamps.
FIRST_INDEX, LAST_INDEX = -(1 << 63) + 2, (1 << 63) - 2


def index_of(type_name: str, value: Decimal | int) -> Fraction:
    """The value in steps of the type; a moment's value is in nanoseconds."""
    if type_name in TEMPORAL_STEP_NS:
        return Fraction(int(value), TEMPORAL_STEP_NS[type_name])
    return Fraction(value) * Fraction(10 ** _scale(type_name))


def value_at(type_name: str, index: int) -> Decimal | int:
    """The type's value at so many steps: the opposite of :func:`index_of`."""
    if type_name in TEMPORAL_STEP_NS:
        return index * TEMPORAL_STEP_NS[type_name]
    scale = _scale(type_name)
    return Decimal((index < 0, tuple(map(int, str(abs(index)))), -scale)) if scale else index


def holds(type_name: str, index: Fraction) -> bool:
    """Whether the type has a value at this index."""
    first, last = index_range(type_name)
    return index.denominator == 1 and first <= index <= last


def placed(type_name: str, operator: str, index: Fraction) -> tuple[str, int] | bool:
    """The comparison with an index of the type that comes out the same for all of its values.

    Returns
    -------
    (str, int) or bool
        An operator and an index that the type holds; or the outcome, when all values share it.

    Examples
    --------
    >>> placed("INTEGER", ">", Fraction(3, 2)), placed("INTEGER", "<", Fraction(3, 2))
    (('>', 1), ('<=', 1))
    >>> placed("TINYINT", "<", Fraction(1000)), placed("TINYINT", "=", Fraction(3, 2))
    (True, False)
    """
    first, last = index_range(type_name)
    if holds(type_name, index):
        return operator, int(index)
    if operator in ("=", "!="):
        return operator == "!="
    below = operator in ("<", "<=")
    if index < first or index > last:
        return below == (index > last)
    return "<=" if below else ">", index.numerator // index.denominator


def index_range(type_name: str) -> tuple[int, int]:
    """The indexes that the type's values have."""
    if type_name in INTEGER_BITS:
        return integer_range(type_name)
    if type_name in TEMPORAL_STEP_NS:
        return FIRST_INDEX, LAST_INDEX
    most = 10 ** decimal_shape(type_name)[0] - 1
    return -most, most


def _scale(type_name: str) -> int:
    return 0 if type_name in INTEGER_BITS else decimal_shape(type_name)[1]
