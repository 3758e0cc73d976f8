"""Routes of a commit's tables: keys, schema, rows."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from flask import Response, jsonify
from marshmallow import RAISE, fields

from http_api.auth.access import bearer, dataset_for, service
from http_api.auth.read_auditing import RowSource, audit_view
from http_api.routes.refs import CommitTableOut, commit_tables
from http_api.routes.row_responses import RowsQuery, download, page_json, rows_work
from http_api.schemas.base import StrictQuery, text
from http_api.schemas.fields import QueryBoolean
from http_api.server.work_limits import reading
from job_runner.tables.open_tables import OpenTable, open_commit, open_table
from job_runner.tables.reports import cached_profile
from parquet_tables.tables import Column

blueprint = APIBlueprint(
    "tables", __name__, url_prefix="/api/datasets/<int:dataset_id>", tag="Tables"
)


class ColumnOut(Schema):
    name = fields.String(required=True)
    type = fields.String(required=True, metadata={"description": "DuckDB's type."})


class CountedColumnOut(ColumnOut):
    distinct = fields.Integer(
        allow_none=True,
        metadata={"description": "With `distinct=true`: the number of distinct values, if known."},
    )
    distinct_exact = fields.Boolean(metadata={"description": "Whether the number is exact."})


class SchemaQuery(StrictQuery):
    distinct = QueryBoolean(
        load_default=False,
        metadata={"description": "Add the number of distinct values from a cached profile."},
    )


class CountedSchemaOut(Schema):
    table_key = fields.String(required=True)
    row_count = fields.Integer(required=True)
    columns = fields.List(fields.Nested(CountedColumnOut), required=True)


class TableSchemaOut(Schema):
    table_key = fields.String(required=True)
    row_count = fields.Integer(required=True)
    columns = fields.List(fields.Nested(ColumnOut), required=True)


class TablesOut(Schema):
    commit_id = fields.String(required=True)
    tables = fields.List(fields.Nested(CommitTableOut), required=True)


class CommitSchemaOut(Schema):
    commit_id = fields.String(required=True)
    tables = fields.List(fields.Nested(TableSchemaOut), required=True)


class PaginationOut(Schema):
    total = fields.Integer(required=True)
    offset = fields.Integer(required=True)
    limit = fields.Integer(required=True)
    has_more = fields.Boolean(required=True)


class RowsOut(Schema):
    dataset_id = fields.Integer(required=True)
    commit_id = fields.String(required=True)
    table_key = fields.String(required=True)
    data = fields.List(fields.Dict(), required=True)
    columns = fields.List(fields.String(), required=True)
    pagination = fields.Nested(PaginationOut, required=True)


class CommitRowsQuery(RowsQuery):
    table_key = text(1, 200)


@blueprint.get("/refs/<ref>/tables")
@blueprint.auth_required(bearer)
@blueprint.output(TablesOut)
@blueprint.doc(summary="The tables of a ref")
def tables(dataset_id: int, ref: str) -> dict[str, Any]:
    dataset_for(dataset_id, "read")
    with service().database.read() as tx:
        commit = open_commit(tx, dataset_id, ref)
    return {"commit_id": commit.id, "tables": commit_tables(commit)}


@blueprint.get("/refs/<ref>/tables/<path:key>/schema")
@blueprint.auth_required(bearer)
@blueprint.input(SchemaQuery, location="query", unknown=RAISE, arg_name="query")
@blueprint.output(CountedSchemaOut)
@blueprint.doc(
    summary="A table's columns",
    description="With `distinct=true` each has `distinct`: null unless the table has a cached "
    "profile. It is never computed here.",
)
def table_schema(dataset_id: int, ref: str, key: str, query: dict[str, bool]) -> dict[str, Any]:
    dataset_for(dataset_id, "read")
    with reading():
        table = open_table(service(), dataset_id, ref, key)
    schema = _schema(table.key, table.files.row_count, table.files.columns)
    if query["distinct"]:
        schema["columns"] = _counted(dataset_id, table)
    return schema


@blueprint.get("/refs/<ref>/tables/<path:key>/data")
@blueprint.auth_required(bearer)
@blueprint.input(RowsQuery, location="query", unknown=RAISE, arg_name="query")
@blueprint.output(RowsOut)
@blueprint.doc(summary="A table's rows, in file order")
def table_data(dataset_id: int, ref: str, key: str, query: dict[str, Any]) -> Response:
    dataset_for(dataset_id, "read")
    with rows_work(query):
        return _rows(dataset_id, open_table(service(), dataset_id, ref, key), query)


@blueprint.get("/commits/<commit>/schema")
@blueprint.auth_required(bearer)
@blueprint.output(CommitSchemaOut)
@blueprint.doc(summary="The columns of all tables of a commit")
def commit_schema(dataset_id: int, commit: str) -> dict[str, Any]:
    dataset_for(dataset_id, "read")
    with service().database.read() as tx:
        found = open_commit(tx, dataset_id, commit)
    return {
        "commit_id": found.id,
        "tables": [
            _schema(table.key, table.row_count, table.columns) for table in found.manifest.tables
        ],
    }


@blueprint.get("/commits/<commit>/data")
@blueprint.auth_required(bearer)
@blueprint.input(CommitRowsQuery, location="query", unknown=RAISE, arg_name="query")
@blueprint.output(RowsOut)
@blueprint.doc(summary="Rows of a commit's table, in file order")
def commit_data(dataset_id: int, commit: str, query: dict[str, Any]) -> Response:
    dataset_for(dataset_id, "read")
    with rows_work(query):
        table = open_table(service(), dataset_id, commit, query.get("table_key"))
        return _rows(dataset_id, table, query)


def _counted(dataset_id: int, table: OpenTable) -> list[dict[str, Any]]:
    """Return the columns, each with its number of distinct values."""
    cached = cached_profile(service(), table.files)
    if cached is not None:
        audit_view(RowSource(dataset_id, table.commit_id, table.key), "profile")
    profiled = cached["profile"]["columns"] if cached else []
    known = {each["name"]: each["distinct"] for each in profiled if each.get("distinct")}
    counted: list[dict[str, Any]] = []
    for column in table.files.columns:
        figure = known.get(column.name)
        entry: dict[str, Any] = {"name": column.name, "type": column.type, "distinct": None}
        if figure is not None:
            entry["distinct"] = figure["value"]
            entry["distinct_exact"] = figure["accuracy"]["kind"] == "exact"
        counted.append(entry)
    return counted


def _schema(key: str, row_count: int, columns: tuple[Column, ...]) -> dict[str, Any]:
    return {"table_key": key, "row_count": row_count, "columns": columns}


def _rows(dataset_id: int, table: OpenTable, query: dict[str, Any]) -> Response:
    source = RowSource(dataset_id, table.commit_id, table.key)
    if query["format"] != "json":
        return download(source, table, query, f"{dataset_id}-{table.key}")
    return jsonify(
        {
            "dataset_id": dataset_id,
            "commit_id": table.commit_id,
            "table_key": table.key,
            **page_json(source, table, query),
        }
    )
