"""The rows of two tables that have one key, in memory part by part."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from parquet_tables.row_keys.canonical import DIGEST_BITS
from parquet_tables.row_keys.digests import NO_KEY, PART_BITS, KeyDigests, is_in
from parquet_tables.tables import Int64s

PART_ROWS = 1 << 22
"""About the rows of a part, which takes some 200 MB."""
MAX_HELD = 1 << 18
"""Digests that are looked up at once, but for those of one part."""
_NONE = np.empty(0, dtype=np.int64)


def kept_pairs(before: KeyDigests, after: KeyDigests) -> Iterator[tuple[Int64s, Int64s]]:
    """The ordinals in both tables of the live rows whose key both have, part by part."""
    rows = max(before.table.file_rows, after.table.file_rows)
    bits = max((rows // PART_ROWS).bit_length(), 0)
    for part in range(1 << bits):
        (first, of_first), (second, of_second) = (
            _part_of(keyed, part, bits) for keyed in (before, after)
        )
        _, places, others = np.intersect1d(first, second, return_indices=True)
        yield of_first[places], of_second[others]


def kept_rows(before: KeyDigests, after: KeyDigests) -> Int64s:
    """The ordinals, ascending, of the live rows of ``after`` whose digest is one of ``before``.

    Digests of ``before`` are in memory a few parts at a time.
    """
    is_kept = np.zeros(after.table.file_rows, dtype=np.bool_)
    shift = DIGEST_BITS - PART_BITS
    first_part, held = 0, [_NONE]
    for part, digests in enumerate(before.sorted_parts()):
        held.append(digests)
        if sum(map(len, held)) < MAX_HELD and part + 1 < 1 << PART_BITS:
            continue
        wanted = np.concatenate(held)
        for first, piece in after.pieces() if len(wanted) else ():
            parts = piece >> shift
            here = np.flatnonzero((parts >= first_part) & (parts <= part))
            is_kept[first + here[is_in(piece[here], wanted)]] = True
        first_part, held = part + 1, [_NONE]
    is_kept[after.table.deletion_vector] = False
    return np.flatnonzero(is_kept)


def places_in_both(first: Int64s, second: Int64s) -> tuple[Int64s, Int64s]:
    """The places in two arrays of digests of those that both have."""
    _, places, others = np.intersect1d(first, second, return_indices=True)
    return places, others


def _part_of(keyed: KeyDigests, part: int, bits: int) -> tuple[Int64s, Int64s]:
    """The digests and ordinals of the live rows in a part of the digests' range."""
    digests, ordinals = [_NONE], [_NONE]
    for first, piece in keyed.pieces():
        is_here = (piece != NO_KEY) & (piece >> (DIGEST_BITS - bits) == part)
        live = keyed.live(first, is_here)
        ordinals.append(live)
        digests.append(piece[live - first])
    return np.concatenate(digests), np.concatenate(ordinals)
