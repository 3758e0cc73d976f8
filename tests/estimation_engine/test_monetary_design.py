"""Estimates from monetary units: their variance is that of many draws, whatever the selection."""

from __future__ import annotations

import numpy as np
import pytest

from estimation_engine import (
    DomainEstimate,
    Domains,
    EstimateSettings,
    Values,
    estimate,
    monetary_design,
    weighted_design,
)
from sampling_engine import SeededOrder
from sampling_engine.methods.monetary_unit.account import Selection
from sampling_engine.methods.monetary_unit.selection import UnitSelection

ROWS, UNITS, DRAWS = 1_000, 80, 600
_rng = np.random.default_rng(2)
BOOK = np.ceil(np.exp(_rng.normal(6, 0.7, ROWS))).astype(np.int64)
AUDIT = np.where(_rng.random(ROWS) < 0.4, BOOK * (1 - 0.5 * _rng.random(ROWS)), BOOK)
TOTAL = int(BOOK.sum())


def total_of(
    selection: Selection, seed: int, y: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> DomainEstimate:
    line = np.argsort(SeededOrder(ROWS, f"{seed}:blocks").rank(np.arange(ROWS)))
    points = UnitSelection(selection, TOTAL, TOTAL, UNITS, str(seed)).points()
    at = np.searchsorted(np.cumsum(BOOK[line]), points, side="right")
    rows, hits = np.unique(line[at], return_counts=True)
    count = len(rows)
    design = monetary_design(
        hits * TOTAL / (BOOK[rows] * UNITS),
        hits,
        np.zeros(count, dtype=np.bool_),
        ROWS,
        with_replacement=selection == "random",
    )
    values = Values("total", y[rows], np.ones(count, dtype=np.bool_))
    domains = Domains(np.ones(count, dtype=np.bool_), np.zeros(count, dtype=np.int64), 1)
    (found,) = estimate(design, values, domains, EstimateSettings())
    assert found.degrees == UNITS - 1
    return found


@pytest.mark.parametrize("selection", ["fixed_interval", "cell", "random"])
def test_the_variance_is_that_of_many_draws(selection: Selection) -> None:
    assert BOOK.max() < TOTAL / UNITS
    found = [total_of(selection, seed, AUDIT) for seed in range(DRAWS)]
    values = np.array([one.value for one in found], dtype=float)
    errors = np.array([one.error for one in found], dtype=float)
    assert abs(values.mean() - AUDIT.sum()) < 4 * values.std() / np.sqrt(DRAWS)
    assert (errors**2).mean() == pytest.approx(values.var(), rel=0.15)
    covered = sum(one.low <= AUDIT.sum() <= one.high for one in found)  # type: ignore[operator]
    assert 0.91 <= covered / DRAWS <= 0.98


@pytest.mark.parametrize("selection", ["fixed_interval", "cell", "random"])
def test_the_book_total_is_estimated_without_error(selection: Selection) -> None:
    found = total_of(selection, 3, BOOK.astype(np.float64))
    assert found.value == pytest.approx(TOTAL)
    assert found.error == pytest.approx(0.0, abs=1e-6 * TOTAL)


def test_single_hits_are_a_weighted_sample() -> None:
    weights, take_all = np.array([1.0, 4.0, 5.0, 9.0]), np.array([True, False, False, False])
    values = Values("total", np.array([9.0, 2.0, 3.0, 1.0]), np.ones(4, dtype=np.bool_))
    domains = Domains(np.ones(4, dtype=np.bool_), np.zeros(4, dtype=np.int64), 1)
    by_units = monetary_design(
        weights, np.ones(4, dtype=np.int64), take_all, 30, with_replacement=False
    )
    by_weight = weighted_design(1 / weights, take_all, 30)
    one, other = (
        estimate(each, values, domains, EstimateSettings())[0] for each in (by_units, by_weight)
    )
    assert (one.value, one.error) == pytest.approx((other.value, other.error))
