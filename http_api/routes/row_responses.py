"""The response of every route that returns rows: JSON, CSV, Parquet, Arrow, XLSX."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, cast

from flask import Response, send_file

from application.access import RowSource
from application.table_views import TableView, parse_view, view_page, view_total
from contract.requests.pages import DEFAULT_PAGE
from contract.requests.tables import RowsRequest
from domain_errors import InvalidRequest
from http_api.access import access, caller, service
from lazy_dataclasses import dataclass
from parquet_tables.exports import MEDIA_TYPES, ExportFormat, export_rows
from parquet_tables.tables import Column, TableFiles
from presentation.content import Section
from service.tables.open_tables import OpenTable

MAX_COLUMNS_LENGTH = 1000
"""Of the text in an audit entry."""


@dataclass(frozen=True)
class Rows:
    """A page of a table's rows."""

    dataset_id: int
    commit_id: str
    table_key: str
    data: list[dict[str, Any]]
    columns: list[str]
    types: list[str]
    total: int
    offset: int
    limit: int


def column_names(columns: str | None) -> list[str]:
    """Return the names in a query's ``columns``; none if it is missing."""
    try:
        return next(csv.reader([columns or ""], skipinitialspace=True), [])
    except csv.Error:
        raise InvalidRequest(
            "Put a column name with a line break in double quotes.", loc=("query", "columns")
        ) from None


def chosen_columns(files: TableFiles, query: RowsRequest) -> tuple[Column, ...]:
    """Return the columns that a query names, in its order."""
    names = column_names(query.columns)
    if query.columns is not None and not all(names):
        raise InvalidRequest("`columns` has an empty name.", loc=("query", "columns"))
    return files.select(tuple(names), ("query", "columns"))


def rows_work(query: RowsRequest) -> AbstractContextManager[None]:
    """Count a request for rows: a read for JSON, else a download."""
    if query.format == "json":
        return caller().reading()
    return access().work_limits.downloads.piece(caller().user.id)


def view_of(files: TableFiles, query: RowsRequest) -> TableView | None:
    """Return the filtered or sorted view of a query; None for the unchanged table."""
    return parse_view(files, query.filters, query.order_by, descending=query.order_desc)


def rows_of(
    source: RowSource, table: OpenTable, query: RowsRequest, shown_key: str | None = None
) -> Rows:
    """Return a page of rows; the answer names the table by ``shown_key``, if it is given."""
    columns = chosen_columns(table.files, query)
    view = view_of(table.files, query)
    limit = DEFAULT_PAGE if query.limit is None else query.limit
    rows = view_page(service(), table, view, columns, query.offset, limit)
    caller().audit_view(source)
    return Rows(
        dataset_id=source.dataset_id,
        commit_id=table.commit_id,
        table_key=shown_key or table.name,
        data=rows,
        columns=[column.name for column in columns],
        types=[column.type for column in columns],
        total=view_total(service(), table, view),
        offset=query.offset,
        limit=limit,
    )


def download(
    source: RowSource,
    table: OpenTable,
    query: RowsRequest,
    name: str,
    metadata: Mapping[str, str] | None = None,
    sections: Callable[[], Sequence[Section]] = tuple,
) -> Response:
    """Return a file with the rows.

    ``metadata`` goes into a Parquet file's own; ``sections`` gives those that follow the rows in a
    workbook.

    The file is complete before the response starts, so a fault gives an error response, and no
    thread waits for the client: waitress sends files by itself.
    """
    columns = chosen_columns(table.files, query)
    view = view_of(table.files, query)
    kind = cast(ExportFormat, query.format)
    with service().scratch_file("rows") as path:
        with service().parquet.cursor(table.files) as cursor:
            export_rows(
                cursor,
                table.files,
                columns,
                path,
                kind,
                view=None if view is None else view.rows,
                offset=query.offset,
                limit=query.limit,
                formula_safe=query.formula_safe,
                byte_order_mark=query.bom,
                nested=query.nested,
                metadata=metadata,
                sections=sections() if kind == "xlsx" else (),
            )
        caller().audit_read(
            "rows_downloaded",
            source,
            format=kind,
            columns=query.columns and query.columns[:MAX_COLUMNS_LENGTH],
            offset=query.offset,
            limit=query.limit,
        )
        return file_answer(path, f"{name}.{kind}", MEDIA_TYPES[kind])


@contextmanager
def downloaded_file(name: str) -> Iterator[Path]:
    """Return the path for a file to answer with, as one of the caller's downloads."""
    downloads = access().work_limits.downloads
    with downloads.piece(caller().user.id), service().scratch_file(name) as path:
        yield path


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
