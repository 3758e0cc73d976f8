"""The run type ``sampling``: rounds become a commit with the drawn rows.

Owns: a draw's acceptance and its handler. Invariant: commit, parameters and seeds are fixed before
the job starts, so running it again gives the same rows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from job_runner.acceptance import Submission, accept
from job_runner.context import JobContext
from job_runner.lanes import lane_of_draw
from job_runner.output_refs import earlier_job, named_ref, request_digest
from job_runner.sampling_parameters import (
    DrawRule,
    engine_rounds,
    recorded_rounds,
    settle_rounds,
)
from job_runner.service import Service
from job_runner.tables.open_tables import RESIDUAL, SAMPLE, OpenTable, open_commit, open_table
from job_runner.tables.source_draw import source_draw
from parquet_tables.deletion_vectors import write_ordinals
from parquet_tables.progress import progress_part
from sampling_engine import DRAW_VERSION, DrawnSample, check_rounds, draw_sample, draw_warnings
from storage.accounts.datasets import Dataset
from storage.jobs.jobs import Job
from storage.jobs.publishing import NewCommit, Outcome
from storage.jobs.submission import NewJob
from storage.sqlite.database import Transaction
from storage.versions.manifests import StoredTable
from storage.versions.refs import has_ref

DRAW_SHARE = 0.95
"""How much of the progress bar drawing takes; the rest is hashing and syncing the file."""

REF_PREFIX = "smpl"
MIN_DIGITS = 8


@dataclass(frozen=True)
class SamplingRequest:
    """What a user asks for. ``rounds`` is the API's JSON, checked for shape."""

    rounds: Sequence[dict[str, Any]]
    source_ref: str = "main"
    table_key: str | None = None
    export_residual: bool = False
    output_name: str | None = None
    commit_message: str | None = None
    draw_version: int | None = None
    """The rule to draw by; the current one for None."""


def submit_sampling(
    service: Service, by: Submission, dataset: Dataset, request: SamplingRequest
) -> Job:
    """Check whatever can be checked, fix the source and the seeds, accept the job.

    Returns
    -------
    Job
        The accepted job; or the earlier one when the same request, by the same output name, was
        accepted before.

    Raises
    ------
    DomainError
        The ref, the table, a filter, a column or a size can't be; or the output's name is taken.
    """
    source = open_table(service, dataset.id, request.source_ref, request.table_key)
    rounds = settle_rounds(request.rounds)
    rule = rule_of(service, dataset.id, source, request)
    check_rounds(source.files, engine_rounds(rounds, source.files, rule))
    named = ref_of(request)
    digest = digest_of(request, source)

    def make(tx: Transaction, job_id: str) -> NewJob | Job:
        if named is not None and (earlier := earlier_job(tx, dataset.id, named, digest)):
            return earlier
        output_ref = named or _default_ref(tx, dataset.id, job_id)
        return NewJob(
            id=job_id,
            run_type="sampling",
            dataset_id=dataset.id,
            user_id=by.user.id,
            source_commit_id=source.commit_id,
            run_parameters=_parameters(request, source, rounds, rule, output_ref, digest),
            lane=lane_of_draw(rounds, source.files.row_count),
            priority=by.priority,
            origin=by.origin,
        )

    return accept(service, by, make)


def ref_of(request: SamplingRequest) -> str | None:
    """The ref that the sample is to have by its name, if it has one.

    Raises
    ------
    InvalidValue
        It can't name a ref; says the rule.
    """
    name = request.output_name
    return None if name is None else named_ref(REF_PREFIX, name)


def digest_of(request: SamplingRequest, source: OpenTable) -> str:
    """What tells whether two requests for a sample are the same."""
    asked = {**vars(request), "commit_id": source.commit_id, "table_key": source.key}
    if request.draw_version is None:
        del asked["draw_version"]  # as in the digests of jobs made before there were versions
    return request_digest(asked)


