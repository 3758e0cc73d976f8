"""The exceptions of a working paper: amounts, causes, and the entries that were corrected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from application.audit.items import ExaminedItem, book_values, examined_items, lacks_cause
from application.audit.state import AuditState, drawn_row_ids
from application.audit.working_paper.items import known_as, named_cells, placed, with_names
from application.samples.facts import stratum_text
from contract.words import CAUSES, outcome_title
from domain_errors import Sentence
from lazy_dataclasses import dataclass
from presentation.content import (
    Block,
    Cell,
    Facts,
    Formula,
    Judgement,
    Row,
    Section,
    Table,
    decimal_of,
    moment_of,
)
from service.service import Service
from storage.audit.findings import Finding, list_findings
from storage.jobs.jobs import JobRecord

MAX_ENTRIES = 10_000


def exceptions_section(
    service: Service, job: JobRecord, state: AuditState, column: str | None
) -> Section:
    """The exceptions with their amounts and causes, and the entries that later ones corrected.

    ``column`` has the book values; None leaves amounts out.
    """
    examined = examined_items(service, job, state)
    ids = [item.row_id for item in examined if item.is_exception]
    named = named_cells(service, job, ids)
    books = book_values(service, job, [item.row_id for item in examined], column) if column else {}
    found = [
        Misstated(item, named[item.row_id], placed(books.get(item.row_id)))
        for item in examined
        if item.is_exception
    ]
    blocks: list[Block] = [
        Facts("Completeness of the findings", _completeness(found, column)),
        _amounts(found),
        _causes(found, column),
        _natures(found),
    ]
    if (groups := _by_group(service, job, examined, found, books if column else None)) is not None:
        blocks.append(groups)
    return Section("Exceptions", "Exceptions", [*blocks, _corrected(service, job, state)])


@dataclass(frozen=True)
class Misstated:
    """An exception with the name of its row, and the row's book value if there is a column."""

    item: ExaminedItem
    name: Row
    book: Decimal | None

    @property
    def finding(self) -> Finding:
        """What was found; an exception always has a finding."""
        assert self.item.finding is not None  # noqa: S101 - the constructor's caller chose these
        return self.item.finding

    @property
    def audit(self) -> Decimal | None:
        """The audit value, as the evaluation takes it."""
        value = decimal_of(self.finding.audit_value)
        if value is None and self.book is not None and self.finding.outcome == "not_examinable":
            value = Decimal(0)
        return placed(value, self.book)

    @property
    def difference(self) -> Decimal | None:
        """Book value less audit value; None if one of both is missing."""
        audit = self.audit
        return None if self.book is None or audit is None else self.book - audit

    @property
    def has_cause(self) -> bool:
        """Whether somebody stated its cause, as a choice or in words."""
        return not lacks_cause(self.finding)


ALL_GIVEN = "Stated for all of {count}"
ONE_GIVEN = Sentence("Stated")
NONE_FOUND = Sentence("None is needed: there are no exceptions")
SOME_LACKING = "Not stated for {lacking} of {count}: {rows}"
MAX_NAMED = 20
"""Rows that a sentence names."""


def _completeness(found: Sequence[Misstated], column: str | None) -> list[Row]:
    """Whether each exception has a cause (ISA 530 ¶12), and an audit value where amounts count."""
    rows: list[Row] = [
        _stated("Causes of the exceptions", found, [each for each in found if not each.has_cause])
    ]
    if column is not None:
        lacking = [each for each in found if each.audit is None]
        rows.append(_stated("Audit values of the exceptions", found, lacking))
    return rows


def _stated(label: str, found: Sequence[Misstated], lacking: Sequence[Misstated]) -> Row:
    if not found:
        return (label, NONE_FOUND)
    if not lacking:
        return (label, ONE_GIVEN if len(found) == 1 else Sentence(ALL_GIVEN, count=len(found)))
    rows = ", ".join(known_as(each.name) for each in lacking[:MAX_NAMED])
    more = ", …" if len(lacking) > MAX_NAMED else ""
    values = {"lacking": len(lacking), "count": len(found), "rows": rows + more}
    return (label, Judgement(Sentence(SOME_LACKING, **values), "warn"))


