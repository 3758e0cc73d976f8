"""Insert a submitted job into the queue, with its audit entry and idempotency key.

A user's waiting jobs are limited. A request with the same key returns the same job for a day.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from contract.jobs import PRIORITIES, Priority, RunType
from lazy_dataclasses import dataclass
from storage.accounts.audit_trail import MAX_SQL_LENGTH, THIS_PROCESS, Origin, record
from storage.errors import Conflict, TooManyWaiting
from storage.jobs.changes import JobChange
from storage.jobs.kinds import Lane, kind_of
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import all_rows, first, json_text, number, run
from storage.versions.manifests import get_commit


@dataclass(frozen=True)
class NewJob:
    """A job's values at submission, which determine its result."""

    id: str
    run_type: RunType
    dataset_id: int
    user_id: int
    source_commit_id: str | None
    run_parameters: dict[str, Any]
    retry_of: str | None = None
    lane: Lane = "short"
    priority: Priority = "interactive"
    origin: Origin = THIS_PROCESS


_AUDITED_PARAMETERS = (
    *("ref", "file_name", "size_bytes"),
    *("source_ref", "table_key", "output_ref", "compare_to", "keys", "test"),
)


def insert_job(tx: Transaction, job: NewJob, clock: Clock, max_waiting: int) -> None:
    """Insert a pending job and its audit entry.

    Raises
    ------
    TooManyWaiting, NotFound
        The user has ``max_waiting`` waiting jobs; or the source commit was pruned.
    """
    if job.source_commit_id is not None:
        get_commit(tx, job.dataset_id, job.source_commit_id)
    if number(tx, "count_waiting_jobs_of", user_id=job.user_id) >= max_waiting:
        raise TooManyWaiting(limit=max_waiting)
    row = {
        **vars(job),
        "run_parameters": json_text(job.run_parameters),
        "created_at": timestamp(clock()),
        "priority": PRIORITIES.index(job.priority),
        "request_id": job.origin.request_id,
    }
    run(tx, "insert_job", **row)
    parameters = {name: job.run_parameters.get(name) for name in _AUDITED_PARAMETERS}
    if "sql" in job.run_parameters:
        parameters["sql"] = job.run_parameters["sql"][:MAX_SQL_LENGTH]
    kind = kind_of(job.run_type, job.run_parameters)
    details = {
        "run_type": job.run_type,
        "job_kind": kind.noun,
        "retry_of": job.retry_of,
        **parameters,
    }
    record(
        tx,
        clock,
        kind.action if job.retry_of is None else "job_retried",
        user_id=job.user_id,
        origin=job.origin,
        dataset_id=job.dataset_id,
        about=("job", job.id),
        details={name: value for name, value in details.items() if value is not None},
    )
    tx.changes.append(JobChange(job.id, job.run_type, job.lane, "accepted"))


KEY_LIFETIME = timedelta(days=1)


class KeyReused(Conflict):
    """The key was used for a different request."""

    code = "idempotency_key_reused"


@dataclass(frozen=True)
class IdempotencyKey:
    """A client's key and the SHA-256 of its request."""

    key: str
    request_hash: str


def find_job_of_key(
    tx: Transaction, user_id: int, key: IdempotencyKey | None, clock: Clock
) -> str | None:
    """Return the id of the key's job, or None; raise KeyReused if the request is another one."""
    if key is None:
        return None
    since = timestamp(clock() - KEY_LIFETIME)
    row = first(tx, "idempotency_key", user_id=user_id, key=key.key, since=since)
    if row is None:
        return None
    if row["request_hash"] != key.request_hash:
        raise KeyReused(
            "This Idempotency-Key was used for another request. Use a new key for a new request."
        )
    return str(row["job_id"])


def store_key(
    tx: Transaction, user_id: int, key: IdempotencyKey | None, job_id: str, clock: Clock
) -> None:
    """Store a key with its job, and delete expired keys."""
    if key is None:
        return
    now = clock()
    all_rows(tx, "delete_expired_keys", before=timestamp(now - KEY_LIFETIME))
    request = {**vars(key), "job_id": job_id, "created_at": timestamp(now)}
    run(tx, "put_idempotency_key", user_id=user_id, **request)
