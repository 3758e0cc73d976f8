"""Routes of datasets, and of the permissions in a dataset."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from marshmallow import ValidationError, fields, validate, validates_schema

from application.administration.grantees import find_grantee, find_member
from application.identity.bin import delete_dataset
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.deleted import BinnedOut, binned
from http_api.routes.versions import CommitTableOut, commit_tables
from http_api.schemas import out
from http_api.schemas.base import (
    PageOut,
    PageQuery,
    StrictQuery,
    StrictSchema,
    name_text,
    page_of,
    text,
)
from http_api.schemas.fields import (
    BoundedList,
    Message,
    StrictBoolean,
    StrictInteger,
    StrictString,
)
from storage.accounts.audit_trail import Action, ObjectType
from storage.accounts.datasets import (
    LEVELS,
    SORTS,
    DatasetFilters,
    change_dataset,
    create_dataset,
    delete_group_permission,
    delete_permission,
    get_dataset,
    list_datasets,
    list_group_permissions,
    list_permissions,
    put_group_permission,
    put_permission,
)
from storage.accounts.groups import Group, get_group
from storage.accounts.users import User, get_user
from storage.sqlite.database import Transaction
from storage.versions.manifests import get_commit
from storage.versions.refs import list_refs

blueprint = SignedInBlueprint("datasets", __name__, url_prefix="/api/datasets", tag="Datasets")


class DatasetIn(StrictSchema):
    name = name_text(200, required=True)
    description = text(0, 10_000, load_default="", allow_none=False)
    tags = BoundedList(name_text(100), load_default=list, most=100)


class DatasetChangeIn(StrictSchema):
    name = name_text(200)
    description = text(0, 10_000)
    tags = BoundedList(name_text(100), most=100)
    require_columns = StrictBoolean(
        description="Refuse imports that change the columns of a version. Needs the level admin."
    )


class DatasetOut(Schema):
    id = out.integer()
    dataset_id = out.integer(attribute="id", dump_only=True)
    name = out.string()
    description = out.string()
    tags = out.list_of(fields.String())
    created_by = out.string()
    created_at = out.string()
    updated_at = out.string()
    require_columns = out.boolean("Whether imports that change columns are refused.")
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


class OverviewOut(PageOut):
    dataset_id = out.integer()
    name = out.string()
    refs = out.list_of(OverviewRefOut, "`main` first.")


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
    """Change a dataset's name, description, tags or requirement.

    Only its owners, with the level admin, change `require_columns`.
    """
    caller().dataset(dataset_id, "write" if given.get("require_columns") is None else "admin")
    with caller().writing() as tx:
        changed = change_dataset(
            tx,
            dataset_id,
            caller().user,
            name=given.get("name"),
            description=given.get("description"),
            tags=given.get("tags"),
            require_columns=given.get("require_columns"),
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

    It goes to the bin with its versions, samples and jobs. If samples are signed off, nobody who
    prepared their findings can remove it.
    """
    return {"message": "Dataset removed", **binned(delete_dataset(caller(), dataset_id))}


@blueprint.get("/<int:dataset_id>/overview", query=PageQuery, output=OverviewOut)
def overview(dataset_id: int, query: dict[str, int]) -> dict[str, Any]:
    """Refs with their tables.

    The choices of a form.
    """
    dataset = caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        refs, total = list_refs(tx, dataset_id, query["offset"], query["limit"])
        commits = {
            ref.commit_id: get_commit(tx, dataset_id, ref.commit_id)
            for ref in refs
            if ref.commit_id is not None
        }
    return {
        "dataset_id": dataset.id,
        "name": dataset.name,
        "total": total,
        **query,
        "refs": [
            {**vars(ref), "tables": commit_tables(commits[ref.commit_id]) if ref.commit_id else []}
            for ref in refs
        ],
    }


permissions_blueprint = SignedInBlueprint(
    "permissions", __name__, url_prefix="/api/datasets/<int:dataset_id>/permissions", tag="Datasets"
)


def _require_one(data: dict[str, Any], names: tuple[str, ...]) -> None:
    """Require exactly one of some fields."""
    if sum(name in data for name in names) != 1:
        listed = ", ".join(f"`{name}`" for name in names)
        raise ValidationError(Message("Give exactly one of {names}.", names=listed), names[0])


