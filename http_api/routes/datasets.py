"""Routes of datasets, and of the permissions in a dataset."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from marshmallow import ValidationError, fields, validate, validates_schema

from application.identity.bin import delete_dataset
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.deleted import BinnedOut, binned
from http_api.routes.versions import CommitTableOut, commit_tables
from http_api.schemas import out
from http_api.schemas.base import PageOut, PageQuery, StrictQuery, StrictSchema, text
from http_api.schemas.fields import BoundedList, Message, StrictInteger, StrictString
from storage.accounts.datasets import (
    LEVELS,
    SORTS,
    DatasetFilters,
    change_dataset,
    create_dataset,
    delete_permission,
    get_dataset,
    list_datasets,
    list_permissions,
    put_permission,
)
from storage.accounts.users import User, find_user, get_user
from storage.errors import NotFound
from storage.sqlite.database import Transaction
from storage.versions.manifests import get_commit
from storage.versions.refs import list_refs

blueprint = SignedInBlueprint("datasets", __name__, url_prefix="/api/datasets", tag="Datasets")


class DatasetIn(StrictSchema):
    name = text(1, 200, required=True)
    description = text(0, 10_000, load_default="", allow_none=False)
    tags = BoundedList(text(1, 100), load_default=list, most=100)


class DatasetChangeIn(StrictSchema):
    name = text(1, 200)
    description = text(0, 10_000)
    tags = BoundedList(text(1, 100), most=100)


class DatasetOut(Schema):
    id = out.integer()
    dataset_id = out.integer(attribute="id", dump_only=True)
    name = out.string()
    description = out.string()
    tags = out.list_of(fields.String())
    created_by = out.string()
    created_at = out.string()
    updated_at = out.string()
    permission = out.string(attribute="level")


class DatasetsOut(PageOut):
    datasets = out.list_of(DatasetOut)


class DatasetsQuery(PageQuery):
    q = text(1, 200, description="Part of the name or the description.")
    name = text(1, 200, description="The exact name, in any case.")
    tag = text(1, 100)
    sort = StrictString(load_default="-updated_at", validate=validate.OneOf(list(SORTS)))


class OverviewRefOut(Schema):
    name = out.string()
    commit_id = out.string(null=True)
    updated_at = out.string()
    tables = out.list_of(CommitTableOut)


class OverviewOut(Schema):
    dataset_id = out.integer()
    name = out.string()
    refs = out.list_of(OverviewRefOut)


@blueprint.post("", body=DatasetIn, output=DatasetOut)
def create(given: dict[str, Any]) -> Any:
    """Create a dataset.

    It starts with an empty ref `main`.
    """
    maker = caller().require_role("admin", "analyst")
    with caller().writing() as tx:
        made = create_dataset(tx, maker, clock=service().clock, **given)
        caller().audit(tx, "dataset_made", dataset_id=made.id, name=made.name)
        return made


@blueprint.get("", query=DatasetsQuery, output=DatasetsOut)
def datasets(query: dict[str, Any]) -> dict[str, Any]:
    """The datasets that I may read."""
    page = {"offset": query["offset"], "limit": query["limit"]}
    filters = DatasetFilters(query.get("q"), query.get("tag"), query.get("name"))
    with service().database.read() as tx:
        found, total = list_datasets(tx, caller().user, filters, sort=query["sort"], **page)
    return {"datasets": found, "total": total, **page}


@blueprint.get("/<int:dataset_id>", output=DatasetOut)
def one(dataset_id: int) -> Any:
    """One dataset."""
    return caller().dataset(dataset_id, "read")


@blueprint.patch("/<int:dataset_id>", body=DatasetChangeIn, output=DatasetOut)
def change(dataset_id: int, given: dict[str, Any]) -> Any:
    """Change a dataset's name, description or tags."""
    caller().dataset(dataset_id, "write")
    with caller().writing() as tx:
        changed = change_dataset(
            tx,
            dataset_id,
            caller().user,
            name=given.get("name"),
            description=given.get("description"),
            tags=given.get("tags"),
            clock=service().clock,
        )
        if changed:
            caller().audit(
                tx,
                "dataset_changed",
                dataset_id=dataset_id,
                changed=sorted(changed),
                name=given.get("name"),
            )
        return get_dataset(tx, dataset_id, caller().user)


@blueprint.delete("/<int:dataset_id>", output=BinnedOut)
def delete(dataset_id: int) -> dict[str, Any]:
    """Remove a dataset.

    It goes to the bin with its versions, samples and jobs.
    """
    return {"message": "Dataset removed", **binned(delete_dataset(caller(), dataset_id))}


@blueprint.get("/<int:dataset_id>/overview", output=OverviewOut)
def overview(dataset_id: int) -> dict[str, Any]:
    """Refs with their tables.

    The choices of a form.
    """
    dataset = caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        refs, _ = list_refs(tx, dataset_id)
        commits = {
            ref.commit_id: get_commit(tx, dataset_id, ref.commit_id)
            for ref in refs
            if ref.commit_id is not None
        }
    return {
        "dataset_id": dataset.id,
        "name": dataset.name,
        "refs": [
            {**vars(ref), "tables": commit_tables(commits[ref.commit_id]) if ref.commit_id else []}
            for ref in refs
        ],
    }


permissions_blueprint = SignedInBlueprint(
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
            raise ValidationError(Message("Give either `user_id` or `user_soeid`."), "user_id")


class PermissionKey(StrictQuery):
    user_id = StrictInteger(required=True)


class PermissionOut(Schema):
    user_id = out.integer()
    user_soeid = out.string()
    permission = out.string(attribute="level")


class PermissionsOut(Schema):
    permissions = out.list_of(PermissionOut)


@permissions_blueprint.get("", output=PermissionsOut)
def permissions(dataset_id: int) -> dict[str, Any]:
    """The permissions in a dataset."""
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        return {"permissions": list_permissions(tx, dataset_id)}


@permissions_blueprint.put("", body=PermissionIn, output=PermissionsOut)
def set_permission(dataset_id: int, given: dict[str, Any]) -> dict[str, Any]:
    """Set a user's level: read, write or admin."""
    caller().dataset(dataset_id, "admin")
    with caller().writing() as tx:
        target = _find_user(tx, given)
        put_permission(tx, dataset_id, target.id, given["permission"])
        caller().audit(
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


@permissions_blueprint.delete("", body=PermissionKey, output=PermissionsOut)
def unset_permission(dataset_id: int, given: dict[str, Any]) -> dict[str, Any]:
    """Remove a user's level."""
    caller().dataset(dataset_id, "admin")
    with caller().writing() as tx:
        delete_permission(tx, dataset_id, given["user_id"])
        caller().audit(
            tx, "permission_taken", dataset_id=dataset_id, about=("user", given["user_id"])
        )
        return {"permissions": list_permissions(tx, dataset_id)}
