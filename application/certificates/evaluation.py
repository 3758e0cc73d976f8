"""The second certificate of a sample: its findings, their review, its evaluation and its papers.

It is issued on demand, and again when one of these changed. Each issue is an entry of the dataset's
ledger. docs/CERTIFICATE.md has the format.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from importlib.metadata import version
from typing import Annotated, Any

from application.access import Caller
from application.audit.evaluation import EvaluationAnswer, evaluate, request_of
from application.audit.evaluation.request import SettledEvaluation
from application.audit.items import ExaminedItem, book_values, drawn_book_column
from application.audit.items import examined_items as items_of
from application.audit.programmes.examples import not_reproduced
from application.audit.stages import stage_rule
from application.audit.state import AuditState, drawn_row_ids, ordinal_of, state_of
from application.certificates.issuing import MAX_ATTEMPTS, current_issue
from application.certificates.statement import (
    MAX_ROWS_LISTED,
    STATEMENT_TYPE,
    NoCertificate,
    require_certifiable,
)
from application.reconciling import Reconciliation
from contract.declarations import Help
from contract.requests.evaluate import KINDS, EvaluationRequest
from contract.words import ReviewState
from domain_errors import DomainError
from lazy_dataclasses import dataclass
from service.service import Service
from service.tables.open_tables import output_of, version_of
from storage.audit.attachments import Attachment, attachments_of
from storage.audit.findings import AuditConclusion, Finding, conclusion_of, list_findings
from storage.certificates.canonical_json import canonical_json, digest_of
from storage.certificates.certificates import (
    EvaluationIssue,
    Stamp,
    evaluation_stamp,
    get_evaluation_payload,
    insert_evaluation_certificate,
    list_evaluation_issues,
)
from storage.certificates.envelopes import sign_payload
from storage.certificates.ledger import LedgerEntry, append_entry, entries_about
from storage.errors import Conflict
from storage.jobs.jobs import JobRecord
from storage.sqlite.clock import timestamp
from storage.sqlite.database import Transaction
from storage.versions.reconciliations import newest_balances

PREDICATE_TYPE = "urn:jobsvc:evaluation-certificate:1"
NOT_IN_RESULT = ("job_id", "row_names", "other_samples", "signed", "review_state")
"""Members of an evaluation's answer that the certificate states elsewhere, or not."""
OF_OTHERS = ("caveats", "other_samples_total")
"""Members of a result that other samples of the table change; the others settle their own."""
OF_EVALUATION = ("request", "programme_rules", "result", "not_evaluated", "book_column")
"""Members of the content that follow from the rules of the evaluation, which can change."""
NOT_ISSUED = (
    "The findings as they are now have no certificate; {issued} {issued|was|were} issued before. "
    "A person who may write in the dataset issues the next one by downloading it."
)


class NoEvaluation(NoCertificate):
    """There is nothing to certify beside the draw."""


@dataclass(frozen=True)
class IssuedEvaluation:
    """A certificate of an evaluation; ``superseded_at`` is when the next one was issued."""

    issue: int
    issued_at: str
    review_state: Annotated[ReviewState, Help("`signed_off`, or else the findings can change.")]
    payload_sha256: str
    superseded_at: Annotated[str | None, Help("When the next one was issued.")]


@dataclass(frozen=True)
class _Recorded:
    """What people recorded about a sample, read in one transaction."""

    state: AuditState
    entries: Sequence[Finding]
    conclusion: AuditConclusion | None
    papers: Sequence[LedgerEntry]
    attachments: Sequence[Attachment]
    balances: Sequence[Reconciliation]
    issues: Sequence[EvaluationIssue]
    stamp: Stamp


def evaluation_certificate_of(by: Caller, job: JobRecord, issue: int | None) -> dict[str, object]:
    """The signed envelope of a certificate of an evaluation: an issued one, or the current one.

    Raises
    ------
    NotFound
        The sample has no such certificate.
    NoEvaluation, NoCertificate
        The sample has no findings, or more rows than a certificate lists; its draw has none; or
        the caller or the token only reads, and the current one wasn't issued.
    """
    number = current_evaluation_issue(by, job).issue if issue is None else issue
    with by.service.database.read() as tx:
        payload = get_evaluation_payload(tx, job.id, number)
    return sign_payload(by.service.signing_keys.current(), payload)


