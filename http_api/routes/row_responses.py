"""Rows of a table as JSON, CSV, Parquet or Arrow.

Owns: the query of every route that shows rows, and its answer. Called by the table routes and the
sampling routes.
"""

from __future__ import annotations

import csv
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

from flask import Response, send_file
from marshmallow import validate

from application.table_views import TableView, parse_view, view_page, view_total
from http_api.auth.access import service, user
from http_api.auth.read_auditing import RowSource, audit_download, audit_view
from http_api.schemas.base import DEFAULT_PAGE, MAX_PAGE, PageQuery, text
from http_api.schemas.fields import QueryBoolean, QueryInteger, StrictString
from http_api.schemas.filters import MAX_EXPRESSION_LENGTH
from http_api.server.problems import InvalidRequest
from http_api.server.work_limits import limits, reading
from job_runner.tables.open_tables import OpenTable
from parquet_tables.exports import MEDIA_TYPES, ExportFormat, export_rows
from parquet_tables.tables import Column, TableFiles, UnknownColumn

FORMATS = ("json", "csv", "parquet", "arrow", "xlsx")


class RowsQuery(PageQuery):
    """Which rows and columns, in which format."""

    limit = QueryInteger(
        validate=validate.Range(min=1, max=MAX_PAGE),
        metadata={
            "description": f"Return at most so many rows. JSON returns {DEFAULT_PAGE} unless it is "
            "given; the other formats return all."
        },
    )
    columns = text(
        1,
        100_000,
        metadata={
            "description": "Column names separated by commas; one that holds a comma in "
            "double quotes. All columns when left out."
        },
    )
    filter = text(
        1,
        MAX_EXPRESSION_LENGTH,
        metadata={"description": "Only rows that pass this expression, such as `age > 18`."},
    )
    order_by = text(
        1,
        1000,
        metadata={"description": "A column that sorts the rows, NULL last; ties as they stand."},
    )
    order_desc = QueryBoolean(
        load_default=False, metadata={"description": "From the largest value down."}
    )
    format = StrictString(load_default="json", validate=validate.OneOf(FORMATS))
    formula_safe = QueryBoolean(
        load_default=False,
        metadata={
            "description": "In CSV, put an apostrophe before texts that a spreadsheet would run as "
            "a formula."
        },
    )


def column_names(query: dict[str, Any]) -> list[str]:
    """The names in a query's ``columns``; none when it is left out.

    Raises
    ------
    InvalidRequest
        A line break stands outside of double quotes.
    """
    try:
        return next(csv.reader([query.get("columns", "")], skipinitialspace=True), [])
    except csv.Error:
        raise InvalidRequest(
            "Put a column name with a line break in double quotes.",
            loc=("query", "columns"),
        ) from None


def chosen_columns(files: TableFiles, query: dict[str, Any]) -> tuple[Column, ...]:
    """The columns that a query names, in its order.

    Raises
    ------
    UnknownColumn, InvalidRequest
        Names the columns there are.
    """
    names = column_names(query)
    if "columns" in query and not all(names):
        raise InvalidRequest("`columns` has an empty name.", loc=("query", "columns"))
    try:
        return files.select(tuple(names))
    except UnknownColumn as error:
        error.loc = ("query", "columns")
        raise


def rows_work(query: dict[str, Any]) -> AbstractContextManager[None]:
    """The work of a request for rows, to be counted: reading a page, or writing a file."""
    return reading() if query["format"] == "json" else limits().downloads.piece(user().id)


def view_of(files: TableFiles, query: dict[str, Any]) -> TableView | None:
    """The filtered or sorted view that a query asks for; None for the table as it is."""
    return parse_view(
        files, query.get("filter"), query.get("order_by"), descending=query["order_desc"]
    )


def page_json(source: RowSource, table: OpenTable, query: dict[str, Any]) -> dict[str, Any]:
    """``data``, ``columns`` and ``pagination`` of a JSON answer."""
    columns = chosen_columns(table.files, query)
    view = view_of(table.files, query)
    offset, limit = query["offset"], query.get("limit", DEFAULT_PAGE)
    rows = view_page(service(), table, view, columns, offset, limit)
    audit_view(source)
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


def download(source: RowSource, table: OpenTable, query: dict[str, Any], name: str) -> Response:
    """A file with the rows.

    It is written in full before the answer begins, so a fault is an error answer rather than half a
    file, and no thread of the server waits for the client (waitress sends files by itself).
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
            )
        audit_download(source, query)
        size_bytes = path.stat().st_size
        file = path.open("rb")  # stays readable after its folder is gone
    # Unconditional: the rows are read anew for each request, so no part of a file can be asked for.
    answer = send_file(file, as_attachment=True, download_name=f"{name}.{kind}", conditional=False)
    answer.headers["Content-Type"] = MEDIA_TYPES[kind]
    answer.content_length = size_bytes
    answer.headers["Cache-Control"] = "no-store"  # Flask's own "no-cache" lets browsers keep it
    return answer
