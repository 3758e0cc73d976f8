"""Routes of users, for admins; everyone can change their own password."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from apiflask import APIBlueprint, Schema
from flask import request
from marshmallow import RAISE, fields, validate

from application.user_rules import check_soeid
from http_api.auth.access import bearer, require_role, service, user, writing
from http_api.auth.auditing import audit
from http_api.auth.passwords import MAX_LENGTH, PasswordText, hash_password
from http_api.auth.sign_in import confirm_password, must_confirm_password
from http_api.schemas.base import MessageOut, PageOut, PageQuery, StrictSchema, text
from http_api.schemas.fields import StrictString
from http_api.server.work_limits import hashing
from storage.accounts.tokens import open_sign_in_link
from storage.accounts.users import ROLES, add_user, change_user, get_user, list_users, remove_user

blueprint = APIBlueprint("users", __name__, url_prefix="/api/users", tag="Users")


class UserOut(Schema):
    id = fields.Integer(required=True)
    soeid = fields.String(required=True)
    role_name = fields.String(required=True)
    created_at = fields.String(required=True)


class UserIn(StrictSchema):
    soeid = text(1, 100, required=True)
    password = PasswordText(
        metadata={"description": "Without it, the user sets one by a one-time link."}
    )
    role_name = StrictString(required=True, validate=validate.OneOf(ROLES))


class UserChangeIn(StrictSchema):
    password = PasswordText()
    current_password = text(
        1,
        MAX_LENGTH,
        metadata={"description": "Required for a new password of one's own."},
    )
    role_name = StrictString(validate=validate.OneOf(ROLES))


class LinkOut(Schema):
    link = fields.String(required=True)


class UsersQuery(PageQuery):
    q = text(1, 100, metadata={"description": "Part of the SOEID, in any case."})


class UsersOut(PageOut):
    users = fields.List(fields.Nested(UserOut), required=True)


@blueprint.get("/me")
@blueprint.auth_required(bearer)
@blueprint.output(UserOut)
@blueprint.doc(summary="The current user")
def me() -> Any:
    return user()


@blueprint.get("")
@blueprint.auth_required(bearer)
@blueprint.input(UsersQuery, location="query", unknown=RAISE, arg_name="query")
@blueprint.output(UsersOut)
@blueprint.doc(summary="The users, by SOEID, for admins")
def users(query: dict[str, Any]) -> dict[str, Any]:
    require_role("admin")
    with service().database.read() as tx:
        found, total = list_users(tx, **query)
    return {"users": found, "total": total, "offset": query["offset"], "limit": query["limit"]}


@blueprint.post("")
@blueprint.auth_required(bearer)
@blueprint.input(UserIn, arg_name="given")
@blueprint.output(UserOut)
@blueprint.doc(summary="Add a user, as an admin")
def create_user(given: dict[str, Any]) -> Any:
    require_role("admin")
    check_soeid(service().settings, given["soeid"])
    password_hash = _hash(given.get("password"))
    with writing() as tx:
        added = add_user(tx, given["soeid"], given["role_name"], password_hash, service().clock)
        audit(
            tx,
            "user_added",
            about=("user", added.id),
            soeid=added.soeid,
            role_name=added.role_name,
        )
        return added


@blueprint.get("/<int:user_id>")
@blueprint.auth_required(bearer)
@blueprint.output(UserOut)
@blueprint.doc(summary="One user, for admins")
def one_user(user_id: int) -> Any:
    require_role("admin")
    with service().database.read() as tx:
        return get_user(tx, user_id)


@blueprint.patch("/<int:user_id>")
@blueprint.auth_required(bearer)
@blueprint.input(UserChangeIn, arg_name="given")
@blueprint.output(UserOut)
@blueprint.doc(
    summary="Change a role or a password",
    description="Admins change any user. Others change their own password and give the current "
    "one, if they have one. A new password revokes the user's tokens.",
)
def patch_user(user_id: int, given: dict[str, Any]) -> Any:
    if user_id != user().id or "role_name" in given:
        require_role("admin")
    role_name, password = given.get("role_name"), given.get("password")
    if password is not None and user_id == user().id and must_confirm_password(user()):
        confirm_password(given.get("current_password"))
    password_hash = _hash(password)
    with writing() as tx:
        before = get_user(tx, user_id)
        changed = change_user(tx, user_id, role_name=role_name, password_hash=password_hash)
        if role_name not in (None, before.role_name):
            audit(
                tx,
                "user_changed",
                about=("user", user_id),
                soeid=changed.soeid,
                role_name=role_name,
                role_before=before.role_name,
            )
        if password is not None:
            audit(tx, "password_changed", about=("user", user_id), soeid=changed.soeid)
        return changed


@blueprint.post("/<int:user_id>/sign-in-link")
@blueprint.auth_required(bearer)
@blueprint.output(LinkOut)
@blueprint.doc(
    summary="Create a one-time link to set a password",
    description="For admins. It replaces an earlier link of the same user.",
)
def make_link(user_id: int) -> dict[str, str]:
    require_role("admin")
    lifetime = timedelta(hours=service().settings.link_hours)
    with writing() as tx:
        found = get_user(tx, user_id)
        code = open_sign_in_link(tx, found.id, lifetime, service().clock)
        audit(tx, "sign_in_link_made", about=("user", found.id), soeid=found.soeid)
    return {"link": f"{request.host_url}sign-in?code={code}"}


@blueprint.delete("/<int:user_id>")
@blueprint.auth_required(bearer)
@blueprint.output(MessageOut)
@blueprint.doc(summary="Remove a user; the last admin stays")
def delete_user(user_id: int) -> dict[str, str]:
    require_role("admin")
    with writing() as tx:
        soeid = get_user(tx, user_id).soeid
        remove_user(tx, user_id, service().clock)
        audit(tx, "user_removed", about=("user", user_id), soeid=soeid)
    return {"message": "User removed"}


def _hash(password: str | None) -> str | None:
    if password is None:
        return None
    with hashing(user().id):
        return hash_password(password)
