"""One round over many seeds: rows and pairs are drawn as often as the design has it.

Seeds are fixed, so a test either always passes or never. The vectorized draws are those that
another test holds against DuckDB's.
"""

from __future__ import annotations

import numpy as np
import pytest

from sampling_engine import (
    ClusterMethod,
    Method,
    RandomMethod,
    StratifiedMethod,
    SystematicMethod,
)
from sampling_engine.methods.systematic import Grid
from tests.sampling_engine.designs_by_seed import CLUSTERS, ROWS, STRATA, VALUES, Floats, select

SEEDS = tuple(str(seed) for seed in range(8_000))
MAX_COUNT, MAX_OF_PAIRS = 4.0, 5.0
"""Standard errors; there are a thousand pairs, so that 4 would be met by chance."""

METHODS: dict[str, Method] = {
    "random": RandomMethod(sample_size=10),
    "stratified": StratifiedMethod(strata_columns=("stratum",), samples_per_stratum=4),
    "systematic interval": SystematicMethod(interval=7),
    "systematic size": SystematicMethod(sample_size=10),
    "cluster": ClusterMethod(cluster_column="block", num_clusters=3),
    "cluster in two stages": ClusterMethod(
        cluster_column="block", num_clusters=3, samples_per_cluster=2
    ),
}


def pairs_of(method: Method) -> Floats:
    """The probability that two rows are drawn together; on the diagonal, that one is."""
    if isinstance(method, SystematicMethod):
        starts = method.interval or ROWS
        parts = 1 if method.interval else method.sample_size or 0
        both = np.zeros((ROWS, ROWS))
        for first in range(starts):
            count = len(range(first, ROWS, starts)) if method.interval else parts
            drawn = Grid(first, starts, parts, count).places()
            both[np.ix_(drawn, drawn)] += 1 / starts
        return both
    if isinstance(method, ClusterMethod):
        return _of_clusters(method)
    groups = STRATA if isinstance(method, StratifiedMethod) else np.zeros(ROWS, dtype=np.int64)
    size = (
        method.samples_per_stratum
        if isinstance(method, StratifiedMethod)
        else getattr(method, "sample_size", None)
    )
    assert size is not None
    rows = np.bincount(groups)[groups]
    alone = size / rows
    together = alone * (size - 1) / (rows - 1)
    both = np.where(groups[:, None] == groups, together[:, None], np.outer(alone, alone))
    np.fill_diagonal(both, alone)
    return both


def _of_clusters(method: ClusterMethod) -> Floats:
    count, rows = int(CLUSTERS.max()) + 1, 6
    drawn, each = method.num_clusters, method.samples_per_cluster or rows
    one, two = drawn / count, drawn * (drawn - 1) / (count * (count - 1))
    within, pair = each / rows, each * (each - 1) / (rows * (rows - 1))
    both = np.where(CLUSTERS[:, None] == CLUSTERS, one * pair, two * within**2)
    np.fill_diagonal(both, one * within)
    return both


@pytest.mark.parametrize("name", METHODS)
def test_rows_and_pairs_are_drawn_at_their_rates(name: str) -> None:
    expected = pairs_of(METHODS[name])
    one = select(METHODS[name], SEEDS, np.ones((len(SEEDS), ROWS), dtype=bool))
    assert one.probabilities[0] == pytest.approx(np.diag(expected), rel=1e-12)
    drawn = one.drawn.astype(np.float64)
    counts = drawn.T @ drawn
    never = expected < 1e-9
    assert (counts[never] == 0).all()
    spread = np.sqrt(len(SEEDS) * expected * (1 - expected))
    z = (counts - len(SEEDS) * expected)[~never] / spread[~never]
    assert abs(z).max() < MAX_OF_PAIRS
    diagonal = np.diag(counts - len(SEEDS) * expected) / np.diag(spread)
    assert abs(diagonal).max() < MAX_COUNT
    totals = drawn @ (VALUES / np.diag(expected)) - VALUES.sum()
    assert abs(totals.mean()) < MAX_COUNT * totals.std(ddof=1) / np.sqrt(len(SEEDS))
