"""The bodies and answers of the sampling routes.

Rounds are in :mod:`http_api.schemas.rounds`.
"""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from marshmallow import ValidationError, fields, validate, validates_schema

from http_api.routes.tables import RowsOut
from http_api.schemas.base import StrictSchema, text
from http_api.schemas.fields import BoundedList, StrictBoolean, StrictInteger
from http_api.schemas.filters import FiltersField
from http_api.schemas.jobs import priority_field
from http_api.schemas.rounds import BESIDE_METHOD, AnyRoundIn
from sampling_engine import DRAW_VERSION, FIRST_DRAW_VERSION, MAX_ROUNDS

OF_A_ROUND = ("method", "parameters", "filters", "selection", *BESIDE_METHOD)


class DrawIn(StrictSchema):
    """What a draw needs; a body without ``rounds`` but with ``method`` is one round."""

    source_ref = text(1, 100, load_default="main")
    table_key = text(1, 200, allow_none=True)
    rounds = BoundedList(fields.Nested(AnyRoundIn), required=True, least=1, most=MAX_ROUNDS)
    draw_version = StrictInteger(
        allow_none=True,
        validate=validate.Range(min=FIRST_DRAW_VERSION, max=DRAW_VERSION),
        metadata={
            "description": "The rule to draw by: the one that an earlier job's run_parameters "
            "record, 1 if they record none, draws its rows again. Left out, the current rule."
        },
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
        for place, given in enumerate(data["rounds"], start=1):
            if given.get("round_number", place) != place:
                message = f"Must be {place}: rounds run 1, 2, 3 …"
                raise ValidationError({"rounds": {place - 1: {"round_number": [message]}}})


class SamplingJobIn(DrawIn):
    """A sampling job."""

    export_residual = StrictBoolean(
        load_default=False,
        metadata={"description": "Keep the rows that no round drew as a table; it costs no copy."},
    )
    output_name = text(1, 90, allow_none=True)
    commit_message = text(0, 10_000, allow_none=True)
    priority = priority_field()


class AtOnceIn(DrawIn):
    """A small draw whose rows come with the answer."""

    @validates_schema(skip_on_field_errors=True)
    def one_round(self, data: dict[str, Any], **_: Any) -> None:
        """Several rounds are a job's business."""
        if len(data["rounds"]) != 1:
            raise ValidationError("One round can be drawn at once.", field_name="rounds")


EFFECTIVE_SEED = "The seed text that entered the keys of the round's order."


class SeededRoundOut(Schema):
    """A round and its seeds."""

    round_number = fields.Integer(required=True)
    method = fields.String(required=True)
    seed = fields.Raw(
        required=True,
        metadata={
            "description": "As it was given, or as it was drawn.",
            "anyOf": [{"type": "integer"}, {"type": "string"}],
        },
    )
    effective_seed = fields.String(required=True, metadata={"description": EFFECTIVE_SEED})


class PlannedRoundOut(SeededRoundOut):
    """What a round would draw; strata or clusters for the methods that have them."""

    eligible_rows = fields.Integer(required=True)
    rows_planned = fields.Integer(required=True)
    margin_of_error = fields.Float(allow_none=True, required=True)
    warnings = fields.List(fields.String(), required=True)
    strata = fields.List(fields.Dict())
    strata_count = fields.Integer()
    clusters = fields.List(fields.Dict())
    clusters_count = fields.Integer()


class FilterIn(StrictSchema):
    """A filter to be held against a table, in any of its shapes."""

    source_ref = text(1, 100, load_default="main")
    table_key = text(1, 200, allow_none=True)
    filters = FiltersField(required=True)


class FilterOut(Schema):
    expression = fields.String(required=True, metadata={"description": "In its one spelling."})
    conditions = fields.List(
        fields.Dict(),
        allow_none=True,
        required=True,
        metadata={"description": "The same as a list; null where a list can't say it."},
    )
    logic = fields.String(allow_none=True, required=True)
    rows = fields.Integer(required=True, metadata={"description": "Rows that pass it."})
    source_rows = fields.Integer(required=True)


class ColumnSamplesIn(StrictSchema):
    """Columns whose values a filter's menu offers."""

    source_ref = text(1, 100, load_default="main")
    table_key = text(1, 200, allow_none=True)
    columns = BoundedList(text(1, 1200), required=True, least=1, most=100)
    sample_size = StrictInteger(validate=validate.Range(min=1, max=1000))
    samples_per_column = StrictInteger(validate=validate.Range(min=1, max=1000))


class ParameterOut(Schema):
    name = fields.String(required=True)
    type = fields.String(required=True)
    required = fields.Boolean(required=True)
    description = fields.String(required=True)


class MethodOut(Schema):
    name = fields.String(required=True)
    description = fields.String(required=True)
    parameters = fields.List(fields.Nested(ParameterOut), required=True)


class MethodsOut(Schema):
    methods = fields.List(fields.Nested(MethodOut), required=True)
    supported_operators = fields.List(fields.String(), required=True)


class ResidualInfoOut(Schema):
    residual_rows = fields.Integer(allow_none=True, required=True)
    exported = fields.Boolean(required=True)


class SampleMetadataOut(Schema):
    sampling_summary = fields.Dict(required=True)
    round_details = fields.List(fields.Dict(), required=True)
    residual_info = fields.Nested(ResidualInfoOut, required=True)


class SampleRowsOut(RowsOut):
    job_id = fields.String(required=True)
    metadata = fields.Nested(SampleMetadataOut, required=True)
