"""Evaluate the misstatement of any sample by its audit values, through the estimation engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

import numpy as np

from application.audit.evaluation.answer import Evaluated
from application.audit.evaluation.request import (
    ExaminedSample,
    SettledEvaluation,
    require_all,
    tolerable_amount,
)
from application.audit.items import amounts_of, book_column_of, drawn_strata
from application.audit.state import ordinal_of
from application.estimation.monetary_selection import selection_doubts
from application.estimation.weighting import frame_condition
from application.samples.facts import stratum_text
from contract.requests.estimate import VarianceRequest
from contract.requests.evaluate import VariablesParameters
from contract.words import LONELY
from domain_errors import Sentence
from estimation_engine import Design, Statistic, true_values
from estimation_engine.audit import (
    AuditedAmounts,
    VariablesEvaluation,
    evaluate_variables,
    withheld,
)
from estimation_engine.audit.assurance import CENSUS, VARIABLES
from estimation_engine.audit.monetary import ONE_START
from estimation_engine.errors import InvalidFindings
from sampling_engine.sql.units import MoneyUnits
from service.tables.open_tables import OpenTable, open_source
from service.tables.sample_design import SampleDesign, design_of
from storage.jobs.jobs import JobRecord

AMOUNTS = (
    *("found", "book_value", "audit_value", "projected", "standard_error", "margin"),
    *("lower_limit", "upper_limit"),
)
OF_DIRECTION = ("found", "projected", "upper_limit")
OF_STRATUM = ("book_value", "examined_value", "found", "projected")
MAX_NAMED = 5
"""Strata that a refusal names."""

DOUBTED = replace(VARIABLES, status="can_fail")
"""Where the selection of monetary units can make the interval too narrow."""


def evaluate_audit_values(
    sample: ExaminedSample, request: SettledEvaluation[VariablesParameters]
) -> Evaluated:
    """Project the misstatement of the examined rows to the population."""
    book_column = request.parameters.book_column or book_column_of(sample.service, sample.job)
    if book_column is None:
        raise InvalidFindings(
            "Name the column of book values with `book_column`.", loc=("body", "book_column")
        )
    _, outside = require_all(sample, sample.items)
    given, without = audited_amounts(sample, book_column)
    tolerable = None
    if request.tolerable is not None:
        total = Decimal(repr(given.total))
        tolerable = tolerable_amount(request.tolerable, total, given.places)
    rules = VarianceRequest(lonely_stratum=request.parameters.lonely_stratum or "fail")
    found = evaluate_variables(
        given,
        estimator=request.parameters.estimator or "difference",
        sides=request.parameters.sides or "one",
        confidence=request.confidence,
        tolerable=None if tolerable is None else float(tolerable.amount),
        scope=sample.scope,
        rules=rules,
        is_part=sample.is_part,
    )
    is_census = given.design.is_census
    doubts: list[str] = []
    unchecked: list[str] = []
    if not is_census:
        doubts, unchecked = selection_doubts(sample.service, sample.job)
    if doubts:
        found = _doubted(found, doubts, sample.scope)
    caveats = [*found.caveats, *_valueless(without)]
    caveats += [*unchecked, *_variance_caveats(given.design, rules)]
    if outside:
        text = (
            "Not applicable, and no row is left to replace {outside|it|them}: {outside} "
            "{outside|row|rows}. The misstatement of such rows is 0, as they are outside the "
            "population examined."
        )
        caveats.append(Sentence(text, outside=outside))
    return Evaluated(
        {
            **_as_json(found, given.places),
            "book_column": book_column,
            "tolerable": None if tolerable is None else f"{tolerable.amount:f}",
            "not_applicable": outside,
        },
        CENSUS if is_census else DOUBTED if doubts else VARIABLES,
        found.conclusion,
        notes=[*(tolerable.notes if tolerable else []), *found.notes],
        caveats=caveats,
    )


def _valueless(rows: int) -> list[str]:
    """The caveat of rows without a book value."""
    if not rows:
        return []
    text = (
        "{rows} {rows|row of the population has|rows of the population have} no book value, and "
        "{rows|counts|count} as 0 in the book value of the population."
    )
    return [Sentence(text, rows=rows)]


def _doubted(
    found: VariablesEvaluation, doubts: Sequence[str], scope: str | None
) -> VariablesEvaluation:
    """An evaluation whose interval can be too narrow by the selection of its monetary units."""
    conclusion = found.conclusion
    if conclusion is not None:
        conclusion = withheld(conclusion, ONE_START, scope)
    return replace(found, conclusion=conclusion, caveats=(*doubts, *found.caveats))


def _variance_caveats(design: Design, rules: VarianceRequest) -> list[str]:
    """Parts of the variance that the sample doesn't show."""
    caveats: list[str] = []
    if lonely := int(design.lonely.sum()):
        text = (
            "{strata} {strata|stratum has|strata have} one drawn row of several, whose variance is "
            "a substitute: {rule}."
        )
        caveats.append(Sentence(text, strata=lonely, rule=Sentence(LONELY[rules.lonely_stratum])))
    samples = [part.design for part in design.parts] or [design]
    if any(each.is_at_distances for each in samples):
        text = (
            "The margin is approximate: one systematic sample doesn't show how much another start "
            "would differ."
        )
        caveats.append(Sentence(text))
    return caveats + [Sentence(each.single_unit_note) for each in samples if each.single_unit_note]


