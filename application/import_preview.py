"""Where the beginning of a file of lines is cut, so that it can be read as a file by itself.

Owns: the cut. Invariant: a beginning ends with a line; a value in quotes may still go on behind it,
which only who reads it can tell. Called by ``import_preview``.

What an import would make of a file, told from its beginning.

Owns: how much of a file is looked at, and for how long. Invariant: nothing is kept; the columns and
types are those that an import of just these bytes gives, since the importer itself finds them.
Later rows may still widen a type, or settle that of a column without a value so far: it has none.
Whatever a small file unpacks to, little of it is read: of Parquet the first rows, since its footer
tells columns, types and count; of gzipped lines the beginning.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from domain_errors import DomainError
from import_engine.encodings import CHUNK_BYTES, HEAD_BYTES, TextFile, declared_encoding, unpack
from import_engine.errors import LargeUnpacked, UnreadableFile
from import_engine.formats import Format, detect_format
from import_engine.importer import import_file, import_first_rows
from import_engine.work import ImportedTable
from job_runner.service import Service
from parquet_tables.progress import ProgressCallback
from parquet_tables.rows import PageTooLarge, read_page
from parquet_tables.transient_errors import is_out_of_memory

BY_LINES = (".csv", ".tsv", ".tab", ".txt", ".ndjson", ".jsonl")
QUOTE = '"'


class Beginning:
    """The first part of a file of lines, as text.

    Parameters
    ----------
    content : bytes
        As much of the file as there is; its last line may be cut anywhere.

    Raises
    ------
    UnreadableFile
        The bytes aren't text.
    """

    def __init__(self, content: bytes) -> None:
        # What isn't of two or four bytes a character is cut as it is, byte for byte.
        self._encoding = declared_encoding(content[:HEAD_BYTES]) or "latin-1"
        self._text = content.decode(self._encoding, "ignore")
        self._line_end = "\n" if "\n" in self._text else "\r"

    def lines(self) -> bytes:
        """All whole lines; what there is, where there is none."""
        end = self._text.rfind(self._line_end)
        return self._up_to(end if end > 0 else len(self._text))

    def outside_quotes(self) -> bytes | None:
        """The lines up to the last one behind which no quote is open, None if there is none.

        A quote within a value is doubled, so an even number of quotes leaves none open.
        """
        end = self._text.rfind(self._line_end)
        quotes = self._text.count(QUOTE, 0, max(end, 0))
        while end > 0 and quotes % 2:
            before = self._text.rfind(self._line_end, 0, end)
            quotes -= self._text.count(QUOTE, max(before, 0), end)
            end = before
        return self._up_to(end) if end > 0 else None

    def half(self) -> bytes | None:
        """The lines of the first half, None if there is none."""
        end = self._text.rfind(self._line_end, 0, len(self._text) // 2)
        return self._up_to(end) if end > 0 else None

    def _up_to(self, end: int) -> bytes:
        return self._text[: end + 1].encode(self._encoding)


def is_by_lines(file_name: str) -> bool:
    """Whether a file's name tells that it holds a row a line, so that a part can be read."""
    return file_name.strip().lower().endswith(BY_LINES)


def beginning_of(path: Path) -> Beginning:
    """The beginning that a file holds."""
    return Beginning(path.read_bytes())


ROWS_SHOWN = 20
MAX_DURATION_S = 15.0
MAX_BYTES = 32 * 1024**2
BEGINNING_BYTES = 512 * 1024
"""How much is looked at of a file that unpacks to more than may be looked at."""


class PreviewTooSlow(DomainError):
    """The beginning of the file can't be read in a moment."""

    code = "preview_too_slow"


