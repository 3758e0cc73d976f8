"""Which types are stored as what.

Owns: the types that tables have once they are imported, and how a column of another type becomes
one of them. Invariant: what is written to Parquet is read back with the type it was written with,
and no value is changed but for its form, which a note tells. Called by ``parquet``, ``json_lines``
and ``workbook``; every reader writes through :func:`write_table`.

DuckDB 2.0 writes a HUGEINT as a DOUBLE, an INTERVAL in milliseconds and a UNION as a STRUCT,
without a word. Nested values become JSON text, which every export and the interface can show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from import_engine.imported import ImportedTable
from parquet_tables.progress import Report
from parquet_tables.tables import Column, TableFiles
from parquet_tables.writing import read_columns, write_parquet

KEPT = frozenset(
    {
        "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER",
        "UBIGINT", "FLOAT", "DOUBLE", "VARCHAR", "BLOB", "DATE", "TIME", "TIMESTAMP",
        "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE",
    }
)  # fmt: skip
WIDER = {"TIMESTAMP_S": "TIMESTAMP", "TIMESTAMP_MS": "TIMESTAMP"}
PLAIN_TEXT = ("ENUM", "JSON", '"NULL"')
NESTED = ("STRUCT", "MAP", "UNION", "VARIANT")


@dataclass(frozen=True)
class Stored:
    """How a column is stored: the SQL of its values, their type, and a note where one is due."""

    sql: str
    type: str
    note: str | None = None


def stored_as(name: str, type_: str, cell: str) -> Stored:
    """How the column ``name`` of ``type_``, read by the SQL ``cell``, is stored.

    >>> stored_as("id", "UUID", "c0").type
    'VARCHAR'
    """
    if type_ in KEPT or (type_.startswith("DECIMAL") and not type_.endswith("]")):
        return Stored(cell, type_)
    if type_ in WIDER:
        return Stored(f"CAST({cell} AS {WIDER[type_]})", WIDER[type_])
    if type_.startswith(NESTED) or type_.endswith("]"):
        note = f'Column "{name}" holds nested values; they are kept as JSON text.'
        return Stored(f"CAST(to_json({cell}) AS VARCHAR)", "VARCHAR", note)
    text = f"CAST({cell} AS VARCHAR)"
    if type_.startswith(PLAIN_TEXT):
        return Stored(text, "VARCHAR")
    return Stored(text, "VARCHAR", f'Column "{name}" was {type_}; it is kept as text.')


def write_table(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[object],
    columns: Sequence[Column],
    path: Path,
    *,
    report: Report,
    row_group_rows: int,
    key: str,
    notes: Sequence[str],
) -> ImportedTable:
    """Write a query's rows and make sure that they are read back as ``columns``."""
    file = write_parquet(
        cursor,
        query,
        params,
        path,
        report=report,
        message="writing rows",
        row_group_rows=row_group_rows,
    )
    written = read_columns(cursor, path)
    if written != tuple(columns):
        raise AssertionError(f"DuckDB wrote other columns than it was told: {written}")
    return ImportedTable(key, TableFiles(written, (file,)), tuple(notes))
