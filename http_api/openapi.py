"""The OpenAPI document and its page, served by this process alone.

Guarantees that the document is valid and describes every body that the API accepts or returns.
Derived from declarations elsewhere: export formats, aliases, the profile's dataclasses.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from apiflask import APIFlask
from apispec.ext.marshmallow.common import make_schema_key, resolve_schema_instance
from apispec_oneofschema import MarshmallowPlugin
from flask import Request, Response, request, send_from_directory
from werkzeug.routing import MapAdapter

from application.job_submission import MAX_KEY_LENGTH
from http_api.access import without_query
from http_api.routes.submissions import HEADER
from http_api.schemas.rounds import BESIDE_METHOD, OF_A_ROUND, PARAMETER_ALIASES
from http_api.server.problems import PROBLEM
from parquet_tables.exports import MEDIA_TYPES
from service.tables.profile_schema import profile_schemas

REFERENCE = "#/components/schemas/"
Object = dict[Any, Any]

_TEXT = {"type": "string"}
PROBLEM_SCHEMA: Object = {
    "type": "object",
    "description": "An error (RFC 9457). Status 422 always has `errors`.",
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence for people."},
        "code": {"type": "string", "description": "Stable."},
        "request_id": _TEXT,
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "loc": {
                        "type": "array",
                        "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                    },
                    "msg": {"type": "string", "description": "The rendered sentence."},
                    "type": _TEXT,
                    "template": {
                        "type": "string",
                        "description": "The sentence with API fields in backticks and the names "
                        "of parameters in braces.",
                    },
                    "parameters": {
                        "type": "object",
                        "description": "The values of the template by name.",
                        "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
                    },
                },
                "required": ["loc", "msg", "type", "template", "parameters"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "code", "request_id"],
}
PROBLEM_ANSWER = {
    "description": "A problem document",
    "content": {PROBLEM: {"schema": {"$ref": f"{REFERENCE}Problem"}}},
}
IDEMPOTENCY_KEY = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_KEY_LENGTH,
        "pattern": "^[ -~]+$",
    },
    "description": "The same key and request give the same job for a day; another request with "
    "the same key is a 409. Printable ASCII.",
}
UNTYPED = {
    "get_profiling_result": "ProfileResult",
    "get_profiling_table_analysis": "TableAnalysis",
    "get_explorations_result": "Report",
}
"""Operations with a response that has no marshmallow schema."""
OR_JSON = {
    "post_imports_import_file": "UriImportIn",
    "post_imports_preview": "UriPreviewIn",
    "post_imports_first_preview": "UriPreviewIn",
}
"""Operations that take a form, or JSON of this schema."""
FILE = {"type": "string", "format": "binary"}
CODE_FORMATS = ("r", "stata", "sas", "python")
"""Formats of a design that are code."""


def complete(document: Object) -> Object:
    """Complete a generated document in place."""
    schemas: Object = document["components"]["schemas"]
    schemas["Problem"] = PROBLEM_SCHEMA
    schemas |= profile_schemas(REFERENCE)
    schemas |= _results(schemas["TableProfile"])
    document["tags"] = list({tag["name"]: tag for tag in document["tags"]}.values())
    for schema in schemas.values():
        _clean_one_of(schema)
    _add_aliases(schemas)
    for operation in operations(document):
        name = UNTYPED.get(operation["operationId"])
        if name is not None:
            schema = operation["responses"]["200"]["content"]["application/json"]
            known = [schema["schema"]] if schema.get("schema") else []
            reference = {"$ref": f"{REFERENCE}{name}"}
            schema["schema"] = {"anyOf": [*known, reference]} if known else reference
        if (name := OR_JSON.get(operation["operationId"])) is not None:
            body = {"schema": {"$ref": f"{REFERENCE}{name}"}}
            operation["requestBody"]["content"]["application/json"] = body
        _complete_operation(operation)
    return document


def operations(document: Object) -> Iterator[Object]:
    """Yield every operation of a document."""
    for path in document["paths"].values():
        for method, operation in path.items():
            if method != "parameters":
                yield operation


def _results(profile: Object) -> Object:
    """Build the schemas of responses with a profile."""
    own: Object = {"dataset_id": {"type": "integer"}, "commit_id": _TEXT, "table_key": _TEXT}
    hints = {"type": "object", "description": "Columns that suit a sampling design."}
    table: Object = {
        "type": "object",
        "properties": {**own, **profile["properties"], "hints": hints},
        "required": [*own, *profile["required"], "hints"],
    }
    of_job = {
        **table,
        "properties": {"job_id": _TEXT, **table["properties"]},
        "required": ["job_id", *table["required"]],
    }
    rows = {
        "type": "object",
        "properties": {
            "columns": {"type": "array", "items": _TEXT},
            "positions": {"type": "array", "items": {"type": "integer"}},
            "rows": {"type": "array", "items": {"type": "array", "items": {}}},
        },
        "required": ["columns", "positions", "rows"],
    }
    some = {"type": ["object", "null"]}
    parts = {
        "version": _TEXT,
        "job_id": _TEXT,
        "dataset_id": {"type": "integer"},
        "overview": {"type": "object"},
        "profile": {"$ref": f"{REFERENCE}TableProfile"},
        "correlations": {"type": "object"},
        "missing": some,
        "repeated_rows": {"anyOf": [{"$ref": f"{REFERENCE}Figure"}, {"type": "null"}]},
        **dict.fromkeys(("head", "tail", "sample"), rows),
        "hints": hints,
        "comparison": some,
    }
    report = {"type": "object", "properties": parts, "required": list(parts)}
    return {"TableAnalysis": table, "ProfileResult": of_job, "Report": report}


def _clean_one_of(schema: Object) -> None:
    """Remove the generator's other keys next to ``oneOf``, and duplicates in it."""
    if "oneOf" not in schema:
        return
    for stray in ("type", "properties", "additionalProperties", "required"):
        schema.pop(stray, None)
    schema["oneOf"] = list({one["$ref"]: one for one in schema["oneOf"]}.values())


