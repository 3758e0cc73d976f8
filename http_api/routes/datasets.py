"""Routes of datasets, and of the permissions in a dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from marshmallow import ValidationError, validate, validates_schema

from application.administration.grantees import find_grantee, find_member
from application.identity.bin import delete_dataset
from contract.declarations import Help
from contract.requests.datasets import DatasetChangeRequest, DatasetRequest, DatasetsRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.deleted import Binned, binned
from http_api.routes.versions import CommitTable, commit_tables
from http_api.schemas.base import PageQuery, StrictQuery, StrictSchema, text
from http_api.schemas.contract import Listing, list_schema, listed
from http_api.schemas.fields import (
    Message,
    StrictInteger,
    StrictString,
)
from storage.accounts.audit_trail import Action, ObjectType
from storage.accounts.datasets import (
    LEVELS,
    Dataset,
    DatasetFilters,
    GroupPermission,
    Permission,
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


@dataclass(frozen=True)
class OverviewRef:
    """A ref with its tables."""

    name: str
    commit_id: str | None
    updated_at: str
    tables: list[CommitTable]


@dataclass(frozen=True)
class DatasetOverview:
    """The refs of a dataset, with their tables."""

    total: int
    offset: int
    limit: int
    dataset_id: int
    name: str
    refs: Annotated[list[OverviewRef], Help("`main` first.")]


@blueprint.post("", body=DatasetRequest, output=Dataset)
def create(given: DatasetRequest) -> Dataset:
    """Create a dataset.

    It starts with an empty ref `main`.
    """
    maker = caller().require_role("admin", "analyst")
    with caller().writing() as tx:
        made = create_dataset(tx, maker, clock=service().clock, **given.given())
        caller().audit(tx, "dataset_made", dataset_id=made.id, name=made.name)
        return made


@blueprint.get("", query=DatasetsRequest, output=list_schema("datasets", Dataset))
def datasets(query: DatasetsRequest) -> Listing:
    """The datasets that I may read."""
    page = {"offset": query.offset, "limit": query.limit}
    filters = DatasetFilters(query.q, query.tag, query.name)
    with service().database.read() as tx:
        datasets = list_datasets(tx, caller().user, filters, sort=query.sort, **page)
    return listed(datasets, page)


@blueprint.get("/<int:dataset_id>", output=Dataset)
def one(dataset_id: int) -> Dataset:
    """One dataset."""
    return caller().dataset(dataset_id, "read")


@blueprint.patch("/<int:dataset_id>", body=DatasetChangeRequest, output=Dataset)
def change(dataset_id: int, given: DatasetChangeRequest) -> Dataset:
    """Change a dataset's name, description, tags or requirement.

    Only its owners, with the level admin, change `require_columns`.
    """
    caller().dataset(dataset_id, "write" if given.require_columns is None else "admin")
    with caller().writing() as tx:
        changed = change_dataset(
            tx,
            dataset_id,
            caller().user,
            name=given.name,
            description=given.description,
            tags=given.tags,
            require_columns=given.require_columns,
            clock=service().clock,
        )
        if changed:
            caller().audit(
                tx,
                "dataset_changed",
                dataset_id=dataset_id,
                changed=sorted(changed),
                name=given.name,
            )
        return get_dataset(tx, dataset_id, caller().user)


@blueprint.delete("/<int:dataset_id>", output=Binned)
def delete(dataset_id: int) -> Binned:
    """Remove a dataset.

    It goes to the bin with its versions, samples and jobs. If samples are signed off, nobody who
    prepared their findings can remove it.
    """
    return binned("Dataset removed", delete_dataset(caller(), dataset_id))


@blueprint.get("/<int:dataset_id>/overview", query=PageQuery, output=DatasetOverview)
def overview(dataset_id: int, query: dict[str, int]) -> DatasetOverview:
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
    shown = [
        OverviewRef(
            ref.name,
            ref.commit_id,
            ref.updated_at,
            commit_tables(commits[ref.commit_id]) if ref.commit_id else [],
        )
        for ref in refs
    ]
    return DatasetOverview(total, query["offset"], query["limit"], dataset.id, dataset.name, shown)


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


@dataclass(frozen=True)
class Permissions:
    """The levels of users and of groups."""

    permissions: list[Permission]
    groups: list[GroupPermission]


@dataclass(frozen=True)
class PermissionsPage(Permissions):
    """A page of them: users, then groups."""

    total: int
    offset: int
    limit: int


@permissions_blueprint.get("", query=PageQuery, output=PermissionsPage)
def permissions(dataset_id: int, query: dict[str, int]) -> PermissionsPage:
    """The permissions of users and groups in a dataset.

    A page counts both: the users come first, then the groups.
    """
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        found = _permissions(tx, dataset_id)
    offset, limit = query["offset"], query["limit"]
    both = [*found.permissions, *found.groups]
    page = both[offset : offset + limit]
    users = [one for one in page if isinstance(one, Permission)]
    groups = [one for one in page if isinstance(one, GroupPermission)]
    return PermissionsPage(users, groups, len(both), offset, limit)


@permissions_blueprint.put("", body=PermissionIn, output=Permissions)
def set_permission(dataset_id: int, given: dict[str, Any]) -> Permissions:
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


@permissions_blueprint.delete("", body=PermissionKey, output=Permissions)
def unset_permission(dataset_id: int, given: dict[str, Any]) -> Permissions:
    """Remove the level of a user or a group."""
    caller().dataset(dataset_id, "admin")
    with caller().writing() as tx:
        if "user_id" in given:
            delete_permission(tx, dataset_id, given["user_id"])
        else:
            delete_group_permission(tx, dataset_id, given["group_id"])
        _record(tx, "permission_taken", dataset_id, _find_grantee(tx, given))
        return _permissions(tx, dataset_id)


def _permissions(tx: Transaction, dataset_id: int) -> Permissions:
    return Permissions(list_permissions(tx, dataset_id), list_group_permissions(tx, dataset_id))


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
