"""Signing in and out.

Invariant: an unknown user and a wrong password get the same answer after the same work, and both
are in the audit trail.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from apiflask import APIBlueprint, Schema
from flask import request
from marshmallow import RAISE, fields, validate

from http_api.access import bearer, holder, service
from http_api.auditing import audit, origin
from http_api.passwords import BadCredentials, check_password
from http_api.problems import InvalidRequest
from http_api.sign_in_throttle import SignInThrottle
from http_api.strict_fields import StrictString
from http_api.strict_schemas import MessageOut, StrictSchema, text
from storage.audit import record
from storage.tokens import issue_token, revoke_token
from storage.users import find_user, password_hash_of

blueprint = APIBlueprint("sign_in", __name__, url_prefix="/api/users", tag="Users")
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


@blueprint.post("/login")
@blueprint.input(LoginIn, location="json_or_form", unknown=RAISE, arg_name="given")
@blueprint.output(LoginOut)
@blueprint.doc(summary="Sign in", description="With a JSON body or the OAuth2 password form.")
def login(given: dict[str, Any]) -> dict[str, Any]:
    soeid = given.get("username") or given.get("soeid")
    if not soeid:
        raise InvalidRequest("Give username or soeid.", loc=("body", "username"))
    with throttle.attempt(soeid, request.remote_addr or ""):
        _check(soeid, given["password"])
    lifetime = timedelta(hours=service().settings.token_hours)
    with service().database.write() as tx:
        found = find_user(tx, soeid)
        assert found is not None  # noqa: S101 - the password fitted
        secret, token = issue_token(
            tx,
            found.id,
            kind="session",
            name="sign-in",
            scope="write",
            lifetime=lifetime,
            clock=service().clock,
        )
        record(
            tx,
            service().clock,
            "signed_in",
            user_id=found.id,
            origin=origin(),
            about=("token", token.id),
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
        audit(tx, "signed_out", about=("token", holder().token_id))
    return {"message": "Signed out"}


def _check(soeid: str, password: str) -> None:
    with service().database.read() as tx:
        known_hash = password_hash_of(tx, soeid)
    try:
        check_password(known_hash, password)
    except BadCredentials:
        with service().database.write() as tx:
            known = find_user(tx, soeid)
            record(
                tx,
                service().clock,
                "sign_in_failed",
                user_id=None,
                user_soeid=known.soeid if known is not None else _tried(soeid),
                origin=origin(),
            )
        raise


def _tried(soeid: str) -> str:
    """What was typed, if it could be an SOEID: else it may be a password in the wrong field."""
    return soeid if re.fullmatch(service().settings.soeid_pattern, soeid) else ""
