"""The page that evaluates several samples together; what it evaluates is in the URL."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import Response, request

from application.audit.combined_evaluation import as_json, evaluate_together
from application.audit.combined_issuing import may_issue, readable_papers
from application.audit.combined_sheet import combined_section
from application.audit.programmes.catalogue import library_of
from application.audit.sentences import verdict_of
from contract.column_lists import listed_names
from contract.numbers import plain_text
from contract.requests.evaluate import MAX_TOGETHER, CombinedEvaluationRequest
from contract.words import LANGUAGES, REVIEW_STATES
from domain_errors import DomainError, InvalidRequest
from storage.audit.engagements import engagement_of, list_engagement_samples
from storage.audit.findings import examined_samples
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord
from storage.jobs.lists import JobFilters, list_jobs
from web_ui.contract_forms import form_fields, read_form, with_problem
from web_ui.job_texts import problem_text
from web_ui.pages.request_code import code_at
from web_ui.shell import audit_sample, blueprint, caller, service, show

MAX_OTHERS = 100
"""Newest samples among which those of other datasets are chosen; others are typed."""
PATH = "/api/audit/combined-evaluation"


@blueprint.get("/evaluate-together")
def together() -> Response:
    """Evaluate the samples that the URL names, with a form for others."""
    ids = [name for text in request.args.getlist("jobs") for name in listed_names(text)]
    typed = request.args.to_dict()
    fields = form_fields(CombinedEvaluationRequest, typed, without=("programme",))
    values: dict[str, Any] = {"jobs": [], "candidates": [], "problem": None, "answer": None}
    try:
        found = [_sample(each) for each in ids[: MAX_TOGETHER + 1]]
        jobs = list({job.id: job for job in found}.values())
        values |= {"jobs": jobs, "candidates": _candidates(jobs)}
        values |= _of_other_datasets([*jobs, *values["candidates"]])
        given = CombinedEvaluationRequest(
            jobs=tuple(job.id for job in jobs), **read_form(CombinedEvaluationRequest, typed)
        )
        if len(ids) > MAX_TOGETHER:
            raise InvalidRequest("At most {most} samples.", most=MAX_TOGETHER)
        if len(jobs) > 1 and "tolerable" in typed:
            values |= _evaluated(jobs, given)
    except DomainError as error:
        named = with_problem(fields, error, problem_text(error))
        fields = named or fields
        values["problem"] = None if named else problem_text(error)
    return show(
        "combined_evaluation.html",
        fields=fields,
        programmes=_programmes(),
        programme=typed.get("programme"),
        languages=LANGUAGES,
        most=MAX_TOGETHER,
        **values,
    )


def _programmes() -> dict[str, str]:
    """The titles of the programmes that evaluate samples of several periods."""
    return {
        each.name: each.file.title
        for each in library_of(service().settings).programmes
        if any(rule.periods for rule in each.file.evaluations)
    }


def _sample(job_id: str) -> JobRecord:
    found = caller().job(job_id)
    if found.run_type != "sampling" or found.status != "completed":
        raise InvalidRequest("Job {id} is no completed sample.", id=found.id[:8])
    return found


def _candidates(jobs: list[JobRecord]) -> list[JobRecord]:
    """Other samples of the first one's engagement, and of its table with findings, newest first."""
    if not jobs:
        return []
    with service().database.read() as tx:
        found = examined_samples(tx, jobs[0])
        engagement = engagement_of(tx, jobs[0].id)
        beside = [] if engagement is None else list_engagement_samples(tx, engagement.id)
    for each in reversed(beside):
        if each.status == "completed" and not each.is_deleted:
            with suppress(NotFound):  # a member may have lost the right to read it
                found.append(caller().job(each.job_id))
    others = {job.id: job for job in found}
    for job in jobs:
        others.pop(job.id, None)
    return list(others.values())[:MAX_TOGETHER]


def _of_other_datasets(listed: list[JobRecord]) -> dict[str, Any]:
    """The newest samples of datasets other than those of the listed ones, and if all are there."""
    filters = JobFilters(run_type="sampling", statuses=("completed",))
    with service().database.read() as tx:
        newest, total = list_jobs(tx, caller().user, filters, offset=0, limit=MAX_OTHERS)
    datasets, known = {job.dataset_id for job in listed[:1]}, {job.id for job in listed}
    others = [job for job in newest if job.dataset_id not in datasets and job.id not in known]
    return {"others": others, "are_all": total <= len(newest)}


def _evaluated(jobs: list[JobRecord], given: CombinedEvaluationRequest) -> dict[str, Any]:
    with caller().reading():
        answer = as_json(evaluate_together(service(), jobs, given))
    for job in jobs:
        audit_sample(job, "evaluation")
    body = given.given()
    query = {name: value for name, value in body.items() if name != "jobs"}
    if given.tolerable is not None:
        body["tolerable"] = float(given.tolerable)
        query["tolerable"] = plain_text(given.tolerable)
    body["jobs"] = list(given.jobs)
    ids, datasets = sorted(given.jobs), [job.dataset_id for job in jobs]
    papers = [each for each in readable_papers(caller(), ids[0]) if each.jobs == ids]
    with service().database.read() as tx:
        may = {
            state: may_issue(tx, caller().user, ids, datasets, state)
            for state in (None, *{each.review_state for each in papers})
        }
    return {
        "may_issue": may,
        "papers": papers,
        "states": REVIEW_STATES,
        **code_at(PATH, body),
        "answer": answer,
        "verdict": verdict_of(answer),
        "section": combined_section(answer),
        "paper_query": query,
    }
