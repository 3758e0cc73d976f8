"""How often intervals hold the true value: a short run of ``benchmarks.coverage.designs``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks.coverage import skewness, small_groups
from benchmarks.coverage.designs import DESIGNS, Population, measure, population, sampler
from sampling_engine import Round, drawn_rounds

DRAWS = 150
MORE_DRAWS = {"monetary units": 400}
"""Rare shares of unequal weights cover 92.5 %, which 150 draws don't tell from too little."""


@pytest.fixture(scope="module")
def found() -> Iterator[Population]:
    with population() as made:
        yield made


@pytest.mark.parametrize("name", DESIGNS)
def test_the_draws_are_those_of_the_engine(found: Population, name: str) -> None:
    rounds = [
        Round(round_number=at, method=method, seed=7) for at, method in enumerate(DESIGNS[name], 1)
    ]
    drawn = drawn_rounds(found.database, found.table, rounds)
    rows, design = sampler(found, DESIGNS[name]).draw(7)
    assert np.array_equal(rows, np.sort(np.concatenate([each.ordinals for each in drawn])))
    if len(drawn) == 1:
        assert design.weights.sum() == pytest.approx(
            (1 / drawn[0].probabilities).sum(), rel=0.01 if "every" in name else 1e-12
        )


@pytest.mark.parametrize("name", DESIGNS)
def test_intervals_hold_the_truth_as_often_as_they_say(found: Population, name: str) -> None:
    # A table in one order has few systematic samples, and one of them can't tell their variance.
    is_fixed = name in ("systematic, 300 rows", "systematic, every 13th")
    for column, result in measure(found, name, MORE_DRAWS.get(name, DRAWS)).items():
        # Three standard errors of 150 draws at 95 % are 5.3 %.
        assert result.coverage >= (0.8 if is_fixed else 0.885), (column, result)
        if not is_fixed:
            assert result.ratio == pytest.approx(1, abs=4 * result.ratio_error), (column, result)


def test_few_rows_of_a_stratum_cover_as_often_as_many() -> None:
    results = small_groups.measure("strata, mean", 600)
    assert [round(each.degrees / each.draws) for each in results] == [1, 2, 4, 9]
    for each in results:
        # Three standard errors of 600 draws at 95 % are 2.7 %.
        assert each.held / each.known >= 0.923
    assert results[0].held_by_design / results[0].known < 0.8
    assert [each.shown for each in results] == [0, 0, 600, 600]


@pytest.mark.parametrize("name", ["random, mean of groups", "random, calibrated"])
def test_groups_that_the_design_does_not_know_cover(name: str) -> None:
    for each in small_groups.measure(name, 300)[1:]:
        assert each.shown_held / each.shown >= 0.9


def test_skewed_values_get_a_note_and_normal_ones_none() -> None:
    skewed = skewness.measure("lognormal, σ = 2", 50, 200)
    assert skewed.coverage < 0.8
    assert skewed.noted == 200
    assert skewness.measure("lognormal, σ = 2", 300, 100).noted >= 98
    for size in (10, 50):
        normal = skewness.measure("normal", size, 200)
        assert normal.noted <= 12
        assert normal.coverage >= 0.9
