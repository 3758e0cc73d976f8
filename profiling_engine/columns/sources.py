"""Relations that a column's values are read from: all rows, frequencies or a seeded sample.

Temporary tables on the profile's cursor: ``frequencies`` (v, n), ``sampled`` (block, v) and
``picked`` (ordinal, block: the rows of the sample).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from parquet_tables.rows import page_statement, rows_at
from parquet_tables.tables import Column, Int64s, TableFiles
from profiling_engine.columns.kinds import ColumnKind

Statement = tuple[str, list[object]]


@dataclass(frozen=True)
class Source:
    """A relation ``v`` of one column's values: SQL after FROM, with its parameters.

    ``weighted`` if each value occurs once, with its rows as ``n``; ``in_blocks`` if it is a sample,
    with the number of each row's ``block``.
    """

    relation: str
    params: tuple[object, ...] = ()
    weighted: bool = False
    in_blocks: bool = False

    @property
    def rows(self) -> str:
        """The SQL of the number of rows; so are the next two."""
        return "CAST(coalesce(sum(n), 0) AS BIGINT)" if self.weighted else "count(*)"

    def select(self, selected: str, rest: str = "") -> Statement:
        """Select from the relation; ``rest`` follows its name."""
        return f"SELECT {selected} FROM {self.relation}{rest}", list(self.params)

    def rows_where(self, condition: str) -> str:
        if self.weighted:
            return f"CAST(coalesce(sum(n) FILTER (WHERE {condition}), 0) AS BIGINT)"
        # DuckDB's count_if of no rows is NULL.
        return f"coalesce(count_if({condition}), 0)"

    def total(self, integer: str) -> str:
        if self.weighted:
            return f"coalesce(sum(CAST({integer} AS HUGEINT) * n), 0)"
        return f"coalesce(sum({integer}), 0)"


FREQUENCIES = Source("frequencies", weighted=True)
SAMPLED = Source("sampled", in_blocks=True)


def rows_of(table: TableFiles, columns: Sequence[Column], selected: str) -> Statement:
    """Select from every row ``f`` of the table, in one scan if no row is masked."""
    paths = [str(file.path) for file, _ in table.with_starts()]
    if paths and not len(table.deletion_vector):
        return f"SELECT {selected} FROM read_parquet(?) AS f", [paths]
    rows, params = page_statement(table, columns)
    return f"SELECT {selected} FROM ({rows}) AS f", params


def all_rows(table: TableFiles, kind: ColumnKind) -> Source:
    rows, params = rows_of(table, [kind.column], f"{kind.value_sql()} AS v")
    return Source(f"({rows})", tuple(params))


def count_values(rows: Source) -> Statement:
    """Create the table ``frequencies`` from a relation of rows."""
    return (
        "CREATE OR REPLACE TEMP TABLE frequencies AS "
        f"SELECT v, {rows.rows} AS n FROM {rows.relation} GROUP BY v",
        list(rows.params),
    )


def read_sample(table: TableFiles, kind: ColumnKind) -> Statement:
    """Create the table ``sampled`` from the rows in ``picked``."""
    rows, params = rows_at(table, f"p.block, {kind.value_sql()} AS v", "picked")
    return f"CREATE OR REPLACE TEMP TABLE sampled AS {rows}", params


@dataclass(frozen=True)
class SampleSize:
    """The rows and blocks of the sample, and those of the table (``of_rows``, ``of_blocks``)."""

    rows: int
    blocks: int
    of_rows: int
    of_blocks: int

    @property
    def unread(self) -> float:
        """The share of the blocks that wasn't read: the finite population correction."""
        return 1 - self.blocks / self.of_blocks


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
        cursor.register("picked", {"ordinal": self.ordinals, "block": self.blocks})


def choose_rows(table: TableFiles, seed: int | str) -> RowSample:
    """Choose up to 512 blocks of 64 neighbouring rows, each with the same probability."""
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
