"""The questions of a sample and the columns that its reviewers see, set before the first entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from application.access import Caller
from application.administration.grantees import find_member
from application.audit.findings import require_entries
from application.review.reviewers import add_reviewers
from application.review.rights import rights_in
from contract.declarations import Help
from contract.requests.reviewing import QuestionRequest, QuestionsRequest
from domain_errors import choices_sentence
from lazy_dataclasses import dataclass
from parquet_tables.tables import Column
from sampling_engine.sample_table import shown_columns
from service.sampling_parameters import recorded_rounds
from service.service import Service
from service.tables.open_tables import open_sample, open_source
from storage.audit.findings import attributes_of, newest_readings
from storage.audit.reviewing import NO_QUESTIONS, facts_of, put_questions, questions_of
from storage.errors import Conflict, InvalidValue
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction

AUDIT_VALUE = QuestionRequest(
    name="audit_value",
    type="amount",
    text="What is the right value?",
    help="Of an exception: the value found right.",
    required=False,
)


@dataclass(frozen=True)
class SampleQuestions:
    """What the reviewers of a sample are asked, and which columns they see."""

    job_id: str
    questions: Sequence[QuestionRequest]
    is_audit: Annotated[
        bool,
        Help(
            "Whether the questions are those of an audit: each row needs an `outcome`, and a "
            "question of a tested attribute asks whether the row deviates from it."
        ),
    ]
    shown: Annotated[Sequence[str], Help("The columns that reviewers see.")]
    hidden: Annotated[Sequence[str], Help("Hidden columns; [] for a reviewer without read access.")]
    second_readings: Annotated[float, Help("The share of rows with a second reading.")]


def asked_questions(
    chosen: QuestionsRequest, attributes: Sequence[str]
) -> tuple[QuestionRequest, ...]:
    """The sample's own questions; without any, those of an audit beside the outcome."""
    if chosen.questions:
        return chosen.questions
    tested = (
        QuestionRequest(
            name=name,
            type="yes_no",
            text=f"Does the row deviate from “{name}”?",
            required=False,
        )
        for name in attributes
    )
    return (AUDIT_VALUE, *tested)


def columns_by_name(service: Service, job: JobRecord) -> Mapping[str, Column]:
    """The table's columns in a sample, by their names in the sample, without those of the draw."""
    source = open_source(service, job).files
    rounds = recorded_rounds(job.run_parameters, source)
    return {each.name: each.column for each in shown_columns(source, rounds)}


def seen_columns(service: Service, job: JobRecord, chosen: QuestionsRequest) -> dict[str, Column]:
    """The columns that reviewers see, by their names in the sample."""
    own = columns_by_name(service, job)
    if chosen.shown:
        return {name: own[name] for name in chosen.shown if name in own}
    return {name: column for name, column in own.items() if name not in chosen.hidden}


def sample_questions(by: Caller, job: JobRecord) -> SampleQuestions:
    """Return what the reviewers of a sample are asked."""
    with by.service.database.read() as tx:
        rights = rights_in(tx, by, job)
        chosen, attributes = questions_of(tx, job.id), attributes_of(tx, job.id)
    return SampleQuestions(
        job.id,
        asked_questions(chosen, attributes),
        not chosen.questions,
        list(seen_columns(by.service, job, chosen)),
        chosen.hidden if rights.sees_rows else (),
        chosen.second_readings,
    )


