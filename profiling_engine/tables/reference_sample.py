"""A seeded sample of rows for estimates.

The seed and the number of rows determine the sample. It consists of blocks of 64 neighbouring rows,
each with the same probability, because blocks are cheap to read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import duckdb
import numpy as np

from parquet_tables.tables import Int64s, TableFiles
from profiling_engine.columns.aggregates import SampleSize

BLOCK_ROWS = 64
MAX_BLOCKS = 512
SAMPLE_ROWS = BLOCK_ROWS * MAX_BLOCKS


@dataclass(frozen=True)
class RowSample:
    """The ordinals of a sample's rows, ascending, and the number of each row's block."""

    ordinals: Int64s
    blocks: Int64s
    size: SampleSize

    def register(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Create the table ``picked``."""
        cursor.register("picked", {"ordinal": self.ordinals, "block": self.blocks})


def choose_rows(table: TableFiles, seed: int | str) -> RowSample:
    """Choose up to 512 blocks of the table's rows."""
    rows = table.row_count
    of_blocks = -(-rows // BLOCK_ROWS)
    chosen = np.array(
        sorted(distinct_numbers(seed, min(of_blocks, MAX_BLOCKS), of_blocks)), np.int64
    )
    positions = (chosen[:, None] * BLOCK_ROWS + np.arange(BLOCK_ROWS)).ravel()
    blocks = np.repeat(np.arange(len(chosen)), BLOCK_ROWS)
    inside = positions < rows
    size = SampleSize(int(inside.sum()), len(chosen), rows, of_blocks)
    return RowSample(table.ordinals_at(positions[inside]), blocks[inside], size)


def distinct_numbers(seed: int | str, count: int, of: int) -> set[int]:
    """Choose ``count`` distinct numbers below ``of`` by SHA-256 of the seed and a counter."""
    if count == of:
        return set(range(of))
    chosen: set[int] = set()
    counter = 0
    while len(chosen) < count:
        digest = hashlib.sha256(f"jobsvc-profile-1:{seed}:{counter}".encode()).digest()
        chosen.add(int.from_bytes(digest[:8], "big") % of)
        counter += 1
    return chosen
