"""The parameters of an evaluation: those given, signed off, or planned.

A sign-off keeps the parameters of the evaluation that was reviewed. They are the defaults of later
evaluations, and others are said to differ from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

from application.audit.evaluation.answer import EvaluationAnswer, SignedEvaluation
from application.audit.evaluation.request import SettledEvaluation
from application.audit.evaluators import EVALUATORS, fitting_evaluator
from application.audit.evaluators.evaluator import DrawnAs
from application.audit.fitting import is_in_sequence, selects_money
from application.audit.planned import errors_text, goal_confidence, planned_goal, planned_tolerable
from application.audit.programmes.applied import AppliedProgramme, applied, check_level
from application.audit.programmes.catalogue import Library, library_of
from application.audit.programmes.reading import RULED, tolerable_of
from application.audit.sentences import CONCLUSIONS, continues_of
from contract.fields import Choice
from contract.numbers import percent_digits
from contract.requests.evaluate import KINDS, EvaluationRequest, evaluation_parameters
from domain_errors import FigureText, Sentence
from estimation_engine.audit import Conclusion
from estimation_engine.errors import InvalidFindings
from parquet_tables.names import folded
from sampling_engine import method_class
from service.service import Service
from storage.audit.findings import Review, ReviewEntry
from storage.jobs.jobs import JobRecord


def _names() -> tuple[str, ...]:
    """The parameters of an evaluation besides its kind."""
    return ("confidence", "tolerable", *(each.name for each in evaluation_parameters()))


def request_of(
    service: Service, job: JobRecord, review: Review, given: EvaluationRequest
) -> SettledEvaluation[Any]:
    """A request with the given parameters, and for others those signed off, or else planned.

    Signed parameters are taken by the same kind alone. The plan is of the kind that fits the
    sample; other kinds take its likelihood. A programme's parameters are before those of the plan,
    and those that its rule sets can't be others.
    """
    signed = signed_off(review)
    kept = signed.evaluation if signed else {}
    body, library = given.given(), library_of(service.settings)
    of_signed = _kept_programme(kept, library)
    is_kept = given.kind in (None, kept.get("kind"))
    name = body.get("programme", of_signed if is_kept else "")
    is_kept = bool(kept) and is_kept and name == of_signed
    estimator = body.get("estimator", kept.get("estimator") if is_kept else None)
    chosen = applied(library, name, job, given.kind, estimator) if name else None
    kind = given.kind if chosen is None else chosen.rule.kind
    defaults = _planned(job, kind) | ({} if chosen is None else _of_programme(job, chosen))
    if is_kept:
        defaults = {**kept, "tolerable": _decimal(kept["tolerable"])}
    own = {} if chosen is None else _ruled(chosen, body)
    values: dict[str, Any] = {
        each: own.get(each, body.get(each, defaults.get(each))) for each in _names()
    }
    values["confidence"] = goal_confidence(values)
    if chosen is not None:
        check_level(chosen.programme, values["confidence"], ("body", "confidence"))
    settled = SettledEvaluation.of(kind or defaults["kind"], **values)
    return settled if chosen is None else replace(settled, programme=chosen)


def _kept_programme(kept: Mapping[str, Any], library: Library) -> str:
    """The programme of a sign-off, if there still is one of its name."""
    name: str = kept.get("programme", {}).get("name", "")
    return name if library.find(name) else ""


def _of_programme(job: JobRecord, chosen: AppliedProgramme) -> dict[str, Any]:
    """The defaults of a programme; what is tolerable by the plan stays."""
    rule, file = chosen.rule, chosen.programme.file
    planned = _planned(job, rule.kind).get("tolerable")
    return {
        "kind": rule.kind,
        "confidence": rule.confidence or file.confidence,
        "tolerable": planned or tolerable_of(chosen.programme),
    }


def _ruled(chosen: AppliedProgramme, body: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a programme's rule sets; a request can't have others."""
    own = {name: value for name in RULED if (value := getattr(chosen.rule, name)) is not None}
    for name, value in own.items():
        if body.get(name, value) != value:
            raise InvalidFindings(
                "The programme {name} sets `{parameter}` to {value}.",
                name=chosen.programme.name,
                parameter=name,
                value=value,
                loc=("body", name),
            )
    return own


