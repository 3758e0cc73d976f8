"""A round's filter as JSON: an expression, conditions with their logic, or a list of conditions.

A loaded filter is ``{"expression": …}`` or ``{"conditions": […], "logic": …}``; the engine checks
its columns and values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marshmallow import fields, validate

from contract.requests.tables import MAX_EXPRESSION_LENGTH
from http_api.schemas.base import StrictSchema, text
from http_api.schemas.fields import BoundedList, StrictString, check_text, invalid, kind_of

MAX_CONDITIONS = 1_000
PARTS = ("expression", "conditions", "logic")


class AnyValue(fields.Field[Any]):
    """A condition's value: a text, a number, true or false, null, or a list of those."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                check_text(item)
            elif item is not None and not isinstance(item, bool | int | float):
                raise invalid(
                    "Must be a text, a number, true, false or null, not {given}.",
                    given=kind_of(item),
                )
        return value


class ConditionIn(StrictSchema):
    column = text(1, 1000, required=True)
    operator = text(1, 50, required=True)
    value = AnyValue(allow_none=True)


class ConditionsIn(StrictSchema):
    conditions = BoundedList(
        fields.Nested(ConditionIn), required=True, least=1, most=MAX_CONDITIONS
    )
    logic = StrictString(load_default="AND", validate=validate.OneOf(("AND", "OR")))


class ExpressionIn(StrictSchema):
    expression = text(1, MAX_EXPRESSION_LENGTH, required=True)


_CONDITIONS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "column": {"type": "string"},
            "operator": {"type": "string"},
            "value": {"description": "A text, number, true, false, or a list of those."},
        },
        "required": ["column", "operator"],
        "additionalProperties": False,
    },
}
SHAPES: list[dict[str, Any]] = [
    {
        "type": "object",
        "properties": {"expression": {"type": "string"}},
        "required": ["expression"],
    },
    {
        "type": "object",
        "properties": {
            "conditions": _CONDITIONS,
            "logic": {"type": "string", "enum": ["AND", "OR"]},
        },
        "required": ["conditions"],
    },
    _CONDITIONS,
    {"type": "null"},
]
"""A filter's JSON Schema."""


class FiltersField(fields.Field[dict[str, Any]]):
    """``{"expression"}``, ``{"conditions", "logic"}`` or a list of conditions joined by AND."""

    description = (
        'An expression such as {"expression": "age > 18"}, conditions with their logic, or a list '
        "of conditions that must all hold."
    )
    shapes: Sequence[dict[str, Any]] = SHAPES

    def __init__(self, **options: Any) -> None:
        super().__init__(
            metadata={"description": self.description, "anyOf": self.shapes},
            **options,
        )

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> dict[str, Any]:
        if isinstance(value, list):
            value = {"conditions": value}
        if not isinstance(value, dict):
            raise invalid("Must be an object or a list, not {given}.", given=kind_of(value))
        value = {key: part for key, part in value.items() if key not in PARTS or part is not None}
        schema = ExpressionIn() if "expression" in value else ConditionsIn()
        loaded: dict[str, Any] = schema.load(value)
        return loaded
