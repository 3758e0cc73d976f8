"""Where the values of a column are read from.

Owns: the relations that every statement of a profile reads. Invariant: a relation has ``v``, the
value; ``n``, the rows with that value, when it holds each value once; ``block`` when it is a
sample. So one statement serves all of them.

Temporary tables on the profile's own cursor:

=============== ==================================================================
``frequencies`` v, n: each value of a column once, NULL among them, and its rows
``sampled``     block, v: the rows of a column in a seeded sample
``picked``      ordinal, block: which rows these are
=============== ==================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from parquet_tables.rows import page_statement, rows_at
from parquet_tables.tables import Column, TableFiles
from profiling_engine.columns.kinds import ColumnKind

Statement = tuple[str, list[object]]


@dataclass(frozen=True)
class Source:
    """A relation of one column's values.

    Parameters
    ----------
    relation : str
        What can stand after FROM.
    weighted : bool
        Whether each value is there once, with its rows as ``n``.
    in_blocks : bool
        Whether it is a sample, with ``block``.
    """

    relation: str
    params: tuple[object, ...] = ()
    weighted: bool = False
    in_blocks: bool = False

    @property
    def rows(self) -> str:
        """The number of rows as BIGINT."""
        return "CAST(coalesce(sum(n), 0) AS BIGINT)" if self.weighted else "count(*)"

    def rows_where(self, condition: str) -> str:
        """The number of rows that a condition holds for."""
        if self.weighted:
            return f"CAST(coalesce(sum(n) FILTER (WHERE {condition}), 0) AS BIGINT)"
        # Of no rows DuckDB's count_if is NULL.
        return f"coalesce(count_if({condition}), 0)"

    def total(self, integer: str) -> str:
        """The sum of an integer over all rows, as HUGEINT; 0 without any."""
        if self.weighted:
            return f"coalesce(sum(CAST({integer} AS HUGEINT) * n), 0)"
        return f"coalesce(sum({integer}), 0)"


FREQUENCIES = Source("frequencies", weighted=True)
SAMPLED = Source("sampled", in_blocks=True)


def rows_of(table: TableFiles, columns: Sequence[Column], selected: str) -> Statement:
    """What is selected of every row ``f`` of the table, in one scan where no row is left out."""
    paths = [str(file.path) for file, _ in table.with_starts()]
    if paths and not len(table.deletion_vector):
        return f"SELECT {selected} FROM read_parquet(?) AS f", [paths]
    kept, params = page_statement(table, columns)
    return f"SELECT {selected} FROM ({kept}) AS f", params


def all_rows(table: TableFiles, kind: ColumnKind) -> Source:
    """Every row of the table."""
    rows, params = rows_of(table, [kind.column], f"{kind.value_sql()} AS v")
    return Source(f"({rows})", tuple(params))


def count_values(rows: Source) -> Statement:
    """Make the table ``frequencies`` of a relation of rows."""
    return (
        "CREATE OR REPLACE TEMP TABLE frequencies AS "
        f"SELECT v, {rows.rows} AS n FROM {rows.relation} GROUP BY v",
        list(rows.params),
    )


def read_sample(table: TableFiles, kind: ColumnKind) -> Statement:
    """Make the table ``sampled`` of the rows in ``picked``."""
    rows, params = rows_at(table, f"p.block, {kind.value_sql()} AS v", "picked")
    return f"CREATE OR REPLACE TEMP TABLE sampled AS {rows}", params
