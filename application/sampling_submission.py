"""Submitting a draw: its request, its checks and its recorded parameters.

Commit, parameters and seeds are fixed at submission, so every run of the job gives the same rows.
Used by the sampling routes and by previews of draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from application.job_submission import Submission, submit
from application.output_refs import earlier_job, named_ref, request_digest
from job_runner.lanes import lane_of_draw
from job_runner.sampling_parameters import DrawRule, engine_rounds, settle_rounds
from job_runner.service import Service
from job_runner.tables.open_tables import OpenTable, open_table
from job_runner.tables.source_draw import source_draw
from sampling_engine import DRAW_VERSION, check_rounds
from storage.accounts.datasets import Dataset
from storage.jobs.jobs import Job
from storage.jobs.submission import NewJob
from storage.sqlite.database import Transaction
from storage.versions.refs import has_ref

REF_PREFIX = "smpl"
MIN_DIGITS = 8


@dataclass(frozen=True)
class SamplingRequest:
    """The parameters of a draw. ``rounds`` is the API's JSON, validated by its schema.

    ``draw_version`` is the version of the drawing rule; None is the current version.
    """

    rounds: Sequence[dict[str, Any]]
    source_ref: str = "main"
    table_key: str | None = None
    export_residual: bool = False
    output_name: str | None = None
    commit_message: str | None = None
    draw_version: int | None = None


def submit_sampling(
    service: Service, by: Submission, dataset: Dataset, request: SamplingRequest
) -> Job:
    """Check a draw, fix its source commit and seeds, and submit the job.

    Returns
    -------
    Job
        The new job, or the earlier job of an equal request with the same output name.

    Raises
    ------
    DomainError
        The ref or the table doesn't exist, a filter, column or size is wrong, or the name is in
        use.
    """
    source = open_table(service, dataset.id, request.source_ref, request.table_key)
    rounds = settle_rounds(request.rounds)
    rule = rule_of(service, dataset.id, source, request)
    check_rounds(source.files, engine_rounds(rounds, source.files, rule))
    named = ref_of(request)
    digest = digest_of(request, source)

    def build(tx: Transaction, job_id: str) -> NewJob | Job:
        if named is not None and (earlier := earlier_job(tx, dataset.id, named, digest)):
            return earlier
        message = request.commit_message or f"Sample of {request.source_ref}, table {source.key}"
        parameters = {
            "source_ref": request.source_ref,
            "table_key": source.key,
            "rounds": rounds,
            **asdict(rule),
            "export_residual": request.export_residual,
            "output_ref": named or _default_ref(tx, dataset.id, job_id),
            "commit_message": message,
            "request_digest": digest,
        }
        lane = lane_of_draw(rounds, source.files.row_count)
        return by.new_job(job_id, "sampling", dataset, source.commit_id, parameters, lane)

    return submit(service, by, build)


def ref_of(request: SamplingRequest) -> str | None:
    """The ref of the sample's name; None for a sample without a name.

    Raises
    ------
    InvalidValue
        The name can't be part of a ref.
    """
    name = request.output_name
    return None if name is None else named_ref(REF_PREFIX, name)


def digest_of(request: SamplingRequest, source: OpenTable) -> str:
    """The digest by which two requests for a sample are equal."""
    parameters = {**vars(request), "commit_id": source.commit_id, "table_key": source.key}
    if request.draw_version is None:
        del parameters["draw_version"]  # as in digests of jobs from before there were versions
    return request_digest(parameters)


def rule_of(
    service: Service, dataset_id: int, source: OpenTable, request: SamplingRequest
) -> DrawRule:
    """The rule that turns the seeds of a new draw into the keys of its orders."""
    version = DRAW_VERSION if request.draw_version is None else request.draw_version
    return DrawRule(version, source_draw(service, dataset_id, source.commit_id))


def _default_ref(tx: Transaction, dataset_id: int, job_id: str) -> str:
    """The ref of a sample without a name: the shortest free prefix of the job's id."""
    digits = MIN_DIGITS
    while has_ref(tx, dataset_id, name := f"{REF_PREFIX}-{job_id[:digits]}"):
        digits += 1
    return name
