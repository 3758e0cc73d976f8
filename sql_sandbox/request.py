"""What is handed to a query's process, as one line of JSON.

Invariant: :meth:`Request.from_line` of :meth:`Request.to_line` is the same request. It holds all
that the process needs: it reads no settings, no environment and no other file than these.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from parquet_tables.columns import Column, DataFile
from parquet_tables.free_disk import spare_mb

Work = Literal["check", "rows", "file"]
"""Only bind the query; give its first rows; or write its result to a file."""


@dataclass(frozen=True)
class Limits:
    """What one query may use.

    Parameters
    ----------
    memory_mb : int
        For DuckDB. The process as a whole may take a little more; see ``query_process``.
    spill_mb : int
        On disk, for what doesn't fit in memory.
    keep_free_mb : int
        MiB of the disk that stay free while it spills.
    is_disk_short : bool
        Whether ``spill_mb`` is less than the setting, since the disk has no space for more.
    threads : int
        That work on it.
    rows, result_mb : int
        That a result may have.
    """

    memory_mb: int
    spill_mb: int
    threads: int
    rows: int
    result_mb: int
    keep_free_mb: int = 0
    is_disk_short: bool = False

    def within_disk(self, folder: Path) -> Limits:
        """The same limits, with no more spilled than leaves ``keep_free_mb`` free now."""
        spare = spare_mb(folder, self.keep_free_mb)
        if spare >= self.spill_mb:
            return self
        return replace(self, spill_mb=spare, is_disk_short=True)


@dataclass(frozen=True)
class SourceTable:
    """A table that the query may read, by its key.

    Parameters
    ----------
    left_out : Path or None
        A file of ordinals: rows of the files that are not in the table.
    """

    key: str
    columns: tuple[Column, ...]
    files: tuple[DataFile, ...]
    deletion_vector: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file that reading the table opens."""
        own = tuple(file.path for file in self.files)
        return own if self.deletion_vector is None else (*own, self.deletion_vector)


@dataclass(frozen=True)
class Request:
    """One query.

    Parameters
    ----------
    folder : Path
        The process's own, for what it spills.
    first_rows : int
        How many rows ``rows`` gives.
    result : Path or None
        Where ``file`` writes.
    cpu_s : int or None
        Processor time after which the system ends the process: a last resort, should nobody be
        left to end it.
    """

    work: Work
    sql: str
    tables: tuple[SourceTable, ...]
    limits: Limits
    folder: Path
    first_rows: int = 0
    result: Path | None = None
    cpu_s: int | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every path in it: none of them is the user's to know."""
        own = (self.folder,) if self.result is None else (self.folder, self.result)
        return (*(path for table in self.tables for path in table.paths), *own)

    def to_line(self) -> bytes:
        """One line of JSON."""
        return json.dumps(asdict(self), default=str).encode() + b"\n"

    @staticmethod
    def from_line(line: bytes) -> Request:
        """Read what :meth:`to_line` wrote."""
        given = json.loads(line)
        given["tables"] = tuple(_table(table) for table in given["tables"])
        given["limits"] = Limits(**given["limits"])
        given["folder"] = Path(given["folder"])
        given["result"] = Path(given["result"]) if given["result"] else None
        return Request(**given)


def _table(given: dict[str, Any]) -> SourceTable:
    return SourceTable(
        key=given["key"],
        columns=tuple(Column(**column) for column in given["columns"]),
        files=tuple(DataFile(Path(file["path"]), file["rows"]) for file in given["files"]),
        deletion_vector=Path(given["deletion_vector"]) if given["deletion_vector"] else None,
    )
