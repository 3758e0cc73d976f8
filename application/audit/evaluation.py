"""Evaluate a sample by its findings: exceptions, monetary misstatement, or a look of a sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

import numpy as np

from application.audit.findings import ROW_ID, audit_state
from application.audit.items import ExaminedItem, amounts_of, examined_items
from application.estimation.sample_design import design_of
from estimation_engine.audit import (
    AuditedItem,
    Likelihood,
    MonetaryEvaluation,
    evaluate_attributes,
    evaluate_monetary,
    evaluate_share,
    share_boundary,
)
from estimation_engine.errors import InvalidFindings
from job_runner.service import Service
from job_runner.tables.open_tables import SAMPLE, open_source, open_table, output_of
from parquet_tables.rows import page_statement
from storage.jobs.jobs import Job

Kind = Literal["attributes", "monetary_unit", "sequential"]
MAX_BOUNDARY_POINTS = 200
"""Sample sizes of a sequence's boundary."""


@dataclass(frozen=True)
class EvaluationRequest:
    """What to evaluate.

    Parameters
    ----------
    tolerable : Decimal, optional
        A share of rows, above 0 and below 1; for ``monetary_unit`` an amount.
    """

    kind: Kind
    confidence: float = 0.95
    tolerable: Decimal | None = None
    likelihood: Likelihood | None = None


def evaluate(service: Service, job: Job, request: EvaluationRequest) -> dict[str, Any]:
    """Evaluate a sample, as JSON.

    Raises
    ------
    InvalidFindings
        Rows have no finding, or lack an audit value; the sample's method doesn't fit the kind.
    """
    state = audit_state(service, job)
    items = examined_items(service, job, state)
    evaluate_kind = {
        "attributes": _attributes,
        "monetary_unit": _monetary,
        "sequential": _sequential,
    }[request.kind]
    found = evaluate_kind(service, job, items, request)
    scope = scope_of(job)
    return {
        "job_id": job.id,
        "kind": request.kind,
        "confidence": request.confidence,
        "review_state": state.review.state,
        "replaced": len(state.replacements),
        "scope": scope,
        **found,
    }


def default_kind(job: Job) -> Kind:
    """The kind of evaluation that fits how the sample was drawn."""
    methods = {each["method"] for each in job.run_parameters["rounds"]}
    return "monetary_unit" if methods == {"monetary_unit"} else "attributes"


def scope_of(job: Job) -> str | None:
    """The filter that limits the conclusion; None if every row could be drawn."""
    rounds = job.run_parameters["rounds"]
    texts = dict.fromkeys((each.get("filters") or {}).get("expression") for each in rounds)
    return None if None in texts else " or ".join(str(text) for text in texts)


def _require_all(items: Sequence[ExaminedItem]) -> None:
    missing = [item.row_id for item in items if item.finding is None]
    if missing:
        raise InvalidFindings(
            "{count} {count|row has|rows have} no finding, the first is {row_id}. Enter findings "
            "for all rows "
            "before you evaluate the sample, or evaluate it as `sequential`.",
            count=len(missing),
            row_id=missing[0],
        )
    removed = [item for item in items if item.finding and item.finding.outcome == "not_applicable"]
    if removed:
        raise InvalidFindings(
            "Row {row_id} is not applicable, but was not replaced. Replace it, or enter another "
            "finding.",
            row_id=removed[0].row_id,
        )


def _random_population(service: Service, job: Job, *, is_sequence: bool = False) -> int:
    """The rows that could be drawn, of a sample in which each has the same chance."""
    source = open_source(service, job)
    design = design_of(service, job, source).design
    if is_sequence and design.method == "systematic":
        raise InvalidFindings(
            "A systematic sample is in the order of the table, so its first rows aren't a random "
            "sample. Evaluate it as `attributes` when all rows have a finding.",
            loc=("body", "kind"),
        )
    if design.method not in ("random", "systematic"):
        raise InvalidFindings(
            "Exceptions are evaluated for random and systematic samples, not for {method}: rows "
            "of other samples have different selection probabilities. Estimate the share of "
            "exceptions from the findings instead.",
            method=design.method,
            loc=("body", "kind"),
        )
    return design.population


def _attributes(
    service: Service, job: Job, items: Sequence[ExaminedItem], request: EvaluationRequest
) -> dict[str, Any]:
    _require_all(items)
    population = _random_population(service, job)
    found = evaluate_attributes(
        len(items),
        sum(item.is_exception for item in items),
        population,
        confidence=request.confidence,
        likelihood=request.likelihood or "hypergeometric",
        tolerable=None if request.tolerable is None else float(_share(request.tolerable)),
        scope=scope_of(job),
    )
    return {**asdict(found), "conclusion": _conclusion(found.conclusion)}