class PreviewTooLarge(DomainError):
    """Looking at the file takes more memory or room than a moment's look may."""

    code = "preview_too_large"


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
    PreviewTooSlow, PreviewTooLarge, BeginningUnclear
        It takes more than a moment, or more than a moment's memory; or only the whole file can
        tell. The import may well go.
    """
    deadline = time.monotonic() + MAX_DURATION_S

    def on_progress(_fraction: float, _message: str) -> None:
        if time.monotonic() > deadline:
            raise PreviewTooSlow("Reading the file takes more than a moment. Import it to see.")

    with tempfile.TemporaryDirectory(dir=service.directory.scratch_dir) as folder:
        preview = _Preview(service, Path(folder), file_name, on_progress)
        try:
            return preview.at(upload) if whole else preview.at_part(upload)
        except Exception as error:
            if not is_out_of_memory(error) and not isinstance(error, PageTooLarge):
                raise
            raise PreviewTooLarge(
                "Looking at the file takes too much memory. Import it to see."
            ) from None


@dataclass(frozen=True)
class _Preview:
    """Imports into a folder that is thrown away, and shows what came out."""

    service: Service
    folder: Path
    file_name: str
    on_progress: ProgressCallback

    def at(self, upload: Path) -> list[dict[str, Any]]:
        """Look at a whole file."""
        found = detect_format(self.file_name, upload)
        if found.gzipped:
            return self._at_packed(upload)
        if found.format is not Format.PARQUET:
            return self._shown(self._imported(upload))
        table, row_count = import_first_rows(
            self.service.parquet,
            upload,
            self._new_folder(),
            ROWS_SHOWN,
            on_progress=self.on_progress,
        )
        return self._shown([table], row_count=row_count)

    def at_part(self, upload: Path) -> list[dict[str, Any]]:
        """Look at the beginning of a file of lines."""
        if not is_by_lines(self.file_name):
            raise UnreadableFile(
                "Only files of lines, such as CSV, can be looked at in part. Import it to see."
            )
        return self._shown(self._at_beginning(beginning_of(upload)), in_part=True)

    def _at_packed(self, upload: Path) -> list[dict[str, Any]]:
        """Look at a gzipped file: at its beginning if there is much of it."""
        content = self._new_folder() / "content"
        preview = replace(self, file_name=self.file_name.strip()[: -len(".gz")])

        def before_piece() -> None:
            self.service.parquet.require_free(CHUNK_BYTES)
            self.on_progress(0.0, "unpacking")

        packed = TextFile(upload, before_piece)
        try:
            unpack(packed, content, MAX_BYTES)
        except LargeUnpacked:
            if not is_by_lines(preview.file_name):
                raise PreviewTooLarge(
                    "Unpacked, the file is too large to be looked at. Import it to see."
                ) from None
            os.truncate(content, BEGINNING_BYTES)
            return preview.at_part(content)
        return preview.at(content)

    def _at_beginning(self, beginning: Beginning) -> tuple[ImportedTable, ...]:
        """Import whole lines; where they can't be read, those up to no open quote.

        What is wrong is the file's own only if its first half is refused with the same words: else
        it may come from where the beginning was cut.
        """
        try:
            return self._of_bytes(beginning.lines())
        except UnreadableFile as error:
            problem = error
        shorter = beginning.outside_quotes()
        if shorter is not None and shorter != beginning.lines():
            with suppress(UnreadableFile):
                return self._of_bytes(shorter)
        half = beginning.half()
        try:
            if half is not None:
                self._of_bytes(half)
        except UnreadableFile as again:
            if again.message == problem.message:
                raise
        raise BeginningUnclear(
            f"The beginning of the file can't be looked at by itself: {problem.message} "
            "Import it to see."
        )

    def _of_bytes(self, content: bytes) -> tuple[ImportedTable, ...]:
        part = self._new_folder() / "beginning"
        part.write_bytes(content)
        return self._imported(part)

    def _imported(self, file: Path) -> tuple[ImportedTable, ...]:
        return import_file(
            self.service.parquet,
            file,
            self.file_name,
            self._new_folder(),
            on_progress=self.on_progress,
        )

    def _new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.folder))

    def _shown(
        self,
        tables: Sequence[ImportedTable],
        *,
        in_part: bool = False,
        row_count: int | None = None,
    ) -> list[dict[str, Any]]:
        """Tables as the API shows them; they have ``row_count`` rows, or those that were read."""
        return [_table_shown(self.service, table, in_part, row_count) for table in tables]


def _table_shown(
    service: Service, table: ImportedTable, in_part: bool, row_count: int | None
) -> dict[str, Any]:
    files = table.table
    open_types = table.empty_columns if in_part else ()
    with service.parquet.cursor() as cursor:
        rows = read_page(cursor, files, files.columns, 0, ROWS_SHOWN) if files.columns else []
    return {
        "key": table.key,
        "columns": [
            {"name": column.name, "type": None if column.name in open_types else column.type}
            for column in files.columns
        ],
        "row_count": None if in_part else row_count or files.row_count,
        "data": rows,
        "notes": list(table.notes),
    }
