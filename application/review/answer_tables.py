"""The answers of a sample as a table of its dataset: a query of the sample and its answers."""

from __future__ import annotations

from application.review.questions import columns_by_name
from contract.requests.exploring import ExplorationRequest
from contract.requests.reviewing import AnswersTableRequest
from estimation_engine.reading import ROW_ID
from parquet_tables.names import folded, unused_name
from parquet_tables.quoting import quote_identifier
from service.service import Service
from service.sql_joins import ABOUT_ANSWERS, ANSWERS
from service.tables.open_tables import open_sample, output_of
from service.tables.row_names import key_of_job
from storage.audit.reviewing import questions_of
from storage.errors import Conflict
from storage.jobs.jobs import JobRecord

DRAWN = ("_inclusion_probability", "_design_weight")
READERS = ("entered_by", "entered_at")


def table_request(
    service: Service, job: JobRecord, given: AnswersTableRequest
) -> ExplorationRequest:
    """Return the query that makes a table of a sample's answers.

    Rows without an answer are in it, so that weights add up to the population.

    Raises
    ------
    Conflict
        The sample has no questions of its own.
    """
    with service.database.read() as tx:
        asked = questions_of(tx, job.id).questions
    if not asked:
        raise Conflict("The sample has no questions of its own, so it has no table of answers.")
    table = open_sample(service, job)
    declared = set(key_of_job(service, job))
    own = columns_by_name(service, job)
    keys = [name for name, column in own.items() if column.name in declared]
    questions = {folded(question.name) for question in asked}
    row_id = unused_name("row_id", questions | set(map(folded, keys)))
    about = [
        unused_name(name, questions)
        for name, _ in ABOUT_ANSWERS
        if given.with_readers or name not in READERS
    ]
    answers = (*(question.name for question in asked), *about)
    columns = [
        *(f"s.{quote_identifier(name)}" for name in keys),
        f"s.{ROW_ID} AS {quote_identifier(row_id)}",
        *(f"a.{quote_identifier(name)}" for name in answers),
        *(f"s.{name}" for name in DRAWN if name in {each.name for each in table.files.columns}),
    ]
    name = job.shown_name
    return ExplorationRequest(
        source_ref=output_of(job),
        sql=(
            f"SELECT {', '.join(columns)} FROM {quote_identifier(table.name)} AS s "
            f"LEFT JOIN {ANSWERS} AS a ON a.{ROW_ID} = s.{ROW_ID}"
        ),
        with_tables=(ANSWERS,),
        output_name=given.output_name or f"labels-{name}",
        commit_message=given.commit_message or f"Answers about the rows of {name}",
        priority=given.priority,
    )
