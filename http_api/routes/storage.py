"""Routes of disk use and pruning, for admins."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from marshmallow import RAISE, fields

from application.pruning import Prune, prune
from http_api.auth.access import authority, bearer, require_role, service
from http_api.auth.auditing import origin
from http_api.schemas.base import PageOut, PageQuery, StrictSchema
from http_api.schemas.fields import StrictBoolean
from storage.maintenance.disk_use import measure
from storage.maintenance.pruning import KINDS

blueprint = APIBlueprint("storage", __name__, url_prefix="/api/admin", tag="Administration")


class KindUseOut(Schema):
    kind = fields.String(required=True)
    files = fields.Integer(required=True)
    size_bytes = fields.Integer(required=True)


class DatasetUseOut(Schema):
    dataset_id = fields.Integer(required=True)
    name = fields.String(required=True)
    removed_at = fields.String(allow_none=True, required=True)
    commits = fields.Integer(required=True)
    files = fields.Integer(required=True)
    size_bytes = fields.Integer(
        required=True, metadata={"description": "A file of several datasets counts in each."}
    )


class StorageOut(PageOut):
    size_bytes = fields.Integer(required=True)
    free_bytes = fields.Integer(required=True, metadata={"description": "Free space on the disk."})
    kinds = fields.List(fields.Nested(KindUseOut), required=True)
    datasets = fields.List(fields.Nested(DatasetUseOut), required=True)


class PruneIn(StrictSchema):
    dry_run = StrictBoolean(
        required=True, metadata={"description": "Report what would be removed, and remove nothing."}
    )


class ExampleOut(Schema):
    id = fields.String(required=True)
    name = fields.String(required=True)
    dataset_name = fields.String(allow_none=True, required=True)
    at = fields.String(required=True)
    size_bytes = fields.Integer(required=True)


class TallyOut(Schema):
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    count = fields.Integer(required=True)
    size_bytes = fields.Integer(required=True, metadata={"description": "0 for rows."})
    oldest = fields.String(allow_none=True, required=True)
    newest = fields.String(allow_none=True, required=True)
    examples = fields.List(fields.Nested(ExampleOut), required=True)


class PruneOut(Schema):
    dry_run = fields.Boolean(required=True)
    complete = fields.Boolean(
        required=True,
        metadata={"description": "False if there is more to remove: send the request again."},
    )
    keeps = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "The retention settings, in days; 0 is forever."},
    )
    size_bytes = fields.Integer(required=True, attribute="report.size_bytes")
    kinds = fields.List(fields.Nested(TallyOut), required=True, attribute="report.totals")


@blueprint.get("/storage")
@blueprint.auth_required(bearer)
@blueprint.input(PageQuery, location="query", unknown=RAISE, arg_name="page")
@blueprint.output(StorageOut)
@blueprint.doc(
    summary="Disk use, for admins",
    description="By kind of file, and by dataset, the largest first.",
)
def storage_use(page: dict[str, int]) -> dict[str, Any]:
    require_role("admin")
    with service().database.read() as tx:
        use = measure(tx, service().directory)
    end = page["offset"] + page["limit"]
    return {
        "size_bytes": use.size_bytes,
        "free_bytes": use.free_bytes,
        "kinds": use.kinds,
        "datasets": use.datasets[page["offset"] : end],
        "total": len(use.datasets),
        **page,
    }


@blueprint.post("/prune")
@blueprint.auth_required(bearer)
@blueprint.input(PruneIn, arg_name="given")
@blueprint.output(PruneOut)
@blueprint.doc(
    summary="Remove unreachable and expired data, for admins",
    description="According to the settings `keep_…_days`. Responds within seconds; repeat the "
    "request until `complete` is true.",
)
def prune_storage(given: dict[str, bool]) -> Prune:
    by = require_role("admin")
    dry_run = given["dry_run"]
    return prune(service(), dry_run=dry_run, user=by, origin=origin(), authority=authority())
