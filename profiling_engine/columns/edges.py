"""Round edges of a histogram whose bins are to be joined to bands.

Numbers with a long tail have edges of 1, 2 and 5 times powers of ten, so that small and large
values both have bins; other numbers have equal steps, dates whole days, months or years.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from parquet_tables.tables import Column
from profiling_engine.columns.kinds import kind_of
from profiling_engine.columns.summaries import round_edges

MAX_DECADES = 6
MAX_DATE_BINS = 40
MONTHS = {"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1200}
DAYS_OF_MONTH = 30


def histogram_edges(
    column: Column, minimum: object, maximum: object, *, long_tail: bool
) -> list[str]:
    """Edges that cover a column's values, as texts; none for a type without bins.

    Parameters
    ----------
    minimum, maximum
        As JSON: numbers, numbers as text, or ISO dates.

    Examples
    --------
    >>> histogram_edges(Column("a", "INTEGER"), -3, 12, long_tail=True)
    ['-5', '-2', '-1', '0', '1', '2', '5', '10', '20']
    >>> histogram_edges(Column("d", "DATE"), "2025-01-15", "2025-03-02", long_tail=False)[:2]
    ['2025-01-15', '2025-01-16']
    """
    if minimum is None or maximum is None:
        return []
    kind = kind_of(column).kind
    if kind == "number":
        low, high = Decimal(str(minimum)), Decimal(str(maximum))
        if not (low.is_finite() and high.is_finite()):
            return []
        if long_tail:
            return [f"{edge:f}" for edge in _scaled_edges(low, high)]
        is_whole = isinstance(minimum, int)
        edges = round_edges(float(low), float(high), whole=is_whole)
        return [f"{Decimal(repr(edge)).normalize():f}" for edge in edges]
    if kind == "moment" and column.type != "TIME":
        try:
            first, last = (date.fromisoformat(str(one)[:10]) for one in (minimum, maximum))
        except ValueError:  # infinite, or before the year 1
            return []
        return [edge.isoformat() for edge in _date_edges(first, last)]
    return []


def _scaled_edges(low: Decimal, high: Decimal) -> list[Decimal]:
    """From the largest step at or below ``low`` to the first above ``high``."""
    largest = max(abs(low), abs(high))
    top = largest.adjusted() + 1
    steps = [
        Decimal((0, (digit,), power))
        for power in range(top - MAX_DECADES, top + 1)
        for digit in (1, 2, 5)
    ]
    edges = [*(-step for step in reversed(steps)), Decimal(0), *steps]
    first = max(at for at, edge in enumerate(edges) if edge <= low)
    last = min(at for at, edge in enumerate(edges) if edge > high)
    return edges[first : last + 1]


def _date_edges(first: date, last: date) -> Iterator[date]:
    days = (last - first).days + 1
    if days <= MAX_DATE_BINS:
        yield from (first + timedelta(at) for at in range(days + 1))
        return
    months = next(
        (each for each in MONTHS.values() if days / (DAYS_OF_MONTH * each) <= MAX_DATE_BINS), 1200
    )
    at = (first.year * 12 + first.month - 1) // months * months
    while at // 12 <= date.max.year:
        edge = date(max(at // 12, 1), at % 12 + 1, 1)
        yield edge
        if edge > last:
            return
        at += months
