"""The app factory, in call order: settings, errors, request ids, routes, documentation."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from typing import cast

from apiflask import APIFlask
from flask import Response, g, request
from werkzeug.routing import IntegerConverter

from http_api import (
    audit_routes,
    comparison_routes,
    datasets_routes,
    exploration_routes,
    host_check,
    import_routes,
    jobs_routes,
    json_bodies,
    kept_answers,
    metrics_routes,
    observation,
    openapi,
    permissions_routes,
    problems,
    profiling_routes,
    refs_routes,
    row_reads,
    sample_rows_routes,
    sampling_history_routes,
    sampling_routes,
    security_headers,
    service_routes,
    sign_in_routes,
    storage_routes,
    tables_routes,
    templates_routes,
    tokens_routes,
    users_routes,
    work_limits,
)
from http_api.access import HOLDERS, MOST_HOLDERS, SERVICE
from http_api.json_provider import OrjsonProvider
from http_api.kept import Kept
from http_api.measured_state import measure
from http_api.metrics import METRICS, Metrics
from http_api.request_ids import HEADER, request_id
from http_api.strict_fields import LARGEST_INTEGER
from http_api.uploads import UploadRequest
from job_runner.service import Service
from storage.health import WriteProbe, check_writable

MOST_FORM_PARTS = 20
"""Each file among them is a file on disk; an import has two parts."""

BLUEPRINTS = (
    service_routes.blueprint,
    sign_in_routes.blueprint,
    metrics_routes.blueprint,
    users_routes.blueprint,
    tokens_routes.blueprint,
    datasets_routes.blueprint,
    permissions_routes.blueprint,
    refs_routes.blueprint,
    tables_routes.blueprint,
    import_routes.blueprint,
    jobs_routes.blueprint,
    sampling_routes.blueprint,
    sample_rows_routes.blueprint,
    sampling_history_routes.blueprint,
    comparison_routes.blueprint,
    templates_routes.blueprint,
    exploration_routes.blueprint,
    profiling_routes.blueprint,
    audit_routes.blueprint,
    storage_routes.blueprint,
)


class StorableInteger(IntegerConverter):
    """An id in a path; one that no database can hold isn't there."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **{"max": LARGEST_INTEGER, **options})  # type: ignore[arg-type]


def create_app(service: Service, metrics: Metrics) -> APIFlask:
    """Build the WSGI app that serves ``service`` and counts in ``metrics``."""
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
    app.extensions[SERVICE] = service
    app.extensions[HOLDERS] = Kept(MOST_HOLDERS)
    limits = work_limits.work_limits(service.settings)
    app.extensions[work_limits.LIMITS] = limits
    app.extensions[row_reads.SEEN] = row_reads.SeenViews()
    probe = WriteProbe(partial(check_writable, service.database))
    app.extensions[service_routes.PROBE] = probe
    app.extensions[METRICS] = metrics
    measure(metrics.registry, service, limits)
    problems.register(app)
    json_bodies.register()
    _name_requests(app)
    observation.register(app, metrics)
    security_headers.register(app)
    host_check.register(app, service.settings)
    _limit_bodies(app, service)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    openapi.register(app)
    kept_answers.register(app, service, metrics)
    return app


def _limit_bodies(app: APIFlask, service: Service) -> None:
    app.config["MAX_FORM_PARTS"] = MOST_FORM_PARTS
    app.config["MAX_CONTENT_LENGTH"] = service.settings.body_max_kb * 1024

    @app.before_request
    def allow_large_files() -> None:
        if request.endpoint == import_routes.ENDPOINT:
            request.max_content_length = service.settings.upload_max_mb * 1024**2
        elif request.endpoint in import_routes.PREVIEW_ENDPOINTS:
            request.max_content_length = import_routes.PREVIEW_BYTES

    @app.teardown_request
    def drop_unused_uploads(_: BaseException | None) -> None:
        cast(UploadRequest, request).discard_uploads()


def _name_requests(app: APIFlask) -> None:
    @app.before_request
    def name_request() -> None:
        g.request_id = request_id(request.headers.get(HEADER))

    @app.after_request
    def send_name(response: Response) -> Response:
        response.headers[HEADER] = g.get("request_id") or request_id(None)
        return response
