"""Downloads and imports the file of a URI, or the files of a folder as one table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from domain_errors import Sentence
from import_engine.errors import UnreadableFile
from import_engine.formats import Format, format_of_name
from import_engine.sources.reading import SourceUnavailable, file_names, open_source
from import_engine.sources.uris import SourceUri
from import_engine.work import FileTotals, ImportedTable, TotalSentence
from lazy_dataclasses import dataclass
from parquet_tables.columns import Column
from parquet_tables.progress import ProgressCallback, progress_part

MAX_FILES = 1000
"""Files of a folder that one import reads."""
DOWNLOAD_SHARE = 0.5
MAX_NOTES = 20


class SourceTooLarge(UnreadableFile):
    """The file, or all files of the folder together, exceed the size limit of an import."""

    code = "source_too_large"


ReadFile = Callable[[Path, str, Path, ProgressCallback], tuple[ImportedTable, ...]]
"""Imports a file with this name into an empty folder."""


@dataclass(frozen=True)
class DownloadLimits:
    """The largest download in bytes, and the check of free disk space before each write."""

    max_bytes: int
    require_free: Callable[[int], None]


@dataclass(frozen=True)
class HeadSizes:
    """The largest file that is read whole, and the parts that are read of a larger one."""

    whole_bytes: int
    beginning_bytes: int
    end_bytes: int


def import_uri(
    uri: SourceUri,
    folder: Path,
    read_file: ReadFile,
    limits: DownloadLimits,
    on_progress: ProgressCallback,
) -> tuple[tuple[ImportedTable, ...], int]:
    """Import an allowed URI; return its tables and its size in bytes.

    Each file is downloaded into ``folder``, read, and deleted.

    Raises
    ------
    UnreadableFile, SourceTooLarge
        A file can't be read, the limit is exceeded, or the files make no single table.
    SourceNotFound, SourceDenied, SourceUnavailable
        The source can't be read.
    """
    if not uri.is_folder:
        format_of_name(uri.name)  # before the download
        return _import_one(uri, folder, read_file, limits, on_progress)
    names = names_of_folder(uri, on_progress)
    tables: list[tuple[str, ImportedTable]] = []
    size_bytes = 0
    for index, name in enumerate(names):
        own = folder / f"file-{index}"
        own.mkdir()
        part = progress_part(on_progress, index / len(names), (index + 1) / len(names))
        left = replace(limits, max_bytes=limits.max_bytes - size_bytes)
        (table,), read_bytes = _import_one(uri.child(name), own, read_file, left, part)
        size_bytes += read_bytes
        tables.append((name, table))
    return (_one_table(tables),), size_bytes


def names_of_folder(uri: SourceUri, on_progress: ProgressCallback) -> list[str]:
    """The names of a folder's files, which must be of one kind."""
    names = file_names(uri, lambda: on_progress(0.0, "listing files"), MAX_FILES)
    _check_kinds(names)
    return names


def _import_one(
    uri: SourceUri,
    folder: Path,
    read_file: ReadFile,
    limits: DownloadLimits,
    on_progress: ProgressCallback,
) -> tuple[tuple[ImportedTable, ...], int]:
    file, tables = folder / "download", folder / "tables"
    tables.mkdir()
    size_bytes = download(uri, file, limits, progress_part(on_progress, 0.0, DOWNLOAD_SHARE))
    reading = progress_part(on_progress, DOWNLOAD_SHARE, 1.0)
    imported = read_file(file, uri.name, tables, reading)
    file.unlink()
    return imported, size_bytes


def download(
    uri: SourceUri, target: Path, limits: DownloadLimits, on_progress: ProgressCallback
) -> int:
    """Download a file and return its size; ``on_progress`` can stop it at each piece."""
    written, message = 0, f"downloading {uri.name}"
    on_progress(0.0, message)
    with open_source(uri) as source, target.open("wb") as file:
        for piece in _limited(source.pieces, source.size_bytes, limits.max_bytes):
            limits.require_free(len(piece))
            file.write(piece)
            written += len(piece)
            on_progress(written / max(source.size_bytes or 0, written), message)
        if source.size_bytes not in (None, written):
            raise SourceUnavailable("{uri} ended before its size.", uri=str(uri))
    return written


