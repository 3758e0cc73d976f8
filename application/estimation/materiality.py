"""The size of an audit sample for a materiality, of rows or of money.

The population is that of the design: the rows that pass its filter, or the book total of those that
a monetary unit round can select from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from application.audit.planned import audit_goal
from application.estimation.size_answers import MaterialitySize, SizeAnswer, TwoStageSizes
from contract.numbers import percent_digits
from contract.requests.size import SizeRequest
from domain_errors import counted, moved, percent_text, render
from estimation_engine import InvalidGoal
from estimation_engine.audit import (
    AuditGoal,
    AuditSize,
    TwoStagePlan,
    TwoStageRule,
    size_for_materiality,
    two_stage_limit,
    two_stage_plan,
)
from sampling_engine import Round, method_class, plan_draw
from sampling_engine.errors import InvalidMethod
from sampling_engine.methods.monetary_unit.account import account_of_money, decimal_text
from sampling_engine.methods.monetary_unit.fixed_interval import OF_FIXED_INTERVAL
from sampling_engine.results import RoundPlan
from service.sampling_parameters import DrawRule, engine_rounds, stated_rounds, without_order
from service.service import Service
from service.tables.open_tables import OpenTable

TWO_STAGES = (
    "Examine {first} {first|row|rows}: with {accepted} accept, with more than {allowed} don't. "
    "Otherwise examine {second} more, and accept with at most {allowed} "
    "{allowed|exception|exceptions} in both."
)


def size_for_audit(service: Service, table: OpenTable, request: SizeRequest) -> SizeAnswer:
    """The smallest audit sample whose upper limit is below the materiality.

    Raises
    ------
    DomainError
        The goal or the design doesn't fit; ``loc`` begins with ``goal`` or ``design``.
    """
    (given,) = request.all_goals
    (stated,) = stated_rounds([request.design])
    design = {name: value for name, value in stated.items() if name != "goal"}
    plan = _population(service, table, design, given)
    goal, total = _goal(given, plan)
    accept = given.get("accept")
    has_stages = method_class(design["method"]).has_stages
    stages = _two_stages(goal, accept) if has_stages else None
    found = size_for_materiality(goal) if accept is None else _size_of_both(goal, stages)
    _require_fewer_than_all(found, plan)
    recorded = {**given, "likelihood": goal.likelihood}
    if accept is not None and stages is not None:
        recorded["first_stage"] = stages.first
    parameters = {**design["parameters"]}
    parameters.pop("interval", None)
    sized = {**parameters, "sample_size": found.size}
    notes = _notes(goal, found, plan) if accept is None else []
    if sized.get("selection") == "fixed_interval":
        planned = plan_of(service, table, {**design, "parameters": sized})
        notes += [each.message for each in planned.warnings if each.code in OF_FIXED_INTERVAL]
    money, interval = account_of_money(plan), None
    if money is not None:
        interval = decimal_text(money.audited.total // found.size, money.decimals)
    return SizeAnswer(
        goal.confidence,
        sample_size=found.size,
        eligible_rows=plan.eligible_rows,
        parameters=sized,
        round={**design, "parameters": sized, "goal": recorded},
        materiality=MaterialitySize(
            goal.materiality,
            goal.expected,
            goal.likelihood,
            None if money is None else money.book_column,
            None if total is None else f"{total:f}",
            interval,
            found.tolerated_errors,
            found.upper_limit,
            found.limit_of_one_less,
            found.pass_chance,
            found.formula,
            found.source,
            None if stages is None else _stage_sizes(stages),
        ),
        notes=notes,
    )


def _population(
    service: Service, table: OpenTable, design: Mapping[str, Any], given: Mapping[str, Any]
) -> RoundPlan:
    """The plan of a round of one row, which has the rows and amounts to draw from."""
    with moved(("rounds", 0), ("design",)):
        round_spec = planned_round(table, design)
        method = round_spec.method
        if not method.selects_money and not method.equal_chances:
            raise InvalidMethod(
                "A size for a materiality needs a random, systematic or monetary unit design, not "
                "{method}.",
                method=method.name,
                loc=("design", "method"),
            )
        book = given.get("book_column")
        if book is not None and not (method.selects_money and book == method.favoured_column):
            raise InvalidGoal(
                "`book_column` of the goal must be that of a monetary unit design.",
                loc=("goal", "book_column"),
            )
        plan = plan_of(service, table, design)
    money = account_of_money(plan)
    if not plan.eligible_rows or (money is not None and not money.audited.total):
        raise InvalidGoal(
            "No row can be drawn: the table is empty, or no row passes the filter.",
            loc=("design", "filters") if round_spec.filter else ("table_key",),
        )
    return plan


def planned_round(table: OpenTable, design: Mapping[str, Any]) -> Round:
    """The round of a design."""
    seeded = {"parameters": {"seed": 0, **design["parameters"]}}
    settled = {"round_number": 1, **without_order(design), **seeded}
    (round_spec,) = engine_rounds([settled], table.files, DrawRule())
    return round_spec


def plan_of(
    service: Service, table: OpenTable, design: Mapping[str, Any], amount: str | None = None
) -> RoundPlan:
    """The plan of a round, with the sums of an amount column."""
    rounds, counts_dir = [planned_round(table, design)], service.directory.counts_dir
    (plan,) = plan_draw(
        service.parquet, table.files, rounds, counts_dir=counts_dir, amount_column=amount
    )
    return plan


def _goal(given: Mapping[str, Any], plan: RoundPlan) -> tuple[AuditGoal, Decimal | None]:
    """The goal with shares, and the book total."""
    money = account_of_money(plan)
    total = None
    if money is not None:
        total = Decimal(money.audited.total).scaleb(-money.decimals)
    return audit_goal(given, plan.eligible_rows, total), total


def _require_fewer_than_all(found: AuditSize, plan: RoundPlan) -> None:
    money = account_of_money(plan)
    if money is not None and found.size > money.audited.rows:
        raise InvalidGoal(
            "{size} {size|unit|units} would be needed of {rows} {rows|row|rows}. Examine all rows, "
            "expect fewer errors, or choose a larger materiality.",
            size=found.size,
            rows=money.audited.rows,
            loc=("goal", "expected"),
        )


def _two_stages(goal: AuditGoal, accept: Sequence[int] | None) -> TwoStagePlan | None:
    """Two stages of random rows: those that are wanted, or a stop-or-go plan if there is one."""
    if accept is not None:
        return two_stage_plan(goal, *accept)
    try:
        return None if goal.expected else two_stage_plan(goal)
    except InvalidGoal:  # too few rows for two stages
        return None


def _size_of_both(goal: AuditGoal, stages: TwoStagePlan | None) -> AuditSize:
    """The size of both stages, with the limit after as many exceptions as both accept with."""
    if stages is None:
        raise InvalidGoal("Two stages need a random design.", loc=("goal", "accept"))
    accepted, size = stages.accept_both, stages.first + stages.second

    def limit(rule: TwoStageRule) -> float:
        rest = (goal.confidence, goal.likelihood, goal.population or size)
        return two_stage_limit(rule, 2, accepted, *rest)

    less = replace(stages, first=stages.first - 1, second=stages.second - 1)
    return AuditSize(
        *(size, float(accepted), limit(stages), limit(less) if stages.first > 1 else None, None),
        *(1.0 / size, stages.formula, stages.source),
    )


def _stage_sizes(stages: TwoStagePlan) -> TwoStageSizes:
    accepted = stages.accept_first
    parameters = {
        "first": stages.first,
        "second": stages.second,
        "accepted": "at most " + counted(accepted, "exception") if accepted else "no exception",
        "allowed": stages.accept_both,
    }
    return TwoStageSizes(**vars(stages), rule=render(TWO_STAGES, parameters))


def _notes(goal: AuditGoal, found: AuditSize, plan: RoundPlan) -> list[str]:
    notes, money = [], account_of_money(plan)
    condition = f"the sample's exceptions number {found.tolerated_errors:g} at most"
    if money is not None:
        condition = (
            f"the taints of the rows that aren't always drawn add up to {found.tolerated_errors:g} "
            "at most, and those always drawn have no error"
        )
    notes.append(
        f"If {condition}, errors are below the materiality at {percent_digits(goal.confidence)} % "
        "confidence."
    )
    if goal.expected and found.pass_chance is not None:
        rate = goal.expected if goal.expected < 1 else goal.expected / found.size
        notes.append(
            f"With {percent_text(rate)} of the rows in error, as expected, the sample has no more "
            f"with a probability of {percent_text(found.pass_chance)}."
        )
    if not goal.expected:
        notes.append(
            "No errors are expected (discovery sampling). If the sample has an error, plan a new "
            "size."
        )
    if money is not None and found.size >= money.audited.rows:
        notes.append("The size is at least the rows of the population: all of them are drawn.")
    return notes
