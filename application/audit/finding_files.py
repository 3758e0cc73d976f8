"""Findings from a file: an entry list that was filled in, or another file with a key.

A file enters all its findings or none. Lines that say what the newest entry says enter nothing, so
a list can be uploaded again and again while it is filled in.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import numpy as np

from application.access import Caller
from application.audit.attributes import require_details
from application.audit.entering import Books, books_of, doubts_of, ok_problem
from application.audit.entry_list import (
    DEVIATION,
    OK,
    READS_TWO_WAYS,
    attribute_field,
    entry_columns,
)
from application.audit.findings import (
    checked_finding,
    require_findings,
    row_replaced,
)
from application.audit.stages import rows_to_examine
from application.audit.state import ROW_ID, audit_state, drawn_row_ids, ordinal_of
from application.identity.named_rows import name_rows
from application.samples.row_files import (
    NO_ROW,
    FileRow,
    InvalidRowFile,
    ReadRowFile,
    RowFile,
    read_row_file,
)
from contract.declarations import Help
from contract.requests.findings import MAX_NOTE, FindingRequest
from contract.requests.importing import ReadOptions
from contract.words import CAUSES, OUTCOMES, Outcome, outcome_title
from domain_errors import DomainError, choices_sentence
from estimation_engine.row_keys import Key
from import_engine.numbers import written_forms
from import_engine.options import read_options
from lazy_dataclasses import dataclass
from parquet_tables.quoting import quote_identifier, quote_text
from parquet_tables.rows import RowSet, Statement, rows_at
from parquet_tables.tables import Column
from presentation.content import formula_safe
from service.service import Service
from service.tables.open_tables import OpenTable, open_source
from service.tables.row_names import key_of_job, names_of_job
from storage.audit.findings import (
    Finding,
    enter_findings,
    findings_of_ids,
    list_replacements,
    newest_findings,
)
from storage.errors import InvalidValue
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction

MAX_LINES_SHOWN = 1000
"""Lines that a preview lists."""
MAX_REASONS = 100
"""Refused lines that an error lists; the preview lists more."""
Action = Literal["refused", "changed", "new", "unchanged", "empty"]
ChoiceName = TypeVar("ChoiceName", bound=str)
ACTIONS: tuple[Action, ...] = get_args(Action)


@dataclass(frozen=True)
class FindingLine:
    """What a row of a file enters; see :class:`FileRow`.

    Parameters
    ----------
    finding : FindingRequest, optional
        None if the line is empty or has a problem.
    seen_id : int, optional
        The newest entry when the list was written, 0 for none; None if the file doesn't say.
    """

    number: int
    key: str
    row_id: str | None = None
    finding: FindingRequest | None = None
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

    ``row_ids`` are those of the sample's items that weren't replaced; ``books`` are their book
    values in a sample by monetary units.
    """

    lines: Sequence[FindingLine]
    key: Sequence[str]
    notes: Sequence[str]
    row_ids: Set[str]
    books: Books | None
    attributes: Sequence[str]


@dataclass(frozen=True)
class FindingContent:
    """What an entry says."""

    outcome: Outcome
    audit_value: str | None
    note: str
    deviations: Sequence[str]
    cause: str | None
    cause_text: str


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


def preview_file(service: Service, job: JobRecord, given: RowFile) -> FindingsFile:
    """Read a file and say what each line would enter; nothing is entered."""
    read = _read(service, job, given)
    with service.database.read() as tx:
        planned = _plan(tx, service, job, read)
        try:
            require_findings(tx, job)
            _require_no_refusal(planned)
            problem = None
        except DomainError as error:
            problem = error.message
    return _answer(service, job, read, planned, problem)


