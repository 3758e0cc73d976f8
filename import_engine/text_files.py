"""Text files of any supported encoding, read as UTF-8 in bounded memory.

A file that isn't UTF-8 is read as Windows-1252, the superset of Latin-1; its five undefined bytes
become control characters (https://encoding.spec.whatwg.org/#windows-1252), with a note.
"""

from __future__ import annotations

import codecs
import gzip
import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from import_engine.errors import MIB, LargeUnpacked, UnreadableFile
from import_engine.work import ImportedTable, ImportWork
from lazy_dataclasses import dataclass
from parquet_tables.progress import INTERVAL_S
from parquet_tables.transient_errors import is_machine_error

CHUNK_BYTES = 1 << 20
HEAD_BYTES = 1 << 16
MAX_CONTROLS = 8
"""Control characters that the start of any text may have."""
MAX_UNPACKED_BYTES = 32 * 1024**3
UNDEFINED_BYTES = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
"""The bytes that Windows-1252 doesn't define."""
_UTF8_CHUNK_BYTES = 4 * CHUNK_BYTES
"""Upper bound of one chunk in UTF-8."""
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
UTF8 = ("utf-8", "utf-8-sig")
_ESCAPED = re.compile("[\udc80-\udcff]")
"""A byte that isn't UTF-8, decoded with ``surrogateescape``."""
_ASCII = re.compile("[\0-\x7f]+")
_ENCODING_NAMES = {"cp1252": "Windows-1252"}


