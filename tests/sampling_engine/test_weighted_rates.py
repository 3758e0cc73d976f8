"""Weighted draws over many seeds: rows are drawn as often as their stated probabilities say.

Seeds are fixed, so a test either always passes or never. The draws are made for all seeds at once
from the definition of the keys; a test holds them against draws that DuckDB makes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2

from contract.requests.draw import DRAW_VERSION, FIRST_DRAW_VERSION
from sampling_engine import Round, SeededOrder, WeightedMethod
from sampling_engine.methods.weighted.inclusion import SizeGroups, ratios_to_targets
from sampling_engine.selection.order import Int64s
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.orders_by_seed import ranks_by_seed

SEEDS = 20_000
LEVEL = 0.001
MAX_COUNT = 4.0
"""Standard errors."""

Floats = NDArray[np.float64]

SKEWED = np.ceil(1_000 * np.exp(1.1 * np.linspace(-1.9, 1.9, 120))).astype(np.int64).tolist()
POPULATIONS: dict[str, tuple[list[int], int]] = {
    "ten large and thirty small": ([100] * 10 + [1] * 30, 10),
    "a hundred large and a thousand small": ([10_000] * 100 + [1] * 1_000, 100),
    "one of three": ([3, 2, 1], 1),
    "all but one": ([11, 10, 10, 10, 9, 9], 5),
    "one just below certainty": ([990, *[1] * 10], 1),
    "skewed": (SKEWED, 25),
}
UNLIKE_THEIR_TARGETS = list(POPULATIONS)[:2]


@lru_cache(maxsize=2)
def uniforms(seeds: int, rows: int, width: int) -> Floats:
    """(rank + 1/2) / 2^width of every row, shape (seeds, rows)."""
    parts = (range(first, min(first + 2_000, seeds)) for first in range(0, seeds, 2_000))
    ranks = np.concatenate([ranks_by_seed(rows, part, width) for part in parts])
    return (ranks + 0.5) / 2.0**width


def targets_of(sizes: Int64s, count: int) -> Floats:
    targets = count * sizes / sizes.sum()
    assert targets.max() < 1
    return targets


def draw_all(sizes: Int64s, count: int, seeds: int, width: int) -> NDArray[np.bool_]:
    """Which rows each seed draws, shape (seeds, rows)."""
    u = uniforms(seeds, 120 if len(sizes) <= 120 else len(sizes), width)[:, : len(sizes)]
    targets = targets_of(sizes, count)
    drawn = np.zeros(u.shape, dtype=bool)
    for first in range(0, seeds, 2_000):
        part = u[first : first + 2_000]
        keys = part / (1 - part) * (1 - targets) / targets
        chosen = np.argpartition(keys, count - 1, axis=1)[:, :count]
        np.put_along_axis(drawn[first : first + 2_000], chosen, values=True, axis=1)
    return drawn


def stated_of(sizes: Int64s, count: int) -> Floats:
    """What the engine states of each row."""
    targets = targets_of(sizes, count)
    distinct, places, rows = np.unique(sizes, return_inverse=True, return_counts=True)
    log_odds = np.log(count * distinct) - np.log(sizes.sum() - count * distinct)
    groups = SizeGroups(count, rows.astype(np.float64), log_odds)
    return targets * ratios_to_targets(groups, log_odds)[places]


def deviations(drawn: NDArray[np.bool_], stated: Floats, sizes: Int64s) -> tuple[float, float]:
    """Of the smallest rows' number and of the Horvitz-Thompson total, in standard errors."""
    smallest = sizes == sizes.min()
    counts = drawn[:, smallest].sum(axis=1) - stated[smallest].sum()
    values = 10.0 + np.arange(len(sizes)) * 29 % 48
    totals = drawn @ (values / stated) - values.sum()
    first, second = (
        float(errors.mean() / (errors.std(ddof=1) / np.sqrt(len(errors))))
        for errors in (counts, totals)
    )
    return first, second


