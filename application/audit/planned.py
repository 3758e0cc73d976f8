"""The materiality that a sample was planned for, and where an evaluation departs from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

from application.audit.fitting import selects_money, tolerates_amount
from contract.fields import DEFAULT_CONFIDENCE
from contract.numbers import TWO_WAYS, percent_digits
from contract.requests.evaluate import EvaluationKind
from contract.words import Likelihood
from domain_errors import FigureText, Sentence
from estimation_engine import InvalidGoal
from estimation_engine.audit import (
    AuditGoal,
    default_likelihood,
    size_for_materiality,
    two_stage_plan,
)
from lazy_dataclasses import dataclass
from sampling_engine import method_class
from sampling_engine.errors import DrawWarning, draw_warning
from sampling_engine.methods.monetary_unit.account import recorded_account
from service.sampling_parameters import AnyRound
from storage.jobs.jobs import JobRecord

CENT = Decimal("0.01")
"""Amounts that are closer are the same."""
TOO_FEW = "The plan needs {needed} {needed|row|rows}; {drawn} {drawn|was|were} drawn."
TOO_FEW_UNITS = (
    "The plan needs {needed} monetary {needed|unit|units}; {drawn} {drawn|was|were} drawn."
)
OF_ROWS = "The hypergeometric likelihood is for rows: choose poisson or binomial."


def planned_goal(run_parameters: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The goal of a sample of one round, if it is a materiality."""
    rounds = run_parameters["rounds"]
    goal = rounds[0].get("goal") if len(rounds) == 1 else None
    return goal if goal and "materiality" in goal else None


def goal_confidence(goal: Mapping[str, Any]) -> float:
    """The confidence that a goal or a request states, or the default."""
    return goal.get("confidence") or DEFAULT_CONFIDENCE


def likelihood_of(goal: Mapping[str, Any], *, is_money: bool) -> Likelihood:
    """The likelihood of a materiality: the given one, or that of rows or of money."""
    return goal.get("likelihood") or default_likelihood(is_money=is_money)


def with_likelihoods(rounds: Sequence[AnyRound]) -> list[AnyRound]:
    """The rounds of a draw, each materiality with its likelihood, so that it is recorded.

    A sample is then evaluated as it was planned, also if a default changes later.
    """
    found = []
    for each in rounds:
        goal = each.get("goal")
        if goal and "materiality" in goal:
            likelihood = likelihood_of(goal, is_money=selects_money([each]))
            each = cast("AnyRound", {**each, "goal": {**goal, "likelihood": likelihood}})
        found.append(each)
    return found


def audit_goal(given: Mapping[str, Any], rows: int, total: Decimal | None) -> AuditGoal:
    """The goal of a materiality, with shares of the rows, or of a book total.

    Raises
    ------
    InvalidGoal
        The materiality is all that there is, or the likelihood isn't one of money.
    """
    materiality, expected = given["materiality"], given.get("expected", 0)
    likelihood = likelihood_of(given, is_money=total is not None)
    if total is not None and likelihood == "hypergeometric":
        raise InvalidGoal(OF_ROWS, loc=("goal", "likelihood"))
    whole = Fraction(rows) if total is None else Fraction(total)
    share = _share(materiality, whole)
    if share >= 1:
        raise InvalidGoal(
            "The materiality must be below {total}, all that there is.",
            total=rows if total is None else f"{total:f}",
            loc=("goal", "materiality"),
        )
    return AuditGoal(
        goal_confidence(given),
        materiality=share,
        expected=expected if total is None else _share(expected, whole),
        likelihood=likelihood,
        population=rows if total is None else None,
    )


def _share(value: float, whole: Fraction) -> float:
    """A value from 1 on is an amount, or a number of rows."""
    return float(Fraction(repr(value)) / whole) if value >= 1 else float(value)


@dataclass(frozen=True)
class SizeOfPlan:
    """The rows, or monetary units, that a planned materiality needs, and those that were drawn."""

    needed: int
    drawn: int
    is_money: bool

    @property
    def template(self) -> str:
        """The sentence of both."""
        return TOO_FEW_UNITS if self.is_money else TOO_FEW

    @property
    def sentence(self) -> str:
        """Both in words."""
        return Sentence(self.template, needed=self.needed, drawn=self.drawn)


def size_of_plan(
    run_parameters: Mapping[str, Any], results: Sequence[Mapping[str, Any]]
) -> SizeOfPlan | None:
    """Compare the size of a draw with that of its materiality.

    Parameters
    ----------
    results : sequence of mapping
        The accounts of its rounds, also planned ones, as JSON.

    Returns
    -------
    SizeOfPlan or None
        None without a materiality, and where none is computed: of other designs than those of a
        size, or as no sample would do.
    """
    goal = planned_goal(run_parameters)
    if goal is None:
        return None
    (given,), (result,) = run_parameters["rounds"], results
    method = method_class(given["method"])
    account = recorded_account(result)
    if not result["eligible_rows"] or not (account or method.equal_chances):
        return None
    total = None if account is None else Decimal(account["audited"]["total"])
    try:
        wanted = audit_goal(goal, result["eligible_rows"], total)
        if "accept" in goal:
            stages = two_stage_plan(wanted, *goal["accept"])
            needed = stages.first + stages.second
        else:
            needed = size_for_materiality(wanted).size
    except (InvalidGoal, ZeroDivisionError):  # no amounts, or no sample is large enough
        return None
    if account is None:
        drawn = result["rows_sampled"] if "rows_sampled" in result else result["rows_planned"]
        return SizeOfPlan(needed, drawn, is_money=False)
    found = account["units"] + account["take_all"]["rows"]
    if found == account["audited"]["rows"]:
        return None  # all of them
    # A fixed interval may select one unit more or less than it was requested.
    return SizeOfPlan(needed, given["parameters"].get("sample_size") or found, is_money=True)


