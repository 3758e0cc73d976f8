"""Findings about the rows of a sample, replacements from its reserves, and their review.

The items of a sample are its drawn rows in their order, then the replacements in the order in which
they were made. Each write checks the user's level and the review's state in its own transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from application.access import Caller
from application.samples.replacements import next_rows
from job_runner.service import Service
from job_runner.tables.open_tables import SAMPLE, open_source, open_table, output_of
from parquet_tables.rows import page_statement, read_page, read_rows, rows_statement
from parquet_tables.tables import Column, TableFiles
from sampling_engine.errors import NoReserves
from storage.certificates.ledger import append_entry
from storage.errors import Conflict, Forbidden, InvalidValue, NotFound
from storage.jobs.findings import (
    OUTCOMES,
    Finding,
    NewFinding,
    Replacement,
    Review,
    ReviewAction,
    RowReplaced,
    SampleDeleted,
    authors_of,
    enter_findings,
    enter_replacement,
    enter_review,
    list_replacements,
    newest_findings,
    require_open,
    review_of,
)
from storage.jobs.jobs import Job
from storage.sqlite.database import Transaction
from storage.versions.refs import has_sample_ref

ROW_ID, STRATUM, ROUND = "_logical_row_id", "_stratum", "_sampling_round"
SELECTION_ORDER = "_selection_order"
OUTCOME_TITLES = {
    "ok": "OK",
    "exception": "Exception",
    "not_examinable": "Can’t be examined",
    "not_applicable": "Not applicable",
}
STATE_TITLES = {
    "open": "In progress",
    "submitted": "Submitted for review",
    "signed_off": "Signed off",
}
MAX_AUDIT_VALUE_DIGITS = 38
MAX_NOTE = 2000
MAX_DRAWN = 100_000
MIN_RESERVES = 16
"""Reserves read for the first replacement; a cached result serves the next ones."""
MAX_ATTEMPTS = 20
"""Attempts of a replacement while others take the same reserves."""


class NoRowLeft(Conflict):
    """All rows that could replace a row are in the sample."""

    code = "no_row_left"


@dataclass(frozen=True)
class AuditState:
    """What was entered about a sample."""

    findings: Mapping[str, Finding]
    replacements: tuple[Replacement, ...]
    review: Review

    @property
    def replaced(self) -> dict[str, Replacement]:
        """The replacement of each replaced row."""
        return {each.row_id: each for each in self.replacements}

    @property
    def replacing(self) -> dict[str, Replacement]:
        """The replacement that each replacing row entered by."""
        return {each.replacement_id: each for each in self.replacements}


def audit_state(service: Service, job: Job) -> AuditState:
    """Read the newest findings, the replacements and the review of a sample."""
    with service.database.read() as tx:
        return AuditState(
            newest_findings(tx, job.id),
            tuple(list_replacements(tx, job.id)),
            review_of(tx, job.id),
        )


def audit_counts(service: Service, job: Job, state: AuditState) -> dict[str, int]:
    """Count the items by outcome; ``open`` are those without a finding."""
    drawn = len(drawn_row_ids(service, job))
    outcomes = Counter(finding.outcome for finding in state.findings.values())
    items = drawn + len(state.replacements)
    return {
        "items": items,
        "replaced": len(state.replacements),
        **{outcome: outcomes[outcome] for outcome in OUTCOMES},
        "open": items - len(state.findings),
    }


def items_page(service: Service, job: Job, offset: int, limit: int) -> dict[str, Any]:
    """Return a page of the items with their rows and newest findings, as JSON."""
    state = audit_state(service, job)
    source = open_source(service, job)
    counts = audit_counts(service, job, state)
    return {
        "job_id": job.id,
        "table_key": source.key,
        "columns": [column.name for column in source.files.columns],
        "items": read_items(service, job, state, offset, limit),
        "total": counts["items"],
        "offset": offset,
        "limit": limit,
        "counts": counts,
        "review": review_json(state.review),
    }


def read_items(
    service: Service, job: Job, state: AuditState, offset: int, limit: int
) -> list[dict[str, Any]]:
    """Read some items with their rows and newest findings, as JSON."""
    sample = open_table(service, job.dataset_id, output_of(job), SAMPLE).files
    source = open_source(service, job).files
    with service.parquet.cursor(sample) as cursor:
        rows = read_page(cursor, sample, sample.columns, offset, limit)
    rest = max(offset - sample.row_count, 0)
    wanted = state.replacements[rest : rest + limit - len(rows)]
    rows += _replacement_rows(service, source, [each.replacement_id for each in wanted])
    return [_item(state, row, source.columns) for row in rows]


def review_json(review: Review) -> dict[str, Any]:
    """Return a review as JSON."""
    return {"state": review.state, "entries": [asdict(entry) for entry in review.entries]}


def ordinal_of(row_id: str) -> int:
    """The row's number in the source."""
    return int(row_id.rpartition(":")[2])


