"""Schemas of sizes for a precision, and of suggested bands."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from marshmallow import ValidationError, fields, validate, validates_schema

from application.estimation.band_suggestions import BandRequest
from application.estimation.sizing import AllocationChoice, SizeRequest
from contract.requests.goal import GoalRequest
from estimation_engine.planning.bands import BandRule
from http_api.schemas import out
from http_api.schemas.base import StrictSchema, one_of, text
from http_api.schemas.contract import body_schema
from http_api.schemas.fields import (
    BoundedList,
    Message,
    StrictBoolean,
    StrictInteger,
    StrictNumber,
    StrictString,
)
from http_api.schemas.filters import FiltersField
from http_api.schemas.rounds import AnyRoundIn
from sampling_engine import METHODS, method_class
from sampling_engine.methods.method import SIZE_NAMES
from sampling_engine.methods.stratified import OWN_ALLOCATION

ABOVE_ZERO = validate.Range(0, min_inclusive=False)
MAX_GOALS = 20
MAX_BANDS = 20
MAX_COSTS = 10_000

KNOWN = {method.name for method in METHODS}


class SizeIn(StrictSchema):
    """Goals, and a round without its size."""

    source_ref = text(1, 100, load_default="main")
    table_key = text(1, 200, allow_none=True)
    goal = fields.Nested(body_schema(GoalRequest))
    goals = BoundedList(
        fields.Nested(body_schema(GoalRequest)),
        least=1,
        most=MAX_GOALS,
        metadata={"description": "Several goals, which the sample reaches at once."},
    )
    design = fields.Nested(AnyRoundIn, required=True)
    allocation = one_of(
        AllocationChoice,
        "design",
        "`optimal`: the sizes of the strata that reach the goals at least cost.",
    )
    cost = fields.Dict(
        keys=StrictString(),
        values=StrictNumber(validate=ABOVE_ZERO),
        validate=validate.Length(1, MAX_COSTS),
        metadata={
            "description": "For `optimal`: the cost of a row by the stratum's label, as in "
            "`_stratum`; 1 for others."
        },
    )
    budget = StrictNumber(
        validate=ABOVE_ZERO,
        description="For `optimal`: the cost of all rows. The sizes give the best precision for "
        "it; one goal then needs no margin.",
    )

    def reshape(self, data: Any) -> Any:
        """Give the design a size where its method needs one: the answer replaces it."""
        design = data.get("design") if isinstance(data, dict) else None
        if not isinstance(design, dict) or not isinstance(design.get("parameters", {}), dict):
            return data
        is_optimal = data.get("allocation") == "optimal"
        replaced = (*SIZE_NAMES, *OWN_ALLOCATION) if is_optimal else SIZE_NAMES
        parameters = design.get("parameters") or {}
        given = {name: value for name, value in parameters.items() if name not in replaced}
        name = design.get("method")
        if isinstance(name, str) and name in KNOWN:
            given = method_class(name).with_any_size(given)
        return {**data, "design": {**design, "parameters": given}}

    @validates_schema(skip_on_field_errors=True)
    def has_goals(self, data: dict[str, Any], **_: Any) -> None:
        """Either one goal or several."""
        if ("goal" in data) == ("goals" in data):
            problem = "Give only one of" if "goal" in data else "Missing: give"
            raise ValidationError(Message(f"{problem} `goal` and `goals`."), "goal")
        if any("materiality" in goal for goal in data.get("goals", ())):
            raise ValidationError(Message("A materiality is the only `goal`."), "goals")


def size_request(given: dict[str, Any]) -> SizeRequest:
    """The request of a body."""
    return SizeRequest(
        given.get("goals") or [given["goal"]],
        given["design"],
        given["allocation"],
        given.get("cost", {}),
        given.get("budget"),
        is_single="goal" in given,
    )


class PlannedGoalOut(Schema):
    """A figure with the precision that the size gives it."""

    statistic = out.string()
    column = out.string(null=True)
    value = out.raw(null=True)
    margin = out.number("The goal's own.", null=True)
    relative_margin = out.number(null=True)
    cv = out.number(null=True)
    group = out.json_object("The group's value of each column of `by`.")
    rows = out.integer("Rows of the table with a value.")
    true_value = out.number("Of these rows.", null=True)
    margin_of_error = out.number("Of the size.", null=True)
    standard_error = out.number("Of the size.", null=True)
    reached_cv = out.number("Of the size.", null=True)
    confidence = out.number()
    is_binding = out.boolean("Whether this figure needs the most rows.")


class PlannedStratumOut(Schema):
    key = out.json_object("The stratum's value or band of each column.")
    label = out.string()
    rows = out.integer()
    sample_size = out.integer()
    standard_deviation = out.number("Of the first goal's column.", null=True)
    cost = out.number("Of a row.")


class CurvePointOut(Schema):
    sample_size = out.integer()
    margin_of_error = out.number()


class TwoStagesOut(Schema):
    """A sample of two stages: the second is examined if the first has a number in between."""

    first = out.integer("Rows of stage 1.")
    second = out.integer()
    accept_first = out.integer("c₁: the most exceptions with which stage 1 accepts.")
    accept_both = out.integer("c₂: with more, stage 1 or both stages don't accept.")
    risk = out.number("The probability to accept errors of the materiality.")
    formula = out.string("Of the risk.")
    source = out.string()
    rule = out.string("When to accept, in words.")


class MaterialitySizeOut(Schema):
    """The arithmetic of a size for a materiality; shares are of rows, or of the book total."""

    materiality = out.number("As a share.")
    expected = out.number("As a share, or from 1 the number of errors.")
    likelihood = out.string()
    book_column = out.string(null=True)
    book_total = out.string("Of the population, an exact decimal text.", null=True)
    interval = out.string("The book total by the size.", null=True)
    tolerated_errors = out.number("With more in the sample, the limit isn't below the materiality.")
    upper_limit = out.number("Of the errors' share with as many in the sample.")
    limit_of_one_less = out.number("With a row or unit less.", null=True)
    pass_chance = out.number(
        "Of rows: the probability of no more errors than that at the expected rate; null of money, "
        "and of two stages.",
        null=True,
    )
    formula = out.string("Of the upper limit, with k errors in n.")
    source = out.string()
    two_stages = fields.Nested(
        TwoStagesOut,
        required=True,
        allow_none=True,
        metadata={
            "description": "Of random rows: the stages that `accept` asks for, or the "
            "alternative if no errors are expected."
        },
    )


class SizeOut(Schema):
    sample_size = out.integer("Rows to draw; for clusters the expected number.")
    margin_of_error = out.number(
        "Of the figure that needs the most rows; null for a materiality.", null=True
    )
    materiality = fields.Nested(MaterialitySizeOut)
    confidence = out.number()
    eligible_rows = out.integer("Rows that the figures are for.")
    parameters = out.json_object("The design's parameters with the size.")
    round = out.json_object("The design with its size, ready to be drawn as one of `rounds`.")
    clusters = out.integer("Clusters to draw.", null=True)
    goals = out.list_of(PlannedGoalOut, "Each figure; with `by` one for each group.")
    strata = out.list_of(PlannedStratumOut, "The first 1,000.", null=True)
    strata_count = out.integer(null=True)
    cost = out.number("Of all rows, if `cost` or `budget` was given.", null=True)
    homogeneity = out.number(
        "Of clusters: 1 minus the variance inside them by that of all rows.", null=True
    )
    curve = out.list_of(
        CurvePointOut, "Sizes of the design with the margin of the figure that needs the most rows."
    )
    notes = out.list_of(fields.String(), "What the size assumes.")


class StrataIn(StrictSchema):
    """A column of numbers to be cut to bands, and a goal or a number of rows."""

    source_ref = text(1, 100, load_default="main")
    table_key = text(1, 200, allow_none=True)
    column = text(1, 1000, required=True)
    bands = StrictInteger(
        load_default=5,
        validate=validate.Range(2, MAX_BANDS),
        description="How many; fewer where rows have few different values.",
    )
    rule = one_of(
        BandRule,
        "cumulative_root",
        "Equal parts of the cumulated root of the frequencies, or equal ratios.",
    )
    take_all = StrictBoolean(
        load_default=True,
        description="Take the last band whole where that gives a better precision.",
    )
    sample_size = StrictInteger(
        validate=validate.Range(min=1), description="Rows to draw, without a `goal`."
    )
    goal = fields.Nested(body_schema(GoalRequest))
    filters = FiltersField()

    @validates_schema(skip_on_field_errors=True)
    def has_a_size(self, data: dict[str, Any], **_: Any) -> None:
        """Either a goal or a size."""
        if ("goal" in data) == ("sample_size" in data):
            problem = "Give only one of" if "goal" in data else "Missing: give"
            raise ValidationError(Message(f"{problem} `sample_size` and `goal`."), "sample_size")


def band_request(given: dict[str, Any]) -> BandRequest:
    """The request of a body."""
    return BandRequest(
        given["column"],
        given["bands"],
        given["rule"],
        given["take_all"],
        given.get("sample_size", 0),
        given.get("goal"),
        given.get("filters"),
    )


class StrataOut(SizeOut):
    column = out.string()
    rule = out.string()
    breaks = out.list_of(fields.Raw(), "The bands' breaks, ascending, of few digits.")
    take_all = out.string("The label of the band that is taken whole.", null=True)


class NeededGroupOut(Schema):
    group = out.json_object("The group's value of each column of `by`.")
    estimate = out.number("Of the sample; the true value if `basis` is `frame`.")
    margin_of_error = out.number("Now; of the needed size if `basis` is `frame`.", null=True)
    size = out.integer("Rows, or clusters, that it needs.")
    more = out.integer("Of them, those to add.")


class MoreRowsOut(Schema):
    job_id = out.string()
    basis = out.string()
    confidence = out.number()
    rows = out.integer("Of the sample.")
    needed_rows = out.integer()
    more_rows = out.integer()
    clusters = out.integer(null=True)
    needed_clusters = out.integer(null=True)
    more_clusters = out.integer(null=True)
    groups = out.list_of(NeededGroupOut)
    round = out.json_object(
        "The step with the needed size and the same seed; null if no more rows are needed, or the "
        "sample has several steps.",
        null=True,
    )
    includes_sample = out.boolean(
        "Whether that step draws all rows of the sample again, among others.", null=True
    )
    notes = out.list_of(fields.String())