def _amounts(found: Sequence[Misstated]) -> Table:
    header = ("Finding", "Book value", "Audit value", "Difference", "Note")
    lines: list[tuple[Row, Row]] = []
    for each in found:
        difference: Cell = each.difference
        if each.difference is not None:
            difference = Formula(each.difference, "[Book value]-[Audit value]")
        outcome, note = Sentence(outcome_title(each.finding.outcome)), each.finding.note or None
        lines.append((each.name, (outcome, each.book, each.audit, difference, note)))
    title = Sentence("Exceptions: {count}", count=len(found))
    return replace(with_names(title, header, lines), name="exceptions")


def _natures(found: Sequence[Misstated]) -> Table:
    lines: list[tuple[Row, Row]] = []
    for each in found:
        cause = CAUSES.get(each.finding.cause or "", "" if each.has_cause else "Not stated")
        deviations = "; ".join(each.finding.deviations) or None
        words = Sentence(cause) if cause else None
        lines.append((each.name, (deviations, words, each.finding.cause_text or None)))
    header = ("Deviations", "Cause", "Cause in words")
    return with_names("Nature and cause of each exception", header, lines)


def _causes(found: Sequence[Misstated], column: str | None) -> Table:
    """The exceptions by cause; a sum is of the differences that are known."""
    by_cause: dict[str, list[Decimal | None]] = {}
    for each in found:
        in_words = "In words alone" if each.finding.cause_text else "Not stated"
        cause = CAUSES.get(each.finding.cause or "", in_words)
        by_cause.setdefault(cause, []).append(each.difference)
    rows: list[Row] = []
    for cause, parts in sorted(by_cause.items(), key=lambda cause: -len(cause[1])):
        valued = [part for part in parts if part is not None]
        whole: Cell = sum(valued, Decimal(0)) if valued else Sentence("No audit value")
        rows.append((Sentence(cause), len(parts), whole if column else None))
    if column and rows:
        known = (part for parts in by_cause.values() for part in parts if part is not None)
        total = Formula(sum(known, Decimal(0)), "SUM({exceptions.Difference})")
        rows.append((Sentence("All causes"), len(found), total))
    return Table("Causes", ("Cause", "Exceptions", "Sum of differences"), rows)


def _by_group(
    service: Service,
    job: JobRecord,
    examined: Sequence[ExaminedItem],
    found: Sequence[Misstated],
    books: Mapping[str, Decimal | None] | None,
) -> Table | None:
    """The findings of each group by its label; None if no step drew by groups."""
    drawn = drawn_row_ids(service, job)
    groups: dict[tuple[int, str | None], list[ExaminedItem]] = {}
    for item in examined:
        groups.setdefault(drawn[item.drawn_id], []).append(item)
    if all(group is None for _, group in groups):
        return None
    by_id = {each.item.row_id: each for each in found}
    rounds = job.run_parameters["rounds"]
    rows: list[Row] = []
    for (step, group), items in groups.items():
        wrong = [by_id[item.row_id] for item in items if item.row_id in by_id]
        amounts: tuple[Cell, ...] = (None, None)
        if books is not None:
            book = sum((books[item.row_id] or Decimal(0) for item in items), Decimal(0))
            differences = (each.difference or Decimal(0) for each in wrong)
            amounts = (book, sum(differences, Decimal(0)))
        named = stratum_text(rounds[step - 1], group) if group else Sentence("All rows")
        rows.append((step, named, len(items), len(wrong), *amounts))
    header = ("Step", "Group", "Rows examined", "Exceptions", "Book value examined", "Differences")
    return Table("Findings of each group, not projected", header, rows)


def _corrected(service: Service, job: JobRecord, state: AuditState) -> Table:
    """The entries that later ones corrected."""
    with service.database.read() as tx:
        entries, total = list_findings(tx, job.id, None, 0, MAX_ENTRIES)
    newest = {finding.id for finding in state.findings.values()}
    corrected = [entry for entry in reversed(entries) if entry.id not in newest]
    named = named_cells(service, job, [entry.row_id for entry in corrected])
    lines: list[tuple[Row, Row]] = [
        (
            named[entry.row_id],
            (
                *(Sentence(outcome_title(entry.outcome)), placed(decimal_of(entry.audit_value))),
                *(entry.note or None, entry.user_soeid, moment_of(entry.at)),
            ),
        )
        for entry in corrected
    ]
    title = "Entries that later ones correct: {count}"
    if total > len(entries):
        title += ", of the newest {entries} entries"
    title = Sentence(title, count=len(lines), entries=len(entries))
    return with_names(title, ("Finding", "Audit value", "Note", "By", "Time (UTC)"), lines)
