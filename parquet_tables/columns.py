"""Columns and files as plain values, for processes that don't load numpy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Column:
    """A column: its name as in the file, and its DuckDB type, for example ``DECIMAL(12,2)``."""

    name: str
    type: str


@dataclass(frozen=True)
class DataFile:
    """A Parquet file and its row count."""

    path: Path
    rows: int
