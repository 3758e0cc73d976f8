"""The exceptions of a working paper: amounts, causes, and the entries that were corrected."""

from __future__ import annotations

from decimal import Decimal

from application.audit.items import book_values, examined_items
from application.audit.state import AuditState
from application.audit.working_paper.items import keys_of
from application.audit.working_paper.population import amount_column
from contract.words import CAUSES, outcome_title
from presentation.content import (
    Row,
    Section,
    Table,
    decimal_of,
    moment_of,
)
from service.service import Service
from service.tables.row_names import names_of_job
from storage.audit.findings import list_findings
from storage.jobs.jobs import JobRecord

MAX_ENTRIES = 10_000


def exceptions_section(service: Service, job: JobRecord, state: AuditState) -> Section:
    """The exceptions with their amounts and causes, and the entries that later ones corrected."""
    column = amount_column(job)
    examined = examined_items(service, job, state)
    findings = [item.finding for item in examined if item.finding and item.is_exception]
    ids = [finding.row_id for finding in findings]
    names = names_of_job(service, job, ids)
    keys = {} if names else keys_of(service, job, ids)
    books = book_values(service, job, ids, column) if column and ids else {}

    def cells(row_id: str) -> Row:
        return (names.of(row_id),) if names else (row_id, keys[row_id])

    amounts: list[Row] = []
    natures: list[Row] = []
    differences: dict[str, list[Decimal]] = {}
    for finding in findings:
        row_id, cause = finding.row_id, CAUSES.get(finding.cause or "")
        book, audit = books.get(row_id), decimal_of(finding.audit_value)
        if audit is None and column and finding.outcome == "not_examinable":
            audit = Decimal(0)  # as the evaluation takes it
        difference = None if book is None or audit is None else book - audit
        outcome, note = outcome_title(finding.outcome), finding.note or None
        amounts.append((*cells(row_id), outcome, book, audit, difference, note))
        deviations = "; ".join(finding.deviations) or None
        natures.append((*cells(row_id), deviations, cause, finding.cause_text or None))
        differences.setdefault(cause or "Not stated", []).append(difference or Decimal(0))
    causes: list[Row] = [
        (cause, len(parts), sum(parts, Decimal(0)) if column else None)
        for cause, parts in sorted(differences.items(), key=lambda cause: -len(cause[1]))
    ]
    first = ("Row",) if names else ("Row", "Key")
    header = (*first, "Finding", "Book value", "Audit value", "Difference", "Note")
    tables = [Table(f"Exceptions: {len(amounts):,}", header, amounts)]
    if causes:
        tables.append(Table("Causes", ("Cause", "Exceptions", "Sum of differences"), causes))
    if any(finding.deviations or finding.cause_text for finding in findings):
        header_of_causes = (*first, "Deviations", "Cause", "Cause in words")
        tables.append(Table("Nature and cause of each exception", header_of_causes, natures))
    return Section("Exceptions", "Exceptions", [*tables, _corrected(service, job, state)])


def _corrected(service: Service, job: JobRecord, state: AuditState) -> Table:
    """The entries that later ones corrected."""
    with service.database.read() as tx:
        entries, total = list_findings(tx, job.id, None, 0, MAX_ENTRIES)
    newest = {finding.id for finding in state.findings.values()}
    names = names_of_job(service, job, [entry.row_id for entry in entries])
    rows: list[Row] = [
        (
            *(names.of(entry.row_id), outcome_title(entry.outcome), decimal_of(entry.audit_value)),
            *(entry.note or None, entry.user_soeid, moment_of(entry.at)),
        )
        for entry in reversed(entries)
        if entry.id not in newest
    ]
    title = f"Entries that later ones correct: {len(rows):,}"
    if total > len(entries):
        title += f", of the newest {len(entries):,} entries"
    return Table(title, ("Row", "Finding", "Audit value", "Note", "By", "Time (UTC)"), rows)
