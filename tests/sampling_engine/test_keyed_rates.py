"""Rates of keyed draws over many seeds: the stated probabilities, and overlaps of moved starts."""

from __future__ import annotations

from fractions import Fraction
from math import pi, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parquet_tables.row_keys.canonical import digest_of_text, text_of_key
from parquet_tables.row_keys.digests import RowKey
from sampling_engine import (
    ClusterMethod,
    KeyedOrder,
    Method,
    RandomMethod,
    Round,
    StratifiedMethod,
    WeightedMethod,
)
from sampling_engine.selection.keyed import SIZE, DigestRanks
from tests.sampling_engine.conftest import Workshop

SEEDS = 10_000
ROWS = 24
ENGINE_SEEDS = 120
Floats = NDArray[np.float64]


def digests(rows: int) -> NDArray[np.int64]:
    return np.array([digest_of_text(text_of_key([f"K{at}"])) for at in range(rows)])


def uniforms(rows: int, seeds: int, start: Fraction = Fraction(0), name: str = "rates") -> Floats:
    """The numbers u of each key, shape (seeds, rows)."""
    of_rows = digests(rows)
    ranks = [DigestRanks(f"{name} {seed}", start).of(of_rows) for seed in range(seeds)]
    return (np.array(ranks) + 0.5) / SIZE


def first(keys: NDArray[Any], size: int) -> NDArray[np.bool_]:
    """Whether each row is among the ``size`` smallest of its line, shape (seeds, rows)."""
    places = np.argsort(np.argsort(keys, axis=1), axis=1)
    drawn: NDArray[np.bool_] = places < size
    return drawn


def require_rates(drawn: NDArray[np.bool_], stated: Floats) -> None:
    """Each rate is within 4 standard errors of the stated probability."""
    seeds = len(drawn)
    errors = np.sqrt(np.maximum(stated * (1 - stated), 1e-9) / seeds)
    assert (np.abs(drawn.mean(axis=0) - stated) <= 4 * errors + 1e-12).all()


def pareto(u: Floats, targets: Floats) -> Floats:
    keys: Floats = u / (1 - u) * (1 - targets) / targets
    return keys


def test_rates_of_random_stratified_and_cluster_draws() -> None:
    u = uniforms(ROWS, SEEDS)
    require_rates(first(u, 7), np.full(ROWS, 7 / ROWS))
    strata = np.arange(ROWS) % 3 == 0
    for group, size in ((strata, 3), (~strata, 4)):
        stated = np.full(int(group.sum()), size / group.sum())
        require_rates(first(u[:, group], size), stated)
    # Two of six clusters, whose values are keys of their own, and two rows of each.
    values = np.array([digest_of_text(text_of_key([at])) for at in range(6)])
    ranks = np.array([DigestRanks(f"rates {seed}").of(values) for seed in range(SEEDS)])
    clusters = np.repeat(first(ranks, 2), 4, axis=1)
    rows = np.concatenate([first(u[:, at * 4 : at * 4 + 4], 2) for at in range(6)], axis=1)
    require_rates(clusters & rows, np.full(ROWS, 2 / 6 * 2 / 4))


def test_rates_of_weighted_draws(workshop: Workshop) -> None:
    """The stated probabilities are those of the engine, which draws by the same keys."""
    weights = np.arange(1, ROWS + 1)
    table = workshop.table(
        {
            "name": ("VARCHAR", [f"K{at}" for at in range(ROWS)]),
            "weight": ("BIGINT", weights.tolist()),
        }
    )
    method = WeightedMethod(sample_size=6, weight_column="weight")
    stated, targets = np.full(ROWS, np.nan), 6 * weights / weights.sum()
    for seed in range(40):
        order = KeyedOrder(RowKey(("name",)))
        one = Round(round_number=1, method=method, seed=f"rates {seed}", order=order)
        sample = workshop.draw(table, one)
        found = workshop.rows(sample.table, "_logical_row_id, _inclusion_probability")
        expected = first(pareto(uniforms(ROWS, seed + 1)[-1:], targets), 6)[0]
        rows = [int(str(row_id).removeprefix("primary:")) for row_id, _ in found]
        assert sorted(rows) == np.flatnonzero(expected).tolist()
        stated[rows] = [float(str(each)) for _, each in found]
    known = ~np.isnan(stated)
    assert known.sum() >= ROWS - 3
    drawn = first(pareto(uniforms(ROWS, SEEDS), targets), 6)
    require_rates(drawn[:, known], stated[known])


