"""How the groups of a cluster round lie in clusters, and the clusters in strata."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lazy_dataclasses import dataclass
from sampling_engine.errors import ClusterInTwoStrata
from sampling_engine.methods.method import EligibleRows
from sampling_engine.selection.order import Int64s
from sampling_engine.selection.strata import ColumnStrata


@dataclass(frozen=True, eq=False)
class ClusterTree:
    """The groups of a round, their clusters, and the clusters' strata.

    A group is a cluster or, in three stages, a subcluster. Clusters and strata are numbered in the
    order of their values.

    Parameters
    ----------
    rows : array of int, shape (groups,)
        The eligible rows of each group.
    cluster_of : array of int, shape (groups,)
    stratum_of : array of int, shape (clusters,)
    """

    rows: Int64s
    cluster_of: Int64s
    stratum_of: Int64s

    @classmethod
    def of(
        cls, eligible: EligibleRows, strata_columns: int, *, has_subclusters: bool
    ) -> ClusterTree:
        """The tree of the groups of the columns: those of the strata, cluster and subcluster.

        Raises
        ------
        ClusterInTwoStrata
            The rows of a cluster lie in several strata.
        """
        strata, groups = eligible.strata, len(eligible.counts)
        every = np.arange(groups)
        if not isinstance(strata, ColumnStrata) or not (strata_columns or has_subclusters):
            return cls(eligible.counts, every, np.zeros(groups, dtype=np.int64))
        cluster_of = strata.prefixes(strata_columns + 1) if has_subclusters else every
        _, first = np.unique(cluster_of, return_index=True)
        if not strata_columns:
            return cls(eligible.counts, cluster_of, np.zeros(len(first), dtype=np.int64))
        repeated = strata.repeated_value(strata_columns + 1)
        if repeated is not None:
            value, count = repeated
            raise ClusterInTwoStrata(
                'The cluster "{cluster}" of the column "{column}" has rows in {count} strata: a '
                "cluster lies in one stratum. Choose strata columns that are the same for all rows "
                "of a cluster, or filter rows out.",
                cluster=value[:100],
                column=strata.columns[strata_columns].name,
                count=count,
                loc=(*eligible.loc, "strata_columns"),
            )
        return cls(eligible.counts, cluster_of, strata.prefixes(strata_columns)[first])

    @property
    def clusters(self) -> int:
        """All clusters, also those without an eligible row."""
        return len(self.stratum_of)

    @cached_property
    def first_groups(self) -> Int64s:
        """The first group of each cluster, shape (clusters,)."""
        return np.unique(self.cluster_of, return_index=True)[1].astype(np.int64)

    @cached_property
    def cluster_rows(self) -> Int64s:
        """The eligible rows of each cluster, shape (clusters,)."""
        rows = np.zeros(self.clusters, dtype=np.int64)
        np.add.at(rows, self.cluster_of, self.rows)
        return rows

    @cached_property
    def groups_with_rows(self) -> Int64s:
        """The groups of each cluster that have an eligible row, shape (clusters,)."""
        return np.bincount(self.cluster_of[self.rows > 0], minlength=self.clusters)

    @property
    def strata(self) -> int:
        """All strata."""
        return int(self.stratum_of.max(initial=-1)) + 1

    def clusters_of_strata(self, among: NDArray[np.bool_]) -> Int64s:
        """Those of some clusters in each stratum, shape (strata,); ``among`` by cluster."""
        return np.bincount(self.stratum_of[among], minlength=self.strata)