class PermissionIn(StrictSchema):
    """A user, by id or name, or a group, by id; or either by ``name``; and a level."""

    user_id = StrictInteger()
    user_soeid = text(1, 100)
    group_id = StrictInteger()
    name = text(1, 100, description="Of a user or a group.")
    permission = StrictString(required=True, validate=validate.OneOf(LEVELS))

    @validates_schema
    def one_grantee(self, data: dict[str, Any], **_: Any) -> None:
        """Require exactly one user or group."""
        _require_one(data, ("user_id", "user_soeid", "group_id", "name"))


class PermissionKey(StrictQuery):
    user_id = StrictInteger()
    group_id = StrictInteger()

    @validates_schema
    def one_grantee(self, data: dict[str, Any], **_: Any) -> None:
        """Require exactly one user or group."""
        _require_one(data, ("user_id", "group_id"))


class PermissionOut(Schema):
    user_id = out.integer()
    user_soeid = out.string()
    permission = out.string(attribute="level")


class GroupPermissionOut(Schema):
    group_id = out.integer()
    group_name = out.string()
    permission = out.string(attribute="level")


class PermissionsOut(Schema):
    permissions = out.list_of(PermissionOut)
    groups = out.list_of(GroupPermissionOut)


class PermissionsPageOut(PageOut, PermissionsOut):
    pass


@permissions_blueprint.get("", query=PageQuery, output=PermissionsPageOut)
def permissions(dataset_id: int, query: dict[str, int]) -> dict[str, Any]:
    """The permissions of users and groups in a dataset.

    A page counts both: the users come first, then the groups.
    """
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        found = _permissions(tx, dataset_id)
    both = [(name, one) for name, listed in found.items() for one in listed]
    page = page_of("both", both, query)
    return {
        **page,
        **{name: [one for own, one in page["both"] if own == name] for name in found},
    }


@permissions_blueprint.put("", body=PermissionIn, output=PermissionsOut)
def set_permission(dataset_id: int, given: dict[str, Any]) -> dict[str, Any]:
    """Set the level of a user or a group: read, write or admin."""
    caller().dataset(dataset_id, "admin")
    level = given["permission"]
    with caller().writing() as tx:
        grantee = _find_grantee(tx, given)
        if isinstance(grantee, User):
            put_permission(tx, dataset_id, grantee.id, level)
        else:
            put_group_permission(tx, dataset_id, grantee.id, level)
        _record(tx, "permission_given", dataset_id, grantee, permission=level)
        return _permissions(tx, dataset_id)


@permissions_blueprint.delete("", body=PermissionKey, output=PermissionsOut)
def unset_permission(dataset_id: int, given: dict[str, Any]) -> dict[str, Any]:
    """Remove the level of a user or a group."""
    caller().dataset(dataset_id, "admin")
    with caller().writing() as tx:
        if "user_id" in given:
            delete_permission(tx, dataset_id, given["user_id"])
        else:
            delete_group_permission(tx, dataset_id, given["group_id"])
        _record(tx, "permission_taken", dataset_id, _find_grantee(tx, given))
        return _permissions(tx, dataset_id)


def _permissions(tx: Transaction, dataset_id: int) -> dict[str, Any]:
    return {
        "permissions": list_permissions(tx, dataset_id),
        "groups": list_group_permissions(tx, dataset_id),
    }


def _find_grantee(tx: Transaction, given: dict[str, Any]) -> User | Group:
    if "user_id" in given:
        return get_user(tx, given["user_id"])
    if "group_id" in given:
        return get_group(tx, given["group_id"])
    if "user_soeid" in given:
        return find_member(tx, given["user_soeid"], "user_soeid")
    return find_grantee(tx, given["name"], "name")


def _record(
    tx: Transaction, action: Action, dataset_id: int, grantee: User | Group, **details: str
) -> None:
    """Record a change of a permission, with the name of the user or the group."""
    if isinstance(grantee, User):
        about: tuple[ObjectType, int] = ("user", grantee.id)
        details["soeid"] = grantee.soeid
    else:
        about = ("group", grantee.id)
        details["name"] = grantee.name
    caller().audit(tx, action, dataset_id=dataset_id, about=about, **details)