def current_evaluation_issue(by: Caller, job: JobRecord) -> EvaluationIssue:
    """The newest certificate; one is issued if there is none, or if its content changed.

    Only who may write in the dataset issues one, since it stays in the ledger. That of a signed-off
    sample stays the newest while what people recorded is the same.
    """
    service = by.service
    dataset = by.dataset(job.dataset_id, "read")
    require_certifiable(job.run_parameters["rounds"])
    for _ in range(MAX_ATTEMPTS):
        drawn = current_issue(service, job)
        with service.database.read() as tx:
            recorded = _recorded(tx, job)
        content = _content(service, job, recorded)
        content["sample"] |= {
            "certificate_issue": drawn.issue,
            "certificate_sha256": drawn.payload_sha256,
        }
        digest = digest_of(_own(content))
        if recorded.issues and (
            recorded.issues[0].content_sha256 == digest
            or _is_as_signed(service, job, recorded, content)
        ):
            return recorded.issues[0]
        if by.holder.scope == "read" or not by.may(dataset, "write"):
            raise NoEvaluation(NOT_ISSUED, issued=len(recorded.issues))
        by.dataset(job.dataset_id, "write")
        number, issued_at = len(recorded.issues) + 1, timestamp(service.clock())
        payload = canonical_json(_statement(job, content, number, issued_at))
        sha256 = hashlib.sha256(payload.encode()).hexdigest()
        new = EvaluationIssue(number, issued_at, recorded.state.review.state, digest, sha256)
        with by.writing() as tx:
            if stamp_of(tx, job) == recorded.stamp:
                insert_evaluation_certificate(tx, job.id, new, payload)
                body = {
                    "job_id": job.id,
                    "sample_commit_id": output_of(job),
                    "issue": number,
                    "review_state": new.review_state,
                    "payload_sha256": sha256,
                }
                actor = by.user.soeid
                append_entry(tx, job.dataset_id, "evaluation", actor, body, service.clock)
                return new
    raise Conflict("Another user is changing the findings of this sample. Try again.")


def evaluation_issues_of(service: Service, job: JobRecord) -> list[IssuedEvaluation]:
    """The issued certificates of a sample's evaluation, newest first."""
    with service.database.read() as tx:
        issues = list_evaluation_issues(tx, job.id)
    later = [None, *(each.issued_at for each in issues)]
    return [
        IssuedEvaluation(each.issue, each.issued_at, each.review_state, each.payload_sha256, after)
        for each, after in zip(issues, later, strict=False)
    ]


def _recorded(tx: Transaction, job: JobRecord) -> _Recorded:
    entries, _ = list_findings(tx, job.id, None, 0, sys.maxsize)
    return _Recorded(
        state_of(tx, job),
        entries[::-1],
        conclusion_of(tx, job.id),
        entries_about(tx, job.dataset_id, job.id, "paper"),
        attachments_of(tx, job.id),
        [Reconciliation.of(tx, each) for each in newest_balances(tx, *_table(job))],
        list_evaluation_issues(tx, job.id),
        stamp_of(tx, job),
    )


def _table(job: JobRecord) -> tuple[int, str, str]:
    """The dataset, version and table that the draw's request named, of which balances are."""
    return job.dataset_id, version_of(job), job.run_parameters["table_key"]


def stamp_of(tx: Transaction, job: JobRecord) -> Stamp:
    """Return numbers that change with what people wrote about a sample."""
    return evaluation_stamp(tx, job.id, *_table(job))


def _statement(
    job: JobRecord, content: Mapping[str, Any], issue: int, issued_at: str
) -> dict[str, Any]:
    """The statement of an issue; the first subject is the sample's certificate."""
    subject = {
        "sample-certificate": content["sample"]["certificate_sha256"],
        job.run_parameters["output_ref"]: output_of(job),
    }
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": name, "digest": {"sha256": sha256}} for name, sha256 in subject.items()
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            **content,
            "issue": issue,
            "issued_at": issued_at,
            "engine": {"name": "jobsvc", "version": version("jobsvc")},
        },
    }