def rule_of(
    service: Service, dataset_id: int, source: OpenTable, request: SamplingRequest
) -> DrawRule:
    """How the seeds of a new draw become the keys of its orders."""
    version = DRAW_VERSION if request.draw_version is None else request.draw_version
    return DrawRule(version, source_draw(service, dataset_id, source.commit_id))


def _parameters(
    request: SamplingRequest,
    source: OpenTable,
    rounds: list[dict[str, Any]],
    rule: DrawRule,
    output_ref: str,
    digest: str,
) -> dict[str, Any]:
    """What the job is a function of, as ``run_parameters`` shows it."""
    message = request.commit_message or f"Sample of {request.source_ref}, table {source.key}"
    return {
        "source_ref": request.source_ref,
        "table_key": source.key,
        "rounds": rounds,
        **asdict(rule),
        "export_residual": request.export_residual,
        "output_ref": output_ref,
        "commit_message": message,
        "request_digest": digest,
    }


def run_sampling(context: JobContext) -> Outcome:
    """Draw the rounds, store the sample, and ask for its ref to be made."""
    service, job = context.service, context.job
    parameters = job.run_parameters
    began = time.perf_counter()
    assert job.source_commit_id is not None  # noqa: S101 - submit_sampling fixed it
    source = open_table(service, job.dataset_id, job.source_commit_id, parameters["table_key"])
    rounds = recorded_rounds(parameters, source.files)
    sample = draw_sample(
        context.parquet,
        source.files,
        rounds,
        table_key=source.key,
        destination=context.scratch.file("sample.parquet"),
        on_progress=progress_part(context.on_progress, 0.0, DRAW_SHARE),
        counts_dir=service.directory.counts_dir,
    )
    context.on_progress(DRAW_SHARE, "storing the sample")
    tables = [_stored_sample(context, sample)]
    if parameters["export_residual"]:
        tables.append(_stored_residual(context, source, sample))
    summary = _summary(sample, source.files.row_count, draw_warnings(rounds))
    summary["execution_time_seconds"] = round(time.perf_counter() - began, 3)
    return Outcome(
        summary=summary,
        commit=NewCommit(
            ref_name=parameters["output_ref"],
            message=parameters["commit_message"],
            tables=tables,
            parent_id=job.source_commit_id,
            new_ref=True,
        ),
    )


def _stored_sample(context: JobContext, sample: DrawnSample) -> StoredTable:
    files = tuple(context.adopt(file.path, file.rows) for file in sample.table.files)
    return StoredTable(SAMPLE, sample.table.columns, files)


def _stored_residual(context: JobContext, source: OpenTable, sample: DrawnSample) -> StoredTable:
    """The source's own files, and the positions of all rows that are not in the residual."""
    service, job = context.service, context.job
    assert job.source_commit_id is not None  # noqa: S101 - submit_sampling fixed it
    with service.database.read() as tx:
        stored = open_commit(tx, job.dataset_id, job.source_commit_id).manifest.table(source.key)
    deletion_vector = np.concatenate([source.files.deletion_vector, sample.drawn_ordinals])
    with context.parquet.cursor() as cursor:
        written = write_ordinals(cursor, deletion_vector, context.scratch.file("left_out.parquet"))
    kept = context.adopt(written.path, written.rows)
    return replace(stored, key=RESIDUAL, deletion_vector=kept)


def _summary(sample: DrawnSample, source_rows: int, warnings: list[str]) -> dict[str, Any]:
    rounds = [result.as_json() for result in sample.rounds]
    return {
        "total_sampled": sample.rows_sampled,
        "rounds_completed": len(rounds),
        "source_rows": source_rows,
        "residual_rows": source_rows - sample.rows_sampled,
        "methods_used": list(dict.fromkeys(result.method for result in sample.rounds)),
        "rounds": rounds,
        "warnings": warnings,
        "renamed_columns": sample.renamed_columns,
    }


def _default_ref(tx: Transaction, dataset_id: int, job_id: str) -> str:
    """The ref of a sample without a name of its own."""
    digits = MIN_DIGITS
    while has_ref(tx, dataset_id, name := f"{REF_PREFIX}-{job_id[:digits]}"):
        digits += 1
    return name
