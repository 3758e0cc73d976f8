"""Two rounds or two draws by one seed, for many seeds at once.

The orders, the seeds and the grids are the engine's own; only "take the first rows" is done for all
seeds in one array. A test holds the result against draws that DuckDB makes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from contract.requests.draw import DRAW_VERSION, FIRST_DRAW_VERSION
from sampling_engine import (
    ClusterMethod,
    Method,
    RandomMethod,
    Round,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
)
from sampling_engine.methods.systematic import Grid, ordinals_at
from sampling_engine.selection.order import Int64s, seed_for
from service.sampling_parameters import draw_digest
from tests.sampling_engine.orders_by_seed import ranks_by_seed

ROWS = 48
IDS = np.arange(ROWS)
STRATA = np.where(IDS < 30, 0, np.where(IDS < 42, 1, 2))
CLUSTERS = IDS // 6
SIZES = 1 + IDS % 3
VALUES = 10.0 + IDS + IDS * 29 % 48
COLUMNS = {
    "id": ("BIGINT", IDS.tolist()),
    "stratum": ("BIGINT", STRATA.tolist()),
    "block": ("BIGINT", CLUSTERS.tolist()),
    "size": ("BIGINT", SIZES.tolist()),
}

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
RowCondition = Callable[[Int64s], Bools]


@dataclass(frozen=True)
class Selected:
    """One round for every seed: arrays of shape (seeds, rows)."""

    eligible: Bools
    drawn: Bools
    probabilities: Floats
    is_random: bool
    """Whether all sets of so many eligible rows are equally likely."""


@dataclass(frozen=True)
class Design:
    """Two selections, the second in the same draw, from the first's sample, or its residual."""

    first: Method
    second: Method
    source: str = "table"
    first_filter: str | None = None
    second_filter: str | None = None


RANDOM = RandomMethod(sample_size=10)
DESIGNS = {
    "random, weighted": Design(
        RandomMethod(sample_size=12), WeightedMethod(sample_size=8, weight_column="size")
    ),
    "stratified, random": Design(
        StratifiedMethod(strata_columns=("stratum",), samples_per_stratum=4), RANDOM
    ),
    "random with two filters": Design(
        RANDOM, RANDOM, first_filter="id < 24", second_filter="id >= 12"
    ),
    "systematic twice": Design(SystematicMethod(sample_size=6), SystematicMethod(sample_size=6)),
    "cluster, random": Design(
        ClusterMethod(cluster_column="block", num_clusters=4, samples_per_cluster=3), RANDOM
    ),
    "sample of a sample": Design(
        RandomMethod(sample_size=24), RandomMethod(sample_size=3), "sample"
    ),
    "sample of a residual": Design(RANDOM, RANDOM, "residual", first_filter="id < 24"),
}
FILTERS = {None: IDS >= 0, "id < 24": IDS < 24, "id >= 12": IDS >= 12}


def rounds_of(design: Design, seed: int, version: int) -> tuple[Round, Round]:
    """The two rounds without their filters, as they are given to the engine."""
    first = Round(round_number=1, method=design.first, seed=seed, draw_version=version)
    if design.source == "table":
        return first, Round(round_number=2, method=design.second, seed=seed, draw_version=version)
    given = {"sample_size": design.first.sample_size, "seed": seed}  # type: ignore[union-attr]
    filters = None if design.first_filter is None else {"expression": design.first_filter}
    parameters = {
        "rounds": [
            {"round_number": 1, "method": "random", "parameters": given, "filters": filters}
        ],
        "draw_version": version,
    }
    return first, Round(
        round_number=1,
        method=design.second,
        seed=seed,
        draw_version=version,
        source_draw=draw_digest(parameters, ROWS),
    )


def select_both(design: Design, seeds: Sequence[int], version: int) -> tuple[Selected, Selected]:
    """Both selections for all seeds."""
    rounds = [rounds_of(design, seed, version) for seed in seeds]
    texts = [tuple(pair[at].effective_seed for pair in rounds) for at in (0, 1)]
    everything = np.ones((len(seeds), ROWS), dtype=bool)
    first = select(design.first, texts[0], everything & FILTERS[design.first_filter], version)
    if design.source == "sample":
        return first, _of_sample(design.second, texts[0], texts[1], first)
    left = ~first.drawn & FILTERS[design.second_filter]
    return first, select(design.second, texts[1], left, version)


