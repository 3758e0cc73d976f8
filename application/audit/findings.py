"""Findings about the rows of a sample, replacements from its reserves, and their review.

The items of a sample are its drawn rows in their order, then the replacements in the order in which
they were made. Each write checks the user's level and the review's state in its own transaction.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from application.access import Caller
from application.audit.item_list import (
    ALL_ITEMS,
    FilterCounts,
    found_items,
    item_ids,
    item_rows,
)
from application.audit.items import book_column_of, lacks_cause, needs_audit_values
from application.audit.shown_columns import shown_columns
from application.audit.stages import Stages, require_reached, rows_to_examine, stage_rule, stages_of
from application.audit.state import (
    ROW_ID,
    STRATUM,
    AuditState,
    audit_state,
    drawn_row_ids,
    ordinal_of,
    origin_of,
)
from application.identity.named_rows import rows_named
from application.samples.replacements import next_rows
from contract.declarations import Help
from contract.requests.findings import FindingRequest, FindingsListRequest
from contract.words import OUTCOMES, ItemFilter
from domain_errors import Loc
from lazy_dataclasses import dataclass
from sampling_engine.errors import NoReserves
from service.service import Service
from service.tables.named_rows import NamedItems
from service.tables.open_tables import open_source
from service.tables.row_names import RowNames, names_of_job
from storage.audit.attachments import Attachment, attachments_of
from storage.audit.engagements import require_not_closed
from storage.audit.findings import (
    NewestFinding,
    Replacement,
    Review,
    RowReplaced,
    SampleDeleted,
    enter_findings,
    enter_replacement,
    list_replacements,
    require_open,
)
from storage.audit.reviewing import questions_of
from storage.certificates.ledger import append_entry
from storage.errors import Conflict, InvalidValue
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction
from storage.versions.refs import has_sample_ref

MAX_AUDIT_VALUE_DIGITS = 38
MIN_RESERVES = 16
"""Reserves read for the first replacement; a cached result serves the next ones."""
MAX_ATTEMPTS = 20
"""Attempts of a replacement while others take the same reserves."""


class OwnQuestions(Conflict):
    """The rows of the sample get answers to its own questions, and no findings."""

    code = "own_questions"


class NoRowLeft(Conflict):
    """All rows that could replace a row are in the sample."""

    code = "no_row_left"


@dataclass(frozen=True)
class FindingCounts:
    """The items by outcome."""

    items: Annotated[int, Help("Drawn rows and replacements.")]
    replaced: int
    ok: int
    exception: int
    not_applicable: int
    not_examinable: int
    open: Annotated[int, Help("Items without a finding.")]
    missing: Annotated[
        int,
        Help(
            "Exceptions, and rows that can't be examined, without a cause; and exceptions without "
            "an audit value, if the sample is one by monetary units."
        ),
    ]


@dataclass(frozen=True)
class SampleItem:
    """A row to examine."""

    row_id: str
    name: Annotated[str, Help("By the table's row key; the row id without one.")]
    replaces: Annotated[str | None, Help("The row that this one replaced.")]
    replaces_name: str | None
    replaced_by: Annotated[str | None, Help("The row that replaced this one.")]
    replaced_by_name: str | None
    stage: Annotated[int | None, Help("Of a sample in two stages: 1 or 2.")]
    data: Annotated[Mapping[str, Any], Help("The row of the source by column.")]
    finding: Annotated[NewestFinding | None, Help("The newest entry about the row.")]
    attachments: Annotated[
        Sequence[Attachment], Help("The files attached to the row, oldest first.")
    ]


@dataclass(frozen=True)
class ItemsPage:
    """A page of the rows to examine."""

    job_id: str
    table_key: str
    columns: Sequence[str]
    shown: Annotated[Sequence[str], Help("The columns to show of each row, in their order.")]
    amount_column: Annotated[
        str | None, Help("The column of book values, or the amount that the draw was to cover.")
    ]
    items: Annotated[
        Sequence[SampleItem],
        Help(
            "Drawn rows in their order, then replacements. Of two stages, those of the second "
            "appear once the rule asks for them."
        ),
    ]
    total: Annotated[int, Help("Items of the filter that match the search.")]
    offset: int
    limit: int
    counts: FindingCounts
    filters: Annotated[FilterCounts, Help("Items that match the search, by filter.")]
    attributes: Annotated[Sequence[str], Help("What each row is tested for.")]
    stages: Annotated[Stages | None, Help("Of a sample that was planned in two stages.")]
    review: Review
    attachments: Annotated[
        Sequence[Attachment], Help("The files attached to the sample as a whole, oldest first.")
    ]


def audit_counts(service: Service, job: JobRecord, state: AuditState) -> FindingCounts:
    """Count the items by outcome."""
    drawn = list(drawn_row_ids(service, job))
    outcomes = Counter(finding.outcome for finding in state.findings.values())
    items = len(rows_to_examine(job, drawn, state)) + len(state.replacements)
    return FindingCounts(
        items=items,
        replaced=len(state.replacements),
        open=items - len(state.findings),
        missing=len(missing_details(state, by_amounts=needs_audit_values(service, job))),
        **{outcome: outcomes[outcome] for outcome in OUTCOMES},
    )


def missing_details(
    state: AuditState, *, by_amounts: bool, to_replace: Set[str] = frozenset()
) -> dict[str, tuple[str, ...]]:
    """What the findings lack, by row id: a cause; of an evaluation by amounts, an audit value.

    ``to_replace`` are rows that another could replace (see :func:`rows_to_replace`).
    """
    found = {}
    for row_id, finding in state.findings.items():
        is_exception = finding.outcome == "exception"
        lacks = {
            "cause": lacks_cause(finding),
            "audit value": is_exception and by_amounts and finding.audit_value is None,
            "replacement": row_id in to_replace and _lacks_replacement(state, row_id),
        }
        if any(lacks.values()):
            found[row_id] = tuple(name for name, is_lacking in lacks.items() if is_lacking)
    return found


def items_page(
    service: Service,
    job: JobRecord,
    offset: int,
    limit: int,
    view: FindingsListRequest = ALL_ITEMS,
    user_id: int | None = None,
) -> ItemsPage:
    """Return a page of the items of a view, with their rows and newest findings.

    Raises
    ------
    UnknownColumn
        The sample has no column to sort by.
    """
    state = audit_state(service, job)
    source = open_source(service, job)
    row_ids = item_ids(service, job, state)
    if view.row_id is not None:
        named = items_by_key(service, job, state).row_id(view.row_id, ("query", "row_id"))
        row_ids = [row_id for row_id in row_ids if row_id == named]
    shown = [column.name for column in shown_columns(service, job)]
    with service.database.read() as tx:
        attached = attachments_of(tx, job.id)
    marked: Mapping[ItemFilter, Set[str]] = {
        "mine": {row for row, finding in state.findings.items() if finding.user_id == user_id},
        "with_attachments": {each.row_id for each in attached if each.row_id is not None},
        "missing": missing_details(state, by_amounts=needs_audit_values(service, job)).keys(),
    }
    found = found_items(service, job, state, row_ids, shown, view, marked)
    return ItemsPage(
        job_id=job.id,
        table_key=source.key,
        columns=[column.name for column in source.files.columns],
        shown=shown,
        amount_column=book_column_of(service, job),
        items=read_items(service, job, state, found.row_ids[offset : offset + limit]),
        total=len(found.row_ids),
        offset=offset,
        limit=limit,
        counts=audit_counts(service, job, state),
        filters=found.counts,
        attributes=state.attributes,
        stages=stages_of(job, list(drawn_row_ids(service, job)), state),
        review=state.review,
        attachments=[each for each in attached if each.row_id is None],
    )


def read_items(
    service: Service, job: JobRecord, state: AuditState, row_ids: Sequence[str]
) -> list[SampleItem]:
    """Read some items with their rows and newest findings, in the order of their ids."""
    drawn = drawn_row_ids(service, job)
    rows = item_rows(service, job, state, row_ids)
    rule = stage_rule(job, len(drawn))
    first = set(list(drawn)[: rule.first]) if rule else set()
    names = names_of_job(service, job, _named_in(row_ids, state))
    attached = defaultdict[str | None, list[Attachment]](list)
    with service.database.read() as tx:
        for each in attachments_of(tx, job.id):
            attached[each.row_id].append(each)
    items = []
    for row_id in row_ids:
        replacing, replaced = state.replacing.get(row_id), state.replaced.get(row_id)
        replaces = None if replacing is None else replacing.row_id
        replaced_by = None if replaced is None else replaced.replacement_id
        stage = 1 if state.drawn_id(row_id) in first else 2
        items.append(
            SampleItem(
                row_id,
                names.of(row_id),
                replaces,
                None if replaces is None else names.of(replaces),
                replaced_by,
                None if replaced_by is None else names.of(replaced_by),
                stage if rule else None,
                rows[row_id],
                state.findings.get(row_id),
                attached[row_id],
            )
        )
    return items


def _named_in(row_ids: Sequence[str], state: AuditState) -> Iterator[str]:
    """The rows that items name: their own, and those that they replaced or that replaced them."""
    for row_id in row_ids:
        yield row_id
        if row_id in state.replacing:
            yield state.replacing[row_id].row_id
        if row_id in state.replaced:
            yield state.replaced[row_id].replacement_id


def row_replaced(row_id: str, replacement: str, loc: Loc = ()) -> RowReplaced:
    """The error of a finding about a replaced row."""
    return RowReplaced(
        "Row {row_id} was replaced by {replacement}. Enter a finding about {replacement}.",
        loc=loc,
        row_id=row_id,
        replacement=replacement,
    )


def checked_finding(finding: FindingRequest, loc: Loc = ()) -> FindingRequest:
    """The finding with its audit value as plain decimal digits; InvalidValue if it isn't one."""
    if finding.audit_value is None:
        return finding
    return replace(finding, audit_value=decimal_text(finding.audit_value, loc))


