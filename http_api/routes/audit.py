"""Routes of the audit trail, for admins."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from marshmallow import RAISE, fields, validate

from http_api.auth.access import bearer, require_role, service
from http_api.schemas.base import PageOut, PageQuery, text
from http_api.schemas.fields import QueryInteger, QueryList
from http_api.schemas.times import Timestamp
from storage.accounts.audit import ACTIONS, AuditFilters, list_entries

blueprint = APIBlueprint("audit", __name__, url_prefix="/api/admin/audit", tag="Administration")


class AuditQuery(PageQuery):
    user_id = QueryInteger()
    user_soeid = text(1, 200)
    action = QueryList(
        validate=validate.ContainsOnly(ACTIONS),
        metadata={"description": "One or more, separated by commas or repeated."},
    )
    dataset_id = QueryInteger()
    object_id = text(1, 200, metadata={"description": "A job, a ref, a table, a token or a user."})
    after = Timestamp(metadata={"description": "At this time or later."})
    before = Timestamp(metadata={"description": "Before this time."})


class EntryOut(Schema):
    id = fields.Integer(required=True)
    at = fields.String(required=True)
    action = fields.String(required=True)
    user_id = fields.Integer(allow_none=True, required=True)
    user_soeid = fields.String(required=True, metadata={"description": "At the time of the entry."})
    dataset_id = fields.Integer(allow_none=True, required=True)
    object_type = fields.String(allow_none=True, required=True)
    object_id = fields.String(allow_none=True, required=True)
    client_address = fields.String(allow_none=True, required=True)
    request_id = fields.String(allow_none=True, required=True)
    token_id = fields.Integer(allow_none=True, required=True)
    token_kind = fields.String(allow_none=True, required=True)
    token_name = fields.String(allow_none=True, required=True)
    details = fields.Dict(required=True)


class AuditOut(PageOut):
    entries = fields.List(fields.Nested(EntryOut), required=True)


@blueprint.get("")
@blueprint.auth_required(bearer)
@blueprint.input(AuditQuery, location="query", unknown=RAISE, arg_name="query")
@blueprint.output(AuditOut)
@blueprint.doc(
    summary="Who did what, newest first, for admins",
    description="Filters combine; `total` counts all matching entries. Entries never change.",
)
def audit_entries(query: dict[str, Any]) -> dict[str, Any]:
    require_role("admin")
    page = {"offset": query.pop("offset"), "limit": query.pop("limit")}
    actions = query.pop("action", None)
    filters = AuditFilters(actions=None if actions is None else tuple(actions), **query)
    with service().database.read() as tx:
        found, total = list_entries(tx, filters, **page)
    return {"entries": found, "total": total, **page}