def choose_questions(by: Caller, job: JobRecord, given: QuestionsRequest) -> SampleQuestions:
    """Choose the questions of a sample, its hidden columns and second readings; add reviewers.

    The columns that are shown are stored by name, so that a sample that continues this one doesn't
    show columns that a newer version of the table has besides.

    Raises
    ------
    InvalidValue, NotFound
        A name of a question can't be used; a column is unknown, or both hidden and shown; there is
        no such user.
    Conflict
        The sample has entries, or tested attributes beside own questions.
    SampleDeleted, FindingsLocked
        Nothing can be entered.
    """
    by.dataset(job.dataset_id, "write")
    sample = open_sample(by.service, job).files
    require_free_names([column.name for column in sample.columns], given.questions)
    chosen = with_columns(list(columns_by_name(by.service, job)), given)
    with by.writing() as tx:
        require_entries(tx, job)
        people = [
            find_member(tx, name, "reviewers", place) for place, name in enumerate(given.reviewers)
        ]
        _store(tx, by, job, chosen)
        add_reviewers(tx, by, job, people)
    return sample_questions(by, job)


def _store(tx: Transaction, by: Caller, job: JobRecord, chosen: QuestionsRequest) -> None:
    if newest_readings(tx, job.id):
        now = questions_of(tx, job.id)
        if now == NO_QUESTIONS:
            now = with_columns(list(columns_by_name(by.service, job)), now)
        fields = ("questions", "hidden", "shown", "second_readings")
        other = [name for name in fields if getattr(chosen, name) != getattr(now, name)]
        if other:
            raise Conflict(
                "The sample has entries, which answer other questions. Choose questions and "
                "columns before the first entry.",
                loc=("body", other[0]),
            )
        return
    if chosen.questions and attributes_of(tx, job.id):
        raise Conflict(
            "The sample has tested attributes, which are questions of an audit. Remove them, or "
            "choose no questions.",
            loc=("body", "questions"),
        )
    put_questions(tx, job.id, by.user.id, chosen, by.service.clock)
    by.audit_of_job(tx, "questions_chosen", job, **facts_of(chosen))


def require_free_names(names: Sequence[str], questions: Sequence[QuestionRequest]) -> None:
    """Raise InvalidValue for a question whose name isn't free; ``names`` are the columns'."""
    columns = {name.casefold() for name in names}
    seen = set[str]()
    for place, question in enumerate(questions):
        name, problem = question.name, None
        if name.startswith("_"):
            problem = 'The name "{name}" begins with _, as columns of a draw do. Choose another.'
        elif name.casefold() in columns:
            problem = 'The sample has a column "{name}". Choose another name for the question.'
        elif name.casefold() in seen:
            problem = 'Two questions are named "{name}".'
        if problem is not None:
            raise InvalidValue(problem, loc=("body", "questions", place, "name"), name=name)
        seen.add(name.casefold())


def with_columns(names: Sequence[str], given: QuestionsRequest) -> QuestionsRequest:
    """The request with the names of all shown columns, of those of a table, and without people.

    Raises
    ------
    InvalidValue
        A column is unknown, or both hidden and shown; or none is shown.
    """
    hidden = _known(names, given.hidden, "hidden")
    shown = _known(names, given.shown, "shown")
    for place, name in enumerate(shown):
        if name in hidden:
            raise InvalidValue(
                'The column "{column}" is both hidden and shown.',
                loc=("body", "shown", place),
                column=name,
            )
    shown = shown or [name for name in names if name not in hidden]
    if not shown:
        raise InvalidValue("All columns are hidden. Show at least one.", loc=("body", "hidden"))
    questions = tuple(replace(each, choices=tuple(each.choices)) for each in given.questions)
    return QuestionsRequest(
        questions=questions,
        hidden=tuple(hidden),
        shown=tuple(shown),
        second_readings=given.second_readings,
    )


def _known(names: Sequence[str], given: Sequence[str], field: str) -> list[str]:
    """The names of columns as the sample has them; names that differ in case alone are one."""
    folded = {name.casefold(): name for name in names}
    for place, name in enumerate(given):
        if name.casefold() not in folded:
            raise InvalidValue(
                'The sample has no column "{column}" of the table. {choices}',
                loc=("body", field, place),
                column=name,
                choices=choices_sentence(name, names),
            )
    return list(dict.fromkeys(folded[name.casefold()] for name in given))
