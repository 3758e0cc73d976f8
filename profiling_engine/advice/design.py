"""Design hints: columns that suit strata, weights or clusters of a sample.

Hints are pure functions of the profile's exact figures and the sample size. Rows are taken with
certainty if their probability proportional to size would be 1 or more (Särndal, Swensson and
Wretman 1992, *Model Assisted Survey Sampling*, §3.6.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from profiling_engine.advice.alerts import amount, counted, percent
from profiling_engine.columns.profile import ColumnProfile, Largest, Part, TableProfile

MAX_STRATA = 50
MIN_ROWS_OF_STRATUM = 30
MAX_STRATUM = 0.95
STRATA_NULLS = 0.2

MIN_VARIATION = 0.5
MIN_CLUSTERS = 30
CLUSTER_ROWS = (2, 10_000)
UNEVEN_CLUSTERS = 100
NOT_ADDITIVE = ("year", "rate", "ratio", "percent", "pct", "price_per", "lat", "lon", "zip", "code")
NOT_ADDITIVE_AS_WORD = (
    *("id", "key", "number", "no", "nr", "age", "score", "index"),
    *("quarter", "month", "week", "weekday", "day", "hour", "minute", "second"),
)


@dataclass(frozen=True)
class StrataHint(Part):
    """A column that suits strata; NULL is one.

    ``balance`` is the effective number of strata divided by their number: 1 for strata of equal
    size.
    """

    column: str
    strata: int
    smallest_rows: int
    balance: float
    reason: str


@dataclass(frozen=True)
class CutOff(Part):
    """The smallest value to take all rows from, their share of the sum, and their least number."""

    sample_size: int
    from_value: Any
    rows: int
    share_of_sum: float


@dataclass(frozen=True)
class SizeHint(Part):
    """A column that suits as the measure of size of a weighted round.

    ``variation`` is the standard deviation divided by the mean; ``zeros`` rows have probability 0;
    ``certain`` is None if no row is large enough to be taken with certainty.
    """

    column: str
    variation: float
    skewness: float
    zeros: int
    certain: CutOff | None
    reason: str


@dataclass(frozen=True)
class ClusterHint(Part):
    column: str
    clusters: int
    mean_rows: float
    largest_rows: int
    reason: str


def strata_hint(column: ColumnProfile) -> StrataHint | None:
    groups, distinct = column.groups, column.distinct
    if groups is None or distinct is None:
        return None
    nulls = int(column.nulls.value)
    strata = int(distinct.value) + (1 if nulls else 0)
    smallest = min(groups.smallest.value, nulls) if nulls else groups.smallest.value
    largest = max(groups.largest.value, nulls)
    if not 2 <= strata <= MAX_STRATA or smallest < MIN_ROWS_OF_STRATUM:
        return None
    if largest > MAX_STRATUM * column.rows or nulls > STRATA_NULLS * column.rows:
        return None
    squares = column.values**2 / groups.effective.value + nulls**2
    balance = column.rows**2 / squares / strata
    reason = (
        f"{counted(strata, 'stratum').replace('stratums', 'strata')}, the smallest of "
        f"{counted(smallest, 'row')}, the largest of {percent(largest, column.rows)} of all."
    )
    return StrataHint(column.name, strata, smallest, min(balance, 1.0), reason)


def size_hint(column: ColumnProfile, sample_size: int) -> SizeHint | None:
    number = column.number
    if number is None or not number.mean.accuracy.is_exact or column.unique:
        return None
    figures = (number.mean.value, number.standard_deviation.value, number.skewness.value)
    refused = (number.negatives, number.nan, number.positive_infinity)
    if None in figures or any(figure.value for figure in refused) or not number.mean.value:
        return None
    few = column.distinct is None or column.distinct.value <= MAX_STRATA
    if few or not _is_additive(column.name):
        return None
    mean, deviation, skewness = map(float, figures)
    if deviation < MIN_VARIATION * mean or skewness <= 0:
        return None
    certain = cut_off(number.largest or (), sample_size)
    reason = (
        f"No negative value, and sizes vary: the standard deviation is "
        f"{deviation / mean:.1f} times the mean, {amount(mean)}."
    )
    if certain:
        reason += (
            f" The {counted(certain.rows, 'largest row')} make up "
            f"{percent(certain.share_of_sum, 1)} of the sum; take all from "
            f"{amount(float(certain.from_value))} on."
        )
    zeros = int(number.zeros.value)
    return SizeHint(column.name, deviation / mean, skewness, zeros, certain, reason)


def cut_off(largest: tuple[Largest, ...], sample_size: int) -> CutOff | None:
    """The largest rows that a draw by size takes with certainty, among those in the profile.

    The k largest rows of a sample of n are certain if the k-th is at least the sum of all but the k
    largest, divided by n - k (Särndal, Swensson and Wretman 1992, §3.6.2).
    """
    found = None
    for entry in largest:
        share = largest[0].share_of_sum * float(entry.from_value) / float(largest[0].from_value)
        rest = sample_size - entry.rows
        if rest > 0 and share * rest >= 1 - entry.share_of_sum:
            found = entry
    if found is None:
        return None
    return CutOff(sample_size, found.from_value, found.rows, found.share_of_sum)


def cluster_hint(column: ColumnProfile) -> ClusterHint | None:
    distinct, frequent = column.distinct, column.most_frequent
    if distinct is None or not frequent or not frequent.values or column.unique:
        return None
    is_whole = column.type.endswith(("INT", ",0)")) or column.type == "INTEGER"
    if column.kind not in ("text", "number") or (column.number and not is_whole):
        return None
    if not frequent.complete or not distinct.value or column.nulls.value:
        return None
    clusters, largest = int(distinct.value), frequent.values[0].rows
    mean = column.values / clusters
    if clusters < MIN_CLUSTERS or not CLUSTER_ROWS[0] <= mean <= CLUSTER_ROWS[1]:
        return None
    if largest > UNEVEN_CLUSTERS * mean:
        return None
    reason = (
        f"{counted(clusters, 'cluster')} of {mean:,.1f} rows on average, the largest of "
        f"{counted(largest, 'row')}."
    )
    return ClusterHint(column.name, clusters, mean, largest, reason)


def _is_additive(name: str) -> bool:
    """Whether the name allows a sum of the column; a sum of years has no meaning."""
    lowered = name.lower()
    words = lowered.replace("-", "_").replace(" ", "_").split("_")
    if any(word in NOT_ADDITIVE_AS_WORD for word in words):
        return False
    return not any(part in lowered for part in NOT_ADDITIVE)


@dataclass(frozen=True)
class DesignHints(Part):
    """The hints for the design of a sample, the best column first."""

    sample_size: int
    strata: tuple[StrataHint, ...]
    sizes: tuple[SizeHint, ...]
    clusters: tuple[ClusterHint, ...]


def design_hints(profile: TableProfile, sample_size: int = 1_000) -> DesignHints:
    strata = [hint for hint in map(strata_hint, profile.columns) if hint]
    sizes = [hint for column in profile.columns if (hint := size_hint(column, sample_size))]
    clusters = [hint for hint in map(cluster_hint, profile.columns) if hint]
    strata.sort(key=lambda hint: -hint.balance)
    sizes.sort(key=lambda hint: -hint.variation)
    clusters.sort(key=lambda hint: hint.largest_rows / hint.mean_rows)
    return DesignHints(sample_size, tuple(strata), tuple(sizes), tuple(clusters))
