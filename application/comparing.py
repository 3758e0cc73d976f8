"""Comparisons of samples with their populations, and of tables with each other.

A comparison is a background task after its job; a missing one is computed on request.
"""

from __future__ import annotations

import logging
from typing import Any

from application.access import Caller, RowSource
from domain_errors import DomainError
from parquet_tables.progress import ProgressCallback
from profiling_engine.comparison.comparison import Outcome, label_of
from profiling_engine.comparison.shared_columns import match_columns, quick_key
from service.service import Service
from service.tables.open_tables import OpenTable, open_table
from service.tables.sample_comparison import brief_comparison, compare_sample
from service.tables.table_comparison import cached_comparison, comparison_of
from storage.errors import NotFound
from storage.jobs.changes import JobChange
from storage.jobs.jobs import Job, get_comparison, get_job, store_comparison

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


def verdict_label(outcome: Outcome, detectable: float | None) -> str:
    """The verdict in a few words, by the smallest detectable difference."""
    return label_of(outcome, detectable)


def comparison_of_job(service: Service, job: Job) -> dict[str, Any]:
    """The comparison of a completed draw, stored or computed now.

    Raises
    ------
    ComparisonNotReady
        It isn't computed within a few seconds, or too many requests wait.
    DomainError
        The source or the sample is missing or damaged, or the comparison took too long.
    """
    with service.database.read() as tx:
        stored = get_comparison(tx, job.id)
    # One of an earlier release has no outcome, or another label for it.
    if stored is not None and "outcome" in stored:
        detectable = stored["minimum_detectable_difference"]
        if stored["outcome_label"] == label_of(stored["outcome"], detectable):
            return stored
    computed: dict[str, Any] | None = service.background.result(
        job.id, lambda on_progress: _compare(service, job.id, on_progress), WAIT_S
    )
    if computed is None:
        raise ComparisonNotReady("The sample is still being compared. Ask again in a moment.")
    return computed


def comparison_of_tables(
    service: Service,
    dataset_id: int,
    base: OpenTable,
    other: OpenTable,
    wait_s: float = WAIT_S,
) -> dict[str, Any]:
    """The comparison of two tables, cached or computed now, as JSON; or ComparisonNotReady."""
    found = cached_comparison(service, dataset_id, base, other) or service.background.result(
        (base.commit_id, base.key, other.commit_id, other.key),
        lambda on_progress: comparison_of(
            service,
            dataset_id,
            base,
            other,
            database=service.parquet_of("long"),
            on_progress=on_progress,
        ),
        wait_s,
    )
    if found is None:
        raise ComparisonNotReady("The tables are still being compared. Ask again in a moment.")
    return {
        **found,
        **{
            side: {**found[side], "commit_id": table.commit_id, "table_key": table.name}
            for side, table in (("base", base), ("other", other))
        },
    }


def likely_key(service: Service, base: OpenTable, other: OpenTable) -> tuple[str, ...]:
    """A probable key of two tables, from their names and first rows: it takes no comparison."""
    shared = match_columns(base.files.columns, other.files.columns).shared
    with service.parquet.cursor(base.files, other.files) as cursor:
        return quick_key(cursor, base.files, other.files, shared)


def shown_comparison(caller: Caller, job: Job) -> dict[str, Any]:
    """Return a job's comparison and record the access, as it shows values."""
    with caller.reading():
        found = comparison_of_job(caller.service, job)
    source, key = job.source_commit_id or "", job.run_parameters["table_key"]
    caller.audit_view(RowSource(job.dataset_id, source, key, job.id), AUDITED)
    return found


def shown_tables(
    caller: Caller,
    dataset_id: int,
    base: tuple[str, str | None],
    other: tuple[str, str | None],
    wait_s: float = WAIT_S,
) -> dict[str, Any]:
    """Compare two tables, each given by ref and key, and record the access."""
    with caller.reading():
        one, two = (open_table(caller.service, dataset_id, *table) for table in (base, other))
        found = comparison_of_tables(caller.service, dataset_id, one, two, wait_s)
    for table in (one, two):
        caller.audit_view(RowSource(dataset_id, table.commit_id, table.key), AUDITED)
    return {"dataset_id": dataset_id, **found}


def _compare_enqueued(
    service: Service, job_id: str, on_progress: ProgressCallback
) -> dict[str, Any] | None:
    try:
        return _compare(service, job_id, on_progress)
    except NotFound:
        return None  # the dataset was deleted or the job pruned meanwhile


def _compare(service: Service, job_id: str, on_progress: ProgressCallback) -> dict[str, Any]:
    with service.database.read() as tx:
        job = get_job(tx, job_id)
    compared = compare_sample(service, job, on_progress)
    with service.database.write(sync="later") as tx:
        store_comparison(tx, job_id, brief_comparison(compared), compared, service.clock)
    with service.database.read() as tx:
        stored = get_comparison(tx, job_id)
    logger.info("job %s compared: %s", job_id, compared["outcome"])
    return stored or compared
