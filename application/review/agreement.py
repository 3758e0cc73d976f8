"""How far the two readings of a sample's rows agree, for each question.

The second readings are of a part of the drawn rows that the seed chose, so the figures are of rows
like the drawn ones, each counted once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np

from application.estimation.figures import PlainEstimate
from application.review.readings import Readings, are_different, compared_value, readings_of
from contract.answers import AtConfidence
from contract.declarations import Help
from contract.requests.reviewing import QuestionRequest
from contract.words import YES_NO, Outcome, QuestionType, outcome_titles
from domain_errors import counted
from estimation_engine.agreement import (
    Agreement,
    agreement_of_choices,
    agreement_of_numbers,
)
from lazy_dataclasses import dataclass
from service.service import Service
from service.tables.row_names import names_of_job
from storage.audit.findings import Finding, NewestFinding, RowReadings
from storage.jobs.jobs import JobRecord

NO_ANSWER = "No answer"
OF_NUMBERS = ("number", "amount")
Pair = tuple[NewestFinding, NewestFinding]


@dataclass(frozen=True)
class SecondReadings:
    """The second readings of a sample, in rows."""

    due: Annotated[int, Help("Rows that a second person is to answer.")]
    given: Annotated[int, Help("Rows due with a first and a second reading.")]
    differing: Annotated[
        int, Help("Those whose readings differ in a question or the outcome, decided or not.")
    ]
    decided: Annotated[int, Help("Differing rows with a decision.")]


@dataclass(frozen=True)
class AnswerPair:
    """What both readers said, and about how many rows."""

    first: str
    second: str
    rows: int


@dataclass(frozen=True)
class QuestionAgreement:
    """The agreement of the answers to one question."""

    name: str
    text: str
    type: QuestionType
    pairs: Annotated[
        int,
        Help("Rows that count: at least one reader answered the question; of numbers, both did."),
    ]
    equal: int
    share: Annotated[PlainEstimate, Help("`equal` / `pairs`, with Clopper and Pearson's limits.")]
    kappa: Annotated[
        PlainEstimate,
        Help(
            "Cohen's κ, with the standard error of Fleiss, Cohen and Everitt 1969; null for "
            "numbers."
        ),
    ]
    alpha: Annotated[
        PlainEstimate,
        Help("Krippendorff's α with a jackknife's standard error; numbers by squared differences."),
    ]
    table: Annotated[
        Sequence[AnswerPair],
        Help("Rows by first and second answer, every pair of values; [] for numbers."),
    ]
    cautions: Annotated[Sequence[str], Help("Why figures lack, or which ones are doubtful.")]


@dataclass(frozen=True, kw_only=True)
class AgreementAnswer(AtConfidence):
    """How far the two readings of a sample's rows agree."""

    job_id: str
    second_readings: SecondReadings
    questions: Sequence[QuestionAgreement]
    notes: Annotated[Sequence[str], Help("What the figures are of.")]


@dataclass(frozen=True)
class DifferingRow:
    """A row whose readings differ."""

    row_id: str
    name: Annotated[str, Help("By the table's row key; the row id without one.")]
    questions: Annotated[Sequence[str], Help("The names of the questions with different answers.")]
    first: Finding
    second: Finding
    decision: Finding | None


def agreement_of(service: Service, job: JobRecord, confidence: float) -> AgreementAnswer:
    """Compare both readings of each row that has two.

    Parameters
    ----------
    confidence : float
        Of the intervals, from 0 to 1.
    """
    readings = readings_of(service, job)
    rows = [readings.of(row_id) for row_id in readings.read_twice]
    pairs = [(row.first, row.second) for row in rows if row.first and row.second]
    differing = _differing(readings, readings.read_twice)
    compared = [each for each in readings.asked if each.type != "text"]
    titles = outcome_titles(readings.is_audit)
    return AgreementAnswer(
        confidence,
        job_id=job.id,
        second_readings=SecondReadings(
            due=len(readings.due),
            given=len(pairs),
            differing=len(differing),
            decided=sum(row.decision is not None for row in differing),
        ),
        questions=[_of_question(each, pairs, titles, confidence) for each in compared],
        notes=_notes(readings, pairs, differing),
    )


