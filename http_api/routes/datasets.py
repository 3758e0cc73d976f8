"""Routes of datasets, and of the permissions in a dataset."""

from __future__ import annotations

from typing import Annotated, cast

from application.administration.grantees import find_grantee, find_member
from application.identity.bin import delete_dataset
from contract.declarations import Help
from contract.requests.accounts import PermissionKeyRequest, PermissionRequest
from contract.requests.datasets import DatasetChangeRequest, DatasetRequest, DatasetsRequest
from contract.requests.pages import PageRequest
from contract.words import Action
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.deleted import Binned, binned
from http_api.routes.versions import CommitTable, commit_tables
from http_api.schemas.contract import Listing, list_schema, listed, page_of
from lazy_dataclasses import dataclass
from storage.accounts.audit_trail import ObjectType
from storage.accounts.datasets import (
    DatasetFilters,
    DatasetRecord,
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

blueprint = SignedInBlueprint("datasets", "Datasets", "/api/datasets")


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


@blueprint.post("")
def create(given: DatasetRequest) -> DatasetRecord:
    """Create a dataset.

    It starts with an empty ref `main`.
    """
    maker = caller().require_role("admin", "analyst")
    with caller().writing() as tx:
        made = create_dataset(tx, maker, clock=service().clock, **given.given())
        caller().audit(tx, "dataset_made", dataset_id=made.id, name=made.name)
        return made


@blueprint.get("", output=list_schema("datasets", DatasetRecord))
def datasets(query: DatasetsRequest) -> Listing:
    """The datasets that I may read."""
    filters = DatasetFilters(query.q, query.tag, query.name)
    with service().database.read() as tx:
        datasets = list_datasets(
            tx, caller().user, filters, sort=query.sort, offset=query.offset, limit=query.limit
        )
    return listed(datasets, query)


@blueprint.get("/<int:dataset_id>")
def one(dataset_id: int) -> DatasetRecord:
    """One dataset."""
    return caller().dataset(dataset_id, "read")


@blueprint.patch("/<int:dataset_id>")
def change(dataset_id: int, given: DatasetChangeRequest) -> DatasetRecord:
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


@blueprint.delete("/<int:dataset_id>")
def delete(dataset_id: int) -> Binned:
    """Remove a dataset.

    It goes to the bin with its versions, samples and jobs. If samples are signed off, nobody who
    prepared their findings can remove it.
    """
    return binned("Dataset removed", delete_dataset(caller(), dataset_id))


@blueprint.get("/<int:dataset_id>/overview")
def overview(dataset_id: int, query: PageRequest) -> DatasetOverview:
    """Refs with their tables.

    The choices of a form.
    """
    dataset = caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        refs, total = list_refs(tx, dataset_id, query.offset, query.limit)
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
    return DatasetOverview(total, query.offset, query.limit, dataset.id, dataset.name, shown)


permissions_blueprint = SignedInBlueprint(
    "permissions", "Datasets", "/api/datasets/<int:dataset_id>/permissions"
)


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


@permissions_blueprint.get("")
def permissions(dataset_id: int, query: PageRequest) -> PermissionsPage:
    """The permissions of users and groups in a dataset.

    A page counts both: the users come first, then the groups.
    """
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        levels = _permissions(tx, dataset_id)
    page = page_of([*levels.permissions, *levels.groups], query)
    users = [level for level in page.items if isinstance(level, Permission)]
    groups = [level for level in page.items if isinstance(level, GroupPermission)]
    return PermissionsPage(users, groups, page.total, page.offset, page.limit)


@permissions_blueprint.put("")
def set_permission(dataset_id: int, given: PermissionRequest) -> Permissions:
    """Set the level of a user or a group: read, write or admin."""
    caller().dataset(dataset_id, "admin")
    level = given.permission
    with caller().writing() as tx:
        grantee = _find_grantee(tx, given)
        if isinstance(grantee, User):
            put_permission(tx, dataset_id, grantee.id, level)
        else:
            put_group_permission(tx, dataset_id, grantee.id, level)
        _record(tx, "permission_given", dataset_id, grantee, permission=level)
        return _permissions(tx, dataset_id)


@permissions_blueprint.delete("")
def unset_permission(dataset_id: int, given: PermissionKeyRequest) -> Permissions:
    """Remove the level of a user or a group."""
    caller().dataset(dataset_id, "admin")
    with caller().writing() as tx:
        if given.user_id is not None:
            delete_permission(tx, dataset_id, given.user_id)
            grantee: User | Group = get_user(tx, given.user_id)
        else:
            group_id = cast(int, given.group_id)
            delete_group_permission(tx, dataset_id, group_id)
            grantee = get_group(tx, group_id)
        _record(tx, "permission_taken", dataset_id, grantee)
        return _permissions(tx, dataset_id)


def _permissions(tx: Transaction, dataset_id: int) -> Permissions:
    return Permissions(list_permissions(tx, dataset_id), list_group_permissions(tx, dataset_id))


def _find_grantee(tx: Transaction, given: PermissionRequest) -> User | Group:
    if given.user_id is not None:
        return get_user(tx, given.user_id)
    if given.group_id is not None:
        return get_group(tx, given.group_id)
    if given.user_soeid is not None:
        return find_member(tx, given.user_soeid, "user_soeid")
    return find_grantee(tx, cast(str, given.name), "name")


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