@pytest.mark.parametrize("name", POPULATIONS)
def test_rows_are_drawn_as_often_as_stated(name: str) -> None:
    sizes, count = np.array(POPULATIONS[name][0]), POPULATIONS[name][1]
    drawn, stated = draw_all(sizes, count, SEEDS, 62), stated_of(sizes, count)
    spread = np.sqrt(SEEDS * stated * (1 - stated))
    z = (drawn.sum(axis=0) - SEEDS * stated) / spread
    # Some of a thousand rows are beyond 4 standard errors by chance.
    assert abs(z).max() < MAX_COUNT + (len(sizes) > 200)
    freedom = len(sizes) - 1
    assert chi2.sf((z**2).sum() * freedom / len(sizes), freedom) > LEVEL
    smallest, total = deviations(drawn, stated, sizes)
    assert abs(smallest) < MAX_COUNT
    assert abs(total) < MAX_COUNT


@pytest.mark.parametrize("name", UNLIKE_THEIR_TARGETS)
def test_the_targets_are_not_the_probabilities(name: str) -> None:
    sizes, count = np.array(POPULATIONS[name][0]), POPULATIONS[name][1]
    drawn = draw_all(sizes, count, SEEDS, 62)
    smallest, total = deviations(drawn, targets_of(sizes, count), sizes)
    assert smallest < -MAX_COUNT
    assert total < -MAX_COUNT


@pytest.mark.parametrize(("width", "low", "high"), [(62, 50, 120), (16, 0, 10)])
def test_small_probabilities_need_62_bits(width: int, low: int, high: int) -> None:
    """Of 60,000 rows every other has a probability of 1/436,920: 82 are expected in 600 draws.

    The 16 bits of the table's own order know no probability below 1/131,072.
    """
    rows, small = 60_000, 0
    sizes = np.where(np.arange(rows) % 2, 7_182, 100)
    targets = targets_of(sizes, 10)
    for seed in range(600):
        u = (SeededOrder(rows, seed, width).rank(np.arange(rows)) + 0.5) / 2.0**width
        chosen = np.argpartition(u / (1 - u) * (1 - targets) / targets, 9)[:10]
        small += int((sizes[chosen] == 100).sum())
    assert low < small < high


@pytest.mark.parametrize("name", POPULATIONS)
def test_the_engine_draws_and_states_the_same(workshop: Workshop, name: str) -> None:
    sizes, count = np.array(POPULATIONS[name][0]), POPULATIONS[name][1]
    table = workshop.table({"w": ("BIGINT", sizes.tolist())}, splits=[2])
    method = WeightedMethod(sample_size=count, weight_column="w")
    drawn, stated = draw_all(sizes, count, 4, 62), stated_of(sizes, count)
    for seed in range(4):
        one = Round(round_number=1, method=method, seed=seed)
        for strategy in ("walk", "scan"):
            sample = workshop.draw(table, one, strategy=strategy)
            ordinals = workshop.ordinals(sample)
            assert sorted(ordinals) == np.flatnonzero(drawn[seed]).tolist()
            columns = "_inclusion_probability, _design_weight"
            rows = np.array(workshop.rows(sample.table, columns), dtype=float)
            assert rows[:, 0] == pytest.approx(stated[ordinals], rel=1e-5)
            assert rows[:, 1] == pytest.approx(1 / rows[:, 0], rel=1e-14)


def test_the_first_draw_version_is_replayed(workshop: Workshop) -> None:
    sizes, count = np.array(SKEWED), 25
    table = workshop.table({"w": ("BIGINT", SKEWED)}, splits=[50])
    method = WeightedMethod(sample_size=count, weight_column="w")
    for seed in range(3):
        one = Round(round_number=1, method=method, seed=seed, draw_version=FIRST_DRAW_VERSION)
        u = (SeededOrder(120, seed).rank(np.arange(120)) + 0.5) / 2.0**16
        p = targets_of(sizes, count)
        expected = np.argsort(u / (1 - u) * (1 - p) / p)[:count].tolist()
        for strategy in ("walk", "scan"):
            sample = workshop.draw(table, one, strategy=strategy)
            assert workshop.ordinals(sample) == expected
            stated = workshop.rows(sample.table, "_inclusion_probability")
            assert [row[0] for row in stated] == pytest.approx(p[expected], rel=1e-15)
    assert DRAW_VERSION != FIRST_DRAW_VERSION
