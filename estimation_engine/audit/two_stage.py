"""Attribute samples of two stages: their rule, its risk, and the upper limit after it.

Stage 1 accepts with at most c₁ exceptions, and doesn't accept with more than c₂. With a number
between them stage 2 is examined, too, and both accept with at most c₂ exceptions together.
Acceptance sampling calls it a double sampling plan; with c₁ = 0 and c₂ = 1 auditors call it
stop-or-go sampling.
"""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction
from math import comb
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from contract.words import Likelihood
from domain_errors import FigureText, Sentence
from estimation_engine.arrays import Floats
from estimation_engine.audit.attributes import ArithmeticRow, check_counts
from estimation_engine.audit.conclusion import (
    NOT_SUPPORTED,
    Conclusion,
    confidence_text,
    percent_text,
    scoped,
)
from estimation_engine.audit.planning import MAX_SIZE, PART, AuditGoal, check_goal, wrong_rows
from estimation_engine.errors import InvalidGoal
from estimation_engine.hypergeometric import CLOSE, point, risk_of
from lazy_dataclasses import dataclass

MAX_ACCEPTED = 100
FORMULA = "P(X₁ ≤ c₁) + Σ P(X₁ = j)·P(X₂ ≤ c₂ − j), j from c₁ + 1 to c₂"
SOURCE = (
    "Schilling and Neubauer, Acceptance Sampling in Quality Control, double sampling plans; Touw "
    "and Hoogduin, Statistiek voor Audit en Controlling (c₁ = 0, c₂ = 1)"
)
LIMIT_SOURCE = (
    "Upper limit: Jennison and Turnbull 1983, Technometrics 25, 49–58: the largest share at which "
    "a result that is as good or better has a probability of 1 − confidence or more"
)
ACCEPTS = (
    "The rule accepts after stage {stage}: {errors} {errors|exception|exceptions} in {examined} "
    "{examined|row|rows}. The upper limit, {limit}, is below the tolerable {tolerable}: at "
    "{confidence} confidence the sample supports that errors are tolerable."
)
ACCEPTS_ABOVE = (
    "The rule accepts after stage {stage}: {errors} {errors|exception|exceptions} in {examined} "
    "{examined|row|rows}. But the upper limit, {limit}, is not below the tolerable {tolerable} at "
    "{confidence} confidence, for which these stages are too small: the sample doesn't support "
    "that errors are tolerable."
)
DOES_NOT_ACCEPT = (
    "The rule doesn't accept after stage {stage}: {errors} {errors|exception|exceptions} in "
    "{examined} {examined|row|rows} {errors|is|are} more than {allowed}. The sample doesn't "
    "support that errors are tolerable. {next}"
)
CONTINUES = (
    "Stage 1 has {errors} {errors|exception|exceptions} in {examined} {examined|row|rows}, so "
    "the rule asks for stage 2: examine its {second} {second|row|rows}."
)
Decision = Literal["accept", "reject", "continue"]
Sizes = int | NDArray[np.int64]


@dataclass(frozen=True)
class TwoStageRule:
    """The rows of each stage, and the exceptions with which it accepts.

    Parameters
    ----------
    accept_first, accept_both : int
        c₁ and c₂: the most exceptions with which stage 1, and both stages together, accept.
    """

    first: int
    second: int
    accept_first: int = 0
    accept_both: int = 1


@dataclass(frozen=True)
class TwoStagePlan(TwoStageRule):
    """A rule with its risk: the probability to accept an error rate of the materiality."""

    risk: float = 0.0
    formula: str = FORMULA
    source: str = SOURCE


@dataclass(frozen=True)
class Stage:
    """The examined rows of a stage, and those of them that have an exception."""

    examined: int
    exceptions: int


@dataclass(frozen=True)
class TwoStageEvaluation:
    """The decision of a rule; shares are from 0 to 1.

    Parameters
    ----------
    first, second : Stage
        ``second`` is None if stage 2 was not needed, or isn't examined yet.
    risk : float
        The probability that the rule accepts a population with the tolerable share of exceptions.
    upper_limit, upper_rows : float, int, optional
        The upper limit of the share, and of the rows in the population; None while stage 2 is to be
        examined.
    """

    decision: Decision
    first: Stage
    second: Stage | None
    rule: TwoStageRule
    population: int
    likelihood: Likelihood
    examined: int
    exceptions: int
    share: float
    risk: float
    upper_limit: float | None
    upper_rows: int | None
    arithmetic: tuple[ArithmeticRow, ...]
    formula: str
    source: str
    conclusion: Conclusion


