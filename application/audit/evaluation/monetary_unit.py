"""Evaluate the misstatement of a sample by monetary units, by Stringer's or Gaffke's bound.

Several steps are strata of one sample, if no row could be drawn by two of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from application.audit.evaluation.answer import Evaluated
from application.audit.evaluation.request import (
    KIND_LOC,
    ExaminedSample,
    SettledEvaluation,
    require_all,
    tolerable_amount,
    with_outside,
)
from application.audit.items import ExaminedItem, amounts_of, drawn_facts, drawn_steps
from application.estimation.monetary_selection import (
    all_accounts,
    repeat_chance,
    rows_of_several,
    selection_doubts,
)
from contract.requests.evaluate import MonetaryParameters
from domain_errors import FigureText, Sentence
from estimation_engine.audit import (
    AuditedItem,
    Direction,
    MonetaryEvaluation,
    evaluate_monetary,
)
from estimation_engine.audit.assurance import STRINGER, Assurance, gaffke_assurance
from estimation_engine.errors import InvalidFindings
from lazy_dataclasses import dataclass
from sampling_engine.methods.monetary_unit.account import AT_RANDOM

NOTE = Sentence(
    "Rows that aren't applicable are left out of the sample, with their units. Unless they are "
    "always drawn, their book value is still in the population, so the limit can be too "
    "high, but not too low."
)
OF_BALANCE = Sentence(
    "An overstatement is a book value above the audit value: a debit that is too large, or a "
    "credit that is too small."
)
ONLY: tuple[Direction, ...] = ("overstatement",)
BOTH: tuple[Direction, ...] = ("overstatement", "understatement")


@dataclass(frozen=True)
class MonetaryUnits:
    """The account of a sample's step by monetary units, with amounts in minor units."""

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

    @property
    def has_credits(self) -> bool:
        """Whether the population has amounts below 0."""
        return bool(self.account["population"] != "positive")


def monetary_units(sample: ExaminedSample) -> MonetaryUnits:
    """The account of a sample of one step by monetary units; others are refused."""
    found = all_accounts(sample.job)
    if len(found) != 1:
        raise InvalidFindings(
            "A sequential evaluation of amounts needs a sample of one round drawn by monetary "
            "units. Evaluate this one as `monetary_unit` or `variables`.",
            loc=KIND_LOC,
        )
    return MonetaryUnits(found[0])


def _strata(sample: ExaminedSample) -> list[MonetaryUnits]:
    """The accounts of a sample whose steps are all by monetary units, of rows of their own."""
    found = all_accounts(sample.job)
    if not found:
        raise InvalidFindings(
            "Stringer's and Gaffke's bounds need a sample drawn by monetary units, in every step. "
            "Evaluate the audit values of this one as `variables`.",
            loc=KIND_LOC,
        )
    if len({account["book_column"] for account in found}) > 1:
        raise InvalidFindings(
            "The steps selected units of different columns, so they aren't strata of one book "
            "value.",
            loc=KIND_LOC,
        )
    shared = rows_of_several(sample.service, sample.job)
    if shared:
        raise InvalidFindings(
            "{rows} {rows|row|rows} could be drawn by several steps, so the steps aren't strata of "
            "one sample. Evaluate the sample as `variables`, or draw with filters that have no row "
            "in common.",
            rows=shared,
            loc=KIND_LOC,
        )
    return [MonetaryUnits(account) for account in found]


def audited_units(
    sample: ExaminedSample,
) -> tuple[list[AuditedItem], list[MonetaryUnits], int]:
    """The examined rows with their amounts, the strata, and the rows that don't apply."""
    items, outside = require_all(sample, sample.items)
    strata = _strata(sample)
    return _audited_items(sample, items, strata), strata, outside


def evaluate_money(
    sample: ExaminedSample, request: SettledEvaluation[MonetaryParameters]
) -> Evaluated:
    """Bound the misstatement; overstatements and understatements apart."""
    audited, strata, outside = audited_units(sample)
    units, bound = strata[0], request.parameters.bound or "stringer"
    doubts, unchecked = selection_doubts(sample.service, sample.job)
    assurance = _assurance(sample, strata, request, is_doubted=bool(doubts))
    # The book value that the conclusion is about: a take-all row that doesn't apply isn't in it.
    sampled = [each.sampled for each in strata]
    whole = sum(sampled) + sum(abs(item.book) for item in audited if item.is_take_all)
    tolerable = None
    if request.tolerable is not None:
        total = Decimal(units.text(whole))
        tolerable = tolerable_amount(request.tolerable, total, units.decimals)
    found = evaluate_monetary(
        audited,
        sampled,
        confidence=request.confidence,
        likelihood=request.parameters.likelihood or "binomial",
        bound=bound,
        tolerable=None if tolerable is None else units.of(tolerable.amount),
        decimals=units.decimals,
        scope=sample.scope,
        concludes_on=BOTH if any(each.has_credits for each in strata) else ONLY,
        doubt=Sentence.joined(doubts) if doubts else None,
        most_units=[_most_units(each) for each in strata] if doubts else None,
    )
    return Evaluated(
        {
            **_as_json(found, units),
            "population": " and ".join(sorted({each.account["population"] for each in strata})),
            "strata": len(strata),
            "tolerable": None if tolerable is None else f"{tolerable.amount:f}",
            "not_applicable": outside,
        },
        assurance,
        with_outside(found.conclusion, outside),
        notes=[
            *(tolerable.notes if tolerable else []),
            *_notes(sample, strata, request),
            *found.notes,
            *([NOTE] if outside else []),
        ],
        caveats=[*found.caveats, *unchecked],
    )


