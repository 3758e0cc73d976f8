"""Is the service alive?"""

from __future__ import annotations

from typing import cast

from apiflask import APIBlueprint, Schema
from flask import current_app
from marshmallow import fields

from http_api.access import service
from storage.health import WriteProbe, check_room

PROBE = "jobsvc.write_probe"

blueprint = APIBlueprint("service", __name__, tag="Service")


class HealthOut(Schema):
    status = fields.String(required=True)


@blueprint.get("/health")
@blueprint.output(HealthOut)
@blueprint.doc(
    summary="Liveness",
    description="503 with the reason when the database can't be written or the disk is all but "
    "full.",
)
def health() -> dict[str, str]:
    check_room(service().directory, service().settings.min_free_mb)
    cast(WriteProbe, current_app.extensions[PROBE]).check()
    return {"status": "ok"}