def decimal_text(written: str, loc: Loc = ()) -> str:
    """The plain digits of a decimal number; InvalidValue if the text isn't one."""
    try:
        value = Decimal(written)
    except InvalidOperation:
        value = Decimal("NaN")
    text = f"{value:f}" if value.is_finite() and abs(value.adjusted()) < 60 else ""
    if not text or len(text.lstrip("-").replace(".", "")) > MAX_AUDIT_VALUE_DIGITS:
        raise InvalidValue(
            '"{value}" isn\'t a decimal number of at most {digits} digits, such as 1234.56.',
            loc=loc,
            value=written[:100],
            digits=MAX_AUDIT_VALUE_DIGITS,
        )
    return text


@dataclass(frozen=True)
class NamedReplacement(Replacement):
    """A replacement with the names of both rows."""

    name: Annotated[str, Help("By the table's row key; the row id without one.")]
    replacement_name: str


def named_replacements(
    service: Service, job: JobRecord, replacements: Sequence[Replacement]
) -> list[NamedReplacement]:
    """The replacements with the names of their rows."""
    ids = [row_id for each in replacements for row_id in (each.row_id, each.replacement_id)]
    names = names_of_job(service, job, ids)
    return [
        NamedReplacement(
            **vars(each), name=names.of(each.row_id), replacement_name=names.of(each.replacement_id)
        )
        for each in replacements
    ]


