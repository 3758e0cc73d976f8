"""Jobs: parameters, progress, result; their log and comparison.

Each transition is one guarded UPDATE by the attempt that owns the job: when no row changes, the job
belongs to another attempt and nothing was written. ``schema.sql`` repeats the rules as CHECKs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import cached_property
from typing import Annotated, Any

from contract.answers import Detail, Hidden
from contract.declarations import Help
from contract.jobs import PRIORITIES, JobNoun, Priority, RunType, Status
from lazy_dataclasses import dataclass
from storage.errors import Conflict, NotFound, StaleJob
from storage.jobs.changes import ending_change
from storage.jobs.kinds import JobKind, Lane, kind_of
from storage.sqlite.clock import Clock, seconds_between, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import (
    Records,
    all_rows,
    first,
    json_text,
    number,
    required,
    run,
    statement,
)
from storage.versions.refs import output_name_of

OUTPUT_NAME = Help("The name of the sample or the saved query.")
OUTPUT_SUMMARY = Help(
    "Null until the job has completed. That of a sampling job has `warnings` on the whole draw "
    "and `rounds`, each with its `seed` and `effective_seed`; `continues` names an examined sample "
    "whose `findings` came along."
)


@dataclass(frozen=True)
class JobRecord:
    """A job. ``queue_position`` is None in lists and for a job that doesn't wait.

    Parameters and summary are parsed on first use.
    """

    id: str
    run_type: RunType
    status: Status
    dataset_id: int
    dataset_name: str
    user_id: int
    user_soeid: str
    source_commit_id: Detail[str | None]
    run_parameters_json: Hidden[str]
    output_summary_json: Hidden[str | None]
    output_commit_id: Hidden[str | None]
    error_code: str | None
    error_message: str | None
    progress: Annotated[float, Help("0 to 100.")]
    progress_message: str
    attempt: int
    created_at: str
    started_at: str | None
    completed_at: str | None
    retry_of: Detail[str | None]
    lane: Detail[Annotated[Lane, Help("`short` or `long`.")]]
    priority: Detail[Annotated[Priority, Help("`interactive` or `batch`.")]]
    comparison_json: Hidden[str | None]
    dismissed_at: Annotated[str | None, Help("When a failure was retried or dismissed.")]
    queue_position: Detail[Annotated[int | None, Help("1 starts next in its lane.")]] = None

    @cached_property
    def run_parameters(self) -> Detail[Annotated[dict[str, Any], Help(None)]]:
        """The parameters, with the values that the submission fixed."""
        parsed: dict[str, Any] = json.loads(self.run_parameters_json)
        return parsed

    @cached_property
    def output_summary(self) -> Detail[Annotated[dict[str, Any] | None, OUTPUT_SUMMARY]]:
        """The result of a completed job."""
        if self.output_summary_json is None:
            return None
        parsed: dict[str, Any] = json.loads(self.output_summary_json)
        comparison = json.loads(self.comparison_json or "{}")
        if "outcome" in comparison:  # others are of an earlier version
            parsed["comparison"] = comparison
        return parsed

    @property
    def kind(self) -> JobKind:
        """What the job makes."""
        return kind_of(self.run_type, self.run_parameters)

    @property
    def job_kind(self) -> Annotated[JobNoun, Help("What the job makes.")]:
        """The noun of what the job makes."""
        return self.kind.noun

    @property
    def output_name(self) -> Annotated[str | None, OUTPUT_NAME]:
        """The name of the job's sample or saved query; None if its result has no name."""
        ref = self.run_parameters.get("output_ref")
        return None if ref is None else output_name_of(ref)

    @property
    def shown_name(self) -> str:
        """The name of the job's result, or the first digits of the job's id."""
        return self.output_name or self.id[:8]

    @property
    def purpose(self) -> Annotated[str | None, Help("The `commit_message` of the request.")]:
        """The purpose of the job's commit: its message; None for a job without a commit."""
        message: str | None = self.run_parameters.get("commit_message")
        return message

    @property
    def duration_seconds(self) -> Annotated[float | None, Help(None)]:
        """Seconds from start to end; None for a job that hasn't ended or never started."""
        if self.started_at is None or self.completed_at is None:
            return None
        return seconds_between(self.started_at, self.completed_at)


def get_job(tx: Transaction, job_id: str, *, with_position: bool = True) -> JobRecord:
    """Return a job, by default with its queue position, without a check of permissions."""
    row = tx.execute(_JOB_BY_ID, {"id": job_id}).fetchone()
    if row is None:
        raise NotFound('Job "{job}" not found.', job=job_id)
    job = _job(row)
    if job.status != "pending" or not with_position:
        return job
    return replace(job, queue_position=number(tx, "queue_position", lane=job.lane, id=job_id))


def jobs_by_seq(tx: Transaction, seqs: Sequence[int]) -> list[JobRecord]:
    """Return the jobs with these seqs, in this order, without their comparisons."""
    return [_job(row) for row in tx.execute(_JOBS_BY_SEQ, {"seqs": json.dumps(seqs)})]


def job_with_output_ref(tx: Transaction, dataset_id: int, name: str) -> JobRecord | None:
    """Return the job that created or will create a ref, except failed jobs; None if none."""
    row = first(tx, "job_with_output_ref", dataset_id=dataset_id, name=name)
    return None if row is None else get_job(tx, row["id"])


