"""The tab "Model" of a sample: a model's or rule's flag against the truth that people found."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from flask import request
from werkzeug.wrappers import Response as AnyResponse

from application.estimation.classification import (
    ClassificationAnswer,
    JudgedFigure,
    classification_of,
)
from application.estimation.classification_sheet import (
    MAX_DRAWN,
    classification_section,
    classification_table,
    confusion_picture,
    confusion_table,
    figures_picture,
    file_lines,
)
from application.estimation.estimates import estimates_of
from application.estimation.estimates_sheet import judge_picture
from application.estimation.uploaded_values import uploads_of
from application.estimation.value_sources import (
    FINDINGS,
    TABLE,
    estimated_columns,
    value_source,
)
from contract.declarations import copied
from contract.fields import USUAL_CONFIDENCES
from contract.requests.classification import ClassificationRequest
from contract.requests.estimate import CalibrateRequest, EstimatesRequest, StatisticRequest
from contract.words import CLASSIFICATION_FIGURES, ClassificationFigure
from domain_errors import DomainError
from presentation.charts import IntervalChart
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord
from web_ui.contract_forms import form_fields, read_form, with_problem
from web_ui.job_texts import problem_text
from web_ui.numbers import chosen_level, confidence_choice
from web_ui.pages.estimates import csv_file, figure_text, workbook_file
from web_ui.pages.request_code import code_at
from web_ui.shell import audit_sample, blueprint, caller, service

Values = dict[str, Any]
MAX_CONFUSIONS = 4
"""Groups whose truth and flag are drawn; the table has all."""
TYPED = ("threshold", "positive", "flagged_value", "book_column")
SHOWN: tuple[ClassificationFigure, ...] = ("precision", "recall", "elusion", "missed_rows")


def classification_tab(found: JobRecord) -> Values:
    """Hold the flag of the URL against the truth; the form alone without both columns."""
    chosen = _choices()
    shown: tuple[str, ...] = ("values", *TYPED)
    if request.args.get("values") != FINDINGS:
        shown = tuple(name for name in shown if name != "book_column")
    fields = form_fields(ClassificationRequest, request.args, only=shown)
    values: Values = {
        "chosen": chosen,
        "confidences": USUAL_CONFIDENCES,
        "model_fields": fields,
        "uploads": uploads_of(service(), found),
    }
    try:
        source = read_form(ClassificationRequest, request.args, only=("values", "book_column"))
        with caller().reading():
            outside = value_source(
                service(), found, source.get("values", TABLE), source.get("book_column")
            )
            values["columns"] = estimated_columns(service(), found, outside)
        asked = _asked(chosen)
        if asked is None:
            return values
        with caller().reading():
            answer = classification_of(service(), found, asked)
        audit_sample(found, "classification")
    except DomainError as error:
        text = problem_text(error)
        marked = with_problem(fields, error, text)
        return values | ({"problem": text} if marked is None else {"model_fields": marked})
    return values | _shown(found, asked, answer)


def _shown(found: JobRecord, asked: ClassificationRequest, answer: ClassificationAnswer) -> Values:
    picture, reason = _with_and_without_judge(found, asked, answer)
    single = answer.groups[0] if len(answer.groups) == 1 and not answer.classes else None
    shown = asdict(answer)
    drawn = (confusion_picture(shown, group) for group in shown["groups"][:MAX_CONFUSIONS])
    return {
        **code_at(f"/api/sampling/jobs/{found.id}/classification", asked.stated()),
        "answer": answer,
        "figures": []
        if single is None
        else [
            (CLASSIFICATION_FIGURES[name], *_texts(each))
            for name in SHOWN
            if (each := single.figure(name)) is not None
        ],
        "judge_picture": picture,
        "judge_problem": reason,
        "pictures": figures_picture(shown),
        "confusions": [each for each in drawn if each is not None],
        "table": classification_table(shown, "Figures"),
        "confusion_table": confusion_table(shown, "Truth and flag"),
        "assumptions": answer.notes[len(answer.warnings) :],
        "max_drawn": MAX_DRAWN,
        "max_confusions": MAX_CONFUSIONS,
        "file_query": request.query_string.decode("ascii", "replace"),
    }


def _texts(each: JudgedFigure) -> tuple[str, ...]:
    """A figure and its limits; rows are whole ones."""
    ends = (each.estimate, each.ci_low, each.ci_high)
    if each.name == "missed_rows":
        return tuple("–" if end is None else f"{end:,.0f}" for end in ends)
    return tuple(figure_text(end, "proportion") for end in ends)


def _with_and_without_judge(
    found: JobRecord, asked: ClassificationRequest, answer: ClassificationAnswer
) -> tuple[IntervalChart | None, str | None]:
    """Prevalence by people alone, by the judge alone and by both; or why there is no such figure.

    A score is the judge as it is; a column of texts is none.
    """
    if answer.classes or len(asked.positive) > 1:
        return None, None
    value: Any = asked.positive[0] if asked.positive else "1"
    with caller().reading():
        columns = estimated_columns(
            service(), found, value_source(service(), found, asked.values, asked.book_column)
        )
    truth = next(each for each in columns if each.name == asked.truth)
    if not asked.positive and not truth.is_number:
        value = True
    body = copied(
        EstimatesRequest,
        asked,
        statistics=(StatisticRequest(statistic="proportion", column=asked.truth, value=value),),
        calibrate=CalibrateRequest(method="judge", columns=(asked.flagged,)),
    )
    try:
        with caller().reading():
            drawn = judge_picture(estimates_of(service(), found, body), "Prevalence")
        return None if drawn is None else replace(drawn, is_wide=True), None
    except DomainError as error:
        return None, problem_text(error)


@blueprint.get("/jobs/<job_id>/classification.csv")
def classification_file(job_id: str) -> AnyResponse:
    """Download the figures of the tab as CSV that Excel reads as UTF-8, without formulas."""
    found, answer = _downloaded(job_id)
    return csv_file(file_lines(asdict(answer)), f"model-{found.id[:8]}.csv")


@blueprint.get("/jobs/<job_id>/classification.xlsx")
def classification_sheet(job_id: str) -> AnyResponse:
    """Download the figures of the tab as an Excel workbook."""
    found, answer = _downloaded(job_id)
    section = classification_section(asdict(answer), "Evaluation of a model")
    return workbook_file(section, f"model-{found.id[:8]}.xlsx")


def _downloaded(job_id: str) -> tuple[JobRecord, ClassificationAnswer]:
    found = caller().job(job_id)
    asked = _asked(_choices())
    if found.run_type != "sampling" or found.status != "completed" or asked is None:
        raise NotFound("The job has no sample, or truth and flag aren't named.")
    with caller().reading():
        answer = classification_of(service(), found, asked)
    audit_sample(found, "classification")
    return found, answer


def _choices() -> Values:
    """The choices of the URL that the page shows in a way of its own."""
    given = request.args
    return {
        "truth": given.get("truth") or None,
        "flagged": given.get("flagged") or None,
        "by": [name for name in given.getlist("by") if name],
        "amount": given.get("amount_column") or None,
        "filters": given.get("filters", "").strip(),
        **confidence_choice(given, ClassificationRequest.confidence),
    }


def _asked(chosen: Values) -> ClassificationRequest | None:
    """The choices as a request; None without truth or flag."""
    if chosen["truth"] is None or chosen["flagged"] is None:
        return None
    return ClassificationRequest(
        truth=chosen["truth"],
        flagged=chosen["flagged"],
        by=tuple(chosen["by"]),
        amount_column=chosen["amount"],
        filters={"expression": chosen["filters"]} if chosen["filters"] else None,
        confidence=chosen_level(chosen),
        **read_form(ClassificationRequest, request.args, only=("values", *TYPED)),
    )
