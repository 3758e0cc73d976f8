"""The request to a workbook's child process, as one line of JSON.

It holds everything that the child needs: the child reads no settings and no environment.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class WorkbookLimits:
    """The limits of reading one workbook.

    Parameters
    ----------
    memory_mb : int
        Memory of the child process without the interpreter's own, in MiB.
    unpacked_bytes : int
        Unpacked size of all parts of the workbook together, in bytes. A sheet takes about four
        times its unpacked size in memory (217 MB, 5 million cells: 0.9 GB).
    cpu_s : int
        Processor time, in seconds.
    threads : int
        Threads of DuckDB.
    """

    memory_mb: int = 2048
    unpacked_bytes: int = 256 * 1024 * 1024
    cpu_s: int = 1800
    threads: int = 2

    @property
    def duckdb_memory_mb(self) -> int:
        """DuckDB's part of the memory; it spills the rest to disk."""
        return self.memory_mb // 4


@dataclass(frozen=True)
class Request:
    """One workbook to read.

    Parameters
    ----------
    path : Path
        The workbook.
    destination : Path
        An existing directory that takes one Parquet file for each sheet.
    row_group_rows : int
        Rows in a row group of the Parquet files.
    """

    path: Path
    destination: Path
    row_group_rows: int
    limits: WorkbookLimits

    def to_line(self) -> bytes:
        """One line of JSON."""
        return json.dumps(asdict(self), default=str).encode() + b"\n"

    @staticmethod
    def from_line(line: bytes) -> Request:
        """Parse the line of :meth:`to_line`."""
        fields = json.loads(line)
        return Request(
            path=Path(fields["path"]),
            destination=Path(fields["destination"]),
            row_group_rows=fields["row_group_rows"],
            limits=WorkbookLimits(**fields["limits"]),
        )
