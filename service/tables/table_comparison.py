"""The cached comparison of two tables of a dataset.

A drawn sample counts by its design weights; any other table is read whole, or by its reference if
it is large. The result depends only on the tables' files and on the designs of samples.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypedDict

from contract.declarations import Help
from lazy_dataclasses import dataclass
from parquet_tables.cached_files import cache_path, read_cached, table_identity, write_cached
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part
from profiling_engine.comparison.answers import ComparedTablesJson
from profiling_engine.comparison.compared_table import ComparedTable
from profiling_engine.comparison.comparison import compare_tables
from sampling_engine import Round, reference_of
from service.sampling_parameters import recorded_rounds
from service.service import Service
from service.tables.open_tables import SAMPLE, OpenTable, open_source, open_table
from service.tables.sample_weights import combined_weights, weighted_sample
from storage.jobs.jobs import JobRecord
from storage.jobs.publishing import job_with_output

COMPARISON_VERSION = "jobsvc-comparison-10"
BASE_READ, OTHER_READ = 0.2, 0.4
"""Shares of the progress."""


@dataclass(frozen=True)
class JobSample:
    """The drawn sample of a job, the table that it was drawn from, and its rounds."""

    job: JobRecord
    source: OpenTable
    rounds: tuple[Round, ...]


def sample_of_job(service: Service, dataset_id: int, table: OpenTable) -> JobSample | None:
    """The draw of a table; None if it isn't a sample, or if its source was pruned."""
    if table.key != SAMPLE or not table.files.row_count:
        return None
    with service.database.read() as tx:
        job = job_with_output(tx, dataset_id, table.commit_id)
    if job is None or job.run_type != "sampling" or job.source_commit_id is None:
        return None
    source = open_source(service, job)
    return JobSample(job, source, tuple(recorded_rounds(job.run_parameters, source.files)))


class ReadRows(TypedDict):
    """The rows of a table, those that were read, and whether they count by weights."""

    rows: int
    rows_read: int
    weighted: Annotated[bool, Help("Whether rows count by design weights, as a drawn sample's do.")]


class CachedComparison(ComparedTablesJson):
    """A comparison of two tables as it is cached."""

    base: ReadRows
    other: ReadRows


def _compared_table(
    service: Service,
    database: ParquetDatabase,
    table: OpenTable,
    drawn: JobSample | None,
    path: Path,
    on_progress: ProgressCallback,
) -> tuple[ComparedTable, ReadRows]:
    """The table to compare; a sample's rows are written to ``path`` with their weights."""
    if drawn is not None:
        rows = table.files.row_count
        design = combined_weights(service, drawn.job, drawn.source, drawn.rounds)
        compared = weighted_sample(
            database, table.files, drawn.source.files, drawn.rounds, design, path, on_progress
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
) -> CachedComparison | None:
    """The cached comparison of two tables; None if there is none."""
    drawn = [sample_of_job(service, dataset_id, table) for table in (base, other)]
    found: CachedComparison | None = read_cached(_cache_path(service, base, other, drawn))
    return found


def comparison_of(
    service: Service,
    dataset_id: int,
    base: OpenTable,
    other: OpenTable,
    *,
    database: ParquetDatabase,
    on_progress: ProgressCallback = ignore_progress,
) -> CachedComparison:
    """The comparison of two tables, from the cache or computed now."""
    drawn = [sample_of_job(service, dataset_id, table) for table in (base, other)]
    path = _cache_path(service, base, other, drawn)
    found: CachedComparison | None = read_cached(path)
    if found is not None:
        return found
    with service.scratch_folder() as folder:
        first, base_facts = _compared_table(
            service,
            database,
            base,
            drawn[0],
            folder / "base.parquet",
            progress_part(on_progress, 0.0, BASE_READ),
        )
        second, other_facts = _compared_table(
            service,
            database,
            other,
            drawn[1],
            folder / "other.parquet",
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
    result: CachedComparison = {**compared.as_json(), "base": base_facts, "other": other_facts}
    write_cached(path, result)
    return result


def _cache_path(
    service: Service, base: OpenTable, other: OpenTable, drawn: list[JobSample | None]
) -> Path:
    jobs = tuple("" if sample is None else sample.job.id for sample in drawn)
    named = (COMPARISON_VERSION, table_identity(other.files), *jobs)
    return cache_path(service.directory.counts_dir, base.files, *named)
