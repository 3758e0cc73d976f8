"""Evaluate the misstatement of a sample by monetary units, by Stringer's bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from application.audit.evaluation.request import (
    KIND_LOC,
    EvaluationRequest,
    ExaminedSample,
    conclusion_json,
    require_all,
    tolerable_amount,
)
from application.audit.items import ExaminedItem, amounts_of, drawn_facts
from estimation_engine.audit import AuditedItem, MonetaryEvaluation, evaluate_monetary
from estimation_engine.audit.assurance import STRINGER
from estimation_engine.errors import InvalidFindings

NOTE = (
    "Rows that aren't applicable are left out of the sample, with their units. Unless they are "
    "always drawn, their book value is still in the population, so the limit can be too "
    "high, but not too low."
)


@dataclass(frozen=True)
class MonetaryUnits:
    """A sample's account of its monetary units, with amounts in minor units."""

    account: Mapping[str, Any]

    @property
    def decimals(self) -> int:
        """The decimal places of a minor unit."""
        exponent = Decimal(self.account["minor_unit"]).as_tuple().exponent
        return -int(exponent)

    @property
    def total(self) -> int:
        """The units of the population."""
        return self.of(self.account["audited"]["total"])

    @property
    def sampled(self) -> int:
        """The units and amounts without take-all rows."""
        return self.total - abs(self.of(self.account["take_all"]["total"]))

    def of(self, amount: object) -> int:
        """An amount in minor units, rounded to the nearest."""
        scaled = Decimal(str(amount)).scaleb(self.decimals)
        return int(scaled.to_integral_value(ROUND_HALF_UP))

    def text(self, units: float) -> str:
        """Minor units as a decimal text."""
        return str(Decimal(round(units)).scaleb(-self.decimals))

    def sign(self, book: int) -> int:
        """1, or -1 where the population counts an amount without its sign."""
        return -1 if book < 0 and self.account["population"] != "positive" else 1


def monetary_units(sample: ExaminedSample, evaluation: str = "Stringer's bound") -> MonetaryUnits:
    """The account of a sample of one round by monetary units; others are refused."""
    rounds = (sample.job.output_summary or {})["rounds"]
    accounts = [each["monetary_unit"] for each in rounds if each.get("monetary_unit")]
    if len(accounts) != 1 or len(sample.rounds) != 1:
        raise InvalidFindings(
            "{evaluation} needs a sample of one round drawn by monetary units. Evaluate the audit "
            "values of this one as `variables`.",
            evaluation=evaluation,
            loc=KIND_LOC,
        )
    return MonetaryUnits(accounts[0])


def evaluate_money(sample: ExaminedSample, request: EvaluationRequest) -> dict[str, Any]:
    """Bound the misstatement; overstatements and understatements apart."""
    items, outside = require_all(sample, sample.items)
    units = monetary_units(sample)
    audited = _audited_items(sample, items, units)
    # The book value that the conclusion is about: a take-all row that doesn't apply isn't in it.
    whole = units.sampled + sum(abs(item.book) for item in audited if item.is_take_all)
    tolerable = None
    if request.tolerable is not None:
        total = Decimal(units.text(whole))
        tolerable = tolerable_amount(request.tolerable, total, units.decimals)
    found = evaluate_monetary(
        audited,
        units.sampled,
        confidence=request.confidence,
        likelihood=request.likelihood or "binomial",
        tolerable=None if tolerable is None else units.of(tolerable.amount),
        decimals=units.decimals,
        scope=sample.scope,
    )
    return {
        **_as_json(found, units),
        "assurance": STRINGER[units.account["selection"]],
        "tolerable": None if tolerable is None else f"{tolerable.amount:f}",
        "notes": [
            *(tolerable.notes if tolerable else []),
            *found.notes,
            *([NOTE] if outside else []),
        ],
        "not_applicable": outside,
        "conclusion": conclusion_json(found.conclusion, outside),
    }


def _audited_items(
    sample: ExaminedSample, items: Sequence[ExaminedItem], units: MonetaryUnits
) -> list[AuditedItem]:
    drawn = drawn_facts(sample.service, sample.job)
    amounts = amounts_of(sample.service, sample.job, items, units.account["book_column"])
    found = []
    for item, each in zip(items, amounts, strict=True):
        book = units.of(each.book)
        sign = units.sign(book)
        hits, is_take_all = drawn[item.drawn_id]
        # The row in the place of a take-all row was left to chance.
        is_take_all = is_take_all and item.row_id == item.drawn_id
        audit = sign * units.of(each.audit)
        found.append(AuditedItem(sign * book, audit, hits, is_take_all, item.row_id))
    return found


def _as_json(found: MonetaryEvaluation, units: MonetaryUnits) -> dict[str, Any]:
    """The evaluation with amounts as decimal texts."""
    given = asdict(found)
    for name in ("book_value", "sampled_value"):
        given[name] = units.text(given[name])
    for direction in ("overstatement", "understatement"):
        each = given[direction]
        known = each["take_all"]["amount"]
        amounts = {
            name: round(each[name])
            for name in ("basic_precision", "projected", "most_likely", "upper_limit")
        }
        # The rounded amounts add up, too.
        other = amounts["basic_precision"] + amounts["projected"] + known
        amounts["incremental_allowance"] = amounts["upper_limit"] - other
        each |= {name: units.text(amount) for name, amount in amounts.items()}
        for errors in (each["take_all"], each["found"]):
            errors["amount"] = units.text(errors["amount"])
        for row in each["arithmetic"]:
            row["amount"] = units.text(row["amount"])
    return {
        **given,
        "book_column": units.account["book_column"],
        "population": units.account["population"],
    }
