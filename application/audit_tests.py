"""Submitting audit tests of a table, and what a completed one answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from application.access import Caller
from application.job_submission import (
    Submission,
    named_ref,
    request_digest,
    reserve_output,
    submit,
)
from contract.declarations import Help
from contract.requests.audit_tests import AUDIT_TESTS, AuditTestKind, AuditTestRequest
from domain_errors import InvalidRequest
from lazy_dataclasses import dataclass
from profiling_engine.audit_tests.answers import (
    Assumption,
    AuditFigure,
    AuditTestResult,
    FigureTable,
    NotTested,
    ReasonColumn,
)
from service.tables.audit_tests import OTHER, ready_test
from service.tables.open_tables import OpenTable, named_by, open_requested, open_table
from storage.accounts.datasets import DatasetRecord
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord
from storage.jobs.kinds import AUDIT_TEST, values_read
from storage.jobs.submission import NewJob
from storage.sqlite.database import Transaction
from storage.versions.manifests import get_commit
from storage.versions.refs import QUERY_PREFIX


@dataclass(frozen=True)
class AuditTestAnswer:
    """A completed audit test: what it tested, found and assumes."""

    job_id: str
    test: str
    title: str
    finds: Annotated[str, Help("What the test finds, in one sentence.")]
    dataset_id: int
    commit_id: Annotated[str | None, Help("The tested version; null if it was pruned.")]
    source_ref: str
    table_key: str
    parameters: Annotated[Mapping[str, Any], Help("The parameters of the test.")]
    output_commit_id: Annotated[
        str | None, Help("The version with the found rows as its table `result`.")
    ]
    output_ref: str | None
    tested_rows: int
    not_tested: Annotated[
        Sequence[NotTested], Help("Rows that weren't tested, by column and reason.")
    ]
    found_rows: int
    conclusion: str
    figures: Sequence[AuditFigure]
    tables: Sequence[FigureTable]
    assumptions: Sequence[Assumption]
    reason_columns: Annotated[
        Sequence[ReasonColumn], Help("Columns of the result that say why a row was found.")
    ]
    mark: Annotated[
        str | None,
        Help("The column of marks of the result's table `marked`; null without such a table."),
    ] = None


OtherTable = tuple[dict[str, Any], OpenTable]
"""The other table of a test that compares two, after the JSON that its job records."""


def other_table(by: Caller, dataset: DatasetRecord, request: AuditTestRequest) -> OtherTable | None:
    """The other table of a test; None of a test of one table.

    The caller's right to read its dataset is checked now and when the job is stored; the job checks
    it again.

    Raises
    ------
    NotFound
        There is no such dataset that the caller may read, or no such version or table.
    """
    other = getattr(request, OTHER, None)
    if other is None:
        return None
    dataset_id = other.dataset_id or dataset.id
    with named_by(OTHER):
        name = by.dataset(dataset_id, "read").name
        table = open_table(by.service, dataset_id, other.source_ref, other.table_key)
    recorded = {
        "dataset_id": dataset_id,
        "dataset_name": name,
        "source_ref": other.source_ref,
        "table_key": table.key,
        "commit_id": table.commit_id,
    }
    return recorded, table


def submit_audit_test(
    by: Caller,
    make: Submission,
    dataset: DatasetRecord,
    kind: AuditTestKind,
    request: AuditTestRequest,
    other: OtherTable | None = None,
) -> JobRecord:
    """Check a test, fix the commits of its tables and submit its job.

    Parameters
    ----------
    other : tuple, optional
        From :func:`other_table`.

    Returns
    -------
    Job
        The new job, or the earlier job of an equal request with the same output name.

    Raises
    ------
    DomainError
        A ref, a table or a column doesn't exist, a column has another type than the test needs, or
        the name is in use.
    """
    service = by.service
    output_ref = named_ref(QUERY_PREFIX, request.output_name)
    table = open_requested(service, dataset.id, request.source_ref, request.table_key)
    if other is not None and other[0]["dataset_id"] == dataset.id:
        _require_another(request, table, other[1])
    test = ready_test(kind.name, request, table, None if other is None else other[1]).test
    own = request.recorded()
    if other is not None:
        own[OTHER] = other[0]
    meaning = {
        **own,
        "test": kind.name,
        "commit_id": table.commit_id,
        "source_ref": request.source_ref,
        "table_key": request.table_key,
        "output_name": request.output_name,
        "mark_rows": request.mark_rows,
        "commit_message": request.commit_message,
    }
    parameters = {
        **own,
        "test": kind.name,
        "source_ref": request.source_ref,
        "table_key": table.key,
        "output_ref": output_ref,
        **({"mark_rows": True} if request.mark_rows else {}),
        "commit_message": request.commit_message or f"{kind.title} of {request.source_ref}",
        "request_digest": request_digest(meaning),
    }
    rows = table.files.row_count + (0 if other is None else other[1].files.row_count)
    size = values_read(rows, len(test.read_columns))
    new = make.new_job(service, AUDIT_TEST, dataset, table.commit_id, parameters, size)
    return submit(service, make, new, _settle)


def _require_another(request: Any, table: OpenTable, other: OpenTable) -> None:
    """Refuse to compare columns of a table with themselves: each row would be its own partner."""
    is_same = (table.commit_id, table.key) == (other.commit_id, other.key)
    if is_same and list(request.other_columns or request.columns) == list(request.columns):
        raise InvalidRequest(
            "The other table is the tested one, and the columns are the same, so each row would be "
            "its own partner. Name another dataset, version or table in `other`, or other columns "
            "in `other_columns`.",
            loc=(OTHER,),
        )


def _settle(tx: Transaction, new: NewJob) -> NewJob | JobRecord:
    """Require the other table's commit, which may have been pruned meanwhile; reserve the name."""
    if (other := new.run_parameters.get(OTHER)) is not None:
        get_commit(tx, other["dataset_id"], other["commit_id"])
    return reserve_output(tx, new)


def audit_test_answer(job: JobRecord) -> AuditTestAnswer:
    """The answer of a completed audit test; NotFound of another job."""
    summary = job.output_summary or {}
    if job.kind is not AUDIT_TEST or not AUDIT_TEST.has_fields(summary):
        raise NotFound("Job {id} is no completed audit test.", id=job.id)
    parameters, result = job.run_parameters, AuditTestResult.from_json(summary["audit_test"])
    kind = AUDIT_TESTS[parameters["test"]]
    own = kind.request.of(parameters).recorded()
    if OTHER in parameters:
        own[OTHER] = parameters[OTHER]
    return AuditTestAnswer(
        job_id=job.id,
        title=kind.title,
        finds=kind.finds,
        dataset_id=job.dataset_id,
        commit_id=job.source_commit_id,
        source_ref=parameters["source_ref"],
        table_key=parameters["table_key"],
        parameters=own,
        output_commit_id=job.output_commit_id,
        output_ref=parameters["output_ref"],
        mark=summary.get("mark"),
        **vars(result),
    )
