"""The seeded order: one random order of a table's rows for every seed.

Owns: ``jobsvc-order-1``, a keyed bijection between a row's ordinal and its rank. Invariant: it
depends on nothing but the seed, the ordinal and the number of rows, so a draw comes out the same on
any machine, thread count or file layout; a change to it is a new version with a new name. Called by
the walk, by the scan (which evaluates the same arithmetic in SQL) and by whoever needs a seed.

The rows with the lowest ranks that qualify are the sample: order sampling with permanent random
numbers (Ohlsson 1995, "Coordination of samples using permanent random numbers"; Rosén 1997,
"Asymptotic theory for order sampling"). The bijection is a balanced Feistel network (Luby and
Rackoff 1988) whose round function is a multiply-xorshift mixer.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

ORDER_VERSION = "jobsvc-order-1"

Seed = int | str
"""An integer, or any text; an integer is the same seed as its decimal text."""

Int64s = NDArray[np.int64]

FEISTEL_ROUNDS = 8
LOW_31_BITS = 0x7FFFFFFF
FIRST_FACTOR = 0x2C1B3C6D
SECOND_FACTOR = 0x297A2D39
FEWEST_BITS = 16
MOST_BITS = 62

# The arrays of one block stay in the processor's cache through all eight rounds.
BLOCK_ROWS = 16_384


def new_seed() -> int:
    """Draw a seed from the system's entropy: 0 to 2^53 - 1, exact in JavaScript, too."""
    return secrets.randbits(53)


@dataclass(frozen=True)
class SeededOrder:
    """The order into which ``seed`` puts ``rows`` rows.

    Parameters
    ----------
    rows : int
        The table's number of rows, 0 to 2^62.
    seed : int or str
        0 and the empty text are seeds like any other.

    Raises
    ------
    ValueError
        ``rows`` is negative or above 2^62, or the seed's text can't be UTF-8.

    Examples
    --------
    >>> SeededOrder(20, 42).first(5).tolist()
    [18, 7, 19, 3, 2]
    """

    rows: int
    seed: Seed

    def __post_init__(self) -> None:
        if not 0 <= self.rows <= 1 << MOST_BITS:
            raise ValueError(f"An order has 0 to 2^{MOST_BITS} rows, not {self.rows}.")
        _ = self.keys

    @cached_property
    def bits(self) -> int:
        """Width of a rank: the smallest even number, 16 or more, with 2^bits >= rows."""
        needed = max(self.rows - 1, 0).bit_length()
        return max(FEWEST_BITS, needed + needed % 2)

    @property
    def size(self) -> int:
        """Number of ranks, 2^bits; those whose ordinal is beyond the table belong to no row."""
        return 1 << self.bits

    @cached_property
    def keys(self) -> tuple[int, ...]:
        """The eight round keys, 31 bits each."""
        prefix = f"{ORDER_VERSION}:{self.seed}:".encode()
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
        """The rows whose ranks are in ``[start, stop)``, in order of rank.

        Returns
        -------
        ordinals, ranks : arrays of int64
            Of equal length, ``stop - start`` at the most.
        """
        ranks = np.arange(start, min(stop, self.size), dtype=np.int64)
        ordinals = self.ordinal(ranks)
        in_table = ordinals < self.rows
        return ordinals[in_table], ranks[in_table]

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
        """How many ranks to look at to find about ``count`` rows, a little more than less."""
        return count * self.size // max(self.rows, 1) + 64

    def _permute(self, numbers: Int64s, *, inverse: bool) -> Int64s:
        permuted = np.empty(len(numbers), dtype=np.int64)
        for start in range(0, len(numbers), BLOCK_ROWS):
            block = numbers[start : start + BLOCK_ROWS]
            permuted[start : start + len(block)] = self._permute_block(block, inverse=inverse)
        return permuted

    def _permute_block(self, numbers: Int64s, *, inverse: bool) -> Int64s:
        half = self.bits // 2
        mask = (1 << half) - 1
        left, right = numbers >> half, numbers & mask
        mixed, shifted = np.empty_like(left), np.empty_like(left)
        # The inverse is the same network with the halves' parts exchanged and the keys reversed.
        if inverse:
            left, right = right, left
        for key in reversed(self.keys) if inverse else self.keys:
            _mix(right, key, mask, mixed, shifted)
            left ^= mixed
            left, right = right, left
        if inverse:
            left, right = right, left
        return (left << half) | right


def _mix(half: Int64s, key: int, mask: int, mixed: Int64s, shifted: Int64s) -> None:
    """Put the mixed ``half`` into ``mixed``; every product stays below 2^62."""
    np.bitwise_xor(half, key, out=mixed)
    np.multiply(mixed, FIRST_FACTOR, out=mixed)
    np.bitwise_and(mixed, LOW_31_BITS, out=mixed)
    np.right_shift(mixed, 15, out=shifted)
    np.bitwise_xor(mixed, shifted, out=mixed)
    np.multiply(mixed, SECOND_FACTOR, out=mixed)
    np.bitwise_and(mixed, LOW_31_BITS, out=mixed)
    np.right_shift(mixed, 13, out=shifted)
    np.bitwise_xor(mixed, shifted, out=mixed)
    np.bitwise_and(mixed, mask, out=mixed)
