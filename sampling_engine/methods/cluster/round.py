"""A round of clusters at work: its rows, their chances, and what others ask of it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from lazy_dataclasses import dataclass
from parquet_tables.progress import ignore_progress
from sampling_engine.engines.engine import DrawState
from sampling_engine.methods.cluster.selection import Booleans, Chances
from sampling_engine.methods.cluster.tree import ClusterTree
from sampling_engine.methods.grouped_round import GroupedRound
from sampling_engine.methods.method import order_of
from sampling_engine.results import Floats, FrameFacts, GroupStages, RoundRows, RowOutcome
from sampling_engine.selection.keyed import Order
from sampling_engine.selection.order import Int64s
from sampling_engine.selection.strata import NO_STRATUM


@dataclass(frozen=True)
class ClusterRound(GroupedRound):
    """A round that draws clusters, and in each the first rows of the order.

    Parameters
    ----------
    first, second : Chances
        Of the clusters, and of the subclusters within them; the groups of the round are
        subclusters, or clusters that count as one subcluster.
    if_drawn : array of int, shape (groups,)
        The rows that each group gives if it is drawn.
    sizes : list of int, optional
        The size of each cluster, if clusters were drawn by size.
    is_plain : bool
        Whether clusters were drawn from the whole table with equal chances, without subclusters.
    has_subclusters : bool
    """

    tree: ClusterTree
    first: Chances
    second: Chances
    if_drawn: Int64s
    sizes: list[int] | None
    is_plain: bool
    has_subclusters: bool

    @property
    def drawn(self) -> int:
        """The drawn clusters."""
        return int(self.first.drawn.sum())

    @property
    def clusters(self) -> int:
        """The clusters that could be drawn."""
        return int((self.first.parts > 0).sum())

    @property
    def stages(self) -> GroupStages | None:
        """How the groups lie in clusters and strata; None if clusters alone were drawn."""
        if self.is_plain:
            return None
        return GroupStages(
            self.tree.cluster_of,
            self.tree.stratum_of,
            self.first.probabilities,
            self.second.probabilities,
            self.first.parts.dtype == object,
        )

    def order(self, state: DrawState) -> Order:
        """The order of the rows: by their ordinals if the clusters alone have keys."""
        round_spec = self.prepared.round_spec
        keyed = round_spec.order
        if keyed is not None and not round_spec.method.orders_rows(keyed.key):
            round_spec = replace(round_spec, order=None)
        return order_of(state, round_spec)

    def probabilities_and_weights(self, rows: RoundRows) -> tuple[Floats, Floats]:
        """Drawn by eligible rows of a group, times the chances of its cluster and subcluster."""
        strata, tree = rows.chosen.strata, self.tree
        sampled = np.bincount(strata, minlength=len(tree.rows))
        if self.first.parts.dtype == object:
            # Sizes have any number of digits: equal fractions are equal numbers.
            groups, places = np.unique(strata, return_inverse=True)
            exact = [self._exact_chance(int(group), int(sampled[group])) for group in groups]
            chances = np.array([float(one) for one in exact], dtype=np.float64)
            weights = np.array([float(1 / one) for one in exact], dtype=np.float64)
            return chances[places], weights[places]
        part = sampled.astype(np.float64) * self.first.parts[tree.cluster_of] * self.second.parts
        whole = tree.rows.astype(np.float64) * self.first.wholes[tree.cluster_of]
        return self.by_group(part, whole * self.second.wholes, strata)

    def _exact_chance(self, group: int, sampled: int) -> Fraction:
        """The inclusion probability of the drawn rows of a group."""
        cluster = int(self.tree.cluster_of[group])
        return (
            Fraction(int(self.first.parts[cluster]), int(self.first.wholes[cluster]))
            * Fraction(int(self.second.parts[group]), int(self.second.wholes[group]))
            * Fraction(sampled, int(self.tree.rows[group]))
        )

    def facts(self, rows: RoundRows) -> dict[str, object]:
        """The last rank that was drawn of each group, the clusters, and how these were drawn."""
        facts = {**super().facts(rows), "clusters": self.clusters, "drawn": self.drawn}
        return facts if self.is_plain else {**facts, "first_stage": self._first_stage_facts()}

    def _first_stage_facts(self) -> list[dict[str, object]]:
        """The clusters with eligible rows: the stratum of each, its size, and its chance."""
        tree, first = self.tree, self.first
        present = np.flatnonzero(tree.cluster_rows)
        keys = [dict(key) for key in self.prepared.strata.keys(tree.first_groups[present])]
        for key in keys if self.has_subclusters else ():
            key.popitem()
        return [
            {
                "key": key,
                "stratum": int(tree.stratum_of[cluster]),
                "size": None if self.sizes is None else str(self.sizes[cluster]),
                "part": str(first.parts[cluster]),
                "whole": str(first.wholes[cluster]),
                "drawn": bool(first.drawn[cluster]),
            }
            for cluster, key in zip(present, keys, strict=True)
        ]

    def groups_of(self, state: DrawState, ordinals: Int64s) -> Int64s:
        """The cluster or subcluster, whether it was drawn or not; -1 if it had no chance."""
        groups = self.prepared.strata.of(ordinals, ignore_progress)
        without = (self.tree.rows > 0) & (self.first.parts == 0)[self.tree.cluster_of]
        groups[(groups >= 0) & without[groups]] = NO_STRATUM
        return groups

    @property
    def group_chances(self) -> Floats:
        """Of the rows in a drawn group, times the chances of its cluster and subcluster."""
        of_rows = self.if_drawn / np.maximum(self.prepared.eligible, 1)
        chances: Floats = of_rows * self._chances_of_groups
        return chances

    @property
    def _chances_of_groups(self) -> Floats:
        found: Floats = self.first.probabilities[self.tree.cluster_of] * self.second.probabilities
        return found

    def frame_facts(self, state: DrawState) -> FrameFacts:
        """The effective units are the drawn clusters.

        The drawn rows are in expectation: they don't depend on which clusters the seed draws.
        """
        tree, chances = self.tree, self._chances_of_groups
        can_be_drawn = chances > 0
        rows, if_drawn = tree.rows[can_be_drawn], self.if_drawn[can_be_drawn]
        drawn_by_stratum = tree.clusters_of_strata(self.first.drawn)
        most_groups = self.drawn * int(
            np.where(self.first.parts > 0, self._most_inside, 0).max(initial=0)
        )
        return FrameFacts(
            int(rows.sum()),
            float((self.if_drawn * chances).sum()),
            float(self.drawn),
            int(np.maximum(drawn_by_stratum - 1, 0).sum()),
            bool((chances[can_be_drawn] == 1.0).all()) and bool((if_drawn == rows).all()),
            int(np.sort(if_drawn)[max(len(rows) - most_groups, 0) :].sum()),
        )

    @property
    def _most_inside(self) -> Int64s:
        """The groups to draw of each cluster if it is drawn, shape (clusters,)."""
        inside = np.zeros(self.tree.clusters, dtype=np.int64)
        present = self.tree.rows > 0
        if not self.has_subclusters:
            return self.tree.groups_with_rows
        inside[self.tree.cluster_of[present]] = self.second.parts[present]
        return inside

    def explain_drawn(self, state: DrawState, rows: RoundRows, place: int) -> RowOutcome:
        """Add the chance of each stage."""
        outcome = super().explain_drawn(state, rows, place)
        if self.is_plain:
            return outcome
        chances = self._sentence_of_chances(int(rows.chosen.strata[place]))
        return replace(outcome, reason=f"{outcome.reason} {chances}")

    def explain_not_drawn(
        self, state: DrawState, rows: RoundRows, ordinals: Int64s, strata: Int64s
    ) -> list[RowOutcome]:
        """Their clusters weren't drawn, or they are further back in line than the drawn rows."""
        is_drawn = self.prepared.allocated[strata] > 0
        later = super().explain_not_drawn(state, rows, ordinals[is_drawn], strata[is_drawn])
        outcomes = iter(later)
        ranks = self.order(state).rank(ordinals)
        return [
            next(outcomes)
            if is_drawn[at]
            else RowOutcome(
                "cluster_not_drawn", self._not_drawn_because(int(group)), int(ranks[at])
            )
            for at, group in enumerate(strata)
        ]

    def _not_drawn_because(self, group: int) -> str:
        """Why the group gives no row."""
        label = self.prepared.strata.labels(np.array([group]))[0]
        if self.is_plain:
            return (
                f"Its cluster, {label}, is not among the {self.drawn:,} drawn of {self.clusters:,}."
            )
        cluster = int(self.tree.cluster_of[group])
        if not self.first.parts[cluster]:
            return f"Its cluster ({label}) has no size, so it can't be drawn."
        chances = self._sentence_of_chances(group)
        if self.first.drawn[cluster]:
            drawn, whole = int(self.second.parts[group]), int(self.second.wholes[group])
            return (
                f"Its subcluster, {label}, is not among the {drawn:,} drawn of the {whole:,} of "
                f"its cluster. {chances}"
            )
        own = self.tree.stratum_of == self.tree.stratum_of[cluster]
        drawn, whole = _count(self.first.drawn & own), _count((self.first.parts > 0) & own)
        where = "" if self.tree.strata < 2 else " of its stratum"
        return (
            f"Its cluster ({label}) is not among the {drawn:,} drawn of {whole:,}{where}. {chances}"
        )

    def _sentence_of_chances(self, group: int) -> str:
        """The chance of each stage, and of a row."""
        cluster = int(self.tree.cluster_of[group])
        parts = [
            ("its cluster", self.first.parts[cluster], self.first.wholes[cluster]),
            ("its subcluster there", self.second.parts[group], self.second.wholes[group]),
            ("a row in it", self.if_drawn[group], self.tree.rows[group]),
        ]
        if not self.has_subclusters:
            del parts[1]
        listed = "; ".join(f"{of} {int(part):,}/{int(whole):,}" for of, part, whole in parts)
        return f"Chances: {listed}."


def _count(units: Booleans) -> int:
    return int(units.sum())
