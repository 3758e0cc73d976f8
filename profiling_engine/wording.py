"""Figures in sentences.

Owns: how numbers are written for a person. Used by alerts and design hints.
"""

from __future__ import annotations

from profiling_engine.accuracy import Figure


def counted(number: int, what: str) -> str:
    """A number of things.

    >>> counted(1, "row"), counted(12000, "row")
    ('1 row', '12,000 rows')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def percent(part: float, whole: float) -> str:
    """A share with enough digits to tell it from none and from all.

    >>> percent(1, 8), percent(1, 100_000), percent(99_999, 100_000)
    ('12.5 %', 'less than 0.1 %', 'more than 99.9 %')
    """
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 0.1:
        return "less than 0.1 %"
    if 99.9 < share < 100:
        return "more than 99.9 %"
    return f"{share:.1f} %".replace(".0 %", " %")


def about(figure: Figure) -> str:
    """What stands before a figure that isn't exact; nothing before one that is."""
    return "" if figure.accuracy.is_exact or figure.low == figure.high else "about "


def amount(value: float) -> str:
    """A value of a column with as many digits as a person reads.

    >>> amount(104949.5), amount(0.00123456), amount(7.0)
    ('104,950', '0.00123', '7')
    """
    size = abs(value)
    if size >= 1000 or value == int(value):
        return f"{value:,.0f}" if size < 1e15 else f"{value:.3g}"
    return f"{value:.3g}"