def fitting_kind(job: JobRecord) -> str:
    """The kind that fits a sample, by its plan, its method, and an examined sample before it."""
    return fitting_evaluator(_drawn_as(job)).kind.name


def misfits(job: JobRecord) -> dict[str, str]:
    """Why a sample can't have each kind; empty for those that it can have."""
    drawn = _drawn_as(job)
    return {name: each.misfit(drawn) for name, each in EVALUATORS.items()}


def kinds_of_rates(job: JobRecord) -> list[str]:
    """The kinds by which a share of a sample's rows is tolerable, and not an amount."""
    drawn = _drawn_as(job)
    return [name for name, each in EVALUATORS.items() if each.tolerates_rate(drawn)]


def _drawn_as(job: JobRecord) -> DrawnAs:
    rounds, continues = job.run_parameters["rounds"], continues_of(job.output_summary)
    is_enlarged = continues is not None and not continues["is_repeat"] and continues["in_order"]
    names = dict.fromkeys(each["method"] for each in rounds)
    has_sequence = is_in_sequence(rounds)
    return DrawnAs(
        methods=" and ".join(name.replace("_", " ") for name in names),
        is_money=selects_money(rounds),
        has_equal_chances=all(method_class(name).equal_chances for name in names),
        has_sequence=has_sequence,
        has_stages=len(rounds) == 1 and "accept" in (rounds[0].get("goal") or {}),
        is_enlarged=bool(is_enlarged) and has_sequence,
    )


OF_PROGRAMME = Sentence("programme")
"""The title of the programme in lists of parameters."""
SEQUENTIAL = "sequential"
"""Tolerates the same share of rows, or of money, as the kind that a plan is for."""


def _planned(job: JobRecord, kind: str | None) -> dict[str, Any]:
    goal = planned_goal(job.run_parameters) or {}
    fitting = fitting_kind(job)
    kind = kind or fitting
    planned: dict[str, Any] = {"kind": kind}
    if kind in (fitting, SEQUENTIAL) and goal:
        planned |= {"confidence": goal.get("confidence"), "tolerable": planned_tolerable(job)}
    if "likelihood" in KINDS[kind].names:
        planned["likelihood"] = goal.get("likelihood")
    return planned


def signed_off(review: Review) -> ReviewEntry | None:
    """The sign-off in force, if it kept an evaluation."""
    signed = review.sign_off
    return signed if signed is not None and signed.evaluation else None


def kept_evaluation(request: SettledEvaluation[Any], found: EvaluationAnswer) -> dict[str, Any]:
    """The part of an evaluation that a sign-off stores, as JSON: parameters and conclusion."""
    tolerable, book = request.tolerable, request.value_of("book_column")
    conclusion = found.conclusion
    return {
        "kind": request.kind,
        "confidence": request.confidence,
        "tolerable": None if tolerable is None else f"{tolerable:f}",
        **{name: request.value_of(name) for name in _names()[2:]},
        "book_column": book and found.figures.get("book_column", book),
        "decision": found.figures.get("decision"),
        "is_tolerable": conclusion and conclusion.is_tolerable,
        "conclusion": conclusion and conclusion.sentence,
        "assurance": asdict(found.assurance),
        "caveats": found.caveats,
        "departure": found.departure,
        **({} if request.programme is None else {"programme": _kept(request.programme, found)}),
    }


def _kept(chosen: AppliedProgramme, found: EvaluationAnswer) -> dict[str, Any]:
    """What a sign-off keeps of a programme: its file, and what follows from its rule."""
    return {**chosen.identity, "verdict": found.programme and found.programme.verdict}


def signed_evaluation(
    review: Review, request: SettledEvaluation[Any], conclusion: Conclusion | None
) -> SignedEvaluation | None:
    """The sign-off in force, and where a request, or its conclusion, differs from what it kept."""
    signed = signed_off(review)
    if signed is None:
        return None
    kept = signed.evaluation
    difference = _difference(_with_case(kept, request), request) or _changed_file(kept, request)
    return SignedEvaluation(
        signed.user_soeid, signed.at, kept, difference or _other_conclusion(kept, conclusion)
    )


