"""The smallest detectable difference of small samples: it falls with each row, without a jump."""

from __future__ import annotations

import numpy as np
import pytest

from profiling_engine.comparison.significance import categories_gap, frequent_gap, share_gap

LEVEL = 0.01 / 30


@pytest.mark.parametrize("shares", [np.full(10, 0.1), np.array([0.7, 0.2, 0.1])])
def test_categories_have_no_jump(shares: np.ndarray) -> None:
    gaps = [categories_gap(shares, size, LEVEL) for size in range(4, 60)]
    falls = -np.diff(gaps)
    assert (falls >= 0).all()
    assert falls.max() < 0.08
    assert gaps[0] > 0.7


def test_too_few_rows_detect_nothing() -> None:
    assert categories_gap(np.full(10, 0.1), 1, LEVEL) == 1.0
    assert frequent_gap(0.05, 1, LEVEL) == 1.0


def test_a_frequent_value_rises_with_the_others_of_its_shift() -> None:
    # A shift of the share 1 - p to values of the share p raises the value from 0.05 to 0.05/p.
    up = share_gap(0.05, 40, LEVEL)
    assert frequent_gap(0.05, 40, LEVEL) == pytest.approx(up / (0.05 + up))
