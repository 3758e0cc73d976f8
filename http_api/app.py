"""The app factory: settings, errors, request ids, routes, documentation."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from typing import cast

from apiflask import APIFlask
from flask import Response, g, request
from werkzeug.routing import IntegerConverter

from application.access import Access
from http_api import openapi
from http_api.routes import (
    administration,
    comparisons,
    datasets,
    exploration,
    imports,
    jobs,
    monitoring,
    profiling,
    sample_rows,
    sampling,
    users,
    versions,
)
from http_api.schemas.fields import MAX_INTEGER
from http_api.server import (
    access_log,
    host_check,
    json,
    problems,
    security_headers,
)
from http_api.server.gauges import measure
from http_api.server.json import OrjsonProvider
from http_api.server.metrics import Metrics
from http_api.server.request_ids import HEADER, request_id
from http_api.server.uploads import UploadRequest
from http_api.state import EXTENSION, ProblemPage, ReportRenderer, ServerState
from job_runner.service import Service
from storage.maintenance.health import WriteProbe, check_writable

MAX_FORM_PARTS = 20
"""An import has two or three; each file is stored on disk."""

BLUEPRINTS = (
    monitoring.blueprint,
    users.sign_in_blueprint,
    monitoring.metrics_blueprint,
    users.blueprint,
    users.tokens_blueprint,
    datasets.blueprint,
    datasets.permissions_blueprint,
    versions.blueprint,
    versions.tables_blueprint,
    imports.blueprint,
    jobs.blueprint,
    sampling.blueprint,
    sample_rows.blueprint,
    sampling.history_blueprint,
    comparisons.blueprint,
    sampling.templates_blueprint,
    exploration.blueprint,
    profiling.blueprint,
    administration.blueprint,
    administration.storage_blueprint,
)


class StorableInteger(IntegerConverter):
    """An id in a path, up to the largest integer of the database."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **{"max": MAX_INTEGER, **options})  # type: ignore[arg-type]


def create_app(
    access: Access, metrics: Metrics, render_report: ReportRenderer, problem_page: ProblemPage
) -> APIFlask:
    """Build the WSGI app of a service."""
    service = access.service
    app = openapi.DocumentedApp(
        static_folder=None,
        title="jobsvc",
        version=version("jobsvc"),
        spec_path="/api/openapi.json",
        docs_path="/api/docs",
        docs_oauth2_redirect_path=None,
    )
    app.request_class = UploadRequest
    app.url_map.strict_slashes = False
    app.url_map.converters["int"] = StorableInteger
    app.json = OrjsonProvider(app)
    app.extensions[EXTENSION] = ServerState(
        access=access,
        metrics=metrics,
        write_probe=WriteProbe(partial(check_writable, service.database)),
        render_report=render_report,
        problem_page=problem_page,
    )
    measure(metrics.registry, service, access.work_limits)
    problems.register(app)
    json.register()
    _add_request_ids(app)
    access_log.register(app, metrics)
    security_headers.register(app)
    host_check.register(app, service.settings)
    _limit_bodies(app, service)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    openapi.register(app)
    return app


def _limit_bodies(app: APIFlask, service: Service) -> None:
    app.config["MAX_FORM_PARTS"] = MAX_FORM_PARTS
    app.config["MAX_CONTENT_LENGTH"] = service.settings.body_max_kb * 1024

    @app.before_request
    def allow_large_files() -> None:
        if request.endpoint == imports.ENDPOINT:
            request.max_content_length = service.settings.upload_max_mb * 1024**2
        elif request.endpoint in imports.PREVIEW_ENDPOINTS:
            request.max_content_length = imports.PREVIEW_BYTES

    @app.teardown_request
    def drop_unused_uploads(_: BaseException | None) -> None:
        cast(UploadRequest, request).discard_uploads()


def _add_request_ids(app: APIFlask) -> None:
    @app.before_request
    def set_request_id() -> None:
        g.request_id = request_id(request.headers.get(HEADER))

    @app.after_request
    def send_request_id(response: Response) -> Response:
        response.headers[HEADER] = g.get("request_id") or request_id(None)
        return response
