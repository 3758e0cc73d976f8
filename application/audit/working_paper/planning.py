"""The planning sheet of a working paper: objective, sampling unit, errors, size and why."""

from __future__ import annotations

from typing import Any

from application.audit.evaluation import SettledEvaluation
from application.audit.evaluators.evaluator import Evaluation
from application.audit.fitting import selects_money
from application.audit.planned import size_of_job
from application.audit.working_paper.conclusion import tolerable_line
from application.audit.working_paper.population import methods_of
from application.audit.working_paper.requirements import NOT_GIVEN
from application.samples.facts import excluded_text, filter_text
from contract.declarations import declared_field
from contract.requests.papers import PaperFactsRequest
from contract.words import ASSERTIONS
from domain_errors import DomainError, Sentence
from presentation.content import Facts, Judgement, Row, Section
from sampling_engine import method_class
from service.service import Service
from service.tables.row_names import key_of_job
from storage.jobs.jobs import JobRecord

ROW_UNIT = "A row of the table {table}."
NAMED_UNIT = "A row of the table {table}; {key} names it."
MONEY_UNIT = (
    "A monetary unit of the column {column} of the table {table}: the row that has a selected unit "
    "is examined as a whole."
)
CLUSTER_UNIT = "The rows of the table {table} whose {column} is the same."
WHOLE_POPULATION = "All rows of the table {table} of the dataset {dataset}."
REST_POPULATION = "Rows of the table {table} of the dataset {dataset}."
WITHOUT_EXCLUDED = "Without {excluded}."
FILTERED_POPULATION = "The rows of the table {table} of the dataset {dataset} that pass {filter}."


def planning_section(
    service: Service,
    job: JobRecord,
    facts: PaperFactsRequest,
    request: SettledEvaluation[Any],
    evaluation: Evaluation | DomainError,
) -> Section:
    """What was planned, in the words of those who planned it and of the recorded draw."""
    objective: list[Row] = [
        _fact(facts, "objective"),
        ("Assertions", _assertions(facts)),
        *(("Population", text) for text in _populations(job)),
        *(("Sampling unit", text) for text in _units(service, job)),
        *(_fact(facts, name) for name in ("procedure", "error_definition", "treatment")),
    ]
    size: list[Row] = [
        tolerable_line(job, request, evaluation),
        *(_fact(facts, name) for name in ("tolerable_basis", "expected")),
        ("Method", methods_of(job)),
        ("Rows drawn", (job.output_summary or {})["total_sampled"]),
        *_size_of_plan(job),
        _fact(facts, "design_reason"),
    ]
    return Section(
        "Planning", "Planning", [Facts("Objective", objective), Facts("Errors and size", size)]
    )


def _size_of_plan(job: JobRecord) -> list[Row]:
    """The size that the recorded plan needs, where another one was drawn."""
    size = size_of_job(job)
    if size is None or size.drawn == size.needed:
        return []
    tone = "warn" if size.drawn < size.needed else ""
    return [("Recorded plan", Judgement(size.sentence, tone))]


def _fact(facts: PaperFactsRequest, name: str) -> Row:
    """A fact under the title of its field."""
    title = declared_field(PaperFactsRequest, name).title
    return (title, getattr(facts, name) or NOT_GIVEN)


def _assertions(facts: PaperFactsRequest) -> str:
    named: list[str] = [Sentence(ASSERTIONS[each]) for each in facts.assertions or ()]
    own = [facts.assertion_text] if facts.assertion_text else []
    return Sentence.joined([*named, *own], "; ") if named or own else NOT_GIVEN


def _rounds(job: JobRecord) -> list[Any]:
    return list(job.run_parameters["rounds"])


def _populations(job: JobRecord) -> list[str]:
    """The rows that each step could choose from; equal ones once."""
    table = job.run_parameters["table_key"]
    excluded = excluded_text(job.run_parameters)
    found = []
    for each in _rounds(job):
        filters = each.get("filters")
        whole = WHOLE_POPULATION if excluded is None else REST_POPULATION
        template = FILTERED_POPULATION if filters else whole
        shown = filter_text(filters) if filters else ""
        values = {"table": table, "dataset": job.dataset_name, "filter": shown}
        found.append(Sentence(template, **values))
    left_out = [] if excluded is None else [Sentence(WITHOUT_EXCLUDED, excluded=excluded)]
    return [*dict.fromkeys(found), *left_out]


def _units(service: Service, job: JobRecord) -> list[str]:
    """The sampling unit of each step (ISA 530 ¶5(f)); equal ones once."""
    table = job.run_parameters["table_key"]
    key = ", ".join(key_of_job(service, job))
    found = []
    for each in _rounds(job):
        parameters = each["parameters"]
        if selects_money([each]):
            column = parameters["book_column"]
            found.append(Sentence(MONEY_UNIT, column=column, table=table))
        elif method_class(each["method"]).group_kind == "clusters":
            column = parameters["cluster_column"]
            found.append(Sentence(CLUSTER_UNIT, column=column, table=table))
        else:
            template = NAMED_UNIT if key else ROW_UNIT
            found.append(Sentence(template, table=table, key=key))
    return list(dict.fromkeys(found))
