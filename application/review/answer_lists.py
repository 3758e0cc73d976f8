"""The answers of a sample as files: a line a row, for people, and the tasks of Label Studio."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from application.audit.entry_list import csv_text
from application.audit.state import ROW_ID, ordinal_of
from application.review.answer_files import SEEN_ID, AnswerForm
from application.review.label_studio import conversations, data_names, task_of
from application.review.questions import columns_by_name, seen_columns
from application.review.readings import Readings, compared_value, readings_of
from contract.requests.reviewing import QuestionRequest
from contract.words import READINGS, UNANSWERED, AnswersFile, Reading, outcome_title
from lazy_dataclasses import dataclass
from parquet_tables.rows import read_rows, rows_statement
from parquet_tables.tables import Column
from presentation.content import Cell, Row, formula_safe, moment_of
from presentation.xlsx import FormColumn, write_form
from service.service import Service
from service.tables.open_tables import open_source
from service.tables.row_names import key_of_job
from storage.audit.findings import Finding, RowReadings
from storage.jobs.jobs import JobRecord

ROWS_AT_ONCE = 1000
MAX_LIST_CHARACTERS = 255
"""Of the choices of a cell in a workbook."""


def source_rows(
    service: Service, job: JobRecord, row_ids: Sequence[str], columns: Sequence[Column]
) -> Iterator[dict[str, Any]]:
    """Yield the values of rows in columns of the table that was drawn from, in the given order."""
    source = open_source(service, job).files
    for start in range(0, len(row_ids), ROWS_AT_ONCE):
        ids = row_ids[start : start + ROWS_AT_ONCE]
        ordinals = np.array([ordinal_of(row_id) for row_id in ids], dtype=np.int64)
        with service.parquet.cursor(source) as cursor:
            yield from read_rows(cursor, rows_statement(source, columns, ordinals), columns)


@dataclass(frozen=True)
class AnswerList:
    """What the files of answers have: the rows, their key and their readings."""

    found: Readings
    key: Mapping[str, Column]
    service: Service
    job: JobRecord

    @property
    def readings(self) -> list[Reading]:
        """The readings that some row has; the first always."""
        rows = self.found.by_row.values()
        return [
            reading
            for reading in READINGS
            if reading == "first" or any(row.of(reading) is not None for row in rows)
        ]

    @property
    def form(self) -> AnswerForm:
        """The columns that a file of answers has, if it is sent back."""
        return AnswerForm(self.found)

    def rows(self) -> Iterator[tuple[RowReadings, list[Cell]]]:
        """Yield each row's readings, and its key with the row id."""
        ids, columns = self.found.row_ids, list(self.key.values())
        keys = source_rows(self.service, self.job, ids, columns) if columns else ({} for _ in ids)
        for row_id, values in zip(ids, keys, strict=True):
            key = [values[column.name] for column in columns]
            yield self.found.of(row_id), [*key, row_id]


def _answer_list(service: Service, job: JobRecord) -> AnswerList:
    found = readings_of(service, job)
    own = columns_by_name(service, job)
    declared = set(key_of_job(service, job))
    key = {name: column for name, column in own.items() if column.name in declared}
    return AnswerList(found, key, service, job)


def write_answers(service: Service, job: JobRecord, path: Path, kind: AnswersFile) -> None:
    """Write a line for each row of a sample, whose first columns are those of the row key.

    In CSV and XLSX the columns with the names of the questions have the answers that count, and
    can be filled in and sent back; those behind them have each reading. JSON Lines have the
    readings as objects.
    """
    found = _answer_list(service, job)
    if kind == "xlsx":
        write_form("Answers", _form(found), _lines(found), path)
    elif kind == "csv":
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(formula_safe(column.name) for column in _form(found))
            writer.writerows([csv_text(cell) for cell in line] for line in _lines(found))
    elif kind == "jsonl":
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in _objects(found))
    else:
        _write_tasks(found, path)


