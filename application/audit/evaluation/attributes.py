"""Evaluate the share of rows with an exception."""

from __future__ import annotations

from dataclasses import asdict, replace

from application.audit.evaluation.answer import AttributeResult, Evaluated
from application.audit.evaluation.request import (
    KIND_LOC,
    ExaminedSample,
    SettledEvaluation,
    require_all,
    tolerable_share,
    with_outside,
)
from contract.requests.evaluate import AttributesParameters
from domain_errors import Sentence
from estimation_engine.audit import evaluate_attributes
from estimation_engine.audit.assurance import BY_ROWS, SYSTEMATIC
from estimation_engine.audit.attributes import ArithmeticRow, AttributesEvaluation
from estimation_engine.designs import Design
from estimation_engine.errors import InvalidFindings
from service.tables.open_tables import open_source
from service.tables.sample_design import design_of

NOTE = Sentence(
    "Rows that aren't applicable are left out of the sample and of the population. Other rows of "
    "the population that aren't applicable are unknown and still counted in it, so the limit "
    "can be too high, but not too low."
)


def evaluate_exceptions(
    sample: ExaminedSample, request: SettledEvaluation[AttributesParameters]
) -> Evaluated:
    """Bound the share of rows with an exception, of a sample with equal probabilities."""
    items, outside = require_all(sample, sample.items)
    tolerable = None if request.tolerable is None else tolerable_share(request.tolerable)
    design = equal_chances(sample)
    drawable = design.population
    found = evaluate_attributes(
        len(items),
        sum(item.is_exception for item in items),
        # Rows found outside aren't in the population; others of their kind are still counted.
        drawable - outside,
        confidence=request.confidence,
        likelihood=request.parameters.likelihood or "hypergeometric",
        sides=request.parameters.sides or "one",
        tolerable=tolerable,
        scope=sample.scope,
    )
    if outside:
        lines = (
            ArithmeticRow("Rows examined", f"{len(sample.items)} − {outside}", len(items)),
            ArithmeticRow("Population", f"{drawable} − {outside}", drawable - outside),
        )
        found = replace(found, arithmetic=(*lines, *found.arithmetic))
    return Evaluated(
        {**asdict(found), "not_applicable": outside},
        SYSTEMATIC if design.is_at_distances else BY_ROWS[found.likelihood],
        with_outside(found.conclusion, outside),
        attributes=[
            _attribute(name, sum(item.deviates_from(name) for item in items), found, request)
            for name in sample.state.attributes
        ],
        notes=[NOTE] if outside else [],
    )


def _attribute(
    name: str,
    deviations: int,
    whole: AttributesEvaluation,
    request: SettledEvaluation[AttributesParameters],
) -> AttributeResult:
    """The limit of one attribute by itself, as if the rows were tested for it alone."""
    found = evaluate_attributes(
        whole.examined,
        deviations,
        whole.population,
        confidence=request.confidence,
        likelihood=whole.likelihood,
        sides=whole.sides,
        tolerable=None if request.tolerable is None else float(request.tolerable),
    )
    return AttributeResult(
        name,
        deviations,
        found.share,
        found.lower_limit,
        found.upper_limit,
        found.upper_rows,
        None if found.conclusion is None else found.conclusion.is_tolerable,
    )


def equal_chances(sample: ExaminedSample) -> Design:
    """The design of a sample in which all rows have the same probability; others are refused."""
    source = open_source(sample.service, sample.job)
    design = design_of(sample.service, sample.job, source).design
    if not design.has_equal_chances:
        methods = sorted({each["method"].replace("_", " ") for each in sample.rounds})
        if len(sample.rounds) > 1:
            methods = ["several steps"]
        raise InvalidFindings(
            "Exceptions are evaluated for random and systematic samples, not for {method}: rows "
            "of other samples have different selection probabilities. Estimate the share of "
            "exceptions from the findings instead.",
            method=Sentence.joined(list(map(Sentence, methods)), " and "),
            loc=KIND_LOC,
        )
    return design
