"""Exact numbers as 64-bit integers, in SQL.

Nothing is rounded; a DECIMAL(12,2) counts in hundredths. Sums of such integers are the same in any
order, for any number of threads and any layout of files.
"""

from __future__ import annotations

INTEGERS = frozenset(
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
)
MAX_EXACT_DIGITS = 18


def digits_of(type_: str) -> tuple[int, int] | None:
    """Return precision and scale of a DECIMAL; None for any other type.

    >>> digits_of("DECIMAL(12,2)"), digits_of("DECIMAL(12,2)[]")
    ((12, 2), None)
    """
    if not (type_.startswith("DECIMAL(") and type_.endswith(")")):
        return None
    digits, decimals = type_.removeprefix("DECIMAL(").removesuffix(")").split(",")
    return int(digits), int(decimals)


def decimals_of(type_: str) -> int | None:
    """Return the scale of an exact type that fits 64 bits; None for any other type.

    >>> decimals_of("DECIMAL(12,2)"), decimals_of("SMALLINT"), decimals_of("DOUBLE")
    (2, 0, None)
    """
    if type_ in INTEGERS:
        return 0
    digits = digits_of(type_)
    return digits[1] if digits and digits[0] <= MAX_EXACT_DIGITS else None


def as_integer(value: str, type_: str) -> str:
    """Return the SQL of a value times ten to the power of its scale, as BIGINT.

    >>> as_integer("f.price", "DECIMAL(9,2)")
    'CAST(f.price * 100 AS BIGINT)'
    """
    digits = digits_of(type_)
    if not digits or not digits[1]:
        return f"CAST({value} AS BIGINT)"
    # DuckDB multiplies decimals in 64 bits (18 digits) unless one of them is wider.
    wide = sum(digits) + 1 > MAX_EXACT_DIGITS
    factor = f"CAST({value} AS DECIMAL(38, {digits[1]}))" if wide else value
    return f"CAST({factor} * {10 ** digits[1]} AS BIGINT)"
