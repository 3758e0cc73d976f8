"""The health check, and the metrics for Prometheus."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, abort
from flask import Response, request
from prometheus_client.exposition import choose_encoder

from http_api.access import bearer, caller, service, without_query
from http_api.schemas.contract import answer_schema
from http_api.state import state
from lazy_dataclasses import dataclass
from storage.maintenance.health import check_room

blueprint = APIBlueprint("service", __name__, tag="Service")


@dataclass(frozen=True)
class Health:
    """The state of the server."""

    status: str


@blueprint.get("/health")
@without_query
@blueprint.output(answer_schema(Health))
def health() -> Health:
    """Liveness.

    503 with the reason if the database isn't writable or the disk is nearly full.
    """
    check_room(service().directory, service().settings.min_free_mb)
    state().write_probe.check()
    return Health("ok")


_TEXT = {"schema": {"type": "string"}}
RESPONSES: Any = {
    200: {
        "description": "The metrics.",
        "content": {"text/plain": _TEXT, "application/openmetrics-text": _TEXT},
    }
}

metrics_blueprint = APIBlueprint("metrics", __name__, tag="Service")


@metrics_blueprint.get("/metrics")
@metrics_blueprint.auth_required(bearer, optional=True)  # type: ignore[arg-type]
@without_query
@metrics_blueprint.doc(responses=RESPONSES)
def scrape() -> Response:
    """Metrics for Prometheus.

    For admins, or for everyone if the setting `metrics_public` is on. In the text format of
    Prometheus, or in OpenMetrics if the header Accept requests it.
    """
    if not service().settings.metrics_public:
        if bearer.current_user is None:
            abort(401)
        caller().require_role("admin")
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(state().metrics.registry), content_type=content_type)
