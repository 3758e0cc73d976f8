"""Every row, pair and subset is as likely as it should be; seeds are fixed, so are the verdicts.

The null hypothesis is the design itself. With fixed seeds a test either always passes or never; the
level of 0.001 is for whoever changes the seeds.
"""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, chisquare

from parquet_tables.progress import ignore_progress
from parquet_tables.tables import Column
from sampling_engine import SeededOrder, SystematicMethod
from sampling_engine.methods.systematic import Grid
from sampling_engine.selection.order import Int64s, seed_for
from sampling_engine.selection.walk_and_scan import first_of_each, walk
from tests.sampling_engine.orders_by_seed import orders_by_seed

LEVEL = 0.001
SEEDS = 12_000


def inclusion_p_value(counts: Int64s, draws: int, rate: float) -> float:
    """Chi-square of inclusion counts under a fixed sample size of ``rate`` times the rows.

    Counts of a fixed-size sample are negatively correlated, which leaves rows - 1 degrees of
    freedom after scaling by the variance of a single count.
    """
    rows = len(counts)
    statistic = ((counts - draws * rate) ** 2).sum() / (draws * rate * (1 - rate))
    return float(chi2.sf(statistic * (rows - 1) / rows, rows - 1))


@pytest.mark.parametrize(("rows", "size"), [(20, 3), (50, 10), (200, 20)])
def test_every_row_is_drawn_equally_often(rows: int, size: int) -> None:
    drawn = orders_by_seed(rows, range(SEEDS // 2))[:, :size]
    counts = np.bincount(drawn.ravel(), minlength=rows)
    assert inclusion_p_value(counts, SEEDS // 2, size / rows) > LEVEL


def test_every_pair_is_drawn_equally_often() -> None:
    rows = 12
    counts = np.zeros((rows, rows), dtype=np.int64)
    drawn = np.sort(orders_by_seed(rows, range(SEEDS))[:, :2])
    np.add.at(counts, (drawn[:, 0], drawn[:, 1]), 1)
    assert chisquare(counts[np.triu_indices(rows, 1)]).pvalue > LEVEL


@pytest.mark.parametrize(("rows", "size"), [(6, 3), (7, 2), (8, 4)])
def test_every_subset_of_a_small_table_is_drawn_equally_often(rows: int, size: int) -> None:
    counts = dict.fromkeys(combinations(range(rows), size), 0)
    for drawn in np.sort(orders_by_seed(rows, range(SEEDS))[:, :size]).tolist():
        counts[tuple(drawn)] += 1
    assert chisquare(list(counts.values())).pvalue > LEVEL


def test_every_order_of_the_drawn_rows_is_equally_likely() -> None:
    counts = dict.fromkeys([(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)], 0)
    for order in np.argsort(orders_by_seed(9, range(SEEDS))[:, :3]).tolist():
        counts[tuple(order)] += 1
    assert chisquare(list(counts.values())).pvalue > LEVEL


def test_in_each_stratum_every_subset_is_drawn_equally_often_and_strata_are_independent() -> None:
    strata = np.array([0, 1, 0, 1, 0, 1, 0, 1, 1])
    targets = np.array([2, 2])
    subsets = [list(combinations(np.flatnonzero(strata == at).tolist(), 2)) for at in (0, 1)]
    counts = np.zeros((len(subsets[0]), len(subsets[1])), dtype=np.int64)
    for ordered in orders_by_seed(len(strata), range(SEEDS)):
        chosen = np.sort(ordered[first_of_each(strata[ordered], targets)])
        pair = [tuple(chosen[strata[chosen] == at].tolist()) for at in (0, 1)]
        counts[subsets[0].index(pair[0]), subsets[1].index(pair[1])] += 1
    # One cell for each pair of subsets: uniform in each stratum and independent, in one test.
    assert chisquare(counts.ravel()).pvalue > LEVEL


class Labels:
    """Strata that are known beforehand."""

    table_name = None
    columns: tuple[Column, ...] = ()
    row_filter = None

    def __init__(self, labels: Int64s) -> None:
        self._labels = labels
        self.rows = np.bincount(labels)

    def of(self, ordinals: Int64s, on_progress: object) -> Int64s:
        return self._labels[ordinals]

    def keys(self, numbers: Int64s) -> list[dict[str, str | None]]:
        return [{} for _ in numbers]

    def labels(self, numbers: Int64s) -> list[str | None]:
        return [None for _ in numbers]


def test_the_walk_itself_draws_every_row_of_a_stratum_equally_often() -> None:
    strata = Labels(np.array([0] * 30 + [1] * 10))
    targets = np.array([6, 5])
    counts = np.zeros(40, dtype=np.int64)
    draws, nobody = 600, np.empty(0, dtype=np.int64)
    for seed in range(draws):
        order = SeededOrder(40, f"walk {seed}")
        chosen = walk(order, strata, targets, strata.rows, nobody, ignore_progress)
        counts[chosen.ordinals] += 1
    assert inclusion_p_value(counts[:30], draws, 6 / 30) > LEVEL
    assert inclusion_p_value(counts[30:], draws, 5 / 10) > LEVEL


def test_a_later_round_is_a_random_sample_of_what_is_left() -> None:
    rows, size = 10, 2
    counts = dict.fromkeys(combinations(range(rows), size), 0)
    earlier = orders_by_seed(rows, range(SEEDS))[:, :3].tolist()
    orders = orders_by_seed(rows, range(SEEDS, 2 * SEEDS)).tolist()
    for taken, order in zip(earlier, orders, strict=True):
        left = [at for at in order if at not in taken]
        counts[tuple(sorted(left[:size]))] += 1
    assert chisquare(list(counts.values())).pvalue > LEVEL


def test_two_seeds_agree_in_as_many_rows_as_chance_has_it() -> None:
    rows, size, draws = 1_000, 100, 400
    first = [set(drawn) for drawn in orders_by_seed(rows, range(draws + 1))[:, :size].tolist()]
    shared = [len(one & two) for one, two in pairwise(first)]
    # Hypergeometric: mean 10, variance 100 * 0.1 * 0.9 * 900 / 999.
    spread = np.sqrt(100 * 0.1 * 0.9 * 900 / 999 / draws)
    assert abs(np.mean(shared) - 10) < 3.3 * spread


# --- systematic and cluster: the designs have few outcomes, so each is counted ---


@pytest.mark.parametrize(("rows", "method"), [(10, SystematicMethod(interval=4)), (11, None)])
def test_every_start_of_a_grid_is_drawn_equally_often(
    rows: int, method: SystematicMethod | None
) -> None:
    chosen = method or SystematicMethod(sample_size=4)
    starts = chosen.interval or rows
    counts = np.zeros(starts, dtype=np.int64)
    for seed in range(SEEDS // 4):
        counts[Grid.of(chosen, seed, rows).first] += 1
    assert chisquare(counts).pvalue > LEVEL


@given(rows=st.integers(1, 80), size=st.integers(1, 80))
def test_each_place_is_on_exactly_n_of_the_grids_of_a_systematic_size(rows: int, size: int) -> None:
    size = min(rows, size)
    counts = np.zeros(rows, dtype=np.int64)
    for first in range(rows):
        places = Grid(first, rows, size, size).places()
        assert len(set(places.tolist())) == size
        counts[places] += 1
    assert (counts == size).all()


def test_every_set_of_clusters_with_every_row_inside_is_drawn_equally_often() -> None:
    """Four clusters of three rows, two drawn, of each one row: 6 * 9 outcomes."""
    counts = dict.fromkeys(combinations(range(12), 2), 0)
    clusters = orders_by_seed(4, [seed_for(seed, "clusters") for seed in range(SEEDS)])[:, :2]
    for drawn, ordered in zip(clusters, orders_by_seed(12, range(SEEDS)), strict=True):
        first = [int(ordered[ordered // 3 == cluster][0]) for cluster in drawn]
        counts[tuple(sorted(first))] += 1
    possible = [count for (a, b), count in counts.items() if a // 3 != b // 3]
    assert sum(possible) == SEEDS
    assert chisquare(possible).pvalue > LEVEL
