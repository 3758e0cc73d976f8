"""Samples of clusters in strata, with probabilities by size, or with subclusters in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from contract.requests.estimate import VarianceRequest
from domain_errors import counted
from estimation_engine.arrays import Booleans, Floats, Ints
from estimation_engine.designs.cluster_stages_code import GroupOfCode, design_code
from estimation_engine.designs.code import DesignCode, Sizes
from estimation_engine.designs.design import Design, DrawnRows, DrawnStages, RowsOfPairs
from estimation_engine.designs.random import both_of
from estimation_engine.designs.stages import (
    Layer,
    groups_in,
    simple_factors,
    single_unit_note,
    sums_by,
    without_correction,
)
from estimation_engine.errors import LonelyStratum
from lazy_dataclasses import dataclass

MAX_NAMED = 5
"""Clusters that a refusal names."""


@dataclass(frozen=True, eq=False)
class ClusterStagesDesign(Design):
    """Clusters of strata, groups within them, and rows within the groups.

    Clusters are simple random samples of their strata, or drawn by size with the probabilities of
    ``tree``. Groups are subclusters, a simple random sample of each cluster; or the clusters
    themselves, one in each. The rows of a group are a simple random sample of it, or all.
    """

    tree: DrawnStages

    method: ClassVar = "cluster"
    group_kind: ClassVar = "clusters"

    @classmethod
    def of_draw(cls, drawn: DrawnRows) -> ClusterStagesDesign:
        assert drawn.stages is not None  # noqa: S101 - the caller's part
        return cls(
            1.0 / drawn.probabilities,
            int(drawn.group_rows.sum()),
            drawn.groups,
            drawn.group_rows,
            np.bincount(drawn.groups, minlength=len(drawn.group_rows)),
            drawn.stages,
        )

    @property
    def clusters(self) -> tuple[int, int]:
        return int(self._is_drawn.sum()), int(self._in_frame.sum())

    @property
    def strata_counts(self) -> tuple[int, int] | None:
        if self._strata < 2:
            return None
        drawn, whole = (
            len(np.unique(self.tree.strata[among])) for among in (self._is_drawn, self._in_frame)
        )
        return drawn, whole

    @property
    def draws_by_size(self) -> bool:
        return self.tree.by_size

    @property
    def stage_columns(self) -> dict[str, Ints | Floats]:
        clusters = self.unit_numbers
        strata = self.tree.strata[clusters]
        units, drawn = (
            np.bincount(self.tree.strata[among], minlength=self._strata)[strata]
            for among in (self._in_frame, self._is_drawn)
        )
        whole, inside = self._inside
        rows = self.group_rows[self.groups], self.group_drawn[self.groups]
        found: dict[str, Ints | Floats] = {
            "psu": clusters,
            "stratum_number": strata,
            "stage1_units": units,
            "stage1_drawn": drawn,
            "stage1_probability": self.tree.chances[clusters],
        }
        if not self.has_subclusters:
            return {**found, "stage2_units": rows[0], "stage2_drawn": rows[1]}
        return {
            **found,
            "subcluster": self.groups,
            "stage2_units": whole[clusters],
            "stage2_drawn": inside[clusters],
            "stage3_units": rows[0],
            "stage3_drawn": rows[1],
        }

    @cached_property
    def unit_numbers(self) -> Ints:
        return self.tree.clusters[self.groups]

    @property
    def listed_groups(self) -> Ints:
        return np.flatnonzero(self.group_drawn > 0)

    @property
    def uncovered_rows(self) -> int:
        without = self.tree.chances[self.tree.clusters] == 0.0
        return int(self.group_rows[without].sum())

    @cached_property
    def lonely(self) -> Booleans:
        """The strata with one drawn cluster of several, then the clusters that are lonely inside.

        The latter are only those that are, True.
        """
        return np.append(self._lonely_strata, self._lonely_clusters[self._lonely_clusters])

    @property
    def _lonely_strata(self) -> Booleans:
        """The strata with one drawn cluster of several that are left to chance."""
        lonely: Booleans = (self._chance_drawn == 1) & (self._chance_clusters > 1)
        return lonely

    @cached_property
    def _lonely_clusters(self) -> Booleans:
        """The clusters that are strata of their own and gave one subcluster or row of several."""
        lonely: Booleans = self._is_own_stratum & self._is_single & (self._inside[1] == 1)
        return lonely

    @property
    def has_one_unit(self) -> bool:
        is_alone = self.units == 1 and bool(self._lonely_clusters.any())
        return self._strata == 1 and (is_alone or bool(self._lonely_strata.any()))

    @property
    def _is_own_stratum(self) -> Booleans:
        """The clusters without chance: certain by size, or the only one of their stratum."""
        if self.tree.by_size:
            return self._is_certain
        only: Booleans = self._in_frame & (self._chance_clusters == 1)[self.tree.strata]
        return only

    @cached_property
    def _has_single_row(self) -> Booleans:
        """The clusters with a group that gave one row of several."""
        single = np.zeros(self._width, dtype=np.bool_)
        single[self.tree.clusters[(self.group_drawn == 1) & (self.group_rows > 1)]] = True
        return single

    @cached_property
    def _is_single(self) -> Booleans:
        """The clusters with a later stage that drew one unit of several."""
        whole, drawn = self._inside
        single: Booleans = self._has_single_row | ((drawn == 1) & (whole > 1))
        return single

    @cached_property
    def _is_ultimate(self) -> Booleans:
        """The strata whose clusters are measured whole: see :func:`without_correction`."""
        among = self.tree.strata[self._is_single & ~self._is_own_stratum]
        return np.bincount(among, minlength=self._strata) > 0

    @cached_property
    def _has_ultimate_groups(self) -> Booleans:
        """The clusters that are strata of their own, whose subclusters are measured whole."""
        several: Booleans = self._inside[0] > 1
        return self._is_own_stratum & self._has_single_row & several

    @property
    def _ultimate_stages(self) -> Ints:
        """1 for clusters that are measured whole, 2 for those whose subclusters are, else 0."""
        first = ~self._is_own_stratum & self._is_ultimate[self.tree.strata]
        return np.where(first, 1, np.where(self._has_ultimate_groups, 2, 0))

    @cached_property
    def _in_frame(self) -> Booleans:
        """The clusters with rows that could be drawn."""
        rows = sums_by(self.tree.clusters, self.group_rows.astype(np.float64), self._width)
        found: Booleans = (rows > 0) & (self.tree.chances > 0)
        return found

    @cached_property
    def _is_drawn(self) -> Booleans:
        """The clusters with a drawn row."""
        drawn = np.zeros(self._width, dtype=np.bool_)
        drawn[self.tree.clusters[self.group_drawn > 0]] = True
        return drawn

    @cached_property
    def _is_certain(self) -> Booleans:
        """The clusters that were drawn with certainty by their size."""
        if not self.tree.by_size:
            return np.zeros(self._width, dtype=np.bool_)
        certain: Booleans = self.tree.chances == 1.0
        return certain

    @property
    def _width(self) -> int:
        return len(self.tree.strata)

    @property
    def _strata(self) -> int:
        return int(self.tree.strata.max(initial=-1)) + 1

    @cached_property
    def _chance_clusters(self) -> Ints:
        """The clusters of each stratum that are left to chance."""
        among = self._in_frame & ~self._is_certain
        return np.bincount(self.tree.strata[among], minlength=self._strata)

    @cached_property
    def _chance_drawn(self) -> Ints:
        """The drawn clusters of each stratum that are left to chance."""
        among = self._is_drawn & ~self._is_certain
        return np.bincount(self.tree.strata[among], minlength=self._strata)

    @cached_property
    def _inside(self) -> tuple[Ints, Ints]:
        """The groups with rows, and the drawn ones, of each cluster."""
        whole = np.bincount(self.tree.clusters[self.group_rows > 0], minlength=self._width)
        drawn = np.bincount(self.tree.clusters[self.group_drawn > 0], minlength=self._width)
        return whole, drawn

    @property
    def has_subclusters(self) -> bool:
        """Whether a cluster has several groups."""
        return bool((self._inside[0] > 1).any())

    @property
    def layers(self) -> list[Layer]:
        """The clusters, the subclusters inside them, and the rows inside these."""
        tree = self.tree
        whole, drawn = self._inside
        of_groups = (self.group_drawn > 0).astype(np.float64)
        inside = drawn.astype(np.float64)
        ultimate = self._ultimate_stages
        second = simple_factors(inside, without_correction(whole, ultimate == 2)) * tree.chances
        second[ultimate == 1] = 0.0
        rows = self.group_drawn.astype(np.float64)
        shares = tree.chances * (inside / np.maximum(whole, 1))
        third = simple_factors(rows, self.group_rows) * shares[tree.clusters]
        third[ultimate[tree.clusters] > 0] = 0.0
        layers = [
            self._first_layer,
            Layer(tree.clusters, of_groups, inside, second, self.groups),
            Layer(self.groups, None, rows, third),
        ]
        return layers if self.has_subclusters else [layers[0], layers[2]]

    @property
    def _first_layer(self) -> Layer:
        """The clusters; by size with Brewer's factors 1 - π and the plain mean."""
        n = self._chance_drawn.astype(np.float64)
        in_sample = (self._is_drawn & ~self._is_certain).astype(np.float64)
        strata, units = self.tree.strata, self.unit_numbers
        if not self.tree.by_size:
            whole = without_correction(self._chance_clusters, self._is_ultimate)
            factors = simple_factors(n, whole)
            return Layer(strata, in_sample, n, factors, units)
        left = np.where(self._is_ultimate[strata], 1.0, 1.0 - self.tree.chances)
        c = in_sample * left
        factors = np.where(n > 1, n / np.maximum(n - 1.0, 1.0), 0.0)
        return Layer(strata, c, sums_by(strata, c, self._strata), factors, units, centre=in_sample)

    @cached_property
    def _degree_units(self) -> tuple[Ints, Ints, Booleans]:
        """The unit and the stratum of each row that give degrees of freedom, and which rows count.

        A cluster that was drawn with certainty is a stratum of its own, whose units are its
        subclusters or, where all were drawn and have a variance, the rows of each. Strata that
        were drawn whole don't count.
        """
        clusters, groups = self.unit_numbers, self.groups
        units, strata = clusters.copy(), self.tree.strata[clusters]
        left = sums_by(strata, (self.weights != 1.0).astype(np.float64), self._strata) > 0
        counts = left[strata]
        certain = self._is_certain[clusters]
        whole, drawn = self._inside
        by_group = certain & ((drawn < whole) | self._has_ultimate_groups)[clusters]
        by_row = certain & ~by_group
        units[by_group] = self._width + groups[by_group]
        strata[by_group] = self._strata + clusters[by_group]
        counts[by_group] = True
        first = self._width + len(self.group_rows)
        units[by_row] = first + np.flatnonzero(by_row)
        strata[by_row] = self._strata + self._width + groups[by_row]
        counts[by_row] = (self.group_drawn < self.group_rows)[groups[by_row]]
        return units, strata, counts

    def domain_degrees(self, rows: Ints, domains: Ints, count: int) -> Ints:
        left = self._degree_units[2][rows]
        return self._units_less_strata(rows[left], domains[left], count)

    def whole_degrees(self, rows: Ints, domains: Ints, count: int) -> Ints:
        whole = ~self._degree_units[2][rows]
        return self._units_less_strata(rows[whole], domains[whole], count)

    def _units_less_strata(self, rows: Ints, domains: Ints, count: int) -> Ints:
        units, strata, _ = self._degree_units
        # A stratum with a unit of the domain has one or more.
        return groups_in(units[rows], domains, count) - groups_in(strata[rows], domains, count)

    def variance(
        self, rows: Ints, domains: Ints, t: Floats, count: int, rules: VarianceRequest
    ) -> Floats:
        if self.has_one_unit:
            return np.full(count, np.nan)
        first = self._first_layer.variances(rows, domains, t, count)
        if self.lonely.any():
            first = self._with_lonely(first, rows, domains, t, count, rules)
        return first + self._later_variance(rows, domains, t, count)

    def _later_variance(self, rows: Ints, domains: Ints, t: Floats, count: int) -> Floats:
        """That of the stages inside the clusters."""
        stages = [layer.variances(rows, domains, t, count) for layer in self.layers[1:]]
        return np.asarray(sum(stages), dtype=np.float64)

    def _with_lonely(
        self,
        first: Floats,
        rows: Ints,
        domains: Ints,
        t: Floats,
        count: int,
        rules: VarianceRequest,
    ) -> Floats:
        """The first stage's variance, with a substitute for the lonely strata and clusters."""
        if rules.lonely_stratum == "fail":
            self.refuse_lonely()
        if rules.lonely_stratum == "average":
            return self._averaged(first, rows, domains, t, count)
        means = sums_by(domains, t, count) / self.clusters[0]
        # Of the clusters alone in their strata those with rows of a domain; others have t = 0.
        clusters, shares = self.unit_numbers[rows], self._lonely_shares
        alone = shares[clusters] > 0
        cells, places = np.unique(
            domains[alone] * self._width + clusters[alone], return_inverse=True
        )
        totals = sums_by(places, t[alone], len(cells))
        own, of_cells = cells // self._width, shares[cells % self._width]
        inside = sums_by(own, of_cells * (totals - means[own]) ** 2, count)
        outside = shares.sum() - sums_by(own, of_cells, count)
        adjusted: Floats = first + inside + np.maximum(outside, 0.0) * means**2
        return adjusted

    def _averaged(self, first: Floats, rows: Ints, domains: Ints, t: Floats, count: int) -> Floats:
        """The first stage's variance, with the mean of the other strata for the lonely ones."""
        chance = int(((self._chance_clusters > self._chance_drawn) | self._is_ultimate).sum())
        own = np.zeros(count)
        if self._lonely_clusters.any():
            # Clusters that are strata of their own are then among those that the mean is of.
            part = self.group_drawn < self.group_rows
            chance += len(np.unique(self.tree.clusters[part & self._is_own_of_groups]))
            inside = (self._is_own_stratum & ~self._lonely_clusters)[self.unit_numbers[rows]]
            own = self._later_variance(rows[inside], domains[inside], t[inside], count)
        others = chance - int(self.lonely.sum())
        if not others:
            return np.full(count, np.nan)
        return first + (first + own) * (chance / others - 1.0)

    @property
    def _is_own_of_groups(self) -> Booleans:
        """The groups of drawn clusters that are strata of their own."""
        found: Booleans = (self._is_own_stratum & self._is_drawn)[self.tree.clusters]
        return found

    @property
    def _lonely_shares(self) -> Floats:
        """What is left to chance of the lonely strata and clusters, by cluster; 0 of others.

        1 - π of the one cluster, subcluster or row; 1 where the stages inside it have no variance.
        """
        alone = self._is_drawn & ~self._is_own_stratum & self._lonely_strata[self.tree.strata]
        left = np.where(self._ultimate_stages == 1, 1.0, 1.0 - self.tree.chances)
        shares = np.where(alone, left, 0.0)
        whole = self._inside[0].astype(np.float64)
        of_drawn = sums_by(
            self.tree.clusters, np.where(self.group_drawn > 0, self.group_rows, 0.0), self._width
        )
        of_rows = 1.0 - 1.0 / np.maximum(of_drawn, 1.0)
        of_groups = np.where(self._has_single_row, 1.0, 1.0 - 1.0 / np.maximum(whole, 1.0))
        inside: Floats = np.where(whole > 1, of_groups, of_rows)
        return np.where(self._lonely_clusters, inside, shares)

    def refuse_lonely(self) -> None:
        """Raise LonelyStratum if a stratum, or a cluster that is one, has one drawn unit."""
        inside = np.flatnonzero(self._lonely_clusters)
        if len(inside):
            raise LonelyStratum(
                "{count} {count|cluster was|clusters were} drawn with certainty and gave one row "
                "or subcluster of several, which gives no variance: {names}. Draw at least two of "
                "each cluster, or choose `lonely_stratum` adjust or average.",
                count=len(inside),
                names=self._names_of(inside),
            )
        lonely = int(self._lonely_strata.sum())
        if lonely:
            raise LonelyStratum(
                "{count} {count|stratum has|strata have} one drawn cluster of several, which gives "
                "no variance: draw at least two clusters of each stratum, or choose "
                "`lonely_stratum` adjust or average.",
                count=lonely,
            )

    def both_drawn(self, rows: RowsOfPairs, p: Floats, first: Ints, second: Ints) -> Floats:
        """Exact for clusters with equal chances; by size Hájek's approximation, as for rows."""
        tree, whole = self.tree, self._inside[0]
        of_cluster, of_group = tree.chances, tree.inside
        groups, others = rows.groups[first], rows.groups[second]
        one, other = tree.clusters[groups], tree.clusters[others]
        k = np.rint(of_group[groups] * whole[one]).astype(np.int64)
        inside_first = p[first] / np.maximum(of_cluster[one], 1e-300)
        inside_second = p[second] / np.maximum(of_cluster[other], 1e-300)
        taken = np.rint(inside_first / of_group[groups] * self.group_rows[groups]).astype(np.int64)
        in_group = of_cluster[one] * of_group[groups] * both_of(taken, self.group_rows[groups])
        of_rows = (inside_first / of_group[groups]) * (inside_second / of_group[others])
        in_cluster = of_cluster[one] * both_of(k, whole[one]) * of_rows
        apart = self._both_clusters(one, other) * inside_first * inside_second
        return np.where(groups == others, in_group, np.where(one == other, in_cluster, apart))

    def _both_clusters(self, one: Ints, other: Ints) -> Floats:
        """The joint probability of pairs of different clusters."""
        strata, chances = self.tree.strata, self.tree.chances
        stratum = strata[one]
        both: Floats = chances[one] * chances[other]
        if self.tree.by_size:
            d = sums_by(strata, np.where(self._is_drawn, 1.0 - chances, 0.0), self._strata)[stratum]
            lost = (1.0 - chances[one]) * (1.0 - chances[other])
            with np.errstate(divide="ignore", invalid="ignore"):
                inside = np.where(d > 0, np.maximum(both * (1.0 - lost / d), 0.0), both)
        else:
            inside = both_of(self._chance_drawn, self._chance_clusters)[stratum]
        return np.where(stratum == strata[other], inside, both)

    def notes(self, rules: VarianceRequest, chance: Design | None = None) -> list[str]:
        notes = ["Rows of one cluster were drawn together, so the clusters set the margin."]
        if self.tree.by_size:
            certain = int((self._is_certain & self._is_drawn).sum())
            formula = (
                "by their probabilities"
                if self._is_ultimate.all()
                else "Brewer's approximation from their probabilities"
            )
            notes.append(
                f"Clusters were drawn by size; the variance between them is {formula}. Clusters "
                f"drawn with certainty ({certain:,}) have no part in it."
            )
        if self.uncovered_rows:
            rows = counted(self.uncovered_rows, "row")
            notes.append(
                f"Clusters with {rows} have no size, so they couldn't be drawn and aren't covered."
            )
        lonely = int(self._lonely_clusters.sum())
        if lonely and not self.has_one_unit:
            notes.append(
                f"{counted(lonely, 'cluster')} drawn with certainty gave one row or subcluster of "
                f"several; the variance is a substitute ({rules.lonely_stratum})."
            )
        lonely = int(self._lonely_strata.sum())
        if lonely and not self.has_one_unit:
            notes.append(
                f"{counted(lonely, 'stratum has', 'strata have')} one drawn cluster of several; "
                f"the variance is a substitute ({rules.lonely_stratum})."
            )
        return notes + ([self.single_unit_note] if self.single_unit_note else [])

    @property
    def single_unit_note(self) -> str | None:
        if self.has_one_unit:
            return None
        stages = self._ultimate_stages
        in_strata = self._strata > 1 or bool(self._is_certain.any())
        is_first = bool((stages == 1).any())
        single = int((self._is_single & (stages > 0)).sum())
        if not single:
            return None
        whole, drawn = self._inside
        by_group = bool(((drawn == 1) & (whole > 1) & (stages == 1)).any())
        by_row = bool((self._has_single_row & (stages > 0)).any())
        part = "subcluster or row" if by_group and by_row else "subcluster" if by_group else "row"
        if self.has_subclusters and not by_group:
            part = "row of a subcluster"
        units = "clusters" if is_first else "subclusters"
        return single_unit_note(single, "cluster", part, units, in_strata=in_strata)

    def with_names(self, name_of: Callable[[int], str]) -> Self:
        """The design with the names of its lonely clusters, by a group of each."""
        clusters = np.flatnonzero(self._lonely_clusters)[:MAX_NAMED].tolist()
        first = {at: int(np.flatnonzero(self.tree.clusters == at)[0]) for at in clusters}
        names = {at: name_of(group) for at, group in first.items()}
        return replace(self, tree=replace(self.tree, names=names)) if names else self

    def _names_of(self, clusters: Ints) -> str:
        """The first of some clusters."""
        names = [self.tree.names.get(at, f"number {at}") for at in clusters[:MAX_NAMED].tolist()]
        more = len(clusters) - len(names)
        return ", ".join(names) + (f" and {more:,} more" if more else "")

    def code(self, sizes: Sizes) -> DesignCode:
        whole, drawn = self._inside
        listed, ultimate = [], self._ultimate_stages
        # A cluster that was drawn with certainty is a stratum of its own.
        strata = np.where(self._is_certain, self._strata + np.arange(self._width), self.tree.strata)
        for label, group in zip(sizes, self.listed_groups.tolist(), strict=True):
            cluster = int(self.tree.clusters[group])
            stratum = int(self.tree.strata[cluster])
            certain = bool(self._is_certain[cluster])
            listed.append(
                GroupOfCode(
                    label,
                    int(strata[cluster]),
                    cluster,
                    1 if certain else int(self._chance_clusters[stratum]),
                    1 if certain else int(self._chance_drawn[stratum]),
                    float(self.tree.chances[cluster]),
                    certain,
                    int(whole[cluster]),
                    int(drawn[cluster]),
                    int(self.group_rows[group]),
                    int(self.group_drawn[group]),
                    int(ultimate[cluster]),
                )
            )
        return design_code(
            listed,
            by_size=self.tree.by_size,
            has_subclusters=self.has_subclusters,
            is_lonely=bool(self.lonely.any()),
        )