def _form(found: AnswerList) -> list[FormColumn]:
    names, asked = found.form.names, found.found.asked
    columns = [
        *map(FormColumn, found.key),
        FormColumn(ROW_ID),
        *(FormColumn(each.name, True, _choices(each), 14) for each in asked),
        FormColumn(names["outcome"], True, tuple(UNANSWERED.values()), 18),
        FormColumn(names["note"], True, (), 50),
        FormColumn(SEEN_ID, is_hidden=True),
        FormColumn("Counts"),
    ]
    for reading in found.readings:
        title = READINGS[reading]
        columns += [
            *(FormColumn(f"{title}: {each.name}") for each in asked),
            *(FormColumn(f"{title} {about}") for about in ("outcome", "note", "by", "at")),
        ]
    return columns


def _choices(question: QuestionRequest) -> tuple[str, ...]:
    words = ("true", "false") if question.type == "yes_no" else question.choices
    return words if len(",".join(words)) <= MAX_LIST_CHARACTERS else ()


def _lines(found: AnswerList) -> Iterator[Row]:
    asked, readings = found.found.asked, found.readings
    for row, key in found.rows():
        counting = row.counting
        line = [*key, *_cells(counting, asked)]
        line += [counting.id, READINGS[counting.reading]] if counting else [None, None]
        for reading in readings:
            entry = row.of(reading)
            by = [entry.user_soeid, moment_of(entry.at)] if entry else [None, None]
            line += [*_cells(entry, asked), *by]
        yield line


def _cells(entry: Finding | None, asked: Sequence[QuestionRequest]) -> list[Cell]:
    """The answers of an entry, its outcome and its note; empty cells without an entry."""
    if entry is None:
        return [None] * (len(asked) + 2)
    answers = [_cell(compared_value(entry, question)) for question in asked]
    return [*answers, _outcome(entry), entry.note or None]


def _cell(value: Any) -> Cell:
    if isinstance(value, bool):
        return "true" if value else "false"
    return Decimal(str(value)) if isinstance(value, float) else value


def _outcome(entry: Finding) -> str | None:
    if entry.outcome is None:
        return None
    return UNANSWERED.get(entry.outcome) or outcome_title(entry.outcome)


def _objects(found: AnswerList) -> Iterator[dict[str, Any]]:
    asked, names = found.found.asked, found.form.names
    for row, key in found.rows():
        counting = row.counting
        yield {
            **dict(zip([*found.key, ROW_ID], key, strict=True)),
            **_answers(counting, asked),
            names["outcome"]: counting.outcome if counting else None,
            names["note"]: counting.note if counting else None,
            SEEN_ID: counting.id if counting else None,
            "_counts": counting.reading if counting else None,
            "_readings": {
                entry.reading: {
                    "answers": _answers(entry, asked),
                    "outcome": entry.outcome,
                    "note": entry.note,
                    "by": entry.user_soeid,
                    "at": entry.at,
                }
                for entry in row.given
            },
        }


def _answers(entry: Finding | None, asked: Sequence[QuestionRequest]) -> dict[str, Any]:
    """The answers by question in JSON; an amount as text, as in CSV, so that no digit is lost."""
    values = {each.name: entry and compared_value(entry, each) for each in asked}
    return {
        name: csv_text(value) if isinstance(value, Decimal) else value
        for name, value in values.items()
    }


def shown_rows(service: Service, job: JobRecord) -> Iterator[dict[str, Any]]:
    """Yield the values of all rows in the columns that reviewers see, in the queue's order."""
    return _shown_rows(_answer_list(service, job))


def _shown_rows(found: AnswerList) -> Iterator[dict[str, Any]]:
    seen = seen_columns(found.service, found.job, found.found.state.questions)
    rows = source_rows(found.service, found.job, found.found.queue, list(seen.values()))
    for values in rows:
        yield {name: values[column.name] for name, column in seen.items()}


def _write_tasks(found: AnswerList, path: Path) -> None:
    """Write the rows as tasks of Label Studio, in the queue's order, without hidden columns."""
    names = data_names(list(seen_columns(found.service, found.job, found.found.state.questions)))
    ids, talks = found.found.queue, conversations(_shown_rows(found))
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("[")
        for at, (row_id, data) in enumerate(zip(ids, _shown_rows(found), strict=True)):
            task = json.dumps(task_of(row_id, data, names, talks), ensure_ascii=False)
            file.write(f"{',' if at else ''}\n{task}")
        file.write("\n]\n")
