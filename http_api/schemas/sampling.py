"""The bodies and answers of the sampling routes.

Rounds are in :mod:`http_api.schemas.rounds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apiflask import Schema
from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from http_api.schemas import out
from http_api.schemas.base import SentenceOut, StrictSchema, name_text, text
from http_api.schemas.fields import (
    SEED_TYPES,
    BoundedList,
    Message,
    SeedField,
    StrictBoolean,
    StrictInteger,
)
from http_api.schemas.filters import FiltersField
from http_api.schemas.jobs import priority_field
from http_api.schemas.rounds import BESIDE_METHOD, AnyRoundIn
from sampling_engine import DRAW_VERSION, FIRST_DRAW_VERSION, MAX_ROUNDS
from sampling_engine.engines.engine import ENGINES

OF_A_ROUND = ("method", "parameters", "filters", "selection", "goal", *BESIDE_METHOD)


class DrawIn(StrictSchema):
    """The body of a draw; one without ``rounds`` but with ``method`` is one round."""

    source_ref = text(1, 100, load_default="main")
    table_key = text(1, 200, allow_none=True)
    rounds = BoundedList(fields.Nested(AnyRoundIn), required=True, least=1, most=MAX_ROUNDS)
    draw_version = StrictInteger(
        allow_none=True,
        validate=validate.Range(min=FIRST_DRAW_VERSION, max=DRAW_VERSION),
        description="The rule to draw by: the one that an earlier job's run_parameters "
        "record, 1 if they record none, draws its rows again; units of money are then selected by "
        "a fixed interval unless `selection` is given. Left out, the current rule.",
    )

    amount_column = text(
        1,
        1000,
        allow_none=True,
        description="A column of numbers whose sums, by group and in all, the plan and the result "
        "state.",
    )
    allow_empty = StrictBoolean(
        load_default=False,
        description="Whether a sample without rows is fine; otherwise such a draw fails with "
        "`empty_sample`.",
    )

    def reshape(self, data: Any) -> Any:
        """Make one round of a body that has its method at the top."""
        if not isinstance(data, dict):
            return data
        alternatives = ("rounds", *OF_A_ROUND)
        data = {
            name: value
            for name, value in data.items()
            if value is not None or name not in alternatives
        }
        if "rounds" in data or "method" not in data:
            return data
        rest = {name: value for name, value in data.items() if name not in OF_A_ROUND}
        return {**rest, "rounds": [{name: data[name] for name in OF_A_ROUND if name in data}]}

    @validates_schema(skip_on_field_errors=True)
    def numbered_in_order(self, data: dict[str, Any], **_: Any) -> None:
        """Round numbers run 1, 2, 3 …"""
        for place, given in enumerate(data.get("rounds", ()), start=1):
            if given.get("round_number", place) != place:
                message = Message("Must be {place}: rounds run 1, 2, 3 …", place=place)
                raise ValidationError({"rounds": {place - 1: {"round_number": [message]}}})


class SamplingJobIn(DrawIn):
    """A sampling job."""

    export_residual = StrictBoolean(
        load_default=False,
        description="Keep the rows that no round drew as a table; it costs no copy.",
    )
    output_name = name_text(90, allow_none=True)
    commit_message = text(0, 10_000, allow_none=True)
    engine = fields.String(
        allow_none=True,
        validate=validate.OneOf(ENGINES),
        metadata={
            "description": "The engine that reads the rows: duckdb, spark, or auto (the default), "
            "which selects spark for large draws if the server has one. The sample is the same."
        },
    )
    priority = priority_field()


class PlanIn(SamplingJobIn):
    """A draw to plan or, with ``commit``, to register."""

    commit = StrictBoolean(
        load_default=False,
        description="Register the plan in the ledger before its seed exists. Its rounds have no "
        "seed. Needs the level write.",
    )


class BeaconIn(StrictSchema):
    """A round of a randomness beacon of drand; the signatures of its known chains are verified."""

    chain = text(required=True, description="The chain's hash.")
    round = StrictInteger(required=True, validate=validate.Range(min=1))
    signature = text(required=True, description="The round's signature, in hexadecimal.")
    previous_signature = text(
        description="Of a chain whose rounds sign the one before, such as drand's default: its "
        "signature, in hexadecimal."
    )

    @validates_schema(skip_on_field_errors=True)
    def hexadecimal(self, data: dict[str, Any], **_: Any) -> None:
        """The chain has 64 digits, a signature 96 or 192, what round 1 signs 64."""
        signature = (96, 192)
        for name, lengths in (
            ("chain", (64,)),
            ("signature", signature),
            ("previous_signature", (64, *signature)),
        ):
            value = data.get(name)
            if value is None:
                continue
            if len(value) not in lengths or set(value) - set("0123456789abcdef"):
                message = Message(
                    "Must be {lengths} lower-case hexadecimal digits.",
                    lengths=" or ".join(map(str, lengths)),
                )
                raise ValidationError(message, name)


class DiceIn(StrictSchema):
    """Digits that were thrown before witnesses."""

    digits = text(20, 200, required=True, description="Digits 0 to 9, such as of ten-sided dice.")
    witnesses = BoundedList(name_text(200), required=True, least=1, most=20)

    @validates_schema(skip_on_field_errors=True)
    def decimal(self, data: dict[str, Any], **_: Any) -> None:
        """Only digits."""
        if set(data["digits"]) - set("0123456789"):
            raise ValidationError(Message("Must be digits 0 to 9 without spaces."), "digits")


class PublicSeedIn(StrictSchema):
    """Where a public seed comes from."""

    beacon = fields.Nested(BeaconIn)
    dice = fields.Nested(DiceIn)

    @validates_schema(skip_on_field_errors=True)
    def exactly_one(self, data: dict[str, Any], **_: Any) -> None:
        """One of them."""
        if len(data) != 1:
            raise ValidationError(Message("Give `beacon` or `dice`."))


class PlannedSeedField(SeedField):
    """A plain seed, or an object as :class:`PublicSeedIn` has it."""

    def __init__(self, *, metadata: Mapping[str, Any], **options: Any) -> None:
        super().__init__(metadata=metadata, **options)
        self.metadata = {**self.metadata, "anyOf": [*SEED_TYPES, {"type": "object"}]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, dict):
            return PublicSeedIn().load(value)
        return super()._deserialize(value, attr, data, **kwargs)


class DrawJobIn(SamplingJobIn):
    """A sampling job, of rounds or of a registered plan."""

    source_ref = text(1, 100, description="By default `main`, or the version of the plan.")
    rounds = BoundedList(fields.Nested(AnyRoundIn), least=1, most=MAX_ROUNDS)
    plan_id = text(1, 100, description="Draw this registered plan; `rounds` may be left out.")
    seed = PlannedSeedField(
        metadata={
            "description": "With `plan_id`: the seed of all rounds, plain or `{beacon: {chain, "
            "round, signature, previous_signature?}}` or `{dice: {digits, witnesses}}`."
        }
    )

    @validates_schema(skip_on_field_errors=True)
    def of_a_plan_or_rounds(self, data: dict[str, Any], **_: Any) -> None:
        """A job without a plan has rounds, and their seeds."""
        if "plan_id" in data:
            return
        if "rounds" not in data:
            raise ValidationError(fields.Field.default_error_messages["required"], "rounds")
        if "seed" in data:
            raise ValidationError(Message("Needs `plan_id`."), "seed")

    @post_load
    def of_main(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Set the version to main if the body names no plan."""
        return data if "plan_id" in data else {"source_ref": "main", **data}