def audited_amounts(sample: ExaminedSample, book_column: str) -> tuple[AuditedAmounts, int]:
    """The amounts in the order of the design, and the rows of the population without a number."""
    amounts = amounts_of(sample.service, sample.job, sample.items, book_column)
    source = open_source(sample.service, sample.job)
    design = design_of(sample.service, sample.job, source)
    _require_covered(sample, design.design)
    ordinals = np.array([ordinal_of(item.drawn_id) for item in sample.items], dtype=np.int64)
    places = np.searchsorted(design.ordinals, ordinals)
    book, audit = np.zeros(len(places)), np.zeros(len(places))
    book[places] = [float(each.book) for each in amounts]
    audit[places] = [float(each.audit) for each in amounts]
    total, valued, rows = _population(sample, source, design, book_column)
    decimals = MoneyUnits.of(source.files.column(book_column), "absolute").decimals or 0
    labels: list[str] = []
    if design.design.group_kind == "strata":
        strata = drawn_strata(sample.service, sample.job)
        first = sample.rounds[0]
        texts = {label: stratum_text(first, label) for label in set(strata.values())}
        labels = [texts[strata[ordinal]] for ordinal in design.ordinals.tolist()]
    given = AuditedAmounts(
        *(design.design, book, audit, rows, total, decimals, labels),
        *(_stratum_totals(sample.job, book_column) if labels else ({}, False)),
    )
    return given, rows - valued


def _stratum_totals(job: JobRecord, book_column: str) -> tuple[dict[str, float], bool]:
    """The book values of strata by label, if the draw recorded those of this column.

    They are net; the second value says that no amount is negative, so that they are gross, too.
    """
    results = (job.output_summary or {})["rounds"]
    amount = results[0].get("amount")
    if len(results) != 1 or amount is None or amount["column"] != book_column:
        return {}, False
    groups = [each for each in results[0].get("strata") or () if each.get("amount")]
    totals = {each["label"]: float(each["amount"]["total"]) for each in groups}
    is_gross = amount["total"] is not None and amount["total"] == amount["absolute_total"]
    return totals, is_gross


def _require_covered(sample: ExaminedSample, design: Design) -> None:
    if design.uncovered_rows:
        raise InvalidFindings(
            "The sample has no row of strata with {rows} {rows|row|rows} ({strata}), so their "
            "misstatement isn't known. Draw at least two rows of each stratum, or leave rows out "
            "by a filter.",
            rows=design.uncovered_rows,
            strata=_uncovered_text(sample.job),
        )
    if sample.state.replacements and not design.allows_replacements:
        raise InvalidFindings(
            "Rows of this sample were replaced by rows with other selection probabilities, which "
            "have no weight in its design. Estimate from the findings of the drawn rows instead "
            "(`values` findings)."
        )


def _uncovered_text(job: JobRecord) -> str:
    """The labels of the first listed strata of which no step drew a row."""
    rounds = (job.output_summary or {})["rounds"]
    listed = [stratum for each in rounds for stratum in each.get("strata", ())]
    drawn = {stratum["label"] for stratum in listed if stratum["sampled"]}
    names = dict.fromkeys(stratum["label"] for stratum in listed if stratum["rows"])
    missed = [str(name) for name in names if name not in drawn]
    return ", ".join([*missed[:MAX_NAMED], *(["…"] if len(missed) > MAX_NAMED else [])]) or "…"


def _population(
    sample: ExaminedSample, source: OpenTable, design: SampleDesign, book_column: str
) -> tuple[float, int, int]:
    """The book value of the rows that could be drawn, those with a number, and all of them."""
    column = source.files.column(book_column)
    figures = [Statistic("total", column), Statistic("count", column), Statistic("count")]
    condition = frame_condition(design.rounds, source.files)
    with sample.service.parquet.cursor(source.files) as cursor:
        known = true_values(cursor, source.files, figures, [], condition) or {}
    total, valued, rows = known[()]
    if total is None:
        raise InvalidFindings(
            'The column "{column}" has no total: it has NaN or infinite values, or is too large.',
            column=book_column,
            loc=("body", "book_column"),
        )
    return total, int(valued or 0), int(rows or 0)


def _as_json(found: VariablesEvaluation, places: int) -> dict[str, Any]:
    """The evaluation with amounts as decimal texts."""
    given = asdict(found)
    directions = (given["overstatement"], given["understatement"])
    parts = [(given, AMOUNTS), *((each, OF_DIRECTION) for each in directions)]
    for part, names in (*parts, *((each, OF_STRATUM) for each in given["by_stratum"])):
        part |= {name: None if part[name] is None else f"{part[name]:.{places}f}" for name in names}
    return given