@dataclass(frozen=True)
class TextFile:
    """A text file to read; ``on_chunk`` is called for each chunk, and its errors pass through."""

    path: Path
    on_chunk: Callable[[], None] = lambda: None

    def head(self, size: int = HEAD_BYTES) -> bytes:
        with self.path.open("rb") as file:
            return file.read(size)

    def chunks(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                self.on_chunk()
                yield chunk

    def contains(self, needle: bytes) -> bool:
        tail = b""
        for chunk in self.chunks():
            if needle in tail + chunk:
                return True
            tail = chunk[-len(needle) :]
        return False

    def unended_line(self) -> int | None:
        """The number of the last line, if it has no line break."""
        lines, end = 1, b""
        for chunk in self.chunks():
            lines, end = lines + chunk.count(b"\n"), chunk[-1:]
        return None if end in b"\r\n" else lines


ReadText = Callable[[TextFile, Sequence[str]], ImportedTable]
"""Reads a file in UTF-8; takes the notes so far."""


def read_as_utf8(
    work: ImportWork, path: Path, read: ReadText, *, gzipped: bool, encoding: str | None = None
) -> ImportedTable:
    """Read a text file of any supported encoding, or of a given one.

    The file is read as UTF-8 first; only if DuckDB refuses it are all its bytes checked.

    Raises
    ------
    UnreadableFile
        The file is empty or holds no text, or ``read`` refused it.
    """
    last_s = 0.0

    def on_chunk() -> None:
        nonlocal last_s
        work.require_free(_UTF8_CHUNK_BYTES)
        now_s = time.monotonic()
        if now_s - last_s >= INTERVAL_S:
            last_s = now_s
            work.on_progress(0.0, "reading the text")

    try:
        file = TextFile(path, on_chunk)
        if gzipped:
            file = unpack(file, work.scratch("unpacked"))
        return _read_decoded(work, file, read, encoding)
    finally:
        for scratch in work.destination.glob("*.scratch"):
            scratch.unlink()


def _read_decoded(
    work: ImportWork, file: TextFile, read: ReadText, given_encoding: str | None
) -> ImportedTable:
    head = file.head()
    if not head.strip(b" \t\r\n\xef\xbb\xbf\xff\xfe\0"):
        raise UnreadableFile("The file is empty.")
    encoding = given_encoding or declared_encoding(head)
    if encoding in (None, *UTF8):
        try:
            return _with_encoding(read(_without_bom(file, work.scratch("text")), ()), "utf-8")
        except (duckdb.Error, UnreadableFile) as error:
            if given_encoding or is_machine_error(error) or _is_utf8(file):
                raise
            _refuse_damaged_utf8(file)
            encoding = "cp1252"
    assert encoding  # noqa: S101 - UTF-8 is read above
    copy = _transcode(file, encoding, work.scratch("utf8"))
    name = _ENCODING_NAMES.get(encoding, encoding.upper())
    notes = [f"The file's text is {name}; it was converted to UTF-8."]
    if encoding == "cp1252" and (counts := _count_undefined_bytes(file)):
        notes.append(_undefined_bytes_note(counts))
    return _with_encoding(read(copy, notes), encoding)


def _with_encoding(table: ImportedTable, encoding: str) -> ImportedTable:
    return replace(table, detected={"encoding": encoding, **table.detected})


def declared_encoding(head: bytes) -> str | None:
    """Return the encoding that a file's start shows; None for UTF-8, with or without a BOM."""
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding
    first, second = head[0::2].count(0), head[1::2].count(0)
    if (first + second) * 4 > len(head):
        # Most texts in UTF-16 have a zero in every second byte.
        if min(first, second) * 8 < max(first, second):
            return "utf-16-le" if second >= first else "utf-16-be"
        raise UnreadableFile("The file is damaged or no text: a large part of it is NUL bytes.")
    controls = sum(head.count(byte) for byte in range(32) if byte not in b"\t\n\f\r\x1b")
    if controls > MAX_CONTROLS and controls * 20 > len(head):
        raise UnreadableFile("The file doesn't hold text but binary data.")
    return None


def unpack(file: TextFile, copy: Path, max_bytes: int = MAX_UNPACKED_BYTES) -> TextFile:
    """Write a gzipped file's content to ``copy``.

    DuckDB 2.0 reads gzip but doesn't check the checksum.

    Raises
    ------
    UnreadableFile
        It isn't a whole gzip file.
    LargeUnpacked
        The content is larger than ``max_bytes``; ``copy`` holds its first bytes.
    """
    size_bytes = 0
    try:
        with gzip.open(file.path, "rb") as packed, copy.open("wb") as out:
            while chunk := packed.read(CHUNK_BYTES):
                file.on_chunk()
                size_bytes += len(chunk)
                if size_bytes > max_bytes:
                    raise LargeUnpacked(
                        "Unpacked, the file is larger than {limit_mb} MiB.",
                        limit_mb=max_bytes // MIB,
                    )
                out.write(chunk)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableFile("The gzip file is cut off or damaged. Pack it again.") from error
    return TextFile(copy, file.on_chunk)


def _decoded(file: TextFile, encoding: str, errors: str = "strict") -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    for chunk in file.chunks():
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _is_utf8(file: TextFile) -> bool:
    try:
        for _ in _decoded(file, "utf-8"):
            pass
    except UnicodeDecodeError:
        return False
    return True


def _refuse_damaged_utf8(file: TextFile) -> None:
    """Refuse a text that is UTF-8 but for a few bytes: another encoding would garble the rest."""
    characters = faults = lines = 0
    first_line = 1
    for text in _decoded(file, "utf-8", "surrogateescape"):
        escaped = _ESCAPED.findall(text)
        if escaped and not faults:
            first_line = 1 + lines + text.count("\n", 0, text.index(escaped[0]))
        faults += len(escaped)
        characters += len(text) - sum(map(len, _ASCII.findall(text))) - len(escaped)
        lines += text.count("\n")
    if characters > faults:
        raise UnreadableFile(
            "Line {line}: the text isn't valid UTF-8, although other lines are. The file is cut "
            "off, or mixes encodings: convert it to UTF-8, or give its `encoding`, such as cp1252.",
            line=first_line,
        )


def _count_undefined_bytes(file: TextFile) -> dict[int, int]:
    """Count the undefined bytes of Windows-1252 in a file, those that occur."""
    counts = dict.fromkeys(UNDEFINED_BYTES, 0)
    for chunk in file.chunks():
        for byte in counts:
            counts[byte] += chunk.count(byte)
    return {byte: count for byte, count in counts.items() if count}


def _transcode(file: TextFile, encoding: str, copy: Path) -> TextFile:
    errors = "c1" if encoding == "cp1252" else "strict"
    try:
        with copy.open("wb") as out:
            for text in _decoded(file, encoding, errors):
                out.write(text.encode())
    except UnicodeError as error:
        raise UnreadableFile(
            "The file isn't whole: its text isn't valid {encoding}.", encoding=encoding
        ) from error
    return TextFile(copy, file.on_chunk)


def _without_bom(file: TextFile, copy: Path) -> TextFile:
    """Return ``file`` or, if it starts with a UTF-8 BOM, a copy without the BOM.

    DuckDB 2.0 skips a BOM in CSV, but reads a JSON array after a BOM as a single value.
    """
    if file.head(3) != codecs.BOM_UTF8:
        return file
    with copy.open("wb") as out:
        for number, chunk in enumerate(file.chunks()):
            out.write(chunk if number else chunk[len(codecs.BOM_UTF8) :])
    return TextFile(copy, file.on_chunk)


def _undefined_bytes_note(counts: Mapping[int, int]) -> str:
    """Return the note on undefined bytes: most likely the text has another encoding.

    >>> _undefined_bytes_note({0x81: 3})[:72]
    'Windows-1252 has no character for the byte 81 (3 times); it was read as '
    """
    several = len(counts) > 1
    undefined = ", ".join(
        f"{byte:02X} ({count:,} time{'s' if count > 1 else ''})" for byte, count in counts.items()
    )
    characters = ", ".join(f"U+00{byte:02X}" for byte in counts)
    return (
        f"Windows-1252 has no character for the byte{'s' if several else ''} {undefined}; "
        f"{'they were' if several else 'it was'} read as "
        f"{'control characters' if several else 'the control character'} {characters}. If the text "
        "is in another encoding, convert the file to UTF-8 and import it again."
    )


def _decode_undefined(error: UnicodeError) -> tuple[str, int]:
    """Decode a byte that Windows-1252 doesn't define to its control character."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("c1", _decode_undefined)
