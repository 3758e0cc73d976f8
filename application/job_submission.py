"""Submitting jobs: from a checked request to a job that waits in the queue.

One transaction writes the job, its audit entry and its idempotency key; the job's files are on disk
before it commits. Draws are submitted by :mod:`application.sampling_submission`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from application.output_refs import earlier_job, named_ref, request_digest
from job_runner.lanes import OF_EXPLORATIONS, lane_of_import, lane_of_profile
from job_runner.service import Service
from job_runner.sql_queries import sandbox_of, source_tables
from job_runner.tables.open_tables import open_commit, open_table
from storage.accounts.audit import THIS_PROCESS, Origin
from storage.accounts.authority import Authority, write_as
from storage.accounts.datasets import Dataset
from storage.accounts.users import User
from storage.errors import NotFound
from storage.jobs.jobs import Job, Lane, Priority, RunType, get_job
from storage.jobs.submission import IdempotencyKey, NewJob, find_job_of_key, insert_job, store_key
from storage.maintenance.durable import sync
from storage.sqlite.database import Transaction
from storage.versions.manifests import get_commit
from storage.versions.refs import get_ref

EXPLORATION_REF_PREFIX = "expl"


@dataclass(frozen=True)
class Submission:
    """Who submits a job, and how.

    Parameters
    ----------
    priority : {"interactive", "batch"}
        Batch jobs wait until no interactive job does.
    key : IdempotencyKey or None
        The client's key for this request; a repeated key returns the same job.
    origin : Origin
        Where the request came from, for the audit trail.
    authority : Authority or None
        The permission that the user must still have at the transaction; None for the service.
    """

    user: User
    priority: Priority = "interactive"
    key: IdempotencyKey | None = None
    origin: Origin = THIS_PROCESS
    authority: Authority | None = None

    def new_job(
        self,
        job_id: str,
        run_type: RunType,
        dataset: Dataset,
        source_commit_id: str | None,
        run_parameters: dict[str, Any],
        lane: Lane,
    ) -> NewJob:
        """A job of this user with this priority and origin."""
        return NewJob(
            id=job_id,
            run_type=run_type,
            dataset_id=dataset.id,
            user_id=self.user.id,
            source_commit_id=source_commit_id,
            run_parameters=run_parameters,
            lane=lane,
            priority=self.priority,
            origin=self.origin,
        )


BuildJob = Callable[[Transaction, str], NewJob | Job]
"""Builds the job of an id, or returns an earlier equal job; repeats checks that may be outdated."""


def submit(
    service: Service,
    by: Submission,
    build: BuildJob,
    put_files: Callable[[str], None] | None = None,
) -> Job:
    """Put a job in the queue, unless its idempotency key was used before.

    Parameters
    ----------
    put_files : callable, optional
        Takes the job's id and puts the job's files on disk.

    Returns
    -------
    Job
        The new job, or the earlier job of the same key; without its position in the queue.

    Raises
    ------
    KeyReused
        The key was used for another request.
    TooManyWaiting
        The user has the maximum number of waiting jobs.
    TokenEnded, Forbidden, NotFound
        The user's token, role or permission was removed since the request arrived.
    DomainError
        Raised by ``build`` or ``put_files``.
    """
    job_id = service.new_id()
    with write_as(service.database, by.authority, service.clock) as tx:
        earlier_id = find_job_of_key(tx, by.user.id, by.key, service.clock)
        if earlier_id is not None:
            return get_job(tx, earlier_id, with_position=False)
        built = build(tx, job_id)
        if isinstance(built, Job):
            store_key(tx, by.user.id, by.key, built.id, service.clock)
            return built
        insert_job(tx, built, service.clock, service.settings.waiting_jobs_max)
        store_key(tx, by.user.id, by.key, job_id, service.clock)
        if put_files is not None:
            put_files(job_id)
        job = get_job(tx, job_id, with_position=False)
    service.wake_runner()
    return job


@dataclass(frozen=True)
class ImportRequest:
    """The parameters of an import. ``file_name`` is the user's name of the file, never a path."""

    ref_name: str
    file_name: str
    commit_message: str | None = None


