"""Cancelling, retrying, dismissing and copying jobs.

A cancelled job fails at once; its thread is interrupted and its result dropped. A retry is a new
job with the same parameters, linked to the failed one.
"""

from __future__ import annotations

from typing import Any

from application.access import Caller
from application.excluding import with_filters
from application.job_submission import Submission, submit
from application.relative_filters import FIELD as RELATIVE_FILTERS
from application.relative_filters import requested_rounds
from contract.words import Action
from domain_errors import DomainError
from lazy_dataclasses import dataclass
from operating_system import sync_folder
from service.sampling_parameters import DrawRule
from service.service import Service
from service.sql_joins import names_again
from service.tables.open_tables import filters_of, source_of
from storage.errors import Conflict
from storage.jobs.jobs import (
    JobRecord,
    cancel_job,
    get_job,
    job_with_output_ref,
    latest_retry,
    set_dismissed,
)
from storage.jobs.kinds import IMPORT, ROW_PROOFS
from storage.jobs.schedules import is_run_of_schedule
from storage.jobs.submission import NewJob
from storage.sqlite.clock import timestamp
from storage.sqlite.database import Transaction
from storage.versions.refs import get_ref, has_ref


def cancel(caller: Caller, job: JobRecord) -> JobRecord:
    """Cancel a pending or running job.

    Raises
    ------
    Conflict
        The job has ended.
    TokenEnded, Forbidden, NotFound
        The user's permission was removed.
    """
    with caller.writing() as tx:
        cancel_job(tx, job.id, caller.user.soeid, caller.service.clock)
        cancelled = _audited(tx, caller, "job_cancelled", job)
    caller.service.interrupt_job(job.id)
    return cancelled


def dismiss(caller: Caller, job: JobRecord, *, undo: bool = False) -> JobRecord:
    """Dismiss a failed job, so that no list of open failures has it; or undo this.

    Raises
    ------
    Conflict
        The job hasn't failed.
    """
    with caller.writing() as tx:
        set_dismissed(tx, job.id, None if undo else timestamp(caller.service.clock()))
        return _audited(tx, caller, "dismissal_undone" if undo else "job_dismissed", job)


def _audited(tx: Transaction, caller: Caller, action: Action, job: JobRecord) -> JobRecord:
    """Record an action, and return the job after it."""
    caller.audit_of_job(tx, action, job, run_type=job.run_type, job_kind=job.job_kind)
    return get_job(tx, job.id)


def retry(service: Service, by: Submission, job: JobRecord) -> JobRecord:
    """Submit a new job with the parameters and the priority of one that is retryable."""
    new = NewJob(
        id=service.new_id(),
        run_type=job.run_type,
        dataset_id=job.dataset_id,
        user_id=by.user.id,
        source_commit_id=job.source_commit_id,
        run_parameters=job.run_parameters,
        retry_of=job.id,
        lane=job.lane,
        priority=job.priority,
        origin=by.origin,
    )

    def check_again(tx: Transaction, new: NewJob) -> NewJob:
        require_retryable(service, tx, get_job(tx, job.id))  # a prune may have removed it
        set_dismissed(tx, job.id, timestamp(service.clock()))
        return new

    def share_upload() -> None:
        """Link the old job's file to the new job; the old link is removed after the submission."""
        if not has_upload(job):
            return
        path = service.directory.upload_path(new.id)
        try:
            path.hardlink_to(service.directory.upload_path(job.id))
            sync_folder(path.parent)
        except FileNotFoundError:
            raise FileGone from None

    retried = submit(service, by, new, check_again, share_upload)
    if has_upload(retried):
        service.directory.discard_upload(job.id)
    return retried


def has_upload(job: JobRecord) -> bool:
    """Whether a job imports an uploaded file; each attempt reads URIs again."""
    return job.kind is IMPORT and "size_bytes" in job.run_parameters


class FileGone(Conflict):
    """The file of a failed import isn't stored."""

    template = "The file of that import was deleted or can't be read. Import the file again."


