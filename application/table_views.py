"""Filtered and sorted views of a table, for grids, and frequent values, for menus.

Recent totals and row positions are cached, since a grid requests them again with every page.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from job_runner.sampling_parameters import parse_filter
from job_runner.service import Service
from job_runner.tables.cache import LruCache
from job_runner.tables.open_tables import OpenTable, choose_key, open_commit, table_files
from parquet_tables.column_values import frequent_values
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
from storage.versions.manifests import Commit, StoredTable

MAX_TOTALS = 1000
MAX_PAGES = 200
_totals: LruCache[tuple[str, ...], int] = LruCache(MAX_TOTALS)
_places: LruCache[tuple[object, ...], Int64s] = LruCache(MAX_PAGES)


@dataclass(frozen=True)
class TableView:
    """A view with its filter."""

    rows: RowView
    filter: Filter | None

    @property
    def key(self) -> tuple[object, ...]:
        """Identifies the view among those of its table."""
        order = self.rows.order_by
        return (self.filter and self.filter.text, order and order.name, self.rows.descending)


def parse_view(
    files: TableFiles, filter_text: str | None, order_by: str | None, *, descending: bool
) -> TableView | None:
    """Parse a view; None stands for all rows in the table's order.

    Raises
    ------
    InvalidFilter, UnknownColumn
        Names the invalid part.
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
    """The number of rows of a view."""
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
    """A filter as an expression and as conditions, and its number of rows, as JSON.

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


DEFAULT_VALUES = 20


def column_values(
    service: Service,
    dataset_id: int,
    *,
    source_ref: str,
    table_key: str | None,
    names: list[str],
    most: int = DEFAULT_VALUES,
) -> dict[str, Any]:
    """``samples``, the values by requested name, and ``metadata`` of each.

    Raises
    ------
    NotFound, UnknownColumn
        The ref, the table or a column doesn't exist; lists those that do.
    """
    with service.database.read() as tx:
        commit = open_commit(tx, dataset_id, source_ref)
    key = _key(commit, table_key, names)
    samples: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    for name in names:
        stored, own_name = _table_and_name(commit, key, name)
        table = table_files(service, stored)
        column = table.column(own_name)
        with service.parquet.cursor(table) as cursor:
            found = frequent_values(cursor, table, column, most)
        samples[name] = list(found.values)
        metadata[name] = {"type": column.type, **asdict(found)}
        del metadata[name]["values"]
    return {
        "dataset_id": dataset_id,
        "commit_id": commit.id,
        "table_key": key,
        "samples": samples,
        "metadata": metadata,
    }


def _key(commit: Commit, table_key: str | None, names: list[str]) -> str:
    """The table of names without a sheet; the first name's table if every name has a sheet."""
    sheets = [_sheet_of(commit, name) for name in names]
    if table_key is None and sheets[0] is not None and all(sheets):
        return sheets[0].key
    return choose_key(commit, table_key)


def _sheet_of(commit: Commit, name: str) -> StoredTable | None:
    """The table whose key and a colon start the name; the longest key of several."""
    found = [one for one in commit.manifest.tables if name.startswith(f"{one.key}:")]
    return max(found, key=lambda one: len(one.key), default=None)


def _table_and_name(commit: Commit, key: str, name: str) -> tuple[StoredTable, str]:
    """The table of a column and the column's name in it."""
    stored = commit.manifest.table(key)
    sheet = None if _has(stored, name) else _sheet_of(commit, name)
    return (stored, name) if sheet is None else (sheet, name.removeprefix(f"{sheet.key}:"))


def _has(stored: StoredTable, name: str) -> bool:
    return any(column.name.lower() == name.lower() for column in stored.columns)
