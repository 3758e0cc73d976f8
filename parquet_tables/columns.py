"""A table's columns and files, as plain values.

Apart from ``tables``, so that a process that needs no numpy doesn't load it.
"""

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
    """One Parquet file and the number of rows in it."""

    path: Path
    rows: int