METHODS: dict[str, Method] = {
    "random": RandomMethod(sample_size=6),
    "stratified": StratifiedMethod(strata_columns=("branch",), samples_per_stratum=2),
    "cluster": ClusterMethod(cluster_column="branch", num_clusters=2, samples_per_cluster=3),
    "weighted": WeightedMethod(sample_size=6, weight_column="weight"),
}


@pytest.mark.parametrize("name", METHODS)
def test_rates_of_the_engine(workshop: Workshop, name: str) -> None:
    table = workshop.table(
        {
            "name": ("VARCHAR", [f"K{at}" for at in range(ROWS)]),
            "branch": ("BIGINT", [at % 4 for at in range(ROWS)]),
            "weight": ("BIGINT", [1 + at % 5 for at in range(ROWS)]),
        }
    )
    drawn = np.zeros((ENGINE_SEEDS, ROWS), dtype=np.bool_)
    stated = np.full(ROWS, np.nan)
    for seed in range(ENGINE_SEEDS):
        order = KeyedOrder(RowKey(("name",)), Fraction(1, 3))
        one = Round(round_number=1, method=METHODS[name], seed=f"engine {seed}", order=order)
        sample = workshop.draw(table, one)
        found = workshop.rows(sample.table, "_logical_row_id, _inclusion_probability")
        rows = [int(str(row_id).removeprefix("primary:")) for row_id, _ in found]
        drawn[seed, rows] = True
        stated[rows] = [float(str(each)) for _, each in found]
    require_rates(drawn, stated)


def common(pi_1: Floats, pi_2: Floats, moved: float) -> Floats:
    """The probability of rows to be in both samples, as docs/SAMPLING.md has it."""
    near = np.maximum(0, np.minimum(pi_1, moved + pi_2) - moved)
    far = np.maximum(0, np.minimum(pi_1, moved + pi_2 - 1))
    both: Floats = near + far
    return both


@pytest.mark.parametrize("moved", ["0", "0.05", "0.3", "0.9"])
def test_overlap_of_weighted_samples_with_moved_starts(moved: str) -> None:
    rows, seeds, size = 400, 400, 40
    targets = size * np.arange(1, rows + 1) / np.arange(1, rows + 1).sum()
    samples = [
        first(pareto(uniforms(rows, seeds, start, "overlap"), targets), size)
        for start in (Fraction(0), Fraction(moved))
    ]
    overlaps = (samples[0] & samples[1]).sum(axis=1)
    expected = common(targets, targets, float(moved)).sum()
    assert expected >= np.maximum(0, 2 * targets - 1).sum()
    error = 4 * overlaps.std() / sqrt(seeds)
    # Sizes are fixed: the last keys vary, by less than one row on average.
    assert abs(overlaps.mean() - expected) <= error + 1.0
    if moved == "0":
        assert (overlaps == size).all()


def test_overlap_of_random_samples_with_moved_starts() -> None:
    rows, size, seeds = 2_000, 200, 300
    share, error = size / rows, sqrt(0.1 * 0.9 / rows)
    clear = Fraction(share + 4 * error).limit_denominator(10_000)
    u = [uniforms(rows, seeds, start, "random") for start in (Fraction(0), Fraction(1, 10), clear)]
    drawn = [first(each, size) for each in u]
    touching = (drawn[0] & drawn[1]).sum(axis=1)
    assert abs(touching.mean() - sqrt(size * (1 - share) / (2 * pi))) < 4 * touching.std() / sqrt(
        seeds
    )
    assert not (drawn[0] & drawn[2]).any()
    assert (drawn[0] & first(u[0], size)).sum(axis=1).tolist() == [size] * seeds
    independent = first(uniforms(rows, seeds, name="other"), size)
    overlaps = (drawn[0] & independent).sum(axis=1)
    assert abs(overlaps.mean() - size * share) < 4 * overlaps.std() / sqrt(seeds)
