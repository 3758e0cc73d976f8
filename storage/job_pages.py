"""Read a page of a long list by counting ranges instead of scanning up to the offset.

A page is exact. Its cost depends neither on the length of the list nor, except for a few counts, on
the offset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

MAX_SCANNED = 1_000
"""At most this many items are read and dropped before a page; a larger offset uses counts."""


class SeqSource(Protocol):
    """A list of items, each at an ascending seq."""

    def count(self, low: int, high: int) -> int:
        """Return the number of items with a seq above ``low``, up to ``high``."""

    def seqs(self, low: int, high: int, limit: int) -> list[int]:
        """Return up to ``limit`` seqs above ``low``, up to ``high``, in any order."""


@dataclass(frozen=True)
class OrderedRange:
    """A range of a list, ascending or, for newest first, descending."""

    source: SeqSource
    low: int
    high: int
    newest_first: bool

    @property
    def length(self) -> int:
        """The number of seqs in the range, with or without items."""
        return self.high - self.low

    def count(self, start: int, end: int) -> int:
        """Return the number of items after ``start`` seqs, up to ``end`` seqs."""
        return self.source.count(*self._between(start, end))

    def seqs(self, start: int, end: int, limit: int) -> list[int]:
        """Return up to ``limit`` of these items' seqs, in any order."""
        return self.source.seqs(*self._between(start, end), limit)

    def _between(self, start: int, end: int) -> tuple[int, int]:
        if self.newest_first:
            return self.high - end, self.high - start
        return self.low + start, self.low + end


def read_page(ordered: OrderedRange, total: int, offset: int, limit: int) -> list[int]:
    """Return the seqs of the page at ``offset``, in order; ``total`` counts the range's items."""
    start, skipped = _skip(ordered, total, offset) if offset > MAX_SCANNED else (0, 0)
    needed = min(offset + limit, total) - skipped
    if needed <= offset - skipped:
        return []
    seqs = _first(ordered, start, needed, total - skipped)
    seqs.sort(reverse=ordered.newest_first)
    return seqs[offset - skipped : needed]


def _skip(ordered: OrderedRange, total: int, offset: int) -> tuple[int, int]:
    """Return a start with nearly, but at most, ``offset`` items before it, and their number."""
    start, skipped = 0, 0
    end, count_to_end = ordered.length, total
    if count_to_end <= offset:
        return end, count_to_end
    halve = False
    while offset - skipped > MAX_SCANNED and end - start > 1:
        # Alternate interpolation, for items at an even pace, with bisection, for bursts.
        share = 0.5 if halve else (offset - skipped - MAX_SCANNED / 2) / (count_to_end - skipped)
        guess = min(max(start + int((end - start) * share), start + 1), end - 1)
        count = skipped + ordered.count(start, guess)
        if count <= offset:
            start, skipped = guess, count
        else:
            end, count_to_end = guess, count
        halve = not halve
    return start, skipped


def _first(ordered: OrderedRange, start: int, needed: int, remaining: int) -> list[int]:
    """Return the first ``needed`` of the ``remaining`` items, and some more, in any order."""
    limit = 4 * needed + 100
    if remaining < limit // 2:
        return ordered.seqs(start, ordered.length, limit)
    too_low, high_enough = start, ordered.length
    guess = start + 2 * needed * (high_enough - start) // remaining + 1
    while True:
        seqs = ordered.seqs(start, min(guess, high_enough), limit)
        if len(seqs) == limit:
            high_enough = guess
            guess = (too_low + high_enough) // 2
        elif len(seqs) < needed and guess < high_enough:
            too_low = guess
            guess = min(start + 4 * (guess - start), (too_low + high_enough + 1) // 2)
        else:
            return seqs
