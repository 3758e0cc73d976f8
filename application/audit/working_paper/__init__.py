"""The working paper of a sample: what was drawn, found, replaced, concluded and reviewed.

Sections of facts, tables and charts, the same as a workbook and as a page that prints.
"""

from __future__ import annotations

from typing import Any

from application.audit.evaluation import SettledEvaluation, evaluate
from application.audit.evaluators.evaluator import Evaluation
from application.audit.state import audit_state
from application.audit.working_paper.conclusion import evaluation_section
from application.audit.working_paper.cover import cover
from application.audit.working_paper.exceptions import exceptions_section
from application.audit.working_paper.items import items_section, replacements_section
from application.audit.working_paper.population import coverage_table, population_table
from application.samples.design_sheet import design_sheet
from domain_errors import DomainError
from presentation.content import (
    Section,
)
from service.service import Service
from storage.jobs.jobs import JobRecord


def working_paper(
    service: Service, job: JobRecord, request: SettledEvaluation[Any]
) -> list[Section]:
    """The sheets of a sample's working paper: cover, population, design, items, ….

    An evaluation that can't be made is a sheet with its reason.
    """
    state = audit_state(service, job)
    try:
        evaluation: Evaluation | DomainError = evaluate(service, job, request).as_json()
    except DomainError as error:
        evaluation = error
    return [
        cover(service, job, state, evaluation),
        Section(
            "Population",
            "Population and coverage",
            [population_table(service, job), coverage_table(service, job, state)],
        ),
        design_sheet(service, job),
        items_section(service, job),
        exceptions_section(service, job, state),
        replacements_section(service, job, state),
        evaluation_section(service, job, request, evaluation),
    ]
