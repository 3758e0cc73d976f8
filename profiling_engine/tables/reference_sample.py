"""A seeded sample of rows, for what isn't worth a look at every row.

Owns: which rows. Invariant: the seed and the number of rows settle them, whatever the layout and
the number of threads; every block of 64 neighbouring rows is equally likely. Blocks keep the sample
cheap: 32,768 rows of 60 million are read in a tenth of a second.
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
    """The rows of a sample.

    Parameters
    ----------
    ordinals, blocks : arrays of int64, shape (rows,)
        The rows, ascending, and the number of each one's block.
    """

    ordinals: Int64s
    blocks: Int64s
    size: SampleSize

    def register(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Make the table ``picked``."""
        cursor.register("picked", {"ordinal": self.ordinals, "block": self.blocks})


def choose_rows(table: TableFiles, seed: int | str) -> RowSample:
    """512 blocks of the table's rows, or all of them."""
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
    """So many different numbers below ``of``, from SHA-256 of the seed and a counter."""
    if count == of:
        return set(range(of))
    chosen: set[int] = set()
    counter = 0
    while len(chosen) < count:
        digest = hashlib.sha256(f"jobsvc-profile-1:{seed}:{counter}".encode()).digest()
        chosen.add(int.from_bytes(digest[:8], "big") % of)
        counter += 1
    return chosen
