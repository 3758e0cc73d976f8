"""The margin of error that a plan tells is the one that repeated draws show."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

from sampling_engine import METHOD_CLASSES, plan

SEED = 20_240_501
REPEATS = 4000
margin_of_error = partial(plan.margin_of_error, confidence=0.95)


def ints(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)


@pytest.mark.parametrize(
    ("drawn", "rows"), [(ints(200), ints(2000)), (ints(60, 40, 20), ints(600, 900, 100))]
)
def test_repeated_draws_of_a_half_scatter_by_their_variance(
    drawn: np.ndarray[tuple[int], np.dtype[np.int64]],
    rows: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> None:
    probability = np.random.default_rng(SEED)
    weights = rows / rows.sum()
    hits = probability.hypergeometric(rows // 2, rows - rows // 2, drawn, size=(REPEATS, len(rows)))
    estimates = (hits / drawn * weights).sum(axis=1)
    stated = margin_of_error(drawn, rows)
    assert stated is not None
    # The formula divides by n - 1, as the estimate of a variance does, so it is a little wider.
    assert 1.959964 * estimates.std() == pytest.approx(stated, rel=0.04)
    inside = np.abs(estimates - 0.5) <= stated
    assert 0.94 <= inside.mean() <= 0.97


def test_a_full_draw_has_no_error_and_a_larger_one_less() -> None:
    assert margin_of_error(ints(50), ints(50)) == 0
    small, large = (margin_of_error(ints(n), ints(100_000)) for n in (100, 400))
    assert small is not None
    assert large is not None
    assert large < small
    assert small == pytest.approx(1.96 * math.sqrt(0.25 / 99 * (1 - 0.001)), rel=1e-3)


@pytest.mark.parametrize(
    ("drawn", "rows"),
    [(ints(0), ints(100)), (ints(0), ints(0)), (ints(5, 0), ints(100, 3))],
)
def test_without_a_variance_there_is_no_margin(
    drawn: np.ndarray[tuple[int], np.dtype[np.int64]],
    rows: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> None:
    assert margin_of_error(drawn, rows) is None


def test_an_empty_stratum_takes_nothing_away() -> None:
    assert margin_of_error(ints(10, 0), ints(100, 0)) == margin_of_error(ints(10), ints(100))


def test_methods_without_a_known_variance_have_no_margin() -> None:
    without = {kind.key for kind in METHOD_CLASSES if not kind.has_margin_of_error}
    assert without == {"cluster", "weighted", "monetary_unit", "split"}
