"""The requests of reviewers: the questions of a sample, its queue, answers, and who may answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, ClassVar

from contract.declarations import Help, RefusedField, Request
from contract.fields import (
    Bounds,
    Choice,
    ColumnName,
    Count,
    Flag,
    Items,
    Mapped,
    Name,
    Part,
    Scalar,
    Share,
    Text,
)
from contract.requests.exploring import MAX_OUTPUT_NAME
from contract.requests.findings import MAX_FINDINGS, MAX_NOTE, RowId
from contract.requests.pages import PageRequest
from contract.requests.submitting import CommitMessage, JobPriority
from contract.words import (
    OUTCOMES,
    QUESTION_TYPES,
    READINGS,
    REVIEW_TASKS,
    AnswersFormat,
    Outcome,
    QuestionsFormat,
    QuestionType,
    Reading,
    ReviewTask,
)

MAX_QUESTIONS = 50
MAX_QUESTION_NAME = 100
MAX_CHOICES = 50
MAX_ANSWER_TEXT = 2000
MAX_REVIEWERS = 100
MAX_HIDDEN = 16_384
"""Columns, as many as a table can have."""


def _choices_fit(given: Mapping[str, Any]) -> None:
    """Choices are those of a choice: at least two, each once."""
    words = given.get("choices") or ()
    if given["type"] != "choice":
        if words:
            raise RefusedField("choices", "Only a question of the type `choice` has choices.")
    elif len(words) < 2:
        raise RefusedField("choices", "A choice has at least two words.")
    elif len({word.casefold() for word in words}) < len(words):
        raise RefusedField("choices", "Two choices are the same word.")


class QuestionRequest(Request):
    """A question about each row."""

    rules: ClassVar = (_choices_fit,)

    name: Annotated[
        str,
        Name(most=MAX_QUESTION_NAME),
        Help(
            "The name by which answers are given and estimates read them, such as `is_bad`. Not "
            "that of a column of the sample, and without `_` at the beginning."
        ),
    ]
    type: Annotated[
        QuestionType,
        Choice(QUESTION_TYPES),
        Help(
            "Answers are `true` or `false` of `yes_no`, one of `choices` of `choice`, a finite "
            "number of `number`, an exact decimal number of `amount`, a text of `text`."
        ),
    ]
    text: Annotated[str, Text(1), Help("The question as people read it.")]
    choices: Annotated[
        tuple[str, ...],
        Items(Name(most=MAX_QUESTION_NAME), MAX_CHOICES),
        Help("Of `choice`: 2 to 50 different words."),
    ] = ()
    help: Annotated[str, Text(0, MAX_NOTE), Help("How to answer it.")] = ""
    required: Annotated[bool, Flag(), Help("Whether each row needs an answer to it.")] = True


class QuestionsRequest(Request):
    """What the reviewers of a sample are asked, and which columns they see."""

    questions: Annotated[
        tuple[QuestionRequest, ...],
        Items(Part(QuestionRequest), MAX_QUESTIONS),
        Help(
            "[]: the reviewers enter findings, with an outcome, an audit value and the tested "
            "attributes."
        ),
    ] = ()
    hidden: Annotated[
        tuple[str, ...],
        Items(ColumnName(), MAX_HIDDEN),
        Help("Columns that reviewers don't see, such as a judge's."),
    ] = ()
    shown: Annotated[
        tuple[str, ...],
        Items(ColumnName(), MAX_HIDDEN),
        Help("Columns that reviewers see; by default all of the sample that aren't hidden."),
    ] = ()
    second_readings: Annotated[
        float,
        Share(bounds=Bounds(0, 1), refusal="A share is from 0 to 1, such as 0.1 or 10%."),
        Help("The share of the rows that a second person answers, too."),
    ] = 0.0
    reviewers: Annotated[
        tuple[str, ...],
        Items(Text(1), MAX_REVIEWERS),
        Help("Names of users who become reviewers of the sample."),
    ] = ()


class QuestionsViewRequest(Request):
    """The form of the questions."""

    format: Annotated[
        QuestionsFormat,
        Choice.of(QuestionsFormat),
        Help("`label_studio`: the XML of a labelling interface with these questions."),
    ] = "json"


class AnswersTableRequest(Request):
    """A table with the answers of a sample, as a job."""

    output_name: Annotated[
        str | None,
        Name(1, MAX_OUTPUT_NAME),
        Help(
            "Names the table by the ref `expl-<output_name>`. Default: `labels-` and the name of "
            "the sample."
        ),
    ] = None
    with_readers: Annotated[
        bool, Flag(), Help("Add `entered_by` and `entered_at` of the answers that count.")
    ] = False
    commit_message: CommitMessage = None
    priority: JobPriority = "interactive"


class NextRowRequest(Request):
    """What the reviewer wants to do next."""

    task: Annotated[
        ReviewTask,
        Choice(REVIEW_TASKS),
        Help("`read`: answer the next row. `decide`: decide the next row with two answers."),
    ] = "read"


class AnswerRequest(Request):
    """The answers to the questions about a row."""

    aliases: ClassVar[Mapping[str, str]] = {"_logical_row_id": "row_id"}

    row_id: Annotated[
        RowId, Text(1, 300), Help("As the queue gave it; with read access also the row's key.")
    ]
    answers: Annotated[
        Mapping[str, Any],
        Mapped(Scalar(), MAX_QUESTIONS, least=0),
        Help("The answers by the names of the questions; null is no answer."),
    ] = field(default_factory=dict)
    outcome: Annotated[
        Outcome | None,
        Choice(OUTCOMES),
        Help(
            "Instead of answers: `not_examinable` if the row can't be judged, `not_applicable` if "
            "it doesn't belong to the population. Of an audit's own questions it is needed."
        ),
    ] = None
    note: Annotated[str, Text(0, MAX_NOTE)] = ""
    reading: Annotated[
        Reading | None,
        Choice(READINGS),
        Help("By default that of the reservation, or the one that the caller may give."),
    ] = None
    previous_id: Annotated[
        int | None,
        Count(Bounds(least=0)),
        Help(
            "The newest entry of this reading that you have seen, 0 if none: if there is a newer "
            "one, the response is 409 `finding_changed`, and nothing is entered."
        ),
    ] = None


class AnswersRequest(Request):
    """Answers about rows of a sample."""

    answers: Annotated[
        tuple[AnswerRequest, ...],
        Items(Part(AnswerRequest), MAX_FINDINGS, least=1),
        Help("All are entered, or none. A body may also be the answer about one row."),
    ]

    @classmethod
    def reshaped(cls, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer about one row instead of a list is one, too."""
        is_one = not data.keys().isdisjoint(("row_id", "_logical_row_id"))
        return {"answers": [data]} if is_one else data


class AnswersListRequest(PageRequest):
    """A page of the rows with their answers, or all of them as a file."""

    format: Annotated[
        AnswersFormat,
        Choice.of(AnswersFormat),
        Help("Other formats than `json` have all rows, whatever `offset` and `limit` are."),
    ] = "json"


class ReviewersRequest(Request):
    """Users who become reviewers of a sample."""

    reviewers: Annotated[
        tuple[str, ...],
        Items(Text(1), MAX_REVIEWERS, least=1),
        Help("Their names. Those who are reviewers already stay so."),
    ]


class EndReviewerRequest(Request):
    """A reviewer of a sample to remove."""

    reviewer: Annotated[str, Text(1), Help("The name of the user.")]
