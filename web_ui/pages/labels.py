"""The tab "Labels" of a sample: questions of its review, answers, reviewers and sign-off."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, get_args
from urllib.parse import urlencode

from flask import request

from application.audit.review import is_preparer
from application.audit.sentences import limits_of
from application.review.agreement import agreement_of
from application.review.agreement_sheet import agreement_section
from application.review.questions import SampleQuestions, columns_by_name, sample_questions
from application.review.queue import queue_state
from application.review.readings import Readings, compared_value, readings_in
from application.review.reviewers import reviewers_of
from application.table_views import view_page
from contract.requests.agreement import AgreementRequest
from contract.requests.reviewing import QuestionRequest
from contract.words import (
    QUESTION_TYPES,
    READINGS,
    REVIEW_STATES,
    YES_NO,
    AnswersFile,
    outcome_titles,
)
from domain_errors import DomainError
from lazy_dataclasses import dataclass
from presentation.content import Section
from service.tables.drawn_rows import drawn_row_ids
from service.tables.open_tables import open_sample
from service.tables.row_names import names_of_job
from storage.audit.findings import Finding, RowReadings, list_findings
from storage.audit.reviewing import NO_QUESTIONS, questions_of
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction
from web_ui.job_texts import problem_text
from web_ui.pages.findings import STEPS
from web_ui.shell import MAX_OFFSET, audit_sample, caller, number_between, service

Values = dict[str, Any]
ROWS_PER_PAGE = 100
OF_A_JUDGE = re.compile(r"(?i)(^|_)(judge|score|pred|prob|flag|verdict|classifier|confidence)")
"""Names of columns that the form proposes to hide."""
FILE_TITLES = {
    "csv": "CSV",
    "xlsx": "Excel workbook",
    "jsonl": "JSON Lines",
    "label_studio": "Label Studio",
}
FILTERS = {
    "": "All rows",
    "open": "Open",
    "differing": "Differing",
    "mine": "Mine",
    "notes": "With a note",
}


@dataclass(frozen=True)
class Person:
    """The entries that count as a person's."""

    soeid: str
    first: int
    second: int
    decision: int


def review_tabs(tx: Transaction, job: JobRecord) -> set[str]:
    """The tabs for entries about rows: both before the first one, then that of the entries."""
    if questions_of(tx, job.id).questions:
        return {"labels"}
    entries, _ = list_findings(tx, job.id, None, 0, 1)
    return {"findings"} if entries else {"findings", "labels"}


def labels_tab(found: JobRecord) -> Values:
    """Show the form for questions, or the answers and the review."""
    try:
        asked = sample_questions(caller(), found)
        dataset = caller().dataset(found.dataset_id, "read")
        may_write = caller().may(dataset, "write")
        values: Values = {
            "asked": asked,
            "queue": queue_state(caller(), found),
            "reviewers": reviewers_of(caller(), found) if may_write else (),
            "texts_of_types": QUESTION_TYPES,
            "states": REVIEW_STATES,
        }
        if asked.is_audit:
            return {**values, **_form(found, asked)}
        drawn_row_ids(service(), found)
        with service().database.read() as tx:
            readings = readings_in(tx, service(), found)
        if not readings.by_row:
            values |= _form(found, asked)
        return {**values, **_answers(found, readings)}
    except DomainError as error:
        return {"problem": problem_text(error)}


def _form(found: JobRecord, asked: SampleQuestions) -> Values:
    """What the form for questions needs: the columns, and a row for the preview."""
    names = list(columns_by_name(service(), found))
    with caller().reading():
        table = open_sample(service(), found)
        columns = tuple(column for column in table.files.columns if column.name in names)
        rows = view_page(service(), table, None, columns, 0, 1)
        with service().database.read() as tx:
            proposes = questions_of(tx, found.id) == NO_QUESTIONS
    audit_sample(found, "labels")
    hidden = [name for name in names if name not in asked.shown]
    return {
        "columns": names,
        "hidden": [name for name in names if OF_A_JUDGE.search(name)] if proposes else hidden,
        "proposes": proposes,
        "row": rows[0] if rows else {},
        "questions": [] if asked.is_audit else [vars(each) for each in asked.questions],
    }