def _most_units(units: MonetaryUnits) -> float:
    """The units that the interval gives on average, or those selected if they are more."""
    interval = units.of(units.account["interval"] or 0)
    return max(units.sampled / interval if interval else 0.0, float(units.account["units"]))


def _assurance(
    sample: ExaminedSample,
    strata: Sequence[MonetaryUnits],
    request: SettledEvaluation[MonetaryParameters],
    *,
    is_doubted: bool,
) -> Assurance:
    """What holds the bound up."""
    selections = {each.account["selection"] for each in strata}
    if request.parameters.bound == "gaffke":
        if selections != {AT_RANDOM}:
            raise InvalidFindings(
                "Gaffke's bound is proved for units selected at random alone, and these were "
                "selected by {selection}. Use the bound `stringer`, or draw with `selection` "
                "random.",
                selection=Sentence.joined(
                    [Sentence(each.replace("_", " ")) for each in sorted(selections)], " and "
                ),
                loc=("body", "bound"),
            )
        chance = sum(repeat_chance(each.account, each.sampled) for each in strata)
        replaced = len(sample.state.replacements)
        return gaffke_assurance(chance, request.confidence, strata=len(strata), replaced=replaced)
    if is_doubted:
        return STRINGER["doubted"]
    return STRINGER["strata" if len(strata) > 1 else selections.pop()]


def _notes(
    sample: ExaminedSample,
    strata: Sequence[MonetaryUnits],
    request: SettledEvaluation[MonetaryParameters],
) -> list[str]:
    """What the strata are, which direction is which, and what isn't used."""
    notes: list[str] = []
    if len(strata) > 1:
        parts = [
            Sentence(
                "step {number}, {units} {units|unit|units} of {amount} at an interval of "
                "{interval}",
                number=number,
                units=each.account["units"],
                amount=FigureText(f"{Decimal(each.text(each.sampled)):,f}"),
                interval=FigureText(f"{Decimal(each.account['interval'] or 0):,.{each.decimals}f}"),
            )
            for number, each in enumerate(strata, start=1)
        ]
        text = "The steps are strata of one sample: {parts}."
        notes.append(Sentence(text, parts=Sentence.joined(parts, "; ")))
    if any(each.has_credits for each in strata):
        notes.append(OF_BALANCE)
    bound, likelihood = request.parameters.bound, request.parameters.likelihood
    if bound == "gaffke" and likelihood not in (None, "binomial"):
        text = "Gaffke's bound has no factors, so the likelihood {likelihood} isn't used."
        notes.append(Sentence(text, likelihood=Sentence(str(likelihood))))
    return notes


def _audited_items(
    sample: ExaminedSample, items: Sequence[ExaminedItem], strata: Sequence[MonetaryUnits]
) -> list[AuditedItem]:
    units = strata[0]
    drawn = drawn_facts(sample.service, sample.job)
    steps = drawn_steps(sample.service, sample.job) if len(strata) > 1 else {}
    amounts = amounts_of(sample.service, sample.job, items, units.account["book_column"])
    found = []
    for item, each in zip(items, amounts, strict=True):
        hits, is_take_all = drawn[item.drawn_id]
        # The row in the place of a take-all row was left to chance.
        is_take_all = is_take_all and item.row_id == item.drawn_id
        stratum = steps.get(item.drawn_id, 1) - 1
        book, audit = units.of(each.book), units.of(each.audit)
        found.append(AuditedItem(book, audit, hits, is_take_all, item.row_id, stratum))
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
        if each["one_start_limit"] is not None:
            each["one_start_limit"] = units.text(each["one_start_limit"])
        for errors in (each["take_all"], each["found"]):
            errors["amount"] = units.text(errors["amount"])
        for row in each["arithmetic"]:
            row["amount"] = units.text(row["amount"])
    return {
        **given,
        "book_column": units.account["book_column"],
    }
