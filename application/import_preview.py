"""Previews of imports: the tables, types and first rows that a file's beginning gives.

Nothing is stored. The importer itself reads the beginning, so columns and types are those of an
import of these bytes; later rows may widen a type. Little is read of files that unpack to much.
"""

from __future__ import annotations

import gzip
import os
import re
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from contract.declarations import Help
from contract.requests.importing import ReadOptions
from domain_errors import DomainError
from import_engine.errors import LargeUnpacked, TypeMisfit, UnreadableFile
from import_engine.formats import Format, detect_format, format_of_name
from import_engine.importer import import_file, import_first_rows
from import_engine.options import read_options
from import_engine.sources.downloading import HeadSizes, download_head, names_of_folder
from import_engine.sources.uris import SourceUri, allowed_uri
from import_engine.text_files import CHUNK_BYTES, HEAD_BYTES, TextFile, declared_encoding, unpack
from import_engine.work import FileTotals, ImportedTable, Question
from lazy_dataclasses import dataclass
from parquet_tables.columns import Column
from parquet_tables.progress import ProgressCallback
from parquet_tables.rows import PageTooLarge, read_page
from parquet_tables.transient_errors import is_out_of_memory
from profiling_engine.comparison.shared_columns import proposed_key
from service.service import Service
from storage.versions.column_changes import TableShape

ROWS_SHOWN = 20
MAX_DURATION_S = 15.0
MAX_BYTES = 32 * 1024**2
BEGINNING_BYTES = 512 * 1024
"""The part that is read of a compressed file that unpacks to more than ``MAX_BYTES``."""
END_BYTES = 64 * 1024
"""The part that is read at the end of a large file of lines."""
GZIP_BITS = 16 + zlib.MAX_WBITS
"""zlib's window size for the gzip format."""
BY_LINES = (".csv", ".tsv", ".tab", ".txt", ".ndjson", ".jsonl")
QUOTE = '"'
RAW_LINES, RAW_CHARACTERS, RAW_BYTES = 30, 500, 64 * 1024
"""Limits of the raw lines in a preview."""


class PreviewTooSlow(DomainError):
    """The preview takes too long."""

    code = "preview_too_slow"


class PreviewTooLarge(DomainError):
    """The preview needs too much memory or disk space."""

    code = "preview_too_large"


class BeginningUnclear(DomainError):
    """The file's beginning can't be read by itself; the whole file may be readable."""

    code = "preview_unclear"


@dataclass(frozen=True)
class ReadColumn:
    """A column of a previewed table."""

    name: str
    type: Annotated[str | None, Help("Null if the beginning has no value.")]
    source_name: Annotated[str, Help("Its name in the file.")]
    changes: Annotated[Sequence[str], Help("Of the values' form, for example `decimal comma`.")]


@dataclass(frozen=True)
class PreviewTable:
    """A table as an import with the same options makes it."""

    key: str
    columns: list[ReadColumn]
    row_count: Annotated[int | None, Help("Null for the beginning of a file.")]
    data: Annotated[list[dict[str, Any]], Help("The first rows.")]
    row_key: Annotated[
        Sequence[str],
        Help("Columns that may be the row key: unique in the rows that were read, or []."),
    ]
    notes: Sequence[str]
    detected: Annotated[
        Mapping[str, Any], Help("The import options that were used, given or detected.")
    ]
    questions: Sequence[Question]
    totals: Annotated[
        FileTotals,
        Help("The file's own totals, compared with the rows if the preview reads all of them."),
    ]

    @property
    def shape(self) -> TableShape:
        """Its columns, to compare with those of a version."""
        columns = tuple(Column(column.name, column.type or "") for column in self.columns)
        return TableShape(self.key, columns, self.row_count)


@dataclass(frozen=True)
class OptionProblem:
    """An option that the file's values don't fit."""

    loc: Annotated[list[str], Help("The option, for example `options`, `types`, `Amount`.")]
    message: str
    template: Annotated[str, Help("The message with the names of parameters in braces.")]
    parameters: Annotated[Mapping[str, Any], Help("The values of the template by name.")]


@dataclass(frozen=True)
class Preview:
    """What an import would read."""

    tables: list[PreviewTable]
    raw_lines: Annotated[list[str], Help("The first lines of a text, as they are in the file.")]
    problems: Annotated[list[OptionProblem], Help("Options that the file's values don't fit.")]


