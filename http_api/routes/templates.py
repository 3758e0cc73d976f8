"""Routes of a user's templates for draws."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from marshmallow import RAISE, fields

from http_api.auth.access import bearer, service, user, writing
from http_api.schemas.base import MessageOut, PageOut, PageQuery, StrictSchema, text
from http_api.schemas.sampling import SamplingJobIn
from http_api.server.problems import InvalidRequest
from storage.jobs.templates import delete_template, list_templates, put_template

blueprint = APIBlueprint(
    "templates", __name__, url_prefix="/api/sampling/templates", tag="Sampling"
)
MAX_COUNT = 500


class TemplateIn(StrictSchema):
    name = text(1, 200, required=True)
    body = fields.Nested(SamplingJobIn, required=True)


class TemplateOut(Schema):
    id = fields.Integer(required=True)
    name = fields.String(required=True)
    body = fields.Dict(required=True, metadata={"description": "The body of a sampling job."})
    created_at = fields.String(required=True)


class TemplatesOut(PageOut):
    templates = fields.List(fields.Nested(TemplateOut), required=True)


@blueprint.post("")
@blueprint.auth_required(bearer)
@blueprint.input(TemplateIn, arg_name="given")
@blueprint.output(TemplateOut)
@blueprint.doc(
    summary="Save a draw as a template", description="Replaces an earlier one of that name."
)
def keep(given: dict[str, Any]) -> Any:
    with writing() as tx:
        _, count = list_templates(tx, user().id, 0, 1)
        if count >= MAX_COUNT:
            raise InvalidRequest(
                "You have {count} templates, the maximum. Delete one first.",
                loc=("body",),
                count=count,
            )
        return put_template(tx, user().id, given["name"], given["body"], service().clock)


@blueprint.get("")
@blueprint.auth_required(bearer)
@blueprint.input(PageQuery, location="query", unknown=RAISE, arg_name="page")
@blueprint.output(TemplatesOut)
@blueprint.doc(summary="My templates, by name")
def templates(page: dict[str, int]) -> dict[str, Any]:
    with service().database.read() as tx:
        found, total = list_templates(tx, user().id, page["offset"], page["limit"])
    return {"templates": found, "total": total, **page}


@blueprint.delete("/<int:template_id>")
@blueprint.auth_required(bearer)
@blueprint.output(MessageOut)
@blueprint.doc(summary="Delete one of my templates")
def forget(template_id: int) -> dict[str, str]:
    with writing() as tx:
        delete_template(tx, user().id, template_id)
    return {"message": "Template deleted"}
