"""A grid: one page of a table's rows, filtered and ordered by the query of the URL.

The query parameters have the names of the API. The pages of datasets and jobs use it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import chain
from typing import Any
from urllib.parse import urlencode

from flask import request

from application.access import RowSource
from application.table_views import parse_view, view_page, view_total
from contract.columns import cell_text
from domain_errors import DomainError
from lazy_dataclasses import dataclass
from parquet_tables.tables import Column, TableFiles
from service.tables.open_tables import OpenTable
from web_ui.long_texts import readable_text
from web_ui.numbers import holds_numbers
from web_ui.shell import MAX_OFFSET, caller, number_between, service

SIZES = (50, 100, 500)
MAX_COLUMNS = 200
"""Columns that are shown until the user selects columns."""


@dataclass(frozen=True)
class RowGrid:
    """The contents of a grid. ``problem`` says why there are no rows."""

    columns: tuple[Column, ...]
    selected: tuple[Column, ...]
    rows: list[dict[str, Any]]
    total: int
    all_rows: int
    offset: int
    limit: int
    filters: tuple[str, ...]
    order_by: str
    order_desc: bool
    problem: str | None

    @cached_property
    def selected_names(self) -> frozenset[str]:
        """The names of the selected columns."""
        return frozenset(column.name for column in self.selected)

    def is_number(self, column: Column) -> bool:
        """Whether a column is right-aligned."""
        return holds_numbers(column.type)

    def shown(self, value: Any, column: Column) -> str:
        """A cell's text."""
        return cell_text(value, column.name, column.type)

    def long_text(self, value: Any) -> str | None:
        """A long text as people read it; None for another value."""
        return readable_text(value)

    def next_order(self, column: Column) -> dict[str, str | None]:
        """The query of a heading's link: ascending, descending, then the table's order."""
        if self.order_by != column.name:
            return {"order_by": column.name, "order_desc": None, "offset": None}
        if not self.order_desc:
            return {"order_by": column.name, "order_desc": "true", "offset": None}
        return {"order_by": None, "order_desc": None, "offset": None}


def grid_of(table: OpenTable, source: RowSource) -> RowGrid:
    """The grid of the URL's query; errors of the query are reported in ``problem``."""
    files = table.files
    shown, problem = _shown_columns(files)
    filters, order_by = filters_in_query(), request.args.get("order_by", "")
    descending = request.args.get("order_desc") == "true"
    offset = number_between("offset", 0, MAX_OFFSET, 0)
    limit = number_between("limit", 1, 1000, SIZES[0])
    rows: list[dict[str, Any]] = []
    total = 0
    try:
        view = parse_view(files, joined(filters), order_by or None, descending=descending)
        rows = view_page(service(), table, view, shown, offset, limit)
        total = view_total(service(), table, view)
        caller().audit_view(source)
    except DomainError as error:
        problem = error.message
    return RowGrid(
        columns=files.columns,
        selected=shown,
        rows=rows,
        total=total,
        all_rows=files.row_count,
        offset=offset,
        limit=limit,
        filters=filters,
        order_by=order_by,
        order_desc=descending,
        problem=problem,
    )


def filters_in_query() -> tuple[str, ...]:
    """The row filters of the URL; a row must match all of them."""
    texts = (request.args.getlist("filters"), request.args.getlist("filter"))  # the earlier name
    return tuple(text.strip() for text in chain(*texts) if text.strip())


def joined(filters: tuple[str, ...]) -> str | None:
    """One expression for all filters; None without one."""
    if len(filters) < 2:
        return filters[0] if filters else None
    return " AND ".join(f"({text})" for text in filters)


def download_links(path: str, chosen: Mapping[str, str] | None = None) -> Callable[..., str]:
    """A function from a file format and its options to the download URL of the grid's rows.

    ``chosen`` are further parameters of the URL.
    """
    query = {
        name: request.args[name] for name in ("order_by", "order_desc") if name in request.args
    }
    query |= chosen or {}
    expression = joined(filters_in_query())
    if expression:
        query["filters"] = expression

    def url(file_format: str, **options: str) -> str:
        return f"{path}?{urlencode({**query, 'format': file_format, **options})}"

    return url


def _shown_columns(files: TableFiles) -> tuple[tuple[Column, ...], str | None]:
    names = tuple(request.args.getlist("columns"))
    if not names:
        return files.columns[:MAX_COLUMNS], None
    try:
        return files.select(names), None
    except DomainError as error:
        return files.columns[:MAX_COLUMNS], error.message
