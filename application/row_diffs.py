"""Submitting a row diff: the rows that differ between two tables of a dataset, as a job."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from application.job_submission import (
    EXPLORATION_REF_PREFIX,
    CompareTo,
    Submission,
    named_ref,
    open_compared,
    recorded,
    request_digest,
    reserve_output,
    submit,
)
from job_runner.lanes import lane_of_profile
from job_runner.service import Service
from job_runner.tables.open_tables import open_table
from job_runner.tables.row_diffs import resolve_keys
from storage.accounts.datasets import Dataset
from storage.jobs.jobs import Job
from storage.jobs.submission import NewJob
from storage.sqlite.database import Transaction
from storage.versions.manifests import get_commit


@dataclass(frozen=True)
class RowDiffRequest:
    """The parameters of a row diff from ``source_ref`` to ``compare_to``."""

    compare_to: CompareTo
    keys: tuple[str, ...]
    source_ref: str = "main"
    table_key: str | None = None
    output_name: str | None = None
    commit_message: str | None = None


def submit_row_diff(
    service: Service, by: Submission, dataset: Dataset, request: RowDiffRequest
) -> Job:
    """Check the keys, fix the commits of both tables and submit the job.

    Returns
    -------
    Job
        The new job, or the earlier job of an equal request with the same output name.

    Raises
    ------
    DomainError
        A ref, a table or a key column doesn't exist, or the name is in use.
    """
    output_ref = named_ref(EXPLORATION_REF_PREFIX, request.output_name)
    base = open_table(service, dataset.id, request.source_ref, request.table_key)
    other = open_compared(service, dataset.id, request.compare_to)
    keys = resolve_keys(base.files, other.files, request.keys)
    default_message = f"Changes from {request.source_ref} to {request.compare_to.ref}"
    parameters = {
        "source_ref": request.source_ref,
        "table_key": base.key,
        "compare_to": recorded(request.compare_to, other),
        "keys": [key.name for key in keys],
        "output_ref": output_ref,
        "commit_message": request.commit_message or default_message,
        "request_digest": request_digest(
            {**asdict(request), "commit_ids": [base.commit_id, other.commit_id]}
        ),
    }
    rows = base.files.row_count + other.files.row_count
    lane = lane_of_profile(rows, len(base.files.columns))

    new = by.new_job(service, "exploration", dataset, base.commit_id, parameters, lane)

    def reserve(tx: Transaction, new: NewJob) -> NewJob | Job:
        get_commit(tx, dataset.id, other.commit_id)  # it may have been pruned meanwhile
        return reserve_output(tx, new)

    return submit(service, by, new, reserve)