def select(
    method: Method, seeds: tuple[str, ...], eligible: Bools, version: int = DRAW_VERSION
) -> Selected:
    """One round's rows among the eligible ones of a table of 48 rows."""
    if isinstance(method, SystematicMethod):
        return _systematic(method, seeds, eligible)
    ranks = ranks_of(seeds, ROWS)
    counts = eligible.sum(axis=1, keepdims=True)
    if isinstance(method, RandomMethod):
        size = method.sample_size or 0
        drawn = _first(ranks, eligible, size)
        return Selected(eligible, drawn, np.where(eligible, size / counts, 0.0), is_random=True)
    if isinstance(method, StratifiedMethod):
        drawn, probabilities = _of_groups(ranks, eligible, STRATA, method.samples_per_stratum or 0)
        return Selected(eligible, drawn, probabilities, is_random=False)
    if isinstance(method, ClusterMethod):
        number = int(CLUSTERS.max()) + 1
        orders = ranks_of(tuple(seed_for(seed, "clusters") for seed in seeds), number)
        taken = _first(orders, np.ones_like(orders, dtype=bool), method.num_clusters)
        each = method.samples_per_cluster or ROWS // number
        drawn, within = _of_groups(ranks, eligible, CLUSTERS, each)
        share = method.num_clusters / number
        return Selected(eligible, drawn & taken[:, CLUSTERS], within * share, is_random=False)
    return _weighted(method, seeds, eligible, version)


@lru_cache(maxsize=8)
def ranks_of(seeds: tuple[str, ...], rows: int, width: int | None = None) -> Int64s:
    """Every row's rank, shape (seeds, rows)."""
    return ranks_by_seed(rows, seeds, width)


def _first(keys: Int64s | Floats, eligible: Bools, size: int) -> Bools:
    """The eligible rows with the smallest keys of each seed."""
    keyed = np.where(eligible, keys, np.inf)
    chosen = np.argpartition(keyed, size - 1, axis=1)[:, :size]
    drawn = np.zeros(eligible.shape, dtype=bool)
    np.put_along_axis(drawn, chosen, values=True, axis=1)
    return drawn


def _of_groups(ranks: Int64s, eligible: Bools, groups: Int64s, size: int) -> tuple[Bools, Floats]:
    drawn = np.zeros(eligible.shape, dtype=bool)
    probabilities = np.zeros(eligible.shape)
    for group in range(int(groups.max()) + 1):
        there = eligible & (groups == group)
        drawn |= _first(ranks, there, size)
        share = size / there.sum(axis=1, keepdims=True)
        probabilities += np.where(there, share, 0.0)
    return drawn, probabilities


def _systematic(method: SystematicMethod, seeds: tuple[str, ...], eligible: Bools) -> Selected:
    counts = eligible.sum(axis=1)
    assert (counts == counts[0]).all()
    drawn = np.zeros(eligible.shape, dtype=bool)
    for at, grid in enumerate(_grids(method, seeds, int(counts[0]))):
        drawn[at, ordinals_at(grid.places(), np.flatnonzero(~eligible[at]))] = True
    share = (method.sample_size or counts[:, None] / (method.interval or 1)) / counts[:, None]
    return Selected(eligible, drawn, np.where(eligible, share, 0.0), is_random=False)


def _grids(method: SystematicMethod, seeds: tuple[str, ...], rows: int) -> list[Grid]:
    """The grid of each seed; it starts at the place with the lowest rank."""
    of_starts = tuple(seed_for(seed, "start") for seed in seeds)
    firsts = ranks_by_seed(method.interval or rows, of_starts).argmin(axis=1).tolist()
    if method.interval:
        grids = [Grid.of(replace(method, start=first + 1), 0, rows) for first in firsts]
    else:
        grid = Grid.of(method, seeds[0], rows)
        grids = [replace(grid, first=first) for first in firsts]
    assert grids[:3] == [Grid.of(method, seed, rows) for seed in seeds[:3]]
    return grids


def _weighted(
    method: WeightedMethod, seeds: tuple[str, ...], eligible: Bools, version: int
) -> Selected:
    totals = (eligible * SIZES).sum(axis=1, keepdims=True)
    targets = np.where(eligible, method.sample_size * SIZES / totals, 0.5)
    assert targets.max() < 1
    width = 16 if version == FIRST_DRAW_VERSION else 62
    u = (ranks_of(seeds, ROWS, width) + 0.5) / 2.0**width
    keys = u / (1 - u) * (1 - targets) / targets
    drawn = _first(keys, eligible, method.sample_size)
    return Selected(eligible, drawn, np.where(eligible, targets, 0.0), is_random=False)


def _of_sample(
    method: Method, first_seeds: tuple[str, ...], seeds: tuple[str, ...], first: Selected
) -> Selected:
    """A random sample of the first one, whose rows stand in order of rank."""
    assert isinstance(method, RandomMethod)
    rows = int(first.drawn[0].sum())
    size = method.sample_size or 0
    in_order = np.argsort(ranks_of(first_seeds, ROWS), axis=1)[:, :rows]
    ranks = np.zeros(first.drawn.shape, dtype=np.int64)
    np.put_along_axis(ranks, in_order, ranks_of(seeds, rows), axis=1)
    drawn = _first(ranks, first.drawn, size)
    return Selected(first.drawn, drawn, np.where(first.drawn, size / rows, 0.0), is_random=True)
