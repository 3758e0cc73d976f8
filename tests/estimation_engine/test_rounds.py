"""Rounds that aren't one sample: unbiased over all their samples."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from application.validation.samples import one
from estimation_engine import (
    CombinedRound,
    Design,
    Frame,
    combined_design,
    random_design,
    stratified_design,
    weighted_design,
)

Y = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0])
EVERY = np.ones(7, dtype=np.bool_)
FIRST_FOUR = np.arange(7) < 4


def random_frame(drawn: int, population: int) -> Frame:
    """Of a random round."""
    return Frame(population, drawn, drawn, drawn - 1, drawn >= population)


def two_rounds(
    first: tuple[int, ...],
    second: tuple[int, ...],
    *covers: np.ndarray,
    second_takes_all: bool = False,
) -> Design:
    """Two random rounds, the second from what the first left; by the rows that each covers."""
    rows = np.sort([*first, *second])
    eligible = int((covers[1] & ~np.isin(np.arange(7), first)).sum())
    return combined_design(
        [
            CombinedRound(
                random_design(len(first), int(covers[0].sum())),
                np.searchsorted(rows, first),
                random_frame(len(first), int(covers[0].sum())),
                covers[0][rows],
            ),
            CombinedRound(
                random_design(len(second), eligible),
                np.searchsorted(rows, second),
                random_frame(7 if second_takes_all else len(second), int(covers[1].sum())),
                covers[1][rows],
            ),
        ],
        len(rows),
        7,
    )


@pytest.mark.parametrize("covers", [(FIRST_FOUR, EVERY), (EVERY, FIRST_FOUR), (EVERY, EVERY)])
def test_two_rounds_are_unbiased(covers: tuple[np.ndarray, np.ndarray]) -> None:
    values, variances, weights = [], [], []
    for first in combinations(np.flatnonzero(covers[0]), 2):
        left = [row for row in np.flatnonzero(covers[1]) if row not in first]
        samples = list(combinations(left, 2))
        for second in samples:
            design = two_rounds(first, second, *covers)
            rows = np.sort([*first, *second])
            found = one(design, "total", Y[rows])
            values.append(found.value or 0.0)
            variances.append((found.error or 0.0) ** 2)
            # A first sample that leaves fewer rows has fewer second ones, all as likely together.
            weights.append(1 / len(samples))
    mean = np.average(values, weights=weights)
    assert mean == pytest.approx(Y.sum())
    variance = np.average((values - mean) ** 2, weights=weights)
    assert np.average(variances, weights=weights) == pytest.approx(variance)


def test_each_row_has_the_weight_of_its_rounds() -> None:
    design = two_rounds((0, 1), (2, 5), FIRST_FOUR, EVERY)
    # Of the first four rows: shares 2/(4·2) and 2/(7·5); of the others the second round alone.
    shares = np.array([2 / (4 * 2), 2 / (7 * 5)])
    first, second = shares / shares.sum()
    assert design.weights == pytest.approx(
        [first * 2 + second, first * 2 + second, second * 2.5, 2.5]
    )
    assert (design.method, design.units, design.degrees) == ("rounds", 4, 2)


def test_a_census_of_what_is_left_knows_everything() -> None:
    design = two_rounds((0, 1), (2, 3, 4, 5, 6), EVERY, EVERY, second_takes_all=True)
    assert design.is_census
    found = one(design, "total", Y)
    assert (found.value, found.error) == (Y.sum(), 0.0)


def test_all_large_rows_and_a_sample_of_the_others() -> None:
    large = np.array([4, 5])
    rows = np.array([0, 2, 4, 5])
    design = combined_design(
        [
            CombinedRound(
                random_design(2, 2), np.array([2, 3]), random_frame(2, 2), np.isin(rows, large)
            ),
            CombinedRound(
                random_design(2, 5),
                np.array([0, 1]),
                random_frame(2, 7),
                np.ones(4, dtype=np.bool_),
            ),
        ],
        4,
        7,
    )
    assert design.weights.tolist() == [2.5, 2.5, 1.0, 1.0]
    plain = one(random_design(2, 5), "total", Y[[0, 2]])
    found = one(design, "total", Y[rows])
    assert found.value == pytest.approx((plain.value or 0) + 14)
    assert (found.error, found.degrees) == (pytest.approx(plain.error), 1)


def test_a_round_without_a_degree_of_freedom_counts_only_alone() -> None:
    rows = np.array([0, 2, 4])
    every = np.ones(3, dtype=np.bool_)
    parts = [
        CombinedRound(random_design(1, 7), np.array([1]), random_frame(1, 7), every),
        CombinedRound(random_design(2, 6), np.array([0, 2]), random_frame(2, 7), every),
    ]
    design = combined_design(parts, 3, 7)
    assert design.weights.tolist() == [3.0, 1.0, 3.0]
    assert (one(design, "total", Y[rows]).error or 0) > 0
    other = [parts[0], replace(parts[1], covers=np.array([True, False, True]))]
    alone = one(combined_design(other, 3, 7), "total", Y[rows])
    assert alone.value is not None
    assert alone.error is None


def test_methods_mix_and_the_larger_variance_sets_the_degrees() -> None:
    random = np.random.default_rng(1)
    strata = np.repeat([0, 1], 30)
    p = random.uniform(0.05, 0.3, 40)
    rows = np.arange(100)
    design = combined_design(
        [
            CombinedRound(
                stratified_design(strata, np.array([300, 200])),
                rows[:60],
                Frame(500, 60, 58, 58),
                np.ones(100, np.bool_),
            ),
            CombinedRound(
                weighted_design(p, np.zeros(40, np.bool_), 440),
                rows[60:],
                Frame(500, 40, 30, 39),
                np.ones(100, np.bool_),
            ),
        ],
        100,
        500,
    )
    y = random.gamma(2.0, 10.0, 100)
    found = one(design, "mean", y)
    assert 38 <= found.degrees <= design.degrees == 58 + 39
    assert (found.low or 0) < (found.value or 0) < (found.high or 0)


def test_a_round_of_unequal_weights_has_a_small_share() -> None:
    rows = np.arange(4)
    every = np.ones(4, dtype=np.bool_)
    weighted = weighted_design(np.array([0.5, 0.01]), np.zeros(2, np.bool_), 7)
    plain = random_design(2, 5)
    of_seven = [2 / (7 * 5), 2 / (7 * 5)]
    for units, share in ((2.0, of_seven[0]), (0.1, 0.1 / (7 * 5))):
        parts = [
            CombinedRound(weighted, rows[:2], Frame(7, 2, units, 1), every),
            CombinedRound(plain, rows[2:], random_frame(2, 7), every),
        ]
        own = share / (share + of_seven[1])
        assert combined_design(parts, 4, 7).weights[1] == pytest.approx(own * 100 + 1 - own)
