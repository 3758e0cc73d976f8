"""Arguments that can be written in several ways: percentages, and one or several columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from jobsvc_client.errors import JobsvcError

Number: TypeAlias = "float | str"
"""A number, or a percentage as a text: ``0.03`` or ``"3%"``."""
Columns: TypeAlias = "str | Sequence[str]"

PERCENTAGE = re.compile(r"\s*±?\s*([0-9]+(?:[.,][0-9]+)?)\s*%\s*")
TWO_WAYS = re.compile(r"[1-9][0-9]{0,2},[0-9]{3}")


def listed(columns: Columns) -> list[str]:
    """Return the names of one or several columns as a list."""
    return [columns] if isinstance(columns, str) else list(columns)


def percent_digits(argument: str, text: str) -> str:
    """Return the number of a percentage, with a decimal point.

    Raises
    ------
    JobsvcError
        The text is no percentage, or its comma may stand for thousands.

    Examples
    --------
    >>> percent_digits("size", "2,5 %")
    '2.5'
    """
    found = PERCENTAGE.fullmatch(text)
    if found is None:
        raise JobsvcError(
            f'{argument}="{text}" is no percentage.',
            "invalid_argument",
            hint='Write a number without quotes, or a percentage such as "5%".',
        )
    digits = found[1]
    if TWO_WAYS.fullmatch(digits):
        raise JobsvcError(
            f'{argument}="{text}" can be read in two ways.',
            "invalid_argument",
            hint="Write a decimal point.",
        )
    return digits.replace(",", ".")


def number_of(argument: str, given: Number) -> float:
    """Return a number, or a percentage as a share.

    >>> number_of("margin", "3%"), number_of("margin", 0.03)
    (0.03, 0.03)
    """
    return float(percent_digits(argument, given)) / 100 if isinstance(given, str) else given


def numbers_of(given: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return fields, of which those with some names may be percentages."""
    return {
        name: number_of(name, value) if name in names and isinstance(value, str) else value
        for name, value in given.items()
    }
