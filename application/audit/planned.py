"""The materiality that a sample was planned for, and where an evaluation departs from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from application.audit.fitting import selects_money, tolerates_amount
from contract.fields import DEFAULT_CONFIDENCE
from contract.numbers import TWO_WAYS
from contract.requests.evaluate import EvaluationKind
from contract.words import Likelihood
from domain_errors import Figure, Sentence
from estimation_engine.audit import default_likelihood
from service.sampling_parameters import AnyRound
from storage.jobs.jobs import JobRecord

CENT = Decimal("0.01")
"""Amounts that are closer are the same."""
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
            parts.append(Sentence("confidence {level}", level=Figure(f"{100 * level:g} %")))
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
    return Sentence("tolerable {errors}", errors=Figure(errors_text(tolerable)))


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