def _content(service: Service, job: JobRecord, recorded: _Recorded) -> dict[str, Any]:
    """The predicate without the number and time of its issue, and without the engine."""
    state = recorded.state
    items = _certified_items(service, job, state)
    request, answer, reason = _evaluation(service, job, state)
    column = answer.figures.get("book_column") if answer else drawn_book_column(job)
    ids = [item.row_id for item in items]
    drawn = len(drawn_row_ids(service, job))
    books = {} if column is None else book_values(service, job, ids, column)
    return {
        "job": {"id": job.id, "dataset_id": job.dataset_id},
        "sample": {"commit_id": output_of(job)},
        "review": {"state": state.review.state, "steps": _steps(state)},
        "attributes": list(state.attributes),
        "book_column": column,
        "items": [
            {
                "drawn": ordinal_of(item.drawn_id),
                "examined": ordinal_of(item.row_id),
                "book_value": _amount(books.get(item.row_id)),
                "finding": item.finding and _finding(item.finding),
            }
            for item in items
        ],
        "replacements": len(state.replacements),
        "planned_rule": None if (rule := stage_rule(job, drawn)) is None else dict(vars(rule)),
        "entries": {
            "count": len(recorded.entries),
            "corrected": len(recorded.entries) - len({each.row_id for each in recorded.entries}),
            "sha256": digest_of([_entry(each) for each in recorded.entries]),
        },
        "auditors_conclusion": recorded.conclusion
        and {
            "text": recorded.conclusion.text,
            "by": recorded.conclusion.user_soeid,
            "at": recorded.conclusion.at,
        },
        "request": _request(request),
        **_programme_rules(request, answer),
        "result": answer and _result(answer),
        "not_evaluated": reason,
        "attachments": [_attachment(file) for file in recorded.attachments],
        "reconciliation": [_balance(each) for each in recorded.balances],
        "papers": [
            {
                "ledger_number": paper.number,
                "recorded_at": paper.recorded_at,
                "recorded_by": paper.actor,
                **{name: value for name, value in paper.body.items() if name != "job_id"},
            }
            for paper in recorded.papers
        ],
    }


def _certified_items(service: Service, job: JobRecord, state: AuditState) -> list[ExaminedItem]:
    """The rows that a certificate lists; NoEvaluation if it can't have them."""
    if state.questions.questions:
        raise NoEvaluation(
            "The sample has questions of its own, and its answers have no certificate."
        )
    if not state.findings:
        raise NoEvaluation("The sample has no findings yet, so there is no evaluation to certify.")
    items = items_of(service, job, state)
    if len(items) > MAX_ROWS_LISTED:
        raise NoEvaluation(
            "A certificate of an evaluation lists up to {maximum} rows, and the sample has {rows}.",
            maximum=MAX_ROWS_LISTED,
            rows=len(items),
        )
    return items


