"""The intervals or categories of a chart of two columns; their shares sum to 1 in both tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from parquet_tables.tables import Column
from profiling_engine.comparison.weights import Floats

INTERVALS = 20
CATEGORIES = 12
OTHER = "(other)"


@dataclass(frozen=True)
class PartShares:
    """A category or an interval, with its share in both tables."""

    label: str
    base: float
    other: float


def shown(column: Column, number: float) -> str:
    """Format a number of a column; days since 1970 become dates and times.

    >>> shown(Column("day", "DATE"), 19723.2)
    '2024-01-01'
    >>> shown(Column("price", "DOUBLE"), 1234.5678)
    '1234.57'
    """
    if not column.type.startswith(("DATE", "TIME")):
        return f"{number:.6g}"
    try:
        time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=number)
    except OverflowError:  # DuckDB's years go beyond 9999
        return f"day {number:.0f}"
    if column.type == "DATE":
        return f"{time:%Y-%m-%d}"
    return f"{time:%Y-%m-%d %H:%M}" if column.type.startswith("TIMESTAMP") else f"{time:%H:%M}"


def intervals(
    column: Column, base: Floats, base_weights: Floats, other: Floats, other_weights: Floats
) -> tuple[PartShares, ...]:
    """Equal intervals over 99 % of the base; the first and the last are open."""
    low, high = np.quantile(base, [0.005, 0.995])
    if not low < high:
        return ()
    edges = np.linspace(low, high, INTERVALS + 1)
    shares = [
        np.bincount(np.searchsorted(edges[1:-1], numbers, side="right"), weights, INTERVALS)
        / weights.sum()
        for numbers, weights in ((base, base_weights), (other, other_weights))
    ]
    return tuple(
        PartShares(
            f"{shown(column, edges[at])} to {shown(column, edges[at + 1])}", float(one), float(two)
        )
        for at, (one, two) in enumerate(zip(*shares, strict=True))
    )


def categories(labels: Sequence[str], base: Floats, other: Floats) -> tuple[PartShares, ...]:
    """The most frequent categories, the one that differs most, and the rest as one.

    Parameters
    ----------
    base, other : array of float, shape (labels + 1,)
        The shares of the labels, the most frequent first, and of all other values.
    """
    differing = int(np.argmax(np.abs(other - base)[:-1])) if labels else 0
    shown = [at for at in range(len(labels)) if at < CATEGORIES or at == differing]
    parts = [PartShares(labels[at], float(base[at]), float(other[at])) for at in shown]
    rest = [max(1.0 - float(shares[shown].sum()), 0.0) for shares in (base, other)]
    if max(rest) > 1e-9:
        parts.append(PartShares(OTHER, *rest))
    return tuple(parts)
