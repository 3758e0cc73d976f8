"""Routes of refs, commits and their tables."""

from __future__ import annotations

from typing import Annotated

from flask import Response

from application.access import RowSource
from application.band_views import BandView, band_view
from application.identity.bin import delete_ref
from application.table_views import ColumnSummaries, column_summaries, parse_view
from contract.declarations import Help
from contract.requests.datasets import RefRequest
from contract.requests.pages import PageRequest
from contract.requests.tables import (
    BandsRequest,
    CommitRowsRequest,
    HistoryRequest,
    RowsRequest,
    SchemaRequest,
    SummariesRequest,
)
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.deleted import Binned, binned
from http_api.routes.row_responses import (
    Rows,
    column_names,
    download,
    rows_of,
    rows_work,
)
from http_api.schemas.contract import Listing, list_schema, listed
from lazy_dataclasses import dataclass
from parquet_tables.tables import Column
from service.tables.open_tables import OpenTable, open_commit, open_table
from service.tables.reports import cached_profile
from storage.versions.manifests import Commit, TableSource, history
from storage.versions.refs import (
    Ref,
    create_ref,
    get_ref,
    list_refs,
    parse_version_name,
    resolve,
)

blueprint = SignedInBlueprint("refs", "Versions", "/api/datasets/<int:dataset_id>")


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
    source: Annotated[
        TableSource | None, Help("The table of a format with versions, and its attached version.")
    ]


@dataclass(frozen=True)
class CommitFacts:
    """A commit with its tables."""

    commit_id: str
    parent_commit_id: str | None
    message: str
    user_soeid: str
    created_at: str
    tables: list[CommitTable]


@dataclass(frozen=True)
class CommitHistory:
    """Commits of a ref."""

    total: int
    offset: int
    limit: int
    dataset_id: int
    source_ref: str
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
            table.source,
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


@blueprint.get("/refs", output=list_schema("refs", Ref))
def refs(dataset_id: int, query: PageRequest) -> Listing:
    """A dataset's refs, main first."""
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        found = list_refs(tx, dataset_id, query.offset, query.limit)
    return listed(found, query)


@blueprint.post("/refs")
def create(dataset_id: int, given: RefRequest) -> Ref:
    """Name a version.

    `source_ref` is a ref or a commit. Nothing is copied. Names that start with `smpl-` or `expl-`
    are reserved for what jobs make.
    """
    caller().dataset(dataset_id, "write")
    parse_version_name(given.name, ("body", "name"))
    with caller().writing() as tx:
        commit_id = resolve(tx, dataset_id, given.source_ref)
        made = create_ref(tx, dataset_id, given.name, commit_id, service().clock)
        caller().audit(
            tx, "ref_made", dataset_id=dataset_id, about=("ref", made.name), commit_id=commit_id
        )
        return made


@blueprint.get("/refs/<ref>")
def one(dataset_id: int, ref: str) -> Ref:
    """One ref."""
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        return get_ref(tx, dataset_id, ref)


@blueprint.delete("/refs/<ref>")
def delete(dataset_id: int, ref: str) -> Binned:
    """Delete a sample, a saved query or another ref.

    It goes to the bin; `main` can't be deleted. A signed-off sample is deleted by the person who
    signed it off, or by an owner of the dataset who prepared none of its findings.
    """
    return binned("Ref deleted", delete_ref(caller(), dataset_id, ref))


@blueprint.get("/history")
def commits(dataset_id: int, query: HistoryRequest) -> CommitHistory:
    """Versions of a ref, newest first."""
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        ref = get_ref(tx, dataset_id, query.source_ref)
        versions, total = (
            history(tx, dataset_id, ref.commit_id, query.offset, query.limit)
            if ref.commit_id is not None
            else ([], 0)
        )
    shown = [commit_facts(commit) for commit in versions]
    return CommitHistory(total, query.offset, query.limit, dataset_id, query.source_ref, shown)


@blueprint.get("/commits/<commit_id>")
def commit(dataset_id: int, commit_id: str) -> CommitFacts:
    """One commit, by id, first digits of the id, or ref."""
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        return commit_facts(open_commit(tx, dataset_id, commit_id))


tables_blueprint = SignedInBlueprint("tables", "Tables", "/api/datasets/<int:dataset_id>")

MAX_SUMMARIES = 50


@dataclass(frozen=True)
class SchemaColumn:
    """A column of a table."""

    name: str
    type: Annotated[str, Help("DuckDB's type.")]
    distinct: Annotated[
        int | None, Help("With `distinct=true`: the number of distinct values, if known.")
    ] = None
    distinct_exact: Annotated[bool | None, Help("Whether the number is exact.")] = None


@dataclass(frozen=True)
class TableSchema:
    """The columns of a table."""

    table_key: str
    row_count: int
    columns: list[SchemaColumn]


@dataclass(frozen=True)
class CommitTables:
    """The tables of a commit."""

    commit_id: str
    tables: list[CommitTable]


