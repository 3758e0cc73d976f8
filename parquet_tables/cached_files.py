"""Files that cache the results of tables, named by a digest of the table's data files.

Data files never change, so neither do their results, and commits with equal tables share them. A
file is written whole or not at all, and may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from parquet_tables.tables import Int64s, TableFiles

INTEGERS_SUFFIX = ".int64"
CHECKSUM_BYTES = 32


def table_identity(table: TableFiles) -> list[Any]:
    """The JSON that identifies a table's content."""
    return [
        [[file.path.stem, file.rows] for file in table.files],
        hashlib.sha256(table.deletion_vector.tobytes()).hexdigest(),
        [[column.name, column.type] for column in table.columns],
    ]


def cache_path(directory: Path, table: TableFiles, *named: Any, suffix: str = ".json") -> Path:
    """The file of a result; its name begins with the table's first data file, for clean-up.

    ``named`` are the result's other arguments, such as a version, a seed or another table.
    """
    digest = hashlib.sha256(json.dumps([*named, *table_identity(table)]).encode()).hexdigest()
    first = table.files[0].path.stem if table.files else "none"
    return directory / f"{first}-{digest}{suffix}"


@contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """A name beside ``path`` for a file that the block writes and then moves to its place."""
    part = path.with_suffix(f".{secrets.token_hex(8)}.part")
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def mark_used(path: Path) -> None:
    """Set the time of the last use, after which unused files are removed."""
    with suppress(OSError):  # deleted just now
        os.utime(path)


def read_cached(path: Path) -> Any | None:
    """Read a JSON result; None if none is readable."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    mark_used(path)
    return result if isinstance(result, dict) else None


def write_cached(path: Path, result: Mapping[str, Any]) -> None:
    """Store a JSON result."""
    with temporary_file(path) as part:
        part.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
        part.replace(path)


def read_integers(path: Path) -> Int64s | None:
    """Read an array of 64-bit integers; None if there is none, or its checksum doesn't match."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    checksum, stored = content[:CHECKSUM_BYTES], content[CHECKSUM_BYTES:]
    if hashlib.sha256(stored).digest() != checksum:
        return None
    mark_used(path)
    return np.frombuffer(stored, dtype="<i8").astype(np.int64)


def write_integers(path: Path, values: Int64s) -> None:
    """Store an array of 64-bit integers behind its SHA-256."""
    stored = values.astype("<i8").tobytes()
    with temporary_file(path) as part:
        part.write_bytes(hashlib.sha256(stored).digest() + stored)
        part.replace(path)