def two_stage_plan(goal: AuditGoal, accept_first: int = 0, accept_both: int = 1) -> TwoStagePlan:
    """Two stages of equal size, the smallest whose risk is below 1 - confidence.

    Raises
    ------
    InvalidGoal
        A value is out of range, or the population has too few rows.

    Examples
    --------
    >>> two_stage_plan(AuditGoal(materiality=0.03)).first
    105
    """
    check_goal(goal)
    _check_accepted(accept_first, accept_both)
    most = min((goal.population or 2 * MAX_SIZE) // 2, MAX_SIZE)
    rates = _Rates(goal.likelihood, goal.population or 0, (accept_first, accept_both), accept_both)
    level = wrong_rows(goal) if goal.likelihood == "hypergeometric" else goal.materiality
    for first in range(1, most + 1, PART):
        sizes = np.arange(first, min(first + PART, most + 1), dtype=np.int64)
        risks = rates.as_good(level, sizes, sizes)
        enough = np.flatnonzero(
            rates.are_below(risk_of(goal.confidence), risks, level, sizes, sizes)
        )
        if len(enough):
            at = enough[0]
            size = int(sizes[at])
            return TwoStagePlan(size, size, accept_first, accept_both, float(risks[at]))
    raise InvalidGoal(
        "Two stages of up to {maximum} rows don't reach the confidence: examine all rows.",
        maximum=most,
        loc=("goal", "confidence"),
    )


def two_stage_limit(
    rule: TwoStageRule,
    stage: int,
    errors: int,
    confidence: float,
    likelihood: Likelihood,
    population: int,
) -> float:
    """The upper limit of the share after a decision at a stage with so many exceptions in all.

    Results are ordered as the rule values them: acceptance at stage 1 before both results of stage
    2, these before a stage 1 with too many exceptions, and fewer exceptions before more (Jennison
    and Turnbull 1983).

    Examples
    --------
    >>> round(two_stage_limit(TwoStageRule(105, 105), 1, 0, 0.95, "poisson", 10_000), 6)
    0.028531
    """
    rates = _Rates(likelihood, population, (rule.accept_first, rule.accept_both), errors, stage)
    examined = rule.first + (rule.second if stage == 2 else 0)
    risk = risk_of(confidence)

    def is_possible(level: float) -> bool:
        chances = rates.as_good(level, rule.first, rule.second)
        return not rates.are_below(risk, chances, level, rule.first, rule.second)[0]

    if errors >= examined:
        return 1.0
    if likelihood == "hypergeometric":
        more = range(errors + 1, population - (examined - errors) + 1)
        most = bisect_left(more, True, key=lambda level: not is_possible(level))
        return (errors + most) / population
    below, above = 0.0, 1.0
    if is_possible(above):
        return 1.0
    while above - below > 1e-12:
        half = (below + above) / 2
        below, above = (half, above) if is_possible(half) else (below, half)
    return above


def two_stage_risk(
    rule: TwoStageRule, share: float, likelihood: Likelihood, population: int
) -> float:
    """The probability that a rule accepts a population with this share of exceptions.

    Schilling and Neubauer, double sampling plans: :data:`FORMULA`.
    """
    goal = AuditGoal(materiality=share, likelihood=likelihood, population=population)
    level = wrong_rows(goal) if likelihood == "hypergeometric" else share
    rates = _Rates(likelihood, population, (rule.accept_first, rule.accept_both), rule.accept_both)
    return float(rates.as_good(level, rule.first, rule.second)[0])


def evaluate_two_stages(
    rule: TwoStageRule,
    first: Stage,
    second: Stage | None,
    population: int,
    *,
    tolerable: float,
    confidence: float,
    likelihood: Likelihood = "hypergeometric",
    scope: str | None = None,
) -> TwoStageEvaluation:
    """Apply the rule of a sample of two stages.

    Parameters
    ----------
    rule : TwoStageRule
        Its sizes are the examined rows.
    second : Stage, optional
        None while stage 2 isn't examined; it isn't used if stage 1 decides.
    tolerable : float
        The tolerable share; ``scope`` is the filter that limits the conclusion.

    Raises
    ------
    InvalidFindings
        The numbers contradict each other.
    """
    used = _used_stages(rule, first, second, population)
    errors, rows = used.exceptions, used.examined
    risk = two_stage_risk(rule, tolerable, likelihood, population)
    limit = None
    if used.decision != "continue":
        limit = two_stage_limit(rule, used.stage, errors, confidence, likelihood, population)
    return TwoStageEvaluation(
        *(used.decision, first, used.second, rule, population, likelihood),
        *(rows, errors, errors / rows, risk, limit),
        None if limit is None else int(limit * population + 1e-9),
        _arithmetic(rule, used, tolerable, risk, limit, confidence),
        FORMULA,
        f"{SOURCE}. {LIMIT_SOURCE}",
        _conclusion(used, rule, limit, tolerable, confidence, scope),
    )


def _arithmetic(
    rule: TwoStageRule,
    used: _UsedStages,
    tolerable: float,
    risk: float,
    limit: float | None,
    confidence: float,
) -> tuple[ArithmeticRow, ...]:
    """The lines of the share, of the rule's risk, and of the limit, if there is one."""
    errors, rows = used.exceptions, used.examined
    share = ArithmeticRow("Most likely share", f"{errors} / {rows}", errors / rows)
    formula = Sentence(
        "{formula} at {share}",
        formula=f"P(X₁ ≤ {rule.accept_first}; {rule.first}) + Σ P(X₁ = j; {rule.first})·"
        f"P(X₂ ≤ {rule.accept_both} − j; {rule.second})",
        share=FigureText(percent_text(tolerable, 2)),
    )
    lines = (share, ArithmeticRow("Risk to accept the tolerable share", formula, risk))
    if limit is None:
        return lines
    formula = Sentence(
        "P(as good or better than {errors} {errors|exception|exceptions} after stage {stage}) "
        "= {risk}",
        errors=errors,
        stage=used.stage,
        risk=FigureText(f"{1 - confidence:.4g}"),
    )
    return (*lines, ArithmeticRow("Upper limit", formula, limit))


@dataclass(frozen=True)
class _UsedStages:
    """The stages that a rule uses, and its decision after them."""

    decision: Decision
    first: Stage
    second: Stage | None = None

    @property
    def stage(self) -> int:
        """The number of the last stage."""
        return 1 if self.second is None else 2

    @property
    def examined(self) -> int:
        return self.first.examined + (self.second.examined if self.second else 0)

    @property
    def exceptions(self) -> int:
        return self.first.exceptions + (self.second.exceptions if self.second else 0)


def _used_stages(
    rule: TwoStageRule, first: Stage, second: Stage | None, population: int
) -> _UsedStages:
    """Check the numbers of the stages, and leave stage 2 out if stage 1 decides."""
    check_counts(first.examined, first.exceptions, population)
    decision = stage_one_decision(rule, first.exceptions)
    if decision != "continue" or second is None:
        return _UsedStages(decision, first)
    check_counts(second.examined, second.exceptions, population - first.examined)
    total = first.exceptions + second.exceptions
    return _UsedStages("accept" if total <= rule.accept_both else "reject", first, second)


def stage_one_decision(rule: TwoStageRule, exceptions: int) -> Decision:
    """The decision of stage 1.

    >>> [stage_one_decision(TwoStageRule(61, 61), found) for found in (0, 1, 2)]
    ['accept', 'continue', 'reject']
    """
    if exceptions <= rule.accept_first:
        return "accept"
    return "continue" if exceptions <= rule.accept_both else "reject"


def _conclusion(
    used: _UsedStages,
    rule: TwoStageRule,
    limit: float | None,
    tolerable: float,
    confidence: float,
    scope: str | None,
) -> Conclusion:
    is_tolerable = used.decision == "accept" and limit is not None and limit < tolerable
    template = {
        "accept": ACCEPTS if is_tolerable else ACCEPTS_ABOVE,
        "reject": DOES_NOT_ACCEPT.replace("{next}", NOT_SUPPORTED),
        "continue": CONTINUES,
    }[used.decision]
    parameters: dict[str, object] = {
        "stage": used.stage,
        "errors": used.exceptions,
        "examined": used.examined,
        "second": rule.second,
        "allowed": rule.accept_both,
        "limit": "" if limit is None else percent_text(limit, 2),
        "tolerable": percent_text(tolerable, 2),
        "confidence": confidence_text(confidence),
    }
    return Conclusion(is_tolerable, *scoped(template, parameters, scope))


def _check_accepted(accept_first: int, accept_both: int) -> None:
    if not 0 <= accept_first < accept_both <= MAX_ACCEPTED:
        raise InvalidGoal(
            "`accept` is the most exceptions with which stage 1 accepts, and a larger number with "
            "which both stages do, up to {maximum}, such as 0 and 1.",
            maximum=MAX_ACCEPTED,
            loc=("goal", "accept"),
        )


@dataclass(frozen=True)
class _Rates:
    """Probabilities of numbers of exceptions in stages.

    ``level`` is the share of exceptions, or of the hypergeometric likelihood their number in the
    population. Results have the shape of the sizes, or (1,). ``accepted`` are c₁ and c₂, and
    ``errors`` the exceptions in all at ``stage``.
    """

    likelihood: Likelihood
    population: int
    accepted: tuple[int, int]
    errors: int
    stage: int = 2

    def exactly(
        self, errors: int, level: float, size: Sizes, before: tuple[Sizes, int] = (0, 0)
    ) -> Floats:
        """P(X = errors) in ``size`` rows, after a stage of so many rows and exceptions."""
        chances: Floats = self._chances(np.array([errors]), level, size, before)[0]
        return chances

    def at_most(
        self, errors: int, level: float, size: Sizes, before: tuple[Sizes, int] = (0, 0)
    ) -> Floats:
        """P(X ≤ errors)."""
        chances: Floats = self._chances(np.arange(errors + 1), level, size, before).sum(axis=0)
        return chances

    def as_good(self, level: float, first: Sizes, second: Sizes) -> Floats:
        """P of a result that the rule values as much as this one, or more."""
        if self.stage == 1:
            return self.at_most(self.errors, level, first)
        least, most = self.accepted
        chance = self.at_most(least, level, first)
        for found in range(least + 1, min(most, self.errors) + 1):
            then = self.at_most(self.errors - found, level, second, (first, found))
            chance = chance + self.exactly(found, level, first) * then
        return chance

    def are_below(
        self, risk: Fraction, chances: Floats, level: float, first: Sizes, second: Sizes
    ) -> NDArray[np.bool_]:
        """Whether the probabilities of results as good are below a risk: ties by whole numbers."""
        below: NDArray[np.bool_] = chances < float(risk)
        if self.likelihood == "hypergeometric":
            close = np.abs(chances - float(risk)) <= CLOSE * float(risk)
            for at in np.flatnonzero(close).tolist():
                sizes = (int(np.atleast_1d(first)[at]), int(np.atleast_1d(second)[at]))
                below[at] = self._exactly(int(level), *sizes) < risk
        return below

    def _exactly(self, wrong: int, first: int, second: int) -> Fraction:
        """The probability of a result as good or better, as a fraction."""

        def ways(size: int, found: int, rows: int, wrong: int) -> int:
            return comb(wrong, found) * comb(rows - wrong, size - found)

        rows, errors, (least, most) = self.population, self.errors, self.accepted
        alone = range(min(errors if self.stage == 1 else least, wrong, first) + 1)
        every = comb(rows - first, second)
        total = every * sum(ways(first, found, rows, wrong) for found in alone)
        if self.stage == 2:
            for found in range(least + 1, min(most, errors, wrong, first) + 1):
                rest = rows - first, wrong - found
                then = range(min(errors - found, wrong - found, second) + 1)
                total += ways(first, found, rows, wrong) * sum(
                    ways(second, more, *rest) for more in then if rest[0] >= rest[1]
                )
        return Fraction(total, every * comb(rows, first))

    def _chances(
        self, errors: NDArray[np.int64], level: float, size: Sizes, before: tuple[Sizes, int]
    ) -> Floats:
        """Shape (errors, sizes)."""
        from scipy.stats import binom, poisson

        counts, rows = errors[:, np.newaxis], np.atleast_1d(size)[np.newaxis, :]
        found: Floats
        match self.likelihood:
            case "poisson":
                found = poisson.pmf(counts, rows * level)
            case "binomial":
                found = binom.pmf(counts, rows, level)
            case "hypergeometric":
                rest = self.population - np.atleast_1d(before[0])[np.newaxis, :]
                # A stage that can't have had so many exceptions has no probability anyway.
                wrong = np.clip(int(level) - before[1], 0, rest)
                found = point(counts, rest, wrong, rows)
        return found