def size_of_job(job: JobRecord) -> SizeOfPlan | None:
    """Compare the size of a sample with that of its materiality, as :func:`size_of_plan`."""
    return size_of_plan(job.run_parameters, (job.output_summary or {}).get("rounds", ()))


def size_warnings(
    run_parameters: Mapping[str, Any], results: Sequence[Mapping[str, Any]]
) -> list[DrawWarning]:
    """The warning on a draw that is smaller than its materiality needs."""
    size = size_of_plan(run_parameters, results)
    if size is None or size.drawn >= size.needed:
        return []
    values = {"needed": size.needed, "drawn": size.drawn}
    return [draw_warning("below_plan", size.template, **values)]


def planned_tolerable(job: JobRecord) -> Decimal | None:
    """The recorded materiality; a number of rows as their share."""
    goal = planned_goal(job.run_parameters)
    if goal is None:
        return None
    materiality = Decimal(repr(goal["materiality"]))
    if materiality < 1 or tolerates_amount(job.run_parameters["rounds"]):
        return materiality
    (result,) = (job.output_summary or {})["rounds"]
    return materiality / Decimal(result["eligible_rows"])


def errors_text(value: Decimal) -> str:
    """A share below 1 as a percentage; an amount or a number of rows from 1 on.

    >>> [errors_text(Decimal(text)) for text in ("0.03", "3500000.0", "12.125")]
    ['3 %', '3,500,000', '12.1250']
    """
    given = 100 * value if value < 1 else value
    text = f"{given:,f}"
    plain = text.rstrip("0").rstrip(".") if "." in text else text
    if value < 1:
        return f"{plain} %"
    return f"{plain}0" if TWO_WAYS.fullmatch(plain) else plain


def departure(
    run_parameters: Mapping[str, Any],
    tolerable: Decimal | None,
    kind: EvaluationKind,
    found: Mapping[str, Any],
) -> str | None:
    """Say where an evaluation departs from the plan that was recorded with the sample.

    Parameters
    ----------
    tolerable : Decimal, optional
        As it was requested.
    found : mapping
        The figures of the evaluation.

    Returns
    -------
    str or None
        A sentence with the planned and the evaluated values that differ; None without a recorded
        materiality, and where nothing differs.
    """
    goal = planned_goal(run_parameters)
    if goal is None:
        return None
    planned: list[str] = []
    evaluated: list[str] = []
    materiality = Decimal(repr(goal["materiality"]))
    if tolerable is None or not _is_same(run_parameters, materiality, tolerable, found):
        planned.append(_tolerable_text(materiality))
        evaluated.append(_tolerable_text(tolerable))
    confidence = goal_confidence(goal)
    if abs(confidence - found["confidence"]) > 1e-9:
        for parts, level in ((planned, confidence), (evaluated, found["confidence"])):
            parts.append(
                Sentence("confidence {level}", level=FigureText(f"{percent_digits(level)} %"))
            )
    likelihood = goal.get("likelihood")
    if likelihood and found.get("likelihood", likelihood) != likelihood:
        for parts, name in ((planned, likelihood), (evaluated, found["likelihood"])):
            parts.append(Sentence("likelihood {name}", name=Sentence(name)))
    if "accept" in goal and not kind.applies_stages:
        planned.append(Sentence("two stages"))
        evaluated.append(Sentence(kind.title.lower()))
    if not planned:
        return None
    return Sentence(
        "Planned: {planned}; evaluated with: {evaluated}.",
        planned=Sentence.joined(planned, ", "),
        evaluated=Sentence.joined(evaluated, ", "),
    )


def _tolerable_text(tolerable: Decimal | None) -> Sentence:
    if tolerable is None:
        return Sentence("tolerable not given")
    return Sentence("tolerable {errors}", errors=FigureText(errors_text(tolerable)))


def _is_same(
    run_parameters: Mapping[str, Any],
    materiality: Decimal,
    tolerable: Decimal,
    found: Mapping[str, Any],
) -> bool:
    """Whether both are the same share, or come to the same amount or share of rows."""
    is_money = tolerates_amount(run_parameters["rounds"])
    if is_money != ("book_value" in found):
        return False
    if is_money:
        whole = Decimal(found["book_value"])
        amount = materiality * whole if materiality < 1 else materiality
        is_same = abs(amount - Decimal(found["tolerable"])) < CENT
    else:
        rows = Decimal(found["population"])
        share = materiality if materiality < 1 else materiality / rows
        is_same = abs(share - tolerable) * rows < CENT
    return is_same or materiality == tolerable
