"""The size of an audit sample for a materiality, of rows or of money.

The population is that of the design: the rows that pass its filter, or the book total of those that
a monetary unit round can select from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

from application.estimation.sizing import SizeRequest
from domain_errors import DomainError
from estimation_engine import InvalidGoal
from estimation_engine.audit import AuditGoal, AuditSize, size_for_materiality, two_stage_plan
from job_runner.sampling_parameters import DrawRule, engine_rounds
from job_runner.service import Service
from job_runner.tables.open_tables import OpenTable
from sampling_engine import plan_draw
from sampling_engine.errors import InvalidMethod
from sampling_engine.monetary.account import decimal_text
from sampling_engine.results import RoundPlan

BY_MONEY = "monetary_unit"
BY_ROWS = ("random", "systematic")


def size_for_audit(service: Service, table: OpenTable, request: SizeRequest) -> dict[str, Any]:
    """The smallest audit sample whose upper limit is below the materiality, as JSON.

    Raises
    ------
    DomainError
        The goal or the design doesn't fit; ``loc`` begins with ``goal`` or ``design``.
    """
    (given,) = request.goals
    design = {name: value for name, value in request.design.items() if name != "goal"}
    plan = _population(service, table, design, given)
    goal, total = _goal(given, plan)
    found = size_for_materiality(goal)
    parameters = {**design["parameters"]}
    parameters.pop("interval", None)
    sized = {**parameters, "sample_size": found.size}
    return {
        "sample_size": found.size,
        "margin_of_error": None,
        "confidence": goal.confidence,
        "eligible_rows": plan.eligible_rows,
        "parameters": sized,
        "round": {**design, "parameters": sized, "goal": dict(given)},
        "materiality": _arithmetic(goal, found, plan, total),
        "goals": [],
        "curve": [],
        "notes": _notes(goal, found, plan),
        **dict.fromkeys(("clusters", "strata", "strata_count", "cost", "homogeneity")),
    }


def _population(
    service: Service, table: OpenTable, design: Mapping[str, Any], given: Mapping[str, Any]
) -> RoundPlan:
    """The plan of a round of one row, which has the rows and amounts to draw from."""
    settled = {"round_number": 1, **design, "parameters": {"seed": 0, **design["parameters"]}}
    try:
        (round_spec,) = engine_rounds([settled], table.files, DrawRule())
        name = round_spec.method.declaration.name
        if name != BY_MONEY and name not in BY_ROWS:
            raise InvalidMethod(
                "A size for a materiality needs a random, systematic or monetary unit design, not "
                "{method}.",
                method=round_spec.method.name,
                loc=("design", "method"),
            )
        book = given.get("book_column")
        if book is not None and book != getattr(round_spec.method, "book_column", None):
            raise InvalidGoal(
                "`book_column` of the goal must be that of a monetary unit design.",
                loc=("goal", "book_column"),
            )
        counts_dir = service.directory.counts_dir
        (plan,) = plan_draw(service.parquet, table.files, [round_spec], counts_dir=counts_dir)
    except DomainError as error:
        if error.loc[:2] == ("rounds", 0):
            error.loc = ("design", *error.loc[2:])
        raise
    money = plan.monetary_unit
    if not plan.eligible_rows or (money is not None and not money.audited.total):
        raise InvalidGoal(
            "No row can be drawn: the table is empty, or no row passes the filter.",
            loc=("design", "filters") if round_spec.filter else ("table_key",),
        )
    return plan


def _goal(given: Mapping[str, Any], plan: RoundPlan) -> tuple[AuditGoal, Decimal | None]:
    """The goal with shares, and the book total."""
    materiality, expected = given["materiality"], given.get("expected", 0)
    likelihood = given.get("likelihood", "poisson")
    money = plan.monetary_unit
    total = None
    if money is not None:
        total = Decimal(money.audited.total).scaleb(-money.decimals)
        if likelihood == "hypergeometric":
            raise InvalidGoal(
                "The hypergeometric likelihood is for rows: choose poisson or binomial.",
                loc=("goal", "likelihood"),
            )
    whole = Fraction(plan.eligible_rows) if total is None else Fraction(total)
    share = _share(materiality, whole)
    if share >= 1:
        raise InvalidGoal(
            "The materiality must be below {total}, all that there is.",
            total=plan.eligible_rows if total is None else f"{total:f}",
            loc=("goal", "materiality"),
        )
    if total is not None:
        expected = _share(expected, whole)
    rows = plan.eligible_rows if total is None else None
    return AuditGoal(share, expected, given["confidence"], likelihood, rows), total


def _share(value: float, whole: Fraction) -> float:
    """A value from 1 on is an amount, or a number of rows."""
    return float(Fraction(repr(value)) / whole) if value >= 1 else float(value)


def _arithmetic(
    goal: AuditGoal, found: AuditSize, plan: RoundPlan, total: Decimal | None
) -> dict[str, Any]:
    money, interval = plan.monetary_unit, None
    if money is not None:
        interval = decimal_text(money.audited.total // found.size, money.decimals)
    stages = None
    if not goal.expected:
        try:
            stages = asdict(two_stage_plan(goal))
        except InvalidGoal:  # too few rows for two stages
            stages = None
    return {
        "materiality": goal.materiality,
        "expected": goal.expected,
        "likelihood": goal.likelihood,
        "book_column": None if money is None else money.book_column,
        "book_total": None if total is None else f"{total:f}",
        "interval": interval,
        "tolerated_errors": found.tolerated_errors,
        "upper_limit": found.upper_limit,
        "limit_of_one_less": found.limit_of_one_less,
        "formula": found.formula,
        "source": found.source,
        "two_stages": stages,
    }


def _notes(goal: AuditGoal, found: AuditSize, plan: RoundPlan) -> list[str]:
    notes = []
    kind = "taints add up to" if plan.monetary_unit is not None else "exceptions number"
    notes.append(
        f"If the sample's {kind} {found.tolerated_errors:g} at most, errors are below the "
        f"materiality at {100 * goal.confidence:g} % confidence."
    )
    if not goal.expected:
        notes.append(
            "No errors are expected: this is discovery sampling, and the first error calls for "
            "another size."
        )
    if plan.monetary_unit is not None and found.size >= plan.monetary_unit.audited.rows:
        notes.append("The size is at least the rows of the population: all of them are drawn.")
    return notes