def items_by_key(service: Service, job: JobRecord, state: AuditState) -> NamedItems:
    """The drawn rows and their replacements, which people name by row id or by key."""
    came_in = [each.replacement_id for each in state.replacements]
    return NamedItems(service, job, {*drawn_row_ids(service, job), *came_in})


def replace_row(by: Caller, job: JobRecord, row: str, reason: str) -> NamedReplacement:
    """Replace a row by the next row of its round's order, in its stratum if there are strata.

    The replaced row gets the finding ``not_applicable`` with the reason. ``row`` is its row id or
    its key.

    Raises
    ------
    NotFound, Conflict
        The row isn't in the sample; it is replaced already.
    NoRowLeft
        No row is left in its stratum.
    SampleDeleted, FindingsLocked, DomainError
        The sample was deleted; the review isn't open; the round's method has no next rows.
    """
    by.dataset(job.dataset_id, "write")
    items = items_by_key(by.service, job, audit_state(by.service, job))
    row_id = items.row_id(row, ("body", "row_id"))
    with rows_named(by.service, job):
        made = _replace(by, job, row_id, reason)
    return named_replacements(by.service, job, [made])[0]


def _replace(by: Caller, job: JobRecord, row_id: str, reason: str) -> Replacement:
    drawn = drawn_row_ids(by.service, job)
    for _ in range(MAX_ATTEMPTS):
        state = audit_state(by.service, job)
        candidate = _next_row(by.service, job, state, drawn, row_id)
        names = names_of_job(by.service, job, [row_id, candidate])
        with by.writing() as tx:
            require_findings(tx, job)
            if enter_replacement(
                tx, job.id, by.user.id, row_id, candidate, reason, by.service.clock
            ):
                new = FindingRequest(row_id=row_id, outcome="not_applicable", note=reason)
                enter_findings(tx, job.id, by.user.id, [new], by.service.clock)
                by.audit_of_job(
                    tx,
                    "row_replaced",
                    job,
                    row=row_id,
                    replacement=candidate,
                    **_names_of_both(names, row_id, candidate),
                    reason=reason,
                )
                round_number, _ = origin_of(drawn, state.replacing, row_id)
                body = {
                    "job_id": job.id,
                    "round_number": round_number,
                    "ordinal_out": ordinal_of(row_id),
                    "ordinal_in": ordinal_of(candidate),
                    "reason": reason,
                }
                actor, clock = by.user.soeid, by.service.clock
                append_entry(tx, job.dataset_id, "replacement", actor, body, clock)
                made = [each for each in list_replacements(tx, job.id) if each.row_id == row_id]
                return made[0]
    raise Conflict("Another user is replacing rows of this sample. Try again.")


