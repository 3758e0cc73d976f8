"""Cluster sampling: of strata or of the table, with equal chances or by size, in up to 3 stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import localcontext
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

import numpy as np

from contract.declarations import Help, Initial, Option, Title, UsedWith
from contract.fields import (
    BandedColumn,
    Bounds,
    Choice,
    Count,
    GroupColumn,
    Items,
    Number,
    NumberColumn,
)
from domain_errors import Loc
from lazy_dataclasses import dataclass
from parquet_tables.progress import ProgressCallback
from parquet_tables.row_keys.canonical import InvalidKey, can_be_in_key
from parquet_tables.row_keys.digests import NO_KEY, KeyMissing, RowKey
from parquet_tables.tables import Column, TableFiles
from sampling_engine.allocation import allocate
from sampling_engine.amounts import DIGITS, amounts_of, places_of
from sampling_engine.errors import (
    DrawWarning,
    InvalidMethod,
    InvalidStrata,
    MinimumExceedsSample,
    warned,
)
from sampling_engine.methods.cluster.round import ClusterRound
from sampling_engine.methods.cluster.selection import (
    Booleans,
    Chances,
    chances_by_size,
    equal_chances,
)
from sampling_engine.methods.cluster.tree import ClusterTree
from sampling_engine.methods.method import NO_ROW, EligibleRows, Method, PlannedBy
from sampling_engine.methods.parameters import group_column, strata_columns
from sampling_engine.results import Floats, GroupKind
from sampling_engine.selection.bands import Bands
from sampling_engine.selection.keyed import DigestRanks
from sampling_engine.selection.order import Int64s, SeededOrder, seed_for
from sampling_engine.spec import KeyedOrder

ClusterProbability = Literal["equal", "rows", "size"]
ClusterAllocation = Literal["each", "proportional"]

LEAST_CLUSTERS = 2
"""Clusters of a stratum that a divided number gives at least, so that it has a variance."""


@dataclass(frozen=True)
class PlannedChances:
    """The probabilities of clusters, shape (clusters,), by the number of clusters to draw.

    The number is from ``least`` to ``most``, which draws all clusters.
    """

    least: int
    most: int
    of_size: Callable[[int], Floats]
    warnings: list[DrawWarning]


class ClusterMethod(Method):
    """Some clusters, the rows with one value in a column, and all or some rows of each.

    Clusters may be drawn within strata, with probabilities by their size, and subclusters within
    the drawn clusters.
    """

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
        Help(
            "Clusters to draw, or all if there are fewer. With `strata_columns`, clusters of each "
            "stratum, or of all strata if `cluster_allocation` is proportional."
        ),
        Initial(5),
    ]
    samples_per_cluster: Annotated[
        int | None,
        Count(Bounds(1)),
        Option("--per-cluster"),
        Title("Rows per cluster"),
        Help(
            "Rows to draw in each drawn cluster, or subcluster if these are drawn, or all of a "
            "smaller one. Default: all."
        ),
    ] = None
    sample_percentage: Annotated[
        float | None,
        Number(Bounds(above=0, most=100)),
        Option("--percentage"),
        Title("Percentage per cluster"),
        Help(
            "Percentage of the rows of each drawn cluster, or subcluster if these are drawn, above "
            "0 and up to 100; at least one row."
        ),
    ] = None
    strata_columns: Annotated[
        tuple[str | Bands, ...] | None,
        Items(BandedColumn(), most=50, least=1),
        Option("--strata"),
        Title("Groups by"),
        Help(
            "Columns whose values make strata, in each of which clusters are drawn; NULL is a "
            "value. All rows of a cluster lie in one stratum. Bands of a number or a date are "
            "{column, breaks, labels?}."
        ),
    ] = None
    cluster_allocation: Annotated[
        ClusterAllocation,
        Choice({"each": "The same number in each group", "proportional": "By their clusters"}),
        Title("Clusters by group"),
        Help(
            "Whether `num_clusters` are drawn in each stratum, or in all of them: in proportion to "
            "their clusters, and two of each at least."
        ),
        UsedWith({"strata_columns": ()}),
    ] = "each"
    cluster_probability: Annotated[
        ClusterProbability,
        Choice({"equal": "Equal", "rows": "By their rows", "size": "By a column of sizes"}),
        Title("Chance of a cluster"),
        Help(
            "equal, or in proportion to size: the cluster's eligible rows, or the sum of "
            "`size_column` over them. A cluster whose probability would reach 1 is always drawn. "
            "By rows, with `samples_per_cluster` and without subclusters, all rows of a stratum "
            "have the same probability, but those of clusters that are always drawn or that have "
            "fewer rows."
        ),
    ] = "equal"
    size_column: Annotated[
        str | None,
        NumberColumn(),
        Title("Sizes"),
        Help(
            "A column of numbers whose sum over a cluster's eligible rows is the cluster's size. "
            "None is negative or infinite; a cluster of size 0 can't be drawn."
        ),
        UsedWith({"cluster_probability": ("size",)}),
    ] = None
    subcluster_column: Annotated[
        str | None,
        GroupColumn(),
        Option("--subcluster"),
        Title("Subclusters"),
        Help(
            "The column whose values within a cluster are its subclusters, of which "
            "`num_subclusters` are drawn in each drawn cluster."
        ),
    ] = None
    num_subclusters: Annotated[
        int | None,
        Count(Bounds(1)),
        Option("--subclusters"),
        Title("Subclusters per cluster"),
        Help("Subclusters to draw in each drawn cluster, or all if it has fewer."),
    ] = None

    aliases: ClassVar = {**Method.aliases, "stratify_columns": "strata_columns"}
    key: ClassVar = "cluster"
    title: ClassVar = "Clusters"
    description: ClassVar = (
        "Some clusters, the rows with one value in a column, and all their rows. Give "
        "`samples_per_cluster` or `sample_percentage` to draw some rows of each, `strata_columns` "
        "to draw clusters in each stratum, `cluster_probability` to draw them by size, and "
        "`subcluster_column` to draw some clusters within each."
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

    @property
    def is_plain(self) -> bool:
        """Whether clusters are drawn from the whole table with equal chances, without subclusters.

        A cluster of the round then is a group of its account, and has its probability alone.
        """
        return (
            self.strata_columns is None
            and self.cluster_probability == "equal"
            and self.subcluster_column is None
        )

    @property
    def no_panel(self) -> str | None:
        """The start moves by the probability of a cluster, which is the same for all."""
        if self.is_plain:
            return None
        return (
            "The start of a wave moves by the probability of a cluster, which is one number for "
            "all clusters: a panel draws them with equal chances, in one or two stages. Leave out "
            "`strata_columns`, `cluster_probability` and `subcluster_column`."
        )

    @property
    def favoured_column(self) -> str | None:
        """The sizes of the clusters."""
        return self.size_column

    def check_combination(self, loc: Loc) -> None:
        """The sizes need a column, subclusters a number, and a cluster isn't its own stratum."""
        by_column = self.cluster_probability == "size"
        if by_column != (self.size_column is not None):
            raise InvalidMethod(
                "`cluster_probability` size needs `size_column`."
                if by_column
                else "`size_column` needs `cluster_probability` size.",
                loc=(*loc, "size_column"),
            )
        if (self.subcluster_column is None) != (self.num_subclusters is None):
            absent = "num_subclusters" if self.num_subclusters is None else "subcluster_column"
            raise InvalidMethod(
                "`subcluster_column` and `num_subclusters` go together.", loc=(*loc, absent)
            )
        if self.cluster_allocation != "each" and self.strata_columns is None:
            raise InvalidMethod(
                "`cluster_allocation` needs `strata_columns`.", loc=(*loc, "cluster_allocation")
            )

    def group_columns(self, table: TableFiles, loc: Loc = ()) -> tuple[Column, ...]:
        """The columns of strata, the cluster column, and that of the subclusters."""
        at = (*loc, "cluster_column")
        columns = [group_column(table, self.cluster_column, "clusters", at)]
        if self.strata_columns is not None:
            at = (*loc, "strata_columns")
            columns = [*strata_columns(table, self.strata_columns, at), *columns]
            self._require_new(columns, at)
        if self.subcluster_column is not None:
            at = (*loc, "subcluster_column")
            columns.append(group_column(table, self.subcluster_column, "clusters", at))
            self._require_new(columns, at)
        return tuple(columns)

    @staticmethod
    def _require_new(columns: list[Column], loc: Loc) -> None:
        *others, last = [column.name for column in columns]
        if last in others:
            raise InvalidStrata('The column "{column}" is named twice.', column=last, loc=loc)

    @property
    def no_reserves(self) -> str | None:
        """A cluster that is drawn whole has none."""
        if self.samples_per_cluster is not None or self.sample_percentage is not None:
            return None
        adds = (
            ", which adds clusters."
            if self.includes_smaller
            else " and examine the new sample: with these parameters it needn't have all clusters "
            "of the smaller one."
        )
        return (
            "A cluster round that draws all rows of its clusters has no reserves: draw a larger "
            f"`num_clusters` with the same seed{adds}"
        )

    @property
    def includes_smaller(self) -> bool:
        """Whether more clusters with the same seed include those of fewer ones.

        By size all probabilities change, and a number that is divided among strata may take one
        from a stratum by rounding.
        """
        return self.cluster_probability == "equal" and (
            self.strata_columns is None or self.draws_in_each_stratum
        )

    @property
    def draws_in_each_stratum(self) -> bool:
        """Whether the number of clusters is that of each stratum."""
        return self.strata_columns is not None and self.cluster_allocation == "each"

    def prepare(self, eligible: EligibleRows, on_progress: ProgressCallback) -> ClusterRound:
        """Draw clusters, subclusters in them, and settle the rows of each."""
        tree = self.tree_of(eligible)
        sizes, warnings = self._sizes_of_clusters(eligible, tree, on_progress)
        first, more = self._first_stage(eligible, tree, sizes)
        warnings += more
        second = self._second_stage(eligible, tree)
        if_drawn = self.rows_within(tree.rows)
        if_drawn[tree.rows == 0] = 0
        drawn = first.drawn[tree.cluster_of] & second.drawn
        allocated = np.where(drawn, if_drawn, 0)
        warnings = warnings if tree.rows.any() else [NO_ROW]
        warnings += self._short_warnings(tree, drawn)
        prepared = eligible.prepared(allocated, warnings)
        return ClusterRound(
            prepared,
            tree,
            first,
            second,
            if_drawn,
            sizes,
            is_plain=self.is_plain,
            has_subclusters=self.subcluster_column is not None,
        )

    def _first_stage(
        self, eligible: EligibleRows, tree: ClusterTree, sizes: list[int] | None
    ) -> tuple[Chances, list[DrawWarning]]:
        """The drawn clusters, the chances of all, and warnings; shape (clusters,)."""
        numbers = self._in_frame(tree, sizes)
        strata = tree.stratum_of[numbers]
        whole = np.bincount(strata, minlength=tree.strata)
        counts = self._counts(whole, eligible.loc)
        warnings = self._all_drawn_warnings(counts, whole)
        counts = np.minimum(counts, whole)
        ranks = self._ranks(eligible, tree.first_groups[numbers], "clusters")
        if sizes is None:
            own = equal_chances(strata, ranks, counts)
        else:
            seed = seed_for(eligible.round_spec.effective_seed, "cluster starts")
            listed = [sizes[number] for number in numbers.tolist()]
            own = chances_by_size(strata, ranks, listed, counts, seed)
        return own.placed(numbers, tree.clusters), warnings

    @staticmethod
    def _in_frame(tree: ClusterTree, sizes: list[int] | None) -> Int64s:
        """The clusters that can be drawn: those with eligible rows, and with a size."""
        present = tree.cluster_rows > 0
        if sizes is not None:
            present &= np.array([size > 0 for size in sizes], dtype=np.bool_)
        return np.flatnonzero(present)

    def tree_of(self, eligible: EligibleRows) -> ClusterTree:
        """The groups of a round in their clusters, and these in their strata."""
        return ClusterTree.of(
            eligible,
            len(self.strata_columns or ()),
            has_subclusters=self.subcluster_column is not None,
        )

    def planned_chances(
        self, eligible: EligibleRows, tree: ClusterTree, on_progress: ProgressCallback
    ) -> PlannedChances:
        """The probabilities of the clusters by `num_clusters`."""
        sizes, warnings = self._sizes_of_clusters(eligible, tree, on_progress)
        numbers = self._in_frame(tree, sizes)
        strata = tree.stratum_of[numbers]
        whole = np.bincount(strata, minlength=tree.strata)
        divides = self.cluster_allocation == "proportional"
        least = int(np.minimum(whole, LEAST_CLUSTERS).sum()) if divides else 1
        most = int(whole.sum()) if divides else int(whole.max(initial=1))

        def chances(size: int) -> Floats:
            counts = replace(self, num_clusters=max(size, least))._counts(whole, eligible.loc)
            counts = np.minimum(counts, whole)
            if sizes is None:
                own = equal_chances(strata, np.zeros_like(strata), counts)
            else:
                listed = [sizes[number] for number in numbers.tolist()]
                own = chances_by_size(strata, np.zeros_like(strata), listed, counts, 0)
            return own.placed(numbers, tree.clusters).probabilities

        return PlannedChances(least, most, chances, warnings)

    def _second_stage(self, eligible: EligibleRows, tree: ClusterTree) -> Chances:
        """The subclusters to draw if their clusters are drawn; all groups without them."""
        present = np.flatnonzero(tree.rows > 0)
        if self.num_subclusters is None:
            ones = np.ones(len(present), dtype=np.int64)
            every = Chances(np.ones(len(present), dtype=np.bool_), ones, ones)
            return every.placed(present, len(tree.rows))
        counts = np.minimum(tree.groups_with_rows, self.num_subclusters)
        ranks = self._ranks(eligible, present, "subclusters")
        own = equal_chances(tree.cluster_of[present], ranks, counts)
        return own.placed(present, len(tree.rows))

    def _ranks(self, eligible: EligibleRows, groups: Int64s, purpose: str) -> Int64s:
        """The ranks of clusters or subclusters; in a keyed order by the digests of their values."""
        round_spec = eligible.round_spec
        seed, keyed = round_spec.effective_seed, round_spec.order
        if keyed is None:
            order = SeededOrder(len(groups), seed_for(seed, purpose))
            return order.rank(np.arange(len(groups)))
        at = len(self.strata_columns or ())
        stop = at + (1 if purpose == "clusters" else 2)
        digests = eligible.strata.digests(groups, at, stop)
        if (digests == NO_KEY).any():
            raise KeyMissing(
                "A cluster of the keyed order has no value: filter the rows without a value in "
                "{column} out.",
                column=self.cluster_column
                if purpose == "clusters"
                else f"{self.cluster_column} or {self.subcluster_column}",
                loc=("rounds", round_spec.round_number - 1, "order"),
            )
        if purpose != "clusters":
            seed = seed_for(seed, purpose)
        return DigestRanks(seed, keyed.start).of(digests)

    def _sizes_of_clusters(
        self, eligible: EligibleRows, tree: ClusterTree, on_progress: ProgressCallback
    ) -> tuple[list[int] | None, list[DrawWarning]]:
        """The size of each cluster as an integer; None where all have equal chances."""
        if self.cluster_probability == "equal":
            return None, []
        if self.size_column is None:
            return tree.cluster_rows.tolist(), []
        column = eligible.state.table.column(self.size_column)
        eligible.refuse_numbers(column, "size_column", on_progress)
        places = places_of(column)
        sizes = [0] * tree.clusters
        amounts = amounts_of(eligible.state, eligible.strata, column, on_progress, halves="to_even")
        with localcontext(prec=DIGITS):
            for cluster, amount in zip(tree.cluster_of.tolist(), amounts, strict=True):
                sizes[cluster] += int(amount.net.scaleb(places))
        rows_of = tree.cluster_rows.tolist()
        without = [size <= 0 < rows for size, rows in zip(sizes, rows_of, strict=True)]
        return sizes, warned(
            sum(without),
            "clusters_without_size",
            '{without} of {clusters} clusters have no size in "{column}": they can\'t be drawn. '
            "NULL, NaN and 0 count as none.",
            without=sum(without),
            clusters=int((tree.cluster_rows > 0).sum()),
            column=column.name,
        )

    def _counts(self, clusters: Int64s, loc: Loc) -> Int64s:
        """The clusters to draw of each stratum; ``clusters`` are those that can be drawn."""
        counts = np.where(clusters > 0, self.num_clusters, 0)
        if self.cluster_allocation == "each":
            return counts
        present = clusters > 0
        whole = clusters[present]
        least = np.minimum(whole, LEAST_CLUSTERS)
        needed, total = int(least.sum()), min(self.num_clusters, int(whole.sum()))
        if needed > total:
            raise MinimumExceedsSample(
                "`num_clusters` is {clusters}, but {strata} strata need {needed}: two clusters of "
                "each, or all of a smaller one. Draw more clusters, or choose fewer strata.",
                clusters=self.num_clusters,
                strata=len(whole),
                needed=needed,
                loc=(*loc, "num_clusters"),
            )
        if len(whole):
            counts[present] = allocate(whole, total, least, whole)
        return counts

    def _all_drawn_warnings(self, counts: Int64s, whole: Int64s) -> list[DrawWarning]:
        """A warning on strata, or a table, with fewer clusters than are to be drawn."""
        clusters = int(whole.sum())
        own = "eligible rows" if self.size_column is None else "a size"
        if self.strata_columns is None or self.cluster_allocation == "proportional":
            return warned(
                clusters and clusters < self.num_clusters,
                "all_clusters_drawn",
                f"`num_clusters` is {{requested}}, but only {{clusters}} clusters had {own}: all "
                "of them were drawn.",
                requested=self.num_clusters,
                clusters=clusters,
            )
        short = int((whole < counts).sum())
        return warned(
            short,
            "strata_with_few_clusters",
            f"{{short}} of {{strata}} strata have fewer than {{requested}} clusters with {own}, "
            "all of which were drawn.",
            short=short,
            strata=int((whole > 0).sum()),
            requested=self.num_clusters,
        )

    def _short_warnings(self, tree: ClusterTree, drawn: Booleans) -> list[DrawWarning]:
        """A warning on drawn clusters with fewer rows than are to be drawn of each."""
        if self.samples_per_cluster is None:
            return []
        short = int((tree.rows[drawn] < self.samples_per_cluster).sum())
        return warned(
            short,
            "small_clusters",
            f"{{short}} of {{clusters}} drawn {self.units_of_rows} hold fewer than {{size}} "
            "eligible rows and gave all of them.",
            short=short,
            clusters=int(drawn.sum()),
            size=self.samples_per_cluster,
        )

    @property
    def units_of_rows(self) -> str:
        """What rows are drawn within."""
        return "clusters" if self.subcluster_column is None else "subclusters"

    def orders_rows(self, key: RowKey) -> bool:
        """Unless the key is the cluster's own value."""
        return [name.lower() for name in key.columns] != [self.cluster_column.lower()]

    def check_order(self, table: TableFiles, order: KeyedOrder, loc: Loc) -> None:
        """Clusters need values with a text; and their rows a row key, if some are drawn."""
        super().check_order(table, order, loc)
        for column in self.group_columns(table)[len(self.strata_columns or ()) :]:
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