@dataclass(frozen=True)
class Retryability:
    """Whether a failed job can be retried, and the id of its latest retry."""

    is_retryable: bool
    latest_retry: str | None


def retryability(service: Service, tx: Transaction, job: JobRecord) -> Retryability:
    """Whether a job can be retried, and whether it was."""
    if job.status != "failed":
        return Retryability(is_retryable=False, latest_retry=None)
    retried_as = latest_retry(tx, job.id)
    try:
        require_retryable(service, tx, job)
    except DomainError:
        return Retryability(is_retryable=False, latest_retry=retried_as)
    return Retryability(is_retryable=True, latest_retry=retried_as)


def require_retryable(service: Service, tx: Transaction, job: JobRecord) -> None:
    """Refuse the retry of a job that can't be retried.

    Raises
    ------
    Conflict, NotFound
        The job hasn't failed; its file, ref or source is missing; its file belongs to a retry; the
        ref of its result is in use; or it is a run that excludes rows.
    """
    if job.status != "failed":
        raise Conflict("The job is {status}; only a failed job can be retried.", status=job.status)
    if not job.kind.reads_commit:
        if (retried_as := latest_retry(tx, job.id)) is not None:
            raise Conflict("The import was already retried as job {job_id}.", job_id=retried_as)
        get_ref(tx, job.dataset_id, job.run_parameters["ref"])
        if has_upload(job) and not service.directory.upload_path(job.id).exists():
            raise FileGone
        return
    source_of(job)
    if "excluded" in job.run_parameters and is_run_of_schedule(tx, job.id):
        raise Conflict(
            "Later runs of the schedule may have drawn rows that this run would draw. Run the "
            "schedule now instead."
        )
    name = job.run_parameters.get("output_ref")
    if name is None:
        return
    if has_ref(tx, job.dataset_id, name) or job_with_output_ref(tx, job.dataset_id, name):
        raise Conflict(
            'There is a ref "{name}" by now. Submit a new job with another `output_name`.',
            name=name,
        )


ADDED_PARAMETERS = (
    *("request_digest", "output_ref", "source_draw", "seed_origins"),
    *("plan", "seed_origin", "excluded", "row_root", "panel", "joined", "questions", "test"),
    RELATIVE_FILTERS,
)
"""Parameters that the service added to the request."""


def original_request(job: JobRecord) -> dict[str, Any]:
    """The request as it was submitted: a ref stays a ref."""
    request = {
        name: value for name, value in job.run_parameters.items() if name not in ADDED_PARAMETERS
    }
    if RELATIVE_FILTERS in job.run_parameters:
        request["rounds"] = requested_rounds(job.run_parameters)
    if job.kind is ROW_PROOFS:
        request.pop("columns", None)  # of an earlier version
    if (earlier := filters_of(job)) is not None:
        request["rounds"] = with_filters(request["rounds"], earlier)
    return request


def same_request(job: JobRecord) -> dict[str, Any]:
    """The body of a request that gives the same rows again; Pruned if its source was pruned.

    Refs may have moved since, so it names the commit that the job read, and a draw names the
    version of its rule. It lacks the file of an import.
    """
    request = original_request(job)
    if not job.kind.reads_commit:
        return request
    request["source_ref"] = source_of(job)
    if job.run_type == "sampling":
        request["rounds"] = job.run_parameters["rounds"]  # the source lacks the excluded rows
        request["draw_version"] = DrawRule.recorded(job.run_parameters).draw_version
    if joined := job.run_parameters.get("joined"):
        request["with_tables"] = names_again(request["with_tables"], joined)
    if (other := request.get("compare_to")) is not None:
        request["compare_to"] = {
            "source_ref": other["commit_id"],
            "table_key": other["table_key"],
        }
    if (tested_with := request.get("other")) is not None:
        names = ("dataset_id", "table_key")
        request["other"] = {
            "source_ref": tested_with["commit_id"],
            **{name: tested_with[name] for name in names},
        }
    return request
