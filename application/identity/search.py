"""Search datasets, samples, saved queries, versions, jobs and rows that a user can see.

Each kind has at most ``limit`` results and reads a bounded number of rows.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Literal

from application.access import Caller
from contract.declarations import Help
from lazy_dataclasses import dataclass
from service.tables.row_names import named
from storage.accounts.datasets import DatasetFilters, list_datasets
from storage.jobs.jobs import JobRecord, job_ids_by_prefix
from storage.jobs.lists import JobFilters, list_jobs
from storage.sqlite.database import Transaction
from storage.versions.refs import find_commits, find_refs, kind_of_ref, output_name_of

Kind = Literal["dataset", "sample", "query", "version", "job", "row"]
MAX_JOBS = 200
"""The latest jobs that are searched by name and purpose, or that may have a row."""
MAX_JOB_CHARACTERS = 100_000
"""Of the parameters of a job that is searched: to parse longer ones takes too long."""
ID_PREFIX = re.compile(r"[0-9a-f]{6}[0-9a-f-]{0,58}")
ROW_KEY = re.compile(r"(?P<table>.+):(?P<ordinal>[0-9]{1,18})")


@dataclass(frozen=True)
class Hit:
    """One result. A row is that of the table from which the sample was drawn."""

    kind: Annotated[Kind, Help("`dataset`, `sample`, `query`, `version`, `job` or `row`.")]
    name: str
    purpose: str | None
    dataset_id: int
    dataset_name: str
    created_at: str
    ref_name: str | None = None
    commit_id: str | None = None
    job_id: Annotated[str | None, Help("The job of the sample, the saved query or the row.")] = None
    run_type: str | None = None
    job_kind: Annotated[str | None, Help("What that job makes.")] = None
    row_id: Annotated[str | None, Help("The row's `_logical_row_id` in the sample of the job.")] = (
        None
    )
    row_name: Annotated[
        str | None, Help("The row by its key, or its row id without one; null of other results.")
    ] = None


def search(by: Caller, text: str, limit: int) -> list[Hit]:
    """Find a text: rows by key, jobs and versions by id, others by name or purpose."""
    with by.service.database.read() as tx:
        latest, _ = list_jobs(tx, by.user, JobFilters(), offset=0, limit=MAX_JOBS)
        jobs = [job for job in latest if len(job.run_parameters_json) <= MAX_JOB_CHARACTERS]
        by_name = [*_datasets(tx, by, text, limit), *_refs(tx, by, text, limit)]
        named = {hit.job_id for hit in by_name}
        found = [
            *_by_id(tx, by, text.lower(), limit),
            *by_name,
            *[hit for hit in _jobs(jobs, text, limit) if hit.job_id not in named],
        ]
    return [*_rows(by, jobs, text, limit), *found]


def _datasets(tx: Transaction, by: Caller, text: str, limit: int) -> list[Hit]:
    found, _ = list_datasets(tx, by.user, DatasetFilters(text), offset=0, limit=limit)
    return [
        Hit("dataset", each.name, each.description or None, each.id, each.name, each.created_at)
        for each in found
    ]


def _refs(tx: Transaction, by: Caller, text: str, limit: int) -> list[Hit]:
    return [
        Hit(
            kind_of_ref(ref.ref_name),
            output_name_of(ref.ref_name),
            ref.purpose,
            ref.dataset_id,
            ref.dataset_name,
            ref.created_at,
            ref_name=ref.ref_name,
            commit_id=ref.commit_id,
            job_id=ref.job_id,
        )
        for ref in find_refs(tx, by.user, text, limit)
    ]


def _by_id(tx: Transaction, by: Caller, prefix: str, limit: int) -> list[Hit]:
    if not ID_PREFIX.fullmatch(prefix):
        return []
    visible = (by.visible_job(tx, job_id) for job_id in job_ids_by_prefix(tx, prefix, MAX_JOBS))
    jobs = [_job(job) for job in visible if job is not None][:limit]
    commits = [
        Hit(
            "version",
            found.commit_id[:12],
            found.purpose,
            found.dataset_id,
            found.dataset_name,
            found.created_at,
            commit_id=found.commit_id,
        )
        for found in find_commits(tx, by.user, prefix, limit)
    ]
    return [*jobs, *commits]


def _jobs(jobs: list[JobRecord], text: str, limit: int) -> list[Hit]:
    folded = text.casefold()
    words = ((job, f"{job.output_name or ''}\n{job.purpose or ''}") for job in jobs)
    return [_job(job) for job, known in words if folded in known.casefold()][:limit]


def _job(job: JobRecord, row_id: str | None = None) -> Hit:
    return Hit(
        "job" if row_id is None else "row",
        job.shown_name,
        job.purpose,
        job.dataset_id,
        job.dataset_name,
        job.created_at,
        job_id=job.id,
        run_type=job.run_type,
        job_kind=job.job_kind,
        row_id=row_id,
    )


def _rows(by: Caller, jobs: list[JobRecord], text: str, limit: int) -> list[Hit]:
    """The row with this row id in the tables of the latest samples."""
    key = ROW_KEY.fullmatch(text)
    if key is None:
        return []
    row_id = f"{key['table']}:{int(key['ordinal'])}"
    found = [
        job
        for job in jobs
        if job.run_type == "sampling"
        and job.run_parameters["table_key"] == key["table"]
        and int(key["ordinal"]) < (job.output_summary or {}).get("source_rows", 0)
    ][:limit]
    return [
        replace(_job(job, row_id=row_id), row_name=named(by.service, job, row_id)) for job in found
    ]
