"""Pages found by counting: exact for every spread, and cheap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.job_pages import WALKED, Way, page


class Places:
    """What is listed, in a set; counts how often it is asked."""

    def __init__(self, places: range | list[int]) -> None:
        self.places = places
        self.asked = 0
        self.given = 0

    def count(self, low: int, high: int) -> int:
        self.asked += 1
        return sum(low < place <= high for place in self.places)

    def seqs(self, low: int, high: int, most: int) -> list[int]:
        self.asked += 1
        found = [place for place in self.places if low < place <= high][:most]
        self.given += len(found)
        return found


@st.composite
def spreads(draw: st.DrawFn) -> list[int]:
    """Bursts of places with gaps between them, up to millions long."""
    places: list[int] = []
    at = 0
    for gap, burst, step in draw(
        st.lists(
            st.tuples(st.integers(1, 2_000_000), st.integers(1, 2_500), st.integers(1, 3)),
            max_size=4,
        )
    ):
        places += range(at + gap, at + gap + burst * step, step)
        at = places[-1]
    return places


@given(
    places=spreads(),
    newest_first=st.booleans(),
    offset=st.integers(0, 8_000),
    limit=st.integers(1, 1_000),
    beyond=st.integers(0, 5_000_000),
)
def test_a_page_is_that_of_the_whole_list(
    places: list[int], newest_first: bool, offset: int, limit: int, beyond: int
) -> None:
    listed = Places(places)
    high = (places[-1] if places else 0) + beyond
    found = page(Way(listed, 0, high, newest_first), len(places), offset, limit)
    assert found == sorted(places, reverse=newest_first)[offset : offset + limit]
    assert listed.asked <= 100


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("offset", [0, WALKED, 150_000, 299_000, 299_990, 300_000])
def test_an_even_spread_takes_few_looks_at_few_jobs(offset: int, newest_first: bool) -> None:
    listed = Places(range(1, 3_000_001, 10))
    found = page(Way(listed, 0, 3_000_000, newest_first), 300_000, offset, 100)
    assert len(found) == min(100, 300_000 - offset)
    assert listed.asked <= 5
    assert listed.given <= 2 * (WALKED + 100) + 1


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("places", [0, 40, 5_050])
@pytest.mark.parametrize("offset", [0, 5_000])
def test_the_search_ends_when_the_total_is_too_large(
    offset: int, places: int, newest_first: bool
) -> None:
    listed = Places(range(1, places + 1))
    found = page(Way(listed, 0, 9_000, newest_first), 8_000, offset, 100)
    assert set(found) <= set(listed.places)
    assert listed.asked <= 100
