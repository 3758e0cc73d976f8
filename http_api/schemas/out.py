"""Fields of responses: required, with a description for the API's document.

Each takes the description, ``null`` for a field that may be null, and marshmallow's options.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from apiflask import Schema
from marshmallow import fields

Field = TypeVar("Field", bound=fields.Field[Any])


def _required(kind: Callable[..., Field]) -> Callable[..., Field]:
    def field(description: str | None = None, *, null: bool = False, **options: Any) -> Field:
        if description is not None:
            options["metadata"] = {"description": description, **options.get("metadata", {})}
        return kind(**{"required": True, "allow_none": null, **options})

    return field


string = _required(fields.String)
integer = _required(fields.Integer)
number = _required(fields.Float)
boolean = _required(fields.Boolean)
raw = _required(fields.Raw)
json_object = _required(fields.Dict)


def nested(schema: type[Schema], *description: str | None, **options: Any) -> fields.Nested:
    """An object."""
    return _required(lambda **given: fields.Nested(schema, **given))(*description, **options)


def list_of(
    item: type[Schema] | fields.Field[Any], *description: str | None, **options: Any
) -> fields.List[Any]:
    """A list of objects or of values."""
    inner = item if isinstance(item, fields.Field) else fields.Nested(item)
    return _required(lambda **given: fields.List(inner, **given))(*description, **options)