def enter_file(by: Caller, job: JobRecord, given: RowFile) -> tuple[list[int], FindingsFile]:
    """Enter the findings of a file, all or none; return their ids, and the preview.

    Raises
    ------
    InvalidRowFile
        A line is refused; its causes are the reasons of all lines.
    SampleDeleted, FindingsLocked
        See :func:`application.audit.entering.enter`.
    """
    by.dataset(job.dataset_id, "write")
    read = _read(by.service, job, given)
    with by.service.database.read() as tx:  # other writers don't wait for a file that is refused
        require_findings(tx, job)
        _require_no_refusal(_plan(tx, by.service, job, read))
    with by.writing() as tx:
        require_findings(tx, job)
        planned = _plan(tx, by.service, job, read)
        _require_no_refusal(planned)
        new = [
            each.line.finding
            for each in planned
            if each.action in ("new", "changed") and each.line.finding
        ]
        ids = enter_findings(tx, job.id, by.user.id, new, by.service.clock)
        if ids:
            by.audit(
                tx,
                "findings_entered",
                dataset_id=job.dataset_id,
                about=("job", job.id),
                findings=len(ids),
                file_name=given.name,
            )
    return ids, _answer(by.service, job, read, planned, None)


def _read(service: Service, job: JobRecord, given: RowFile) -> ReadFile:
    source = open_source(service, job)
    own = (column for column in source.files.columns if column.name.lower() != ROW_ID)
    columns = (Column(ROW_ID, "VARCHAR"), *own)
    state = audit_state(service, job)
    entries = entry_columns(source.files.columns, state.attributes)
    names = {entry.field: entry.form.name for entry in entries}
    row_ids = [
        *rows_to_examine(job, list(drawn_row_ids(service, job)), state),
        *(each.replacement_id for each in state.replacements),
    ]
    with tempfile.TemporaryDirectory(dir=service.directory.scratch_dir) as folder:
        options = read_options(given.options or {})
        texts = [names[field] for field in names if field not in ("audit_value", "finding_id")]
        key = key_of_job(service, job)
        read = read_row_file(service, columns, given, Path(folder), texts, key)
        if read.table.row_count > 2 * len(row_ids) + MAX_LINES_SHOWN:
            raise InvalidRowFile(
                "The file has {rows} rows, and the sample has {items}. Leave out the rows that "
                "weren't drawn.",
                rows=read.table.row_count,
                items=len(row_ids),
            )
        items = _items_relation(source, row_ids, read.key)
        lines = _lines(service, source, items, read, names, options, state.attributes)
    if not lines:
        raise InvalidRowFile(NO_ROW)
    open_ids = set(row_ids) - state.replaced.keys()
    books = books_of(service, job, row_ids)
    return ReadFile(lines, read.key_names, read.notes, open_ids, books, state.attributes)


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
    names: Mapping[str, str],
    options: ReadOptions,
    attributes: Sequence[str],
) -> list[FindingLine]:
    """The lines of a file, each with what it enters or why it can't."""
    by_name = {column.name.lower(): column for column in read.table.columns}
    if names["outcome"] not in by_name:
        raise InvalidRowFile(
            'The file has no column "{column}". {choices}',
            column=names["outcome"],
            choices=choices_sentence(
                names["outcome"], [column.name for column in read.table.columns]
            ),
        )
    cells = {
        field: by_name[name.lower()] for field, name in names.items() if name.lower() in by_name
    }
    rows = read.rows(service.parquet, source.files, items, cells)
    amounts = _amounts(service, {row.values.get("audit_value") for row in rows}, options)
    return [_line(row, amounts, attributes) for row in rows]


def _amounts(service: Service, cells: Set[Any], options: ReadOptions) -> dict[str, str]:
    """The written amounts of cells as plain digits, as the import of a column of them reads them.

    An amount that reads in two ways isn't among them. A column with other texts stays text.
    """
    found = {}
    for cell in cells:
        if not isinstance(cell, str) or _PLAIN_AMOUNT.fullmatch(cell.strip()):
            continue
        forms = written_forms([cell], options) if any(map(str.isdigit, cell)) else ()
        if len(forms) == 1 and not forms[0].is_percent and not READS_TWO_WAYS.fullmatch(cell):
            found[cell] = forms[0].normalized(quote_text(cell))
    if not found:
        return {}
    with service.parquet.cursor() as cursor:
        (row,) = cursor.execute(f"SELECT {', '.join(found.values())}").fetchall()
    return dict(zip(found, map(str, row), strict=True))


