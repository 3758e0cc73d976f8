"""Changes of columns as JSON, in previews of imports and of completed imports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apiflask import Schema
from marshmallow import fields

from http_api.schemas import out
from http_api.schemas.base import text
from parquet_tables.columns import Column
from storage.versions.column_changes import TableShape
from storage.versions.refs import MAIN

REQUIRE_COLUMNS = (
    "Refuse the import with `columns_changed` if a column of the version that it would replace is "
    "missing or has another type, or if a column is new. Their order may differ."
)


def ref_field() -> fields.Field[Any]:
    """The ref with whose columns a preview compares."""
    return text(1, 100, load_default=MAIN, description="The ref that the import would move.")


class RequestOfColumnsOut(Schema):
    id = out.integer()
    name = out.string()
    columns = out.list_of(fields.String(), "The lost or changed columns that it needs.")


class TableColumnChangesOut(Schema):
    table_key = out.string()
    rows_before = out.integer("Null for a new table.", null=True)
    rows = out.integer("Null for a lost table, or if the preview didn't count them.", null=True)
    added = out.list_of(fields.Dict(), "name and type.")
    removed = out.list_of(fields.Dict(), "name and type.")
    retyped = out.list_of(fields.Dict(), "name, type_before and type.")
    reordered = out.boolean("Whether the columns of both stand in another order.")


class ColumnChangesOut(Schema):
    changed = out.boolean("Whether `require_columns` refuses the import.")
    tables = out.list_of(TableColumnChangesOut)
    schedules = out.list_of(RequestOfColumnsOut, "Schedules that need a lost or changed column.")
    templates = out.list_of(RequestOfColumnsOut, "Templates of mine that need one.")


class JobColumnChangesOut(Schema):
    job_id = out.string()
    column_changes = out.nested(ColumnChangesOut, null=True)


def shape_of_preview(table: Mapping[str, Any]) -> TableShape:
    """The shape of a previewed table."""
    columns = tuple(Column(each["name"], each["type"] or "") for each in table["columns"])
    return TableShape(table.get("key") or table["table_key"], columns, table["row_count"])
