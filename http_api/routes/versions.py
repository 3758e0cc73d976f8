"""Routes of refs, commits and their tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from apiflask import Schema
from flask import Response
from marshmallow import fields, validate

from application.access import RowSource
from application.band_views import band_view
from application.identity.bin import delete_ref
from application.table_views import column_summaries, parse_view
from contract.declarations import Help
from contract.requests.rows import CommitRowsRequest, RowsRequest
from domain_errors import InvalidRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.deleted import Binned, binned
from http_api.routes.row_responses import (
    Rows,
    column_names,
    download,
    filter_field,
    rows_of,
    rows_work,
)
from http_api.schemas import out
from http_api.schemas.base import PageQuery, StrictQuery, StrictSchema, text
from http_api.schemas.contract import Listing, list_schema, listed
from http_api.schemas.fields import QueryBoolean, QueryList
from parquet_tables.tables import Column
from service.tables.open_tables import OpenTable, open_commit, open_table
from service.tables.reports import cached_profile
from storage.versions.manifests import Commit, history
from storage.versions.refs import (
    MAIN,
    Ref,
    create_ref,
    get_ref,
    list_refs,
    parse_version_name,
    resolve,
)

MAX_QUERY_BREAKS = 50

blueprint = SignedInBlueprint(
    "refs", __name__, url_prefix="/api/datasets/<int:dataset_id>", tag="Versions"
)


class RefIn(StrictSchema):
    name = text(1, 100)
    from_ref = text(1, 100)
    ref_name = text(1, 100)
    commit_id = text(1, 100)


@dataclass(frozen=True)
class CommitTable:
    """A table of a commit."""

    table_key: str
    row_count: int
    column_count: int
    size_bytes: int
    attached_files: Annotated[int, Help("The number of files that are read where they are.")]
    verified_files: Annotated[
        int, Help("Of these, the ones whose rows and statistics were checked.")
    ]


@dataclass(frozen=True)
class CommitFacts:
    """A commit with its tables."""

    commit_id: str
    parent_commit_id: str | None
    message: str
    author: str
    created_at: str
    tables: list[CommitTable]


class CommitsHistoryQuery(PageQuery):
    ref_name = text(1, 100, load_default=MAIN)


@dataclass(frozen=True)
class CommitHistory:
    """Commits of a ref."""

    total: int
    offset: int
    limit: int
    dataset_id: int
    ref_name: str
    commits: list[CommitFacts]


def commit_tables(commit: Commit) -> list[CommitTable]:
    """A commit's tables in order, with their sizes."""
    return [
        CommitTable(
            table.name,
            table.row_count,
            len(table.columns),
            table.size_bytes,
            len(table.attached_files),
            sum(file.verified for file in table.attached_files),
        )
        for table in commit.manifest.tables
    ]


def commit_facts(commit: Commit) -> CommitFacts:
    """A commit with its tables."""
    manifest = commit.manifest
    return CommitFacts(
        commit.id,
        manifest.parent_id,
        manifest.message,
        manifest.author,
        manifest.created_at,
        commit_tables(commit),
    )


@blueprint.get("/refs", query=PageQuery, output=list_schema("refs", Ref))
def refs(dataset_id: int, query: dict[str, int]) -> Listing:
    """A dataset's refs, main first."""
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        found = list_refs(tx, dataset_id, query["offset"], query["limit"])
    return listed(found, query)


@blueprint.post("/refs", body=RefIn, output=Ref)
def create(dataset_id: int, given: dict[str, str]) -> Ref:
    """Name a commit.

    `name` with `from_ref`, or `ref_name` with `commit_id`. Nothing is copied. Names that start with
    `smpl-` or `expl-` are reserved for what jobs make.
    """
    caller().dataset(dataset_id, "write")
    name = given.get("name") or given.get("ref_name")
    source = given.get("from_ref") or given.get("commit_id")
    if name is None or source is None:
        missing = "name" if name is None else "from_ref"
        raise InvalidRequest(
            "Give `name` and `from_ref`, or `ref_name` and `commit_id`.", loc=("body", missing)
        )
    parse_version_name(name, ("body", "name" if given.get("name") else "ref_name"))
    with caller().writing() as tx:
        commit_id = resolve(tx, dataset_id, source)
        made = create_ref(tx, dataset_id, name, commit_id, service().clock)
        caller().audit(
            tx, "ref_made", dataset_id=dataset_id, about=("ref", made.name), commit_id=commit_id
        )
        return made


@blueprint.get("/refs/<ref>", output=Ref)
def one(dataset_id: int, ref: str) -> Ref:
    """One ref."""
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        return get_ref(tx, dataset_id, ref)


