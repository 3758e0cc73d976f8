"""Which columns would serve the design of a sample, from a profile alone.

Owns: the hints' shape and their order. Invariant: hints are a pure function of the profile and the
sample's size; each says why, and none is given on what the profile doesn't know exactly. The rules
are in :mod:`profiling_engine.design_rules`.
"""

from __future__ import annotations

from dataclasses import dataclass

from profiling_engine.design_rules import (
    ClusterHint,
    SizeHint,
    StrataHint,
    cluster_hint,
    size_hint,
    strata_hint,
)
from profiling_engine.parts import Part
from profiling_engine.table_profile import TableProfile


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