def job_ids_by_prefix(tx: Transaction, prefix: str, limit: int) -> list[str]:
    """Return up to ``limit`` job ids with a prefix."""
    rows = all_rows(tx, "job_ids_by_prefix", prefix=prefix, limit=limit)
    return [row["id"] for row in rows]


def latest_retry(tx: Transaction, job_id: str) -> str | None:
    """Return the id of the latest retry of a failed job; None if it has none."""
    row = first(tx, "latest_retry", id=job_id)
    return None if row is None else str(row["id"])


def report_progress(tx: Transaction, job: JobRecord, progress: float, message: str) -> None:
    """Store the progress of the running attempt; ignore that of an earlier one."""
    run(
        tx,
        "report_progress",
        id=job.id,
        attempt=job.attempt,
        progress=progress,
        progress_message=message,
    )


def complete_job(
    tx: Transaction, job: JobRecord, summary: dict[str, Any], commit_id: str | None, clock: Clock
) -> None:
    """running → completed; raise StaleJob if the job has ended or another attempt runs."""
    _end_own(
        tx,
        job,
        "complete_job",
        output_summary=json_text(summary),
        output_commit_id=commit_id,
        now=timestamp(clock()),
    )


def fail_job(tx: Transaction, job: JobRecord, code: str, message: str, clock: Clock) -> None:
    """running → failed; raise StaleJob if the job has ended or another attempt runs."""
    _end_own(tx, job, "fail_job", error_code=code, error_message=message, now=timestamp(clock()))


def _end_own(tx: Transaction, job: JobRecord, name: str, **values: object) -> None:
    """End a job with a named statement, by its current attempt."""
    stale = StaleJob(job=job.id, attempt=job.attempt)
    done = required(tx, name, stale, id=job.id, attempt=job.attempt, **values)
    tx.changes.append(ending_change(done))


def cancel_job(tx: Transaction, job_id: str, soeid: str, clock: Clock) -> None:
    """pending or running → failed at once, without a result; raise Conflict if it has ended."""
    message = f"Cancelled by {soeid}."
    done = first(tx, "cancel_job", id=job_id, error_message=message, now=timestamp(clock()))
    if done is None:
        raise Conflict("The job is {status} already.", status=get_job(tx, job_id).status)
    tx.changes.append(ending_change(done))


def set_dismissed(tx: Transaction, job_id: str, dismissed_at: str | None) -> None:
    """Dismiss a failure, or undo it with None; raise Conflict for a job that hasn't failed."""
    if first(tx, "set_dismissed", id=job_id, dismissed_at=dismissed_at) is None:
        status = get_job(tx, job_id).status
        raise Conflict("The job is {status}; only a failed job can be dismissed.", status=status)


_STORED_FIELDS = [field.name for field in fields(JobRecord) if field.name != "queue_position"]
_PRIORITY = _STORED_FIELDS.index("priority")


def _columns(comparison: str) -> str:
    """Return the columns to select, in the order of the fields of Job."""
    joined = {
        "dataset_name": "datasets.name",
        "user_soeid": "users.soeid",
        "comparison_json": comparison,
    }
    return ", ".join(
        joined.get(name, f"jobs.{name.removesuffix('_json')}") for name in _STORED_FIELDS
    )


_JOB_BY_ID = statement("job_by_id", columns=_columns("comparisons.brief"))
_JOBS_BY_SEQ = statement("jobs_by_seq", columns=_columns("NULL"))


def _job(row: Iterable[Any]) -> JobRecord:
    values = list(row)
    values[_PRIORITY] = PRIORITIES[values[_PRIORITY]]
    return JobRecord(*values)


@dataclass(frozen=True)
class LogEntry:
    """A log entry and its time."""

    at: str
    message: str


def list_log(tx: Transaction, job_id: str, offset: int, limit: int) -> tuple[list[LogEntry], int]:
    """Return a page of a job's log, oldest entry first, and the number of entries."""
    return Records(LogEntry).page(tx, "list_job_log", offset, limit, job_id=job_id)


def store_comparison(
    tx: Transaction,
    job_id: str,
    brief: Mapping[str, object],
    whole: Mapping[str, object],
    clock: Clock,
) -> None:
    """Insert or replace a job's comparison; do nothing if the job was deleted."""
    run(
        tx,
        "store_comparison",
        job_id=job_id,
        made_at=timestamp(clock()),
        brief=json_text(brief),
        whole=json_text(whole),
    )


def outcomes_of(tx: Transaction, job_ids: Sequence[str]) -> dict[str, tuple[str, float | None]]:
    """Return the verdicts, with the smallest detectable difference, of jobs that have one."""
    rows = all_rows(tx, "outcomes_of_jobs", jobs=json.dumps(job_ids))
    return {row["job_id"]: (row["outcome"], row["detectable"]) for row in rows}


def get_comparison(tx: Transaction, job_id: str) -> dict[str, Any] | None:
    """Return a job's whole comparison with ``made_at``; None if there is none yet."""
    row = first(tx, "comparison_of_job", job_id=job_id)
    return None if row is None else {**json.loads(row["whole"]), "made_at": row["made_at"]}
