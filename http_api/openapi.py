"""The OpenAPI document and its page, both served from this process alone."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from apiflask import APIFlask
from apispec.ext.marshmallow.common import make_schema_key, resolve_schema_instance
from apispec_oneofschema import MarshmallowPlugin
from flask import Response, send_from_directory

ASSETS = "/api/docs/assets"


class DocumentedApp(APIFlask):
    """An app whose document gives each schema one name."""

    def __init__(self, **options: Any) -> None:
        super().__init__("http_api", spec_plugins=[MarshmallowPlugin()], **options)

    def _register_schema_and_get_ref(
        self, spec: Any, registered_schema_classes: dict[int, str], schema_obj: Any
    ) -> dict[str, str]:
        """Look a schema up first: APIFlask 3.1 adds one again that was met nested in another."""
        known = self._ma_plugin.converter.refs.get(  # type: ignore[union-attr]
            make_schema_key(resolve_schema_instance(schema_obj))
        )
        if known is not None:
            return {"$ref": f"#/components/schemas/{known}"}
        reference: dict[str, str] = super()._register_schema_and_get_ref(
            spec, registered_schema_classes, schema_obj
        )
        return reference


def register(app: APIFlask) -> None:
    """Serve the page's assets and finish the document."""
    app.config["SWAGGER_UI_CSS"] = f"{ASSETS}/swagger-ui.css"
    app.config["SWAGGER_UI_BUNDLE_JS"] = f"{ASSETS}/swagger-ui-bundle.js"
    app.config["SWAGGER_UI_STANDALONE_PRESET_JS"] = f"{ASSETS}/swagger-ui-standalone-preset.js"
    app.config["DOCS_FAVICON"] = f"{ASSETS}/favicon-32x32.png"
    dist = Path(str(files("flask_swagger_ui"))) / "dist"

    @app.get(f"{ASSETS}/<path:name>")
    @app.doc(hide=True)
    def docs_asset(name: str) -> Response:
        return send_from_directory(dist, name, max_age=3600)

    app.spec_processor(finish)


def finish(document: dict[Any, Any] | str) -> dict[Any, Any] | str:
    """Mend what the generator leaves loose.

    Beside ``oneOf`` it leaves the keys of the base schema, which would contradict it; and it never
    says that a request body must be there.
    """
    if isinstance(document, str):
        return document
    for schema in document.get("components", {}).get("schemas", {}).values():
        if "oneOf" in schema:
            for stray in ("type", "properties", "additionalProperties", "required"):
                schema.pop(stray, None)
    for path in document.get("paths", {}).values():
        for operation in path.values():
            if isinstance(operation, dict) and "requestBody" in operation:
                operation["requestBody"].setdefault("required", True)
    return document
