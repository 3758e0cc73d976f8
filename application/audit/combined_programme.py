"""Concludes on several samples together by an audit programme's formula of periods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from application.audit.evaluation import SettledEvaluation, examined_sample
from application.audit.evaluation.by_programme import (
    ByProgramme,
    OfKind,
    calculated,
    require_units,
)
from application.audit.evaluation.programme_inputs import examined_units, inputs_of_sample
from application.audit.evaluation.request import with_own_columns
from application.audit.programmes.applied import LOC, AppliedProgramme, applied, check_level
from application.audit.programmes.catalogue import library_of
from application.audit.programmes.reading import tolerable_of
from application.identity.named_rows import rows_named
from contract.answers import AtConfidence
from contract.fields import DEFAULT_CONFIDENCE
from contract.requests.evaluate import CombinedEvaluationRequest
from domain_errors import DomainError, Sentence
from estimation_engine.audit.calculations import CALCULATIONS
from estimation_engine.errors import InvalidFindings
from lazy_dataclasses import dataclass
from service.service import Service
from storage.jobs.jobs import JobRecord


@dataclass(frozen=True, kw_only=True)
class SettledTogether(AtConfidence):
    """A request with its defaults, and the rule of its programme."""

    request: CombinedEvaluationRequest
    programme: AppliedProgramme | None


def settled_together(
    service: Service, jobs: Sequence[JobRecord], given: CombinedEvaluationRequest
) -> SettledTogether:
    """A request with what its programme sets: kind, estimator, confidence and what is tolerable.

    Raises
    ------
    UnknownProgramme, InvalidFindings
        There is no such programme, it has no evaluation of several such samples, or not at this
        confidence.
    """
    if not given.programme:
        return SettledTogether(
            request=given, confidence=given.confidence or DEFAULT_CONFIDENCE, programme=None
        )
    library = library_of(service.settings)
    rules = [applied(library, given.programme, job, given.kind, given.estimator) for job in jobs]
    chosen = next((each for each in rules if each.rule.steps == "several"), rules[0])
    programme, rule = chosen.programme, chosen.rule
    if rule.periods is None or any(each.rule.periods != rule.periods for each in rules):
        has = [each.title for each in programme.file.evaluations if each.periods is not None]
        raise InvalidFindings(
            "The programme {name} has no evaluation of these samples together. It has those of "
            "samples that are all evaluated by one of: {has}.",
            name=programme.name,
            has="; ".join(has) or "none",
            loc=LOC,
        )
    confidence = given.confidence or rule.confidence or programme.file.confidence
    check_level(programme, confidence, ("body", "confidence"))
    estimator: Any = rule.estimator or given.estimator
    request = replace(
        given,
        kind=rule.kind,
        estimator=estimator,
        tolerable=given.tolerable or tolerable_of(programme),
    )
    return SettledTogether(request=request, confidence=confidence, programme=chosen)


def concluded_together(
    service: Service,
    jobs: Sequence[JobRecord],
    settled: Sequence[SettledEvaluation[Any]],
    chosen: AppliedProgramme,
    own: OfKind,
) -> ByProgramme:
    """What a programme concludes on several samples.

    Parameters
    ----------
    settled : sequence of SettledEvaluation
        One for each job, with what is tolerable in all of them together.

    Raises
    ------
    InvalidFindings
        The calculation can't read a sample, or the samples have too few rows together.
    """
    rule = chosen.rule
    calculation = CALCULATIONS[rule.periods or ""]
    every: list[Any] = []
    units = 0
    for at, (job, request) in enumerate(zip(jobs, settled, strict=True)):
        name = job.shown_name
        try:
            with rows_named(service, job):
                sample = examined_sample(service, job)
                units += examined_units(sample, rule.kind)
                columns = with_own_columns(service, job, request)
                inputs = inputs_of_sample(sample, columns, calculation)
        except DomainError as error:
            raise InvalidFindings(
                "Sample {name}: {reason}",
                name=name,
                reason=Sentence(error.template, **error.parameters),
                loc=("body", "jobs", at),
            ) from error
        every.append(_named(inputs, name))
    require_units(rule, units)
    values = [each.book_value for each in every]
    together = replace(
        every[0],
        parts=tuple(part for each in every for part in each.parts),
        known=tuple(part for each in every for part in each.known),
        book_value=None if None in values else sum(values),
    )
    return calculated(chosen, own, calculation, together, rule.periods_paragraph)


def _named(inputs: Any, name: str) -> Any:
    """The inputs of a sample with its name in the labels of its parts."""
    return replace(
        inputs,
        **{
            field: tuple(
                replace(part, label=f"{name}: {part.label}" if part.label else name)
                for part in getattr(inputs, field)
            )
            for field in ("parts", "known")
        },
    )
