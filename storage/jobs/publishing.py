"""Publish a job's result: commit, ref, job completion and ledger entry in one transaction.

A crash leaves all or nothing. The data files are durable before; without the transaction they are
orphans, which the next start removes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from contract.requests.reviewing import QuestionsRequest
from contract.words import Action
from domain_errors import render
from lazy_dataclasses import dataclass
from storage.accounts.audit_trail import THIS_PROCESS, record
from storage.accounts.users import find_user
from storage.audit.findings import Continued, carry_over
from storage.audit.reviewing import add_reviewer, facts_of, put_questions, questions_of
from storage.certificates.ledger import append_entry
from storage.certificates.row_roots import RowRoot, insert_row_root
from storage.jobs.jobs import JobRecord, complete_job, get_job
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database, Transaction
from storage.sqlite.queries import first
from storage.versions.column_changes import TableShape, checked_changes
from storage.versions.data_contracts import ContractFailure, apart_ref, keep_apart
from storage.versions.manifests import Manifest, StoredTable, insert_commit
from storage.versions.refs import create_ref, get_ref, move_ref
from storage.versions.row_keys import NewRowKey, set_row_key

OTHER_QUESTIONS = (
    "The sample continues sample {sample}, whose entries answer other questions. It has those "
    "questions, not the ones of this draw."
)
LEFT_OUT = "Reviewers were left out, as there are no such users any more: {names}."


@dataclass(frozen=True)
class NewCommit:
    """The commit that a job creates.

    Parameters
    ----------
    ref_name : str or None
        The ref to move, or to create if ``new_ref``; None if only the job references the commit.
    parent_id : str or None
        The parent commit; None for the ref's current commit, as for an import.
    require_columns : bool
        Of an import: whether the tables must have the columns of the ref's current commit.
    """

    ref_name: str | None
    message: str
    tables: Sequence[StoredTable]
    parent_id: str | None = None
    new_ref: bool = False
    require_columns: bool = False


@dataclass(frozen=True)
class Outcome:
    """The result of a job: a summary and, for some run types, a commit.

    ``draw`` has the facts of the ledger entry of a draw, besides its job and its commit;
    ``row_root`` is a new root of a table, which has a ledger entry, too. ``continued`` is the
    sample whose questions and entries are carried over to that of the job. ``questions`` are those
    of a draw's sample; with entries that are carried over those of the entries stay. ``row_keys``
    are declared with the commit. With ``contract_failures`` the commit is kept apart: the ref
    stays, and the commit gets one of its own.
    """

    summary: dict[str, Any] = field(default_factory=dict)
    commit: NewCommit | None = None
    draw: Mapping[str, Any] | None = None
    row_root: RowRoot | None = None
    continued: Continued | None = None
    questions: QuestionsRequest | None = None
    row_keys: Sequence[NewRowKey] = ()
    contract_failures: Sequence[ContractFailure] = ()


def publish(
    database: Database,
    job: JobRecord,
    outcome: Outcome,
    clock: Clock,
    check: Callable[[Transaction], None] = lambda tx: None,
) -> str | None:
    """Complete a job with its outcome; return the id of its commit, if any.

    Parameters
    ----------
    check : callable
        Raises an error in the transaction, if the commit must not be.

    Raises
    ------
    StaleJob
        The job has ended or another attempt runs; nothing is published.
    Conflict, NotFound
        The ref to create exists, or the ref to move was deleted.
    ColumnsChanged
        The request or the dataset requires the columns of the ref's current commit.
    """
    with database.write(sync="first") as tx:
        if outcome.commit is None:
            complete_job(tx, job, outcome.summary, None, clock)
            if outcome.row_root is not None:
                insert_row_root(tx, job.dataset_id, outcome.row_root, job.user_soeid, clock)
            return None
        check(tx)
        new = outcome.commit
        moved = None if new.new_ref or new.ref_name is None else new.ref_name
        head = None if moved is None else get_ref(tx, job.dataset_id, moved).commit_id
        changes = None
        if moved is not None:
            shapes = list(map(TableShape.of, new.tables))
            changes = checked_changes(
                tx, job.dataset_id, moved, shapes, require_columns=new.require_columns
            )
        manifest = Manifest(
            dataset_id=job.dataset_id,
            parent_id=new.parent_id or head,
            author=job.user_soeid,
            message=new.message,
            created_at=job.created_at,
            tables=tuple(new.tables),
        )
        commit = insert_commit(tx, job.user_id, manifest)
        output_ref, row_keys = new.ref_name, outcome.row_keys
        if moved is not None and outcome.contract_failures:
            output_ref = _keep_apart(tx, job, moved, commit.id, outcome, clock)
            row_keys = ()
        elif moved is not None:
            move_ref(tx, job.dataset_id, moved, expected=head, commit_id=commit.id, clock=clock)
        elif new.ref_name is not None:
            create_ref(tx, job.dataset_id, new.ref_name, commit.id, clock)
        summary = {**outcome.summary, "output_commit_id": commit.id, "output_ref": output_ref}
        carried = outcome.continued and carry_over(tx, job.id, outcome.continued)
        if carried:
            summary["continues"] = carried
        summary |= _ask(tx, job, outcome.questions, summary, clock)
        if changes is not None:
            summary["column_changes"] = [change.as_json() for change in changes]
        _declare_keys(tx, job, row_keys, clock)
        complete_job(tx, job, summary, commit.id, clock)
        if outcome.draw is not None:
            body = {**outcome.draw, "job_id": job.id, "sample_commit_id": commit.id}
            append_entry(tx, job.dataset_id, "draw", job.user_soeid, body, clock)
        return commit.id


def _declare_keys(
    tx: Transaction, job: JobRecord, row_keys: Sequence[NewRowKey], clock: Clock
) -> None:
    """Declare the row keys of an import, as its user."""
    for new_key in row_keys:
        set_row_key(tx, job.dataset_id, **vars(new_key), user_id=job.user_id, clock=clock)
        record(
            tx,
            clock,
            "row_key_set",
            user_id=job.user_id,
            origin=THIS_PROCESS,
            dataset_id=job.dataset_id,
            details={**vars(new_key), "columns": list(new_key.columns)},
        )


def _ask(
    tx: Transaction,
    job: JobRecord,
    asked: QuestionsRequest | None,
    summary: Mapping[str, Any],
    clock: Clock,
) -> dict[str, Any]:
    """Set the questions of a sample, if it has some, and add its reviewers, as the job's user.

    Returns
    -------
    dict
        The summary's warnings, with those about what wasn't set.
    """
    if asked is None:
        return {}
    given, warnings = asked, list[dict[str, Any]]()
    if "continues" in summary:
        asked = _narrowed(questions_of(tx, job.id), asked)
        if (asked.questions, asked.second_readings) != (given.questions, given.second_readings):
            other = {"sample": summary["continues"]["name"]}
            warnings.append(_warning("other_questions", OTHER_QUESTIONS, other))
    put_questions(tx, job.id, job.user_id, asked, clock)
    found = {name: find_user(tx, name) for name in given.reviewers}
    names = ", ".join(name for name, user in found.items() if user is None)
    if names:
        warnings.append(_warning("reviewers_left_out", LEFT_OUT, {"names": names}))
    entries: list[tuple[Action, dict[str, Any]]] = [("questions_chosen", facts_of(asked))]
    entries += [
        ("reviewer_added", {"soeid": user.soeid})
        for user in found.values()
        if user is not None and add_reviewer(tx, job.id, user.id, job.user_id, clock)
    ]
    for action, details in entries:
        record(
            tx,
            clock,
            action,
            user_id=job.user_id,
            origin=THIS_PROCESS,
            dataset_id=job.dataset_id,
            about=("job", job.id),
            details=details,
        )
    texts = [render(each["template"], each["parameters"]) for each in warnings]
    return {
        "warnings": [*summary["warnings"], *texts],
        "warning_templates": [*summary["warning_templates"], *warnings],
    }


def _warning(code: str, template: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    return {"code": code, "template": template, "parameters": parameters}


def _narrowed(now: QuestionsRequest, asked: QuestionsRequest) -> QuestionsRequest:
    """The questions that entries answer, with the columns that both show."""
    shown = tuple(name for name in asked.shown if not now.shown or name in now.shown)
    hidden = tuple(dict.fromkeys((*now.hidden, *asked.hidden)))
    return replace(now, shown=shown or asked.shown, hidden=hidden)


def _keep_apart(
    tx: Transaction, job: JobRecord, moved: str, commit_id: str, outcome: Outcome, clock: Clock
) -> str:
    """Give a commit a ref of its own, with what it doesn't meet; return the ref."""
    own = apart_ref(tx, job.dataset_id, job.id)
    create_ref(tx, job.dataset_id, own, commit_id, clock)
    failures, keys = outcome.contract_failures, outcome.row_keys
    keep_apart(tx, job.dataset_id, job.id, (moved, own), failures, keys, clock)
    return own


def job_with_output(tx: Transaction, dataset_id: int, commit_id: str) -> JobRecord | None:
    """Return the job that created a commit; None if it was pruned."""
    row = first(tx, "job_with_output", dataset_id=dataset_id, commit_id=commit_id)
    return None if row is None else get_job(tx, row["id"])
