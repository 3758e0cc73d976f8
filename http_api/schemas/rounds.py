"""One round of a draw as JSON: a schema for each method, filters, selection.

The methods' schemas derive from their declarations in the sampling engine. What depends on a
table's columns and rows is checked there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate, validates_schema
from marshmallow_oneofschema.one_of_schema import OneOfSchema

from application.audit.planned import OF_ROWS
from contract.requests.goal import FigureGoalRequest, GoalRequest
from domain_errors import choices_sentence
from http_api.schemas.base import StrictSchema, name_text, text
from http_api.schemas.contract import body_schema
from http_api.schemas.fields import (
    BoundedList,
    Message,
    SeedField,
    StrictBoolean,
    StrictInteger,
    StrictNumber,
    StrictString,
    check_text,
    invalid,
    kind_of,
)
from http_api.schemas.filters import FiltersField
from sampling_engine import (
    MAX_ROUNDS,
    METHOD_CLASSES,
    METHODS,
    Method,
    MethodDeclaration,
    Parameter,
    method_class,
)
from sampling_engine.selection.bands import MAX_BREAKS, MAX_LABEL_LENGTH

PARAMETER_ALIASES = {
    alias: parameter.name
    for method in METHODS
    for parameter in method.parameters
    for alias in parameter.aliases
}
BESIDE_METHOD = ("sample_size", "seed", "random_seed")
"""Parameters that a round may also have at the level of ``method``."""

MAX_COLUMNS = 10_000
MAX_NAME_LENGTH = 1_000


class ParametersIn(StrictSchema):
    """The parameters of a method; a subclass for each is made from its declaration."""

    declaration: ClassVar[MethodDeclaration]

    def reshape(self, data: Any) -> Any:
        """Give a parameter's older name its present one."""
        return _renamed(data, PARAMETER_ALIASES)

    @validates_schema
    def check_groups(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse parameters that exclude each other, and a group that needs one and has none."""
        declaration = self.declaration
        for group in (*declaration.exactly_one_of, *declaration.at_most_one_of):
            given = [name for name in group if name in data]
            if not given and group in declaration.exactly_one_of:
                raise ValidationError(Message(f"Missing: give {_named(group, 'or')}."), group[0])
            if len(given) > 1:
                message = Message(f"Give only one of {_named(given, 'and')}.")
                raise ValidationError(message, given[1])


class BreakField(fields.Field[int | float | str]):
    """A break between bands: a number, or a number or a date as text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"anyOf": [{"type": "number"}, {"type": "string"}]}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            return check_text(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise invalid("Must be a number or a date as text, not {given}.", given=kind_of(value))
        if not math.isfinite(value):
            raise invalid("Must be a finite number.")
        return value


class BandsIn(StrictSchema):
    """A column whose bands are strata."""

    column = text(1, MAX_NAME_LENGTH, required=True)
    breaks = BoundedList(
        BreakField(),
        required=True,
        least=1,
        most=MAX_BREAKS,
    )
    labels = BoundedList(
        text(1, MAX_LABEL_LENGTH),
        most=MAX_BREAKS + 1,
    )


BANDS = {
    "type": "object",
    "required": ["column", "breaks"],
    "additionalProperties": False,
    "properties": {
        "column": {"type": "string"},
        "breaks": {
            "type": "array",
            "items": {"anyOf": [{"type": "number"}, {"type": "string"}]},
            "minItems": 1,
            "maxItems": MAX_BREAKS,
        },
        "labels": {"type": "array", "items": {"type": "string"}, "maxItems": MAX_BREAKS + 1},
    },
}
"""The JSON schema of :class:`BandsIn`."""


class StrataEntryField(fields.Field[Any]):
    """A column's name, or a column with breaks."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"anyOf": [{"type": "string"}, BANDS]}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, dict):
            return BandsIn().load(value)
        return text(1, MAX_NAME_LENGTH).deserialize(value, attr, data, **kwargs)


SIZE_EXPECTED = 'Must be a whole number, "all" or a percentage such as "10%", not {given}.'


class SizeField(fields.Field[int | str]):
    """A stratum's size: rows, ``"all"`` or a percentage."""

    def __init__(self, **options: Any) -> None:
        described = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}
        super().__init__(metadata=described, **options)

    def deserialize(
        self, value: Any, attr: str | None = None, data: Any = None, **kwargs: Any
    ) -> Any:
        """Refuse null in the field's own words."""
        if value is None:
            raise invalid(SIZE_EXPECTED, given="null")
        return super().deserialize(value, attr, data, **kwargs)

    def _validate(self, value: Any) -> None:
        if not isinstance(value, str):
            super()._validate(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int | str:
        if isinstance(value, str):
            return check_text(value)  # the engine parses it
        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid(SIZE_EXPECTED, given=kind_of(value))
        return StrictInteger().deserialize(value, attr, data, **kwargs)


def _named(names: Sequence[str], last: str) -> str:
    """The names of fields in a message template.

    >>> _named(["sample_size", "sample_percent"], "or")
    '`sample_size` or `sample_percent`'
    """
    return f" {last} ".join(f"`{name}`" for name in names)


def _field(parameter: Parameter, *, required: bool) -> fields.Field[Any]:
    """The marshmallow field of a parameter."""
    options: dict[str, Any] = {
        "required": required,
        "metadata": {"description": parameter.description},
    }
    in_range = validate.Range(
        min=parameter.minimum, max=parameter.maximum, min_inclusive=not parameter.exclusive_minimum
    )
    if parameter.type == "integer":
        return StrictInteger(validate=in_range, **options)
    if parameter.type == "number":
        return StrictNumber(validate=in_range, **options)
    if parameter.type == "boolean":
        return StrictBoolean(**options)
    if parameter.type == "integer or string":
        return SeedField(allow_none=True, **options)
    if parameter.type == "array of string or bands":
        least, most = parameter.min_length or 0, parameter.max_length or MAX_COLUMNS
        return BoundedList(StrataEntryField(), least=least, most=most, **options)
    if parameter.type == "object of size":
        return fields.Dict(
            keys=StrictString(),
            values=SizeField(validate=in_range),
            validate=validate.Length(parameter.min_length, parameter.max_length),
            **options,
        )
    if parameter.choices:
        return StrictString(validate=validate.OneOf(parameter.choices), **options)
    return text(1, MAX_NAME_LENGTH, **options)


def _parameters_schema(declaration: MethodDeclaration) -> type[ParametersIn]:
    """The schema of a method's parameters, ``StratifiedParametersIn`` for ``stratified``."""
    in_groups = {name for group in declaration.exactly_one_of for name in group}
    members: dict[str, Any] = {
        parameter.name: _field(
            parameter, required=parameter.required and parameter.name not in in_groups
        )
        for parameter in (*declaration.parameters, *declaration.superseded)
    }
    members["declaration"] = declaration
    members["__doc__"] = f"Parameters of ``{declaration.name}``."
    return type(
        f"{declaration.name.title().replace('_', '')}ParametersIn", (ParametersIn,), members
    )


class SelectionIn(StrictSchema):
    """Which columns the sample shows of the drawn rows, and in which order."""

    columns = BoundedList(text(1, 1000), most=MAX_COLUMNS)
    order_by = text(1, 1000, allow_none=True)
    order_desc = StrictBoolean()


class RoundIn(StrictSchema):
    """The fields of every round."""

    round_number = StrictInteger(
        validate=validate.Range(min=1, max=MAX_ROUNDS),
        description="Its place, from 1; may be left out.",
    )
    output_name = name_text(200, allow_none=True)
    filters = FiltersField(allow_none=True)
    selection = fields.Nested(SelectionIn, allow_none=True)

    @validates_schema(skip_on_field_errors=True)
    def fits_its_stages(self, data: dict[str, Any], **_: Any) -> None:
        """Stages are the first and the other rows of a random round."""
        goal = data.get("goal") or {}
        if "accept" not in goal:
            return
        size = data["parameters"].get("sample_size")
        problem = None
        if not method_class(data["method"]).has_stages:
            problem = Message("Two stages are drawn at random: leave it out.")
        elif goal.get("first_stage", 1) >= (size or 0):
            problem = Message("Stage 1 must have fewer rows than `sample_size`.")
        if problem is not None:
            name = "accept" if "first_stage" not in goal else "first_stage"
            raise ValidationError({"goal": {name: [problem]}})
        if "first_stage" not in goal:
            raise ValidationError({"goal": {"first_stage": [Message("Missing.")]}})
        if (data.get("selection") or {}).get("order_by"):
            message = Message("Two stages are listed in the order of the draw: leave it out.")
            raise ValidationError({"selection": {"order_by": [message]}})

    @validates_schema(skip_on_field_errors=True)
    def fits_its_likelihood(self, data: dict[str, Any], **_: Any) -> None:
        """Money has no hypergeometric likelihood, by which the sample would be evaluated."""
        goal = data.get("goal") or {}
        is_money = method_class(data["method"]).selects_money
        if is_money and goal.get("likelihood") == "hypergeometric":
            raise ValidationError({"goal": {"likelihood": [Message(OF_ROWS)]}})


def _round_schema(method: type[Method]) -> type[RoundIn]:
    """The schema of a method's rounds, ``StratifiedRoundIn`` for ``stratified``."""
    declaration = method.declaration
    names = (declaration.name, *method.other_names)
    members: dict[str, Any] = {
        "method": StrictString(required=True, validate=validate.OneOf(names)),
        "parameters": fields.Nested(_parameters_schema(declaration), required=True),
    }
    members["goal"] = fields.Nested(
        body_schema(
            GoalRequest if method.has_margin_of_error or method.selects_money else FigureGoalRequest
        ),
        allow_none=True,
        metadata={"description": "What the size is for; it is recorded and draws no row."},
    )
    return type(f"{declaration.name.title().replace('_', '')}RoundIn", (RoundIn,), members)


def _round_schemas() -> dict[str, type[RoundIn]]:
    """The schema of each method under each of its names."""
    schemas = {}
    for method in METHOD_CLASSES:
        schema = _round_schema(method)
        for name in (method.declaration.name, *method.other_names):
            schemas[name] = schema
    return schemas


class AnyRoundIn(OneOfSchema):
    """A round, of the shape that its method has."""

    type_field = "method"
    type_field_remove = False
    type_schemas = _round_schemas()

    def _load(self, data: Any, **kwargs: Any) -> Any:
        if not isinstance(data, dict):
            raise invalid("Must be an object, not {given}.", given=kind_of(data))
        method = data.get("method")
        if not isinstance(method, str) or method not in self.type_schemas:
            raise ValidationError({"method": [_no_method(method)]})
        return super()._load(moved_inside(data), **kwargs)  # type: ignore[no-untyped-call]


def _no_method(given: Any) -> Message:
    """The message on a method that there isn't, with the names of all."""
    names = [description.name for description in METHODS]
    if isinstance(given, str):
        choices = choices_sentence(given[:50], names)
        message = 'There is no method "{given}". {choices}'
        return Message(message, given=given[:50], choices=choices)
    problem = "Missing" if given is None else "Must be a text, not {kind}"
    return Message(
        f"{problem}. Methods are: {{known}}.", known=", ".join(names), kind=kind_of(given)
    )


def moved_inside(data: dict[str, Any]) -> dict[str, Any]:
    """Move parameters at the level of ``method`` into ``parameters``."""
    outside = {name: data[name] for name in BESIDE_METHOD if name in data}
    if not outside or not isinstance(data.get("parameters", {}), dict):
        return data
    rest = {name: value for name, value in data.items() if name not in outside}
    outside = {name: value for name, value in outside.items() if value is not None}
    parameters = data.get("parameters", {})
    twice = [name for name in outside if parameters.get(name) is not None]
    if twice:
        message = Message("Given twice: next to `method` and in `parameters`.")
        raise ValidationError({twice[0]: [message]})
    return {**rest, "parameters": {**parameters, **outside}}


def _renamed(data: Any, aliases: dict[str, str]) -> Any:
    if not isinstance(data, dict):
        return data
    for alias, name in aliases.items():
        if data.get(alias) is None:
            data = {key: value for key, value in data.items() if key != alias}
        elif data.get(name) is not None:
            message = Message(f"The same as `{name}`, which is given, too.")
            raise ValidationError({alias: [message]})
    return {
        **{name: value for name, value in data.items() if name not in aliases},
        **{aliases[name]: value for name, value in data.items() if name in aliases},
    }