def _changed_file(kept: Mapping[str, Any], request: SettledEvaluation[Any]) -> str | None:
    """A sentence if the programme's file isn't the one that was signed off."""
    if request.programme is None:
        return None
    before, now = kept["programme"], request.programme.identity
    if before["sha256"] == now["sha256"]:
        return None
    return Sentence(
        "Signed off by another version of the programme {name}: its file has the SHA-256 {now}, "
        "and had {before}.",
        name=now["name"],
        now=now["sha256"][:12],
        before=before["sha256"][:12],
    )


def _other_conclusion(kept: Mapping[str, Any], now: Conclusion | None) -> str | None:
    """A sentence if the same request concludes otherwise than when it was signed off."""
    if now is None or kept.get("conclusion") is None:
        return None
    signed, concluded = kept["is_tolerable"], now.is_tolerable
    if signed == concluded:
        return None
    return Sentence(
        "Signed off: {signed}; by the present rules: {concluded}. The findings are the same.",
        signed=Sentence(CONCLUSIONS[signed]),
        concluded=Sentence(CONCLUSIONS[concluded]),
    )


def _with_case(kept: Mapping[str, Any], request: SettledEvaluation[Any]) -> Mapping[str, Any]:
    """What was kept, with the evaluated book column if the names differ in case alone."""
    before, now = kept.get("book_column"), request.value_of("book_column")
    is_same = before and now and folded(before) == folded(now)
    return {**kept, "book_column": now} if is_same else kept


def _difference(kept: Mapping[str, Any], request: SettledEvaluation[Any]) -> str | None:
    """A sentence with the parameters that differ; None if all are those that were signed off."""
    signed, evaluated = [], []
    usual = {
        each.name: each.kind.usual
        for each in evaluation_parameters()
        if isinstance(each.kind, Choice)
    }
    for name in ("kind", *_names()):
        default = usual.get(name)
        before, now = kept.get(name) or default, request.value_of(name) or default
        if name == "tolerable":
            before = _decimal(before)
        if before != now:
            signed.append(_text(name, before))
            evaluated.append(_text(name, now))
    named = [
        kept.get("programme", {}).get("name"),
        request.programme and request.programme.programme.name,
    ]
    if named[0] != named[1]:
        signed.append(_text("programme", named[0]))
        evaluated.append(_text("programme", named[1]))
    if not signed:
        return None
    return Sentence(
        "Signed off: {signed}; evaluated with: {evaluated}.",
        signed=Sentence.joined(signed, ", "),
        evaluated=Sentence.joined(evaluated, ", "),
    )


def parameters_text(kept: Mapping[str, Any]) -> str:
    """The parameters that a sign-off kept, in words.

    >>> parameters_text({"kind": "attributes", "confidence": 0.95, "tolerable": "0.05"})
    'share of exceptions, confidence 95 %, tolerable 5 %'
    >>> parameters_text({"kind": "variables", "tolerable": None, "book_column": "Net USD"})
    'misstatement by audit values, book values Net USD'
    """
    given = {**kept, "tolerable": _decimal(kept["tolerable"])}
    texts = [
        _text(name, given[name]) for name in ("kind", *_names()) if given.get(name) is not None
    ]
    if kept.get("programme"):
        texts.append(_text("programme", kept["programme"]["name"]))
    return Sentence.joined(texts, ", ")


def _text(name: str, value: Any) -> str:
    if name == "kind":
        return Sentence(KINDS[value].title.lower())
    own = next((each for each in evaluation_parameters() if each.name == name), None)
    title = OF_PROGRAMME if own is None else own.title.lower()
    if value is None:
        return Sentence("{title} not given", title=Sentence(title))
    if name == "confidence":
        return Sentence(
            "confidence {level}", level=FigureText(f"{percent_digits(round(value, 8))} %")
        )
    if name == "tolerable":
        return Sentence("tolerable {errors}", errors=FigureText(errors_text(value)))
    titles = own.kind.titles if own is not None and isinstance(own.kind, Choice) else {}
    shown = Sentence(titles[value].lower()) if value in titles else value
    if name == "sides":
        return shown
    return Sentence("{title} {value}", title=Sentence(title), value=shown)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
