"""A table as one of the two that are compared.

The rows of a drawn sample count by their design weights. Every other table is read whole, or by its
reference if it is large, so the cost is bounded whatever the table's size.

The comparison of two tables of a dataset, with its cache.

A comparison is a function of the two tables' files, whatever commits hold them, and of the design
of a sample among them. It is computed once for each pair. Used by reports and the page of versions.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from job_runner.sampling_parameters import recorded_rounds
from job_runner.service import Service
from job_runner.tables.cache import keep, kept_path, read_kept, table_identity
from job_runner.tables.open_tables import SAMPLE, OpenTable, open_table, source_of
from job_runner.tables.sample_weights import (
    CountedRounds,
    SampleColumns,
    counted_rounds,
    sample_columns,
    sample_side,
)
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part
from profiling_engine.comparison.compared_table import ComparedTable
from profiling_engine.comparison.comparison import compare_tables
from sampling_engine import reference_of
from storage.jobs.jobs import Job
from storage.jobs.publishing import job_with_output


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
    on_progress: ProgressCallback,
) -> tuple[ComparedTable, dict[str, Any]]:
    """The table to compare, and its ``rows``, ``rows_read`` and whether it is ``weighted``.

    Parameters
    ----------
    path : Path
        Where a sample's rows are written with their weights.
    """
    facts: dict[str, Any] = {"rows": table.files.row_count, "weighted": drawn is not None}
    if drawn is not None:
        side = sample_side(database, table.files, drawn.columns, drawn.counted, path, on_progress)
    else:
        counts_dir = service.directory.counts_dir
        found = reference_of(database, table.files, counts_dir=counts_dir, on_progress=on_progress)
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


COMPARISON_VERSION = "jobsvc-comparison-4"
BASE_READ, OTHER_READ = 0.2, 0.4
"""Of the whole progress."""


def compared_with(service: Service, dataset_id: int, asked: dict[str, Any]) -> OpenTable:
    """The other table, from a job's ``compare_to``.

    Raises
    ------
    NotFound
        It isn't there, or not any more.
    """
    return open_table(service, dataset_id, asked["commit_id"], asked["table_key"])


def kept_side_by_side(
    service: Service, dataset_id: int, base: OpenTable, other: OpenTable
) -> dict[str, Any] | None:
    """The cached comparison of two tables; None if there is none."""
    drawn = [drawn_sample(service, dataset_id, table) for table in (base, other)]
    return read_kept(_kept_path(service, base, other, drawn))


def comparison_of(
    service: Service,
    dataset_id: int,
    base: OpenTable,
    other: OpenTable,
    *,
    database: ParquetDatabase,
    on_progress: ProgressCallback = ignore_progress,
) -> dict[str, Any]:
    """The comparison of two tables from the cache, or computed now, as JSON.

    Returns
    -------
    dict
        The comparison, and ``base`` and ``other`` with ``rows``, ``rows_read`` and ``weighted``.
    """
    drawn = [drawn_sample(service, dataset_id, table) for table in (base, other)]
    path = _kept_path(service, base, other, drawn)
    found = read_kept(path)
    if found is not None:
        return found
    with tempfile.TemporaryDirectory(dir=service.directory.scratch_dir) as folder:
        sides = []
        for at, (table, start, end) in enumerate(
            ((base, 0.0, BASE_READ), (other, BASE_READ, OTHER_READ))
        ):
            to, step = Path(folder) / f"{at}.parquet", progress_part(on_progress, start, end)
            sides.append(side_of(service, database, table, drawn[at], to, step))
        (one, base_facts), (two, other_facts) = sides
        if one.is_sample != two.is_sample:
            # Beside a sample a table is the population, without a sampling error of its own.
            one, two = (as_population(side) for side in (one, two))
        compared = compare_tables(
            database,
            one,
            two,
            purpose="tables",
            on_progress=progress_part(on_progress, OTHER_READ, 1.0),
        )
    made = {**compared.as_json(), "base": base_facts, "other": other_facts}
    keep(path, made)
    return made


def _kept_path(
    service: Service, base: OpenTable, other: OpenTable, drawn: list[DrawnSample | None]
) -> Path:
    jobs = tuple("" if one is None else one.job.id for one in drawn)
    named = (COMPARISON_VERSION, table_identity(other.files), *jobs)
    return kept_path(service.directory.counts_dir, base.files, *named)