def _line(row: FileRow, amounts: Mapping[str, str], attributes: Sequence[str]) -> FindingLine:
    cells = dict(row.values)
    if isinstance(amount := cells.get("audit_value"), str) and amount in amounts:
        cells["audit_value"] = amounts[amount]
    line, problem = FindingLine(row.number, row.key, row.row_id), row.problem
    try:
        if "finding_id" in cells:
            line = replace(line, seen_id=_entry_id(cells["finding_id"]))
        if problem is None and row.row_id is not None:
            line = replace(line, finding=_finding(row.row_id, cells, attributes))
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


def _finding(
    row_id: str, given: Mapping[str, Any], attributes: Sequence[str]
) -> FindingRequest | None:
    """The finding of a line; None if its cells are empty."""
    outcome, note, cause = (_text_of(given, name) for name in ("outcome", "note", "cause"))
    amount = _amount_text(given.get("audit_value"))
    tested = _tested(given, attributes)
    deviations = tuple(name for name in attributes if tested.get(name))
    if not outcome and len(tested) == len(attributes) > 0:
        outcome = "exception" if deviations else "ok"
    if not outcome:
        if not amount and not note and not tested:
            return None
        message = (
            "Not all attributes are filled in, and the row has no outcome. Choose one: {choices}."
            if tested
            else "The row has an audit value or a note, but no outcome. Choose one: {choices}."
        )
        raise InvalidValue(message, choices=_OUTCOME_CHOICES)
    cause_text = _text_of(given, "cause_text")
    _require_text("note", note)
    _require_text("cause in words", cause_text)
    new = FindingRequest(
        *(row_id, _choice("an outcome", outcome, OUTCOMES), amount or None, note),
        deviations=deviations,
        cause=_choice("a cause", cause, CAUSES) if cause else None,
        cause_text=cause_text,
    )
    return checked_finding(new)


def _text_of(given: Mapping[str, Any], field: str) -> str:
    return str(given.get(field) or "").strip()


def _require_text(name: str, text: str) -> None:
    if len(text) > MAX_NOTE:
        raise InvalidValue(
            "The {name} has {count} characters; it may have {most}.",
            name=name,
            count=len(text),
            most=MAX_NOTE,
        )
    if "\x00" in text:
        raise InvalidValue("The {name} holds the character U+0000.", name=name)


def _tested(given: Mapping[str, Any], attributes: Sequence[str]) -> dict[str, bool]:
    """Whether the row deviates from each attribute whose cell isn't empty."""
    found = {}
    for at, name in enumerate(attributes):
        text = _text_of(given, attribute_field(at))
        if not text:
            continue
        if _plain(text) not in (_plain(OK), _plain(DEVIATION)):
            raise InvalidValue(
                '"{text}" says nothing of "{name}". Write OK or Deviation.',
                text=text[:100],
                name=name,
            )
        found[name] = _plain(text) == _plain(DEVIATION)
    return found


def _choice(noun: str, text: str, titles: Mapping[ChoiceName, str]) -> ChoiceName:
    """The choice that a cell names, by its name or its title."""
    for name, title in titles.items():
        if _plain(text) in (_plain(name), _plain(title)):
            return name
    raise InvalidValue(
        '"{text}" isn\'t {noun}. Choose one: {choices}.',
        text=text[:100],
        noun=noun,
        choices=", ".join(titles.values()),
    )


def _plain(text: str) -> str:
    """A text without differences of case, spaces and apostrophes."""
    return "".join(char for char in text.casefold() if char.isalpha())


_OUTCOME_CHOICES = ", ".join(OUTCOMES.values())


_DECIMAL = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_PLAIN_AMOUNT = re.compile(r"[+-]?\d+(?:\.\d+)?")


