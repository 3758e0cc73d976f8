"""Comparisons of samples with their populations, and of tables with each other.

A comparison is a background task after its job; a missing one is computed on request.
"""

from __future__ import annotations

import logging
from typing import Any

from application.access import Caller, RowSource
from domain_errors import DomainError
from parquet_tables.progress import ProgressCallback
from profiling_engine.comparison.answers import ComparedTablesJson
from profiling_engine.comparison.comparison import verdict_label as verdict_label
from profiling_engine.comparison.shared_columns import match_columns, quick_key
from service.service import Service
from service.tables.open_tables import OpenTable, named_by, open_table
from service.tables.sample_comparison import SampleComparison, brief_comparison, compare_sample
from service.tables.table_comparison import (
    CachedComparison,
    ReadRows,
    cached_comparison,
    comparison_of,
)
from storage.errors import NotFound
from storage.jobs.changes import JobChange
from storage.jobs.jobs import JobRecord, get_comparison, get_job, store_comparison

logger = logging.getLogger("jobsvc.comparisons")

AUDITED = "comparison"
"""The part of a table that the audit trail names when a comparison is read."""
WAIT_S = 5.0
"""How long a request waits for a comparison."""


class ComparisonNotReady(DomainError):
    """The comparison isn't computed yet."""

    code = "comparison_not_ready"
    retry_after_s = 2


def job_changed(service: Service, change: JobChange) -> None:
    """Enqueue the comparison of a completed draw."""
    is_draw = change.run_type == "sampling" and change.step == "completed"
    if is_draw and service.settings.compare_samples:
        job_id = change.job_id
        service.background.enqueue(
            job_id, lambda on_progress: _compare_enqueued(service, job_id, on_progress)
        )


class TableRows(ReadRows):
    """A compared table."""

    commit_id: str
    table_key: str


class ComparedTables(ComparedTablesJson):
    """The comparison of two tables."""

    base: TableRows
    other: TableRows
    dataset_id: int


def comparison_of_job(service: Service, job: JobRecord) -> SampleComparison:
    """The comparison of a completed draw, stored or computed now.

    Raises
    ------
    ComparisonNotReady
        It isn't computed within a few seconds, or too many requests wait.
    DomainError
        The source or the sample is missing or damaged, or the comparison took too long.
    """
    with service.database.read() as tx:
        stored: Any = get_comparison(tx, job.id)
    # One of an earlier release lacks a field, or has another label for its outcome.
    if stored is not None and stored.keys() >= SampleComparison.__required_keys__:
        detectable = stored["minimum_detectable_difference"]
        if stored["outcome_label"] == verdict_label(stored["outcome"], detectable):
            return stored  # type: ignore[no-any-return]
    computed: SampleComparison | None = service.background.result(
        job.id, lambda on_progress: _compare(service, job.id, on_progress), WAIT_S
    )
    if computed is None:
        raise ComparisonNotReady("The sample is still being compared. Ask again in a moment.")
    return computed


def likely_key(service: Service, base: OpenTable, other: OpenTable) -> tuple[str, ...]:
    """A probable key of two tables, from their names and first rows: it takes no comparison."""
    shared = match_columns(base.files.columns, other.files.columns).shared
    with service.parquet.cursor(base.files, other.files) as cursor:
        return quick_key(cursor, base.files, other.files, shared)


def shown_comparison(caller: Caller, job: JobRecord) -> SampleComparison:
    """Return a job's comparison and record the access, as it shows values."""
    with caller.reading():
        comparison = comparison_of_job(caller.service, job)
    source, key = job.source_commit_id or "", job.run_parameters["table_key"]
    caller.audit_view(RowSource(job.dataset_id, source, key, job.id), AUDITED)
    return comparison


def shown_tables(
    caller: Caller,
    dataset_id: int,
    base: tuple[str, str | None],
    other: tuple[str, str | None],
    wait_s: float = WAIT_S,
) -> ComparedTables:
    """Compare two tables, each named by ref and key, and record the access.

    Raises
    ------
    ComparisonNotReady
        No comparison is cached, and none is computed within ``wait_s``.
    """
    service = caller.service
    with caller.reading():
        with named_by("query", "base_ref"):
            first = open_table(service, dataset_id, *base)
        with named_by("query", "source_ref"):
            second = open_table(service, dataset_id, *other)
        cached = cached_comparison(service, dataset_id, first, second)
        compared: CachedComparison | None = cached or service.background.result(
            (first.commit_id, first.key, second.commit_id, second.key),
            lambda on_progress: comparison_of(
                service,
                dataset_id,
                first,
                second,
                database=service.parquet_of("long"),
                on_progress=on_progress,
            ),
            wait_s,
        )
    if compared is None:
        raise ComparisonNotReady("The tables are still being compared. Ask again in a moment.")
    for table in (first, second):
        caller.audit_view(RowSource(dataset_id, table.commit_id, table.key), AUDITED)
    facts: ComparedTablesJson = compared
    return {
        **facts,
        "dataset_id": dataset_id,
        "base": {**compared["base"], "commit_id": first.commit_id, "table_key": first.key},
        "other": {**compared["other"], "commit_id": second.commit_id, "table_key": second.key},
    }


def _compare_enqueued(
    service: Service, job_id: str, on_progress: ProgressCallback
) -> SampleComparison | None:
    try:
        return _compare(service, job_id, on_progress)
    except NotFound:
        return None  # the dataset was deleted or the job pruned meanwhile


def _compare(service: Service, job_id: str, on_progress: ProgressCallback) -> SampleComparison:
    with service.database.read() as tx:
        job = get_job(tx, job_id)
    compared = compare_sample(service, job, on_progress)
    with service.database.write(sync="later") as tx:
        store_comparison(tx, job_id, brief_comparison(compared), compared, service.clock)
    with service.database.read() as tx:
        stored: Any = get_comparison(tx, job_id)
    if stored is None:
        raise NotFound('Job "{job}" not found.', job=job_id)
    logger.info("job %s compared: %s", job_id, compared["outcome"])
    return stored  # type: ignore[no-any-return]
