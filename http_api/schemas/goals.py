"""The schema of a goal: the precision of a figure, or the materiality of an audit."""

from __future__ import annotations

from typing import Any, get_args

from marshmallow import ValidationError, validate, validates_schema

from contract.numbers import errors_of
from estimation_engine.audit import Likelihood
from estimation_engine.audit.two_stage import MAX_ACCEPTED
from estimation_engine.planning.frame import PlannedStatistic
from estimation_engine.planning.goals import GoalInterval
from http_api.schemas.base import StrictSchema, text
from http_api.schemas.fields import (
    BoundedList,
    Message,
    StrictInteger,
    StrictString,
    WrittenNumber,
    confidence_field,
)
from http_api.schemas.filters import AnyValue

MAX_GROUP_COLUMNS = 4
ABOVE_ZERO = validate.Range(0, min_inclusive=False)


WITH_ANY = ("materiality", "confidence")
OF_AUDIT = ("expected", "likelihood", "book_column", "accept", "first_stage")


class GoalIn(StrictSchema):
    """The precision that a figure of the table is to have, or a materiality."""

    margin = WrittenNumber(
        validate=ABOVE_ZERO,
        description="The half-width of the confidence interval, in units of the figure: 0.03 are "
        "3 percentage points of a share.",
    )
    relative_margin = WrittenNumber(
        validate=ABOVE_ZERO, description="The margin as a share of the figure's true value."
    )
    cv = WrittenNumber(
        validate=ABOVE_ZERO,
        description="The coefficient of variation: the standard error as a share of the true "
        "value.",
    )
    statistic = StrictString(
        validate=validate.OneOf(get_args(PlannedStatistic)),
        description="Without a `column`: a proportion of one half, the least precise share.",
    )
    column = text(1, 1000, description="A column of the table.")
    value = AnyValue(
        allow_none=True,
        metadata={
            "description": "Of a `proportion`: the value; null for the share of rows without one."
        },
    )
    by = BoundedList(
        text(1, 1000),
        least=0,
        most=MAX_GROUP_COLUMNS,
        metadata={"description": "Each group of these columns is to reach the goal."},
    )
    confidence = confidence_field()
    interval = StrictString(
        validate=validate.OneOf(get_args(GoalInterval)),
        description="Of a `proportion`: the formula of its interval; t by default.",
    )

    materiality = WrittenNumber(
        errors_of,
        validate=ABOVE_ZERO,
        description="Of an audit: the tolerable errors, below 1 a share of the rows or of the book "
        "total, from 1 their number or amount.",
    )
    expected = WrittenNumber(
        errors_of,
        validate=validate.Range(0),
        description="With `materiality`: the expected errors, 0 by default. Below 1 a share; from "
        "1 their amount, or without `book_column` their number in the sample.",
    )
    likelihood = StrictString(
        validate=validate.OneOf(get_args(Likelihood)),
        description="With `materiality`: hypergeometric by default for rows, poisson for money. "
        "It is recorded with the sample, and its evaluation takes it.",
    )
    book_column = text(
        1, 1000, description="With `materiality`: the book amounts of a monetary unit design."
    )
    accept = BoundedList(
        StrictInteger(validate=validate.Range(min=0, max=MAX_ACCEPTED)),
        least=2,
        most=2,
        metadata={
            "description": "With `materiality`, of random rows: draw two stages. The most "
            "exceptions with which stage 1, and both stages together, accept, such as [0, 1]."
        },
    )
    first_stage = StrictInteger(
        validate=validate.Range(min=1),
        description="With `accept`: the rows of stage 1, the first ones of the draw. A size finds "
        "it.",
    )

    def without_nulls(self, data: dict[str, Any]) -> dict[str, Any]:
        """A null ``value`` has a meaning."""
        kept = super().without_nulls(data)
        return {**kept, "value": None} if "value" in data and data["value"] is None else kept

    @validates_schema(skip_on_field_errors=True)
    def fits_the_column(self, data: dict[str, Any], **_: Any) -> None:
        """A column needs a statistic, and all but the share of one half needs a column."""
        if "materiality" in data:
            other = next((name for name in data if name not in OF_AUDIT + WITH_ANY), None)
            if other is not None:
                raise ValidationError(Message("Can't be combined with `materiality`."), other)
            _check_stages(data)
            return
        if other := next((name for name in OF_AUDIT if name in data), None):
            raise ValidationError(Message("Needs a `materiality`."), other)
        if "column" in data and "statistic" not in data:
            message = Message("Missing: mean, total or proportion.")
            raise ValidationError(message, "statistic")
        if "column" in data:
            return
        if data.get("statistic", "proportion") != "proportion" or "value" in data:
            raise ValidationError(Message("Missing: name a column."), "column")
        if "by" in data or "relative_margin" in data or "cv" in data:
            name = next(name for name in ("by", "relative_margin", "cv") if name in data)
            raise ValidationError(Message("Needs a `statistic` and a `column`."), name)


def _check_stages(goal: dict[str, Any]) -> None:
    """Two stages have increasing numbers, and expect no errors."""
    accept = goal.get("accept")
    if accept is None:
        if "first_stage" in goal:
            raise ValidationError(Message("Needs `accept`, such as [0, 1]."), "first_stage")
        return
    if accept[0] >= accept[1]:
        message = Message("Both stages accept with more exceptions than stage 1, such as [0, 1].")
        raise ValidationError(message, "accept")
    if goal.get("expected"):
        raise ValidationError(Message("Two stages expect no errors: leave it out."), "expected")


class FigureGoalIn(GoalIn):
    """The goal of a method whose precision depends on the values of its rows."""

    column = text(1, 1000, required=True)
