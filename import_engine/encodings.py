"""Encodings of text files.

DuckDB reads and checks UTF-8. A file that it refuses is read as Windows-1252, the superset of
Latin-1; the five bytes that Windows-1252 doesn't define become control characters, as in the WHATWG
Encoding Standard (https://encoding.spec.whatwg.org/#windows-1252), and the import notes them.
Copies in UTF-8 are written in bounded memory.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from import_engine.errors import LargeUnpacked, UnreadableFile

CHUNK_BYTES = 1 << 20
HEAD_BYTES = 1 << 16
MAX_UNPACKED_BYTES = 32 * 1024**3
UNDEFINED_BYTES = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
"""The bytes that Windows-1252 doesn't define."""

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _ignore_chunk() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class TextFile:
    """A text file to read.

    Parameters
    ----------
    path : Path
        The file.
    pulse : callable
        Called for each chunk that Python reads; its exceptions pass through.
    """

    path: Path
    on_chunk: Callable[[], None] = _ignore_chunk

    def head(self, size: int = HEAD_BYTES) -> bytes:
        """Return the first bytes."""
        with self.path.open("rb") as file:
            return file.read(size)

    def chunks(self) -> Iterator[bytes]:
        """Yield the content in chunks."""
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                self.on_chunk()
                yield chunk

    def contains(self, *needles: bytes) -> bool:
        """Whether the file contains every one of some short byte strings."""
        missing = set(needles)
        tail = b""
        for chunk in self.chunks():
            window = tail + chunk
            missing = {needle for needle in missing if needle not in window}
            if not missing:
                return True
            tail = window[-16:]
        return False


def declared_encoding(head: bytes) -> str | None:
    """Return the encoding that a file's start shows; None for UTF-8, with or without a BOM.

    Raises
    ------
    UnreadableFile
        The bytes aren't text.
    """
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding
    zeros = head.count(0)
    if zeros * 4 > len(head):
        # Most texts in UTF-16 have a zero in every second byte.
        return "utf-16-le" if head[1::2].count(0) >= head[0::2].count(0) else "utf-16-be"
    controls = sum(head.count(byte) for byte in range(32) if byte not in b"\t\n\f\r\x1b")
    if controls * 20 > len(head):
        raise UnreadableFile("The file doesn't hold text but binary data.")
    return None


def is_utf8(file: TextFile) -> bool:
    """Read the whole file to see whether it is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in file.chunks():
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def count_undefined_bytes(file: TextFile) -> dict[int, int]:
    """Count the bytes that Windows-1252 doesn't define."""
    counts = dict.fromkeys(UNDEFINED_BYTES, 0)
    for chunk in file.chunks():
        for byte in counts:
            counts[byte] += chunk.count(byte)
    return {byte: count for byte, count in counts.items() if count}


def transcode(file: TextFile, encoding: str, copy: Path) -> TextFile:
    """Write ``file`` to ``copy`` in UTF-8.

    Raises
    ------
    UnreadableFile
        The bytes aren't valid in that encoding.
    """
    errors = "c1" if encoding == "cp1252" else "strict"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    try:
        with copy.open("wb") as out:
            for chunk in file.chunks():
                out.write(decoder.decode(chunk).encode())
            out.write(decoder.decode(b"", final=True).encode())
    except UnicodeError as error:
        raise UnreadableFile(f"The file isn't whole: its text isn't valid {encoding}.") from error
    return TextFile(copy, file.on_chunk)


def without_bom(file: TextFile, copy: Path) -> TextFile:
    """Return ``file`` or, if it starts with a UTF-8 BOM, a copy without the BOM.

    DuckDB 2.0 skips a BOM in CSV, but reads a JSON array after a BOM as a single value.
    """
    if file.head(3) != codecs.BOM_UTF8:
        return file
    with copy.open("wb") as out:
        for number, chunk in enumerate(file.chunks()):
            out.write(chunk if number else chunk[len(codecs.BOM_UTF8) :])
    return TextFile(copy, file.on_chunk)


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
                    limit = max_bytes // 1024**2
                    raise LargeUnpacked(f"Unpacked, the file is larger than {limit:,} MiB.")
                out.write(chunk)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableFile("The gzip file is cut off or damaged. Pack it again.") from error
    return TextFile(copy, file.on_chunk)


def _c1(error: UnicodeError) -> tuple[str, int]:
    """Decode a byte that Windows-1252 doesn't define to its control character."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("c1", _c1)
