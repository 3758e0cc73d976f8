"""Routes of refs, history and commits."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from marshmallow import RAISE, fields

from application.job_submission import require_unreserved
from http_api.auth.access import bearer, dataset_for, service, writing
from http_api.auth.auditing import audit
from http_api.schemas.base import MessageOut, PageOut, PageQuery, StrictSchema, text
from http_api.server.problems import InvalidRequest
from job_runner.tables.open_tables import open_commit
from storage.versions.manifests import Commit, history
from storage.versions.refs import MAIN, create_ref, delete_ref, get_ref, list_refs, resolve

blueprint = APIBlueprint(
    "refs", __name__, url_prefix="/api/datasets/<int:dataset_id>", tag="Versions"
)


class RefOut(Schema):
    name = fields.String(required=True)
    ref_name = fields.String(required=True, attribute="name", dump_only=True)
    commit_id = fields.String(allow_none=True, required=True)
    created_at = fields.String(required=True)
    updated_at = fields.String(required=True)


class RefsOut(PageOut):
    refs = fields.List(fields.Nested(RefOut), required=True)


class RefIn(StrictSchema):
    name = text(1, 100)
    from_ref = text(1, 100)
    ref_name = text(1, 100)
    commit_id = text(1, 100)


class CommitTableOut(Schema):
    table_key = fields.String(required=True)
    row_count = fields.Integer(required=True)
    column_count = fields.Integer(required=True)
    size_bytes = fields.Integer(required=True)


class CommitOut(Schema):
    commit_id = fields.String(required=True)
    parent_commit_id = fields.String(allow_none=True, required=True)
    message = fields.String(required=True)
    author = fields.String(required=True)
    created_at = fields.String(required=True)
    tables = fields.List(fields.Nested(CommitTableOut), required=True)


class HistoryQuery(PageQuery):
    ref_name = text(1, 100, load_default=MAIN)


class CommitHistoryOut(PageOut):
    dataset_id = fields.Integer(required=True)
    ref_name = fields.String(required=True)
    commits = fields.List(fields.Nested(CommitOut), required=True)


def commit_tables(commit: Commit) -> list[dict[str, Any]]:
    """Return a commit's tables in order, with their sizes."""
    return [
        {
            "table_key": table.key,
            "row_count": table.row_count,
            "column_count": len(table.columns),
            "size_bytes": table.size_bytes,
        }
        for table in commit.manifest.tables
    ]


def commit_json(commit: Commit) -> dict[str, Any]:
    """Return a commit as JSON."""
    manifest = commit.manifest
    return {
        "commit_id": commit.id,
        "parent_commit_id": manifest.parent_id,
        "message": manifest.message,
        "author": manifest.author,
        "created_at": manifest.created_at,
        "tables": commit_tables(commit),
    }


@blueprint.get("/refs")
@blueprint.auth_required(bearer)
@blueprint.input(PageQuery, location="query", unknown=RAISE, arg_name="page")
@blueprint.output(RefsOut)
@blueprint.doc(summary="A dataset's refs, main first")
def refs(dataset_id: int, page: dict[str, int]) -> dict[str, Any]:
    dataset_for(dataset_id, "read")
    with service().database.read() as tx:
        found, total = list_refs(tx, dataset_id, page["offset"], page["limit"])
    return {"refs": found, "total": total, **page}


@blueprint.post("/refs")
@blueprint.auth_required(bearer)
@blueprint.input(RefIn, arg_name="given")
@blueprint.output(RefOut)
@blueprint.doc(
    summary="Name a commit",
    description="`name` with `from_ref`, or `ref_name` with `commit_id`. Nothing is copied.",
)
def create(dataset_id: int, given: dict[str, str]) -> Any:
    dataset_for(dataset_id, "write")
    name = given.get("name") or given.get("ref_name")
    source = given.get("from_ref") or given.get("commit_id")
    if name is None or source is None:
        missing = "name" if name is None else "from_ref"
        raise InvalidRequest(
            "Give `name` and `from_ref`, or `ref_name` and `commit_id`.", loc=("body", missing)
        )
    with writing() as tx:
        commit_id = resolve(tx, dataset_id, source)
        require_unreserved(tx, dataset_id, name)
        made = create_ref(tx, dataset_id, name, commit_id, service().clock)
        audit(
            tx,
            "ref_made",
            dataset_id=dataset_id,
            about=("ref", made.name),
            commit_id=commit_id,
        )
        return made


@blueprint.get("/refs/<ref>")
@blueprint.auth_required(bearer)
@blueprint.output(RefOut)
@blueprint.doc(summary="One ref")
def one(dataset_id: int, ref: str) -> Any:
    dataset_for(dataset_id, "read")
    with service().database.read() as tx:
        return get_ref(tx, dataset_id, ref)


@blueprint.delete("/refs/<ref>")
@blueprint.auth_required(bearer)
@blueprint.output(MessageOut)
@blueprint.doc(
    summary="Delete a ref", description="Its commits stay for a while; `main` can't be deleted."
)
def delete(dataset_id: int, ref: str) -> dict[str, str]:
    dataset_for(dataset_id, "write")
    with writing() as tx:
        named = get_ref(tx, dataset_id, ref).commit_id
        delete_ref(tx, dataset_id, ref, service().clock)
        audit(tx, "ref_deleted", dataset_id=dataset_id, about=("ref", ref), commit_id=named)
    return {"message": "Ref deleted"}


@blueprint.get("/history")
@blueprint.auth_required(bearer)
@blueprint.input(HistoryQuery, location="query", unknown=RAISE, arg_name="query")
@blueprint.output(CommitHistoryOut)
@blueprint.doc(summary="Commits of a ref, newest first")
def commits(dataset_id: int, query: dict[str, Any]) -> dict[str, Any]:
    dataset_for(dataset_id, "read")
    with service().database.read() as tx:
        ref = get_ref(tx, dataset_id, query["ref_name"])
        found, total = (
            history(tx, dataset_id, ref.commit_id, query["offset"], query["limit"])
            if ref.commit_id is not None
            else ([], 0)
        )
    return {
        "dataset_id": dataset_id,
        "commits": [commit_json(commit) for commit in found],
        "total": total,
        **query,
    }


@blueprint.get("/commits/<commit>")
@blueprint.auth_required(bearer)
@blueprint.output(CommitOut)
@blueprint.doc(summary="One commit, by id, first digits of the id, or ref")
def commit(dataset_id: int, commit: str) -> dict[str, Any]:
    dataset_for(dataset_id, "read")
    with service().database.read() as tx:
        return commit_json(open_commit(tx, dataset_id, commit))
