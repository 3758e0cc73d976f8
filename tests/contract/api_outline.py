"""The outline of the OpenAPI document: a sorted line for each operation, parameter and field.

``python -m tests.contract.api_outline`` records the outline of this version in
``tests/contract/recorded/api.txt``; a test compares the two.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from service.settings import Settings
from tests.support.live_server import live_server

RECORDED = Path(__file__).parent / "recorded" / "api.txt"
METHODS = ("get", "post", "put", "patch", "delete")
REFERENCE = "#/components/schemas/"
FOLLOWED = ("properties", "required", "items", "anyOf", "oneOf", "$ref", "description")
"""Keywords that become lines or the end of a line; the others are written as they are."""


def outline(document: Mapping[str, Any]) -> list[str]:
    """List the operations, the parameters, and the fields of each schema that bodies refer to.

    A line has the place, the type, ``required``, the other keywords of JSON Schema, and the
    description. A schema is named once, so a field that ten operations share is one line.
    """
    lines = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method in METHODS:
                lines += _operation(f"{method.upper()} {path}", operation)
    for name, schema in document["components"]["schemas"].items():
        lines += _fields(f"schema {name}", schema)
    return sorted(set(lines))


def _operation(place: str, operation: Mapping[str, Any]) -> Iterator[str]:
    """Describe an operation: its names, parameters, bodies and answers."""
    said = {
        name: value
        for name, value in operation.items()
        if name not in ("parameters", "requestBody", "responses")
    }
    yield f"{place} {_plain(said)}"
    for parameter in operation.get("parameters", ()):
        schema = {**parameter["schema"], "description": parameter.get("description", "")}
        extra = {
            name: value
            for name, value in parameter.items()
            if name not in ("in", "name", "schema", "required", "description")
        }
        at = f"{place} {parameter['in']} {parameter['name']}"
        yield from _fields(at, schema | extra, required=parameter.get("required", False))
    body = operation.get("requestBody", {})
    for media_type, content in body.get("content", {}).items():
        at = f"{place} body {media_type}"
        yield from _fields(at, content.get("schema", {}), required=body.get("required", False))
    for status, response in operation["responses"].items():
        if not response.get("content"):
            yield f"{place} answer {status}"
        for media_type, content in response.get("content", {}).items():
            yield from _fields(f"{place} answer {status} {media_type}", content.get("schema", {}))


def _fields(place: str, schema: Any, *, required: bool = False) -> Iterator[str]:
    """Describe a schema, and the fields in it."""
    if not isinstance(schema, Mapping):  # as additionalProperties: false
        yield f"{place}: {_plain(schema)}"
        return
    rest = {name: value for name, value in schema.items() if name not in FOLLOWED}
    parts = schema.get("anyOf", ())
    if all(set(part) == {"type"} for part in parts):  # integer, string or null
        types, parts = [part["type"] for part in parts], ()
    else:
        types = []
    kinds = rest.pop("type", types)
    kind = kinds if isinstance(kinds, str) else " or ".join(kinds)
    nested = rest.pop("additionalProperties", None)
    words = [
        f"{place}:",
        schema.get("$ref", "").removeprefix(REFERENCE),
        kind,
        "required" if required else "",
        _plain(rest) if rest else "",
        f"— {schema['description']}" if schema.get("description") else "",
    ]
    yield " ".join(word for word in words if word).replace("\n", "\\n")
    if nested is not None:
        yield from _fields(f"{place}.*", nested)
    if "items" in schema:
        yield from _fields(f"{place}[]", schema["items"])
    for keyword, variants in (("anyOf", parts), ("oneOf", schema.get("oneOf", ()))):
        for ordinal, part in enumerate(variants, 1):
            yield from _fields(f"{place} {keyword} {ordinal}", part)
    for name, field in schema.get("properties", {}).items():
        is_required = name in schema.get("required", ())
        yield from _fields(f"{place}.{name}", field, required=is_required)


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def record() -> None:
    """Record the outline of this version."""
    with (
        tempfile.TemporaryDirectory() as folder,
        live_server(Settings(data_dir=Path(folder) / "data")) as server,
    ):
        document = server.admin.get("/api/openapi.json").json()
    RECORDED.write_text("\n".join(outline(document)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
