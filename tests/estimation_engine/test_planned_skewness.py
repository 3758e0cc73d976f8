"""The rows that skewed values need, from sums of their cubes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import skew

from estimation_engine.planning.frame import CellSums


def sums_of(values: np.ndarray, domains: np.ndarray, offset: int) -> tuple[CellSums, np.ndarray]:
    """The sums of whole numbers in two domains; a negative domain is a missing value."""
    units = [[int(value) - offset for value in values[domains == at]] for at in range(2)]
    exact = [
        np.array([sum(u**power for u in of) for of in units], dtype=object) for power in (1, 2)
    ]
    cubes = np.array([float(sum(u**3 for u in of)) for of in units])
    counts = np.array([len(of) for of in units])
    rows = np.array([len(values)])
    cells = CellSums(
        np.zeros(2, dtype=np.int64), np.arange(2), counts, *exact, offset, Fraction(1), rows, 2
    )
    return cells, cubes


@pytest.mark.parametrize("offset", [0, 1_000, -700])
def test_needed_rows_are_those_of_the_skewness(offset: int) -> None:
    random = np.random.default_rng(5)
    values = np.round(random.lognormal(3, 1.5, 800))
    domains = random.integers(-1, 2, 800)
    cells, cubes = sums_of(values, domains, offset)
    for at, (total, mean) in enumerate(
        zip(*(cells.needed_rows(name, cubes) for name in ("total", "mean")), strict=True)  # type: ignore[arg-type]
    ):
        inside = domains == at
        assert total == pytest.approx(25 * skew(np.where(inside, values, 0)) ** 2)
        centred = np.where(inside, values - values[inside].mean(), 0)
        assert mean == pytest.approx(25 * skew(centred) ** 2)


def test_constant_values_need_no_row() -> None:
    cells, cubes = sums_of(np.full(50, 7.0), np.zeros(50, dtype=int), 7)
    assert cells.needed_rows("total", cubes).tolist() == [0.0, 0.0]
    assert cells.needed_rows("mean", cubes).tolist() == [0.0, 0.0]
