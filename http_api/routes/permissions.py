"""Routes of the permissions in a dataset."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from marshmallow import ValidationError, fields, validate, validates_schema

from http_api.auth.access import bearer, dataset_for, service, writing
from http_api.auth.auditing import audit
from http_api.schemas.base import StrictQuery, StrictSchema, text
from http_api.schemas.fields import Message, StrictInteger, StrictString
from storage.accounts.datasets import LEVELS, delete_permission, list_permissions, put_permission
from storage.accounts.users import User, find_user, get_user
from storage.errors import NotFound
from storage.sqlite.database import Transaction

blueprint = APIBlueprint(
    "permissions", __name__, url_prefix="/api/datasets/<int:dataset_id>/permissions", tag="Datasets"
)


class PermissionIn(StrictSchema):
    """A user, by id or SOEID, and a level."""

    user_id = StrictInteger()
    user_soeid = text(1, 100)
    permission = StrictString(required=True, validate=validate.OneOf(LEVELS))

    @validates_schema
    def one_user(self, data: dict[str, Any], **_: Any) -> None:
        """Require exactly one of id and SOEID."""
        if ("user_id" in data) == ("user_soeid" in data):
            raise ValidationError(
                Message("Give either `user_id` or `user_soeid`."), field_name="user_id"
            )


class PermissionKey(StrictQuery):
    user_id = StrictInteger(required=True)


class PermissionOut(Schema):
    user_id = fields.Integer(required=True)
    user_soeid = fields.String(required=True)
    permission = fields.String(required=True, attribute="level")


class PermissionsOut(Schema):
    permissions = fields.List(fields.Nested(PermissionOut), required=True)


@blueprint.get("")
@blueprint.auth_required(bearer)
@blueprint.output(PermissionsOut)
@blueprint.doc(summary="The permissions in a dataset")
def permissions(dataset_id: int) -> dict[str, Any]:
    dataset_for(dataset_id, "read")
    with service().database.read() as tx:
        return {"permissions": list_permissions(tx, dataset_id)}


@blueprint.put("")
@blueprint.auth_required(bearer)
@blueprint.input(PermissionIn, arg_name="given")
@blueprint.output(PermissionsOut)
@blueprint.doc(summary="Set a user's level: read, write or admin")
def set_permission(dataset_id: int, given: dict[str, Any]) -> dict[str, Any]:
    dataset_for(dataset_id, "admin")
    with writing() as tx:
        target = _find_user(tx, given)
        put_permission(tx, dataset_id, target.id, given["permission"])
        audit(
            tx,
            "permission_given",
            dataset_id=dataset_id,
            about=("user", target.id),
            soeid=target.soeid,
            permission=given["permission"],
        )
        return {"permissions": list_permissions(tx, dataset_id)}


def _find_user(tx: Transaction, given: dict[str, Any]) -> User:
    if "user_id" in given:
        return get_user(tx, given["user_id"])
    found = find_user(tx, given["user_soeid"])
    if found is None:
        raise NotFound(
            'There is no user "{soeid}".', loc=("body", "user_soeid"), soeid=given["user_soeid"]
        )
    return found


@blueprint.delete("")
@blueprint.auth_required(bearer)
@blueprint.input(PermissionKey, arg_name="given")
@blueprint.output(PermissionsOut)
@blueprint.doc(summary="Remove a user's level")
def unset_permission(dataset_id: int, given: dict[str, Any]) -> dict[str, Any]:
    dataset_for(dataset_id, "admin")
    with writing() as tx:
        delete_permission(tx, dataset_id, given["user_id"])
        audit(
            tx,
            "permission_taken",
            dataset_id=dataset_id,
            about=("user", given["user_id"]),
        )
        return {"permissions": list_permissions(tx, dataset_id)}
