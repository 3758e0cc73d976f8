"""What is computed of a table once and kept beside the counts of strata.

Owns: the files that keep it. Invariant: a result is kept under a digest of its table's files, so
two commits that hold the same table share it; a file is put in its place whole or not at all, and
any may be deleted at any time, for what it holds can be computed again. Used by profiles and
reports.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

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
        hashlib.sha256(table.left_out.tobytes()).hexdigest(),
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