def _own(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content without what is said of other samples: these don't supersede a certificate."""
    result = content["result"]
    own = result and {name: value for name, value in result.items() if name not in OF_OTHERS}
    return {**content, "result": own}


def _is_as_signed(
    service: Service, job: JobRecord, recorded: _Recorded, content: Mapping[str, Any]
) -> bool:
    """Whether the newest certificate has all that people recorded of a signed-off sample.

    A programme's file, or a newer version of jobsvc, may evaluate otherwise since then, which
    isn't what was signed off.
    """
    newest = recorded.issues[0]
    if recorded.state.review.state not in ("signed_off", "approved"):
        return False
    with service.database.read() as tx:
        text = get_evaluation_payload(tx, job.id, newest.issue)
    issued = json.loads(text)["predicate"]
    return all(
        _of_people(issued, name) == _of_people(content, name)
        for name in content
        if name not in OF_EVALUATION
    )


def _of_people(content: Mapping[str, Any], name: str) -> Any:
    """A member of the content; of rows, without the book values of an evaluation."""
    if name != "items":
        return content.get(name)
    return [{**item, "book_value": None} for item in content["items"]]


def _evaluation(
    service: Service, job: JobRecord, state: AuditState
) -> tuple[SettledEvaluation[Any], EvaluationAnswer | None, str | None]:
    """The evaluation that was signed off, or else that of the plan; or why there is none."""
    request = request_of(service, job, state.review, EvaluationRequest())
    try:
        answer = evaluate(service, job, request)
    except DomainError as error:
        return request, None, error.message
    if answer.signed is not None and answer.signed.difference is not None:
        return request, None, answer.signed.difference
    return request, answer, None


def _request(request: SettledEvaluation[Any]) -> dict[str, Any]:
    """The request; a kind that may stop after any row has those of its parameters that are given.

    Certificates from before it had any stay as they are.
    """
    kind = KINDS[request.kind]
    values = {name: request.value_of(name) for name in kind.names}
    return {
        "kind": request.kind,
        "confidence": request.confidence,
        "tolerable": _amount(request.tolerable),
        **{k: value for k, value in values.items() if value is not None or not kind.allows_looks},
        **({} if request.programme is None else {"programme": request.programme.identity}),
    }


def _programme_rules(
    request: SettledEvaluation[Any], answer: EvaluationAnswer | None
) -> dict[str, Any]:
    """The rules of the programme, by which verifiers recompute what it says; or nothing."""
    if request.programme is None or answer is None:
        return {}
    rule, file = request.programme.rule, request.programme.programme.file
    names = ("calculation", "limit", "least_rows")
    rules = {name: getattr(rule, name) for name in names}
    rules["conclusions"] = file.conclusions.given()
    wrong = not_reproduced(request.programme.programme)
    return {"programme_rules": {**rules, **({"not_reproduced": wrong} if wrong else {})}}


def _result(answer: EvaluationAnswer) -> dict[str, Any]:
    """The answer as JSON, with lists in the place of tuples; of its conclusion the sentence."""
    kept = {name: value for name, value in answer.as_json().items() if name not in NOT_IN_RESULT}
    if answer.programme is None:
        del kept["programme"]
    found: dict[str, Any] = json.loads(json.dumps(kept))
    if answer.conclusion is not None:
        found["conclusion"] = {
            "is_tolerable": answer.conclusion.is_tolerable,
            "sentence": answer.conclusion.sentence,
        }
    return found


def _amount(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def _finding(finding: Finding) -> dict[str, Any]:
    """A finding; its note is a hash, so that whoever has the note can show that it is this one."""
    return {
        "outcome": finding.outcome,
        "audit_value": finding.audit_value,
        "deviations": list(finding.deviations),
        "cause": finding.cause,
        "cause_text": finding.cause_text,
        "note_sha256": _sha256(finding.note),
        "by": finding.user_soeid,
        "at": finding.at,
        "carried_from": finding.from_job_id,
    }


def _entry(entry: Finding) -> dict[str, Any]:
    return {"row": ordinal_of(entry.row_id), "reading": entry.reading, **_finding(entry)}


def _attachment(file: Attachment) -> dict[str, Any]:
    return {
        "row": None if file.row_id is None else ordinal_of(file.row_id),
        "file_name": file.file_name,
        "sha256": file.sha256,
        "size_bytes": file.size_bytes,
        "by": file.user_soeid,
        "at": file.at,
    }


def _balance(each: Reconciliation) -> dict[str, Any]:
    """A sum of the table that somebody compared with a balance of the general ledger."""
    names = ("column_sum", "balance", "difference", "reference", "explanation", "at")
    stated = {name: getattr(each, name) for name in names}
    return {"column_name": each.column, **stated, "by": each.entered_by}


def _steps(state: AuditState) -> list[dict[str, Any]]:
    return [
        {
            "action": step.action,
            "by": step.user_soeid,
            "at": step.at,
            "note_sha256": _sha256(step.note),
            "conclusion": step.evaluation.get("conclusion"),
        }
        for step in state.review.entries
    ]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
