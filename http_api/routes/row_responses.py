"""The query and the response of every route that returns rows: JSON, CSV, Parquet, Arrow, XLSX."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

from apiflask import Schema
from flask import Response, send_file
from marshmallow import fields, validate

from application.access import RowSource
from application.table_views import TableView, parse_view, view_page, view_total
from domain_errors import InvalidRequest
from http_api.access import access, caller, service
from http_api.schemas import out
from http_api.schemas.base import DEFAULT_PAGE, MAX_PAGE, PageQuery, text
from http_api.schemas.fields import QueryBoolean, QueryInteger, StrictString
from http_api.schemas.filters import MAX_EXPRESSION_LENGTH
from parquet_tables.exports import MEDIA_TYPES, ExportFormat, export_rows
from parquet_tables.tables import Column, TableFiles, UnknownColumn
from parquet_tables.workbooks import Sheet
from service.tables.open_tables import OpenTable

MAX_COLUMNS_LENGTH = 1000
"""Of the text in an audit entry."""
FORMATS = ("json", "csv", "parquet", "arrow", "xlsx")


def filter_field() -> StrictString:
    """The query parameter that filters rows."""
    return text(
        1,
        MAX_EXPRESSION_LENGTH,
        description="Only rows that match this expression, such as `age > 18`.",
    )


class RowsQuery(PageQuery):
    """Rows, columns and format."""

    limit = QueryInteger(
        validate=validate.Range(min=1, max=MAX_PAGE),
        description=f"Maximum number of rows: by default {DEFAULT_PAGE} in JSON, all in the "
        "other formats.",
    )
    columns = text(
        1,
        100_000,
        description="Column names separated by commas; one with a comma in double quotes. "
        "By default all columns.",
    )
    filter = filter_field()
    order_by = text(
        1, 1000, description="The column that sorts the rows, NULL last; ties in file order."
    )
    order_desc = QueryBoolean(load_default=False, description="Sort in descending order.")
    format = StrictString(load_default="json", validate=validate.OneOf(FORMATS))
    formula_safe = QueryBoolean(
        load_default=False,
        description="In CSV, put an apostrophe before texts that a spreadsheet would run as "
        "a formula.",
    )
    bom = QueryBoolean(
        load_default=False,
        description="In CSV, begin with a byte-order mark, which Excel needs to read UTF-8.",
    )


class PaginationOut(Schema):
    total = out.integer()
    offset = out.integer()
    limit = out.integer()
    has_more = out.boolean()


class RowsOut(Schema):
    dataset_id = out.integer()
    commit_id = out.string()
    table_key = out.string()
    data = out.list_of(fields.Dict())
    columns = out.list_of(fields.String())
    pagination = out.nested(PaginationOut)


def column_names(query: dict[str, Any]) -> list[str]:
    """Return the names in a query's ``columns``; none if it is missing."""
    try:
        return next(csv.reader([query.get("columns", "")], skipinitialspace=True), [])
    except csv.Error:
        raise InvalidRequest(
            "Put a column name with a line break in double quotes.", loc=("query", "columns")
        ) from None


def chosen_columns(files: TableFiles, query: dict[str, Any]) -> tuple[Column, ...]:
    """Return the columns that a query names, in its order."""
    names = column_names(query)
    if "columns" in query and not all(names):
        raise InvalidRequest("`columns` has an empty name.", loc=("query", "columns"))
    try:
        return files.select(tuple(names))
    except UnknownColumn as error:
        error.loc = ("query", "columns")
        raise


def rows_work(query: dict[str, Any]) -> AbstractContextManager[None]:
    """Count a request for rows: a read for JSON, else a download."""
    if query["format"] == "json":
        return caller().reading()
    return access().work_limits.downloads.piece(caller().user.id)


def view_of(files: TableFiles, query: dict[str, Any]) -> TableView | None:
    """Return the filtered or sorted view of a query; None for the unchanged table."""
    return parse_view(
        files, query.get("filter"), query.get("order_by"), descending=query["order_desc"]
    )


def page_json(source: RowSource, table: OpenTable, query: dict[str, Any]) -> dict[str, Any]:
    """Return ``data``, ``columns`` and ``pagination`` of a JSON response."""
    columns = chosen_columns(table.files, query)
    view = view_of(table.files, query)
    offset, limit = query["offset"], query.get("limit", DEFAULT_PAGE)
    rows = view_page(service(), table, view, columns, offset, limit)
    caller().audit_view(source)
    total = view_total(service(), table, view)
    return {
        "data": rows,
        "columns": [column.name for column in columns],
        "pagination": {
            "total": total,
            "offset": offset,
            "limit": limit,
            "has_more": offset + len(rows) < total,
        },
    }


def download(
    source: RowSource,
    table: OpenTable,
    query: dict[str, Any],
    name: str,
    metadata: Mapping[str, str] | None = None,
    sheets: Callable[[], Sequence[Sheet]] = tuple,
) -> Response:
    """Return a file with the rows.

    ``metadata`` goes into a Parquet file's own; ``sheets`` gives those that follow the rows in a
    workbook.

    The file is complete before the response starts, so a fault gives an error response, and no
    thread waits for the client: waitress sends files by itself.
    """
    columns = chosen_columns(table.files, query)
    view = view_of(table.files, query)
    kind = cast(ExportFormat, query["format"])
    with tempfile.TemporaryDirectory(dir=service().directory.scratch_dir) as folder:
        path = Path(folder) / "rows"
        with service().parquet.cursor(table.files) as cursor:
            export_rows(
                cursor,
                table.files,
                columns,
                path,
                kind,
                view=None if view is None else view.rows,
                offset=query["offset"],
                limit=query.get("limit"),
                formula_safe=query["formula_safe"],
                byte_order_mark=query["bom"],
                metadata=metadata,
                sheets=sheets() if kind == "xlsx" else (),
            )
        caller().audit_read(
            "rows_downloaded",
            source,
            format=kind,
            columns=query["columns"][:MAX_COLUMNS_LENGTH] if "columns" in query else None,
            offset=query["offset"],
            limit=query.get("limit"),
        )
        return file_answer(path, f"{name}.{kind}", MEDIA_TYPES[kind])


def file_response(media_type: str) -> Any:
    """The OpenAPI document of a response that is a file."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {200: {"description": "The file", "content": content}}


def file_answer(path: Path, name: str, media_type: str) -> Response:
    """Send a complete file, which may be deleted meanwhile."""
    size_bytes = path.stat().st_size
    file = path.open("rb")  # readable after its folder is deleted
    # Unconditional, without ranges: each request writes a new file.
    answer = send_file(file, as_attachment=True, download_name=name, conditional=False)
    answer.headers["Content-Type"] = media_type
    answer.content_length = size_bytes
    answer.headers["Cache-Control"] = "no-store"  # Flask's "no-cache" lets browsers store it
    return answer
