"""The tab "Evaluation" of a sample: figures, arithmetic and conclusion from its findings."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import ceil, log10
from typing import Any
from urllib.parse import urlencode

from flask import request
from markupsafe import Markup

from application.access import RowSource
from application.audit.evaluation import evaluate, request_of
from application.audit.evaluation.parameters import fitting_kind, parameters_text, signed_off
from application.audit.items import drawn_book_column
from application.audit.kinds import (
    ASSURANCES,
    BREAKDOWN,
    KINDS,
    OTHER_SAMPLES,
    PARAMETERS,
    amount_of,
    other_samples_lines,
    verdict_of,
)
from application.audit.planned import errors_text, planned_goal, planned_tolerable
from application.audit.review import is_preparer
from application.estimation.confidence_levels import DEFAULT_CONFIDENCE, USUAL_CONFIDENCES, level_of
from application.estimation.sample_columns import estimated_columns
from contract.numbers import TwoReadings, errors_of, plain_text
from domain_errors import DomainError, InvalidRequest
from service.tables.open_tables import SAMPLE, output_of
from storage.audit.findings import Review, conclusion_of, review_of
from storage.jobs.jobs import Job
from web_ui.charts.evaluations import Bar, Curve, boundary_picture, limit_bars
from web_ui.job_texts import problem_text
from web_ui.numbers import confidence_choice, decimal_text, percent_digits
from web_ui.pages.request_code import code_at
from web_ui.shell import caller, service

Values = dict[str, Any]

MAX_POWER = 6
"""The highest power of ten of M in the picture."""


def evaluation_tab(found: Job) -> Values:
    """Evaluate what the URL asks for."""
    with service().database.read() as tx:
        review = review_of(tx, found.id)
    chosen = _chosen(found, review)
    signed = signed_off(review)
    with service().database.read() as tx:
        written = conclusion_of(tx, found.id)
    values: Values = {
        "written": written,
        "review": review,
        "signed": signed,
        "signed_text": parameters_text(signed.evaluation) if signed else None,
        "signed_verdict": verdict_of(signed.evaluation) if signed else "",
        "may_sign_off": review.state == "submitted" and not is_preparer(caller(), found),
        "is_first": not request.args.get("kind"),
        "sign_off": {f"evaluation.{name}": value for name, value in _body(chosen).items()},
        "chosen": chosen,
        "kinds": KINDS,
        "fields": _fields(found, chosen),
        "confidences": USUAL_CONFIDENCES,
        "estimators": PARAMETERS["estimator"].choices,
        "paper_query": _paper_query(chosen),
        "assurances": ASSURANCES,
    }
    if chosen["problem"]:
        return {**values, "problem": chosen["problem"]}
    if chosen["kind"] == "sequential" and chosen["share"] is None:
        return values
    try:
        with caller().reading():
            wanted = request_of(found, review, _request(chosen))
            answer = evaluate(service(), found, wanted)
        caller().audit_view(
            RowSource(found.dataset_id, output_of(found), SAMPLE, found.id), "evaluation"
        )
    except DomainError as error:
        return {**values, "problem": problem_text(error)}
    return {
        **values,
        **_code(found, chosen),
        "answer": answer,
        "other_columns": OTHER_SAMPLES,
        "other_lines": other_samples_lines(answer),
        "verdict": verdict_of(answer),
        "pictures": _pictures(answer, _bound(answer, chosen["share"])),
    }


def _request(chosen: Values) -> Values:
    """The choices as the fields of a request."""
    return {
        "kind": chosen["kind"],
        "confidence": chosen["level"],
        "tolerable": chosen["share"],
        **chosen["parameters"],
    }


def _body(chosen: Values) -> Values:
    """The choices as the body of a request."""
    body = {name: value for name, value in _request(chosen).items() if value is not None}
    if chosen["share"] is not None:
        body["tolerable"] = float(chosen["share"])
    return body


def _code(found: Job, chosen: Values) -> Values:
    """The request of the choices as code."""
    body = _body(chosen)
    code = code_at(f"/api/sampling/jobs/{found.id}/evaluation", body)
    return {"code": code, "request_body": body}


def _fields(found: Job, chosen: Values) -> list[Values]:
    """The parameters of the form, each with the kinds that it is for."""
    numbers = [each["name"] for each in estimated_columns(service(), found) if each["is_number"]]
    columns = {"": "Choose a column", **dict(zip(numbers, numbers, strict=True))}
    strata = any(each["method"] == "stratified" for each in found.run_parameters["rounds"])
    return [
        {
            "name": name,
            "title": each.title,
            "choices": {"": "Default", **each.choices}
            if name == "likelihood"
            else each.choices or columns,
            "chosen": chosen["parameters"].get(name)
            or (drawn_book_column(found) if name == "book_column" else None),
            "kinds": " ".join(key for key, kind in KINDS.items() if name in kind.parameters),
        }
        for name, each in PARAMETERS.items()
        if strata or name != "lonely_stratum"
    ]


def _parameters(kind: str, signed: Mapping[str, Any]) -> Values:
    """The parameters that the kind takes: of the URL, or signed off."""
    names = KINDS[kind].parameters  # type: ignore[index]
    given = {name: request.args.get(name, signed.get(name)) for name in names}
    return {
        name: value
        for name, value in given.items()
        if value and (not PARAMETERS[name].choices or value in PARAMETERS[name].choices)
    }


def _chosen(found: Job, review: Review) -> Values:
    kept = signed_off(review)
    signed = kept.evaluation if kept else {}
    kind = request.args.get("kind", signed.get("kind", ""))
    is_signed = bool(signed) and kind == signed["kind"]
    planned = _signed(signed) if is_signed else _planned(found, kind)
    confidence = request.args.get("confidence", "").strip() or planned["confidence"]
    typed = request.args.get("tolerable", planned["tolerable"]).strip()[:60]
    chosen: Values = {
        "kind": kind if kind in KINDS else fitting_kind(found),
        **confidence_choice(confidence),
        "tolerable": typed,
        "share": None,
        "problem": None,
    }
    chosen["parameters"] = _parameters(chosen["kind"], signed if is_signed else {})
    try:
        level_of(confidence)
        chosen["share"] = tolerable_of(typed) if typed else None
    except InvalidRequest as error:
        chosen["problem"] = problem_text(error)
    return chosen


def _signed(kept: Mapping[str, Any]) -> dict[str, str]:
    """The first values of a signed evaluation's form."""
    tolerable = "" if kept["tolerable"] is None else errors_text(Decimal(kept["tolerable"]))
    return {"tolerable": tolerable, "confidence": f"{percent_digits(kept['confidence'])} %"}


