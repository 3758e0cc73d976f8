"""Families of DuckDB types, and the common type of two columns.

A column of an unlisted type can only be tested for NULL.
"""

from __future__ import annotations

import re
from enum import Enum

INTEGER_BITS = {
    "TINYINT": (8, True),
    "SMALLINT": (16, True),
    "INTEGER": (32, True),
    "BIGINT": (64, True),
    "HUGEINT": (128, True),
    "UTINYINT": (8, False),
    "USMALLINT": (16, False),
    "UINTEGER": (32, False),
    "UBIGINT": (64, False),
    "UHUGEINT": (128, False),
}
# Nanoseconds between two consecutive values.
TEMPORAL_STEP_NS = {
    "DATE": 86_400_000_000_000,
    "TIMESTAMP_S": 1_000_000_000,
    "TIMESTAMP_MS": 1_000_000,
    "TIMESTAMP": 1_000,
    "TIMESTAMP_NS": 1,
    "TIMESTAMP WITH TIME ZONE": 1_000,
    "TIME": 1_000,
    "TIME_NS": 1,
}
MAX_DECIMAL_DIGITS = 38
DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")


class Family(Enum):
    """Types with the same rules in a filter; the value completes "a column of …"."""

    INTEGER = "whole numbers"
    DECIMAL = "decimal numbers"
    FLOAT = "floating-point numbers"
    TEXT = "text"
    BOOLEAN = "true and false"
    DATE = "dates"
    TIMESTAMP = "timestamps"
    TIMESTAMP_TZ = "timestamps with a time zone"
    TIME = "times of day"
    UUID = "UUIDs"
    OTHER = "other values"


NUMBERS = frozenset({Family.INTEGER, Family.DECIMAL, Family.FLOAT})
DATES_AND_TIMESTAMPS = frozenset({Family.DATE, Family.TIMESTAMP, Family.TIMESTAMP_TZ})

FAMILIES = {
    **dict.fromkeys(INTEGER_BITS, Family.INTEGER),
    **dict.fromkeys(("FLOAT", "DOUBLE"), Family.FLOAT),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS"), Family.TIMESTAMP),
    "TIMESTAMP_NS": Family.TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": Family.TIMESTAMP_TZ,
    "VARCHAR": Family.TEXT,
    "BOOLEAN": Family.BOOLEAN,
    "DATE": Family.DATE,
    "TIME": Family.TIME,
    "TIME_NS": Family.TIME,
    "UUID": Family.UUID,
}


def family_of(type_name: str) -> Family:
    """Return the family of a DuckDB type.

    >>> family_of("DECIMAL(12,2)").name, family_of("INTEGER[]").name
    ('DECIMAL', 'OTHER')
    """
    if type_name in FAMILIES:
        return FAMILIES[type_name]
    if DECIMAL.fullmatch(type_name):
        return Family.DECIMAL
    if type_name.startswith("ENUM(") and type_name.endswith(")"):
        return Family.TEXT
    return Family.OTHER


def decimal_shape(type_name: str) -> tuple[int, int]:
    """Return total digits and decimal places; for an integer type, enough for all its values.

    >>> decimal_shape("DECIMAL(12,2)"), decimal_shape("BIGINT")
    ((12, 2), (19, 0))
    """
    match = DECIMAL.fullmatch(type_name)
    if match:
        return int(match[1]), int(match[2])
    return len(str(integer_range(type_name)[1])), 0


def integer_range(type_name: str) -> tuple[int, int]:
    """Return the lowest and the highest value of an integer type.

    >>> integer_range("TINYINT")
    (-128, 127)
    """
    bits, signed = INTEGER_BITS[type_name]
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)


def common_type(left: str, right: str) -> str | None:
    """Return the type in which two columns are compared, exact except for FLOAT and DOUBLE.

    Returns
    -------
    str or None
        A type to cast both to; "" if no cast is needed; None if they can't be compared.

    Examples
    --------
    >>> common_type("BIGINT", "DECIMAL(12,2)")
    'DECIMAL(21,2)'
    >>> common_type("BIGINT", "VARCHAR") is None
    True
    """
    families = {family_of(left), family_of(right)}
    if Family.OTHER in families:
        return None
    if families == {Family.TEXT}:
        return "" if left == right == "VARCHAR" else "VARCHAR"
    if left == right:
        return ""
    if families <= NUMBERS:
        return _common_number(left, right, families)
    if families <= DATES_AND_TIMESTAMPS and "TIMESTAMP_NS" not in (left, right):
        return "TIMESTAMP WITH TIME ZONE" if Family.TIMESTAMP_TZ in families else "TIMESTAMP"
    return None


def _common_number(left: str, right: str, families: set[Family]) -> str | None:
    if Family.FLOAT in families:
        return "DOUBLE"
    if families == {Family.INTEGER}:
        has_128_bits = any(INTEGER_BITS[name][0] > 64 for name in (left, right))
        return None if has_128_bits else ""
    (left_digits, left_scale), (right_digits, right_scale) = map(decimal_shape, (left, right))
    scale = max(left_scale, right_scale)
    digits = max(left_digits - left_scale, right_digits - right_scale) + scale
    return f"DECIMAL({digits},{scale})" if digits <= MAX_DECIMAL_DIGITS else None
