"""Joint inclusion probabilities: those of all samples of small populations."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from estimation_engine import (
    Design,
    UnsupportedDesign,
    cluster_design,
    random_design,
    stratified_design,
    systematic_design,
    weighted_design,
)
from estimation_engine.designs.design import RowsOfPairs
from tests.estimation_engine.test_replicates import DESIGNS

STRATA = np.array([0, 0, 0, 1, 1, 1, 1])
CLUSTERS = np.array([0, 0, 0, 1, 1, 2, 2])
FIRST, SECOND = np.triu_indices(7)


def of_samples(samples: list[np.ndarray], weights: np.ndarray | None = None) -> np.ndarray:
    """How often each pair of the seven rows is drawn; a row with itself is the row alone."""
    drawn = np.zeros((len(samples), 7))
    for at, rows in enumerate(samples):
        drawn[at, rows] = 1.0
    both = drawn[:, FIRST] * drawn[:, SECOND]
    found: np.ndarray = np.average(both, axis=0, weights=weights)
    return found


def assert_exact(design: Design, rows: RowsOfPairs, expected: np.ndarray) -> None:
    assert design.joint_probabilities(rows, FIRST, SECOND) == pytest.approx(expected)


def test_random_and_stratified_pairs() -> None:
    samples = [np.array(rows) for rows in combinations(range(7), 3)]
    nothing = np.zeros(7, dtype=np.int64)
    assert_exact(random_design(3, 7), RowsOfPairs(nothing, np.full(7, 3 / 7)), of_samples(samples))
    parts = (combinations(range(3), 1), combinations(range(3, 7), 2))
    samples = [np.array([*one, *other]) for one, other in product(*parts)]
    design = stratified_design(np.array([0, 1, 1]), np.array([3, 4]))
    p = np.where(STRATA == 0, 1 / 3, 1 / 2)
    assert_exact(design, RowsOfPairs(STRATA, p), of_samples(samples))


def test_pairs_of_two_stages() -> None:
    """Two of three clusters, and two rows of each: the first cluster has three."""
    samples, weights = [], []
    for pair in combinations(range(3), 2):
        inside = [list(combinations(np.flatnonzero(each == CLUSTERS), 2)) for each in pair]
        for rows in product(*inside):
            samples.append(np.concatenate(rows))
            weights.append(1 / len(list(product(*inside))))
    design = cluster_design(np.array([0, 0, 1, 1]), np.array([3, 2, 2]), 3, 7)
    p = 2 / 3 * np.array([2 / 3, 1, 1])[CLUSTERS]
    assert_exact(design, RowsOfPairs(CLUSTERS, p), of_samples(samples, np.array(weights)))


@pytest.mark.parametrize(("length", "around"), [(1, 3), (3, 7), (5, 7)])
def test_pairs_of_a_grid(length: int, around: int) -> None:
    """Every third row, or exactly three or five of seven, from each start."""
    rows = 7 if length == 1 else around
    samples = []
    for start in range(around):
        places = {(start + at * around) // length for at in range(rows)}
        samples.append(np.array([place for place in places if place < 7], dtype=np.int64))
    places = np.arange(7)
    given = RowsOfPairs(
        np.zeros(7, dtype=np.int64), np.full(7, length / around), places, (length, around)
    )
    design = systematic_design(len(samples[0]), 7)
    assert_exact(design, given, of_samples(samples))


def test_pairs_of_a_weighted_sample_add_up() -> None:
    random = np.random.default_rng(2)
    p = random.uniform(0.05, 0.6, 400)
    p *= 120 / p.sum()
    # The design has the sample's rows, of which Σ(1 - π) estimates that of Σ π(1 - π).
    drawn = random.random(400) < p
    design = weighted_design(p[drawn], np.zeros(drawn.sum(), np.bool_), 400)
    rows = RowsOfPairs(np.zeros(400, dtype=np.int64), p)
    others = np.arange(1, 400)
    joint = design.joint_probabilities(rows, np.zeros(399, dtype=np.int64), others)
    assert joint.sum() == pytest.approx(119 * p[0], rel=0.01)
    certain = RowsOfPairs(np.zeros(2, dtype=np.int64), np.array([1.0, 0.25]))
    assert design.joint_probabilities(certain, np.array([0]), np.array([1])) == 0.25


def test_rows_that_could_not_be_drawn_and_rounds() -> None:
    rows = RowsOfPairs(np.array([0, -1]), np.array([0.3, 0.0]))
    assert random_design(3, 10).joint_probabilities(rows, np.array([0]), np.array([1])) == 0.0
    with pytest.raises(UnsupportedDesign, match="aren't one sample"):
        DESIGNS["rounds"].joint_probabilities(rows, np.array([0]), np.array([1]))
