"""Numbers as people write them: with thousands separators and without exponents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from contract.columns import LARGEST_PLAIN, DataType, decimal_text
from contract.fields import CONFIDENCE
from contract.numbers import percent_digits
from domain_errors import InvalidRequest

DIGITS = 6
MAX_EXACT = 2**53 - 1


def holds_numbers(type_: str) -> bool:
    """Whether a column of this type is right-aligned."""
    return DataType(type_).is_number


def type_words(type_: str) -> str:
    """A column's type as people call it."""
    return DataType(type_).words


def confidence_choice(given: Mapping[str, str], default: float) -> dict[str, Any]:
    """The confidence typed into a form, or the default.

    If it is none, ``level`` is None and ``confidence_problem`` says why.
    """
    typed = given.get("confidence", "").strip() or percent_digits(default)
    try:
        level = CONFIDENCE.read(typed)
    except InvalidRequest as error:
        return {"confidence": typed[:20], "level": None, "confidence_problem": error.message}
    return {"confidence": percent_digits(level), "level": level}


def chosen_level(choice: Mapping[str, Any]) -> float:
    """The level of a :func:`confidence_choice`; InvalidRequest if it has none."""
    level: float | None = choice["level"]
    return CONFIDENCE.read(choice["confidence"]) if level is None else level


def range_text(label: str) -> str:
    """The label of a range of numbers with thousands separators; another label as it is.

    >>> range_text("2217.04 to 4430.52"), range_text("Oslo to Lima")
    ('2,217.04 to 4,430.52', 'Oslo to Lima')
    """
    ends = label.split(" to ")
    return " to ".join(map(decimal_text, ends)) if len(ends) == 2 else label


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


def exact_seed(seed: int | str) -> int | str:
    """A seed for JavaScript: an integer beyond 2^53 is the same seed as its decimal text."""
    return str(seed) if isinstance(seed, int) and abs(seed) > MAX_EXACT else seed
