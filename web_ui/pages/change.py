"""The tab "Change" of a sample: figures of two samples with their change, and changed values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask import request

from application.estimation.change import change_of
from application.estimation.change_sheet import (
    MAX_DRAWN,
    change_pictures,
    change_table,
    changed_values_table,
)
from application.estimation.changed_values import changed_values
from application.estimation.figures import PlainEstimate
from application.estimation.value_sources import TABLE, estimated_columns
from contract.column_lists import text_of_names
from contract.declarations import copied
from contract.fields import USUAL_CONFIDENCES
from contract.requests.change import ChangedValuesRequest, ChangeRequest
from contract.words import STATISTICS
from domain_errors import DomainError
from service.sampling_parameters import recorded_parts
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord
from storage.jobs.lists import JobFilters, list_jobs
from web_ui.contract_forms import FormField, form_fields, read_form, with_problem
from web_ui.job_texts import problem_text
from web_ui.pages.estimates import (
    chosen_source,
    estimates_asked,
    figure_choices,
    figure_text,
    figure_title,
    first_choice,
    lacks_column,
)
from web_ui.pages.request_code import code_at
from web_ui.shell import audit_sample, caller, service

Values = dict[str, Any]
MAX_SAMPLES = 100
CHANGED_SHOWN = 100
SHARED_FIELDS = ("key", "duplicates", "values", "book_column", "columns")
FIGURES = {key: title for key, title in STATISTICS.items() if key != "quantile"}


def change_tab(found: JobRecord) -> Values:
    """Estimate the change between the sample and the one of the URL, the earlier one first."""
    chosen = figure_choices()
    others = _others(found)
    values: Values = {
        "chosen": chosen,
        "statistics": FIGURES,
        "confidences": USUAL_CONFIDENCES,
        "others": others,
        "other_id": request.args.get("with_job", ""),
        "shared_fields": form_fields(ChangedValuesRequest, request.args, only=SHARED_FIELDS),
    }
    try:
        shared = read_form(ChangedValuesRequest, request.args, only=SHARED_FIELDS)
        chosen |= {"values": shared.get("values", TABLE), "book": shared.get("book_column")}
        with caller().reading():
            source = chosen_source(found, chosen)
            values["columns"] = estimated_columns(service(), found, source)
        if lacks_column(chosen) or chosen["statistic"] == "quantile":
            chosen |= first_choice(values["columns"])
        if not values["other_id"]:
            return values
        other = caller().job(values["other_id"])
        if other.run_type != "sampling" or other.status != "completed":
            raise NotFound("The job has no sample.")
        first, second = sorted((found, other), key=lambda job: (job.created_at, job.id))
        values |= _change(found, first, second, chosen, shared)
        return values | _changed_values(first, second, shared, values["shared_fields"])
    except DomainError as error:
        return values | _refusal(values["shared_fields"], error)


def _refusal(fields: Sequence[FormField], error: DomainError) -> Values:
    """A refusal at its field, or else as a note."""
    text = problem_text(error)
    marked = with_problem(fields, error, text)
    if marked is not None:
        return {"shared_fields": marked, "is_refused": True}
    # A missing key has no field of its own in the error.
    return {"problem": text, "is_refused": error.code == "invalid_key"}


def _change(
    found: JobRecord, first: JobRecord, second: JobRecord, chosen: Values, shared: Values
) -> Values:
    own = {name: value for name, value in shared.items() if name != "columns"}
    body = copied(ChangeRequest, estimates_asked(chosen), with_job=second.id, **own)
    with caller().reading():
        answer = change_of(service(), first, second, body)
    for job in (first, second):
        audit_sample(job, "change")
    shown = first.shown_name, second.shown_name
    single = None
    if len(answer.figures) == 1 and not chosen["by"]:
        figure = answer.figures[0]
        single = {
            "first": _estimate_text(figure.first, figure.statistic),
            "second": _estimate_text(figure.second, figure.statistic),
            "change": _estimate_text(figure.change, figure.statistic),
            "low": figure_text(figure.change.ci_low, figure.statistic),
            "high": figure_text(figure.change.ci_high, figure.statistic),
            "error": figure_text(figure.change.standard_error, figure.statistic),
            "p_value": figure.change.p_value,
        }
    return {
        **code_at(f"/api/sampling/jobs/{first.id}/change", body.stated()),
        "answer": answer,
        "single": single,
        "title": figure_title(chosen),
        "sample_names": shown,
        "table": change_table(answer, "Change"),
        "pictures": change_pictures(answer, shown),
        "max_drawn": MAX_DRAWN,
        "assumptions": answer.notes[len(answer.warnings) :],
    }


def _changed_values(
    first: JobRecord, second: JobRecord, shared: Values, fields: Sequence[FormField]
) -> Values:
    """The values that differ, or why they can't be listed; the figures stay."""
    listed = ChangedValuesRequest(with_job=second.id, **shared, limit=CHANGED_SHOWN)
    try:
        with caller().reading():
            changed = changed_values(service(), first, second, listed)
    except DomainError as error:
        text = problem_text(error)
        marked = with_problem(fields, error, text)
        return {
            "changed_problem": text,
            "shared_fields": marked or fields,
            "is_refused": marked is not None,
        }
    for job in (first, second):
        audit_sample(job, "changed values")
    query = {"with_job": second.id, "format": "csv", **shared}
    texts = {
        name: text_of_names(value) if isinstance(value, tuple) else value
        for name, value in query.items()
    }
    return {
        "changed": changed,
        "changed_table": changed_values_table(changed, "Changed values"),
        "changed_link": f"/api/sampling/jobs/{first.id}/changed-values?{urlencode(texts)}",
    }


def _estimate_text(part: PlainEstimate | None, statistic: str) -> str:
    return figure_text(None if part is None else part.estimate, statistic)


def _others(found: JobRecord) -> list[tuple[str, str]]:
    """The ids and names of the other samples of the dataset, newest first."""
    filters = JobFilters(dataset_id=found.dataset_id, run_type="sampling", statuses=("completed",))
    with service().database.read() as tx:
        jobs, _ = list_jobs(tx, caller().user, filters, offset=0, limit=MAX_SAMPLES)
    return [
        (job.id, job.shown_name)
        for job in jobs
        if job.id != found.id and not recorded_parts(job.run_parameters)
    ]
