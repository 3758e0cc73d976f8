"""How often limits by monetary units hold: a short run of ``benchmarks.coverage``."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from sampling_engine.methods.monetary_unit.account import Selection
from sampling_engine.methods.monetary_unit.fixed_interval import NEAR, ORDER, REGULAR

from benchmarks.coverage.monetary_units import (
    ENUMERATED,
    LEAST,
    SIMULATED,
    Population,
    Result,
    enumerated,
    measure,
)

DRAWS = 300
Results = Mapping[tuple[Population, Selection], Result]


@pytest.fixture(scope="module")
def results() -> Results:
    return {(each.population, each.selection): each for each in measure(DRAWS)}


def test_small_ledgers_are_covered_as_often_as_enumerated() -> None:
    small, few, in_file, thirds = ENUMERATED
    exact = {
        (small, "fixed_interval"): 0.92,
        (small, "cell"): 0.969599,
        (few, "fixed_interval"): 0.941964,
        (in_file, "fixed_interval"): 0.1,
        (thirds, "fixed_interval"): 2 / 3,
        (thirds, "cell"): 26 / 27,
    }
    for (population, selection), covered in exact.items():
        found = enumerated(population, selection)
        assert found == pytest.approx(covered, abs=5e-7), (population.name, selection)


def test_a_limit_that_covers_less_has_a_warning(results: Results) -> None:
    assert len(results) == 3 * len((*SIMULATED, *ENUMERATED))
    for each in results.values():
        is_doubted = each.selection == "fixed_interval" and each.population.has_doubt
        assert is_doubted == bool(each.warnings)
        # Three standard errors of 300 draws at 95 % are 3.8 %.
        assert each.warnings or each.coverage >= LEAST - 0.04, (each.population.name, each)


def test_a_fixed_interval_covers_far_less_near_the_interval(results: Results) -> None:
    covered = [results[each, "fixed_interval"].coverage for each in SIMULATED[:6]]
    assert covered == pytest.approx([0.64, 0.50, 0.30, 0.78, 0.50, 0.65], abs=0.1)
    warned = [results[each, "fixed_interval"].warnings for each in (*SIMULATED, *ENUMERATED)]
    assert warned[:6] == [(NEAR,)] * 3 + [(REGULAR,)] * 3
    assert warned[6:] == [(), (), (), (), (NEAR,), (), (ORDER,), (ORDER,)]
