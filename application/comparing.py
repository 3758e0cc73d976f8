"""When samples are compared with their populations, and where that is kept.

Owns: the way from a completed job to its comparison. Invariant: a job is not made to wait for it;
what was dropped, or lost with the process, is made when somebody asks. Called by the composition
root for each change of a job, by routes and by pages.
"""

from __future__ import annotations

import logging
from typing import Any

from domain_errors import DomainError
from job_runner.service import Service
from job_runner.tables.open_tables import OpenTable
from job_runner.tables.sample_comparison import compare_sample
from job_runner.tables.table_comparison import comparison_of, kept_side_by_side
from parquet_tables.progress import ProgressCallback
from storage.errors import NotFound
from storage.jobs.changes import JobChange
from storage.jobs.comparisons import get_comparison, store_comparison
from storage.jobs.jobs import Job, get_job

logger = logging.getLogger("jobsvc.comparisons")

WAIT_S = 5.0
"""How long a request waits for a comparison that isn't there yet."""


class ComparisonNotReady(DomainError):
    """A comparison that is still being made."""

    code = "comparison_not_ready"
    retry_after_s = 2


def job_changed(service: Service, change: JobChange) -> None:
    """Offer the comparison of a draw that has just completed; takes no time."""
    is_draw = change.run_type == "sampling" and change.step == "completed"
    if is_draw and service.settings.compare_samples:
        job_id = change.job_id
        service.background.enqueue(
            job_id, lambda on_progress: _compare_offered(service, job_id, on_progress)
        )


def comparison_of_job(service: Service, job: Job) -> dict[str, Any]:
    """The comparison of a completed draw, kept or made now.

    Raises
    ------
    ComparisonNotReady
        It isn't made within a few seconds, or others wait already; it is being made.
    DomainError
        It can't be made: the source or the sample is gone or damaged, or it took too long.
    """
    with service.database.read() as tx:
        kept = get_comparison(tx, job.id)
    if kept is not None and "outcome" in kept:  # not one of an earlier release
        return kept
    made: dict[str, Any] | None = service.background.result(
        job.id, lambda on_progress: _compare(service, job.id, on_progress), WAIT_S
    )
    if made is None:
        raise ComparisonNotReady("The sample is still being compared. Ask again in a moment.")
    return made


def comparison_of_tables(
    service: Service, dataset_id: int, base: OpenTable, other: OpenTable
) -> dict[str, Any]:
    """The comparison of two tables, kept or made now, as JSON.

    Raises
    ------
    ComparisonNotReady
        As :func:`comparison_of_job`.
    """
    found = kept_side_by_side(service, dataset_id, base, other) or service.background.result(
        (base.commit_id, base.key, other.commit_id, other.key),
        lambda on_progress: comparison_of(
            service,
            dataset_id,
            base,
            other,
            database=service.parquet_of("long"),
            on_progress=on_progress,
        ),
        WAIT_S,
    )
    if found is None:
        raise ComparisonNotReady("The tables are still being compared. Ask again in a moment.")
    told = {"base": base, "other": other}
    return {
        **found,
        **{
            side: {**found[side], "commit_id": table.commit_id, "table_key": table.key}
            for side, table in told.items()
        },
    }


def _compare_offered(
    service: Service, job_id: str, on_progress: ProgressCallback
) -> dict[str, Any] | None:
    try:
        return _compare(service, job_id, on_progress)
    except NotFound:
        return None  # the dataset was removed, or the job pruned, meanwhile


def _compare(service: Service, job_id: str, on_progress: ProgressCallback) -> dict[str, Any]:
    with service.database.read() as tx:
        job = get_job(tx, job_id)
    made = compare_sample(service, job, on_progress)
    with service.database.write(sync="later") as tx:
        store_comparison(tx, job_id, made.brief, made.whole, service.clock)
    with service.database.read() as tx:
        kept = get_comparison(tx, job_id)
    logger.info("job %s compared: %s", job_id, made.whole["outcome"])
    return kept or made.whole
