"""A sample as a table of a comparison: its rows with the weights and clusters of its design.

The table of one round has its weights. Those of several rounds are the ones of estimates: each
round drew from what earlier ones left, so a row's weight is its combined one
(:func:`combined_design`). Of more than 200,000 rows about 100,000 are read, chosen by a hash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from parquet_tables.database import ParquetDatabase, registered
from parquet_tables.progress import ProgressCallback
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column, TableFiles
from parquet_tables.writing import write_parquet
from profiling_engine.comparison.compared_table import ComparedTable
from sampling_engine import Round
from sampling_engine.sample_table import shown_columns
from service.service import Service
from service.tables.open_tables import OpenTable
from service.tables.sample_design import SampleDesign, design_of
from storage.jobs.jobs import JobRecord

MAX_MISSED_LABELS = 20
WHOLE_ROWS, READ_ROWS = 200_000, 100_000
BUCKETS = 1_000_000
ORDINAL = "CAST(split_part(f._logical_row_id, ':', -1) AS BIGINT)"


def combined_weights(
    service: Service, job: JobRecord, source: OpenTable, rounds: Sequence[Round]
) -> SampleDesign | None:
    """The design that has the weights of several rounds; None for one round, whose table has them.

    Raises
    ------
    UnsupportedDesign
        Rows of a round can't be weighted.
    """
    return design_of(service, job, source) if len(rounds) > 1 else None


def weighted_sample(
    database: ParquetDatabase,
    sample: TableFiles,
    source: TableFiles,
    rounds: Sequence[Round],
    design: SampleDesign | None,
    path: Path,
    on_progress: ProgressCallback,
) -> ComparedTable:
    """Write the rows of a sample to ``path`` with their weights, for a comparison.

    ``design`` is that of several rounds. Columns that not every round selected are left out, and so
    are rows with the weight 0.
    """
    shown = [column for column in shown_columns(source, rounds) if column.rounds is None]
    own = tuple(column.column for column in shown)
    weight, cluster = Column(_free_name("_weight", own), "DOUBLE"), None
    if any(spec.method.group_kind == "clusters" for spec in rounds):
        cluster = Column(_free_name("_cluster", own), "BIGINT")
    added = (weight,) if cluster is None else (weight, cluster)
    values = ("f._design_weight", "dense_rank() OVER (ORDER BY f._stratum)")
    rows, order, drawn = "read_parquet(?) AS f", "", {}
    if design is not None:
        values = ("d.weight", "d.unit")
        rows += f" JOIN drawn AS d ON d.ordinal = {ORDINAL}"
        order = " ORDER BY d.ordinal"
        drawn["drawn"] = {
            "ordinal": design.ordinals,
            "weight": design.design.weights,
            "unit": design.design.unit_numbers,
        }
    condition = f"{values[0]} > 0"
    if sample.row_count > WHOLE_ROWS:
        buckets = BUCKETS * READ_ROWS // sample.row_count
        condition += f" AND hash(f._logical_row_id) % {BUCKETS:d} < {buckets:d}"
    selected = [
        *((f"f.{quote_identifier(column.name)}", column.column) for column in shown),
        *zip(values, added, strict=False),
    ]
    columns = ", ".join(f"{sql} AS {quote_identifier(column.name)}" for sql, column in selected)
    query = f"SELECT {columns} FROM {rows} WHERE {condition}{order}"
    with database.cursor() as cursor, registered(cursor, drawn):
        message = "reading the sample"
        written = write_parquet(
            cursor, query, [sample.paths], path, on_progress=on_progress, message=message
        )
    table = TableFiles((*own, *added), (written,))
    return ComparedTable(table, None, weight, cluster, rows=sample.row_count)


def _free_name(name: str, taken: Sequence[Column]) -> str:
    names = {column.name.lower() for column in taken}
    while name.lower() in names:
        name = f"{name}_"
    return name


class StrataReached(TypedDict):
    """The strata of a stratified round: all, those with a drawn row, and labels of others."""

    round_number: int
    strata: int
    reached: int
    missed: list[str]


def strata_reached(
    database: ParquetDatabase, sample: TableFiles, results: Sequence[Mapping[str, Any]]
) -> list[StrataReached]:
    """The strata that each stratified round reached, by the rounds' summaries."""
    stratified = [result for result in results if "strata" in result]
    if not stratified:
        return []
    with database.cursor() as cursor:
        counts = cursor.execute(
            "SELECT f._sampling_round, count(DISTINCT f._stratum) "
            "FROM read_parquet(?) AS f GROUP BY ALL",
            [sample.paths],
        ).fetchall()
    reached = dict(counts)
    return [
        {
            "round_number": result["round_number"],
            "strata": result["strata_count"],
            "reached": int(reached.get(result["round_number"], 0)),
            "missed": [
                " | ".join("NULL" if value is None else value for value in stratum["key"].values())
                for stratum in result["strata"]
                if not stratum["sampled"]
            ][:MAX_MISSED_LABELS],
        }
        for result in stratified
    ]