def _complete_operation(operation: Object) -> None:
    """Add what every operation has; a view's docstring is its summary and description."""
    operation["summary"] = operation["summary"].removesuffix(".")
    if "description" in operation:
        operation["description"] = " ".join(operation["description"].split())
    operation["responses"] |= {"4XX": PROBLEM_ANSWER, "5XX": PROBLEM_ANSWER}
    if "requestBody" in operation:
        operation["requestBody"].setdefault("required", True)
    content = operation["responses"]["200"].get("content", {})
    given = content.get("application/json", {}).get("schema", {})
    if given.get("$ref") == f"{REFERENCE}JobAcceptedOut":
        operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query" and parameter["name"] == "format":
            for name in parameter["schema"]["enum"]:
                if name != "json":
                    content[_media_type(name)] = {"schema": FILE if name != "html" else _TEXT}


def _media_type(export_format: str) -> str:
    of_format = {"html": "text/html"} | dict.fromkeys(CODE_FORMATS, "text/plain")
    of_format |= {str(name): kind for name, kind in MEDIA_TYPES.items()}
    return of_format[export_format].partition(";")[0]


def _add_aliases(schemas: Object) -> None:
    """Add the parameter names of older clients.

    A name with an alias isn't ``required``, since either of the two will do.
    """
    for schema in [one for name, one in schemas.items() if name.endswith("ParametersIn")]:
        for alias, name in PARAMETER_ALIASES.items():
            if name in schema["properties"]:
                schema["properties"][alias] = _older(schema, name)
                _not_required(schema, name)
    top_level = [(name, PARAMETER_ALIASES.get(name, name)) for name in BESIDE_METHOD]
    sizes = schemas["RandomParametersIn"]
    for schema in [one for name, one in schemas.items() if name.endswith("RoundIn")]:
        if "properties" in schema:
            schema["properties"] |= {alias: _older(sizes, name) for alias, name in top_level}
            _not_required(schema, "parameters")
    rounds = [
        schemas[one["$ref"].removeprefix(REFERENCE)] for one in schemas["AnyRoundIn"]["oneOf"]
    ]
    methods = [name for one in rounds for name in one["properties"]["method"]["enum"]]
    parameters = [one["properties"]["parameters"] for one in rounds]
    top = {
        **rounds[0]["properties"],
        "method": {"anyOf": [{"type": "string", "enum": methods}, {"type": "null"}]},
        "parameters": {"anyOf": [*parameters, {"type": "null"}]},
    }
    for body in ("SamplingJobIn", "DrawJobIn", "PlanIn", "AtOnceIn"):
        schema = schemas[body]
        of_a_round = {
            name: {**top[name], "description": "For a single round, instead of `rounds`."}
            for name in OF_A_ROUND
        }
        schema["properties"] = of_a_round | schema["properties"]
        _not_required(schema, "rounds")


