"""Filtered and sorted views of a table, for grids, and frequent values, for menus.

A column name ``Sheet:column`` selects a column of another table of the commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from application.relative_filters import absolute_filters
from contract.declarations import Help
from lazy_dataclasses import dataclass
from parquet_tables.rows import (
    RowView,
    count_statement,
    find_rows,
    frequent_values,
    read_page,
    read_rows,
    rows_statement,
)
from parquet_tables.tables import Column, TableFiles
from profiling_engine.columns.summaries import ColumnSummary, summarise
from sampling_engine.filters import Filter, as_conditions, parse_expression
from service.sampling_parameters import parse_filter
from service.service import Service
from service.tables.open_tables import OpenTable, choose_key, named_by, open_commit, table_files
from storage.versions.manifests import Commit, StoredTable


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


@dataclass(frozen=True)
class ColumnSummaries:
    """Charts of columns."""

    commit_id: str
    table_key: str
    columns: list[ColumnSummary]


def parse_view(
    files: TableFiles, filter_text: str | None, order_by: str | None, *, descending: bool
) -> TableView | None:
    """Parse a view; None stands for all rows in the table's order."""
    if not filter_text and not order_by:
        return None
    parsed = parse_expression(filter_text, files, loc=("query", "filters")) if filter_text else None
    column = files.column(order_by, ("query", "order_by")) if order_by else None
    condition = parsed.condition("f") if parsed else None
    return TableView(RowView(condition, column, descending), parsed)


def view_total(service: Service, table: OpenTable, view: TableView | None) -> int:
    """The number of rows of a view."""
    if view is None or view.filter is None:
        return table.files.row_count
    sql, params = count_statement(table.files, view.rows)

    def count() -> int:
        with service.parquet.cursor(table.files) as cursor:
            return int(cursor.execute(sql, params).fetchall()[0][0])

    key = (table.commit_id, table.key, view.filter.text)
    return service.results.totals.get(key, count)


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
        ordinals = service.results.ordinals.get(
            (table.commit_id, table.key, *view.key, offset, limit),
            lambda: find_rows(cursor, table.files, view.rows, offset, limit),
        )
        return read_rows(cursor, rows_statement(table.files, columns, ordinals), columns)


def column_summaries(
    service: Service, table: OpenTable, view: TableView | None, columns: tuple[Column, ...]
) -> list[ColumnSummary]:
    """Summaries of columns of a view's rows."""
    rows = RowView(view.rows.condition) if view else RowView()
    key = (table.commit_id, table.key, view.filter.text if view and view.filter else None)

    def summary(column: Column) -> ColumnSummary:
        with service.parquet.cursor(table.files) as cursor:
            return summarise(cursor, table.files, [column], rows)[0]

    found = service.results.summaries
    return [found.get((*key, column.name), partial(summary, column)) for column in columns]


@dataclass(frozen=True)
class FilterShapes:
    """A filter as an expression and as conditions, and its number of rows."""

    expression: Annotated[str, Help("In its one spelling.")]
    conditions: Annotated[
        list[dict[str, Any]] | None,
        Help("The same as a list; null where a list can't say it."),
    ]
    logic: str | None
    row_count: Annotated[int, Help("Rows that pass it.")]
    source_rows: int


def filter_shapes(service: Service, table: OpenTable, given: dict[str, Any]) -> FilterShapes:
    """Check a filter, and count its rows.

    One with relative dates keeps them, so it has the shape in which it was given.
    """
    settled = dict(absolute_filters(given, table.files, service.clock(), ("filters",)) or {})
    parsed = parse_filter(settled, table.files, ("filters",))
    conditions, logic = as_conditions(parsed) or (None, None)
    text = parsed.text
    if settled != given and "expression" in given:
        text, conditions, logic = given["expression"].strip(), None, None
    elif settled != given:
        conditions, logic = given["conditions"], given["logic"]
    view = TableView(RowView(parsed.condition("f")), parsed)
    total = view_total(service, table, view)
    return FilterShapes(text, conditions, logic, total, table.files.row_count)


@dataclass(frozen=True)
class ColumnSamples:
    """The frequent values of columns by their requested names."""

    dataset_id: int
    commit_id: str
    table_key: str
    samples: dict[str, Any]
    metadata: dict[str, Any]


def column_values(
    service: Service,
    dataset_id: int,
    *,
    source_ref: str,
    table_key: str | None,
    names: Sequence[str],
    most: int,
) -> ColumnSamples:
    """Read the frequent values of columns."""
    with named_by("source_ref"), service.database.read() as tx:
        commit = open_commit(tx, dataset_id, source_ref)
    sheets = [_sheet_of(commit, name) for name in names]
    if table_key is None and sheets[0] is not None and all(sheets):
        key = sheets[0].key
    else:
        key = choose_key(commit, table_key)
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
    return ColumnSamples(dataset_id, commit.id, key, samples, metadata)


def _sheet_of(commit: Commit, name: str) -> StoredTable | None:
    """The table whose key and a colon start the name; the longest key of several."""
    tables = commit.manifest.tables
    found = [own for own in tables if name.startswith((f"{own.name}:", f"{own.key}:"))]
    return max(found, key=lambda own: len(own.key), default=None)


def _table_and_name(commit: Commit, key: str, name: str) -> tuple[StoredTable, str]:
    """The table of a column and the column's name in it."""
    stored = commit.manifest.table(key)
    if any(column.name.lower() == name.lower() for column in stored.columns):
        return stored, name
    sheet = _sheet_of(commit, name)
    if sheet is None:
        return stored, name
    return sheet, name.removeprefix(f"{sheet.name}:").removeprefix(f"{sheet.key}:")