class Beginning:
    """The first part of a line-based file; its last line may be incomplete.

    Raises
    ------
    UnreadableFile
        The content isn't text.
    """

    def __init__(self, content: bytes) -> None:
        # Latin-1 maps each byte to one character, so it fits UTF-8 and every single-byte encoding.
        self._encoding = declared_encoding(content[:HEAD_BYTES]) or "latin-1"
        self._text = content.decode(self._encoding, "ignore")
        self._line_end = "\n" if "\n" in self._text else "\r"

    def lines(self) -> bytes:
        """All complete lines; the whole content when there are none."""
        end = self._text.rfind(self._line_end)
        return self._up_to(end if end > 0 else len(self._text))

    def outside_quotes(self) -> bytes | None:
        """The lines up to the last line end outside quotes; None if there is none.

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
        """The complete lines of the first half; None if there are none."""
        end = self._text.rfind(self._line_end, 0, len(self._text) // 2)
        return self._up_to(end) if end > 0 else None

    def with_end(self, end: bytes) -> bytes | None:
        """The complete lines, and those of the file's end; None if lines aren't cut by bytes."""
        if self._encoding != "latin-1":
            return None
        _, line_end, lines = end.partition(self._line_end.encode())
        return self.lines() + lines if line_end else None

    def _up_to(self, end: int) -> bytes:
        return self._text[: end + 1].encode(self._encoding)


def is_by_lines(file_name: str) -> bool:
    """Whether a file has a row on each line, by its name, so that a part can be read."""
    return file_name.strip().lower().endswith(BY_LINES)


def preview_import(
    service: Service,
    upload: Path,
    file_name: str,
    *,
    whole: bool,
    end: Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> Preview:
    """The result of an import of a file's beginning.

    Parameters
    ----------
    whole : bool
        Whether ``upload`` is the whole file; the last line of a part is ignored.
    end : Path or None
        The end of a text file of which ``upload`` is the beginning; shows totals and types. Its
        first line is ignored.
    options : mapping
        The import options of the request.

    Raises
    ------
    UnreadableFile
        The import would fail, too.
    InvalidOption
        An option isn't valid, or doesn't apply to the file.
    PreviewTooSlow, PreviewTooLarge, BeginningUnclear
        The preview exceeds its limits, or needs the whole file; the import may succeed.
    """
    with _previewing(service, file_name, options) as preview:
        return preview.of(upload, None if whole else end, whole=whole)


def preview_uri(service: Service, uri: str, *, options: Mapping[str, Any] | None = None) -> Preview:
    """The result of an import of a URI's beginning, like :func:`preview_import`.

    Little is read of a large file of lines: its beginning, and its end if the source can read a
    part. Of a folder, the first file is read.

    Raises
    ------
    InvalidUri, UriNotAllowed
        It isn't a URI, or the setting ``import_prefixes`` doesn't allow it.
    SourceNotFound, SourceDenied, SourceUnavailable
        The source can't be read.
    UnreadableFile, InvalidOption, PreviewTooSlow, PreviewTooLarge, BeginningUnclear
        As in :func:`preview_import`.
    """
    place = allowed_uri(uri, service.settings.allowed_prefixes, loc=("body", "uri"))
    with _previewing(service, place.name, options) as preview:
        names = names_of_folder(place, preview.on_progress) if place.is_folder else []
        if not names:
            return preview.of_source(place)
        first = replace(preview, file_name=names[0]).of_source(place.child(names[0]))
        if len(names) > 1:
            note = f"These are rows of {names[0]}, the first of {len(names):,} files."
            table, *others = first.tables
            table = replace(table, notes=[note, *table.notes])
            return replace(first, tables=[table, *others])
        return first


@contextmanager
def _previewing(
    service: Service, file_name: str, options: Mapping[str, Any] | None
) -> Iterator[_PreviewImport]:
    """Open a preview with the limits of time, memory and disk."""
    deadline = time.monotonic() + MAX_DURATION_S

    def on_progress(_fraction: float, _message: str) -> None:
        if time.monotonic() > deadline:
            raise PreviewTooSlow(
                "The preview took longer than {limit} seconds. Import the file to see its content.",
                limit=round(MAX_DURATION_S),
            )

    given = read_options(options or {})
    with service.scratch_folder() as folder:
        try:
            yield _PreviewImport(service, folder, file_name, on_progress, given)
        except Exception as error:
            if not is_out_of_memory(error) and not isinstance(error, PageTooLarge):
                raise
            raise PreviewTooLarge(
                "The preview needs too much memory. Import the file to see its content."
            ) from None


@dataclass(frozen=True)
class _PreviewImport:
    """Imports into a temporary folder, and shows the tables."""

    service: Service
    folder: Path
    file_name: str
    on_progress: ProgressCallback
    options: ReadOptions
    end: bytes = b""

    def of(self, upload: Path, end: Path | None, *, whole: bool) -> Preview:
        """The preview of a file, or of its beginning and perhaps its end."""
        preview = replace(self, end=end.read_bytes() if end is not None else b"")
        tables, problems = preview.without_misfits(upload, whole)
        return Preview(tables, _raw_lines(upload, tables), problems)

    def of_source(self, place: SourceUri) -> Preview:
        """The preview of a file that a URI names."""
        found = format_of_name(self.file_name)
        by_lines = is_by_lines(self.file_name)
        sizes = HeadSizes(
            BEGINNING_BYTES + END_BYTES if by_lines else MAX_BYTES, BEGINNING_BYTES, END_BYTES
        )
        folder = self._new_folder()
        head, end = folder / "head", folder / "end"
        if download_head(place, head, end, sizes, self.on_progress):
            return self.of(head, None, whole=True)
        if by_lines:
            return self.of(head, end if end.exists() else None, whole=False)
        plain_name = self.file_name.strip()[: -len(".gz")]
        if not (found.gzipped and is_by_lines(plain_name)):
            raise PreviewTooLarge(
                "The file is too large for a preview. Import it to see its content."
            )
        _unpack_beginning(head)
        return replace(self, file_name=plain_name).of(head, None, whole=False)

    def without_misfits(
        self, upload: Path, whole: bool
    ) -> tuple[list[PreviewTable], list[OptionProblem]]:
        """The tables, and the types of the options that their values don't fit."""
        preview, problems = self, list[OptionProblem]()
        while True:
            try:
                return preview.of_file(upload) if whole else preview.of_part(upload), problems
            except TypeMisfit as error:
                loc = [str(part) for part in error.loc]
                problems.append(OptionProblem(loc, error.message, error.template, error.parameters))
                left = {
                    name: type_
                    for name, type_ in preview.options.types.items()
                    if name != error.loc[-1]
                }
                preview = replace(preview, options=replace(preview.options, types=left))

    def of_file(self, upload: Path) -> list[PreviewTable]:
        found = detect_format(self.file_name, upload)
        if found.gzipped:
            return self._of_gzip(upload)
        if found.format is not Format.PARQUET:
            tables = self._imported(upload)
            return [self._shown(table, table.table.row_count) for table in tables]
        table, row_count = import_first_rows(
            self.service.parquet,
            upload,
            self._new_folder(),
            ROWS_SHOWN,
            on_progress=self.on_progress,
            options=self.options,
        )
        return [self._shown(table, row_count)]

    def of_part(self, upload: Path) -> list[PreviewTable]:
        if not is_by_lines(self.file_name):
            raise UnreadableFile(
                "Only files of lines, such as CSV, can be previewed in part. Import the file to "
                "see its content."
            )
        beginning = Beginning(upload.read_bytes())
        tables = self._of_both_ends(beginning) or self._of_beginning(beginning)
        return [self._shown(table, None) for table in tables]

    def _of_both_ends(self, beginning: Beginning) -> tuple[ImportedTable, ...]:
        """Import the lines of the beginning and the end; no tables if they don't fit together."""
        content = beginning.with_end(self.end)
        if content is None:
            return ()
        try:
            return self._of_bytes(content, has_end=True)
        except TypeMisfit:
            raise
        except UnreadableFile:  # a cut within a quoted value, or a fault far from the beginning
            return ()

    def _of_gzip(self, upload: Path) -> list[PreviewTable]:
        """Preview a gzipped file, or its beginning if it is large."""
        content = self._new_folder() / "content"
        preview = replace(self, file_name=self.file_name.strip()[: -len(".gz")])

        def before_piece() -> None:
            self.service.parquet.require_free(CHUNK_BYTES)
            self.on_progress(0.0, "unpacking")

        try:
            unpack(TextFile(upload, before_piece), content, MAX_BYTES)
        except LargeUnpacked:
            if not is_by_lines(preview.file_name):
                raise PreviewTooLarge(
                    "The unpacked file is too large for a preview. Import it to see its content."
                ) from None
            os.truncate(content, BEGINNING_BYTES)
            return preview.of_part(content)
        return preview.of_file(content)

    def _of_beginning(self, beginning: Beginning) -> tuple[ImportedTable, ...]:
        """Import the complete lines; if that fails, the lines up to the last end of a quote.

        An error is the file's own only if its first half fails with the same message; otherwise the
        cut may have caused it.
        """
        try:
            return self._of_bytes(beginning.lines())
        except TypeMisfit:
            raise
        except UnreadableFile as error:
            problem = error.message
        shorter = beginning.outside_quotes()
        if shorter is not None and shorter != beginning.lines():
            with suppress(UnreadableFile):
                return self._of_bytes(shorter)
        half = beginning.half()
        try:
            if half is not None:
                self._of_bytes(half)
        except UnreadableFile as other:
            if other.message == problem:
                raise
        raise BeginningUnclear(
            "The beginning of the file can't be read by itself: {problem} Import the file to see "
            "its content.",
            problem=problem,
        )

    def _of_bytes(self, content: bytes, *, has_end: bool = False) -> tuple[ImportedTable, ...]:
        part = self._new_folder() / "beginning"
        part.write_bytes(content)
        return self._imported(part, has_end=has_end, has_all_rows=False)

    def _imported(
        self, file: Path, *, has_end: bool = True, has_all_rows: bool = True
    ) -> tuple[ImportedTable, ...]:
        return import_file(
            self.service.parquet,
            file,
            self.file_name,
            self._new_folder(),
            on_progress=self.on_progress,
            options=self.options,
            whole_file=has_end,
            has_all_rows=has_all_rows,
        )

    def _new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.folder))

    def _shown(self, table: ImportedTable, row_count: int | None) -> PreviewTable:
        """Show a table; without a row count it is a part, whose empty columns have no type."""
        files = table.table
        untyped = table.empty_columns if row_count is None else ()
        readings = {reading.name: reading for reading in table.readings}
        rows: list[dict[str, Any]] = []
        row_key: tuple[str, ...] = ()
        if files.columns:
            with self.service.parquet.cursor() as cursor:
                rows = read_page(cursor, files, files.columns, 0, ROWS_SHOWN)
                row_key = proposed_key(cursor, files)
        columns = [
            ReadColumn(
                column.name,
                None if column.name in untyped else column.type,
                readings[column.name].source_name,
                readings[column.name].changes,
            )
            for column in files.columns
        ]
        return PreviewTable(
            table.key,
            columns,
            row_count,
            rows,
            row_key,
            table.notes,
            table.detected,
            table.questions,
            table.totals,
        )


def _unpack_beginning(file: Path) -> None:
    """Replace the beginning of a gzipped file by the beginning of its content."""
    try:
        content = zlib.decompressobj(wbits=GZIP_BITS).decompress(file.read_bytes(), BEGINNING_BYTES)
    except zlib.error as error:
        raise UnreadableFile("The gzip file is damaged. Pack it again.") from error
    file.write_bytes(content)


def _raw_lines(upload: Path, tables: Sequence[PreviewTable]) -> list[str]:
    """The first lines of a text as they are in the file; none for other formats."""
    encoding = next((table.detected.get("encoding") for table in tables), None)
    if encoding is None:
        return []
    with upload.open("rb") as packed:
        is_gzip = packed.read(2) == b"\x1f\x8b"
    with gzip.open(upload) if is_gzip else upload.open("rb") as content:
        head = content.read(RAW_BYTES)
    text = head.decode("utf-8-sig" if encoding == "utf-8" else encoding, errors="replace")
    lines = re.split(r"\r\n|\r|\n", text.lstrip("\ufeff"))
    return [line[:RAW_CHARACTERS] for line in lines[:RAW_LINES]]
