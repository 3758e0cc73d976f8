"""A table with columns of every kind, for rounds that are checked and never drawn."""

from __future__ import annotations

from pathlib import Path

from parquet_tables.tables import Column, DataFile, TableFiles

TABLE = TableFiles(
    (
        Column("City", "VARCHAR"),
        Column("price", "DECIMAL(12,2)"),
        Column("mood", "ENUM('good', 'bad')"),
        Column("tags", "VARCHAR[]"),
        Column("point", "STRUCT(x INTEGER, y INTEGER)"),
        Column("triple", "INTEGER[3]"),
        Column("while", "INTERVAL"),
        Column("map", "MAP(VARCHAR, INTEGER)"),
    ),
    (DataFile(Path("t.parquet"), 100),),
)
