"""The JSON Schema of a profile for OpenAPI, derived from the profile's dataclasses.

Fields that may be None are omitted from the JSON, so they aren't required.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from profiling_engine.columns.profile import Accuracy, TableProfile

Schemas = dict[str, dict[str, Any]]
PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}


def profile_schemas(reference: str) -> Schemas:
    """The schemas of a profile and its parts by name; ``reference`` is the prefix of references."""
    found: Schemas = {}
    _add(TableProfile, found, reference)
    found[Accuracy.__name__]["properties"]["relative_error"] = {"type": "number"}
    return found


def _add(part: type[Any], found: Schemas, reference: str) -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    found[part.__name__] = schema
    hints = get_type_hints(part)
    for field in fields(part):
        schema["properties"][field.name] = _schema(hints[field.name], found, reference)
    required = [field.name for field in fields(part) if not _may_be_none(hints[field.name])]
    if required:
        schema["required"] = required


def _schema(kind: Any, found: Schemas, reference: str) -> dict[str, Any]:
    if kind is Any:
        return {}
    if kind in PLAIN:
        return {"type": PLAIN[kind]}
    if is_dataclass(kind) and isinstance(kind, type):
        if kind.__name__ not in found:
            _add(kind, found, reference)
        return {"$ref": f"{reference}{kind.__name__}"}
    arguments = get_args(kind)
    if get_origin(kind) is Literal:
        return {"type": "string", "enum": list(arguments)}
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _schema(arguments[0], found, reference)}
    assert get_origin(kind) in (Union, UnionType)  # noqa: S101 - a profile has no other types
    known = [_schema(part, found, reference) for part in arguments if part is not NoneType]
    return known[0] if len(known) == 1 else {"anyOf": known}


def _may_be_none(kind: Any) -> bool:
    return kind is Any or NoneType in get_args(kind)