def submit_import(
    service: Service, by: Submission, dataset: Dataset, request: ImportRequest, upload: Path
) -> Job:
    """Submit an import; moves the file ``upload``, unless the job was submitted before.

    Raises
    ------
    NotFound
        The dataset has no such ref.
    """
    size_bytes = upload.stat().st_size
    sync(upload)

    def build(tx: Transaction, job_id: str) -> NewJob:
        get_ref(tx, dataset.id, request.ref_name)
        parameters = {
            "ref": request.ref_name,
            "file_name": request.file_name,
            "size_bytes": size_bytes,
            "commit_message": request.commit_message or f"Import {request.file_name}",
        }
        lane = lane_of_import(size_bytes)
        return by.new_job(job_id, "import", dataset, None, parameters, lane)

    def move_upload(job_id: str) -> None:
        target = service.directory.upload_path(job_id)
        upload.replace(target)
        sync(target.parent)

    return submit(service, by, build, move_upload)


@dataclass(frozen=True)
class ExplorationRequest:
    """The parameters of a SQL query that runs as a job."""

    sql: str
    source_ref: str = "main"
    table_key: str | None = None
    output_name: str | None = None
    commit_message: str | None = None


def submit_exploration(
    service: Service, by: Submission, dataset: Dataset, request: ExplorationRequest
) -> Job:
    """Check a SQL statement, fix its source commit and submit the job.

    Returns
    -------
    Job
        The new job, or the earlier job of an equal request with the same output name.

    Raises
    ------
    DomainError
        The ref or the table doesn't exist, the statement is refused, or the name is in use.
    """
    name = request.output_name
    output_ref = None if name is None else named_ref(EXPLORATION_REF_PREFIX, name)
    with service.database.read() as tx:
        commit = open_commit(tx, dataset.id, request.source_ref)
    if request.table_key is not None:
        commit.manifest.table(request.table_key)
    sandbox_of(service).check(request.sql, source_tables(service, commit))
    digest = request_digest({**asdict(request), "commit_id": commit.id})
    parameters = {
        "source_ref": request.source_ref,
        "table_key": request.table_key,
        "sql": request.sql,
        "output_ref": output_ref,
        "commit_message": request.commit_message or f"Query of {request.source_ref}",
        "request_digest": digest,
    }

    def build(tx: Transaction, job_id: str) -> NewJob | Job:
        if output_ref is not None and (earlier := earlier_job(tx, dataset.id, output_ref, digest)):
            return earlier
        return by.new_job(job_id, "exploration", dataset, commit.id, parameters, OF_EXPLORATIONS)

    return submit(service, by, build)


@dataclass(frozen=True)
class CompareTo:
    """Another table of the same dataset."""

    ref: str
    table_key: str | None = None


@dataclass(frozen=True)
class ReportRequest:
    """The parameters of a report: an exploration without SQL."""

    source_ref: str = "main"
    table_key: str | None = None
    compare_to: CompareTo | None = None


def submit_report(
    service: Service, by: Submission, dataset: Dataset, request: ReportRequest
) -> Job:
    """Fix the commits of a report's table and of the table compared with it; submit the job.

    Raises
    ------
    NotFound
        A ref or a table doesn't exist; lists those that do.
    """
    source = open_table(service, dataset.id, request.source_ref, request.table_key)
    parameters: dict[str, Any] = {"source_ref": request.source_ref, "table_key": source.key}
    other_commit_id = None
    if (compare_to := request.compare_to) is not None:
        try:
            other = open_table(service, dataset.id, compare_to.ref, compare_to.table_key)
        except NotFound as error:
            error.loc = ("compare_to",)
            raise
        other_commit_id = other.commit_id
        parameters["compare_to"] = {
            "ref": compare_to.ref,
            "table_key": other.key,
            "commit_id": other_commit_id,
        }
    lane = lane_of_profile(source.files.row_count, len(source.files.columns))

    def build(tx: Transaction, job_id: str) -> NewJob:
        if other_commit_id is not None:
            get_commit(tx, dataset.id, other_commit_id)  # it may have been pruned meanwhile
        return by.new_job(job_id, "exploration", dataset, source.commit_id, parameters, lane)

    return submit(service, by, build)
