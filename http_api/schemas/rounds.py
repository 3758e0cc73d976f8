"""One round of a draw as JSON: a schema a method, filters, selection.

Owns: the shape of rounds and the aliases that older clients use. What a draw may be beyond its
shape (columns, types, sizes) is the engine's to check.
"""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate, validates_schema
from marshmallow_oneofschema.one_of_schema import OneOfSchema

from http_api.schemas.base import StrictSchema, text
from http_api.schemas.fields import (
    BoundedList,
    SeedField,
    StrictBoolean,
    StrictInteger,
    StrictNumber,
    StrictString,
    kind_of,
)
from http_api.schemas.filters import FiltersField
from sampling_engine import MAX_ROUNDS, METHODS

PARAMETER_ALIASES = {"stratify_columns": "strata_columns", "random_seed": "seed"}
BESIDE_METHOD = ("sample_size", "seed", "random_seed")
"""Parameters that may also stand beside ``method``."""

MAX_COLUMNS = 10_000


def size(**options: Any) -> StrictInteger:
    """A number of rows or clusters, 1 or more."""
    return StrictInteger(validate=validate.Range(min=1), **options)


class ParametersIn(StrictSchema):
    """What every method takes."""

    sizes_of_method: ClassVar[tuple[str, ...]] = ("sample_size", "sample_fraction")

    seed = SeedField(
        allow_none=True,
        metadata={"description": "A whole number or a text; drawn and recorded when left out."},
    )

    def reshape(self, data: Any) -> Any:
        """Give a parameter's older name its present one."""
        return _renamed(data, PARAMETER_ALIASES)

    @validates_schema
    def one_size(self, data: dict[str, Any], **_: Any) -> None:
        """Exactly one size, since two could contradict each other."""
        given = [name for name in self.sizes_of_method if name in data]
        if not given:
            names = " or ".join(self.sizes_of_method)
            raise ValidationError(f"Missing: give {names}.", field_name=self.sizes_of_method[0])
        if len(given) > 1:
            raise ValidationError(f"Give only one of {' and '.join(given)}.", field_name=given[1])


class RandomParametersIn(ParametersIn):
    """Parameters of ``random`` and ``reservoir``."""

    sample_size = size()
    sample_fraction = StrictNumber(validate=validate.Range(min=0, max=1, min_inclusive=False))


class StratifiedParametersIn(RandomParametersIn):
    """Parameters of ``stratified``."""

    sizes_of_method = ("sample_size", "sample_fraction", "samples_per_stratum", "sizes")

    strata_columns = BoundedList(text(1, 1000), required=True, least=1, most=50)
    samples_per_stratum = size()
    sizes = fields.Dict(
        keys=StrictString(),
        values=StrictInteger(validate=validate.Range(min=0)),
        validate=validate.Length(min=1, max=100_000),
    )
    allocation = StrictString(
        validate=validate.OneOf(("proportional", "equal", "neyman", "optimal"))
    )
    allocation_column = text(1, 1000)
    cost_column = text(1, 1000)
    min_per_stratum = StrictInteger(validate=validate.Range(min=0))
    proportional = StrictBoolean(
        metadata={"description": "Of older clients: true is proportional, false equal."}
    )

    @validates_schema(skip_on_field_errors=True)
    def one_allocation(self, data: dict[str, Any], **_: Any) -> None:
        """The older name of an allocation can't contradict the present one."""
        if "proportional" in data and "allocation" in data:
            raise ValidationError("Give allocation alone.", field_name="proportional")


class SystematicParametersIn(ParametersIn):
    """Parameters of ``systematic``."""

    sizes_of_method = ("interval", "sample_size")

    interval = size()
    sample_size = size()
    start = size()


