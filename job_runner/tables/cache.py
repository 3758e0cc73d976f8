"""Caches of results that depend only on their key: JSON files, and an LRU cache in memory.

A file is named by a digest of the table's data files, so commits with equal tables share it. It is
written atomically and may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from parquet_tables.tables import TableFiles


def cache_path(directory: Path, table: TableFiles, *named: Any) -> Path:
    """The file of a result; its name begins with the table's first data file, for clean-up.

    ``named`` are the result's other arguments, such as a version, a seed or another table.
    """
    digest = hashlib.sha256(json.dumps([*named, *table_identity(table)]).encode()).hexdigest()
    first = table.files[0].path.stem if table.files else "none"
    return directory / f"{first}-{digest}.json"


def table_identity(table: TableFiles) -> list[Any]:
    """The JSON that identifies a table's content."""
    return [
        [[file.path.stem, file.rows] for file in table.files],
        hashlib.sha256(table.deletion_vector.tobytes()).hexdigest(),
        [[column.name, column.type] for column in table.columns],
    ]


def read_cached(path: Path) -> dict[str, Any] | None:
    """Read a cached result; None if none is readable."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    with suppress(OSError):
        os.utime(path)  # the time of the last use
    return found if isinstance(found, dict) else None


def write_cached(path: Path, result: dict[str, Any]) -> None:
    """Store a result."""
    part = path.with_suffix(f".{secrets.token_hex(8)}.part")
    try:
        part.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class LruCache(Generic[Key, Value]):
    """A thread-safe LRU cache of at most ``max_entries`` values that ``fits`` accepts."""

    def __init__(self, max_entries: int, fits: Callable[[Value], bool] = lambda _: True) -> None:
        self._max_entries, self._fits = max_entries, fits
        self._lock = threading.Lock()
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, find: Callable[[], Value]) -> Value:
        """Return the cached value, else compute it with ``find``."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        found = find()
        if not self._fits(found):
            return found
        with self._lock:
            self._values[key] = found
            while len(self._values) > self._max_entries:
                self._values.popitem(last=False)
        return found
