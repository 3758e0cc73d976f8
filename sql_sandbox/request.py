"""The request to a query's process, as one line of JSON.

It holds everything that the process needs: the process reads no settings, no environment and no
other files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from lazy_dataclasses import dataclass
from parquet_tables.columns import AttachedPath, Column, DataFile
from parquet_tables.transient_errors import spare_mb

Work = Literal["check", "rows", "file"]
"""Bind the query only, return its first rows, or write its result to a file."""


@dataclass(frozen=True)
class Limits:
    """Limits of one query; DuckDB's process may take a little more memory, see ``query_process``.

    ``keep_free_mb`` of the disk stay free while the query spills. ``is_disk_short`` is whether
    ``spill_mb`` is below the setting, for lack of disk space.
    """

    memory_mb: int
    spill_mb: int
    threads: int
    rows: int
    result_mb: int
    keep_free_mb: int = 0
    is_disk_short: bool = False

    def within_disk(self, folder: Path) -> Limits:
        """Return the limits with a spill size that leaves ``keep_free_mb`` free now."""
        spare = spare_mb(folder, self.keep_free_mb)
        if spare >= self.spill_mb:
            return self
        return replace(self, spill_mb=spare, is_disk_short=True)


@dataclass(frozen=True)
class SourceTable:
    """A table that the query may read; the deletion vector is a file of masked ordinals.

    With ``row_ids`` it has the column ``_logical_row_id`` besides: this text, ``:`` and the number.
    """

    key: str
    columns: tuple[Column, ...]
    files: tuple[DataFile, ...]
    deletion_vector: Path | None = None
    row_ids: str | None = None

    def shown(self, path_of: Callable[[AttachedPath], AttachedPath]) -> SourceTable:
        """The table with other paths of its attached files, whose layout the parent applies."""
        files = tuple(
            DataFile(path_of(file.path), file.rows) if isinstance(file.path, AttachedPath) else file
            for file in self.files
        )
        return replace(self, files=files)

    @property
    def paths(self) -> tuple[Path | AttachedPath, ...]:
        own = tuple(file.path for file in self.files)
        return own if self.deletion_vector is None else (*own, self.deletion_vector)


@dataclass(frozen=True)
class QueryRequest:
    """One query, with the folder for its spilled data.

    ``attached_descriptor`` is the socket through which the parent reads attached files.
    ``first_rows`` belongs to the work ``rows``, ``result`` to the work ``file``. After ``cpu_s`` of
    processor time the system ends the process, in case the server can't.
    """

    work: Work
    sql: str
    tables: tuple[SourceTable, ...]
    limits: Limits
    folder: Path
    attached_descriptor: int | None = None
    first_rows: int = 0
    result: Path | None = None
    cpu_s: int | None = None

    @property
    def paths(self) -> tuple[Path | AttachedPath, ...]:
        """Every path in the request; messages to the user must hold none of them."""
        own = (self.folder,) if self.result is None else (self.folder, self.result)
        return (*(path for table in self.tables for path in table.paths), *own)

    @property
    def attached(self) -> tuple[AttachedPath, ...]:
        """The attached files of the tables, each once."""
        paths = (path for table in self.tables for path in table.paths)
        return tuple(dict.fromkeys(path for path in paths if isinstance(path, AttachedPath)))
