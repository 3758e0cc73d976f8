"""A grid: one page of a table's rows, filtered and ordered by the query of the URL.

The query parameters have the names of the API. The pages of datasets and jobs use it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import request

from application.access import RowSource
from application.table_views import parse_view, view_page, view_total
from domain_errors import DomainError
from job_runner.tables.open_tables import OpenTable
from parquet_tables.tables import Column, TableFiles
from web_ui.shell import MAX_OFFSET, caller, number_between, service

SIZES = (50, 100, 500)
_NUMBER_TYPES = ("INT", "DECIMAL", "DOUBLE", "FLOAT", "HUGEINT", "REAL")


@dataclass(frozen=True)
class Grid:
    """What the template shows. ``problem`` says why the query was not applied."""

    columns: tuple[Column, ...]
    shown: tuple[Column, ...]
    rows: list[dict[str, Any]]
    total: int
    all_rows: int
    offset: int
    limit: int
    filter: str
    order_by: str
    order_desc: bool
    problem: str | None

    def is_number(self, column: Column) -> bool:
        """Whether a column is right-aligned."""
        return any(name in column.type for name in _NUMBER_TYPES) and "[" not in column.type

    def next_order(self, column: Column) -> dict[str, str | None]:
        """The query of a heading's link: ascending, descending, then the table's order."""
        if self.order_by != column.name:
            return {"order_by": column.name, "order_desc": None, "offset": None}
        if not self.order_desc:
            return {"order_by": column.name, "order_desc": "true", "offset": None}
        return {"order_by": None, "order_desc": None, "offset": None}


def grid_of(table: OpenTable, source: RowSource) -> Grid:
    """The grid of the URL's query; errors of the query are reported in ``problem``."""
    files = table.files
    shown, problem = _shown_columns(files)
    text, order_by = request.args.get("filter", "").strip(), request.args.get("order_by", "")
    descending = request.args.get("order_desc") == "true"
    view = None
    try:
        view = parse_view(files, text or None, order_by or None, descending=descending)
    except DomainError as error:
        problem = error.message
    offset = number_between("offset", 0, MAX_OFFSET, 0)
    limit = number_between("limit", 1, 1000, SIZES[0])
    rows = view_page(service(), table, view, shown, offset, limit)
    caller().audit_view(source)
    return Grid(
        columns=files.columns,
        shown=shown,
        rows=rows,
        total=view_total(service(), table, view),
        all_rows=files.row_count,
        offset=offset,
        limit=limit,
        filter=text,
        order_by=order_by,
        order_desc=descending,
        problem=problem,
    )


def download_links(path: str) -> Callable[[str], str]:
    """A function from a file format to the download URL of all rows of the grid."""
    names = ("filter", "order_by", "order_desc")

    def url(file_format: str) -> str:
        query = {name: request.args[name] for name in names if request.args.get(name)}
        return f"{path}?{urlencode({**query, 'format': file_format})}"

    return url


def _shown_columns(files: TableFiles) -> tuple[tuple[Column, ...], str | None]:
    try:
        return files.select(tuple(request.args.getlist("columns"))), None
    except DomainError as error:
        return files.columns, error.message