def _older(schema: Object, name: str) -> Object:
    """Describe a property under another name."""
    return {**schema["properties"][name], "description": f"The same as `{name}`."}


def _not_required(schema: Object, name: str) -> None:
    left = [one for one in schema.get("required", ()) if one != name]
    schema.pop("required", None)
    if left:
        schema["required"] = left


ASSETS = "/api/docs/assets"


class DocumentedApp(APIFlask):
    """An app that names each schema once in its document."""

    def __init__(self, **options: Any) -> None:
        self._building = threading.Lock()
        super().__init__("http_api", spec_plugins=[MarshmallowPlugin()], **options)

    def _get_spec(self, *given: Any, **options: Any) -> Any:
        """Let one thread build the document, which takes 0.2 s, when it is first requested."""
        with self._building:
            return super()._get_spec(*given, **options)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Ignore a trailing slash, also after a part that may hold slashes, as a table's key."""
        if request is not None:
            path = request.environ["PATH_INFO"]
            if len(path) > 1 and path.endswith("/"):
                request.environ["PATH_INFO"] = path[:-1]
        return super().create_url_adapter(request)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Skip the check for coroutines, which no view is: seven inspections a request."""
        return func

    def _register_schema_and_get_ref(
        self, spec: Any, registered_schema_classes: dict[int, str], schema_obj: Any
    ) -> dict[str, str]:
        """Look a schema up first: APIFlask 3.1 adds nested schemas twice."""
        known = self._ma_plugin.converter.refs.get(  # type: ignore[union-attr]
            make_schema_key(resolve_schema_instance(schema_obj))
        )
        if known is not None:
            return {"$ref": f"#/components/schemas/{known}"}
        or_json = getattr(schema_obj, "or_json", None)
        if or_json is not None:  # in the document, complete() adds it to the operation
            super()._register_schema_and_get_ref(spec, registered_schema_classes, or_json())
        reference: dict[str, str] = super()._register_schema_and_get_ref(
            spec, registered_schema_classes, schema_obj
        )
        return reference


def register(app: APIFlask) -> None:
    """Serve the page's assets and complete the document."""
    app.config["SWAGGER_UI_CSS"] = f"{ASSETS}/swagger-ui.css"
    app.config["SWAGGER_UI_BUNDLE_JS"] = f"{ASSETS}/swagger-ui-bundle.js"
    app.config["SWAGGER_UI_STANDALONE_PRESET_JS"] = f"{ASSETS}/swagger-ui-standalone-preset.js"
    for automatic in ("VALIDATION_ERROR", "AUTH_ERROR", "404"):
        app.config[f"AUTO_{automatic}_RESPONSE"] = False  # ours are problem documents
    app.config["AUTO_OPERATION_ID"] = True
    app.config["SERVERS"] = [{"url": "/"}]
    app.config["DOCS_FAVICON"] = f"{ASSETS}/favicon-32x32.png"
    dist = Path(str(files("flask_swagger_ui"))) / "dist"

    @app.after_request
    def set_page_policy(response: Response) -> Response:
        if request.endpoint == "openapi.docs":
            response.headers["Content-Security-Policy"] = _page_policy(response.get_data(True))
        return response

    @app.get(f"{ASSETS}/<path:name>")
    @app.doc(hide=True)
    def docs_asset(name: str) -> Response:
        return send_from_directory(dist, name, max_age=3600)

    app.spec_processor(finish)
    app.view_functions["openapi.spec"] = without_query(app.view_functions["openapi.spec"])


def _page_policy(page: str) -> str:
    """Allow the page its own files and its inline scripts, by hash."""
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    hashes = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    return (
        f"default-src 'none'; script-src 'self' {' '.join(hashes)}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def finish(document: dict[Any, Any] | str) -> dict[Any, Any] | str:
    """Complete the JSON document; APIFlask passes YAML as text."""
    return document if isinstance(document, str) else complete(document)
