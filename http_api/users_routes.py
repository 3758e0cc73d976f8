"""Signing in and out, and the users."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from apiflask import APIBlueprint, Schema
from flask import request
from marshmallow import RAISE, fields, validate

from http_api.access import bearer, holder, require_role, service, user
from http_api.passwords import PasswordText, check_password, hash_password
from http_api.problems import InvalidRequest
from http_api.sign_in_throttle import SignInThrottle
from http_api.strict_fields import StrictString
from http_api.strict_schemas import MessageOut, PageOut, PageQuery, StrictSchema, text
from job_runner.user_rules import check_soeid
from storage.tokens import issue_token, open_sign_in_link, revoke_token
from storage.users import (
    ROLES,
    add_user,
    change_user,
    find_user,
    get_user,
    list_users,
    password_hash_of,
    remove_user,
)

blueprint = APIBlueprint("users", __name__, url_prefix="/api/users", tag="Users")
throttle = SignInThrottle()


class LoginIn(StrictSchema):
    """A sign-in; the OAuth2 password form's other fields are taken and not used."""

    username = text(1, 200)
    soeid = text(1, 200)
    password = StrictString(required=True, validate=validate.Length(1, 1000))
    grant_type = text()
    scope = text()
    client_id = text()
    client_secret = text()


class LoginOut(Schema):
    access_token = fields.String(required=True)
    token_type = fields.String(required=True)
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds."})
    user_id = fields.Integer(required=True)
    soeid = fields.String(required=True)
    role_name = fields.String(required=True)


class UserOut(Schema):
    id = fields.Integer(required=True)
    soeid = fields.String(required=True)
    role_name = fields.String(required=True)
    created_at = fields.String(required=True)


class UserIn(StrictSchema):
    soeid = text(1, 100, required=True)
    password = PasswordText(required=True)
    role_name = StrictString(required=True, validate=validate.OneOf(ROLES))


class UserChangeIn(StrictSchema):
    password = PasswordText()
    role_name = StrictString(validate=validate.OneOf(ROLES))


class LinkOut(Schema):
    link = fields.String(required=True)


class UsersOut(PageOut):
    users = fields.List(fields.Nested(UserOut), required=True)


@blueprint.post("/login")
@blueprint.input(LoginIn, location="json_or_form", unknown=RAISE, arg_name="given")
@blueprint.output(LoginOut)
@blueprint.doc(summary="Sign in", description="With a JSON body or the OAuth2 password form.")
def login(given: dict[str, Any]) -> dict[str, Any]:
    soeid = given.get("username") or given.get("soeid")
    if not soeid:
        raise InvalidRequest("Give username or soeid.", loc=("body", "username"))
    with throttle.attempt(soeid, request.remote_addr or ""):
        with service().database.read() as tx:
            known_hash = password_hash_of(tx, soeid)
        check_password(known_hash, given["password"])
    lifetime = timedelta(hours=service().settings.token_hours)
    with service().database.write() as tx:
        found = find_user(tx, soeid)
        assert found is not None  # noqa: S101 - the password fitted
        secret, _ = issue_token(
            tx,
            found.id,
            kind="session",
            name="sign-in",
            scope="write",
            lifetime=lifetime,
            clock=service().clock,
        )
    return {
        "access_token": secret,
        "token_type": "bearer",
        "expires_in": int(lifetime.total_seconds()),
        "user_id": found.id,
        "soeid": found.soeid,
        "role_name": found.role_name,
    }


blueprint.post("/token")(login)


@blueprint.post("/logout")
@blueprint.auth_required(bearer)
@blueprint.output(MessageOut)
@blueprint.doc(summary="End the token of this request at once")
def logout() -> dict[str, str]:
    with service().database.write() as tx:
        revoke_token(tx, holder().token_id)
    return {"message": "Signed out"}


@blueprint.get("/me")
@blueprint.auth_required(bearer)
@blueprint.output(UserOut)
@blueprint.doc(summary="Who am I?")
def me() -> Any:
    return user()


@blueprint.get("")
@blueprint.auth_required(bearer)
@blueprint.input(PageQuery, location="query", unknown=RAISE, arg_name="page")
@blueprint.output(UsersOut)
@blueprint.doc(summary="All users, for admins")
def users(page: dict[str, int]) -> dict[str, Any]:
    require_role("admin")
    with service().database.read() as tx:
        found, total = list_users(tx, page["offset"], page["limit"])
    return {"users": found, "total": total, **page}


@blueprint.post("")
@blueprint.auth_required(bearer)
@blueprint.input(UserIn, arg_name="given")
@blueprint.output(UserOut)
@blueprint.doc(summary="Add a user, as an admin")
def create_user(given: dict[str, Any]) -> Any:
    require_role("admin")
    check_soeid(service().settings, given["soeid"])
    with service().database.write() as tx:
        return add_user(
            tx,
            given["soeid"],
            given["role_name"],
            hash_password(given["password"]),
            service().clock,
        )


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
    description="Admins change anyone; everyone their own password. A new password ends the "
    "user's tokens.",
)
def patch_user(user_id: int, given: dict[str, Any]) -> Any:
    if user_id != user().id or "role_name" in given:
        require_role("admin")
    password = given.get("password")
    with service().database.write() as tx:
        return change_user(
            tx,
            user_id,
            role_name=given.get("role_name"),
            password_hash=None if password is None else hash_password(password),
        )


@blueprint.post("/<int:user_id>/sign-in-link")
@blueprint.auth_required(bearer)
@blueprint.output(LinkOut)
@blueprint.doc(
    summary="Make a one-time link with which a user sets a password",
    description="For admins. It closes an earlier link of the same user.",
)
def make_link(user_id: int) -> dict[str, str]:
    require_role("admin")
    lifetime = timedelta(hours=service().settings.link_hours)
    with service().database.write() as tx:
        found = get_user(tx, user_id)
        code = open_sign_in_link(tx, found.id, lifetime, service().clock)
    return {"link": f"{request.host_url}sign-in?code={code}"}


@blueprint.delete("/<int:user_id>")
@blueprint.auth_required(bearer)
@blueprint.output(MessageOut)
@blueprint.doc(summary="Remove a user; the last admin stays")
def delete_user(user_id: int) -> dict[str, str]:
    require_role("admin")
    with service().database.write() as tx:
        remove_user(tx, user_id, service().clock)
    return {"message": "User removed"}
