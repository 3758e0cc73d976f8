"""Samples of clusters, in one stage or in two."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import numpy as np

from contract.requests.estimate import VarianceRequest
from estimation_engine.arrays import Booleans, Floats, Ints
from estimation_engine.designs.cluster_stages import ClusterStagesDesign
from estimation_engine.designs.code import (
    DesignCode,
    Sizes,
    python_sizes,
    r_lonely,
    r_sizes,
    sas_sizes,
    stata_lonely,
    stata_sizes,
)
from estimation_engine.designs.design import Design, DrawnRows, RowsOfPairs
from estimation_engine.designs.random import both_of
from estimation_engine.designs.stages import (
    Layer,
    groups_in,
    simple_factors,
    simple_layer,
    single_unit_note,
)
from lazy_dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class ClusterDesign(Design):
    """Simple random clusters, and in each a simple random sample or all rows.

    ``all_clusters`` is M, the clusters with rows. The second stage is there where a cluster gave
    some rows only.
    """

    all_clusters: int

    method: ClassVar = "cluster"
    group_kind: ClassVar = "clusters"

    @classmethod
    def of_draw(cls, drawn: DrawnRows) -> Design:
        if drawn.stages is not None:
            return ClusterStagesDesign.of_draw(drawn)
        rows = drawn.group_rows
        return cluster_design(drawn.groups, rows, int((rows > 0).sum()), int(rows.sum()))

    @property
    def clusters(self) -> tuple[int, int]:
        return int((self.group_drawn > 0).sum()), self.all_clusters

    @property
    def unit_numbers(self) -> Ints:
        return self.groups

    @property
    def listed_groups(self) -> Ints:
        return np.flatnonzero(self.group_drawn > 0)

    @property
    def layers(self) -> list[Layer]:
        """The clusters, and the rows inside them, unless a cluster gave one row of several."""
        drawn_clusters, all_clusters = self.clusters
        drawn = self.group_drawn.astype(np.float64)
        none = np.zeros(len(self.group_rows), dtype=np.int64)
        fraction = 0.0 if self._is_single.any() else self.fraction
        first = simple_layer(float(drawn_clusters), fraction, none)
        in_sample = (self.group_drawn > 0).astype(np.float64)
        clusters = Layer(none, in_sample, first.whole, first.factors, self.groups)
        if self._is_single.any():
            return [clusters]
        factors = simple_factors(drawn, self.group_rows) * (drawn_clusters / all_clusters)
        return [clusters, Layer(self.groups, None, drawn, factors)]

    @cached_property
    def _is_single(self) -> Booleans:
        """The clusters that gave one row of several."""
        single: Booleans = (self.group_drawn == 1) & (self.group_rows > 1)
        return single

    @property
    def has_one_unit(self) -> bool:
        return self.units < 2 and (self.fraction < 1 or bool(self._is_single.any()))

    @property
    def single_unit_note(self) -> str | None:
        single = int(self._is_single.sum())
        if not single or self.has_one_unit:
            return None
        return single_unit_note(single, "cluster", "row", "clusters", in_strata=False)

    def domain_degrees(self, rows: Ints, domains: Ints, count: int) -> Ints:
        return np.maximum(groups_in(self.groups[rows], domains, count) - 1, 0)

    def both_drawn(self, rows: RowsOfPairs, p: Floats, first: Ints, second: Ints) -> Floats:
        drawn, clusters = self.clusters
        of_first = drawn / clusters
        groups = rows.groups[first]
        sizes = self.group_rows[groups]
        taken = np.rint(p[first] / of_first * sizes).astype(np.int64)
        inside = of_first * both_of(taken, sizes)
        between = 0.0 if clusters < 2 else drawn * (drawn - 1) / (clusters * (clusters - 1))
        apart = between * (p[first] / of_first) * (p[second] / of_first)
        return np.where(groups == rows.groups[second], inside, apart)

    def notes(self, rules: VarianceRequest, chance: Design | None = None) -> list[str]:
        notes = ["Rows of one cluster were drawn together, so the clusters set the margin."]
        return notes + ([self.single_unit_note] if self.single_unit_note else [])

    def code(self, sizes: Sizes) -> DesignCode:
        drawn, clusters = self.clusters
        lonely, is_ultimate = self.has_one_unit, bool(self._is_single.any())
        stages = "ids = ~cluster + row, weights = ~w, fpc = ~clusters + rows"
        of_rows = "fpc(_clusters) || _n, fpc(_rows)"
        limit = (
            "SAS takes the first stage alone: with some rows of a cluster its errors are a little"
        )
        total, whole = f" total={clusters}", f"/* {limit} smaller. */\n"
        between, inside = str(clusters), f" + {drawn} / {clusters} * inside"
        sums = """
    inside = np.nansum([spread(t[cluster == i], N_I[i]) for i in N_I])  # 0 of a single row"""
        if is_ultimate and drawn > 1:
            stages, of_rows = "ids = ~cluster, weights = ~w", ""
            total, whole, between, inside, sums = "", "", "np.inf", "", ""
        return DesignCode(
            r=f"""{r_sizes("N_i", sizes)}d$cluster <- s[["_stratum"]]
d$clusters <- {clusters}
d$rows <- N_i[d$cluster]
stopifnot(!anyNA(d$rows))
d$w <- {clusters} / {drawn} * d$rows / ave(d$row, d$cluster, FUN = length)
{r_lonely(fails=lonely)}design <- svydesign({stages},
  data = d, variables = s)
""",
            stata=f"""{stata_sizes(sizes)}\
generate double _w = {clusters} / {drawn} * _rows / _drawn
generate double _clusters = {clusters}
egen _cluster_number = group(_stratum)
""",
            stata_units=f"_cluster_number [pweight = _w], {of_rows}".rstrip(", ")
            + stata_lonely(fails=lonely or not of_rows),
            sas=f"""{sas_sizes(sizes)}proc sql;
  create table d2 as select *, count(*) as _drawn from d group by _stratum;
quit;
data d; set d2; _w = {clusters} / {drawn} * _rows / _drawn; run;
{whole}""",
            sas_options=total,
            sas_units="cluster _stratum; ",
            python=f"""{python_sizes("N_I", sizes)}\
cluster = np.array([row["_stratum"] for row in rows])
drawn = {{i: int((cluster == i).sum()) for i in N_I}}
w = np.array([{clusters} / {drawn} * N_I[i] / drawn[i] for i in cluster])


def degrees(has_value):
    return max(len(set(cluster[has_value])) - 1, 0)


def variance(t):
    totals = np.array([t[cluster == i].sum() for i in N_I]){sums}
    return spread(totals, {between}){inside}
""",
        )


def cluster_design(clusters: Ints, rows: Ints, all_clusters: int, population: int) -> ClusterDesign:
    """Simple random clusters, and in each a simple random sample or all rows.

    ``rows`` are the rows of the clusters, shape (clusters,).
    """
    drawn = np.bincount(clusters, minlength=len(rows))
    taken = int((drawn > 0).sum())
    weights = np.zeros(len(clusters))
    if len(clusters):
        weights = rows[clusters] / drawn[clusters] * (all_clusters / taken)
    return ClusterDesign(weights, population, clusters, rows, drawn, all_clusters)
