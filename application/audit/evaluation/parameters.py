"""The parameters of an evaluation: those given, signed off, or planned.

A sign-off keeps the parameters of the evaluation that was reviewed. They are the defaults of later
evaluations, and others are said to differ from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from contract.fields import DEFAULT_CONFIDENCE

from application.audit.evaluation.request import EvaluationRequest
from application.audit.kinds import (
    CONCLUSIONS,
    KINDS,
    PARAMETERS,
    Kind,
    continues_of,
    default_kind,
    is_in_sequence,
)
from application.audit.planned import errors_text, planned_goal, planned_tolerable
from parquet_tables.names import folded
from storage.audit.findings import Review, ReviewEntry
from storage.jobs.jobs import Job

NAMES = ("confidence", "tolerable", *PARAMETERS)


def request_of(job: Job, review: Review, given: Mapping[str, Any]) -> EvaluationRequest:
    """A request with the given parameters, and for others those signed off, or else planned.

    Signed parameters are taken by the same kind alone. The plan is of the kind that fits the
    sample; other kinds take its likelihood.
    """
    signed = signed_off(review)
    kept = signed.evaluation if signed else {}
    defaults = _planned(job, given.get("kind"))
    if kept and given.get("kind") in (None, kept["kind"]):
        defaults = {**kept, "tolerable": _decimal(kept["tolerable"])}
    chosen: dict[str, Any] = {
        name: defaults.get(name) if given.get(name) is None else given[name] for name in NAMES
    }
    confidence = chosen.pop("confidence") or DEFAULT_CONFIDENCE
    request = EvaluationRequest(given.get("kind") or defaults["kind"], confidence, **chosen)
    request.require_fitting_parameters()
    return request


def fitting_kind(job: Job) -> Kind:
    """The kind that fits a sample: `sequential` if it continues an examined one in its order."""
    continues = continues_of(job.output_summary)
    is_enlarged = continues is not None and not continues["is_repeat"] and continues["in_order"]
    if is_enlarged and is_in_sequence(job.run_parameters["rounds"]):
        return "sequential"
    return default_kind(job.run_parameters)


def _planned(job: Job, kind: Kind | None) -> dict[str, Any]:
    goal = planned_goal(job.run_parameters) or {}
    fitting = fitting_kind(job)
    kind = kind or fitting
    planned: dict[str, Any] = {"kind": kind}
    if kind == fitting and goal:
        planned |= {"confidence": goal.get("confidence"), "tolerable": planned_tolerable(job)}
    if "likelihood" in KINDS[kind].parameters:
        planned["likelihood"] = goal.get("likelihood")
    return planned


def signed_off(review: Review) -> ReviewEntry | None:
    """The sign-off in force, if it kept an evaluation."""
    if review.state != "signed_off" or not review.entries[-1].evaluation:
        return None
    return review.entries[-1]


def kept_evaluation(request: EvaluationRequest, found: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an evaluation that a sign-off stores, as JSON: parameters and conclusion."""
    tolerable = request.tolerable
    conclusion = found["conclusion"] or {}
    return {
        "kind": request.kind,
        "confidence": request.confidence,
        "tolerable": None if tolerable is None else f"{tolerable:f}",
        **{name: getattr(request, name) for name in PARAMETERS},
        "book_column": request.book_column and found.get("book_column", request.book_column),
        "decision": found.get("decision"),
        "is_tolerable": conclusion.get("is_tolerable"),
        "conclusion": conclusion.get("sentence"),
        "assurance": found["assurance"],
        "caveats": found["caveats"],
        "departure": found["departure"],
    }


def signed_json(
    review: Review, request: EvaluationRequest, conclusion: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """The sign-off in force, and where a request, or its conclusion, differs from what it kept."""
    signed = signed_off(review)
    if signed is None:
        return None
    return {
        "user_soeid": signed.user_soeid,
        "at": signed.at,
        "evaluation": signed.evaluation,
        "difference": _difference(_with_case(signed.evaluation, request), request)
        or _other_conclusion(signed.evaluation, conclusion),
    }


def _other_conclusion(kept: Mapping[str, Any], now: Mapping[str, Any] | None) -> str | None:
    """A sentence if the same request concludes otherwise than when it was signed off."""
    if now is None or kept.get("conclusion") is None:
        return None
    signed, concluded = kept["is_tolerable"], now["is_tolerable"]
    if signed == concluded:
        return None
    return (
        f"Signed off: {CONCLUSIONS[signed]}; by the present rules: {CONCLUSIONS[concluded]}. The "
        "findings are the same."
    )


def _with_case(kept: Mapping[str, Any], request: EvaluationRequest) -> Mapping[str, Any]:
    """What was kept, with the evaluated book column if the names differ in case alone."""
    before, now = kept.get("book_column"), request.book_column
    is_same = before and now and folded(before) == folded(now)
    return {**kept, "book_column": now} if is_same else kept


def _difference(kept: Mapping[str, Any], request: EvaluationRequest) -> str | None:
    """A sentence with the parameters that differ; None if all are those that were signed off."""
    signed, evaluated = [], []
    for name in ("kind", *NAMES):
        default = PARAMETERS[name].default if name in PARAMETERS else None
        before, now = kept.get(name) or default, getattr(request, name) or default
        if name == "tolerable":
            before = _decimal(before)
        if before != now:
            signed.append(_text(name, before))
            evaluated.append(_text(name, now))
    if not signed:
        return None
    return f"Signed off: {', '.join(signed)}; evaluated with: {', '.join(evaluated)}."


def parameters_text(kept: Mapping[str, Any]) -> str:
    """The parameters that a sign-off kept, in words.

    >>> parameters_text({"kind": "attributes", "confidence": 0.95, "tolerable": "0.05"})
    'share of exceptions, confidence 95 %, tolerable 5 %'
    >>> parameters_text({"kind": "variables", "tolerable": None, "book_column": "Net USD"})
    'misstatement by audit values, book values Net USD'
    """
    given = {**kept, "tolerable": _decimal(kept["tolerable"])}
    return ", ".join(
        _text(name, given[name]) for name in ("kind", *NAMES) if given.get(name) is not None
    )


def _text(name: str, value: Any) -> str:
    if name == "kind":
        kind: Kind = value
        return KINDS[kind].title.lower()
    if value is None:
        return f"{_title(name)} not given"
    if name == "confidence":
        return f"confidence {100 * value:g} %"
    if name == "tolerable":
        return f"tolerable {errors_text(value)}"
    choices = PARAMETERS[name].choices
    return f"{_title(name)} {choices[value].lower() if value in choices else value}"


def _title(name: str) -> str:
    return PARAMETERS[name].title.lower() if name in PARAMETERS else name


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
