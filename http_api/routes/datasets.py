"""Datasets and who may do what in them."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from marshmallow import RAISE, fields, validate

from http_api.auth.access import bearer, dataset_for, require_role, service, user, writing
from http_api.auth.auditing import audit
from http_api.routes.refs import CommitTableOut, commit_tables
from http_api.schemas.base import MessageOut, PageOut, PageQuery, StrictSchema, text
from http_api.schemas.fields import BoundedList, StrictString
from storage.accounts.datasets import (
    SORTS,
    DatasetFilters,
    change_dataset,
    create_dataset,
    get_dataset,
    list_datasets,
    remove_dataset,
)
from storage.versions.manifests import get_commit
from storage.versions.refs import list_refs

blueprint = APIBlueprint("datasets", __name__, url_prefix="/api/datasets", tag="Datasets")


class DatasetIn(StrictSchema):
    name = text(1, 200, required=True)
    description = text(0, 10_000, load_default="", allow_none=False)
    tags = BoundedList(text(1, 100), load_default=list, most=100)


class DatasetChangeIn(StrictSchema):
    name = text(1, 200)
    description = text(0, 10_000)
    tags = BoundedList(text(1, 100), most=100)


class DatasetOut(Schema):
    id = fields.Integer(required=True)
    dataset_id = fields.Integer(required=True, attribute="id", dump_only=True)
    name = fields.String(required=True)
    description = fields.String(required=True)
    tags = fields.List(fields.String(), required=True)
    created_by = fields.String(required=True)
    created_at = fields.String(required=True)
    updated_at = fields.String(required=True)
    permission = fields.String(required=True, attribute="level")


class DatasetsOut(PageOut):
    datasets = fields.List(fields.Nested(DatasetOut), required=True)


class DatasetsQuery(PageQuery):
    q = text(1, 200, metadata={"description": "Part of the name or the description."})
    name = text(1, 200, metadata={"description": "The exact name, in any case."})
    tag = text(1, 100)
    sort = StrictString(load_default="-updated_at", validate=validate.OneOf(list(SORTS)))


class OverviewRefOut(Schema):
    name = fields.String(required=True)
    commit_id = fields.String(allow_none=True, required=True)
    updated_at = fields.String(required=True)
    tables = fields.List(fields.Nested(CommitTableOut), required=True)


class OverviewOut(Schema):
    dataset_id = fields.Integer(required=True)
    name = fields.String(required=True)
    refs = fields.List(fields.Nested(OverviewRefOut), required=True)


@blueprint.post("")
@blueprint.auth_required(bearer)
@blueprint.input(DatasetIn, arg_name="given")
@blueprint.output(DatasetOut)
@blueprint.doc(summary="Create a dataset", description="It starts with an empty ref `main`.")
def create(given: dict[str, Any]) -> Any:
    maker = require_role("admin", "analyst")
    with writing() as tx:
        made = create_dataset(tx, maker, clock=service().clock, **given)
        audit(tx, "dataset_made", dataset_id=made.id, name=made.name)
        return made


@blueprint.get("")
@blueprint.auth_required(bearer)
@blueprint.input(DatasetsQuery, location="query", unknown=RAISE, arg_name="query")
@blueprint.output(DatasetsOut)
@blueprint.doc(summary="The datasets that I may read")
def datasets(query: dict[str, Any]) -> dict[str, Any]:
    page = {"offset": query["offset"], "limit": query["limit"]}
    filters = DatasetFilters(query.get("q"), query.get("tag"), query.get("name"))
    with service().database.read() as tx:
        found, total = list_datasets(tx, user(), filters, sort=query["sort"], **page)
    return {"datasets": found, "total": total, **page}


@blueprint.get("/<int:dataset_id>")
@blueprint.auth_required(bearer)
@blueprint.output(DatasetOut)
@blueprint.doc(summary="One dataset")
def one(dataset_id: int) -> Any:
    return dataset_for(dataset_id, "read")


@blueprint.patch("/<int:dataset_id>")
@blueprint.auth_required(bearer)
@blueprint.input(DatasetChangeIn, arg_name="given")
@blueprint.output(DatasetOut)
@blueprint.doc(summary="Change a dataset's name, description or tags")
def change(dataset_id: int, given: dict[str, Any]) -> Any:
    dataset_for(dataset_id, "write")
    with writing() as tx:
        changed = change_dataset(
            tx,
            dataset_id,
            user(),
            name=given.get("name"),
            description=given.get("description"),
            tags=given.get("tags"),
            clock=service().clock,
        )
        if changed:
            audit(
                tx,
                "dataset_changed",
                dataset_id=dataset_id,
                changed=sorted(changed),
                name=given.get("name"),
            )
        return get_dataset(tx, dataset_id, user())


@blueprint.delete("/<int:dataset_id>")
@blueprint.auth_required(bearer)
@blueprint.output(MessageOut)
@blueprint.doc(summary="Remove a dataset", description="Its jobs are no longer visible.")
def delete(dataset_id: int) -> dict[str, str]:
    dataset = dataset_for(dataset_id, "admin")
    with writing() as tx:
        remove_dataset(tx, dataset_id, service().clock)
        audit(tx, "dataset_removed", dataset_id=dataset_id, name=dataset.name)
    return {"message": "Dataset removed"}


@blueprint.get("/<int:dataset_id>/overview")
@blueprint.auth_required(bearer)
@blueprint.output(OverviewOut)
@blueprint.doc(summary="Refs with their tables", description="The choices of a form.")
def overview(dataset_id: int) -> dict[str, Any]:
    dataset = dataset_for(dataset_id, "read")
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
            {
                **vars(ref),
                "tables": commit_tables(commits[ref.commit_id]) if ref.commit_id else [],
            }
            for ref in refs
        ],
    }
