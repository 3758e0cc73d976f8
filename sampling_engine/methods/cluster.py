"""Cluster sampling in one or two stages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated, ClassVar

import numpy as np

from contract.declarations import Help, Initial, Option, Title
from contract.fields import Bounds, Count, GroupColumn, Number
from parquet_tables.progress import ProgressCallback
from parquet_tables.row_keys.canonical import InvalidKey, can_be_in_key
from parquet_tables.row_keys.digests import NO_KEY, KeyMissing, RowKey
from parquet_tables.tables import Column, TableFiles
from sampling_engine.engines.engine import DrawState
from sampling_engine.errors import warned
from sampling_engine.methods.grouped_round import GroupedRound
from sampling_engine.methods.method import (
    NO_ROW,
    EligibleRows,
    Method,
    PlannedBy,
    RoundDraw,
    Sizes,
    order_of,
)
from sampling_engine.methods.parameters import Loc, group_column
from sampling_engine.results import Floats, FrameFacts, GroupKind, RoundRows, RowOutcome
from sampling_engine.selection.keyed import DigestRanks, Order
from sampling_engine.selection.order import Int64s, SeededOrder, seed_for
from sampling_engine.spec import KeyedOrder


@dataclass(frozen=True, kw_only=True)
class ClusterMethod(Method):
    """Some clusters, the rows with one value in a column, and all or some rows of each."""

    cluster_column: Annotated[
        str,
        GroupColumn(),
        Option("--cluster"),
        Help("The column whose distinct values are the clusters; NULL is a value."),
    ]
    num_clusters: Annotated[
        int,
        Count(Bounds(1)),
        Option("--clusters"),
        Title("Clusters"),
        Help("Clusters to draw, or all if there are fewer."),
        Initial(5),
    ]
    samples_per_cluster: Annotated[
        int | None,
        Count(Bounds(1)),
        Option("--per-cluster"),
        Title("Rows per cluster"),
        Help("Rows to draw in each drawn cluster, or all of a smaller one. Default: all."),
    ] = None
    sample_percentage: Annotated[
        float | None,
        Number(Bounds(above=0, most=100)),
        Option("--percentage"),
        Title("Percentage per cluster"),
        Help("Percentage of each drawn cluster's rows, above 0 and up to 100; at least one row."),
    ] = None

    key: ClassVar = "cluster"
    title: ClassVar = "Clusters"
    description: ClassVar = (
        "Some clusters, the rows with one value in a column, and all their rows. Give "
        "`samples_per_cluster` or `sample_percentage` to draw some rows of each."
    )
    exactly_one_of: ClassVar = (("num_clusters",),)
    at_most_one_of: ClassVar = (("samples_per_cluster", "sample_percentage"),)
    group_kind: ClassVar[GroupKind | None] = "clusters"
    size_parameter: ClassVar = "num_clusters"
    planned_by: ClassVar[PlannedBy | None] = "clusters"
    has_margin_of_error: ClassVar = False
    comparison_note: ClassVar = (
        "Rows of one cluster were drawn together, so each cluster counts once."
    )

    def group_columns(self, table: TableFiles, loc: Loc = ()) -> tuple[Column, ...]:
        """The cluster column."""
        return (group_column(table, self.cluster_column, "clusters", (*loc, "cluster_column")),)

    @property
    def no_reserves(self) -> str | None:
        """A cluster that is drawn whole has none."""
        if self.samples_per_cluster is not None or self.sample_percentage is not None:
            return None
        return (
            "A cluster round that draws all rows of its clusters has no reserves: draw a larger "
            "`num_clusters` with the same seed, which adds clusters."
        )

    def prepare(self, eligible: EligibleRows, on_progress: ProgressCallback) -> ClusterRound:
        """Draw clusters: the first of an order of those that have eligible rows."""
        clusters = np.flatnonzero(eligible.counts)
        drawn = clusters[self._places_of_first(eligible, clusters)]
        prepared = eligible.prepared(*self._sizes(eligible.counts, drawn))
        if_drawn, _ = self._sizes(eligible.counts, clusters)
        return ClusterRound(prepared, len(drawn), len(clusters), if_drawn)

    def _places_of_first(self, eligible: EligibleRows, clusters: Int64s) -> Int64s:
        """The places of the drawn clusters; in a keyed order by the digests of their values."""
        round_spec = eligible.round_spec
        seed, keyed = round_spec.effective_seed, round_spec.order
        if keyed is None:
            return SeededOrder(len(clusters), seed_for(seed, "clusters")).first(self.num_clusters)
        digests = eligible.strata.digests(clusters)
        if (digests == NO_KEY).any():
            raise KeyMissing(
                "A cluster of the keyed order has no value: filter the rows without a value in "
                "{column} out.",
                column=self.cluster_column,
                loc=("rounds", round_spec.round_number - 1, "order"),
            )
        ranks = DigestRanks(seed, keyed.start).of(digests)
        first: Int64s = np.argsort(ranks, kind="stable")[: self.num_clusters]
        return first

    def orders_rows(self, key: RowKey) -> bool:
        """Unless the key is the cluster's own value."""
        return [name.lower() for name in key.columns] != [self.cluster_column.lower()]

    def check_order(self, table: TableFiles, order: KeyedOrder, loc: Loc) -> None:
        """Clusters need values with a text; and their rows a row key, if some are drawn."""
        super().check_order(table, order, loc)
        (column,) = self.group_columns(table)
        if not can_be_in_key(column):
            raise InvalidKey(
                "Clusters of the keyed order are ranked by their values: the column "
                '"{column}" is {type}, which can\'t be in a key.',
                column=column.name,
                type=column.type,
                loc=loc,
            )
        draws_some = self.samples_per_cluster is not None or self.sample_percentage is not None
        if draws_some and not self.orders_rows(order.key):
            raise InvalidKey(
                "Rows within a cluster are drawn by a row key: name columns that identify a row, "
                "or draw all rows of the clusters.",
                loc=(*loc, "key"),
            )

    def _sizes(self, eligible: Int64s, drawn: Int64s) -> Sizes:
        """Rows of each cluster: none of a cluster that isn't among ``drawn``."""
        sizes = np.zeros_like(eligible)
        if not len(drawn):
            return sizes, [NO_ROW]
        sizes[drawn] = self.rows_within(eligible[drawn])
        warnings = warned(
            len(drawn) < self.num_clusters,
            "all_clusters_drawn",
            "`num_clusters` is {requested}, but only {clusters} clusters had eligible "
            "rows: all of them were drawn.",
            requested=self.num_clusters,
            clusters=len(drawn),
        )
        if self.samples_per_cluster is not None:
            short = int((eligible[drawn] < self.samples_per_cluster).sum())
            warnings += warned(
                short,
                "small_clusters",
                "{short} of {clusters} drawn clusters hold fewer than {size} eligible "
                "rows and gave all of them.",
                short=short,
                clusters=len(drawn),
                size=self.samples_per_cluster,
            )
        return sizes, warnings

    def rows_within(self, groups: Int64s) -> Int64s:
        """All rows of the clusters, so many of each, or a percentage."""
        if self.samples_per_cluster is not None:
            return np.minimum(groups, self.samples_per_cluster)
        if self.sample_percentage is None:
            return groups
        share = Fraction(repr(self.sample_percentage)) / 100
        # Rows times the fraction, a half upwards, in integers of any length.
        up = 2 * share.denominator
        exact = 2 * share.numerator * groups.astype(object) + share.denominator
        rows: Int64s = np.maximum(exact // up, 1).astype(np.int64)
        return rows


@dataclass(frozen=True)
class ClusterRound(GroupedRound):
    """A round that draws clusters, and in each the first rows of the order.

    ``drawn`` of ``clusters`` with eligible rows are drawn. ``if_drawn`` are the rows that each
    cluster gives if it is drawn.
    """

    drawn: int
    clusters: int
    if_drawn: Int64s

    def order(self, state: DrawState) -> Order:
        """The order of the rows: by their ordinals if the clusters alone have keys."""
        round_spec = self.prepared.round_spec
        keyed = round_spec.order
        if keyed is not None and not round_spec.method.orders_rows(keyed.key):
            round_spec = replace(round_spec, order=None)
        return order_of(state, round_spec)

    def probabilities_and_weights(self, rows: RoundRows) -> tuple[Floats, Floats]:
        """Drawn rows by eligible rows of a cluster, times drawn clusters by clusters."""
        strata = rows.chosen.strata
        sampled = np.bincount(strata, minlength=len(self.prepared.eligible))
        part = sampled.astype(np.float64) * self.drawn
        whole = self.prepared.eligible.astype(np.float64) * self.clusters
        return self.by_group(part, whole, strata)

    def facts(self, rows: RoundRows) -> dict[str, object]:
        """The last rank that was drawn of each cluster, and the clusters."""
        return {**super().facts(rows), "clusters": self.clusters, "drawn": self.drawn}

    def groups_of(self, state: DrawState, ordinals: Int64s) -> Int64s:
        """The cluster, whether it was drawn or not."""
        return RoundDraw.groups_of(self, state, ordinals)

    def frame_facts(self, state: DrawState) -> FrameFacts:
        """The effective units are the drawn clusters.

        The drawn rows are in expectation: they don't depend on which clusters the seed draws.
        """
        rows, drawn = self.prepared.eligible, self.drawn
        return FrameFacts(
            int(rows.sum()),
            float(self.if_drawn.sum()) * drawn / max(self.clusters, 1),
            float(drawn),
            max(drawn - 1, 0),
            drawn == self.clusters and bool((self.if_drawn == rows).all()),
            int(np.sort(self.if_drawn)[len(rows) - drawn :].sum()),
        )

    @property
    def group_chances(self) -> Floats:
        """Of the rows in a drawn cluster, times drawn clusters by all."""
        of_rows = self.if_drawn / np.maximum(self.prepared.eligible, 1)
        chances: Floats = of_rows * (self.drawn / max(self.clusters, 1))
        return chances

    def explain_not_drawn(
        self, state: DrawState, rows: RoundRows, ordinals: Int64s, strata: Int64s
    ) -> list[RowOutcome]:
        """Their clusters weren't drawn, or they are further back in line than the drawn rows."""
        is_drawn = self.prepared.allocated[strata] > 0
        later = super().explain_not_drawn(state, rows, ordinals[is_drawn], strata[is_drawn])
        outcomes = iter(later)
        ranks, labels = self.order(state).rank(ordinals), self.prepared.strata.labels
        return [
            next(outcomes)
            if is_drawn[at]
            else RowOutcome(
                "cluster_not_drawn",
                f"Its cluster, {labels(strata[at : at + 1])[0]}, is not among the {self.drawn:,} "
                f"drawn of {self.clusters:,}.",
                int(ranks[at]),
            )
            for at in range(len(ordinals))
        ]