def download_head(
    uri: SourceUri,
    target: Path,
    end: Path,
    sizes: HeadSizes,
    on_progress: ProgressCallback,
) -> bool:
    """Download a small file, or the beginning of a large one and perhaps its end.

    ``end`` is written only if the source can read a part.

    Returns
    -------
    bool
        Whether the file is whole.
    """
    on_progress(0.0, f"downloading {uri.name}")
    with open_source(uri) as source:
        size_bytes = source.size_bytes
        if source.part is not None and size_bytes is not None and size_bytes > sizes.whole_bytes:
            target.write_bytes(source.part(0, sizes.beginning_bytes))
            end.write_bytes(source.part(max(size_bytes - sizes.end_bytes, 0), size_bytes))
            return False
        most = sizes.whole_bytes
        if size_bytes is not None and size_bytes > most:
            most = sizes.beginning_bytes
        written = 0
        with target.open("wb") as file:
            for piece in source.pieces:
                on_progress(0.0, f"downloading {uri.name}")
                written += file.write(piece[: most + 1 - written])
                if written > most:
                    break
        if written > most:
            os.truncate(target, sizes.beginning_bytes)
    return written <= most


def _limited(pieces: Iterator[bytes], size_bytes: int | None, max_bytes: int) -> Iterator[bytes]:
    """The pieces; SourceTooLarge as soon as they are known to exceed the limit."""
    total = size_bytes or 0
    if total <= max_bytes:
        total = 0
        for piece in pieces:
            total += len(piece)
            if total > max_bytes:
                break
            yield piece
        else:
            return
    raise SourceTooLarge(
        "The download exceeds {limit} MiB, the limit of an import.", limit=max_bytes // 1024**2
    )


def _check_kinds(names: list[str]) -> None:
    """Refuse files of several kinds, and workbooks, which may have several tables."""
    first = format_of_name(names[0])
    for name in names:
        if format_of_name(name).format is not first.format:
            raise UnreadableFile(
                "The files {first} and {other} are of different kinds. Import a folder with files "
                "of one kind.",
                first=names[0],
                other=name,
            )
    if first.format is Format.XLSX:
        raise UnreadableFile("A folder of workbooks isn't one table. Import them one by one.")


def _one_table(tables: list[tuple[str, ImportedTable]]) -> ImportedTable:
    """The rows of all tables, which must have equal columns."""
    first_name, first = tables[0]
    for name, table in tables:
        if table.columns != first.columns:
            raise UnreadableFile(
                "The files don't make one table: {difference} Import them one by one.",
                difference=column_difference(first_name, first.columns, name, table.columns),
            )
    files = tuple(file for _, table in tables for file in table.files)
    notes = [
        f"{len(tables):,} files were read in the order of their names." if len(tables) > 1 else "",
        *dict.fromkeys(note for _, table in tables for note in table.notes),
    ]
    shown = [note for note in notes if note]
    if len(shown) > MAX_NOTES:
        shown = [*shown[:MAX_NOTES], f"{len(shown) - MAX_NOTES:,} more notes."]
    questions = {(one.code, one.column): one for _, table in tables for one in table.questions}
    return replace(
        first,
        files=files,
        notes=tuple(shown),
        questions=tuple(questions.values()),
        totals=first.totals if len(tables) == 1 else _all_totals(tables),
    )


def _all_totals(tables: Sequence[tuple[str, ImportedTable]]) -> FileTotals:
    """The totals of several files, each compared with the rows of its own file."""
    totals = [(name, table.totals) for name, table in tables]
    sentences = [
        TotalSentence.of(
            sentence.state, Sentence("{file}: {sentence}", file=name, sentence=sentence.sentence)
        )
        for name, each in totals
        for sentence in each.sentences
    ]
    return FileTotals(
        left_out_rows=sum(each.left_out_rows for _, each in totals),
        counted_rows=sum(each.counted_rows for _, each in totals),
        comparisons=tuple(one for _, each in totals for one in each.comparisons),
        sentences=tuple(sentences),
    )


def column_difference(
    first_name: str, first: Sequence[Column], other_name: str, other: Sequence[Column]
) -> str:
    """The first difference between the columns of two files, as a sentence."""
    here = {column.name: column.type for column in first}
    there = {column.name: column.type for column in other}
    for name, kind in here.items():
        if name not in there:
            return f'{other_name} lacks the column "{name}" of {first_name}.'
        if there[name] != kind:
            return (
                f'the column "{name}" is {kind} in {first_name} and {there[name]} in {other_name}.'
            )
    extra = [name for name in there if name not in here]
    if extra:
        return f'{other_name} has the column "{extra[0]}", which {first_name} lacks.'
    return f"the columns of {other_name} are in another order than those of {first_name}."
