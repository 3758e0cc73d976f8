"""The number formats of a workbook: how many decimal places each of them shows."""

from __future__ import annotations

import re

GENERAL = "General"
CODES = {
    "0": GENERAL,
    "1": "0",
    "2": "0.00",
    "3": "#,##0",
    "4": "#,##0.00",
    **dict.fromkeys(("5", "6", "37", "38", "41", "42"), "#,##0"),
    **dict.fromkeys(("7", "8", "39", "40", "43", "44"), "#,##0.00"),
}
"""Formats of plain numbers and amounts that a workbook names by their number alone.

The numbers are those of ECMA-376, part 1, section 18.8.30. Others are percentages, fractions,
exponents, dates and times.
"""

_LITERAL = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_NUMBER = re.compile(r"[^0#?.,]*[0#?][0#?,]*(?:\.(0+))?[^0#?.,]*")
_OTHER = re.compile(r"[%/@EeYyMmDdHhSs]")


def shown_places(code: str) -> int | None:
    """Return the decimal places that a format shows; None if it isn't that of a plain number.

    A format of several parts has those of the first one, which is for positive numbers.

    >>> [shown_places(code) for code in ("General", "0", "#,##0.00;[Red]-#,##0.00", '0.000" kg"')]
    [0, 0, 2, 3]
    >>> [shown_places(code) for code in ("0.00%", "0.0#", "yyyy-mm-dd", "0.00E+00", "0.00,")]
    [None, None, None, None, None]
    """
    if code == GENERAL:
        return 0
    shown = _LITERAL.sub("", code).partition(";")[0]
    number = _NUMBER.fullmatch(shown)
    if number is None or _OTHER.search(shown) or shown.endswith(","):
        return None
    return len(number[1] or "")