@blueprint.delete("/refs/<ref>", output=Binned)
def delete(dataset_id: int, ref: str) -> Binned:
    """Delete a sample, a saved query or another ref.

    It goes to the bin; `main` can't be deleted. A signed-off sample is deleted by the person who
    signed it off, or by an owner of the dataset who prepared none of its findings.
    """
    return binned("Ref deleted", delete_ref(caller(), dataset_id, ref))


@blueprint.get("/history", query=CommitsHistoryQuery, output=CommitHistory)
def commits(dataset_id: int, query: dict[str, Any]) -> CommitHistory:
    """Commits of a ref, newest first."""
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        ref = get_ref(tx, dataset_id, query["ref_name"])
        found, total = (
            history(tx, dataset_id, ref.commit_id, query["offset"], query["limit"])
            if ref.commit_id is not None
            else ([], 0)
        )
    return CommitHistory(
        total,
        query["offset"],
        query["limit"],
        dataset_id,
        query["ref_name"],
        [commit_facts(commit) for commit in found],
    )


@blueprint.get("/commits/<commit>", output=CommitFacts)
def commit(dataset_id: int, commit: str) -> CommitFacts:
    """One commit, by id, first digits of the id, or ref."""
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        return commit_facts(open_commit(tx, dataset_id, commit))


tables_blueprint = SignedInBlueprint(
    "tables", __name__, url_prefix="/api/datasets/<int:dataset_id>", tag="Tables"
)

MAX_SUMMARIES = 50


class ColumnOut(Schema):
    name = out.string()
    type = out.string("DuckDB's type.")


class CountedColumnOut(ColumnOut):
    distinct = fields.Integer(
        allow_none=True,
        metadata={"description": "With `distinct=true`: the number of distinct values, if known."},
    )
    distinct_exact = fields.Boolean(metadata={"description": "Whether the number is exact."})


class SchemaQuery(StrictQuery):
    distinct = QueryBoolean(
        load_default=False, description="Add the number of distinct values from a cached profile."
    )


class CountedSchemaOut(Schema):
    table_key = out.string()
    row_count = out.integer()
    columns = out.list_of(CountedColumnOut)


class TableSchemaOut(Schema):
    table_key = out.string()
    row_count = out.integer()
    columns = out.list_of(ColumnOut)


@dataclass(frozen=True)
class CommitTables:
    """The tables of a commit."""

    commit_id: str
    tables: list[CommitTable]


class CommitSchemaOut(Schema):
    commit_id = out.string()
    tables = out.list_of(TableSchemaOut)


class SummariesQuery(StrictQuery):
    columns = text(1, 100_000, description="Column names separated by commas; at most 50.")
    filters = filter_field()


class ColumnPartOut(Schema):
    label = out.string()
    rows = out.integer()
    filter = out.string("The expression that selects the part's rows.")


class ColumnSummaryOut(ColumnOut):
    rows = out.integer()
    missing = out.integer()
    distinct = out.integer()
    distinct_exact = out.boolean("Whether `distinct` is exact.")
    minimum = out.raw(null=True)
    maximum = out.raw(null=True)
    chart = fields.String(required=True, validate=validate.OneOf(("bins", "values", "none")))
    clipped = out.boolean("Whether the outer bins have no limit.")
    sampled = out.boolean("Whether the numbers are those of some blocks.")
    parts = out.list_of(ColumnPartOut)


class ColumnSummariesOut(Schema):
    commit_id = out.string()
    table_key = out.string()
    columns = out.list_of(ColumnSummaryOut)


class BandsQuery(StrictQuery):
    column = text(1, 1000, required=True, description="A column of numbers or dates.")
    breaks = QueryList(
        validate=validate.Length(max=MAX_QUERY_BREAKS),
        description="Breaks in ascending order, separated by commas.",
    )
    amount_column = text(
        1, 1000, description="The column to add up. Default: the column itself, if of numbers."
    )
    filters = filter_field()


class BandOut(Schema):
    label = out.string()
    rows = out.integer()
    sum = fields.String(metadata={"description": "An exact decimal text."})


class CumulatedBandOut(BandOut):
    low = out.string("The first value; null where the band has no lower limit.", null=True)
    high = out.string("The first value above the band; null without an upper limit.", null=True)
    cumulated_rows = out.integer("Rows of this and all lower bands.")
    cumulated_sum = fields.String()


class BandsOut(Schema):
    commit_id = out.string()
    table_key = out.string()
    column = out.string()
    type = out.string()
    rows = out.integer()
    minimum = out.raw(null=True)
    maximum = out.raw(null=True)
    amount_column = out.string("The column that is added up.", null=True)
    missing = out.nested(BandOut, null=True)
    bins = out.list_of(CumulatedBandOut, "A histogram with round edges.")
    bands = out.list_of(CumulatedBandOut, "The bands between the breaks.")


