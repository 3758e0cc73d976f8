"""Numbers with what they count, in the right number."""

from __future__ import annotations


def counted(number: float, one: str, many: str | None = None) -> str:
    """A number and the word for as many.

    >>> counted(1, "row"), counted(336776, "row"), counted(0, "entry", "entries")
    ('1 row', '336,776 rows', '0 entries')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