def _planned(found: Job, kind: str) -> dict[str, str]:
    """The first values of the form: the recorded plan, if it is for this kind of evaluation."""
    goal, fitting = planned_goal(found.run_parameters), fitting_kind(found)
    if goal is None or kind not in ("", fitting):
        return {"tolerable": "", "confidence": f"{percent_digits(DEFAULT_CONFIDENCE)} %"}
    confidence = f"{percent_digits(goal.get('confidence', DEFAULT_CONFIDENCE))} %"
    tolerable = planned_tolerable(found) or Decimal(0)
    return {"tolerable": errors_text(round(tolerable, 8)), "confidence": confidence}


def _paper_query(chosen: Values) -> str:
    query = {name: value for name, value in _request(chosen).items() if value is not None}
    if chosen["share"] is not None:
        query["tolerable"] = plain_text(chosen["share"])
    return urlencode(query)


def tolerable_of(typed: str) -> Decimal:
    """A tolerable share or amount from its text.

    >>> tolerable_of("5 %"), tolerable_of("50,000")
    (Decimal('0.05'), Decimal('50000'))
    """
    try:
        value = errors_of(typed)
    except TwoReadings:
        raise
    except InvalidRequest:
        value = Decimal(0)
    if value <= 0:
        raise InvalidRequest(
            "{typed} isn’t a tolerable amount or share, such as 50,000 or 5 %.", typed=typed
        )
    return value


def percent(share: float) -> str:
    """A share as a percentage with two places."""
    return f"{100 * share:.2f} %"


