"""Whether a column would serve the design of a sample.

Owns: the rules. Invariant: a rule looks at one column's profile and the sample's size alone.

A good stratum column has few values, none of them sparse and none of them nearly everything. A good
measure of size is a sum that a few rows make up much of; its largest rows are taken with certainty:
with probabilities proportional to size, those whose share would be one or more (Särndal, Swensson
and Wretman 1992, *Model Assisted Survey Sampling*, §3.6.2). A cluster column names groups of a
useful number and size.

Which columns would serve the design of a sample, from a profile alone.

Owns: the hints' shape and their order. Invariant: hints are a pure function of the profile and the
sample's size; each says why, and none is given on what the profile doesn't know exactly. The rules
are in :mod:`profiling_engine.advice.design`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from profiling_engine.advice.alerts import amount, counted, percent
from profiling_engine.columns.profile import ColumnProfile, Largest, Part
from profiling_engine.tables.profile import TableProfile

MAX_STRATA = 50
MIN_ROWS_OF_STRATUM = 30
MAX_STRATUM = 0.95
STRATA_NULLS = 0.2

MIN_VARIATION = 0.5
"""Standard deviation by mean from which it pays to draw by size."""

MIN_CLUSTERS = 30
CLUSTER_ROWS = (2, 10_000)
UNEVEN_CLUSTERS = 100
"""Times the mean size that the largest cluster may have."""

NOT_ADDITIVE = ("year", "rate", "ratio", "percent", "pct", "price_per", "lat", "lon", "zip", "code")
NOT_ADDITIVE_AS_WORD = (
    *("id", "key", "number", "no", "nr", "age", "score", "index"),
    *("quarter", "month", "week", "weekday", "day", "hour", "minute", "second"),
)


@dataclass(frozen=True)
class StrataHint(Part):
    """A column that would make good strata, the best first.

    Parameters
    ----------
    strata : int
        NULL counts as one.
    smallest_rows : int
    balance : float
        1 for strata of one size: the effective number of strata by their number.
    """

    column: str
    strata: int
    smallest_rows: int
    balance: float
    reason: str


@dataclass(frozen=True)
class CutOff(Part):
    """From which value on all rows are taken.

    Parameters
    ----------
    sample_size : int
    from_value : number
        Rows of at least so much would be drawn with certainty.
    rows : int
        How many at least these are.
    share_of_sum : float
        What they make up.
    """

    sample_size: int
    from_value: Any
    rows: int
    share_of_sum: float


@dataclass(frozen=True)
class SizeHint(Part):
    """A column that would serve as the measure of size of a weighted round.

    Parameters
    ----------
    variation : float
        Standard deviation by mean.
    zeros : int
        Rows that could never be drawn by size.
    certain : CutOff or None
        Rows to take all of; None if no row is large enough.
    """

    column: str
    variation: float
    skewness: float
    zeros: int
    certain: CutOff | None
    reason: str


@dataclass(frozen=True)
class ClusterHint(Part):
    """A column that names clusters."""

    column: str
    clusters: int
    mean_rows: float
    largest_rows: int
    reason: str


def strata_hint(column: ColumnProfile) -> StrataHint | None:
    """Whether a column would make good strata."""
    groups, distinct = column.groups, column.distinct
    if groups is None or distinct is None or column.kind in ("list", "map", "struct"):
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
    """Whether a column would serve as a measure of size."""
    number = column.number
    if number is None or not number.mean.accuracy.is_exact or column.unique:
        return None
    told = (number.mean.value, number.standard_deviation.value, number.skewness.value)
    refused = (number.negatives, number.nan, number.positive_infinity)
    if None in told or any(figure.value for figure in refused) or not number.mean.value:
        return None
    few = column.distinct is None or column.distinct.value <= MAX_STRATA
    if few or not _is_additive(column.name):
        return None
    mean, deviation, skewness = map(float, told)
    if deviation < MIN_VARIATION * mean or skewness <= 0:
        return None
    certain = cut_off(number.largest or (), sample_size)
    reason = (
        f"No negative value, and the rows differ much in size: the standard deviation is "
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
    """Rows that a draw by size would take with certainty, as far as the profile lists them.

    The k largest of a sample of n are certain if the k-th is at least what each of the other n - k
    drawn rows has to stand for: the sum of all but the k largest, divided by n - k.
    """
    found = None
    for one in largest:
        # The largest value's share of the sum is known, so that of any value is.
        share = largest[0].share_of_sum * float(one.from_value) / float(largest[0].from_value)
        rest = sample_size - one.rows
        if rest > 0 and share * rest >= 1 - one.share_of_sum:
            found = one
    if found is None:
        return None
    return CutOff(sample_size, found.from_value, found.rows, found.share_of_sum)


def cluster_hint(column: ColumnProfile) -> ClusterHint | None:
    """Whether a column names clusters."""
    distinct, frequent = column.distinct, column.most_frequent
    if distinct is None or not frequent or not frequent.values or column.unique:
        return None
    if column.kind not in ("text", "number") or (column.number and not _is_whole(column)):
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


def _is_whole(column: ColumnProfile) -> bool:
    return column.type.endswith("INT") or column.type == "INTEGER" or column.type.endswith(",0)")


def _is_additive(name: str) -> bool:
    """Whether a sum of the column may mean something, by its name: a sum of years doesn't."""
    lowered = name.lower()
    words = lowered.replace("-", "_").replace(" ", "_").split("_")
    if any(word in NOT_ADDITIVE_AS_WORD for word in words):
        return False
    return not any(part in lowered for part in NOT_ADDITIVE)


@dataclass(frozen=True)
class DesignHints(Part):
    """What a profile tells the designer of a sample."""

    sample_size: int
    strata: tuple[StrataHint, ...]
    sizes: tuple[SizeHint, ...]
    clusters: tuple[ClusterHint, ...]


def design_hints(profile: TableProfile, sample_size: int = 1_000) -> DesignHints:
    """The columns of a profile that would serve a sample of so many rows."""
    strata = [one for one in map(strata_hint, profile.columns) if one]
    sizes = [one for column in profile.columns if (one := size_hint(column, sample_size))]
    clusters = [one for one in map(cluster_hint, profile.columns) if one]
    strata.sort(key=lambda hint: -hint.balance)
    sizes.sort(key=lambda hint: -hint.variation)
    clusters.sort(key=lambda hint: hint.largest_rows / hint.mean_rows)
    return DesignHints(sample_size, tuple(strata), tuple(sizes), tuple(clusters))
