"""Evaluate the share of rows with an exception."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from application.audit.evaluation.request import (
    KIND_LOC,
    EvaluationRequest,
    ExaminedSample,
    conclusion_json,
    require_all,
    tolerable_share,
)
from application.estimation.sample_design import design_of
from estimation_engine.audit import evaluate_attributes
from estimation_engine.audit.assurance import BY_ROWS, SYSTEMATIC
from estimation_engine.audit.attributes import ArithmeticRow, AttributesEvaluation
from estimation_engine.design import Design
from estimation_engine.errors import InvalidFindings
from service.tables.open_tables import open_source

NOTE = (
    "Rows that aren't applicable are left out of the sample and of the population. Other rows of "
    "the population that aren't applicable are unknown and still counted in it, so the limit "
    "can be too high, but not too low."
)


def evaluate_exceptions(sample: ExaminedSample, request: EvaluationRequest) -> dict[str, Any]:
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
        likelihood=request.likelihood or "hypergeometric",
        sides=request.sides or "one",
        tolerable=tolerable,
        scope=sample.scope,
    )
    if outside:
        lines = (
            ArithmeticRow("Rows examined", f"{len(sample.items)} − {outside}", len(items)),
            ArithmeticRow("Population", f"{drawable} − {outside}", drawable - outside),
        )
        found = replace(found, arithmetic=(*lines, *found.arithmetic))
    is_systematic = design.method == "systematic"
    return {
        **asdict(found),
        "assurance": SYSTEMATIC if is_systematic else BY_ROWS[found.likelihood],
        "attributes": [
            _attribute(name, sum(item.deviates_from(name) for item in items), found, request)
            for name in sample.state.attributes
        ],
        "not_applicable": outside,
        "notes": [NOTE] if outside else [],
        "conclusion": conclusion_json(found.conclusion, outside),
    }


def _attribute(
    name: str, deviations: int, whole: AttributesEvaluation, request: EvaluationRequest
) -> dict[str, Any]:
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
    return {
        "name": name,
        "deviations": deviations,
        "share": found.share,
        "lower_limit": found.lower_limit,
        "upper_limit": found.upper_limit,
        "upper_rows": found.upper_rows,
        "is_tolerable": None if found.conclusion is None else found.conclusion.is_tolerable,
    }


def equal_chances(sample: ExaminedSample) -> Design:
    """The design of a sample in which all rows have the same probability; others are refused."""
    source = open_source(sample.service, sample.job)
    design = design_of(sample.service, sample.job, source).design
    if design.method not in ("random", "systematic"):
        methods = {each["method"].replace("_", " ") for each in sample.rounds}
        raise InvalidFindings(
            "Exceptions are evaluated for random and systematic samples, not for {method}: rows "
            "of other samples have different selection probabilities. Estimate the share of "
            "exceptions from the findings instead.",
            method=" and ".join(sorted(methods)),
            loc=KIND_LOC,
        )
    return design
