"""The tab "Change" of a sample: figures of two samples with their change, and changed values."""

from __future__ import annotations

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
from application.estimation.value_sources import estimated_columns
from contract.fields import USUAL_CONFIDENCES
from contract.requests.change import ChangedValuesRequest, ChangeRequest
from contract.words import STATISTICS
from domain_errors import DomainError
from service.sampling_parameters import recorded_parts
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord
from storage.jobs.lists import JobFilters, list_jobs
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
        "key": request.args.get("key", ""),
    }
    try:
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
        return values | _change(found, first, second, chosen, values["key"])
    except DomainError as error:
        return {**values, "problem": problem_text(error), "problem_code": error.code}


def _change(
    found: JobRecord, first: JobRecord, second: JobRecord, chosen: Values, key: str
) -> Values:
    asked = estimates_asked(found, chosen)
    names = tuple(name for name in (part.strip() for part in key.split(",")) if name)
    body = ChangeRequest(
        with_job=second.id,
        statistics=asked.statistics,
        by=asked.by,
        filters=asked.filters,
        confidence=asked.confidence,
        interval=asked.interval,
        variance=asked.variance,
        values=asked.values,
        book_column=asked.book_column,
        key=names,
    )
    listed = ChangedValuesRequest(
        with_job=second.id, key=names, values=asked.values, limit=CHANGED_SHOWN
    )
    with caller().reading():
        answer = change_of(service(), first, second, body)
        changed = changed_values(service(), first, second, listed)
    for job in (first, second):
        audit_sample(job, "change")
    shown = sample_name(first), sample_name(second)
    query = {"with_job": second.id, "format": "csv", "key": key, "values": str(asked.values)}
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
        "changed": changed,
        "changed_table": changed_values_table(changed, "Changed values"),
        "changed_link": f"/api/sampling/jobs/{first.id}/changed-values?"
        + urlencode({name: value for name, value in query.items() if value}),
    }


def _estimate_text(part: PlainEstimate | None, statistic: str) -> str:
    return figure_text(None if part is None else part.estimate, statistic)


def _others(found: JobRecord) -> list[tuple[str, str]]:
    """The ids and names of the other samples of the dataset, newest first."""
    filters = JobFilters(dataset_id=found.dataset_id, run_type="sampling", statuses=("completed",))
    with service().database.read() as tx:
        jobs, _ = list_jobs(tx, caller().user, filters, offset=0, limit=MAX_SAMPLES)
    return [
        (job.id, sample_name(job))
        for job in jobs
        if job.id != found.id and not recorded_parts(job.run_parameters)
    ]


def sample_name(job: JobRecord) -> str:
    """The name of a sample, or the first digits of its job's id."""
    return job.output_name or job.id[:8]