def _sequential(
    service: Service, job: Job, items: Sequence[ExaminedItem], request: EvaluationRequest
) -> dict[str, Any]:
    """Evaluate the first items of the order up to the first without a finding."""
    if request.tolerable is None:
        raise InvalidFindings(
            "A sequential evaluation needs a tolerable share.", loc=("body", "tolerable")
        )
    tolerable = float(_share(request.tolerable))
    population = _random_population(service, job, is_sequence=True)
    open_at = next((at for at, item in enumerate(items) if item.finding is None), len(items))
    first = items[:open_at]
    if not first:
        raise InvalidFindings(
            "The first row of the order, {row_id}, has no finding. A sequential evaluation takes "
            "the rows in the order of the draw.",
            row_id=items[0].row_id,
        )
    _require_all(first)
    exceptions = np.cumsum([item.is_exception for item in first])
    found = evaluate_share(
        population, len(first), int(exceptions[-1]), tolerable, confidence=request.confidence
    )
    step = max(1, -(-len(items) // MAX_BOUNDARY_POINTS))
    sizes = list(range(step, len(items) + 1, step))
    boundary = share_boundary(population, tolerable, sizes, confidence=request.confidence)
    return {
        **asdict(found),
        "drawn": len(items),
        "exceptions_by_size": exceptions.tolist(),
        "boundary": {
            "sizes": sizes,
            "accept": boundary.accept.tolist(),
            "reject": boundary.reject.tolist(),
        },
    }


def _share(tolerable: Decimal) -> Decimal:
    if not 0 < tolerable < 1:
        raise InvalidFindings(
            "A tolerable share is above 0 and below 1, such as 0.05 for 5 %.",
            loc=("body", "tolerable"),
        )
    return tolerable


def _monetary(
    service: Service, job: Job, items: Sequence[ExaminedItem], request: EvaluationRequest
) -> dict[str, Any]:
    _require_all(items)
    accounts = [
        each["monetary_unit"]
        for each in (job.output_summary or {})["rounds"]
        if each.get("monetary_unit")
    ]
    if len(accounts) != 1 or len(job.run_parameters["rounds"]) != 1:
        raise InvalidFindings(
            "Stringer's bound needs a sample of one round drawn by monetary units.",
            loc=("body", "kind"),
        )
    (account,) = accounts
    decimals = -Decimal(account["minor_unit"]).as_tuple().exponent  # type: ignore[operator]
    units = _Units(int(decimals), account["population"])
    audited = _audited_items(service, job, items, account["book_column"], units)
    total = units.of(account["audited"]["total"]) - abs(units.of(account["take_all"]["total"]))
    found = evaluate_monetary(
        audited,
        total,
        confidence=request.confidence,
        likelihood=request.likelihood or "binomial",
        tolerable=None if request.tolerable is None else units.of(request.tolerable),
        scope=scope_of(job),
    )
    return _monetary_json(found, account, units)


@dataclass(frozen=True)
class _Units:
    """Amounts in minor units, as the population counts them."""

    decimals: int
    population: str

    def of(self, amount: object) -> int:
        """An amount in minor units, rounded to the nearest."""
        scaled = Decimal(str(amount)).scaleb(self.decimals)
        return int(scaled.to_integral_value(ROUND_HALF_UP))

    def text(self, units: float) -> str:
        """Minor units as a decimal text."""
        return str(Decimal(round(units)).scaleb(-self.decimals))

    def sign(self, book: int) -> int:
        """1, or -1 where the population counts an amount without its sign."""
        return -1 if book < 0 and self.population != "positive" else 1


def _audited_items(
    service: Service, job: Job, items: Sequence[ExaminedItem], book_column: str, units: _Units
) -> list[AuditedItem]:
    drawn = _drawn_facts(service, job)
    found = []
    for item, amounts in zip(items, amounts_of(service, job, items, book_column), strict=True):
        book = units.of(amounts.book)
        sign = units.sign(book)
        hits, is_take_all = drawn[item.drawn_id]
        # The row in the place of a take-all row was left to chance.
        is_take_all = is_take_all and item.row_id == item.drawn_id
        audit = sign * units.of(amounts.audit)
        found.append(AuditedItem(sign * book, audit, hits, is_take_all, item.row_id))
    return found


def _drawn_facts(service: Service, job: Job) -> dict[str, tuple[int, bool]]:
    """The selected units of each drawn row, and whether it is a take-all row."""
    sample = open_table(service, job.dataset_id, output_of(job), SAMPLE).files
    names = (ROW_ID, "_hits", "_inclusion_probability")
    columns = [sample.column(name) for name in names]
    with service.parquet.cursor(sample) as cursor:
        rows = cursor.execute(*page_statement(sample, columns)).fetchall()
    return {row_id: (max(hits or 0, 1), chance == 1.0) for row_id, hits, chance in rows}


def _monetary_json(
    found: MonetaryEvaluation, account: Mapping[str, Any], units: _Units
) -> dict[str, Any]:
    """The evaluation with amounts as decimal texts."""
    given = asdict(found)
    for name in ("book_value", "sampled_value"):
        given[name] = units.text(given[name])
    for direction in ("overstatement", "understatement"):
        each = given[direction]
        for name in (
            *("basic_precision", "projected", "incremental_allowance"),
            *("most_likely", "upper_limit"),
        ):
            each[name] = units.text(each[name])
        each["take_all"]["amount"] = units.text(each["take_all"]["amount"])
        for row in each["arithmetic"]:
            row["amount"] = units.text(row["amount"])
    return {
        **given,
        "book_column": account["book_column"],
        "population": account["population"],
        "conclusion": _conclusion(found.conclusion),
    }


def _conclusion(found: Any) -> dict[str, Any] | None:
    return None if found is None else {**asdict(found), "sentence": found.sentence}
