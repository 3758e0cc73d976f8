"""The keyed order ``jobsvc-order-2``: a row's rank follows from the digest of its key.

Ohlsson (1995), "Coordination of samples using permanent random numbers".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from parquet_tables.row_keys.digests import KeyDigests
from sampling_engine.selection.order import (
    MAX_BITS,
    WINDOW_RANKS,
    Int64s,
    Seed,
    SeededOrder,
)

KEYED_VERSION = "jobsvc-order-2"
SIZE = 1 << MAX_BITS


def shift_of(start: Fraction) -> int:
    """The number by which a start lowers ranks: its part of all ranks, rounded down."""
    return start.numerator * SIZE // start.denominator


class DigestRanks:
    """The ranks of digests by a seed, from a start.

    >>> DigestRanks(42, Fraction(1, 4)).of(np.array([3631237453972703893])).tolist()
    [2478384646071213247]
    """

    def __init__(self, seed: Seed, start: Fraction = Fraction(0)) -> None:
        self.network = SeededOrder(SIZE, seed, MAX_BITS, KEYED_VERSION)
        self.shift = shift_of(start)

    def from_zero(self) -> DigestRanks:
        """The ranks by the same seed from the start 0."""
        ranks = copy(self)
        ranks.shift = 0
        return ranks

    def of(self, digests: Int64s) -> Int64s:
        """The ranks, 0 to below 2^62; two's complement makes the difference a remainder."""
        ranks: Int64s = (self.network.rank(digests) - self.shift) & (SIZE - 1)
        return ranks

    def between(self, digests: Int64s, start: int, stop: int) -> tuple[Int64s, Int64s]:
        """Places of the digests whose rank is from ``start`` to below ``stop``, and the ranks."""
        first, last = start + self.shift, min(stop, SIZE) - 1 + self.shift
        if first >= SIZE:
            first, last = first - SIZE, last - SIZE
        spans = [(first, last)] if last < SIZE else [(first, SIZE - 1), (0, last - SIZE)]
        found = [self.network.among_between(digests, *span) for span in spans]
        places = np.concatenate([places for places, _ in found])
        ranks = np.concatenate([ranks for _, ranks in found])
        return places, (ranks - self.shift) & (SIZE - 1)


class OrderByKey:
    """The keyed order of a table's rows; it answers what :class:`SeededOrder` answers.

    Parameters
    ----------
    rows : int
        The rows of the table's files.
    checked : callable
        Returns the digests, which :meth:`KeyDigests.require` has checked. A plan may need none.
    shifts : array of int64, shape (strata,), optional
        The shift of each stratum's start, where the strata have starts of their own.
    """

    bits = MAX_BITS
    size = SIZE

    def __init__(
        self,
        rows: int,
        checked: Callable[[], KeyDigests],
        seed: Seed,
        start: Fraction,
        shifts: Int64s | None = None,
    ) -> None:
        self.rows, self._checked = rows, checked
        self.ranks, self.shifts = DigestRanks(seed, start), shifts

    @cached_property
    def digests(self) -> KeyDigests:
        """The digests of the table's keys."""
        return self._checked()

    @property
    def window_ranks(self) -> int:
        """The ranks of about as many rows as a window of an order by ordinals has."""
        return self.ranks_for(WINDOW_RANKS)

    def ranks_for(self, count: int) -> int:
        """How many ranks to read to find about ``count`` rows, a little more than less."""
        return min(count * SIZE // max(self.rows, 1) + 64, SIZE)

    def rank(self, ordinals: Int64s) -> Int64s:
        """The rank of each row, below :attr:`size`; a lower rank is drawn earlier."""
        return self.ranks.of(self.digests.of(ordinals))

    def rank_in(self, ordinals: Int64s, strata: Int64s) -> Int64s:
        """The rank of each row in its stratum, from the stratum's own start."""
        ranks = self.rank(ordinals)
        if self.shifts is None:
            return ranks
        return (ranks + self.ranks.shift - self.shifts[strata]) & (SIZE - 1)

    def window(self, start: int, stop: int) -> tuple[Int64s, Int64s]:
        """Ordinals and ranks of the rows whose ranks are in ``[start, stop)``, in order of rank."""
        return self._sorted(*self._joined(self._between(start, stop)))

    def among_below(self, ordinals: Int64s, limit: int) -> tuple[Int64s, Int64s]:
        """Those of ``ordinals`` whose rank is below ``limit``, in their order, and their ranks."""
        ranks = self.rank(ordinals)
        below = ranks < limit
        return ordinals[below], ranks[below]

    def ranked_below(self, start: int, stop: int, limit: int) -> tuple[Int64s, Int64s]:
        """Ordinals and ranks of a range of ordinals whose rank is below ``limit``."""
        return self.among_below(np.arange(start, stop, dtype=np.int64), limit)

    def places(self, ordinals: Int64s, ranks: Int64s) -> NDArray[np.intp]:
        """The places that sort rows by their rank, and those of equal digests by their keys."""
        ties = self.digests.ties
        if not len(ties):
            return np.argsort(ranks, kind="stable")
        place = {ordinal: at for at, ordinal in enumerate(ties.tolist())}
        second = np.array([place.get(ordinal, 0) for ordinal in ordinals.tolist()])
        return np.lexsort((second, ranks))

    def _sorted(self, ordinals: Int64s, ranks: Int64s) -> tuple[Int64s, Int64s]:
        order = self.places(ordinals, ranks)
        return ordinals[order], ranks[order]

    def _between(self, start: int, stop: int) -> Iterator[tuple[Int64s, Int64s]]:
        for first, digests in self.digests.pieces():
            places, ranks = self.ranks.between(digests, start, stop)
            yield first + places, ranks

    def _joined(self, parts: Iterator[tuple[Int64s, Int64s]]) -> tuple[Int64s, Int64s]:
        ordinals, ranks = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
        for some, theirs in parts:
            ordinals.append(some)
            ranks.append(theirs)
        return np.concatenate(ordinals), np.concatenate(ranks)


Order = SeededOrder | OrderByKey
"""The order of a round's rows, by their ordinals or by their keys."""
