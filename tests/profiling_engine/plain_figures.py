"""Every figure of a column in plain Python, from its values in a list."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from profiling_engine.columns.texts import MAX_READ_LENGTH, SPACES

Numbers = Sequence[Any]


def finite_of(values: Numbers) -> list[Any]:
    """Without NULL, NaN and the infinite."""
    return [v for v in values if v is not None and (not isinstance(v, float) or math.isfinite(v))]


def quartiles(values: Numbers) -> list[Any]:
    """The smallest value that a quarter, a half, three quarters of the rows are no larger than."""
    ordered = sorted(values)
    return [ordered[math.ceil(Fraction(q * len(ordered), 4)) - 1] for q in (1, 2, 3)]


def mean(values: Numbers) -> Fraction:
    return sum(map(Fraction, values), Fraction(0)) / len(values)


def central_moment(values: Numbers, power: int) -> Fraction:
    centre = mean(values)
    return sum(((Fraction(v) - centre) ** power for v in values), Fraction(0)) / len(values)


def far_out(values: Numbers) -> tuple[int, int] | None:
    """Values more than three times the quartiles' distance outside them."""
    if not isinstance(values[0], float):
        values = list(map(Fraction, values))
    lower, _, upper = quartiles(values)
    if lower == upper:
        return None
    distance = 3 * (upper - lower)
    below = sum(v < lower - distance for v in values)
    return below, sum(v > upper + distance for v in values)


def largest_share(values: Numbers, count: int) -> float:
    """The share of the sum that the largest values make up."""
    ordered = sorted(map(Fraction, values), reverse=True)
    return float(sum(ordered[:count]) / sum(ordered))


def effective(counts: Counter[Any]) -> float:
    return counts.total() ** 2 / sum(n * n for n in counts.values())


def mask(text: str) -> str:
    """Letters as A or a, digits as 9."""
    shown = {"Lu": "A", "Lt": "A", "Ll": "a", "Lm": "a", "Lo": "a", "Nd": "9"}
    return "".join(shown.get(unicodedata.category(c), c) for c in text)


def has_stray_blanks(text: str) -> bool:
    return text.strip(SPACES) not in ("", text)


def is_blank(text: str) -> bool:
    return not text.strip(SPACES)


def reads_as(pattern: str, text: str) -> bool:
    """The pattern, written for RE2, as Python reads it."""
    plain = re.sub(r"\\x\{([0-9a-f]+)\}", lambda m: chr(int(m[1], 16)), pattern)
    return len(text) <= MAX_READ_LENGTH and re.fullmatch(plain, text, re.ASCII) is not None
