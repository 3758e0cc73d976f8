"""Findings or answers from a file: a list that was filled in, or another file with a key.

A file enters all its entries or none. Lines that say what the newest entry says enter nothing, so
a list can be uploaded again and again while it is filled in. What cells enter, a form says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, replace
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

import numpy as np

from application.access import Caller
from application.audit.entering import books_of
from application.audit.entry_forms import EntryForm, FindingForm, plain_amounts
from application.audit.findings import row_replaced
from application.audit.stages import rows_to_examine
from application.audit.state import ROW_ID, AuditState, audit_state, drawn_row_ids, ordinal_of
from application.identity.named_rows import name_rows
from application.review.readings import readings_in
from application.samples.row_files import (
    NO_ROW,
    FileRow,
    InvalidRowFile,
    ReadRowFile,
    RowFile,
    read_row_file,
)
from contract.declarations import Help
from contract.requests.findings import FindingRequest
from contract.requests.importing import ReadOptions
from contract.words import Outcome, outcome_title
from domain_errors import DomainError, choices_sentence
from estimation_engine.row_keys import Key
from import_engine.formats import Format, format_of_name
from import_engine.options import read_options
from lazy_dataclasses import dataclass
from parquet_tables.quoting import quote_identifier, quote_text
from parquet_tables.rows import RowSet, Statement, rows_at
from parquet_tables.tables import Column
from service.service import Service
from service.tables.open_tables import OpenTable, open_source
from service.tables.row_names import key_of_job, names_of_job
from storage.audit.findings import (
    Finding,
    NewEntry,
    enter_findings,
    findings_of_ids,
    list_replacements,
)
from storage.errors import InvalidValue
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction

MAX_LINES_SHOWN = 1000
"""Lines that a preview lists."""
MAX_REASONS = 100
"""Refused lines that an error lists; the preview lists more."""
Action = Literal["refused", "changed", "new", "unchanged", "empty"]
ACTIONS: tuple[Action, ...] = get_args(Action)


@dataclass(frozen=True)
class FindingLine:
    """What a row of a file enters; see :class:`FileRow`.

    Parameters
    ----------
    entry : FindingRequest or NewEntry, optional
        None if the line is empty or has a problem.
    seen_id : int, optional
        The newest entry when the list was written, 0 for none; None if the file doesn't say.
    """

    number: int
    key: str
    row_id: str | None = None
    entry: FindingRequest | NewEntry | None = None
    seen_id: int | None = None
    problem: DomainError | None = None


@dataclass(frozen=True)
class PlannedLine:
    """The effect of a line, and the newest entry before it."""

    line: FindingLine
    action: Action
    before: Finding | None
    problem: DomainError | None = None
    doubts: Sequence[str] = ()


@dataclass(frozen=True)
class ReadFile:
    """The lines of a file, the columns of its key, and what was noted in reading it.

    ``row_ids`` are those of the sample's items that weren't replaced.
    """

    lines: Sequence[FindingLine]
    key: Sequence[str]
    notes: Sequence[str]
    row_ids: Set[str]


@dataclass(frozen=True)
class FindingContent:
    """What an entry says."""

    outcome: Annotated[Outcome | None, Help("Null: the entry has answers.")]
    audit_value: str | None
    note: str
    deviations: Sequence[str]
    cause: str | None
    cause_text: str
    answers: Annotated[Mapping[str, Any], Help("To the sample's own questions, by their names.")]


@dataclass(frozen=True)
class FileLine:
    """A line of a file."""

    line: Annotated[
        int, Help("The row, as a spreadsheet program shows it: 2 is below a header in row 1.")
    ]
    key: Annotated[str, Help("As the file has it.")]
    row_id: str | None
    name: Annotated[str | None, Help("By the table's row key; the row id without one.")]
    action: Annotated[str, Help("`refused`, `changed` or `new`.")]
    before: Annotated[FindingContent | None, Help("The newest entry about the row.")]
    after: Annotated[FindingContent | None, Help("The entry of the line.")]
    problem: Annotated[str | None, Help("Why the line is refused.")]
    doubts: Annotated[Sequence[str], Help("Warnings about possible errors; they refuse nothing.")]


@dataclass(frozen=True)
class FindingsFile:
    """The entries that the lines of a file make."""

    key: Sequence[str]
    row_count: Annotated[int, Help("Lines of the file.")]
    refused: int
    changed: Annotated[int, Help("Lines that correct an entry.")]
    new: Annotated[int, Help("Lines about rows without an entry.")]
    unchanged: Annotated[int, Help("Lines that equal the newest entry.")]
    empty: Annotated[int, Help("Lines without a finding.")]
    doubtful: Annotated[int, Help("New and changed lines that may have a slip.")]
    missing: Annotated[int, Help("Rows to examine that the file doesn't name.")]
    lines: Annotated[
        Sequence[FileLine],
        Help("The first 1,000: refused, changed, new; doubtful ones first."),
    ]
    notes: Sequence[str]
    problem: Annotated[str | None, Help("Why the file can't be entered; null if it can.")]


def finding_form(service: Service, job: JobRecord) -> FindingForm:
    """How a file's cells are read as findings about a sample."""
    columns, state = open_source(service, job).files.columns, audit_state(service, job)
    books = books_of(service, job, _items_of(service, job, state))
    return FindingForm(columns, state.attributes, books)