def _item(state: AuditState, row: Mapping[str, Any], columns: Sequence[Column]) -> dict[str, Any]:
    row_id = row[ROW_ID]
    finding = state.findings.get(row_id)
    replaced, replacing = state.replaced.get(row_id), state.replacing.get(row_id)
    return {
        ROW_ID: row_id,
        "replaced_by": None if replaced is None else replaced.replacement_id,
        "replaces": None if replacing is None else replacing.row_id,
        "data": {column.name: row.get(column.name) for column in columns},
        "finding": None if finding is None else asdict(finding),
    }


def _replacement_rows(
    service: Service, source: TableFiles, row_ids: Sequence[str]
) -> list[dict[str, Any]]:
    """The source's rows with these ids, in this order."""
    if not row_ids:
        return []
    ordinals = [ordinal_of(row_id) for row_id in row_ids]
    chosen = np.array(sorted(ordinals), dtype=np.int64)
    with service.parquet.cursor(source) as cursor:
        cells = read_rows(cursor, rows_statement(source, source.columns, chosen), source.columns)
    by_ordinal = dict(zip(chosen.tolist(), cells, strict=True))
    return [
        {**by_ordinal[ordinal], ROW_ID: row_id}
        for ordinal, row_id in zip(ordinals, row_ids, strict=True)
    ]


def drawn_row_ids(service: Service, job: Job) -> dict[str, tuple[int, str | None]]:
    """The round and stratum of each drawn row, by row id, in the order of the draw.

    Raises
    ------
    Conflict
        The sample has more than ``MAX_DRAWN`` rows.
    """
    sample = open_table(service, job.dataset_id, output_of(job), SAMPLE).files
    if sample.row_count > MAX_DRAWN:
        raise Conflict(
            "Findings can be entered for samples of at most {maximum} rows; this one has {rows}.",
            maximum=MAX_DRAWN,
            rows=sample.row_count,
        )

    def read() -> dict[str, tuple[int, str | None]]:
        columns = [sample.column(name) for name in (ROUND, SELECTION_ORDER, ROW_ID, STRATUM)]
        with service.parquet.cursor(sample) as cursor:
            rows = cursor.execute(*page_statement(sample, columns)).fetchall()
        # A round's rows may be stored by another order than that of the draw.
        rows.sort(key=lambda row: row[:2])
        return {row_id: (round_number, stratum) for round_number, _, row_id, stratum in rows}

    return service.results.drawn.get(job.id, read)


def not_in_sample(row_id: str, known: Set[str], loc: tuple[str | int, ...]) -> NotFound:
    """The error of a row that isn't an item; with the row id that a bare number means."""
    prefix = next(iter(known), "").rpartition(":")[0]
    meant = f"{prefix}:{row_id.strip()}"
    hint = f'Did you mean "{meant}"?' if meant in known else f'A row id looks like "{prefix}:17".'
    return NotFound("Row {row_id} isn't in the sample. {hint}", loc=loc, row_id=row_id, hint=hint)


def row_replaced(row_id: str, replacement: str, loc: tuple[str | int, ...] = ()) -> RowReplaced:
    """The error of a finding about a replaced row."""
    return RowReplaced(
        "Row {row_id} was replaced by {replacement}. Enter a finding about {replacement}.",
        loc=loc,
        row_id=row_id,
        replacement=replacement,
    )


