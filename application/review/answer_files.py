"""Answers from a file: a download of answers that was filled in, another file with a key, or an
export of Label Studio. Preview and rules are those of findings from a file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

from application.access import Caller
from application.audit.entry_forms import (
    EntryForm,
    amount_text,
    choice_of,
    is_same_text,
    require_text,
    text_of,
)
from application.audit.finding_files import FindingsFile, enter_file, finding_form, preview_file
from application.audit.findings import require_entries
from application.review.answers import entry_of, reading_of
from application.review.label_studio import is_export, read_tasks
from application.review.queue import CallersQueue
from application.review.readings import Readings, readings_of
from application.samples.row_files import RowFile
from contract.requests.reviewing import AnswerRequest, QuestionRequest
from contract.words import NO_WORDS, UNANSWERED, YES_WORDS, Reading, SampleAction
from domain_errors import DomainError
from lazy_dataclasses import dataclass
from parquet_tables.names import folded, unused_name
from service.service import Service
from storage.audit.findings import Finding, NewEntry, RowReadings
from storage.audit.reviewing import questions_of
from storage.errors import Conflict, InvalidValue
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction

SEEN_ID = "_entry_id"
"""The column with the entry that counted when a download was written."""
MAX_DIGITS = 400
"""Of whole numbers: more are beyond floating point, and at some thousands beyond ``int``."""


@dataclass(frozen=True)
class AnswerForm(EntryForm[NewEntry]):
    """Answers to own questions: a column with the name of each, ``outcome`` and ``note``."""

    action: ClassVar[SampleAction] = "answers_entered"
    noun: ClassVar[str] = "answers"
    keeps_digits: ClassVar[bool] = True

    found: Readings
    reading: Reading = "first"

    @property
    def names(self) -> Mapping[str, str]:
        used = {folded(question.name) for question in self.found.asked}
        return {
            **{_field(at): question.name for at, question in enumerate(self.found.asked)},
            "outcome": unused_name("outcome", used),
            "note": unused_name("note", used),
            "finding_id": SEEN_ID,
        }

    @property
    def needed(self) -> Sequence[str]:
        return [question.name for question in self.found.asked]

    @property
    def texts(self) -> Sequence[str]:
        return [*self._fields("yes_no", "choice", "text"), "outcome", "note"]

    @property
    def amounts(self) -> Sequence[str]:
        return self._fields("number", "amount")

    def _fields(self, *types: str) -> list[str]:
        asked = enumerate(self.found.asked)
        return [_field(at) for at, question in asked if question.type in types]

    def require(self, tx: Transaction, job: JobRecord) -> None:
        require_entries(tx, job)
        if questions_of(tx, job.id) != self.found.state.questions:
            raise Conflict("The questions were changed meanwhile. Send the file again.")

    def entry(self, row_id: str, cells: Mapping[str, Any]) -> NewEntry | None:
        outcome, note = text_of(cells, "outcome"), text_of(cells, "note")
        require_text("The note", note)
        answers = {
            question.name: _value(question, cells[field])
            for at, question in enumerate(self.found.asked)
            if (field := _field(at)) in cells and text_of(cells, field)
        }
        if not answers and not outcome:
            if note:
                raise InvalidValue("The row has a note, but neither an answer nor an outcome.")
            return None
        given = choice_of("outcome", outcome, UNANSWERED) if outcome else None
        answer = AnswerRequest(
            row_id=row_id, answers=answers, outcome=given, note=note, reading=self.reading
        )
        return entry_of(answer, self.reading, self.found, ())

    def checks(
        self, tx: Transaction, by: Caller, job: JobRecord, readings: Mapping[str, RowReadings]
    ) -> Callable[[NewEntry], DomainError | None]:
        queue = CallersQueue(tx, by, job)
        by_reading = EntryForm.checks(self, tx, by, job, readings)

        def check(entry: NewEntry) -> DomainError | None:
            try:
                reading_of(queue, AnswerRequest(row_id=entry.row_id, reading=self.reading), ())
            except DomainError as problem:
                return problem
            return by_reading(entry)

        return check

    def says_the_same(self, new: NewEntry, old: Finding) -> bool:
        return (
            new.outcome == old.outcome
            and is_same_text(new.note, old.note)
            and new.answers.keys() == old.answers.keys()
            and all(
                _is_same(question, new.answers[question.name], old.answers[question.name])
                for question in self.found.asked
                if question.name in new.answers
            )
        )


def _field(at: int) -> str:
    return f"answer {at}"


def _value(question: QuestionRequest, cell: Any) -> Any:
    """The answer that a cell gives; InvalidValue if it is none."""
    if question.type in ("number", "amount"):
        text = amount_text(cell)
        if question.type == "amount":
            return text
        is_whole = text.lstrip("+-").isdigit() and len(text) < MAX_DIGITS
        return int(text) if is_whole else float(text)
    text = (f"{cell:.15g}" if isinstance(cell, float) else str(cell)).strip()
    if question.type == "yes_no":
        word = text.casefold()
        if word not in (*YES_WORDS, *NO_WORDS):
            raise InvalidValue(
                '"{text}" doesn\'t answer "{name}". Write one of: {words}.',
                text=text[:100],
                name=question.name,
                words=", ".join((*YES_WORDS, *NO_WORDS)),
            )
        return word in YES_WORDS
    if question.type == "choice":
        for choice in question.choices:
            if is_same_text(text.casefold(), choice.casefold()):
                return choice
    require_text('The answer to "{name}"', text, name=question.name)
    return text


def _is_same(question: QuestionRequest, new: Any, old: Any) -> bool:
    if question.type == "amount":
        return Decimal(new) == Decimal(old)
    if question.type == "text":
        return is_same_text(new.strip(), old)
    return bool(new == old)


def entry_form(service: Service, job: JobRecord, reading: Reading) -> EntryForm[Any]:
    """How a file's cells are read: as answers to own questions, of an audit as findings."""
    found = readings_of(service, job)
    if not found.is_audit:
        return AnswerForm(found, reading)
    if reading != "first":
        raise InvalidValue(
            "A file of findings has first readings. Enter others by the queue.", loc=("reading",)
        )
    return finding_form(service, job)


