"""The cached comparison of two tables of a dataset.

A drawn sample counts by its design weights; any other table is read whole, or by its reference if
it is large. The result depends only on the tables' files and on the designs of samples.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from parquet_tables.cached_files import cache_path, read_cached, table_identity, write_cached
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part
from profiling_engine.comparison.compared_table import ComparedTable
from profiling_engine.comparison.comparison import compare_tables
from sampling_engine import reference_of
from service.sampling_parameters import recorded_rounds
from service.service import Service
from service.tables.open_tables import SAMPLE, OpenTable, open_source, open_table
from service.tables.sample_weights import (
    CountedRounds,
    SampleColumns,
    counted_rounds,
    sample_columns,
    weighted_sample,
)
from storage.jobs.jobs import Job
from storage.jobs.publishing import job_with_output

COMPARISON_VERSION = "jobsvc-comparison-9"
BASE_READ, OTHER_READ = 0.2, 0.4
"""Shares of the progress."""


@dataclass(frozen=True)
class DrawnSample:
    """The sample of a job, and its rounds."""

    job: Job
    columns: SampleColumns
    counted: CountedRounds


def drawn_sample(service: Service, dataset_id: int, table: OpenTable) -> DrawnSample | None:
    """The draw of a table; None if it isn't a sample or its rows can't be weighted.

    Weights need the source, and the columns of the filters if rounds have different filters.
    """
    if table.key != SAMPLE or not table.files.row_count:
        return None
    with service.database.read() as tx:
        job = job_with_output(tx, dataset_id, table.commit_id)
    if job is None or job.run_type != "sampling" or job.source_commit_id is None:
        return None
    source = open_source(service, job).files
    rounds = recorded_rounds(job.run_parameters, source)
    counted = counted_rounds(rounds, (job.output_summary or {})["rounds"])
    columns = sample_columns(source, counted)
    if columns.lacking(counted.filter_columns):
        return None
    return DrawnSample(job, columns, counted)


def _compared_table(
    service: Service,
    database: ParquetDatabase,
    table: OpenTable,
    drawn: DrawnSample | None,
    path: Path,
    on_progress: ProgressCallback,
) -> tuple[ComparedTable, dict[str, Any]]:
    """The table to compare, and its ``rows``, ``rows_read`` and ``weighted``.

    A sample's rows are written to ``path`` with their weights.
    """
    if drawn is not None:
        rows = table.files.row_count
        compared = weighted_sample(
            database, table.files, drawn.columns, drawn.counted, path, on_progress
        )
    else:
        counts_dir = service.directory.counts_dir
        found = reference_of(database, table.files, counts_dir=counts_dir, on_progress=on_progress)
        rows = found.rows
        # The p-values of two tables are those of two samples with the rows that are read.
        size = float(found.table.row_count)
        compared = ComparedTable(found.table, size, rows=rows, whole=table.files)
    read = compared.table.row_count
    return compared, {"rows": rows, "weighted": drawn is not None, "rows_read": read}


def _as_population(compared: ComparedTable) -> ComparedTable:
    """The population of a sample: without sampling error if it is read whole."""
    if compared.is_sample or not compared.is_read_whole:
        return compared
    return replace(compared, size=math.inf)


def compared_with(service: Service, dataset_id: int, compare_to: dict[str, Any]) -> OpenTable:
    """The table of a job's ``compare_to``; NotFound if it doesn't exist."""
    return open_table(service, dataset_id, compare_to["commit_id"], compare_to["table_key"])


def cached_comparison(
    service: Service, dataset_id: int, base: OpenTable, other: OpenTable
) -> dict[str, Any] | None:
    """The cached comparison of two tables; None if there is none."""
    drawn = [drawn_sample(service, dataset_id, table) for table in (base, other)]
    return read_cached(_cache_path(service, base, other, drawn))


def comparison_of(
    service: Service,
    dataset_id: int,
    base: OpenTable,
    other: OpenTable,
    *,
    database: ParquetDatabase,
    on_progress: ProgressCallback = ignore_progress,
) -> dict[str, Any]:
    """The comparison of two tables as JSON, from the cache or computed now.

    ``base`` and ``other`` have ``rows``, ``rows_read`` and ``weighted``.
    """
    drawn = [drawn_sample(service, dataset_id, table) for table in (base, other)]
    path = _cache_path(service, base, other, drawn)
    found = read_cached(path)
    if found is not None:
        return found
    with tempfile.TemporaryDirectory(dir=service.directory.scratch_dir) as folder:
        first, base_facts = _compared_table(
            service,
            database,
            base,
            drawn[0],
            Path(folder) / "base.parquet",
            progress_part(on_progress, 0.0, BASE_READ),
        )
        second, other_facts = _compared_table(
            service,
            database,
            other,
            drawn[1],
            Path(folder) / "other.parquet",
            progress_part(on_progress, BASE_READ, OTHER_READ),
        )
        if first.is_sample != second.is_sample:
            # Next to a sample, a table is the population, without sampling error.
            first, second = _as_population(first), _as_population(second)
        compared = compare_tables(
            database,
            first,
            second,
            purpose="tables",
            on_progress=progress_part(on_progress, OTHER_READ, 1.0),
        )
    result = {**compared.as_json(), "base": base_facts, "other": other_facts}
    write_cached(path, result)
    return result


def _cache_path(
    service: Service, base: OpenTable, other: OpenTable, drawn: list[DrawnSample | None]
) -> Path:
    jobs = tuple("" if sample is None else sample.job.id for sample in drawn)
    named = (COMPARISON_VERSION, table_identity(other.files), *jobs)
    return cache_path(service.directory.counts_dir, base.files, *named)