def preview_file(by: Caller, job: JobRecord, given: RowFile, form: EntryForm[Any]) -> FindingsFile:
    """Read a file and say what each line would enter; nothing is entered."""
    read = _read(by.service, job, given, form)
    with by.service.database.read() as tx:
        planned = _plan(tx, by, job, read, form)
        try:
            form.require(tx, job)
            _require_no_refusal(planned)
            problem = None
        except DomainError as error:
            problem = error.message
    return _answer(by.service, job, read, planned, problem)


def enter_file(
    by: Caller, job: JobRecord, given: RowFile, form: EntryForm[Any]
) -> tuple[list[int], FindingsFile]:
    """Enter what a file has, all or none; return the ids of the entries, and the preview.

    Raises
    ------
    InvalidRowFile
        A line is refused; its causes are the reasons of all lines.
    SampleDeleted, FindingsLocked
        See :func:`application.audit.entering.enter`.
    """
    by.dataset(job.dataset_id, "write")
    read = _read(by.service, job, given, form)
    with by.service.database.read() as tx:  # other writers don't wait for a file that is refused
        form.require(tx, job)
        _require_no_refusal(_plan(tx, by, job, read, form))
    with by.writing() as tx:
        form.require(tx, job)
        planned = _plan(tx, by, job, read, form)
        _require_no_refusal(planned)
        new = [
            each.line.entry
            for each in planned
            if each.action in ("new", "changed") and each.line.entry
        ]
        ids = enter_findings(tx, job.id, by.user.id, new, by.service.clock)
        if ids:
            by.audit_of_job(tx, form.action, job, file_name=given.name, **{form.noun: len(ids)})
    return ids, _answer(by.service, job, read, planned, None)


def _items_of(service: Service, job: JobRecord, state: AuditState) -> list[str]:
    """The row ids of a sample's items, and of the replacements of rows."""
    drawn = list(drawn_row_ids(service, job))
    return [
        *(drawn if state.questions.questions else rows_to_examine(job, drawn, state)),
        *(each.replacement_id for each in state.replacements),
    ]


def _read(service: Service, job: JobRecord, given: RowFile, form: EntryForm[Any]) -> ReadFile:
    source = open_source(service, job)
    own = (column for column in source.files.columns if column.name.lower() != ROW_ID)
    columns = (Column(ROW_ID, "VARCHAR"), *own)
    state = audit_state(service, job)
    row_ids = _items_of(service, job, state)
    with service.scratch_folder() as folder:
        options = read_options(given.options or {})
        fields = [*form.texts]
        if form.keeps_digits and format_of_name(given.name).format in (Format.CSV, Format.TSV):
            fields += form.amounts
        texts = [form.names[field].lower() for field in fields]
        key = key_of_job(service, job)
        read = read_row_file(service, columns, given, folder, texts, key)
        if read.table.row_count > 2 * len(row_ids) + MAX_LINES_SHOWN:
            raise InvalidRowFile(
                "The file has {rows} {rows|row|rows}, and the sample has {items}. Leave out the "
                "rows that weren't drawn.",
                rows=read.table.row_count,
                items=len(row_ids),
            )
        items = _items_relation(source, row_ids, read.key)
        lines = _lines(service, source, items, read, form, options)
    if not lines:
        raise InvalidRowFile(NO_ROW)
    open_ids = set(row_ids) - state.replaced.keys()
    return ReadFile(lines, read.key_names, read.notes, open_ids)


