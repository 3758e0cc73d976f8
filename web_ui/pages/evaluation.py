"""The tab "Evaluation" of a sample: figures, arithmetic and conclusion from its findings."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from flask import request

from application.audit.evaluation import evaluate, request_of
from application.audit.evaluation.parameters import (
    fitting_kind,
    kinds_of_rates,
    misfits,
    parameters_text,
    signed_off,
)
from application.audit.evaluators import EVALUATORS
from application.audit.evaluators.evaluator import is_calculated, programme_page
from application.audit.items import book_column_of
from application.audit.planned import errors_text, goal_confidence, planned_goal, planned_tolerable
from application.audit.programmes.catalogue import library_of
from application.audit.sentences import (
    ASSURANCES,
    other_samples_tables,
    programme_facts,
    verdict_of,
)
from application.audit.working_paper.writing import paper_language
from application.estimation.value_sources import estimated_columns
from contract.declarations import declared
from contract.fields import DEFAULT_CONFIDENCE, USUAL_CONFIDENCES, Choice
from contract.numbers import TwoReadings, errors_of, plain_text
from contract.requests.evaluate import KINDS, EvaluationRequest
from contract.words import LANGUAGES, LIKELIHOODS
from domain_errors import DomainError, InvalidRequest
from service.tables.open_tables import open_source
from service.tables.sample_design import design_of
from storage.audit.findings import Review, conclusion_of, review_of
from storage.jobs.jobs import JobRecord
from web_ui.contract_forms import FormField, form_fields
from web_ui.job_texts import problem_text
from web_ui.numbers import chosen_level, confidence_choice
from web_ui.pages.request_code import code_at
from web_ui.shell import audit_sample, caller, service

Values = dict[str, Any]

BOOK, SCORE = "book_column", "score_column"
OF_MEANS = "mean_per_unit"
BY_ITSELF = ("kind", "confidence", "tolerable", "programme")
OF_AMOUNTS = (BOOK, SCORE)
"""Parameters that a kind takes where it tolerates an amount, but not a share of rows."""


def evaluation_tab(found: JobRecord) -> Values:
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
        "is_first": not request.args.get("kind"),
        "sign_off": {f"evaluation.{name}": value for name, value in _body(chosen).items()},
        "chosen": chosen,
        "programmes": {
            each.name: each.file.title for each in library_of(service().settings).programmes
        },
        "kinds": KINDS,
        "misfits": misfits(found),
        "kinds_of_rates": kinds_of_rates(found),
        "fields": _fields(found, chosen),
        "confidences": USUAL_CONFIDENCES,
        "paper_query": _paper_query(chosen),
        "languages": LANGUAGES,
        "language": paper_language(service(), found, None),
        "assurances": ASSURANCES,
    }
    if chosen["problem"]:
        return {**values, "problem": chosen["problem"]}
    values["hint"] = _missing(found, chosen)
    if values["hint"]:
        return values
    try:
        with caller().reading():
            wanted = request_of(service(), found, review, _request(chosen))
            answer = evaluate(service(), found, wanted).as_json()
        audit_sample(found, "evaluation")
    except DomainError as error:
        by_means = error.loc[-1:] == ("estimator",) and {**_body(chosen), "estimator": OF_MEANS}
        return {
            **values,
            "problem": problem_text(error),
            "by_means": by_means and urlencode({"tab": "evaluation", **by_means}),
        }
    return {
        **values,
        **code_at(f"/api/sampling/jobs/{found.id}/evaluation", _body(chosen)),
        "answer": answer,
        "other_samples": other_samples_tables(answer),
        "programme_facts": programme_facts(answer),
        "verdict": verdict_of(answer),
        "by_programme": is_calculated(answer) and programme_page(answer, chosen["share"]),
        "page": EVALUATORS[answer["kind"]].page(answer, chosen["share"]),
    }


def _missing(found: JobRecord, chosen: Values) -> str:
    """What the form still needs, if anything."""
    kind, parameters = KINDS[chosen["kind"]], chosen["parameters"]
    is_rate = kind.name in kinds_of_rates(found)
    if kind.allows_looks and chosen["share"] is None:
        if is_rate:
            return "Enter the tolerable rate of deviation, such as 5 %."
        return "Enter the tolerable misstatement, such as 50,000 or 5 %."
    if (
        BOOK in kind.names
        and not is_rate
        and not (parameters.get(BOOK) or book_column_of(service(), found))
    ):
        return "Choose the column of book values."
    return ""


def _request(chosen: Values) -> EvaluationRequest:
    """The choices as a request."""
    return EvaluationRequest(
        kind=chosen["kind"],
        confidence=chosen["level"],
        tolerable=chosen["share"],
        parameters=chosen["parameters"],
        programme=chosen["programme"],
    )


def _body(chosen: Values) -> Values:
    """The choices as the body of a request."""
    body = _request(chosen).given()
    return body | ({} if chosen["share"] is None else {"tolerable": float(chosen["share"])})


def _fields(found: JobRecord, chosen: Values) -> list[FormField]:
    """The parameters of the form; names of columns are chosen."""
    numbers = [each.name for each in estimated_columns(service(), found) if each.is_number]
    columns = {"": "Choose a column", **dict(zip(numbers, numbers, strict=True))}
    drawn = {BOOK: book_column_of(service(), found) or ""}
    rates = kinds_of_rates(found)
    hidden = () if _has_lonely_groups(found) else ("lonely_stratum",)
    fields = form_fields(EvaluationRequest, chosen["parameters"], (*BY_ITSELF, *hidden))
    planned = (planned_goal(found.run_parameters) or {}).get("likelihood")
    usual = {"": f"As planned: {LIKELIHOODS[planned]}" if planned else "Usual for the evaluation"}
    return [
        replace(field, choices={**field.choices, **usual})
        if field.name == "likelihood"
        else field
        if field.choices
        else replace(
            field,
            choices={**columns, "": "None"} if field.name == SCORE else columns,
            value=field.value or drawn.get(field.name, ""),
            only_with=" ".join(name for name in field.only_with.split() if name not in rates),
        )
        for field in fields
        if field.name not in OF_AMOUNTS or set(field.only_with.split()) - set(rates)
    ]


def _has_lonely_groups(found: JobRecord) -> bool:
    """Whether a group of several rows has one drawn row."""
    with suppress(DomainError):
        return bool(design_of(service(), found, open_source(service(), found)).design.lonely.any())
    return False


def _parameters(kind: str, signed: Mapping[str, Any], *, is_rate: bool) -> Values:
    """The parameters that the kind takes for such a sample: of the URL, or signed off."""
    given = {
        each.name: (each.kind, request.args.get(each.name, signed.get(each.name)))
        for each in declared(KINDS[kind].parameters)
    }
    return {
        name: value
        for name, (own, value) in given.items()
        if value
        and not (is_rate and name in OF_AMOUNTS)
        and (not isinstance(own, Choice) or value in own.titles)
    }


def _chosen(found: JobRecord, review: Review) -> Values:
    kept = signed_off(review)
    signed = kept.evaluation if kept else {}
    own = request.args.get("programme", signed.get("programme", {}).get("name"))
    if own and not request.args.get("kind"):
        return _by_programme(found, review, own)
    kind = request.args.get("kind", signed.get("kind", ""))
    is_signed = bool(signed) and kind == signed["kind"]
    tolerable, confidence = _signed(signed) if is_signed else _planned(found, kind)
    typed = request.args.get("tolerable", tolerable).strip()[:60]
    chosen: Values = {
        "kind": kind if kind in KINDS else fitting_kind(found),
        **confidence_choice(request.args, confidence),
        "tolerable": typed,
        "share": None,
        "problem": None,
        "programme": own or (own if signed.get("programme") else None),
    }
    chosen["parameters"] = _parameters(
        chosen["kind"],
        signed if is_signed else {},
        is_rate=chosen["kind"] in kinds_of_rates(found),
    )
    try:
        chosen["level"] = chosen_level(chosen)
        chosen["share"] = tolerable_of(typed) if typed else None
    except InvalidRequest as error:
        chosen["problem"] = problem_text(error)
    return chosen


def _by_programme(found: JobRecord, review: Review, name: str) -> Values:
    """The choices of a programme's rules, or of its sign-off."""
    try:
        settled = request_of(service(), found, review, EvaluationRequest(programme=name))
    except DomainError as error:
        plain = {"kind": fitting_kind(found), **confidence_choice({}, DEFAULT_CONFIDENCE)}
        plain |= {"tolerable": "", "share": None, "parameters": {}, "programme": name}
        return {**plain, "problem": problem_text(error)}
    names = [each.name for each in declared(KINDS[settled.kind].parameters)]
    values = {each: value for each in names if (value := settled.value_of(each)) is not None}
    return {
        "kind": settled.kind,
        **confidence_choice({}, settled.confidence),
        "tolerable": "" if settled.tolerable is None else errors_text(settled.tolerable),
        "share": settled.tolerable,
        "problem": None,
        "parameters": values,
        "programme": name,
    }


def _signed(kept: Mapping[str, Any]) -> tuple[str, float]:
    """What is tolerable, and the confidence, first in a signed evaluation's form."""
    tolerable = "" if kept["tolerable"] is None else errors_text(Decimal(kept["tolerable"]))
    return tolerable, kept["confidence"]


def _planned(found: JobRecord, kind: str) -> tuple[str, float]:
    """The same of the recorded plan, if it is for this kind of evaluation."""
    goal, fitting = planned_goal(found.run_parameters), fitting_kind(found)
    if goal is None or kind not in ("", fitting):
        return "", DEFAULT_CONFIDENCE
    tolerable = planned_tolerable(found) or Decimal(0)
    return errors_text(round(tolerable, 8)), goal_confidence(goal)


def _paper_query(chosen: Values) -> Values:
    """The choices as the query of a working paper."""
    query = _request(chosen).given()
    if chosen["share"] is not None:
        query["tolerable"] = plain_text(chosen["share"])
    return query


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