def preview_answers(by: Caller, job: JobRecord, given: RowFile, reading: Reading) -> FindingsFile:
    """Read a file of answers and say what each line would enter; nothing is entered.

    Raises
    ------
    InvalidRowFile
        The file can't be read, or not matched with the sample.
    """
    form = entry_form(by.service, job, reading)
    with _as_lines(by.service, given, form) as (file, notes):
        found = preview_file(by, job, file, form)
    return replace(found, notes=[*notes, *found.notes])


def enter_answer_file(
    by: Caller, job: JobRecord, given: RowFile, reading: Reading
) -> tuple[list[int], FindingsFile]:
    """Enter the answers of a file, all or none; return the entries' ids, and the preview.

    Raises
    ------
    InvalidRowFile
        A line is refused; its causes are the reasons of all lines.
    SampleDeleted, FindingsLocked
        Nothing can be entered.
    """
    form = entry_form(by.service, job, reading)
    with _as_lines(by.service, given, form) as (file, notes):
        ids, found = enter_file(by, job, file, form)
    return ids, replace(found, notes=[*notes, *found.notes])


@contextmanager
def _as_lines(
    service: Service, given: RowFile, form: EntryForm[Any]
) -> Iterator[tuple[RowFile, Sequence[str]]]:
    """Give the file, an export of Label Studio as a file with a line a task; and notes."""
    if not isinstance(form, AnswerForm) or not is_export(given.path, given.name):
        yield given, ()
        return
    read = read_tasks(given.path, form.found.asked, form.reading, form.names)
    with service.scratch_file("lines.jsonl") as path:
        # Each line has all columns, so that a reading without an answer has the same ones.
        empty = dict.fromkeys(form.names[field] for field in form.names if field != "finding_id")
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps({**empty, **line}) + "\n" for line in read.lines)
        yield replace(given, path=path, name=f"{given.name}l", key=(), options=None), read.notes
