"""Fields of responses: required, with a description for the API's document."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from marshmallow import fields


def _options(description: str | None, null: bool, more: dict[str, Any]) -> dict[str, Any]:
    metadata = more.pop("metadata", {})
    if description is not None:
        metadata = {"description": description, **metadata}
    return {"required": True, "allow_none": null, "metadata": metadata, **more}


def string(description: str | None = None, *, null: bool = False, **more: Any) -> fields.String:
    """A text; ``null`` says whether it may be null, as in all functions here."""
    return fields.String(**_options(description, null, more))


def integer(description: str | None = None, *, null: bool = False, **more: Any) -> fields.Integer:
    """A whole number."""
    return fields.Integer(**_options(description, null, more))


def number(description: str | None = None, *, null: bool = False, **more: Any) -> fields.Float:
    """A number."""
    return fields.Float(**_options(description, null, more))


def boolean(description: str | None = None, *, null: bool = False, **more: Any) -> fields.Boolean:
    """A true or false."""
    return fields.Boolean(**_options(description, null, more))


def raw(description: str | None = None, *, null: bool = False, **more: Any) -> fields.Raw:
    """A value of several types."""
    return fields.Raw(**_options(description, null, more))


def json_object(description: str | None = None, *, null: bool = False, **more: Any) -> fields.Dict:
    """An object of any fields."""
    return fields.Dict(**_options(description, null, more))


def nested(
    schema: type[Schema], description: str | None = None, *, null: bool = False
) -> fields.Nested:
    """An object."""
    return fields.Nested(schema, **_options(description, null, {}))


def list_of(
    item: type[Schema] | fields.Field[Any],
    description: str | None = None,
    *,
    null: bool = False,
    **more: Any,
) -> fields.List[Any]:
    """A list of objects or of values."""
    inner = item if isinstance(item, fields.Field) else fields.Nested(item)
    return fields.List(inner, **_options(description, null, more))
