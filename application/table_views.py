"""Filtered and sorted views of a table, as a grid asks for them.

Owns: the way from a request's texts to a view, and the totals and places of rows that were found
lately: a grid asks for the same total with every page, and for the same rows when one comes back
to a page, has other columns shown or downloads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from job_runner.sampling_parameters import parse_filter
from job_runner.service import Service
from job_runner.tables.cache import Recent
from job_runner.tables.open_tables import OpenTable
from parquet_tables.rows import (
    RowView,
    count_statement,
    find_rows,
    read_page,
    read_rows,
    rows_statement,
)
from parquet_tables.tables import Column, Int64s, TableFiles, UnknownColumn
from sampling_engine.filters import Filter, as_conditions, parse_expression

MAX_TOTALS = 1000
MAX_PAGES = 200
_totals: Recent[tuple[str, ...], int] = Recent(MAX_TOTALS)
_places: Recent[tuple[object, ...], Int64s] = Recent(MAX_PAGES)


@dataclass(frozen=True)
class TableView:
    """A view with the filter that it came from."""

    rows: RowView
    filter: Filter | None

    @property
    def key(self) -> tuple[object, ...]:
        """What tells the view from others of its table."""
        order = self.rows.order_by
        return (self.filter and self.filter.text, order and order.name, self.rows.descending)


def parse_view(
    files: TableFiles, filter_text: str | None, order_by: str | None, *, descending: bool
) -> TableView | None:
    """The view that texts describe; None when they ask for all rows in the table's order.

    Raises
    ------
    InvalidFilter, UnknownColumn
        Names what doesn't fit the table.
    """
    if not filter_text and not order_by:
        return None
    parsed = parse_expression(filter_text, files, loc=("query", "filter")) if filter_text else None
    column = _order_column(files, order_by) if order_by else None
    condition = parsed.condition("f") if parsed else None
    return TableView(RowView(condition, column, descending), parsed)


def _order_column(files: TableFiles, name: str) -> Column:
    try:
        return files.column(name)
    except UnknownColumn as error:
        error.loc = ("query", "order_by")
        raise


def view_total(service: Service, table: OpenTable, view: TableView | None) -> int:
    """How many rows a view has."""
    if view is None or view.filter is None:
        return table.files.row_count
    sql, params = count_statement(table.files, view.rows)

    def count() -> int:
        with service.parquet.cursor(table.files) as cursor:
            return int(cursor.execute(sql, params).fetchall()[0][0])

    return _totals.get((table.commit_id, table.key, view.filter.text), count)


def view_page(
    service: Service,
    table: OpenTable,
    view: TableView | None,
    columns: tuple[Column, ...],
    offset: int,
    limit: int,
) -> list[dict[str, Any]]:
    """A page of a view, each row a flat object by column name."""
    with service.parquet.cursor(table.files) as cursor:
        if view is None:
            return read_page(cursor, table.files, columns, offset, limit)
        key = (table.commit_id, table.key, *view.key, offset, limit)
        ordinals = _places.get(
            key, lambda: find_rows(cursor, table.files, view.rows, offset, limit)
        )
        return read_rows(cursor, rows_statement(table.files, columns, ordinals), columns)


def filter_shapes(service: Service, table: OpenTable, given: dict[str, Any]) -> dict[str, Any]:
    """A filter as an expression and as conditions, and how many rows pass it, as JSON.

    Raises
    ------
    InvalidFilter, UnknownColumn
        ``loc`` starts with ``("filters",)``.
    """
    parsed = parse_filter(given, table.files, ("filters",))
    listed = as_conditions(parsed)
    view = TableView(RowView(parsed.condition("f")), parsed)
    return {
        "expression": parsed.text,
        "conditions": listed[0] if listed else None,
        "logic": listed[1] if listed else None,
        "rows": view_total(service, table, view),
        "source_rows": table.files.row_count,
    }