class AtOnceIn(DrawIn):
    """A small draw whose rows come with the answer."""

    @validates_schema(skip_on_field_errors=True)
    def one_round(self, data: dict[str, Any], **_: Any) -> None:
        """Several rounds are a job's business."""
        if len(data["rounds"]) != 1:
            raise ValidationError(Message("One round can be drawn at once."), "rounds")


EFFECTIVE_SEED = "The seed text that entered the keys of the round's order."


class SeededRoundOut(Schema):
    """A round and its seeds."""

    round_number = out.integer()
    method = out.string()
    seed = fields.Raw(
        required=True,
        metadata={
            "description": "As it was given, or as it was drawn.",
            "anyOf": [{"type": "integer"}, {"type": "string"}],
        },
    )
    effective_seed = out.string(EFFECTIVE_SEED)


class EngineOut(Schema):
    """The engine that reads a draw's rows."""

    name = out.string("duckdb or spark.")
    reason = out.string(
        "requested, no_server, reads_no_rows, unsupported_type, few_bytes or many_bytes."
    )
    files = out.integer("Data files of the table.")
    read_bytes = out.integer(
        "Compressed bytes of the columns that one scan reads; null without a Spark server.",
        null=True,
    )
    scans = out.integer("Passes over all rows; a draw may need a few more.")


