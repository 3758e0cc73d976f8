"""RE2 patterns of texts that are a number, a code or a date.

A pattern matches a whole text. A date must exist in the calendar: 2020-02-30 doesn't match.
"""

from __future__ import annotations

from collections.abc import Iterator

_CURRENCY = "[$€£¥]"
_GROUPED = "|".join(
    rf"\d{{1,3}}(?:{group}\d{{3}})+(?:{point}\d+)?"
    for group, point in (
        (",", r"\."),
        (r"\.", ","),
        (r"[ \x{a0}\x{202f}]", "[.,]"),
        ("'", "[.,]"),
    )
)
"""Digits in groups of three; the decimal sign differs from the sign between the groups."""
_DIGITS = rf"(?:{_GROUPED}|\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?)"
_SIGNED = rf"(?:[-+]?\s*{_CURRENCY}?\s*{_DIGITS}|{_CURRENCY}\s*[-+]{_DIGITS})"
_UNIT = rf"\s*(?:%|{_CURRENCY})?"
NUMBER = rf"\s*(?:{_SIGNED}{_UNIT}|\({_SIGNED}{_UNIT}\))\s*"
CODE = r"\s*0\d+\s*"

_CALENDAR = (
    ("0?[13578]|1[02]", r"0?[1-9]|[12]\d|3[01]"),
    ("0?[469]|11", r"0?[1-9]|[12]\d|30"),
    ("0?2", r"0?[1-9]|1\d|2[0-8]"),
)
"""The months of 31, 30 and 28 days, and their days."""
_NAMED = (
    ("jan(?:uary)?|mar(?:ch)?|may|july?|aug(?:ust)?|oct(?:ober)?|dec(?:ember)?", 0),
    ("apr(?:il)?|june?|sept?(?:ember)?|nov(?:ember)?", 1),
    ("feb(?:ruary)?", 2),
)
_LEAP_DIGITS = "0[48]|[2468][048]|[13579][26]"
_YEAR, _SHORT_YEAR = r"\d{4}", r"\d{4}|\d{2}"
_LEAP_YEAR = rf"\d{{2}}(?:{_LEAP_DIGITS})|(?:[02468][048]|[13579][26])00"
_SHORT_LEAP_YEAR = f"{_LEAP_YEAR}|{_LEAP_DIGITS}|00"
_TIME = (
    r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?(?:\s*[ap]m)?"
    r"(?:\s*(?:z|utc|gmt|[-+]\d{2}(?::?[0-5]\d)?))?"
)


def _numeric_dates() -> Iterator[str]:
    """Year, month and day in digits: year first, day first or month first."""
    for sign in ("-", "/", r"\."):
        days = [(f"(?:{month})", f"(?:{day})", "") for month, day in _CALENDAR]
        days.append(("0?2", "29", "leap"))
        for month, day, leap in days:
            year = f"(?:{_LEAP_YEAR if leap else _YEAR})"
            short = f"(?:{_SHORT_LEAP_YEAR if leap else _SHORT_YEAR})"
            yield f"{year}{sign}{month}{sign}{day}"
            yield f"{day}{sign}{month}{sign}{short}"
            yield f"{month}{sign}{day}{sign}{short}"


def _named_dates() -> Iterator[str]:
    """Dates with the English name of a month: 12 May 2020, 12-May-20, May 12, 2020."""
    months = [(f"(?:{names})", f"(?:{_CALENDAR[at][1]})", "") for names, at in _NAMED]
    months.append((f"(?:{_NAMED[2][0]})", "29", "leap"))
    for month, day, leap in months:
        year = f"(?:{_LEAP_YEAR if leap else _YEAR})"
        short = f"(?:{_SHORT_LEAP_YEAR if leap else _SHORT_YEAR})"
        yield f"{day}[-. ]+{month}[-., ]+{short}"
        yield f"{month}\\.? {day},? {year}"


DATE = rf"(?i)\s*(?:{'|'.join([*_numeric_dates(), *_named_dates()])})(?:[t ]\s*{_TIME})?\s*"