def _items_relation(source: OpenTable, row_ids: Sequence[str], key: Key) -> Statement:
    """SQL of the items: the id, and the columns of the key."""
    names = [quote_identifier(own.name) for own, _ in key if own.name != ROW_ID]
    row_id = f"{quote_text(f'{source.key}:')} || t.ordinal AS {quote_identifier(ROW_ID)}"
    shown = ", ".join((row_id, *(f"t.c{at} AS {name}" for at, name in enumerate(names))))
    read = ", ".join(f"f.{name} AS c{at}" for at, name in enumerate(names))
    ordinals = [ordinal_of(each) for each in row_ids]
    wanted = RowSet.of("wanted", np.array(ordinals, dtype=np.int64))
    rows, params = rows_at(source.files, read, wanted, ["ordinal"])
    return (
        "(WITH wanted AS (SELECT unnest(?::BIGINT[]) AS ordinal) "
        f"SELECT {shown} FROM ({rows}) AS t)",
        [ordinals, *params],
    )


def _lines(
    service: Service,
    source: OpenTable,
    items: Statement,
    read: ReadRowFile,
    form: EntryForm[Any],
    options: ReadOptions,
) -> list[FindingLine]:
    """The lines of a file, each with what it enters or why it can't."""
    by_name = {column.name.lower(): column for column in read.table.columns}
    if not any(name.lower() in by_name for name in form.needed):
        raise InvalidRowFile(
            'The file has no column "{column}". {choices}',
            column=form.needed[0],
            choices=choices_sentence(
                form.needed[0], [column.name for column in read.table.columns]
            ),
        )
    cells = {
        field: by_name[name.lower()]
        for field, name in form.names.items()
        if name.lower() in by_name
    }
    rows = read.rows(service.parquet, source.files, items, cells)
    written = {row.values.get(field) for row in rows for field in form.amounts}
    amounts = plain_amounts(service, written, options)
    return [_line(row, amounts, form) for row in rows]


def _line(row: FileRow, amounts: Mapping[Any, str], form: EntryForm[Any]) -> FindingLine:
    cells = dict(row.values)
    for field in form.amounts:
        cells[field] = amounts.get(cells.get(field), cells.get(field))
    line, problem = FindingLine(row.number, row.key, row.row_id), row.problem
    try:
        if "finding_id" in cells:
            line = replace(line, seen_id=_entry_id(cells["finding_id"]))
        if problem is None and row.row_id is not None:
            line = replace(line, entry=form.entry(row.row_id, cells))
    except DomainError as error:
        problem = error
    return replace(line, problem=problem)


def _entry_id(value: Any) -> int:
    try:
        return int(Decimal(str(value))) if value not in (None, "") else 0
    except ArithmeticError:
        raise InvalidValue(
            '"{value}" isn\'t the number of an entry. Leave the column as the list has it.',
            value=str(value)[:100],
        ) from None


def _plan(
    tx: Transaction, by: Caller, job: JobRecord, read: ReadFile, form: EntryForm[Any]
) -> list[PlannedLine]:
    """The effect of each line, given the present entries."""
    readings = readings_in(tx, by.service, job).by_row
    newest = {
        row_id: found
        for row_id, row in readings.items()
        if (found := row.counting if form.reading == "first" else row.of(form.reading))
    }
    replaced = {each.row_id: each.replacement_id for each in list_replacements(tx, job.id)}
    stale = {
        line.seen_id
        for line in read.lines
        if line.seen_id and line.row_id and line.seen_id != _id_of(newest.get(line.row_id))
    }
    seen = findings_of_ids(tx, job.id, sorted(stale))
    check = form.checks(tx, by, job, readings)
    planned = []
    for line in read.lines:
        plan = _planned(line, newest, replaced, seen, form)
        if plan.action in ("new", "changed") and (problem := check(line.entry)) is not None:
            plan = PlannedLine(line, "refused", plan.before, problem)
        planned.append(plan)
    problems = [each.problem for each in planned if each.problem is not None]
    for each in problems[:MAX_REASONS]:
        name_rows(by.service, job, each)
    return planned


