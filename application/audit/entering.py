"""Entry of findings, and what an audit value may be; entry of the auditor's conclusion.

A row that is OK has its book value as audit value: an OK with another one would count as a
misstatement, but not as an exception.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from decimal import Decimal

from application.access import Caller
from application.audit.attributes import require_details
from application.audit.findings import (
    checked_finding,
    items_by_key,
    require_entries,
    require_findings,
    row_replaced,
)
from application.audit.items import book_values, drawn_book_column
from application.audit.stages import require_reached
from application.audit.state import (
    AuditState,
    audit_state,
    drawn_row_ids,
    not_in_sample,
    state_of,
)
from application.identity.named_rows import rows_named
from contract.requests.findings import FindingRequest
from contract.requests.reviewing import AnswerRequest
from domain_errors import Loc
from service.service import Service
from storage.audit.findings import (
    AuditConclusion,
    conclusion_of,
    enter_conclusion,
    enter_findings,
    list_replacements,
)
from storage.errors import InvalidValue
from storage.jobs.jobs import JobRecord

MAX_RATIO = 10
"""Audit values of more than so many book values are doubted."""
Books = Mapping[str, Decimal | None]


def enter(by: Caller, job: JobRecord, new: Sequence[FindingRequest]) -> list[int]:
    """Enter findings about rows of a sample, all or none, and return their ids.

    Each row is named by its row id or its key.

    Raises
    ------
    NotFound
        A row isn't an item of the sample.
    InvalidValue
        An audit value isn't a decimal number, or a row that is OK has another than its book value;
        two findings are about the same row.
    RowReplaced
        A row was replaced.
    SampleDeleted, FindingsLocked, FindingChanged
        See :func:`storage.audit.findings.enter_findings`.
    """
    by.dataset(job.dataset_id, "write")
    items = items_by_key(by.service, job, audit_state(by.service, job))
    new = [
        replace(finding, row_id=items.row_id(finding.row_id, ("body", "findings", at, "row_id")))
        for at, finding in enumerate(new)
    ]
    with rows_named(by.service, job):
        return _enter(by, job, new)


def _enter(by: Caller, job: JobRecord, new: Sequence[FindingRequest]) -> list[int]:
    checked = [checked_finding(finding, _loc(place)) for place, finding in enumerate(new)]
    drawn = drawn_row_ids(by.service, job)
    with by.service.database.read() as tx:
        replaced = {each.row_id: each.replacement_id for each in list_replacements(tx, job.id)}
    known = drawn.keys() | set(replaced.values())
    books = books_of(by.service, job, [each.row_id for each in checked if each.row_id in known])
    for place, finding in enumerate(checked):
        if problem := ok_problem(finding, books, _loc(place)):
            raise problem
    with by.writing() as tx:
        require_findings(tx, job)
        state = state_of(tx, job)
        require_items(checked, drawn.keys(), state)
        require_reached(job, list(drawn), state, [finding.row_id for finding in checked])
        for place, finding in enumerate(checked):
            require_details(finding, state.attributes, ("body", "findings", place))
        checked = [_in_order(finding, state.attributes) for finding in checked]
        ids = enter_findings(tx, job.id, by.user.id, checked, by.service.clock, "findings")
        by.audit_of_job(tx, "findings_entered", job, findings=len(ids))
        return ids


def _in_order(finding: FindingRequest, attributes: Sequence[str]) -> FindingRequest:
    """The finding with its deviations in the order of the sample's attributes, of each one."""
    deviations = tuple(name for name in attributes if name in finding.deviations)
    return replace(finding, deviations=deviations)


def _loc(place: int) -> Loc:
    return ("body", "findings", place, "audit_value")


def require_items(
    new: Sequence[FindingRequest | AnswerRequest],
    drawn: Set[str],
    state: AuditState,
    field: str = "findings",
) -> None:
    """Refuse entries about rows that aren't items, were replaced, or have another new entry."""
    known, seen = drawn | state.replacing.keys(), set[str]()
    for place, finding in enumerate(new):
        loc = ("body", field, place, "row_id")
        if finding.row_id not in known:
            raise not_in_sample(finding.row_id, known, loc)
        if finding.row_id in state.replaced:
            replacement = state.replaced[finding.row_id].replacement_id
            raise row_replaced(finding.row_id, replacement, loc)
        if finding.row_id in seen:
            raise InvalidValue(
                "Two answers are about row {row_id}. Send one for each row."
                if field == "answers"
                else "Two findings are about row {row_id}. Send one for each row.",
                loc=loc,
                row_id=finding.row_id,
            )
        seen.add(finding.row_id)


def books_of(service: Service, job: JobRecord, row_ids: Sequence[str]) -> Books | None:
    """The book values of rows of a sample by monetary units; None for other samples."""
    column = drawn_book_column(job)
    return None if column is None else book_values(service, job, row_ids, column)


def doubts_of(finding: FindingRequest, books: Books | None) -> list[str]:
    """Warnings about entries that may be typing errors."""
    if finding.audit_value is None:
        lacks = books is not None and finding.outcome == "exception"
        return ["The exception has no audit value, which the evaluation needs."] if lacks else []
    doubts = []
    if finding.outcome == "not_examinable":
        doubts.append("The row can't be examined, but has an audit value.")
    audit = Decimal(finding.audit_value)
    book = (books or {}).get(finding.row_id)
    if book is None:
        return doubts
    if audit * book < 0:
        doubts.append(f"The audit value has another sign than the book value {book:,f}.")
    if abs(audit) > MAX_RATIO * abs(book):
        doubts.append(f"The audit value is more than {MAX_RATIO} times the book value {book:,f}.")
    if finding.outcome == "exception" and audit == book:
        doubts.append("The audit value of the exception is the book value.")
    return doubts


def ok_problem(finding: FindingRequest, books: Books | None, loc: Loc = ()) -> InvalidValue | None:
    """Why a row can't be OK with its audit value; None if it can."""
    if finding.outcome != "ok" or finding.audit_value is None:
        return None
    if books is None:
        return InvalidValue(
            "The audit value of a row that is OK is its book value. Choose exception, or leave the "
            "audit value {value} out.",
            loc=loc,
            value=finding.audit_value,
        )
    book = books.get(finding.row_id)
    if book is None or book == Decimal(finding.audit_value):
        return None  # a row that isn't in the sample has no book value
    return InvalidValue(
        "The audit value {value} isn't the book value {book}, so the row isn't OK. Choose "
        "exception, or leave the audit value out.",
        loc=loc,
        value=finding.audit_value,
        book=f"{book:f}",
    )


def conclude(by: Caller, job: JobRecord, text: str) -> AuditConclusion | None:
    """Enter the auditor's conclusion in own words; an empty text withdraws it.

    Raises
    ------
    SampleDeleted, FindingsLocked
        Nothing can be entered.
    """
    by.dataset(job.dataset_id, "write")
    with by.writing() as tx:
        require_entries(tx, job)
        enter_conclusion(tx, job.id, by.user.id, text, by.service.clock)
        by.audit_of_job(tx, "conclusion_entered", job, text=text)
        return conclusion_of(tx, job.id)