class ClusterParametersIn(ParametersIn):
    """Parameters of ``cluster``."""

    sizes_of_method = ("num_clusters",)

    cluster_column = text(1, 1000, required=True)
    num_clusters = size()
    samples_per_cluster = size()
    sample_percentage = StrictNumber(validate=validate.Range(min=0, max=100, min_inclusive=False))

    @validates_schema(skip_on_field_errors=True)
    def one_second_stage(self, data: dict[str, Any], **_: Any) -> None:
        """Inside a cluster, one size at the most."""
        if "samples_per_cluster" in data and "sample_percentage" in data:
            raise ValidationError(
                "Give only one of samples_per_cluster and sample_percentage.",
                field_name="sample_percentage",
            )


class WeightedParametersIn(ParametersIn):
    """Parameters of ``weighted``."""

    sizes_of_method = ("sample_size",)

    sample_size = size()
    weight_column = text(1, 1000, required=True)


class SelectionIn(StrictSchema):
    """Which columns the sample shows of the drawn rows, and in which order."""

    columns = BoundedList(text(1, 1000), most=MAX_COLUMNS)
    order_by = text(1, 1000, allow_none=True)
    order_desc = StrictBoolean()


class RoundIn(StrictSchema):
    """What every round has."""

    round_number = StrictInteger(
        validate=validate.Range(min=1, max=MAX_ROUNDS),
        metadata={"description": "Its place, from 1; may be left out."},
    )
    output_name = text(1, 200, allow_none=True)
    filters = FiltersField(allow_none=True)
    selection = fields.Nested(SelectionIn, allow_none=True)


class RandomRoundIn(RoundIn):
    method = StrictString(required=True, validate=validate.OneOf(("random", "reservoir")))
    parameters = fields.Nested(RandomParametersIn, required=True)


class StratifiedRoundIn(RoundIn):
    method = StrictString(required=True, validate=validate.Equal("stratified"))
    parameters = fields.Nested(StratifiedParametersIn, required=True)


class SystematicRoundIn(RoundIn):
    method = StrictString(required=True, validate=validate.Equal("systematic"))
    parameters = fields.Nested(SystematicParametersIn, required=True)


class ClusterRoundIn(RoundIn):
    method = StrictString(required=True, validate=validate.Equal("cluster"))
    parameters = fields.Nested(ClusterParametersIn, required=True)


class WeightedRoundIn(RoundIn):
    method = StrictString(required=True, validate=validate.Equal("weighted"))
    parameters = fields.Nested(WeightedParametersIn, required=True)


class AnyRoundIn(OneOfSchema):
    """A round, of the shape that its method has."""

    type_field = "method"
    type_field_remove = False
    type_schemas = {  # noqa: RUF012 - the base class declares it so
        "random": RandomRoundIn,
        "reservoir": RandomRoundIn,
        "stratified": StratifiedRoundIn,
        "systematic": SystematicRoundIn,
        "cluster": ClusterRoundIn,
        "weighted": WeightedRoundIn,
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


def moved_inside(data: dict[str, Any]) -> dict[str, Any]:
    """Move parameters that stand beside ``method`` into ``parameters``."""
    beside = {name: data[name] for name in BESIDE_METHOD if name in data}
    if not beside or not isinstance(data.get("parameters", {}), dict):
        return data
    rest = {name: value for name, value in data.items() if name not in beside}
    beside = {name: value for name, value in beside.items() if value is not None}
    parameters = data.get("parameters", {})
    twice = [name for name in beside if parameters.get(name) is not None]
    if twice:
        raise ValidationError({twice[0]: ["Given twice: beside method and in parameters."]})
    return {**rest, "parameters": {**parameters, **beside}}


def _renamed(data: Any, aliases: dict[str, str]) -> Any:
    if not isinstance(data, dict):
        return data
    for alias, name in aliases.items():
        if data.get(alias) is None:
            data = {key: value for key, value in data.items() if key != alias}
        elif data.get(name) is not None:
            raise ValidationError({alias: [f"The same as {name}, which is given, too."]})
    return {
        **{name: value for name, value in data.items() if name not in aliases},
        **{aliases[name]: value for name, value in data.items() if name in aliases},
    }