def _amount_text(value: Any) -> str:
    """A cell as decimal digits: those that Excel shows, without the noise of binary fractions."""
    if value is None:
        return ""
    text = f"{value:.15g}" if isinstance(value, float) else str(value).strip()
    if isinstance(value, str) and READS_TWO_WAYS.fullmatch(text):
        raise InvalidValue(
            '"{value}" can be read in two ways. Write {one} or {other}.',
            value=text,
            one=re.sub("[.,]", "", text),
            other=f"{text.replace(',', '.')}0",
        )
    if text and not _DECIMAL.fullmatch(text):
        raise InvalidValue(
            '"{value}" isn\'t an amount. Write digits with a decimal point or comma, such as '
            "1234.56 or 1.234,56.",
            value=text[:100],
        )
    return text


def _plan(tx: Transaction, service: Service, job: JobRecord, read: ReadFile) -> list[PlannedLine]:
    """The effect of each line, given the present entries."""
    newest = newest_findings(tx, job.id)
    replaced = {each.row_id: each.replacement_id for each in list_replacements(tx, job.id)}
    stale = {
        line.seen_id
        for line in read.lines
        if line.seen_id and line.row_id and line.seen_id != _id_of(newest.get(line.row_id))
    }
    seen = findings_of_ids(tx, job.id, sorted(stale))
    planned = [_planned(line, newest, replaced, seen, read) for line in read.lines]
    problems = [each.problem for each in planned if each.problem is not None]
    for problem in problems[:MAX_REASONS]:
        name_rows(service, job, problem)
    return planned


def _planned(
    line: FindingLine,
    newest: Mapping[str, Finding],
    replaced: Mapping[str, str],
    seen: Mapping[int, Finding],
    read: ReadFile,
) -> PlannedLine:
    before = newest.get(line.row_id or "")
    if line.problem is not None or line.row_id is None:
        return PlannedLine(line, "refused", before, line.problem)
    if line.finding is None:
        return PlannedLine(line, "empty", before)
    if _says_the_same(line.finding, before):
        return PlannedLine(line, "unchanged", before)
    if line.seen_id is not None and line.seen_id != _id_of(before):
        then = seen.get(line.seen_id)
        if then is not None and then.row_id == line.row_id and _says_the_same(line.finding, then):
            return PlannedLine(line, "unchanged", before)
        return PlannedLine(line, "refused", before, _stale(line, before, then))
    if line.row_id in replaced:
        problem = row_replaced(line.row_id, replaced[line.row_id])
        return PlannedLine(line, "refused", before, problem)
    if not_ok := ok_problem(line.finding, read.books):
        return PlannedLine(line, "refused", before, not_ok)
    try:
        require_details(line.finding, read.attributes)
    except InvalidValue as problem:
        return PlannedLine(line, "refused", before, problem)
    doubts = doubts_of(line.finding, read.books)
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


def _says_the_same(new: FindingRequest, old: Finding | None) -> bool:
    """Whether a line says what an entry says; CSV has notes with an apostrophe before formulas."""
    if old is None or new.outcome != old.outcome:
        return False
    amounts = [
        None if text is None else Decimal(text) for text in (new.audit_value, old.audit_value)
    ]
    texts = ((new.note, old.note.strip()), (new.cause_text, old.cause_text.strip()))
    return (
        amounts[0] == amounts[1]
        and (new.cause, new.deviations) == (old.cause, old.deviations)
        and all(now in (then, formula_safe(then)) for now, then in texts)
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
                _content(each.line.finding),
                each.problem.message if each.problem else None,
                each.doubts,
            )
            for each in shown
        ],
        notes=read.notes,
        problem=problem,
        **{action: counts[action] for action in ACTIONS},
    )


def _content(finding: Finding | FindingRequest | None) -> FindingContent | None:
    if finding is None:
        return None
    names = (each.name for each in fields(FindingContent))
    return FindingContent(**{name: getattr(finding, name) for name in names})