def _planned(
    line: FindingLine,
    newest: Mapping[str, Finding],
    replaced: Mapping[str, str],
    seen: Mapping[int, Finding],
    form: EntryForm[Any],
) -> PlannedLine:
    before = newest.get(line.row_id or "")
    if line.problem is not None or line.row_id is None:
        return PlannedLine(line, "refused", before, line.problem)
    if line.entry is None:
        return PlannedLine(line, "empty", before)
    if before is not None and form.says_the_same(line.entry, before):
        return PlannedLine(line, "unchanged", before)
    if line.seen_id is not None and line.seen_id != _id_of(before):
        then = seen.get(line.seen_id)
        is_seen = then is not None and then.row_id == line.row_id
        if then is not None and is_seen and form.says_the_same(line.entry, then):
            return PlannedLine(line, "unchanged", before)
        return PlannedLine(line, "refused", before, _stale(line, before, then))
    if line.row_id in replaced:
        problem = row_replaced(line.row_id, replaced[line.row_id])
        return PlannedLine(line, "refused", before, problem)
    if misfit := form.problem(line.entry):
        return PlannedLine(line, "refused", before, misfit)
    doubts = form.doubts(line.entry)
    return PlannedLine(line, "new" if before is None else "changed", before, doubts=doubts)


def _id_of(finding: Finding | None) -> int:
    return 0 if finding is None else finding.id


def _stale(line: FindingLine, before: Finding | None, then: Finding | None) -> DomainError:
    if line.seen_id and (then is None or then.row_id != line.row_id):
        return InvalidValue(
            "Entry {entry} isn't about row {row_id}: cells of the list were moved. Download the "
            "list again.",
            entry=str(line.seen_id),
            row_id=line.row_id,
        )
    return InvalidValue(
        "{user} entered {outcome} about row {row_id} after the list was written. Download the "
        "list again, and enter yours if it is still right.",
        user=before.user_soeid if before else "",
        outcome=f'"{outcome_title(before.outcome)}"' if before else "",
        row_id=line.row_id,
    )


def _require_no_refusal(planned: Sequence[PlannedLine]) -> None:
    refused = [each for each in planned if each.action == "refused" and each.problem]
    if not refused:
        return
    first = refused[0]
    error = InvalidRowFile(
        "{count} {count|row is|rows are} refused, so nothing is entered. Row {line}: {reason}",
        count=len(refused),
        line=str(first.line.number),
        reason=first.problem.message if first.problem else "",
    )
    error.causes = [
        InvalidRowFile(
            "Row {line}: {reason}",
            line=str(each.line.number),
            reason=each.problem.message if each.problem else "",
            loc=("body", "file", each.line.number),
        )
        for each in refused[:MAX_REASONS]
    ]
    raise error


def _answer(
    service: Service,
    job: JobRecord,
    read: ReadFile,
    planned: Sequence[PlannedLine],
    problem: str | None,
) -> FindingsFile:
    counts = Counter(each.action for each in planned)
    shown = [each for each in planned if each.action in ("refused", "changed", "new")]
    shown.sort(key=lambda each: (ACTIONS.index(each.action), not each.doubts, each.line.number))
    shown = shown[:MAX_LINES_SHOWN]
    named = {each.line.row_id for each in planned}
    names = names_of_job(service, job, [each.line.row_id for each in shown if each.line.row_id])
    return FindingsFile(
        key=read.key,
        row_count=len(planned),
        doubtful=sum(bool(each.doubts) for each in planned),
        missing=len(read.row_ids - named),
        lines=[
            FileLine(
                each.line.number,
                each.line.key,
                each.line.row_id,
                names.of(each.line.row_id) if each.line.row_id else None,
                each.action,
                _content(each.before),
                _content(each.line.entry),
                each.problem.message if each.problem else None,
                each.doubts,
            )
            for each in shown
        ],
        notes=read.notes,
        problem=problem,
        **{action: counts[action] for action in ACTIONS},
    )


def _content(entry: Finding | FindingRequest | NewEntry | None) -> FindingContent | None:
    if entry is None:
        return None
    entry = NewEntry(**vars(entry)) if isinstance(entry, FindingRequest) else entry
    names = (each.name for each in fields(FindingContent))
    return FindingContent(**{name: getattr(entry, name) for name in names})
