"""The route of the metrics for Prometheus."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, abort
from flask import Response, request
from prometheus_client.exposition import choose_encoder

from http_api.auth.access import bearer, require_role, service
from http_api.server.metrics import metrics

_TEXT = {"schema": {"type": "string"}}
RESPONSES: Any = {
    200: {
        "description": "The metrics.",
        "content": {"text/plain": _TEXT, "application/openmetrics-text": _TEXT},
    }
}

blueprint = APIBlueprint("metrics", __name__, tag="Service")


@blueprint.get("/metrics")
@blueprint.auth_required(bearer, optional=True)  # type: ignore[arg-type]
@blueprint.doc(
    summary="Metrics for Prometheus",
    description="For admins, or for everyone if the setting `metrics_public` is on. In the text "
    "format of Prometheus, or in OpenMetrics if the header Accept requests it.",
    responses=RESPONSES,
)
def scrape() -> Response:
    if not service().settings.metrics_public:
        if bearer.current_user is None:
            abort(401)
        require_role("admin")
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(metrics().registry), content_type=content_type)
