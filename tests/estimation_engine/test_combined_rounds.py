"""No share of a round depends on chance: the draws of ``benchmarks.coverage.combined_rounds``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest

from benchmarks.coverage.combined_rounds import (
    BY_KIND,
    DESIGNS,
    RANDOM,
    Population,
    drawn_design,
    measure,
    population,
)
from estimation_engine import (
    CombinedRound,
    Frame,
    combined_design,
    random_design,
    stratified_design,
)
from sampling_engine import RandomMethod

SEEDS = range(12)
LARGE = 3


@pytest.fixture(scope="module")
def found() -> Iterator[Population]:
    with population() as made:
        yield made


def weights_of_large(found: Population, name: str) -> list[float]:
    """The distinct weights of the rows of the smallest stratum, over some draws."""
    weights: set[float] = set()
    for seed in SEEDS:
        rows, design = drawn_design(found, DESIGNS[name], seed)
        weights.update(np.round(design.weights[rows < LARGE], 9).tolist())
    return sorted(weights)


def test_a_stratum_that_a_round_may_skip_counts_once(found: Population) -> None:
    # The second round may give the stratum a row or none; so the first counts alone.
    assert weights_of_large(found, "random, then proportional") == [0.0, 4.0]
    by_share = ((RANDOM, None), (replace(BY_KIND, sample_size=None, sample_fraction=0.25), None))
    assert by_share == DESIGNS["random, then proportional by a fraction"]
    assert weights_of_large(found, "random, then proportional by a fraction") == [0.0, 4.0]


def test_a_round_that_takes_all_knows_all(found: Population) -> None:
    # Whether or not the first round left a large row.
    assert weights_of_large(found, "random, then all 3 large") == [1.0]


def test_an_empty_round_counts_if_it_could_have_drawn(found: Population) -> None:
    steps = ((RandomMethod(sample_size=50), None), (RandomMethod(sample_size=2), "y = 100"))
    empty = 0
    weights: set[float] = set()
    for seed in SEEDS:
        rows, design = drawn_design(found, steps, seed)
        empty += not len(design.parts[1].rows)
        in_first = design.parts[0].rows
        large = in_first[rows[in_first] < LARGE]
        weights.update(np.round(design.weights[large], 9).tolist())
    assert empty > 1
    assert len(weights) == 1


def test_all_samples_together_are_unbiased() -> None:
    """Rows 0 and 1 are a stratum; the second round draws from it if the first left both."""
    y = np.array([50.0, 50.0, 1.0, 2.0, 3.0, 4.0])
    strata = np.array([0, 0, 1, 1, 1, 1])
    mean = Fraction(0)
    for first in combinations(range(6), 2):
        left = [row for row in range(6) if row not in first]
        in_stratum = [row for row in left if row < 2]
        others = [row for row in left if row >= 2]
        takes = 1 if len(in_stratum) == 2 else 0
        seconds = [
            (*one, *two)
            for one in combinations(in_stratum, takes)
            for two in combinations(others, 2 - takes)
        ]
        for second in seconds:
            rows = np.sort([*first, *second])
            own = np.sort(second)
            rows_left = np.bincount(strata[left], minlength=2)
            covers = (strata[rows] == 1) | (takes == 1) | (len(in_stratum) == 0)
            design = combined_design(
                [
                    CombinedRound(
                        random_design(2, 6),
                        np.searchsorted(rows, first),
                        Frame(6, 2, 2, 1),
                        np.ones(4, np.bool_),
                    ),
                    CombinedRound(
                        stratified_design(strata[own], rows_left),
                        np.searchsorted(rows, own),
                        Frame(6, 2, 2, 1),
                        covers,
                        covers & (strata[rows] == 1),
                    ),
                ],
                4,
                6,
            )
            total = Fraction(float(design.weights @ y[rows]))
            mean += total / (comb(6, 2) * len(seconds))
    assert float(mean) == pytest.approx(y.sum())


def test_combined_estimates_are_near_the_truth(found: Population) -> None:
    for name in ("random, then at least 1 of each", "random, then 2 of the 3 large"):
        result = measure(found, DESIGNS[name], SEEDS)
        assert abs(result.bias) <= 4 * result.bias_error, (name, result)
        assert result.intervals == len(SEEDS)