def checked_finding(finding: NewFinding, loc: tuple[str | int, ...] = ()) -> NewFinding:
    """The finding with its audit value as plain decimal digits; InvalidValue if it isn't one."""
    if finding.audit_value is None:
        return finding
    try:
        value = Decimal(finding.audit_value)
    except InvalidOperation:
        value = Decimal("NaN")
    text = f"{value:f}" if value.is_finite() and abs(value.adjusted()) < 60 else ""
    if not text or len(text.lstrip("-").replace(".", "")) > MAX_AUDIT_VALUE_DIGITS:
        raise InvalidValue(
            '"{value}" isn\'t a decimal number of at most {digits} digits, such as 1234.56.',
            loc=loc,
            value=finding.audit_value[:100],
            digits=MAX_AUDIT_VALUE_DIGITS,
        )
    return replace(finding, audit_value=text)


def replace_row(by: Caller, job: Job, row_id: str, reason: str) -> Replacement:
    """Replace a row by the next row of its round's order, in its stratum if there are strata.

    The replaced row gets the finding ``not_applicable`` with the reason.

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
    drawn = drawn_row_ids(by.service, job)
    for _ in range(MAX_ATTEMPTS):
        state = audit_state(by.service, job)
        candidate = _next_row(by.service, job, state, drawn, row_id)
        with by.writing() as tx:
            _require_not_deleted(tx, job)
            if enter_replacement(
                tx, job.id, by.user.id, row_id, candidate, reason, by.service.clock
            ):
                new = NewFinding(row_id, "not_applicable", note=reason)
                enter_findings(tx, job.id, by.user.id, [new], by.service.clock)
                by.audit(
                    tx,
                    "row_replaced",
                    dataset_id=job.dataset_id,
                    about=("job", job.id),
                    row=row_id,
                    replacement=candidate,
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
    raise Conflict("Others replace rows of this sample just now. Try again.")


def origin_of(
    drawn: Mapping[str, tuple[int, str | None]], replacing: Mapping[str, Replacement], row_id: str
) -> tuple[int, str | None]:
    """The round and stratum of the drawn row that a row is, or that it came in for."""
    first_id = row_id
    while first_id in replacing:
        first_id = replacing[first_id].row_id
    if first_id not in drawn:
        raise not_in_sample(row_id, drawn.keys(), ("body", ROW_ID))
    return drawn[first_id]


def _next_row(
    service: Service,
    job: Job,
    state: AuditState,
    drawn: Mapping[str, tuple[int, str | None]],
    row_id: str,
) -> str:
    """The next unused row of the order that the row belongs to."""
    if row_id in state.replaced:
        raise Conflict(
            "Row {row_id} was replaced by {replacement} already.",
            loc=("body", ROW_ID),
            row_id=row_id,
            replacement=state.replaced[row_id].replacement_id,
        )
    round_number, stratum = origin_of(drawn, state.replacing, row_id)
    finding = state.findings.get(row_id)
    if finding is not None and finding.outcome == "not_examinable":
        raise Conflict(
            "Row {row_id} can't be examined, so it counts as an exception and isn't replaced. If "
            "the test doesn't apply to it, enter that finding first.",
            loc=("body", ROW_ID),
            row_id=row_id,
        )
    used = state.replacing.keys() | drawn.keys()
    limit = MIN_RESERVES
    while limit <= len(state.replacements):
        limit *= 2
    for row in next_rows(service, job, round_number, limit)["data"]:
        if row.get(STRATUM) == stratum and row[ROW_ID] not in used:
            return str(row[ROW_ID])
    raise NoRowLeft(
        "No row is left that could replace row {row_id}: all rows of its group are in the sample. "
        "Enter that it isn't applicable: the evaluation leaves it out.",
        loc=("body", ROW_ID),
        row_id=row_id,
    )


def is_replaceable(service: Service, job: Job, state: AuditState, row_id: str) -> bool:
    """Whether a row is left that could replace this one."""
    try:
        _next_row(service, job, state, drawn_row_ids(service, job), row_id)
    except (NoRowLeft, NoReserves):
        return False
    return True


def review(by: Caller, job: Job, action: ReviewAction, note: str) -> Review:
    """Take a step of a sample's review.

    The preparer submits or withdraws; another person, who entered nothing, returns or signs off;
    an owner of the dataset reopens.

    Raises
    ------
    Conflict
        The sample was deleted; the step doesn't follow the review's state, or rows have no finding.
    Forbidden
        The reviewer prepared the findings; or the level is too low.
    InvalidValue
        The step needs a note.
    """
    by.dataset(job.dataset_id, "admin" if action == "reopened" else "write")
    drawn = drawn_row_ids(by.service, job)
    with by.writing() as tx:
        _require_not_deleted(tx, job)
        now = review_of(tx, job.id)
        _require_step(now, action)
        if action in ("returned", "reopened") and not note:
            raise InvalidValue("Give the reason in `note`.", loc=("body", "note"))
        if action == "submitted":
            _require_findings(tx, job, drawn)
        if action in ("returned", "signed_off"):
            _require_another_person(tx, job, by, now)
        enter_review(tx, job.id, by.user.id, action, note, by.service.clock)
        by.audit(
            tx,
            "findings_reviewed",
            dataset_id=job.dataset_id,
            about=("job", job.id),
            step=_STEP_WORDS[action],
            note=note or None,
        )
        reviewed = review_of(tx, job.id)
    by.service.wake_sender()
    return reviewed


_STATE_BEFORE: Mapping[ReviewAction, str] = {
    "submitted": "open",
    "withdrawn": "submitted",
    "returned": "submitted",
    "signed_off": "submitted",
    "reopened": "signed_off",
}
_STATE_WORDS = {"open": "open", "submitted": "submitted for review", "signed_off": "signed off"}
_STEP_WORDS: Mapping[ReviewAction, str] = {
    "submitted": "submitted",
    "withdrawn": "withdrawn",
    "returned": "returned",
    "signed_off": "signed off",
    "reopened": "reopened",
}


def require_entries(tx: Transaction, job: Job) -> None:
    """Raise SampleDeleted or FindingsLocked if nothing can be entered."""
    _require_not_deleted(tx, job)
    require_open(tx, job.id)


def _require_not_deleted(tx: Transaction, job: Job) -> None:
    if not has_sample_ref(tx, job.dataset_id, job.output_commit_id):
        raise SampleDeleted(
            "The sample was deleted, so its findings can't be changed. Restore it from the bin."
        )


def _require_step(now: Review, action: ReviewAction) -> None:
    if _STATE_BEFORE[action] != now.state:
        raise Conflict(
            "The findings are {state}. Only findings that are {needed} can be {step}.",
            state=_STATE_WORDS[now.state],
            needed=_STATE_WORDS[_STATE_BEFORE[action]],
            step=_STEP_WORDS[action],
        )


def _require_findings(
    tx: Transaction, job: Job, drawn: Mapping[str, tuple[int, str | None]]
) -> None:
    replacements = [each.replacement_id for each in list_replacements(tx, job.id)]
    found = newest_findings(tx, job.id)
    missing = [row_id for row_id in (*drawn, *replacements) if row_id not in found]
    if missing:
        raise Conflict(
            "{count} {count|row has|rows have} no finding, the first is {row_id}. Enter findings "
            "for all rows, "
            "then submit.",
            count=len(missing),
            row_id=missing[0],
        )


def is_preparer(by: Caller, job: Job) -> bool:
    """Whether the caller entered or submitted findings, so that another person reviews them."""
    with by.service.database.read() as tx:
        return by.user.id in _preparers(tx, job, review_of(tx, job.id))


def _preparers(tx: Transaction, job: Job, now: Review) -> set[int]:
    return authors_of(tx, job.id) | {each.user_id for each in now.entries[-1:]}


def _require_another_person(tx: Transaction, job: Job, by: Caller, now: Review) -> None:
    if by.user.id in _preparers(tx, job, now):
        raise Forbidden(
            "Another person must review the findings: you entered or submitted some of them."
        )
