"""A drawn sample as one table of a comparison: its own columns, its weights, its clusters.

The columns that the draw added are left out, and a column that was renamed for one of them has its
own name again. The cost is bounded: of more than 200,000 rows about 100,000 are read, chosen by a
hash of their ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from job_runner.round_weights import CountedRounds
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import Report
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column, TableFiles
from parquet_tables.writing import write_parquet
from profiling_engine.compared_table import ComparedTable
from sampling_engine.sample_statements import Shown
from sampling_engine.sample_table import shown_columns

WHOLE_ROWS, READ_ROWS = 200_000, 100_000
BUCKETS = 1_000_000


@dataclass(frozen=True)
class SampleColumns:
    """The table's columns as a sample has them: in the rows of every round, or of some alone."""

    everywhere: tuple[Shown, ...]
    somewhere: tuple[Shown, ...]

    def lacking(self, asked: Sequence[Column]) -> list[str]:
        """Those of ``asked`` that not every row shows under its own name."""
        plain = {one.column for one in self.everywhere if one.name == one.column.name}
        return [column.name for column in asked if column not in plain]


def sample_columns(source: TableFiles, counted: CountedRounds) -> SampleColumns:
    """Which of the source's columns the sample shows."""
    shown = shown_columns(source, counted.rounds)
    return SampleColumns(
        tuple(one for one in shown if one.rounds is None),
        tuple(one for one in shown if one.rounds is not None),
    )


def sample_side(
    database: ParquetDatabase,
    sample: TableFiles,
    columns: SampleColumns,
    counted: CountedRounds,
    path: Path,
    report: Report,
) -> ComparedTable:
    """Write the rows of a sample that are compared to ``path``, with their weights.

    Returns
    -------
    ComparedTable
        Its effective sample size follows from the weights and clusters.
    """
    own = tuple(one.column for one in columns.everywhere)
    weight = Column(_free_name("_weight", own), "DOUBLE")
    cluster_sql = counted.cluster("f")
    cluster = None if cluster_sql is None else Column(_free_name("_cluster", own), "BIGINT")
    weight_sql, params = counted.weight("f")
    selected = [
        *(
            f"f.{quote_identifier(one.name)} AS {quote_identifier(one.column.name)}"
            for one in columns.everywhere
        ),
        f"{weight_sql} AS {quote_identifier(weight.name)}",
    ]
    if cluster is not None:
        selected.append(f"{cluster_sql} AS {quote_identifier(cluster.name)}")
    query = (
        f"SELECT * FROM (SELECT {', '.join(selected)} FROM read_parquet(?) AS f"
        f"{_thinned(sample.row_count)}) AS t WHERE t.{quote_identifier(weight.name)} > 0"
    )
    files = [str(file.path) for file in sample.files]
    with database.cursor() as cursor:
        written = write_parquet(
            cursor, query, [*params, files], path, report=report, message="reading the sample"
        )
    design = (weight,) if cluster is None else (weight, cluster)
    table = TableFiles((*own, *design), (written,))
    return ComparedTable(table, None, weight, cluster, rows=sample.row_count)


def _thinned(rows: int) -> str:
    if rows <= WHOLE_ROWS:
        return ""
    return f" WHERE hash(f._logical_row_id) % {BUCKETS:d} < {BUCKETS * READ_ROWS // rows:d}"


def _free_name(name: str, taken: Sequence[Column]) -> str:
    names = {column.name.lower() for column in taken}
    while name.lower() in names:
        name = f"{name}_"
    return name
