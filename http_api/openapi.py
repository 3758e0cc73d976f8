"""The OpenAPI document and its page, served by this process alone.

Guarantees that the document is valid and describes every body that the API accepts or returns.
Derived from declarations elsewhere: export formats, aliases, the profile's dataclasses.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from functools import partial, reduce
from importlib.util import find_spec
from operator import or_
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

from apiflask import APIFlask
from apispec.ext.marshmallow.common import make_schema_key, resolve_schema_instance
from apispec_oneofschema import MarshmallowPlugin
from flask import Request, Response, request, send_from_directory
from werkzeug.routing import MapAdapter

from application.job_submission import MAX_IDEMPOTENCY_KEY
from application.profiling import ProfileResult, TableAnalysis
from contract.answers import JsonOf, answer_fields
from http_api.access import without_query
from http_api.routes.submissions import HEADER
from http_api.schemas.rounds import BESIDE_METHOD, OF_A_ROUND, PARAMETER_ALIASES
from http_api.server.problems import PROBLEM, ProblemJson
from parquet_tables.exports import MEDIA_TYPES
from service.tables.reports import JobReport

REFERENCE = "#/components/schemas/"
Object = dict[Any, Any]

_TEXT = {"type": "string"}
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


def schemas_of(*answers: type[Any]) -> Object:
    """JSON Schema of dataclasses and TypedDicts, and of their parts, by name.

    A field of a dataclass that may be None is omitted from its JSON, so it isn't required.
    """
    schemas: Object = {}
    for answer in answers:
        _add_schema(answer, schemas)
    return schemas


def _add_schema(answer: type[Any], schemas: Object) -> None:
    name = answer.__name__.removesuffix("Json")
    if name in schemas:
        return
    schema = schemas[name] = {"type": "object", "properties": {}}
    if not is_dataclass(answer):
        schema["description"] = answer.__doc__
    hints = get_type_hints(answer, include_extras=True)
    required = []
    for own in answer_fields(answer):
        kinds = get_args(hints[own.name])
        is_omitted = is_dataclass(answer) and (NoneType in kinds or hints[own.name] is Any)
        kind = hints[own.name]
        if is_omitted and kinds:
            kind = reduce(or_, [part for part in kinds if part is not NoneType])
        described = {"description": own.help} if own.help else {}
        schema["properties"][own.key] = _schema(kind, schemas) | described
        if not is_omitted and get_origin(kind) is not NotRequired:
            required.append(own.key)
    if required:
        schema["required"] = required


def _schema(kind: Any, schemas: Object) -> Object:
    if kind is Any:
        return {}
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return {"type": "string", "enum": list(arguments)}
    if origin in (Annotated, NotRequired):
        of_json = [mark.type for mark in arguments[1:] if isinstance(mark, JsonOf)]
        return _schema((*of_json, arguments[0])[0], schemas)
    if origin in (tuple, Sequence):
        return {"type": "array", "items": _schema(arguments[0], schemas)}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _schema(arguments[1], schemas)}
    if origin in (Union, UnionType):
        return {"anyOf": [_schema(part, schemas) for part in arguments]}
    _add_schema(kind, schemas)
    return {"$ref": f"{REFERENCE}{kind.__name__.removesuffix('Json')}"}


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
        "maxLength": MAX_IDEMPOTENCY_KEY,
        "pattern": "^[ -~]+$",
    },
    "description": "The same key and request give the same job for a day; another request with "
    "the same key is a 409. Printable ASCII.",
}
UNTYPED = {
    "get_profiling_job_result": "ProfileResult",
    "get_dataset_ref_table_analysis": "TableAnalysis",
    "get_exploration_job_result": "JobReport",
}
"""Operations with a response that has no marshmallow schema."""
CALCULATED = {
    "/api/audit/combined-evaluation/paper": "calculate_audit_combined_evaluation_paper",
}
"""Operations of papers that aren't issued, whose paths give the names of those that are."""
OR_JSON = "x-or-json"
"""Marks the schema of a form with the one of the JSON that may be sent instead, until the document
is complete.
"""
FILE = {"type": "string", "format": "binary"}
CODE_FORMATS = ("r", "stata", "sas", "python")
"""Formats of a design that are code."""


