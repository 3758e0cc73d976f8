"""The working paper of a sample: what was drawn, found, replaced, concluded and reviewed.

Sections of facts, tables and charts, the same as a workbook and as a page that prints.
"""

from __future__ import annotations

from typing import Any

from application.audit.evaluation import EvaluationAnswer, SettledEvaluation, evaluate
from application.audit.items import book_column_of
from application.audit.state import audit_state
from application.audit.working_paper.conclusion import evaluation_section
from application.audit.working_paper.cover import cover
from application.audit.working_paper.exceptions import exceptions_section
from application.audit.working_paper.facts import paper_facts
from application.audit.working_paper.items import (
    attachments_section,
    items_section,
    replacements_section,
)
from application.audit.working_paper.planning import planning_section
from application.audit.working_paper.population import population_section
from application.audit.working_paper.requirements import documentation
from application.samples.design_sheet import design_sheet
from domain_errors import DomainError
from presentation.content import Section
from service.service import Service
from storage.jobs.jobs import JobRecord


def evaluation_or_refusal(
    service: Service, job: JobRecord, request: SettledEvaluation[Any]
) -> EvaluationAnswer | DomainError:
    """The evaluation of a sample, or why there is none."""
    try:
        return evaluate(service, job, request)
    except DomainError as error:
        return error


def working_paper(
    service: Service,
    job: JobRecord,
    request: SettledEvaluation[Any],
    number: int | None = None,
    evaluated: EvaluationAnswer | DomainError | None = None,
) -> list[Section]:
    """The sheets of a sample's working paper: cover, planning, population, design, items, ….

    An evaluation that can't be made is a sheet with its reason.

    Parameters
    ----------
    number : int, optional
        That of an issued paper.
    evaluated : optional
        The evaluation of the request, if it was made before.
    """
    state = audit_state(service, job)
    facts = paper_facts(service, job, state)
    if evaluated is None:
        evaluated = evaluation_or_refusal(service, job, request)
    is_refused = isinstance(evaluated, DomainError)
    evaluation = evaluated if isinstance(evaluated, DomainError) else evaluated.as_json()
    chosen = None if is_refused else request.value_of("book_column")
    column = chosen or book_column_of(service, job)
    sections = [
        cover(service, job, state, evaluation, facts, number),
        planning_section(service, job, facts.stated, request, evaluation),
        population_section(service, job, state, facts.stated),
        design_sheet(service, job, with_coverage=False),
        items_section(service, job),
        exceptions_section(service, job, state, column),
        replacements_section(service, job, state),
        *attachments_section(service, job),
        evaluation_section(service, job, request, evaluation),
    ]
    return [*sections, documentation(sections)]
