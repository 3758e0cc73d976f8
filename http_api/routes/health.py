"""The health check."""

from __future__ import annotations

from apiflask import APIBlueprint, Schema
from marshmallow import fields

from http_api.auth.access import service
from http_api.state import state
from storage.maintenance.health import check_room

blueprint = APIBlueprint("service", __name__, tag="Service")


class HealthOut(Schema):
    status = fields.String(required=True)


@blueprint.get("/health")
@blueprint.output(HealthOut)
@blueprint.doc(
    summary="Liveness",
    description="503 with the reason if the database isn't writable or the disk is nearly full.",
)
def health() -> dict[str, str]:
    check_room(service().directory, service().settings.min_free_mb)
    state().write_probe.check()
    return {"status": "ok"}
