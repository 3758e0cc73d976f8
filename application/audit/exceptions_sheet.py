"""The exceptions of a sample in its working paper: amounts, causes, and corrected entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from application.audit.causes import CAUSES
from application.audit.coverage import amount_column
from application.audit.findings import OUTCOME_TITLES
from application.audit.items import book_values, examined_items
from application.audit.paper_cells import keys_of, moment_of
from application.audit.state import AuditState
from parquet_tables.workbooks import Block, Cell, Sheet
from service.service import Service
from storage.audit.findings import Finding, list_findings
from storage.jobs.jobs import Job

MAX_ENTRIES = 10_000
Rows = list[tuple[Cell, ...]]


@dataclass(frozen=True)
class ExceptionalRow:
    """An exception with its amounts; None where there is none."""

    finding: Finding
    key: Cell
    book: Decimal | None
    audit: Decimal | None

    @property
    def difference(self) -> Decimal | None:
        return None if self.book is None or self.audit is None else self.book - self.audit


def exceptions_sheet(service: Service, job: Job, state: AuditState) -> Sheet:
    """The exceptions, what caused them, and the entries that later ones corrected."""
    column = amount_column(job)
    found = _exceptional_rows(service, job, state, column)
    blocks = [_amounts(found)]
    if found:
        blocks.append(_causes(found, has_amounts=column is not None))
    if any(each.finding.deviations or each.finding.cause_text for each in found):
        blocks.append(_natures(found))
    return Sheet("Exceptions", "Exceptions", [*blocks, _corrected(service, job, state)])


def _exceptional_rows(
    service: Service, job: Job, state: AuditState, column: str | None
) -> list[ExceptionalRow]:
    items = [item for item in examined_items(service, job, state) if item.is_exception]
    findings = [item.finding for item in items if item.finding]
    keys = keys_of(service, job, [each.row_id for each in findings])
    books: Mapping[str, Decimal | None] = {}
    if column and keys:
        books = book_values(service, job, list(keys), column)
    return [
        ExceptionalRow(
            finding,
            keys[finding.row_id],
            books.get(finding.row_id),
            _audit_value(finding, has_amounts=column is not None),
        )
        for finding in findings
    ]


def _audit_value(finding: Finding, *, has_amounts: bool) -> Decimal | None:
    """As entered; 0 of a row that can't be examined, as the evaluation takes it."""
    if finding.audit_value is not None:
        return Decimal(finding.audit_value)
    return Decimal(0) if has_amounts and finding.outcome == "not_examinable" else None


def _amounts(found: Sequence[ExceptionalRow]) -> Block:
    rows: Rows = [
        (
            *(each.finding.row_id, each.key, OUTCOME_TITLES[each.finding.outcome]),
            *(each.book, each.audit, each.difference, each.finding.note or None),
        )
        for each in found
    ]
    header = ("Row", "Key", "Finding", "Book value", "Audit value", "Difference", "Note")
    return Block(f"Exceptions: {len(rows):,}", rows, header)


def _causes(found: Sequence[ExceptionalRow], *, has_amounts: bool) -> Block:
    """The exceptions and their differences by cause, the most frequent first."""
    by_cause: dict[str, list[Decimal]] = {}
    for each in found:
        cause = CAUSES.get(each.finding.cause or "", "Not stated")
        by_cause.setdefault(cause, []).append(each.difference or Decimal(0))
    rows: Rows = [
        (cause, len(amounts), sum(amounts, Decimal(0)) if has_amounts else None)
        for cause, amounts in sorted(by_cause.items(), key=lambda each: -len(each[1]))
    ]
    return Block("Causes", rows, ("Cause", "Exceptions", "Sum of differences"))


def _natures(found: Sequence[ExceptionalRow]) -> Block:
    """What each exception deviates from, and its cause in words."""
    rows: Rows = [
        (
            *(each.finding.row_id, each.key, "; ".join(each.finding.deviations) or None),
            *(CAUSES.get(each.finding.cause or ""), each.finding.cause_text or None),
        )
        for each in found
    ]
    header = ("Row", "Key", "Deviations", "Cause", "Cause in words")
    return Block("Nature and cause of each exception", rows, header)


def _corrected(service: Service, job: Job, state: AuditState) -> Block:
    """The entries that later ones corrected."""
    with service.database.read() as tx:
        entries, total = list_findings(tx, job.id, None, 0, MAX_ENTRIES)
    newest = {finding.id for finding in state.findings.values()}
    rows: Rows = [
        (
            *(each.row_id, OUTCOME_TITLES[each.outcome]),
            None if each.audit_value is None else Decimal(each.audit_value),
            *(each.note or None, each.user_soeid, moment_of(each.at)),
        )
        for each in reversed(entries)
        if each.id not in newest
    ]
    title = f"Entries that later ones correct: {len(rows):,}"
    if total > len(entries):
        title += f", of the newest {len(entries):,} entries"
    return Block(title, rows, ("Row", "Finding", "Audit value", "Note", "By", "Time (UTC)"))
