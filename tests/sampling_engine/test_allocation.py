"""The sizes of strata, against exact fractions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling_engine.allocation import allocate
from sampling_engine.methods.parameters import share_of_rows
from tests.sampling_engine import plain_draw

ROWS = st.lists(st.integers(1, 40) | st.integers(1, 10**12), min_size=1, max_size=12)


def array(numbers: list[int]) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


@given(rows=ROWS, minimum=st.integers(0, 30), data=st.data())
@settings(max_examples=300, deadline=None)
def test_sizes_sum_to_the_total_keep_their_bounds_and_agree_with_exact_fractions(
    rows: list[int], minimum: int, data: st.DataObject
) -> None:
    least = [min(minimum, size) for size in rows]
    total = data.draw(st.integers(sum(least), sum(rows)))
    sizes = allocate(array(rows), total, array(least), array(rows)).tolist()
    assert sum(sizes) == total
    assert all(low <= size <= high for low, size, high in zip(least, sizes, rows, strict=True))
    assert sizes == plain_draw.share_out(rows, total, least, rows)


@given(
    bounds=st.lists(
        st.tuples(st.integers(1, 1_000), st.integers(0, 20), st.integers(0, 60)),
        min_size=1,
        max_size=10,
    ),
    data=st.data(),
)
@settings(max_examples=300, deadline=None)
def test_surplus_of_capped_strata_goes_to_the_others(
    bounds: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    weights = [weight for weight, _, _ in bounds]
    least = [low for _, low, _ in bounds]
    most = [low + more for _, low, more in bounds]
    total = data.draw(st.integers(sum(least), sum(most)))
    sizes = allocate(array(weights), total, array(least), array(most)).tolist()
    assert sizes == plain_draw.share_out(weights, total, least, most)


def test_equal_remainders_go_to_the_larger_stratum_then_to_the_earlier() -> None:
    none = array([0, 0, 0])
    assert allocate(array([2, 2, 2]), 4, none, array([2, 2, 2])).tolist() == [2, 1, 1]
    # Shares 0.5, 1.5 and 1: the one row over goes to the larger of the two halves.
    assert allocate(array([1, 3, 2]), 3, none, array([1, 3, 2])).tolist() == [0, 2, 1]


def test_products_beyond_64_bits_are_exact() -> None:
    rows = array([3 * 10**17, 5 * 10**17, 10**17 + 1])
    total = int(rows.sum()) - 1
    sizes = allocate(rows, total, array([0, 0, 0]), rows)
    assert sizes.sum() == total
    assert sizes.tolist() == plain_draw.share_out(rows.tolist(), total, [0] * 3, rows.tolist())


@pytest.mark.parametrize(
    ("fraction", "rows", "expected"),
    [(0.15, 10, 2), (0.1, 15, 2), (0.1, 14, 1), (1.0, 7, 7), (0.001, 100, 0), (1e-7, 10**8, 10)],
)
def test_a_fraction_is_rounded_to_the_nearest_row_a_half_upwards(
    fraction: float, rows: int, expected: int
) -> None:
    assert share_of_rows(fraction, rows) == expected
