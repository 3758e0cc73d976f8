"""Evaluate a sample by its findings; each kind is a module."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from application.audit.evaluation.answer import EvaluationAnswer
from application.audit.evaluation.by_programme import by_programme
from application.audit.evaluation.other_samples import (
    other_samples,
    require_allowed,
    with_other_samples,
)
from application.audit.evaluation.parameters import request_of, signed_evaluation
from application.audit.evaluation.request import (
    KIND_LOC,
    ExaminedSample,
    SettledEvaluation,
    with_own_columns,
)
from application.audit.evaluators import EVALUATORS
from application.audit.items import examined_items
from application.audit.planned import departure
from application.audit.state import audit_state
from application.identity.named_rows import rows_named
from application.reconciling import completeness_of
from application.samples.facts import excluded_text, test_filters
from domain_errors import FigureText, Sentence
from estimation_engine.errors import InvalidFindings
from sampling_engine import method_class, method_from_json
from sampling_engine.methods.monetary_unit.account import recorded_account
from service.sampling_parameters import is_from_draw
from service.service import Service
from service.tables.row_names import names_of_job
from service.tables.sample_design import DRAWN_AMOUNTS
from storage.jobs.jobs import JobRecord

__all__ = [
    "EvaluationAnswer",
    "SettledEvaluation",
    "drawable_rows",
    "evaluate",
    "examined_sample",
    "request_of",
]

SIGNS: Mapping[str, tuple[str, ...]] = {
    "positive": ("zero", "negative"),
    "negative": ("zero", "positive"),
    "absolute": ("zero",),
}
"""The signs of the amounts that a population of monetary units leaves out."""


def evaluate(
    service: Service,
    job: JobRecord,
    request: SettledEvaluation[Any],
    together: Collection[str] = (),
) -> EvaluationAnswer:
    """Evaluate a sample.

    Parameters
    ----------
    together : collection of str
        Jobs whose samples are evaluated with this one, as parts of one conclusion.

    Raises
    ------
    InvalidFindings
        Rows have no finding, or lack an audit value; the sample's method or a parameter doesn't fit
        the kind.
    """
    with rows_named(service, job):
        return _evaluate(service, job, request, together)


def _evaluate(
    service: Service, job: JobRecord, request: SettledEvaluation[Any], together: Collection[str]
) -> EvaluationAnswer:
    request = with_own_columns(service, job, request)
    sample = replace(examined_sample(service, job), is_part=bool(together))
    state = sample.state
    evaluator = EVALUATORS[request.kind]
    kind = evaluator.kind
    if sample.rule is not None and not (kind.applies_stages or kind.allows_looks):
        raise InvalidFindings(
            "The sample was planned in two stages, which an evaluation by {kind} would take as one "
            "sample. Evaluate it as `two_stage`, or as `sequential`, which is valid at any time.",
            kind=request.kind,
            loc=KIND_LOC,
        )
    others = other_samples(service, job, state, together)
    require_allowed(sample, others, kind)
    evaluated = with_other_samples(sample, others, kind, evaluator.evaluate(sample, request))
    if request.programme is not None:
        evaluated = by_programme(sample, request, evaluated)
    figures = {**evaluated.figures, "confidence": request.confidence}
    listed = evaluator.rows(figures)
    names = names_of_job(service, job, listed)
    return EvaluationAnswer(
        job_id=job.id,
        kind=request.kind,
        review_state=state.review.state,
        replaced=len(state.replacements),
        scope=sample.scope,
        signed=signed_evaluation(state.review, request, evaluated.conclusion),
        departure=departure(job.run_parameters, request.tolerable, kind, figures),
        other_samples=others.newest,
        other_samples_total=len(others.found),
        programme=evaluated.programme,
        assurance=evaluated.assurance,
        conclusion=evaluated.conclusion,
        notes=evaluated.notes,
        caveats=[*evaluated.caveats, *_population_caveats(sample)],
        attributes=evaluated.attributes,
        row_names={row_id: names.of(row_id) for row_id in listed if names.has(row_id)},
        figures=figures,
    )


def examined_sample(service: Service, job: JobRecord) -> ExaminedSample:
    """A sample with its findings.

    Raises
    ------
    InvalidFindings
        The sample has questions of its own.
    """
    state = audit_state(service, job)
    if state.questions.questions:
        raise InvalidFindings(
            "The sample has questions of its own, which no evaluation of an audit reads. Estimate "
            "figures of its answers with `values` answers."
        )
    return ExaminedSample(service, job, state, examined_items(service, job, state))


def _population_caveats(sample: ExaminedSample) -> list[str]:
    """Sentences on rows of the table, or of an earlier one, that could not be drawn, or differ.

    A filter isn't among them: the conclusion itself names it.
    """
    run = sample.job.run_parameters
    caveats = []
    if is_from_draw(sample.service, sample.job):
        caveats.append(
            Sentence(
                "The table is itself a sample or a residual. These figures are of its rows, and "
                "not of the table from which it was drawn."
            )
        )
    if (left_out := excluded_text(run)) is not None:
        caveats.append(Sentence("Left out of the population: {rows}.", rows=left_out))
    differs = completeness_of(sample.service, sample.job).caveat
    return [*caveats, *([differs] if differs else []), *_without_units(sample)]


def _without_units(sample: ExaminedSample) -> Iterator[str]:
    """The rows that have no amount, or one that the population leaves out; once each."""
    said = set()
    results = (sample.job.output_summary or {})["rounds"]
    for given, result in zip(sample.rounds, results, strict=True):
        if account := recorded_account(result):
            said.add(_amounts_left_out(account))
        elif method_class(given["method"]).favours == "weight":
            if method_from_json(given["method"], given["parameters"]).favoured_column is None:
                continue  # every row has a weight
            text = "Rows without a weight above 0 couldn't be drawn, and aren't covered."
            said.add(Sentence(text))
    yield from sorted(said - {""})


def drawable_rows(job: JobRecord, scope: str | None) -> str:
    """Which rows of its table a sample could draw: its filters, its amounts, and what it excluded.

    Parameters
    ----------
    scope : str, optional
        The filters of its rows, with audit tests.
    """
    left_out = job.run_parameters.get("excluded") or {}
    is_stated = test_filters(job.run_parameters) and not (
        left_out["job_ids"] or left_out.get("new_since")
    )
    excluded = None if is_stated else excluded_text(job.run_parameters)
    accounts = map(recorded_account, (job.output_summary or {})["rounds"])
    amounts = {each["population"]: None for each in accounts if each and _rows_left_out(each)}
    parts = [
        *([scope] if scope else []),
        *(Sentence(f"amounts {DRAWN_AMOUNTS[each]}") for each in amounts),
        *([Sentence("without {rows}", rows=excluded)] if excluded else []),
    ]
    return Sentence.joined(parts, ", ") if parts else Sentence("all")


def _rows_left_out(account: Mapping[str, Any]) -> int:
    parts = (account[sign]["rows"] for sign in SIGNS[account["population"]])
    return int(sum(parts) + account["missing_rows"])


def _amounts_left_out(account: Mapping[str, Any]) -> str:
    parts = [account[sign] for sign in SIGNS[account["population"]]]
    rows = _rows_left_out(account)
    if not rows:
        return ""
    total = sum((Decimal(part["total"]) for part in parts), Decimal(0))
    return Sentence(
        "Only rows with an amount {amounts} could be drawn. {rows} {rows|other row|other rows} "
        "with a sum of {total} {rows|isn't|aren't} covered.",
        amounts=Sentence(DRAWN_AMOUNTS[account["population"]]),
        rows=rows,
        total=FigureText(f"{total:,f}"),
    )