@tables_blueprint.get("/refs/<ref>/tables", output=CommitTables)
def tables(dataset_id: int, ref: str) -> CommitTables:
    """The tables of a ref."""
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        commit = open_commit(tx, dataset_id, ref)
    return CommitTables(commit.id, commit_tables(commit))


@tables_blueprint.get(
    "/refs/<ref>/tables/<path:key>/schema", query=SchemaQuery, output=CountedSchemaOut
)
def table_schema(dataset_id: int, ref: str, key: str, query: dict[str, bool]) -> dict[str, Any]:
    """A table's columns.

    With `distinct=true` each has `distinct`: null unless the table has a cached profile. It is
    never computed here.
    """
    caller().dataset(dataset_id, "read")
    with caller().reading():
        table = open_table(service(), dataset_id, ref, key)
    schema = _schema(table.name, table.files.row_count, table.files.columns)
    if query["distinct"]:
        schema["columns"] = _counted(dataset_id, table)
    return schema


@tables_blueprint.get(
    "/refs/<ref>/tables/<path:key>/summaries", query=SummariesQuery, output=ColumnSummariesOut
)
def table_summaries(dataset_id: int, ref: str, key: str, query: dict[str, Any]) -> dict[str, Any]:
    """Charts of columns of the filtered rows.

    Missing values, distinct values and a small chart of each column. Tables above 2,000,000 rows
    are read in blocks of about 1,000,000 rows in all: `sampled` is true then.
    """
    caller().dataset(dataset_id, "read")
    with caller().reading():
        table = open_table(service(), dataset_id, ref, key)
        columns = table.files.select(tuple(column_names(query.get("columns"))))[:MAX_SUMMARIES]
        view = parse_view(table.files, query.get("filters"), None, descending=False)
        found = column_summaries(service(), table, view, columns)
    caller().audit_view(RowSource(dataset_id, table.commit_id, table.key), "profile")
    return {"commit_id": table.commit_id, "table_key": table.name, "columns": found}


@tables_blueprint.get("/refs/<ref>/tables/<path:key>/bands", query=BandsQuery, output=BandsOut)
def table_bands(dataset_id: int, ref: str, key: str, query: dict[str, Any]) -> dict[str, Any]:
    """Rows and sums of a column's bands.

    A histogram of the filtered rows and, for given breaks, the bands, each with rows and sums,
    single and cumulated.
    """
    caller().dataset(dataset_id, "read")
    with caller().reading():
        table = open_table(service(), dataset_id, ref, key)
        view = parse_view(table.files, query.get("filters"), None, descending=False)
        name, breaks = query["column"], query.get("breaks") or []
        found = band_view(service(), table, view, name, breaks, query.get("amount_column"))
    caller().audit_view(RowSource(dataset_id, table.commit_id, table.key), "profile")
    return found


@tables_blueprint.get("/refs/<ref>/tables/<path:key>/data", query=RowsRequest, output=Rows)
def table_data(dataset_id: int, ref: str, key: str, query: RowsRequest) -> Response | Rows:
    """A table's rows, in file order."""
    caller().dataset(dataset_id, "read")
    with rows_work(query):
        return _rows(dataset_id, open_table(service(), dataset_id, ref, key), query)


@tables_blueprint.get("/commits/<commit>/schema", output=CommitSchemaOut)
def commit_schema(dataset_id: int, commit: str) -> dict[str, Any]:
    """The columns of all tables of a commit."""
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        found = open_commit(tx, dataset_id, commit)
    return {
        "commit_id": found.id,
        "tables": [
            _schema(table.name, table.row_count, table.columns) for table in found.manifest.tables
        ],
    }


@tables_blueprint.get("/commits/<commit>/data", query=CommitRowsRequest, output=Rows)
def commit_data(dataset_id: int, commit: str, query: CommitRowsRequest) -> Response | Rows:
    """Rows of a commit's table, in file order."""
    caller().dataset(dataset_id, "read")
    with rows_work(query):
        table = open_table(service(), dataset_id, commit, query.table_key)
        return _rows(dataset_id, table, query)


def _counted(dataset_id: int, table: OpenTable) -> list[dict[str, Any]]:
    """Return the columns, each with its number of distinct values."""
    cached = cached_profile(service(), table.files)
    if cached is not None:
        caller().audit_view(RowSource(dataset_id, table.commit_id, table.key), "profile")
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


def _rows(dataset_id: int, table: OpenTable, query: RowsRequest) -> Response | Rows:
    source = RowSource(dataset_id, table.commit_id, table.key)
    if query.format != "json":
        return download(source, table, query, f"{dataset_id}-{table.name}")
    return rows_of(source, table, query)