def _bound(answer: Values, share: Decimal | None) -> Bar | None:
    """The tolerable amount where amounts are evaluated, else the tolerable share."""
    if share is None:
        return None
    amount = answer.get("tolerable")
    if isinstance(amount, str):
        return Bar("Tolerable", float(amount), decimal_text(amount), "population")
    return Bar("Tolerable", float(share), percent(float(share)), "population")


def _pictures(answer: Values, tolerable: Bar | None) -> dict[str, Markup]:
    match answer["kind"]:
        case "monetary_unit":
            return {
                each: limit_bars(
                    [
                        Bar(title, float(amount), decimal_text(amount))
                        for title, amount in _summands(answer[each])
                    ],
                    tolerable,
                )
                for each in ("overstatement", "understatement")
            }
        case "sequential":
            boundary = _martingale if answer["measure"] == "amount" else _boundary
            return {"boundary": boundary(answer)}
        case "variables":
            return {"limits": _misstatement_bars(answer, tolerable)}
        case _:
            figures = {
                "Lower limit": answer.get("lower_limit"),
                "Most likely share": answer["share"],
                "Upper limit": answer["upper_limit"],
            }
            bars = [
                Bar(title, share, percent(share))
                for title, share in figures.items()
                if share is not None
            ]
            return {"limits": limit_bars(bars, tolerable)}


def _summands(direction: Values) -> list[tuple[str, str]]:
    """The summands of the upper limit, and the limit."""
    return [(title, amount_of(direction, name)) for name, title in BREAKDOWN.items()]


def _misstatement_bars(answer: Values, tolerable: Bar | None) -> Markup:
    """The figures of net misstatement, and of each direction if they net to it."""
    figures = {
        "Projected misstatement": answer["projected"],
        "Upper limit": answer["upper_limit"],
    }
    if answer["direction_estimator"] == answer["estimator"]:
        alone = {
            "Overstatements": answer["overstatement"]["projected"],
            "Understatements": answer["understatement"]["projected"],
        }
        figures = {**alone, "Net misstatement": answer["projected"], **figures}
        del figures["Projected misstatement"]
    if answer["sides"] == "two":
        figures["Lower limit"] = answer["lower_limit"]
    bars = [Bar(title, float(text), decimal_text(text)) for title, text in figures.items()]
    return limit_bars(bars, tolerable)


def _martingale(answer: Values) -> Markup:
    """M by examined rows, as powers of ten, with the line at which errors are tolerable."""
    threshold = log10(answer["threshold"])
    found = [
        (size, max(log10(value), 0.0) if value > 0 else 0.0)
        for size, value in enumerate(answer["statistics_by_size"], start=1)
    ]
    label = (
        f"M by examined rows: {answer['statistic']:.3g} after {answer['examined']}; "
        f"{answer['conclusion']['sentence']}"
    )
    last = answer["drawn"]
    curves = [
        Curve("accept", [(0, threshold), (last, threshold)]),
        Curve("found", [(0, 0.0), *found]),
    ]
    highest = min(max(value for _, value in found), MAX_POWER)
    ticks = [(float(power), f"{10**power:,}") for power in range(ceil(max(highest, threshold)) + 1)]
    axis = ("M", "Rows examined, in the order of the draw")
    return boundary_picture(label, curves, last, axis, ticks)


def _boundary(answer: Values) -> Markup:
    boundary = answer["boundary"]
    sizes = boundary["sizes"]
    found = list(enumerate(answer["exceptions_by_size"], start=1))
    top = max(5, answer["exceptions"] + 2, *boundary["accept"])
    accept = [
        (size, None if count < 0 else float(count))
        for size, count in zip(sizes, boundary["accept"], strict=True)
    ]
    reject = [
        (size, None if count > min(size, top) else float(count))
        for size, count in zip(sizes, boundary["reject"], strict=True)
    ]
    label = (
        f"Exceptions by examined rows: {answer['exceptions']} of {answer['examined']}; "
        f"{answer['conclusion']['sentence']}"
    )
    curves = [Curve("accept", accept), Curve("reject", reject), Curve("found", [(0, 0.0), *found])]
    return boundary_picture(
        label,
        curves,
        answer["drawn"],
        ("Exceptions", "Rows examined, in the order of the draw"),
        [(0, "0"), (top, f"{top:,}")],
    )