def _answers(found: JobRecord, readings: Readings) -> Values:
    """A page of the rows that the filter of the URL selects, the persons and the review."""
    chosen = request.args.get("rows", "")
    chosen = chosen if chosen in FILTERS else ""
    ids = [row_id for row_id in readings.row_ids if _is_shown(readings, row_id, chosen)]
    offset = number_between("offset", 0, MAX_OFFSET, 0)
    shown = ids[offset : offset + ROWS_PER_PAGE]
    names = names_of_job(service(), found, shown)
    audit_sample(found, "answers")
    return {
        "filters": FILTERS,
        "files": {kind: FILE_TITLES.get(kind, kind) for kind in get_args(AnswersFile)},
        "chosen": chosen,
        "page": {"offset": offset, "limit": ROWS_PER_PAGE, "total": len(ids)},
        "rows": [readings.of(row_id) for row_id in shown],
        "name_of": names.of,
        "readings": readings,
        "reading_titles": READINGS,
        "persons": _persons(readings.by_row.values()),
        "answer_text": partial(answer_text, readings.asked),
        "review": readings.state.review,
        "is_preparer": is_preparer(caller(), found),
        "steps": {step: text.replace("findings", "answers") for step, text in STEPS.items()},
        "limits_of": limits_of,
        **_queries(readings),
        "agreement": _agreement(found) if readings.due else None,
    }


def _agreement(found: JobRecord) -> Section:
    """How far both readers agree, at the usual confidence."""
    return agreement_section(asdict(agreement_of(service(), found, AgreementRequest().confidence)))


def _queries(readings: Readings) -> dict[str, str]:
    """The queries of the tabs Estimates and Model for the first question; none before answers."""
    if not any(row.counting for row in readings.by_row.values()):
        return {}
    first = next((each for each in readings.asked if each.type != "text"), None)
    if first is None:
        return {}
    figure = {"statistic": "mean"}
    if first.type in ("yes_no", "choice"):
        value = first.choices[0] if first.choices else "true"
        figure = {"statistic": "proportion", "value": value}
    queries = {"estimates": {"column": first.name, **figure}}
    if first.type in ("yes_no", "choice"):
        judges = [name for name in readings.state.questions.hidden if OF_A_JUDGE.search(name)]
        queries["model"] = {"truth": first.name, "flagged": judges[0] if judges else ""}
    return {
        f"{tab}_query": urlencode({"tab": tab, "values": "answers", **query})
        for tab, query in queries.items()
    }


def _is_shown(readings: Readings, row_id: str, chosen: str) -> bool:
    """Whether the filter selects a row."""
    row = readings.of(row_id)
    tests: dict[str, Callable[[], bool]] = {
        "": lambda: True,
        "open": lambda: row.first is None or (row.second is None and row_id in readings.due),
        "differing": lambda: row.decision is not None or readings.differ(row_id),
        "mine": lambda: any(caller().user.id in each.readers for each in _entries(row)),
        "notes": lambda: any(each.note for each in _entries(row)),
    }
    return tests[chosen]()


def _entries(row: RowReadings) -> Iterator[Any]:
    return (each for each in (row.first, row.second, row.decision) if each is not None)


def _persons(rows: Any) -> list[Person]:
    """The persons with their entries by reading, most entries first."""
    counts = Counter((each.user_soeid, each.reading) for row in rows for each in _entries(row))
    persons = [
        Person(name, *(counts[name, reading] for reading in READINGS))
        for name in {name for name, _ in counts}
    ]
    return sorted(persons, key=lambda one: (-one.first - one.second - one.decision, one.soeid))


def answer_text(asked: Sequence[QuestionRequest], entry: Finding) -> str:
    """What an entry says; with several questions each answer has the name of its question."""
    if entry.outcome is not None:
        return outcome_titles(is_audit=False)[entry.outcome]
    values = [(each.name, compared_value(entry, each)) for each in asked]
    texts = [
        (name, YES_NO[value] if isinstance(value, bool) else str(value))
        for name, value in values
        if value is not None
    ]
    return texts[0][1] if len(asked) == 1 else " · ".join(": ".join(each) for each in texts)
