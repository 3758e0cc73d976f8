"""The OpenAPI document and its page, both served from this process alone."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from apiflask import APIFlask
from apispec.ext.marshmallow.common import make_schema_key, resolve_schema_instance
from apispec_oneofschema import MarshmallowPlugin
from flask import Request, Response, request, send_from_directory
from werkzeug.routing import MapAdapter

from http_api.openapi_completion import complete

ASSETS = "/api/docs/assets"


class DocumentedApp(APIFlask):
    """An app whose document gives each schema one name."""

    def __init__(self, **options: Any) -> None:
        super().__init__("http_api", spec_plugins=[MarshmallowPlugin()], **options)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Match an address with a trailing slash as the one without.

        Werkzeug does so by itself, but not behind a part that may hold slashes, as a table's key.
        """
        if request is not None:
            path = request.environ["PATH_INFO"]
            if len(path) > 1 and path.endswith("/"):
                request.environ["PATH_INFO"] = path[:-1]
        return super().create_url_adapter(request)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view here is a coroutine, and looking costs seven inspections a request."""
        return func

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
    for automatic in ("VALIDATION_ERROR", "AUTH_ERROR", "404"):
        app.config[f"AUTO_{automatic}_RESPONSE"] = False  # ours are problem documents
    app.config["AUTO_OPERATION_ID"] = True
    app.config["SERVERS"] = [{"url": "/"}]
    app.config["DOCS_FAVICON"] = f"{ASSETS}/favicon-32x32.png"
    dist = Path(str(files("flask_swagger_ui"))) / "dist"

    @app.after_request
    def let_the_page_run(response: Response) -> Response:
        if request.endpoint == "openapi.docs":
            response.headers["Content-Security-Policy"] = _page_policy(response.get_data(True))
        return response

    @app.get(f"{ASSETS}/<path:name>")
    @app.doc(hide=True)
    def docs_asset(name: str) -> Response:
        return send_from_directory(dist, name, max_age=3600)

    app.spec_processor(finish)


def _page_policy(page: str) -> str:
    """What the page needs: its own files, and the scripts that it holds, each by its hash."""
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