def _names_of_both(names: RowNames, row_id: str, replacement: str) -> dict[str, str]:
    """The names of a replaced row and of the next one, if the table has a row key."""
    found = {"row_name": row_id, "replacement_name": replacement}
    return {fact: names.of(row) for fact, row in found.items() if names.has(row)}


def _next_row(
    service: Service,
    job: JobRecord,
    state: AuditState,
    drawn: Mapping[str, tuple[int, str | None]],
    row_id: str,
) -> str:
    """The next unused row of the order that the row belongs to."""
    require_reached(job, list(drawn), state, [row_id])
    if row_id in state.replaced:
        raise Conflict(
            "Row {row_id} was replaced by {replacement} already.",
            loc=("body", "row_id"),
            row_id=row_id,
            replacement=state.replaced[row_id].replacement_id,
        )
    round_number, stratum = origin_of(drawn, state.replacing, row_id)
    finding = state.findings.get(row_id)
    if finding is not None and finding.outcome == "not_examinable":
        raise Conflict(
            "Row {row_id} can't be examined, so it counts as an exception and isn't replaced. If "
            "the test doesn't apply to it, enter that finding first.",
            loc=("body", "row_id"),
            row_id=row_id,
        )
    used = state.replacing.keys() | drawn.keys()
    limit = MIN_RESERVES
    while limit <= len(state.replacements):
        limit *= 2
    for row in next_rows(service, job, round_number, limit).data:
        if row.get(STRATUM) == stratum and row[ROW_ID] not in used:
            return str(row[ROW_ID])
    raise NoRowLeft(
        "No row is left that could replace row {row_id}: all rows of its group are in the sample. "
        "Enter that it isn't applicable: the evaluation leaves it out.",
        loc=("body", "row_id"),
        row_id=row_id,
    )


def is_replaceable(service: Service, job: JobRecord, state: AuditState, row_id: str) -> bool:
    """Whether a row is left that could replace this one."""
    try:
        _next_row(service, job, state, drawn_row_ids(service, job), row_id)
    except (NoRowLeft, NoReserves):
        return False
    return True


def rows_to_replace(service: Service, job: JobRecord, state: AuditState) -> frozenset[str]:
    """The rows that aren't applicable, weren't replaced, and that another row could replace.

    With one of them no evaluation is possible. It reads the next rows of the draw.
    """
    if state.questions.questions:
        return frozenset()
    return frozenset(
        row_id
        for row_id in state.findings
        if _lacks_replacement(state, row_id) and is_replaceable(service, job, state, row_id)
    )


def _lacks_replacement(state: AuditState, row_id: str) -> bool:
    finding = state.findings.get(row_id)
    is_outside = finding is not None and finding.outcome == "not_applicable"
    return is_outside and row_id not in state.replaced


def require_findings(tx: Transaction, job: JobRecord) -> None:
    """Raise SampleDeleted, FindingsLocked or OwnQuestions if no findings can be entered."""
    require_entries(tx, job)
    if questions_of(tx, job.id).questions:
        raise OwnQuestions(
            "The sample has questions of its own, so its rows get answers instead of findings."
        )


def require_entries(tx: Transaction, job: JobRecord) -> None:
    """Raise SampleDeleted or FindingsLocked if nothing can be entered."""
    require_not_deleted(tx, job)
    require_open(tx, job.id)


def require_not_deleted(tx: Transaction, job: JobRecord) -> None:
    """Raise SampleDeleted for a sample in the bin or deleted, or EngagementClosed."""
    require_not_closed(tx, job.id)
    if not has_sample_ref(tx, job.dataset_id, job.output_commit_id):
        raise SampleDeleted(
            "The sample was deleted, so its findings can't be changed. Restore it from the bin."
        )
