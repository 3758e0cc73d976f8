"""What an import would make of a file, told from its beginning.

Owns: how much of a file is looked at, and for how long. Invariant: nothing is kept; the columns and
types are those that an import of just these bytes gives, since the importer itself finds them.
Later rows may still widen a type, which the answer says when the file wasn't whole.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from domain_errors import DomainError
from import_engine.errors import UnreadableFile
from import_engine.imported import ImportedTable
from import_engine.importer import import_file
from job_runner.service import Service
from parquet_tables.json_rows import read_page

ROWS_SHOWN = 20
LONGEST_S = 15.0
LARGEST_BYTES = 32 * 1024**2
BY_LINES = (".csv", ".tsv", ".tab", ".txt", ".ndjson", ".jsonl")


class PreviewTooSlow(DomainError):
    """The beginning of the file can't be read in a moment."""

    code = "preview_too_slow"


def preview_import(
    service: Service, upload: Path, file_name: str, *, whole: bool
) -> list[dict[str, Any]]:
    """The tables that a file's beginning holds: key, columns, first rows, notes.

    Parameters
    ----------
    upload : Path
        The file, or its first part.
    whole : bool
        Whether it is all of the file; of a part, the last line is left away.

    Raises
    ------
    UnreadableFile, PreviewTooSlow
        As the import would say it; or it takes more than a moment.
    """
    deadline = time.monotonic() + LONGEST_S

    def report(_fraction: float, _message: str) -> None:
        if time.monotonic() > deadline:
            raise PreviewTooSlow("Reading the file takes more than a moment. Import it to see.")

    with tempfile.TemporaryDirectory(dir=service.directory.scratch_dir) as folder:
        source = upload
        if not whole:
            source = Path(folder) / "beginning"
            source.write_bytes(_whole_lines(upload, file_name))
        destination = Path(folder) / "tables"
        destination.mkdir()
        tables = import_file(service.parquet, source, file_name, destination, report=report)
        return [_shown(service, table, whole=whole) for table in tables]


def _whole_lines(upload: Path, file_name: str) -> bytes:
    if not file_name.lower().endswith(BY_LINES):
        raise UnreadableFile(
            "Only files of lines, such as CSV, can be looked at in part. Import it to see."
        )
    content = upload.read_bytes()
    end = content.rfind(b"\n")
    return content[: end + 1] if end > 0 else content


def _shown(service: Service, table: ImportedTable, *, whole: bool) -> dict[str, Any]:
    files = table.table
    with service.parquet.cursor() as cursor:
        rows = read_page(cursor, files, files.columns, 0, ROWS_SHOWN) if files.columns else []
    return {
        "key": table.key,
        "columns": [{"name": column.name, "type": column.type} for column in files.columns],
        "row_count": files.row_count if whole else None,
        "data": rows,
        "notes": list(table.notes),
    }
