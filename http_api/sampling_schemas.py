"""The body of a sampling job.

Owns: the shape of rounds, one schema a method, and the aliases that older clients use. What a draw
may be beyond its shape (columns, types, sizes) is the engine's to check.
"""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from marshmallow import ValidationError, fields, pre_load, validate, validates_schema
from marshmallow_oneofschema.one_of_schema import OneOfSchema

from http_api.strict_fields import SeedField, StrictInteger, StrictNumber, StrictString, kind_of
from http_api.strict_schemas import StrictSchema, text
from sampling_engine import METHODS, MOST_ROUNDS

PARAMETER_ALIASES = {"stratify_columns": "strata_columns", "random_seed": "seed"}
BESIDE_METHOD = ("sample_size", "seed", "random_seed")
"""Parameters that may also stand beside ``method``."""


class ParametersIn(StrictSchema):
    """What every method takes."""

    seed = SeedField(
        allow_none=True,
        metadata={"description": "A whole number or a text; drawn and recorded when left out."},
    )

    @pre_load
    def rename_aliases(self, data: Any, **_: Any) -> Any:
        """Give a parameter's older name its present one."""
        return _renamed(data, PARAMETER_ALIASES)


class SizedParametersIn(ParametersIn):
    sample_size = StrictInteger(validate=validate.Range(min=1))
    sample_fraction = StrictNumber(validate=validate.Range(min=0, max=1, min_inclusive=False))

    @validates_schema
    def one_size(self, data: dict[str, Any], **_: Any) -> None:
        """Exactly one size, since two could contradict each other."""
        sizes = [name for name in self.size_names() if name in data]
        if not sizes:
            names = " or ".join(self.size_names())
            raise ValidationError(f"Missing: give {names}.", field_name=self.size_names()[0])
        if len(sizes) > 1:
            raise ValidationError(f"Give only one of {' and '.join(sizes)}.", field_name=sizes[1])

    def size_names(self) -> tuple[str, ...]:
        """The parameters that settle how many rows are drawn."""
        return ("sample_size", "sample_fraction")


class RandomParametersIn(SizedParametersIn):
    """Parameters of ``random`` and ``reservoir``."""


class StratifiedParametersIn(SizedParametersIn):
    """Parameters of ``stratified``."""

    strata_columns = fields.List(
        text(1, 1000), required=True, validate=validate.Length(min=1, max=50)
    )
    samples_per_stratum = StrictInteger(validate=validate.Range(min=1))
    min_per_stratum = StrictInteger(validate=validate.Range(min=0))

    def size_names(self) -> tuple[str, ...]:
        """The parameters that settle how many rows are drawn."""
        return ("sample_size", "sample_fraction", "samples_per_stratum")


class RoundIn(StrictSchema):
    """What every round has."""

    round_number = StrictInteger(
        validate=validate.Range(min=1, max=MOST_ROUNDS),
        metadata={"description": "Its place, from 1; may be left out."},
    )
    output_name = text(1, 200, allow_none=True)


class RandomRoundIn(RoundIn):
    method = StrictString(required=True, validate=validate.OneOf(("random", "reservoir")))
    parameters = fields.Nested(RandomParametersIn, required=True)


class StratifiedRoundIn(RoundIn):
    method = StrictString(required=True, validate=validate.Equal("stratified"))
    parameters = fields.Nested(StratifiedParametersIn, required=True)


class AnyRoundIn(OneOfSchema):
    """A round, of the shape that its method has."""

    type_field = "method"
    type_field_remove = False
    type_schemas = {  # noqa: RUF012 - the base class declares it so
        "random": RandomRoundIn,
        "reservoir": RandomRoundIn,
        "stratified": StratifiedRoundIn,
    }

    def _load(self, data: Any, **kwargs: Any) -> Any:
        if not isinstance(data, dict):
            raise ValidationError(f"Must be an object, not {kind_of(data)}.")
        method = data.get("method")
        if not isinstance(method, str) or method not in self.type_schemas:
            known = ", ".join(description.name for description in METHODS)
            what = "Missing" if method is None else f"There is no method {kind_of(method)}"
            raise ValidationError({"method": [f"{what}. Methods are: {known}."]})
        return super()._load(moved_inside(data), **kwargs)  # type: ignore[no-untyped-call]


class SamplingJobIn(StrictSchema):
    """A sampling job; a body without ``rounds`` but with ``method`` is one round."""

    source_ref = text(1, 100, load_default="main")
    table_key = text(1, 200, allow_none=True)
    rounds = fields.List(
        fields.Nested(AnyRoundIn), required=True, validate=validate.Length(1, MOST_ROUNDS)
    )
    output_name = text(1, 90, allow_none=True)
    commit_message = text(0, 10_000, allow_none=True)

    @pre_load
    def single_round(self, data: Any, **_: Any) -> Any:
        """Make one round of a body that has its method at the top."""
        if not isinstance(data, dict) or "rounds" in data or "method" not in data:
            return data
        names = ("method", "parameters", *BESIDE_METHOD)
        rest = {name: value for name, value in data.items() if name not in names}
        return {**rest, "rounds": [{name: data[name] for name in names if name in data}]}

    @validates_schema(skip_on_field_errors=True)
    def numbered_in_order(self, data: dict[str, Any], **_: Any) -> None:
        """Round numbers run 1, 2, 3 …"""
        for place, given in enumerate(data["rounds"], start=1):
            if given.get("round_number", place) != place:
                raise ValidationError(
                    {
                        "rounds": {
                            place - 1: {"round_number": [f"Must be {place}: rounds run 1, 2, 3 …"]}
                        }
                    }
                )


def moved_inside(data: dict[str, Any]) -> dict[str, Any]:
    """Move parameters that stand beside ``method`` into ``parameters``."""
    beside = {name: data[name] for name in BESIDE_METHOD if name in data}
    if not beside or not isinstance(data.get("parameters", {}), dict):
        return data
    rest = {name: value for name, value in data.items() if name not in beside}
    parameters = data.get("parameters", {})
    twice = [name for name in beside if name in parameters]
    if twice:
        raise ValidationError({twice[0]: ["Given twice: beside method and in parameters."]})
    return {**rest, "parameters": {**parameters, **beside}}


def _renamed(data: Any, aliases: dict[str, str]) -> Any:
    if not isinstance(data, dict):
        return data
    for alias, name in aliases.items():
        if alias in data and name in data:
            raise ValidationError({alias: [f"The same as {name}, which is given, too."]})
    return {aliases.get(name, name): value for name, value in data.items()}


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