def differing_rows(
    service: Service, job: JobRecord, offset: int, limit: int
) -> tuple[list[DifferingRow], int]:
    """Return a page of the rows whose readings differ, in the order of the draw; and their number.

    Decided rows are among them.
    """
    readings = readings_of(service, job)
    rows = _differing(readings, readings.row_ids)
    page = rows[offset : offset + limit]
    names = names_of_job(service, job, [row.row_id for row in page])
    return [
        DifferingRow(
            row.row_id,
            names.of(row.row_id),
            [
                each.name
                for each in readings.asked
                if each.type != "text"
                and compared_value(row.first, each) != compared_value(row.second, each)
            ],
            row.first,
            row.second,
            row.decision,
        )
        for row in page
        if row.first and row.second
    ], len(rows)


def _differing(readings: Readings, row_ids: Sequence[str]) -> list[RowReadings]:
    """The rows whose readings differ, decided or not."""
    rows = (readings.of(row_id) for row_id in row_ids)
    return [
        row
        for row in rows
        if row.first and row.second and are_different(row.first, row.second, readings.asked)
    ]


def _of_question(
    question: QuestionRequest,
    pairs: Sequence[Pair],
    titles: Mapping[Outcome, str],
    confidence: float,
) -> QuestionAgreement:
    values = [
        (compared_value(first, question), compared_value(second, question))
        for first, second in pairs
    ]
    table: list[AnswerPair] = []
    cautions: list[str] = []
    if question.type in OF_NUMBERS:
        both = [(a, b) for a, b in values if a is not None and b is not None]
        one, other = (np.array([float(pair[at]) for pair in both]) for at in (0, 1))
        found = agreement_of_numbers(one, other, confidence)
        alone = sum((a is None) != (b is None) for a, b in values)
        if alone:
            cautions.append(
                f"{counted(alone, 'row has', 'rows have')} a number of one reader alone and don't "
                "count here, though the readings differ."
            )
    else:
        found, table = _of_choices(question, pairs, values, titles, confidence)
    return QuestionAgreement(
        question.name,
        question.text,
        question.type,
        found.pairs,
        found.equal,
        PlainEstimate.of(found.share),
        PlainEstimate.of(found.kappa),
        PlainEstimate.of(found.alpha),
        table,
        [*cautions, *found.cautions],
    )


def _of_choices(
    question: QuestionRequest,
    pairs: Sequence[Pair],
    values: Sequence[tuple[Any, Any]],
    titles: Mapping[Outcome, str],
    confidence: float,
) -> tuple[Agreement, list[AnswerPair]]:
    """The agreement of a question with values, and the rows by what both readers said."""
    said = Counter(
        (_said(question, first, a, titles), _said(question, second, b, titles))
        for (first, second), (a, b) in zip(pairs, values, strict=True)
        if a is not None or b is not None
    )
    known = [*YES_NO.values()] if question.type == "yes_no" else [*question.choices]
    used = {value for pair in said for value in pair}
    words = [*known, *sorted(used - set(known))]
    counts = np.array([[said[a, b] for b in words] for a in words], dtype=np.int64)
    table = [AnswerPair(a, b, said[a, b]) for a in words for b in words]
    return agreement_of_choices(counts, confidence), table


def _said(
    question: QuestionRequest, entry: Finding, value: Any, titles: Mapping[Outcome, str]
) -> str:
    """An answer in words; of an entry without one, its outcome."""
    if value is None:
        return NO_ANSWER if entry.outcome is None else titles[entry.outcome]
    return YES_NO[value] if question.type == "yes_no" else str(value)


def _notes(
    readings: Readings, pairs: Sequence[Pair], differing: Sequence[RowReadings]
) -> list[str]:
    notes = [
        "The figures are of drawn rows with two readings, each counted once: where rows were drawn "
        "with unequal probabilities, readers may agree more or less often over the whole table.",
        "The intervals assume that the two readings are independent, and that other rows are as "
        "hard to read as these.",
    ]
    if len(pairs) < len(readings.due):
        notes.append(
            f"{len(readings.due) - len(pairs):,} of {len(readings.due):,} rows due for a second "
            "reading don't have both readings yet."
        )
    others = sum(readings.has_both(row_id) for row_id in readings.row_ids) - len(pairs)
    if others:
        notes.append(
            f"{counted(others, 'other row has', 'other rows have')} a second reading, too. They "
            "don't count, since they aren't among the rows that the seed chooses now."
        )
    open_rows = sum(row.decision is None for row in differing)
    if open_rows:
        notes.append(
            f"{counted(open_rows, 'differing row waits', 'differing rows wait')} for a decision."
        )
    if any(each.type == "text" for each in readings.asked):
        notes.append("Texts aren't compared.")
    return notes
