"""Routes of named tokens for scripts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from apiflask import APIBlueprint, Schema
from marshmallow import RAISE, fields, validate

from http_api.auth.access import bearer, require_role, service, user, writing
from http_api.auth.auditing import audit
from http_api.schemas.base import MessageOut, PageOut, PageQuery, StrictSchema, text
from http_api.schemas.fields import StrictInteger, StrictString
from storage.accounts.tokens import issue_token, list_tokens, revoke_named_token
from storage.accounts.users import get_user

blueprint = APIBlueprint("tokens", __name__, url_prefix="/api/tokens", tag="Users")


class TokenIn(StrictSchema):
    name = text(1, 100, required=True)
    expires_in_days = StrictInteger(allow_none=True, validate=validate.Range(1, 3650))
    scope = StrictString(load_default="write", validate=validate.OneOf(("read", "write")))
    user_id = StrictInteger(
        allow_none=True, metadata={"description": "For another user, as an admin."}
    )


class TokenOut(Schema):
    id = fields.Integer(required=True)
    name = fields.String(required=True)
    scope = fields.String(required=True)
    created_at = fields.String(required=True)
    expires_at = fields.String(allow_none=True, required=True)


class NewTokenOut(TokenOut):
    token = fields.String(required=True, metadata={"description": "Shown only once."})


class TokensOut(PageOut):
    tokens = fields.List(fields.Nested(TokenOut), required=True)


@blueprint.post("")
@blueprint.auth_required(bearer)
@blueprint.input(TokenIn, arg_name="given")
@blueprint.output(NewTokenOut)
@blueprint.doc(summary="Create a token", description="Only its hash is stored: save it yourself.")
def create_token(given: dict[str, Any]) -> dict[str, Any]:
    owner_id = user().id if given.get("user_id") is None else given["user_id"]
    if owner_id != user().id:
        require_role("admin")
    days = given.get("expires_in_days")
    with writing() as tx:
        owner = get_user(tx, owner_id)
        secret, token = issue_token(
            tx,
            owner.id,
            kind="named",
            name=given["name"],
            scope=given["scope"],
            lifetime=None if days is None else timedelta(days=days),
            clock=service().clock,
        )
        audit(
            tx,
            "token_made",
            about=("token", token.id),
            owner=owner.soeid,
            name=token.name,
            scope=token.scope,
            expires_at=token.expires_at,
        )
    return {**vars(token), "token": secret}


@blueprint.get("")
@blueprint.auth_required(bearer)
@blueprint.input(PageQuery, location="query", unknown=RAISE, arg_name="page")
@blueprint.output(TokensOut)
@blueprint.doc(summary="My named tokens, newest first")
def tokens(page: dict[str, int]) -> dict[str, Any]:
    with service().database.read() as tx:
        found, total = list_tokens(tx, user().id, page["offset"], page["limit"])
    return {"tokens": found, "total": total, **page}


@blueprint.delete("/<int:token_id>")
@blueprint.auth_required(bearer)
@blueprint.output(MessageOut)
@blueprint.doc(summary="Revoke one of my tokens")
def delete_token(token_id: int) -> dict[str, str]:
    with writing() as tx:
        ended = revoke_named_token(tx, user().id, token_id)
        audit(tx, "token_ended", about=("token", token_id), name=ended.name)
    return {"message": "Token ended"}
