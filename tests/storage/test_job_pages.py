"""Pages of long lists: exact for every distribution, with few reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.jobs.lists import MAX_SCANNED, OrderedRange, read_page


class CountedSource:
    """A list of seqs that counts its calls."""

    def __init__(self, items: range | list[int]) -> None:
        self.items = items
        self.calls = 0
        self.returned = 0

    def count(self, low: int, high: int) -> int:
        self.calls += 1
        return sum(low < item <= high for item in self.items)

    def seqs(self, low: int, high: int, limit: int) -> list[int]:
        self.calls += 1
        seqs = [item for item in self.items if low < item <= high][:limit]
        self.returned += len(seqs)
        return seqs


@st.composite
def bursts(draw: st.DrawFn) -> list[int]:
    """Bursts of items, separated by gaps of up to millions."""
    items: list[int] = []
    last = 0
    for gap, burst, step in draw(
        st.lists(
            st.tuples(st.integers(1, 2_000_000), st.integers(1, 2_500), st.integers(1, 3)),
            max_size=4,
        )
    ):
        items += range(last + gap, last + gap + burst * step, step)
        last = items[-1]
    return items


@given(
    items=bursts(),
    newest_first=st.booleans(),
    offset=st.integers(0, 8_000),
    limit=st.integers(1, 1_000),
    beyond=st.integers(0, 5_000_000),
)
def test_page_equals_a_slice_of_the_list(
    items: list[int], newest_first: bool, offset: int, limit: int, beyond: int
) -> None:
    source = CountedSource(items)
    high = (items[-1] if items else 0) + beyond
    seqs = read_page(OrderedRange(source, 0, high, newest_first), len(items), offset, limit)
    assert seqs == sorted(items, reverse=newest_first)[offset : offset + limit]
    assert source.calls <= 100


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("offset", [0, MAX_SCANNED, 150_000, 299_000, 299_990, 300_000])
def test_even_distribution_needs_few_reads(offset: int, newest_first: bool) -> None:
    source = CountedSource(range(1, 3_000_001, 10))
    seqs = read_page(OrderedRange(source, 0, 3_000_000, newest_first), 300_000, offset, 100)
    assert len(seqs) == min(100, 300_000 - offset)
    assert source.calls <= 5
    assert source.returned <= 2 * (MAX_SCANNED + 100) + 1


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("items", [0, 40, 5_050])
@pytest.mark.parametrize("offset", [0, 5_000])
def test_search_ends_if_the_total_is_too_large(offset: int, items: int, newest_first: bool) -> None:
    source = CountedSource(range(1, items + 1))
    seqs = read_page(OrderedRange(source, 0, 9_000, newest_first), 8_000, offset, 100)
    assert set(seqs) <= set(source.items)
    assert source.calls <= 100
