"""What an import would make of a file, told from its beginning.

Owns: how much of a file is looked at, and for how long. Invariant: nothing is kept; the columns and
types are those that an import of just these bytes gives, since the importer itself finds them.
Later rows may still widen a type, or settle that of a column without a value so far: it has none.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain_errors import DomainError
from import_engine.errors import UnreadableFile
from import_engine.imported import ImportedTable
from import_engine.importer import import_file
from job_runner.file_beginnings import beginning_of, is_by_lines
from job_runner.service import Service
from parquet_tables.json_rows import read_page
from parquet_tables.progress import Report

ROWS_SHOWN = 20
LONGEST_S = 15.0
LARGEST_BYTES = 32 * 1024**2


class PreviewTooSlow(DomainError):
    """The beginning of the file can't be read in a moment."""

    code = "preview_too_slow"


class BeginningUnclear(DomainError):
    """The beginning of a file can't be read by itself, which the whole file may well be."""

    code = "preview_unclear"


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
    UnreadableFile
        As the import would say it.
    PreviewTooSlow, BeginningUnclear
        It takes more than a moment; or only the whole file can tell. The import may well go.
    """
    deadline = time.monotonic() + LONGEST_S

    def report(_fraction: float, _message: str) -> None:
        if time.monotonic() > deadline:
            raise PreviewTooSlow("Reading the file takes more than a moment. Import it to see.")

    with tempfile.TemporaryDirectory(dir=service.directory.scratch_dir) as folder:
        look = _Look(service, Path(folder), file_name, report)
        tables = look.at(upload) if whole else look.at_beginning(upload)
        return [_shown(service, table, whole=whole) for table in tables]


@dataclass(frozen=True)
class _Look:
    """Imports into a folder that is thrown away."""

    service: Service
    folder: Path
    file_name: str
    report: Report

    def at(self, file: Path) -> tuple[ImportedTable, ...]:
        destination = Path(tempfile.mkdtemp(dir=self.folder))
        return import_file(
            self.service.parquet, file, self.file_name, destination, report=self.report
        )

    def at_beginning(self, upload: Path) -> tuple[ImportedTable, ...]:
        """Look at whole lines; where they can't be read, at those up to no open quote.

        What is wrong is the file's own only if its first half is refused with the same words: else
        it may come from where the beginning was cut.
        """
        if not is_by_lines(self.file_name):
            raise UnreadableFile(
                "Only files of lines, such as CSV, can be looked at in part. Import it to see."
            )
        beginning = beginning_of(upload)
        try:
            return self._at_bytes(beginning.lines())
        except UnreadableFile as error:
            problem = error
        shorter = beginning.outside_quotes()
        if shorter is not None and shorter != beginning.lines():
            with suppress(UnreadableFile):
                return self._at_bytes(shorter)
        half = beginning.half()
        try:
            if half is not None:
                self._at_bytes(half)
        except UnreadableFile as again:
            if again.message == problem.message:
                raise
        raise BeginningUnclear(
            f"The beginning of the file can't be looked at by itself: {problem.message} "
            "Import it to see."
        )

    def _at_bytes(self, content: bytes) -> tuple[ImportedTable, ...]:
        part = Path(tempfile.mkdtemp(dir=self.folder)) / "beginning"
        part.write_bytes(content)
        return self.at(part)


def _shown(service: Service, table: ImportedTable, *, whole: bool) -> dict[str, Any]:
    files = table.table
    open_types = () if whole else table.without_value
    with service.parquet.cursor() as cursor:
        rows = read_page(cursor, files, files.columns, 0, ROWS_SHOWN) if files.columns else []
    return {
        "key": table.key,
        "columns": [
            {"name": column.name, "type": None if column.name in open_types else column.type}
            for column in files.columns
        ],
        "row_count": files.row_count if whole else None,
        "data": rows,
        "notes": list(table.notes),
    }