VERBS = {"get": "get", "post": "create", "put": "set", "patch": "update", "delete": "delete"}
_PLAIN_ACTIONS = (
    "attach cancel compare import preview prune query restore retry rotate run search test"
)
ACTIONS = {name: name for name in _PLAIN_ACTIONS.split()} | {
    "send-again": "resend",
    "login": "log_in",
    "logout": "log_out",
}
"""Last parts of paths that say what is done, with their verbs."""
NO_PLURALS = ("analysis", "metrics")


def operation_id(method: str, path: str) -> str:
    """Name an operation by a verb and the nouns of its path.

    >>> operation_id("get", "/api/jobs"), operation_id("get", "/api/jobs/{job_id}/logs")
    ('list_jobs', 'list_job_logs')
    >>> operation_id("post", "/api/jobs"), operation_id("post", "/api/jobs/{job_id}/cancel")
    ('create_job', 'cancel_job')
    """
    path = path.removeprefix("/api").replace("/users/me/", "/my/").replace("/users/me", "/me")
    parts = path.strip("/").split("/")
    verb = ACTIONS.get(parts[-1], VERBS[method])
    if is_action := parts[-1] in ACTIONS:
        parts = parts[:-1]
    names = [
        singular(name) if follower.startswith("{") else name
        for name, follower in zip(parts, [*parts[1:], ""], strict=False)
        if not name.startswith("{")
    ]
    is_many = bool(names) and not parts[-1].startswith("{") and singular(names[-1]) != names[-1]
    if is_many and method == "get" and not is_action:
        verb = "list"
    elif is_many and verb == "create":
        names[-1] = singular(names[-1])
    return "_".join((verb, *names)).replace("-", "_")


def singular(noun: str) -> str:
    """A noun of a path for one thing.

    >>> [singular(noun) for noun in ("jobs", "summaries", "analysis")]
    ['job', 'summary', 'analysis']
    """
    if noun in NO_PLURALS or not noun.endswith("s"):
        return noun
    return f"{noun[:-3]}y" if noun.endswith("ies") else noun[:-1]


def complete(document: Object) -> Object:
    """Complete a generated document in place."""
    schemas: Object = document["components"]["schemas"]
    schemas |= schemas_of(ProblemJson, ProfileResult, TableAnalysis, JobReport)
    schemas["Accuracy"]["properties"]["relative_error"] = {"type": "number"}
    document["tags"] = list({tag["name"]: tag for tag in document["tags"]}.values())
    for schema in schemas.values():
        _clean_one_of(schema)
    _add_aliases(schemas)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in VERBS:
                operation["operationId"] = CALCULATED.get(path) or operation_id(method, path)
    for operation in operations(document):
        name = UNTYPED.get(operation["operationId"])
        if name is not None:
            schema = operation["responses"]["200"]["content"]["application/json"]
            known = [schema["schema"]] if schema.get("schema") else []
            reference = {"$ref": f"{REFERENCE}{name}"}
            schema["schema"] = {"anyOf": [*known, reference]} if known else reference
        content = operation.get("requestBody", {}).get("content", {})
        if form := content.get("multipart/form-data"):
            of_form = schemas[form["schema"]["$ref"].removeprefix(REFERENCE)]
            if OR_JSON in of_form:
                content["application/json"] = {"schema": of_form[OR_JSON]}
        _complete_operation(operation)
    for schema in schemas.values():
        schema.pop(OR_JSON, None)
    return document


def operations(document: Object) -> Iterator[Object]:
    """Yield every operation of a document."""
    for path in document["paths"].values():
        for method, operation in path.items():
            if method != "parameters":
                yield operation


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
            if given.get("$ref") == f"{REFERENCE}SampleQuestionsOut":
                content["application/xml"] = {"schema": _TEXT}
            for name in parameter["schema"]["enum"]:
                if name not in ("json", "label_studio"):  # whose tasks are JSON, too
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
        """Let one thread build the document, which takes 0.6 s, when it is first requested."""
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
        register = partial(super()._register_schema_and_get_ref, spec, registered_schema_classes)
        reference: dict[str, str] = register(schema_obj)
        or_json = getattr(schema_obj, "or_json", None)
        if or_json is not None:  # complete() adds it to the operation
            name = reference["$ref"].removeprefix(REFERENCE)
            spec.components.schemas[name][OR_JSON] = register(or_json())
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
    package = find_spec("flask_swagger_ui")
    assert package is not None  # noqa: S101 - it is required
    assert package.origin is not None  # noqa: S101 - it is a folder with code
    dist = Path(package.origin).parent / "dist"

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
