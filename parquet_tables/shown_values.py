"""Values of tables as people read them, the same on pages and in commands."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from parquet_tables.columns import DataType
from parquet_tables.names import is_identifier_name

DOUBLE_DIGITS = 15
LARGEST_PLAIN = 1e21


def cell_text(value: Any, name: str, type_: str) -> str:
    """A value's text on every page: a number with thousands separators unless it is a numeral.

    A decimal has the places of its type. The 16th and 17th digits of a double are noise.

    >>> cell_text(2025, "year", "INTEGER"), cell_text(0.1 + 0.2, "amount", "DOUBLE")
    ('2025', '0.3')
    >>> cell_text(1234567.5, "amount", "DECIMAL(18,2)")
    '1,234,567.50'
    """
    if isinstance(value, bool):
        return str(value).lower()
    digits = DataType(type_).digits
    if digits is not None:
        return decimal_text(str(value), digits[1])
    if not isinstance(value, int | float) or not DataType(type_).is_number:
        return str(value)
    if DataType(type_).is_integer:
        return str(value) if abs(value) < 10_000 or is_identifier_name(name) else f"{value:,}"
    if abs(value) >= LARGEST_PLAIN:
        return str(value)
    return decimal_text(f"{value:.{DOUBLE_DIGITS}g}")


def decimal_text(text: str, places: int | None = None) -> str:
    """A decimal number with thousands separators, exactly; with ``places`` at least so many.

    >>> decimal_text("-1234567.89"), decimal_text("1e3", 2), decimal_text("NaN")
    ('-1,234,567.89', '1,000.00', 'NaN')
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    if not value.is_finite():
        return text
    shown = f"{value:,f}"
    if places is None:
        return shown
    whole, _, decimals = shown.partition(".")
    return f"{whole}.{decimals.ljust(places, '0')}" if places else shown
