"""The seeded order ``jobsvc-order-1``: a keyed bijection of ordinals and ranks, in numpy and SQL.

Ohlsson (1995), "Coordination of samples using permanent random numbers"; Rosén (1997), "Asymptotic
theory for order sampling"; Luby and Rackoff (1988) for the balanced Feistel network.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lazy_dataclasses import dataclass

ORDER_VERSION = "jobsvc-order-1"

Seed = int | str
"""An integer, or any text; an integer is the same seed as its decimal text."""

Int64s = NDArray[np.int64]
UInt32s = NDArray[np.uint32]

FEISTEL_ROUNDS = 8
LOW_31_BITS = 0x7FFFFFFF
FIRST_FACTOR = 0x2C1B3C6D
SECOND_FACTOR = 0x297A2D39
MIN_BITS = 16
MAX_BITS = 62

# The arrays of one block stay in the processor's cache through all eight rounds.
BLOCK_ROWS = 65_536

# Ranks of a walk's window, so that its arrays stay small.
WINDOW_RANKS = 1 << 20


ENTROPY: random.Random = random.SystemRandom()


def new_seed() -> int:
    """Draw a seed from the system's entropy: 0 to 2^53 - 1, exact in JavaScript, too."""
    return ENTROPY.getrandbits(53)


@dataclass(frozen=True)
class SeededOrder:
    """The order of ``rows`` rows by ``seed``.

    ``width`` is the number of bits of a rank, even and 16 to 62; the smallest that holds the rows
    when left out. ``version`` enters the round keys.

    >>> SeededOrder(20, 42).first(5).tolist()
    [18, 7, 19, 3, 2]
    """

    rows: int
    seed: Seed
    width: int | None = None
    version: str = ORDER_VERSION
    window_ranks: ClassVar[int] = WINDOW_RANKS

    def __post_init__(self) -> None:
        if not 0 <= self.rows <= 1 << MAX_BITS:
            raise ValueError(f"An order has 0 to 2^{MAX_BITS} rows, not {self.rows}.")
        _ = self.keys

    @cached_property
    def bits(self) -> int:
        """Width of a rank: as given, or the smallest even number >= 16 with 2^bits >= rows."""
        if self.width is not None:
            return self.width
        needed = max(self.rows - 1, 0).bit_length()
        return max(MIN_BITS, needed + needed % 2)

    @property
    def size(self) -> int:
        """Number of ranks, 2^bits; those whose ordinal is beyond the table belong to no row."""
        return 1 << self.bits

    @cached_property
    def keys(self) -> tuple[int, ...]:
        """The eight round keys, 31 bits each."""
        prefix = f"{self.version}:{self.seed}:".encode()
        return tuple(
            int.from_bytes(hashlib.sha256(prefix + bytes([i])).digest()[:4]) & LOW_31_BITS
            for i in range(FEISTEL_ROUNDS)
        )

    def rank(self, ordinals: Int64s) -> Int64s:
        """The rank of each ordinal, below :attr:`size`; a lower rank is drawn earlier."""
        return self._permute(ordinals, inverse=False)

    def ordinal(self, ranks: Int64s) -> Int64s:
        """The ordinal at each rank, the inverse of :meth:`rank`; it may be beyond the table."""
        return self._permute(ranks, inverse=True)

    def window(self, start: int, stop: int) -> tuple[Int64s, Int64s]:
        """Ordinals and ranks of the rows whose ranks are in ``[start, stop)``, in order of rank."""
        ranks = np.arange(start, min(stop, self.size), dtype=np.int64)
        ordinals = self.ordinal(ranks)
        in_table = ordinals < self.rows
        return ordinals[in_table], ranks[in_table]

    def places(self, ordinals: Int64s, ranks: Int64s) -> NDArray[np.intp]:
        """The places that sort rows by their rank."""
        return np.argsort(ranks)

    def first(self, count: int) -> Int64s:
        """The ordinals of the first ``count`` rows of the order, or of all of them."""
        count = min(count, self.rows)
        found: list[Int64s] = [np.empty(0, dtype=np.int64)]
        have, start = 0, 0
        while have < count:
            stop = start + self.ranks_for(count - have)
            ordinals, _ = self.window(start, stop)
            found.append(ordinals)
            have, start = have + len(ordinals), stop
        return np.concatenate(found)[:count]

    def ranks_for(self, count: int) -> int:
        """How many ranks to read to find about ``count`` rows, a little more than less."""
        return count * self.size // max(self.rows, 1) + 64

    def ranked_below(self, start: int, stop: int, limit: int) -> tuple[Int64s, Int64s]:
        """Ordinals and ranks of a range of ordinals whose rank is below ``limit``."""
        firsts = range(start, stop, BLOCK_ROWS)
        kind: Any = np.uint32 if self._fits_half else np.int64
        blocks = (np.arange(at, min(at + BLOCK_ROWS, stop), dtype=kind) for at in firsts)
        return self._below(blocks, limit)

    def among_below(self, ordinals: Int64s, limit: int) -> tuple[Int64s, Int64s]:
        """Those of ``ordinals`` whose rank is below ``limit``, in their order, and their ranks."""
        firsts = range(0, len(ordinals), BLOCK_ROWS)
        return self._below((ordinals[at : at + BLOCK_ROWS] for at in firsts), limit)

    def among_between(self, numbers: Int64s, first: int, last: int) -> tuple[Int64s, Int64s]:
        """Places of the numbers whose rank is from ``first`` to ``last``, ascending, and ranks."""
        half = self.bits // 2
        low, high = np.uint32(first >> half), np.uint32(last >> half)
        found: list[Int64s] = [np.empty(0, dtype=np.int64)]
        for start in range(0, len(numbers), BLOCK_ROWS):
            left, right = self._halves(numbers[start : start + BLOCK_ROWS])
            # The last round doesn't change the upper half of a rank.
            _, upper = self._run_rounds(left, right, self.keys[:-1])
            found.append(start + np.flatnonzero((upper >= low) & (upper <= high)))
        places = np.concatenate(found)
        ranks = self.rank(numbers[places])
        inside = (ranks >= first) & (ranks <= last)
        return places[inside], ranks[inside]

    @property
    def _fits_half(self) -> bool:
        """Whether the upper half of every ordinal is 0."""
        return self.rows <= 1 << self.bits // 2

    def _below(self, blocks: Iterable[NDArray[Any]], limit: int) -> tuple[Int64s, Int64s]:
        """Faster than :meth:`rank`: the last round doesn't change the upper half of a rank."""
        highest = np.uint32(limit >> self.bits // 2)
        found: list[NDArray[Any]] = []
        for block in blocks:
            if self._fits_half:
                left, right = np.zeros(len(block), dtype=np.uint32), block.astype(np.uint32)
            else:
                left, right = self._halves(block)
            _, upper = self._run_rounds(left, right, self.keys[:-1])
            found.append(block[upper <= highest])
        ordinals = np.concatenate([np.empty(0, dtype=np.int64), *found])
        ranks = self.rank(ordinals)
        below = ranks < limit
        return ordinals[below], ranks[below]

    def _permute(self, numbers: Int64s, *, inverse: bool) -> Int64s:
        permuted = np.empty(len(numbers), dtype=np.int64)
        for start in range(0, len(numbers), BLOCK_ROWS):
            block = numbers[start : start + BLOCK_ROWS]
            permuted[start : start + len(block)] = self._permute_block(block, inverse=inverse)
        return permuted

    def _permute_block(self, numbers: Int64s, *, inverse: bool) -> Int64s:
        left, right = self._halves(numbers)
        # The inverse is the same network with the halves' parts exchanged and the keys reversed.
        if inverse:
            right, left = self._run_rounds(right, left, self.keys[::-1])
        else:
            left, right = self._run_rounds(left, right, self.keys)
        return (left.astype(np.int64) << self.bits // 2) | right

    def _halves(self, numbers: Int64s) -> tuple[UInt32s, UInt32s]:
        half = self.bits // 2
        return (numbers >> half).astype(np.uint32), (numbers & (1 << half) - 1).astype(np.uint32)

    def _run_rounds(
        self, left: UInt32s, right: UInt32s, keys: tuple[int, ...]
    ) -> tuple[UInt32s, UInt32s]:
        """Run one Feistel round a key on the halves, whose arrays are overwritten."""
        mask = np.uint32((1 << self.bits // 2) - 1)
        mixed, shifted = np.empty_like(left), np.empty_like(left)
        for key in keys:
            _mix(right, np.uint32(key), mask, mixed, shifted)
            left ^= mixed
            left, right = right, left
        return left, right


_FIRST_FACTOR, _SECOND_FACTOR = np.uint32(FIRST_FACTOR), np.uint32(SECOND_FACTOR)
_LOW_31_BITS = np.uint32(LOW_31_BITS)
_FIRST_SHIFT, _SECOND_SHIFT = np.uint32(15), np.uint32(13)


def _mix(half: UInt32s, key: np.uint32, mask: np.uint32, mixed: UInt32s, shifted: UInt32s) -> None:
    """Put the mixed ``half`` into ``mixed``.

    Each step is a pass over the block, which is what a rank costs.
    """
    np.bitwise_xor(half, key, out=mixed)
    np.multiply(mixed, _FIRST_FACTOR, out=mixed)
    np.bitwise_and(mixed, _LOW_31_BITS, out=mixed)
    np.right_shift(mixed, _FIRST_SHIFT, out=shifted)
    np.bitwise_xor(mixed, shifted, out=mixed)
    np.multiply(mixed, _SECOND_FACTOR, out=mixed)
    np.bitwise_and(mixed, _LOW_31_BITS, out=mixed)
    np.right_shift(mixed, _SECOND_SHIFT, out=shifted)
    np.bitwise_xor(mixed, shifted, out=mixed)
    if mask != _LOW_31_BITS:
        np.bitwise_and(mixed, mask, out=mixed)


def in_sorted(ordinals: Int64s, taken: Int64s) -> NDArray[np.bool_]:
    """Which ordinals are among the sorted ``taken``."""
    if not len(taken):
        return np.zeros(len(ordinals), dtype=bool)
    places = np.minimum(np.searchsorted(taken, ordinals), len(taken) - 1)
    found: NDArray[np.bool_] = taken[places] == ordinals
    return found


def rank_steps(order: SeededOrder, source: str, carried: Sequence[str]) -> tuple[list[str], str]:
    """Common table expressions that add the column ``rank`` to ``source``, and the last one's name.

    ``source`` has a BIGINT column ``ordinal`` and the ``carried`` columns. Each step is small,
    because DuckDB evaluates a shared part of an expression once only when it is a column.
    """
    half = order.bits // 2
    mask = (1 << half) - 1
    columns = ", ".join(["ordinal", *carried])
    steps = [_step("split", f"{columns}, ordinal >> {half} AS l, ordinal & {mask} AS r", source)]
    before = "split"
    for i, key in enumerate(order.keys):
        once = f"(xor(r, {key}) * {FIRST_FACTOR}) & {LOW_31_BITS}"
        twice = f"(xor(x, x >> 15) * {SECOND_FACTOR}) & {LOW_31_BITS}"
        steps += [
            _step(f"once_{i}", f"{columns}, l, r, {once} AS x", before),
            _step(f"twice_{i}", f"{columns}, l, r, {twice} AS x", f"once_{i}"),
            _step(
                f"round_{i}",
                f"{columns}, r AS l, xor(l, xor(x, x >> 13) & {mask}) AS r",
                f"twice_{i}",
            ),
        ]
        before = f"round_{i}"
    steps.append(_step("ranked", f"{columns}, (l << {half}) | r AS rank", before))
    return steps, "ranked"


def _step(name: str, columns: str, source: str) -> str:
    # NOT MATERIALIZED: since 1.4 DuckDB may keep a common table expression's rows in memory.
    return f"{name} AS NOT MATERIALIZED (SELECT {columns} FROM {source})"


def seed_for(effective_seed: Seed, purpose: str) -> str:
    """The seed of another order than that of the rows, which must not repeat their ranks."""
    return f"{effective_seed}:{purpose}"
