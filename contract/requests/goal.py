"""A goal: the precision of a figure, or the materiality of an audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, ClassVar

from contract.declarations import Help, Option, RefusedField, Request, Rule, Title
from contract.fields import (
    ERRORS,
    MARGIN,
    NOT_GIVEN,
    Bounds,
    Choice,
    ColumnName,
    Count,
    Items,
    Part,
    Scalar,
    Written,
)
from contract.numbers import errors_of, number_of
from contract.requests.estimate import MAX_GROUP_COLUMNS, ConfidenceRequest
from contract.words import LIKELIHOODS, GoalInterval, Likelihood, PlannedStatistic

MAX_ACCEPTED = 100
"""The most errors with which a stage may accept."""
WITH_ANY = ("materiality", "confidence")
RECALL = "recall"
OF_AUDIT = ("expected", "likelihood", "book_column", "accept", "first_stage")


def fits_the_column(given: Mapping[str, Any]) -> None:
    """A column needs a statistic, and all but the share of one half needs a column."""
    if "materiality" in given:
        other = next((name for name in given if name not in OF_AUDIT + WITH_ANY), None)
        if other is not None:
            raise RefusedField(other, "Can't be combined with `materiality`.")
        return
    if other := next((name for name in OF_AUDIT if name in given), None):
        raise RefusedField(other, "Needs a `materiality`.")
    if "column" in given:
        if "statistic" not in given:
            raise RefusedField("statistic", "Missing: mean, total or proportion.")
        return
    if given.get("statistic") == RECALL:
        return
    if given.get("statistic", "proportion") != "proportion" or "value" in given:
        raise RefusedField("column", "Missing: name a column.")
    for name in ("by", "relative_margin", "cv"):
        if name in given:
            raise RefusedField(name, "Needs a `statistic` and a `column`.")


def fits_a_recall(given: Mapping[str, Any]) -> None:
    """A recall is planned by guessed rates, so it has no column."""
    if given.get("statistic") == RECALL:
        for name in ("column", "by", "value"):
            if name in given:
                raise RefusedField(name, "Can't be combined with `statistic` recall.")


def has_stages(given: Mapping[str, Any]) -> None:
    """Two stages have increasing numbers, and expect no errors."""
    accept = given.get("accept")
    if "materiality" not in given:
        return
    if accept is None:
        if "first_stage" in given:
            raise RefusedField("first_stage", "Needs `accept`, such as [0, 1].")
    elif accept[0] >= accept[1]:
        raise RefusedField(
            "accept", "Both stages accept with more exceptions than stage 1, such as [0, 1]."
        )
    elif given.get("expected"):
        raise RefusedField("expected", "Two stages expect no errors: leave it out.")


class GoalRequest(ConfidenceRequest):
    """The precision that a figure of the table is to have, or a materiality."""

    rules: ClassVar[tuple[Rule, ...]] = (fits_a_recall, fits_the_column, has_stages)
    is_recorded = True

    margin: Annotated[
        float | None,
        MARGIN,
        Title("Margin of error"),
        Help(
            "The half-width of the confidence interval, in units of the figure: 0.03 are 3 "
            "percentage points of a share."
        ),
    ] = None
    relative_margin: Annotated[
        float | None, MARGIN, Help("The margin as a share of the figure's true value.")
    ] = None
    cv: Annotated[
        float | None,
        MARGIN,
        Help("The coefficient of variation: the standard error as a share of the true value."),
    ] = None
    statistic: Annotated[
        PlannedStatistic | None,
        Choice.of(PlannedStatistic),
        Help(
            "Without a `column`: a proportion of one half, the least precise share, or of a "
            "stratified design with guessed rates the share that these make. `recall`: of a "
            "stratified design with `allocation` recall, the share of the rows with the condition "
            "that is flagged."
        ),
    ] = None
    column: Annotated[str | None, ColumnName(), Help("A column of the table.")] = None
    value: Annotated[
        Any,
        Scalar(),
        Help("Of a `proportion`: the value; null for the share of rows without one."),
    ] = NOT_GIVEN
    by: Annotated[
        tuple[str, ...] | None,
        Items(ColumnName(), most=MAX_GROUP_COLUMNS),
        Help("Each group of these columns is to reach the goal."),
    ] = None
    interval: Annotated[
        GoalInterval | None,
        Choice.of(GoalInterval),
        Help("Of a `proportion`: the formula of its interval; t by default."),
    ] = None
    materiality: Annotated[
        float | None,
        ERRORS,
        Help(
            "Of an audit: the tolerable errors, below 1 a share of the rows or of the book total, "
            "from 1 their number or amount."
        ),
    ] = None
    expected: Annotated[
        float | None,
        Written(errors_of, Bounds(0)),
        Title("Expected errors"),
        Help(
            "With `materiality`: the expected errors, 0 by default. Below 1 a share; from 1 their "
            "amount, or without `book_column` their number in the sample."
        ),
    ] = None
    likelihood: Annotated[
        Likelihood | None,
        Choice(LIKELIHOODS),
        Help(
            "With `materiality`: hypergeometric by default for rows, poisson for money. It is "
            "recorded with the sample, and its evaluation takes it."
        ),
    ] = None
    book_column: Annotated[
        str | None,
        ColumnName(),
        Option("--book"),
        Help("With `materiality`: the book amounts of a monetary unit design."),
    ] = None
    accept: Annotated[
        tuple[int, int] | None,
        Items(Count(Bounds(0, MAX_ACCEPTED)), most=2, least=2),
        Help(
            "With `materiality`, of random rows: draw two stages. The most exceptions with which "
            "stage 1, and both stages together, accept, such as [0, 1]."
        ),
    ] = None
    first_stage: Annotated[
        int | None,
        Count(Bounds(1)),
        Help("With `accept`: the rows of stage 1, the first ones of the draw. A size finds it."),
    ] = None


def names_a_correlation(given: Mapping[str, Any]) -> None:
    """A correlation is estimated, or guessed."""
    if ("column" in given) == ("correlation" in given):
        problem = "Give only one of" if "column" in given else "Missing: give"
        raise RefusedField("correlation", f"{problem} `column` and `correlation`.")


class JudgeGoalRequest(Request):
    """A judge: a column that all rows have, to be a control variate of people's labels."""

    rules = (names_a_correlation,)
    is_recorded = True

    column: Annotated[
        str | None,
        ColumnName(),
        Option("--judge"),
        Title("Judge"),
        Help("The judge's column: its correlation with the labels is estimated from the `pilot`."),
    ] = None
    correlation: Annotated[
        float | None,
        Written(number_of, Bounds(0, below=1)),
        Option("--judge-correlation"),
        Title("Correlation with the labels"),
        Help(
            "A guess of the correlation of judge and label within the strata of the design, "
            "without its sign."
        ),
    ] = None


def has_a_planned_judge(given: Mapping[str, Any]) -> None:
    """A judge is one of a figure."""
    if "judge" not in given:
        return
    if "materiality" in given:
        raise RefusedField("judge", "Can't be combined with `materiality`.")
    if given.get("statistic") == RECALL:
        raise RefusedField("judge", "Can't be combined with `statistic` recall.")
    if "column" in given["judge"] and "column" not in given:
        raise RefusedField("column", "Missing: name the column of the labels.")


class PlannedGoalRequest(GoalRequest):
    """A goal of a size."""

    rules: ClassVar[tuple[Rule, ...]] = (*GoalRequest.rules, has_a_planned_judge)

    judge: Annotated[
        JudgeGoalRequest | None,
        Part(JudgeGoalRequest),
        Help(
            "Of random, systematic and stratified designs: the labels that people need alone and "
            "with a judge, side by side."
        ),
    ] = None


class FigureGoalRequest(GoalRequest):
    """A goal of a method whose precision depends on the values of its rows."""

    column: Annotated[str, ColumnName()] = field()
