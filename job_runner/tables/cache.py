"""What is computed of a table once and kept beside the counts of strata.

Owns: the files that keep it. Invariant: a result is kept under a digest of its table's files, so
two commits that hold the same table share it; a file is put in its place whole or not at all, and
any may be deleted at any time, for what it holds can be computed again. Used by profiles and
reports.

What was found lately of things that never change, kept in memory.

Invariant: a value is a function of its key alone, such as the rows of a commit's table or of a
finished draw, so it holds for good; those not asked for longest are forgotten first.
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


def kept_path(directory: Path, table: TableFiles, *named: Any) -> Path:
    """Where a result of a table is kept.

    It is named for the table's first file, so that it can be told when it is of no use any more.

    Parameters
    ----------
    named : JSON values
        What else the result is a function of: a version, a seed, another table.
    """
    digest = hashlib.sha256(json.dumps([*named, *table_identity(table)]).encode()).hexdigest()
    first = table.files[0].path.stem if table.files else "none"
    return directory / f"{first}-{digest}.json"


def table_identity(table: TableFiles) -> list[Any]:
    """What tells a table's content from that of any other, as JSON."""
    return [
        [[file.path.stem, file.rows] for file in table.files],
        hashlib.sha256(table.deletion_vector.tobytes()).hexdigest(),
        [[column.name, column.type] for column in table.columns],
    ]


def read_kept(path: Path) -> dict[str, Any] | None:
    """What is kept at a path; None when there is nothing that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    with suppress(OSError):
        os.utime(path)  # a file's time is that of its last use
    return found if isinstance(found, dict) else None


def keep(path: Path, made: dict[str, Any]) -> None:
    """Keep a result."""
    part = path.with_suffix(f".{secrets.token_hex(8)}.part")
    try:
        part.write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Values by key.

    Parameters
    ----------
    most : int
        How many are kept.
    fits : callable, optional
        Whether a value is small enough to be kept; every one is when left out.
    """

    def __init__(self, most: int, fits: Callable[[Value], bool] = lambda _: True) -> None:
        self._most, self._fits = most, fits
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, find: Callable[[], Value]) -> Value:
        """The value that is kept, else what ``find`` finds; what it raises is raised."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = find()
        if not self._fits(found):
            return found
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found
