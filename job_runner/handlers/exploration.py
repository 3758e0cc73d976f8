"""The run type ``exploration``: a user's SELECT on a commit becomes a commit of its own.

Without SQL it is a report of a table: :mod:`job_runner.handlers.reports`.

Owns: a query's acceptance and its handler. Invariant: commit and statement are fixed and
checked before the job is accepted. The result is a commit with the one table ``result``, whether a
ref names it or not, so that it is paged, downloaded and drawn from like any other table.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from job_runner.acceptance import Submission, accept
from job_runner.context import JobContext
from job_runner.handlers.reports import is_report, run_report
from job_runner.lanes import OF_EXPLORATIONS
from job_runner.output_refs import earlier_job, named_ref, request_digest
from job_runner.service import Service
from job_runner.sql_queries import sandbox_of, source_tables
from job_runner.tables.open_tables import RESULT, open_commit, source_of
from parquet_tables.progress import progress_part
from storage.accounts.datasets import Dataset
from storage.jobs.jobs import Job
from storage.jobs.publishing import NewCommit, Outcome
from storage.jobs.submission import NewJob
from storage.sqlite.database import Transaction
from storage.versions.manifests import StoredTable

REF_PREFIX = "expl"
QUERY_SHARE = 0.95
"""How much of the progress bar the query takes; the rest is hashing and syncing the file."""


@dataclass(frozen=True)
class ExplorationRequest:
    """What a user asks for."""

    sql: str
    source_ref: str = "main"
    table_key: str | None = None
    output_name: str | None = None
    commit_message: str | None = None


def submit_exploration(
    service: Service, by: Submission, dataset: Dataset, request: ExplorationRequest
) -> Job:
    """Parse and bind the statement, fix the source, accept the job.

    Returns
    -------
    Job
        The accepted job; or the earlier one when the same request, by the same output name, was
        accepted before.

    Raises
    ------
    DomainError
        The ref or the table isn't there; the statement is refused or wrong; or the output's name is
        taken.
    """
    name = request.output_name
    named = None if name is None else named_ref(REF_PREFIX, name)
    with service.database.read() as tx:
        commit = open_commit(tx, dataset.id, request.source_ref)
    if request.table_key is not None:
        commit.manifest.table(request.table_key)
    sandbox_of(service).check(request.sql, source_tables(service, commit))
    parameters = _parameters(request, commit.id, named)

    def make(tx: Transaction, job_id: str) -> NewJob | Job:
        digest = parameters["request_digest"]
        if named is not None and (earlier := earlier_job(tx, dataset.id, named, digest)):
            return earlier
        return NewJob(
            id=job_id,
            run_type="exploration",
            dataset_id=dataset.id,
            user_id=by.user.id,
            source_commit_id=commit.id,
            run_parameters=parameters,
            lane=OF_EXPLORATIONS,
            priority=by.priority,
            origin=by.origin,
        )

    return accept(service, by, make)


def _parameters(
    request: ExplorationRequest, commit_id: str, output_ref: str | None
) -> dict[str, Any]:
    """What the job is a function of, as ``run_parameters`` shows it."""
    return {
        "source_ref": request.source_ref,
        "table_key": request.table_key,
        "sql": request.sql,
        "output_ref": output_ref,
        "commit_message": request.commit_message or f"Query of {request.source_ref}",
        "request_digest": request_digest({**asdict(request), "commit_id": commit_id}),
    }


def run_exploration(context: JobContext) -> Outcome:
    """Run the statement, store its result, and ask for a ref where one was asked for."""
    if is_report(context.job):
        return run_report(context)
    service, job = context.service, context.job
    parameters = job.run_parameters
    began = time.perf_counter()
    source = source_of(job)
    with service.database.read() as tx:
        commit = open_commit(tx, job.dataset_id, source)
    written = sandbox_of(service).write_result(
        parameters["sql"],
        source_tables(service, commit),
        context.scratch.file("result.parquet"),
        progress_part(context.on_progress, 0.0, QUERY_SHARE),
    )
    context.on_progress(QUERY_SHARE, "storing the result")
    stored = context.adopt(written.file.path, written.file.rows)
    columns = written.shape.columns
    return Outcome(
        summary={
            "rows": written.file.rows,
            "columns": [asdict(column) for column in columns],
            "notes": list(written.shape.notes),
            "size_bytes": stored.size_bytes,
            "execution_time_seconds": round(time.perf_counter() - began, 3),
        },
        commit=NewCommit(
            ref_name=parameters["output_ref"],
            message=parameters["commit_message"],
            tables=[StoredTable(RESULT, columns, (stored,))],
            parent_id=source,
            new_ref=True,
        ),
    )
