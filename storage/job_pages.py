"""A page of a long list, found by counting rather than by walking to it.

Invariant: a page is exact, and its cost doesn't grow with the list nor, but for a few counts, with
the offset. Knows nothing of what is listed: only how many there are between two places, and which.
Used by ``storage.job_lists``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

WALKED = 1_000
"""So many may be read and dropped on the way to a page; a longer way is found by counting."""


class Listed(Protocol):
    """What is listed, by places in ascending order."""

    def count(self, low: int, high: int) -> int:
        """How many there are above ``low``, up to ``high``."""

    def seqs(self, low: int, high: int, most: int) -> list[int]:
        """Those above ``low``, up to ``high``, in no order; any ``most`` of them."""


@dataclass(frozen=True)
class Way:
    """The way through a list, from its first place on: upwards, or downwards for newest first."""

    listed: Listed
    low: int
    high: int
    newest_first: bool

    @property
    def length(self) -> int:
        """How many places there are, with or without something listed."""
        return self.high - self.low

    def count(self, start: int, end: int) -> int:
        """How many are listed after ``start`` steps, up to ``end`` steps."""
        return self.listed.count(*self._between(start, end))

    def seqs(self, start: int, end: int, most: int) -> list[int]:
        """Those, in no order; any ``most`` of them."""
        return self.listed.seqs(*self._between(start, end), most)

    def _between(self, start: int, end: int) -> tuple[int, int]:
        if self.newest_first:
            return self.high - end, self.high - start
        return self.low + start, self.low + end


def page(way: Way, total: int, offset: int, limit: int) -> list[int]:
    """The page after ``offset``, in order; ``total`` is how many are listed along the whole way."""
    start, passed = _skip(way, total, offset) if offset > WALKED else (0, 0)
    wanted = min(offset + limit, total) - passed
    if wanted <= offset - passed:
        return []
    found = _first(way, start, wanted, total - passed)
    found.sort(reverse=way.newest_first)
    return found[offset - passed : wanted]


def _skip(way: Way, total: int, offset: int) -> tuple[int, int]:
    """How many steps pass nearly ``offset``, at most; and how many they pass exactly."""
    start, passed = 0, 0
    end, passed_at_end = way.length, total
    if passed_at_end <= offset:
        return end, passed_at_end
    halve = False
    while offset - passed > WALKED and end - start > 1:
        # Jobs come at an even pace or in bursts: guess by the pace, and halve every other time.
        share = 0.5 if halve else (offset - passed - WALKED / 2) / (passed_at_end - passed)
        guess = min(max(start + int((end - start) * share), start + 1), end - 1)
        there = passed + way.count(start, guess)
        if there <= offset:
            start, passed = guess, there
        else:
            end, passed_at_end = guess, there
        halve = not halve
    return start, passed


def _first(way: Way, start: int, wanted: int, remaining: int) -> list[int]:
    """The first ``wanted`` after ``start`` steps of ``remaining``, and some beyond, in no order."""
    most = 4 * wanted + 100
    if remaining < most // 2:
        return way.seqs(start, way.length, most)
    too_few, enough = start, way.length
    guess = start + 2 * wanted * (enough - start) // remaining + 1
    while True:
        found = way.seqs(start, min(guess, enough), most)
        if len(found) == most:
            enough = guess
            guess = (too_few + enough) // 2
        elif len(found) < wanted and guess < enough:
            too_few = guess
            guess = min(start + 4 * (guess - start), (too_few + enough + 1) // 2)
        else:
            return found
