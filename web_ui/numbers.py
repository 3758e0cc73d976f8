"""Numbers as people write them: with thousands separators and without exponents."""

from __future__ import annotations

import math
import re
from typing import Any

_NUMERALS = re.compile(r"(?i)(id|no|nr|num|number|code|key|year|zip|account|phone)s?$")
_NUMBER_TYPES = ("INT", "DECIMAL", "DOUBLE", "FLOAT", "HUGEINT", "REAL")
DIGITS = 6
LARGEST_PLAIN = 1e21


def holds_numbers(type_: str) -> bool:
    """Whether a column of this type is right-aligned."""
    return any(name in type_ for name in _NUMBER_TYPES) and "[" not in type_


def cell_text(value: Any, name: str, type_: str) -> str:
    """A value's text: a number with thousands separators unless its column holds numerals.

    >>> cell_text(2025, "year", "INTEGER"), cell_text(1234567.5, "amount", "DOUBLE")
    ('2025', '1,234,567.5')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, int | float) or not holds_numbers(type_):
        return str(value)
    if "INT" in type_ and (abs(value) < 10_000 or _NUMERALS.search(name)):
        return str(value)
    return f"{value:,}"


def rounded_text(value: float) -> str:
    """A computed number with six digits, all of those before the decimal point.

    >>> rounded_text(1997915564.04), rounded_text(19137.667), rounded_text(0.00012345678)
    ('1,997,915,564', '19,137.7', '0.000123457')
    """
    if not value or not math.isfinite(value) or not 1e-9 < abs(value) < LARGEST_PLAIN:
        return f"{value:.{DIGITS}g}"
    decimals = max(DIGITS - 1 - math.floor(math.log10(abs(value))), 0)
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text