@dataclass(frozen=True)
class CommitSchema:
    """The columns of the tables of a commit."""

    commit_id: str
    tables: list[TableSchema]


@tables_blueprint.get("/refs/<ref>/tables")
def tables(dataset_id: int, ref: str) -> CommitTables:
    """The tables of a ref."""
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        commit = open_commit(tx, dataset_id, ref)
    return CommitTables(commit.id, commit_tables(commit))


@tables_blueprint.get("/refs/<ref>/tables/<path:key>/schema")
def table_schema(dataset_id: int, ref: str, key: str, query: SchemaRequest) -> TableSchema:
    """A table's columns.

    With `distinct=true` each has `distinct`: null unless the table has a cached profile. It is
    never computed here.
    """
    caller().dataset(dataset_id, "read")
    with caller().reading():
        table = open_table(service(), dataset_id, ref, key)
    if not query.distinct:
        return _schema(table.name, table.files.row_count, table.files.columns)
    return TableSchema(table.name, table.files.row_count, _counted(dataset_id, table))


@tables_blueprint.get("/refs/<ref>/tables/<path:key>/summaries")
def table_summaries(
    dataset_id: int, ref: str, key: str, query: SummariesRequest
) -> ColumnSummaries:
    """Charts of columns of the filtered rows.

    Missing values, distinct values and a small chart of each column. Tables above 2,000,000 rows
    are read in blocks of about 1,000,000 rows in all: `sampled` is true then.
    """
    caller().dataset(dataset_id, "read")
    with caller().reading():
        table = open_table(service(), dataset_id, ref, key)
        columns = table.files.select(tuple(column_names(query.columns)))[:MAX_SUMMARIES]
        view = parse_view(table.files, query.filters, None, descending=False)
        summaries = column_summaries(service(), table, view, columns)
    caller().audit_view(RowSource(dataset_id, table.commit_id, table.key), "profile")
    return ColumnSummaries(table.commit_id, table.name, summaries)


@tables_blueprint.get("/refs/<ref>/tables/<path:key>/bands")
def table_bands(dataset_id: int, ref: str, key: str, query: BandsRequest) -> BandView:
    """Rows and sums of a column's bands.

    A histogram of the filtered rows and, for given breaks, the bands, each with rows and sums,
    single and cumulated.
    """
    caller().dataset(dataset_id, "read")
    with caller().reading():
        table = open_table(service(), dataset_id, ref, key)
        view = parse_view(table.files, query.filters, None, descending=False)
        bands = band_view(service(), table, view, query)
    caller().audit_view(RowSource(dataset_id, table.commit_id, table.key), "profile")
    return bands


@tables_blueprint.get("/refs/<ref>/tables/<path:key>/data")
def table_data(dataset_id: int, ref: str, key: str, query: RowsRequest) -> Response | Rows:
    """A table's rows, in file order."""
    caller().dataset(dataset_id, "read")
    with rows_work(query):
        return _rows(dataset_id, open_table(service(), dataset_id, ref, key), query)


@tables_blueprint.get("/commits/<commit_id>/schema")
def commit_schema(dataset_id: int, commit_id: str) -> CommitSchema:
    """The columns of all tables of a commit."""
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        version = open_commit(tx, dataset_id, commit_id)
    tables = [
        _schema(table.name, table.row_count, table.columns) for table in version.manifest.tables
    ]
    return CommitSchema(version.id, tables)


@tables_blueprint.get("/commits/<commit_id>/data")
def commit_data(dataset_id: int, commit_id: str, query: CommitRowsRequest) -> Response | Rows:
    """Rows of a commit's table, in file order."""
    caller().dataset(dataset_id, "read")
    with rows_work(query):
        table = open_table(service(), dataset_id, commit_id, query.table_key)
        return _rows(dataset_id, table, query)


def _counted(dataset_id: int, table: OpenTable) -> list[SchemaColumn]:
    """Return the columns, each with its number of distinct values."""
    cached = cached_profile(service(), table.files)
    if cached is not None:
        caller().audit_view(RowSource(dataset_id, table.commit_id, table.key), "profile")
    profiled = cached["profile"]["columns"] if cached else []
    known = {each["name"]: each["distinct"] for each in profiled if each.get("distinct")}
    return [
        SchemaColumn(
            column.name,
            column.type,
            known[column.name]["value"],
            known[column.name]["accuracy"]["kind"] == "exact",
        )
        if column.name in known
        else SchemaColumn(column.name, column.type)
        for column in table.files.columns
    ]


def _schema(key: str, row_count: int, columns: tuple[Column, ...]) -> TableSchema:
    shown = [SchemaColumn(column.name, column.type) for column in columns]
    return TableSchema(key, row_count, shown)


def _rows(dataset_id: int, table: OpenTable, query: RowsRequest) -> Response | Rows:
    source = RowSource(dataset_id, table.commit_id, table.key)
    if query.format != "json":
        return download(source, table, query, f"{dataset_id}-{table.name}")
    return rows_of(source, table, query)
