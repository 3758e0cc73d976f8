"""Routes of sign-in and sign-out."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from marshmallow import RAISE, fields, validate

from http_api.auth.access import bearer
from http_api.auth.sign_in import sign_in, sign_out
from http_api.schemas.base import MessageOut, StrictSchema, text
from http_api.schemas.fields import StrictString
from http_api.server.problems import InvalidRequest

blueprint = APIBlueprint("sign_in", __name__, url_prefix="/api/users", tag="Users")


class LoginIn(StrictSchema):
    """A sign-in; other fields of the OAuth2 password form are accepted and not used."""

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
        raise InvalidRequest("Give `username` or `soeid`.", loc=("body", "username"))
    session = sign_in(soeid, given["password"])
    return {
        "access_token": session.secret,
        "token_type": "bearer",
        "expires_in": int(session.lifetime.total_seconds()),
        "user_id": session.user.id,
        "soeid": session.user.soeid,
        "role_name": session.user.role_name,
    }


blueprint.post("/token", endpoint="token")(login)


@blueprint.post("/logout")
@blueprint.auth_required(bearer)
@blueprint.output(MessageOut)
@blueprint.doc(summary="End the token of this request at once")
def logout() -> dict[str, str]:
    sign_out()
    return {"message": "Signed out"}
