"""The rows of two tables that have one key, in memory part by part."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from parquet_tables.row_keys.canonical import DIGEST_BITS
from parquet_tables.row_keys.digests import NO_KEY, KeyDigests
from parquet_tables.tables import Int64s

PART_ROWS = 1 << 22
"""About the rows of a part, which takes some 200 MB."""


def kept_rows(before: KeyDigests, after: KeyDigests) -> Iterator[tuple[Int64s, Int64s]]:
    """The ordinals in both tables of the live rows whose key both have, part by part."""
    rows = max(before.table.file_rows, after.table.file_rows)
    bits = max((rows // PART_ROWS).bit_length(), 0)
    for part in range(1 << bits):
        (first, of_first), (second, of_second) = (
            _part_of(keyed, part, bits) for keyed in (before, after)
        )
        _, places, others = np.intersect1d(first, second, return_indices=True)
        yield of_first[places], of_second[others]


def places_in_both(first: Int64s, second: Int64s) -> tuple[Int64s, Int64s]:
    """The places in two arrays of digests of those that both have."""
    _, places, others = np.intersect1d(first, second, return_indices=True)
    return places, others


def _part_of(keyed: KeyDigests, part: int, bits: int) -> tuple[Int64s, Int64s]:
    """The digests and ordinals of the live rows in a part of the digests' range."""
    digests, ordinals = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for first, piece in keyed.pieces():
        is_here = (piece != NO_KEY) & (piece >> (DIGEST_BITS - bits) == part)
        live = keyed.live(first, is_here)
        ordinals.append(live)
        digests.append(piece[live - first])
    return np.concatenate(digests), np.concatenate(ordinals)