class AmountOut(Schema):
    """Sums of the amount column, as exact decimal texts."""

    column = out.string()
    total = out.string("Of the rows that can be drawn.")
    drawn = out.string(
        "Of the drawn rows; in a plan the expected amount, null where rows have unequal "
        "probabilities.",
        null=True,
    )
    coverage = out.number(
        "drawn by total; negative amounts count against positive ones.", null=True
    )
    absolute_total = out.string("total of the amounts without their signs.")
    absolute_drawn = out.string("drawn of the amounts without their signs.", null=True)
    absolute_coverage = out.number("absolute_drawn by absolute_total.", null=True)


class RowsAndTotalOut(Schema):
    """Rows and the sum of their amounts."""

    rows = out.integer()
    total = out.string("An exact decimal text.")


class MonetaryUnitOut(Schema):
    """The populations and units of a round by monetary units; every eligible row is in a figure."""

    book_column = out.string()
    minor_unit = out.string("The smallest unit of the amounts, such as 0.01.")
    population = out.string()
    selection = out.string()
    order = out.string()
    positive = out.nested(RowsAndTotalOut)
    zero = out.nested(RowsAndTotalOut)
    negative = out.nested(RowsAndTotalOut)
    missing_rows = out.integer("Eligible rows without an amount.")
    audited = out.nested(RowsAndTotalOut, "The population; its amounts without signs.")
    take_all = out.nested(RowsAndTotalOut, "Rows of at least the interval: always drawn.")
    interval = out.string("The amount by selected unit; null where all rows are drawn.", null=True)
    units = out.integer("Selected units outside the take-all rows.")
    near_interval_share = out.number(
        "Of a fixed interval: the share that rows of half an interval or more have of the money "
        "outside the take-all rows. Above a third, limits can cover far less than they say.",
        null=True,
    )
    regularity = out.number(
        "Of a fixed interval: the variance of the selected units of equal wrong rows, beyond that "
        "of units drawn one by one and in multiples of it, because amounts are nearly equal parts "
        "of the interval. Above 0.025, limits can cover far less than they say.",
        null=True,
    )


class PlannedRoundOut(SeededRoundOut):
    """The plan of a round; strata or clusters for the methods that have them."""

    eligible_rows = out.integer()
    rows_planned = out.integer()
    margin_of_error = out.number(null=True)
    warnings = out.list_of(fields.String())
    warning_templates = out.list_of(SentenceOut)
    strata = fields.List(fields.Dict())
    strata_count = fields.Integer()
    clusters = fields.List(fields.Dict())
    clusters_count = fields.Integer()
    uncovered_rows = fields.Integer(
        metadata={"description": "Eligible rows of strata from which no row is drawn."}
    )
    amount = fields.Nested(AmountOut)
    monetary_unit = fields.Nested(MonetaryUnitOut)


class FilterIn(StrictSchema):
    """A filter to be held against a table, in any of its shapes."""

    source_ref = text(1, 100, load_default="main")
    table_key = text(1, 200, allow_none=True)
    filters = FiltersField(required=True)


class FilterOut(Schema):
    expression = out.string("In its one spelling.")
    conditions = out.list_of(
        fields.Dict(), "The same as a list; null where a list can't say it.", null=True
    )
    logic = out.string(null=True)
    rows = out.integer("Rows that pass it.")
    source_rows = out.integer()


class ColumnSamplesIn(StrictSchema):
    """Columns whose values a filter's menu offers."""

    source_ref = text(1, 100, load_default="main")
    table_key = text(1, 200, allow_none=True)
    columns = BoundedList(text(1, 1200), required=True, least=1, most=100)
    sample_size = StrictInteger(validate=validate.Range(min=1, max=1000))
    samples_per_column = StrictInteger(validate=validate.Range(min=1, max=1000))


class ParameterOut(Schema):
    name = out.string()
    type = out.string()
    required = out.boolean()
    description = out.string()


class MethodOut(Schema):
    name = out.string()
    description = out.string()
    parameters = out.list_of(ParameterOut)


class MethodsOut(Schema):
    methods = out.list_of(MethodOut)
    supported_operators = out.list_of(fields.String())
