"""A table as one of the two that are compared.

The rows of a drawn sample count by their design weights. Every other table is read whole, or by its
reference if it is large, so the cost is bounded whatever the table's size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from job_runner.open_tables import SAMPLE, OpenTable, open_table, source_of
from job_runner.round_weights import CountedRounds, counted_rounds
from job_runner.sample_side import SampleColumns, sample_columns, sample_side
from job_runner.sampling_parameters import recorded_rounds
from job_runner.service import Service
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import Report
from profiling_engine.compared_table import ComparedTable
from sampling_engine import reference_of
from storage.jobs import Job
from storage.publishing import job_with_output


@dataclass(frozen=True)
class DrawnSample:
    """The table of a job's sample, and how its rows were drawn."""

    job: Job
    columns: SampleColumns
    counted: CountedRounds


def drawn_sample(service: Service, dataset_id: int, table: OpenTable) -> DrawnSample | None:
    """How a table was drawn; None if it is no sample, or its rows can't be weighted.

    They can't if the table that they were drawn from is gone, or if rounds differ in their filters
    and the sample lacks a column of a filter.
    """
    if table.key != SAMPLE or not table.files.row_count:
        return None
    with service.database.read() as tx:
        job = job_with_output(tx, dataset_id, table.commit_id)
    if job is None or job.run_type != "sampling" or job.source_commit_id is None:
        return None
    key = job.run_parameters["table_key"]
    source = open_table(service, dataset_id, source_of(job), key).files
    rounds = recorded_rounds(job.run_parameters, source)
    counted = counted_rounds(rounds, (job.output_summary or {})["rounds"])
    columns = sample_columns(source, counted)
    if columns.lacking(counted.asked_columns):
        return None
    return DrawnSample(job, columns, counted)


def side_of(
    service: Service,
    database: ParquetDatabase,
    table: OpenTable,
    drawn: DrawnSample | None,
    path: Path,
    report: Report,
) -> tuple[ComparedTable, dict[str, Any]]:
    """The table to compare, and its ``rows``, ``rows_read`` and whether it is ``weighted``.

    Parameters
    ----------
    path : Path
        Where a sample's rows are written with their weights.
    """
    facts: dict[str, Any] = {"rows": table.files.row_count, "weighted": drawn is not None}
    if drawn is not None:
        side = sample_side(database, table.files, drawn.columns, drawn.counted, path, report)
    else:
        counts_dir = service.directory.counts_dir
        found = reference_of(database, table.files, counts_dir=counts_dir, report=report)
        # The p-values of two tables are those of two samples as large as the rows that are read.
        size = float(found.table.row_count)
        side = ComparedTable(found.table, size, rows=found.rows)
        facts["rows"] = found.rows
    return side, {**facts, "rows_read": side.table.row_count}


def as_population(side: ComparedTable) -> ComparedTable:
    """A table beside a sample: without a sampling error if every row of it is read."""
    if side.is_sample or not side.is_read_whole:
        return side
    return replace(side, size=math.inf)
