"""Which characters a text file's bytes are.

Owns: finding a file's encoding, and the copy in UTF-8 that is made of one that isn't. Invariant: a
copy is made in bounded memory and holds every character of the original. Called by ``delimited``
and ``json_lines``.

DuckDB reads UTF-8 and checks it as it reads, so nothing is looked at beforehand but a file's start.
Only when it refuses a file is the file taken for Windows-1252, the superset of Latin-1 that people
mean by it: Latin-1 would turn the euro sign and curly quotes into control characters. The five
bytes to which it gives no character become control characters, as the WHATWG's Encoding Standard
has it (https://encoding.spec.whatwg.org/#windows-1252); whoever reads the file tells of them.
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
WITHOUT_CHARACTER = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
"""The bytes that Windows-1252 leaves open."""

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _no_pulse() -> None:
    """Nobody wants to know."""


@dataclass(frozen=True)
class TextFile:
    """A text file to read.

    Parameters
    ----------
    path : Path
        Where it is.
    pulse : callable
        Called at each piece that Python reads; what it raises ends the reading.
    """

    path: Path
    pulse: Callable[[], None] = _no_pulse

    def head(self, size: int = HEAD_BYTES) -> bytes:
        """Its first bytes."""
        with self.path.open("rb") as file:
            return file.read(size)

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, a piece at a time."""
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                self.pulse()
                yield chunk

    def contains(self, *needles: bytes) -> bool:
        """Whether each of some short byte strings is somewhere in the file."""
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
    """The encoding that a file's start gives away, None for UTF-8 (with or without a mark).

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


def without_character(file: TextFile) -> dict[int, int]:
    """How often each of the bytes is in a file to which Windows-1252 gives no character."""
    counts = dict.fromkeys(WITHOUT_CHARACTER, 0)
    for chunk in file.chunks():
        for byte in counts:
            counts[byte] += chunk.count(byte)
    return {byte: count for byte, count in counts.items() if count}


def transcode(file: TextFile, encoding: str, copy: Path) -> TextFile:
    """Write ``file`` to ``copy`` in UTF-8.

    Raises
    ------
    UnreadableFile
        Its bytes aren't of that encoding.
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
    return TextFile(copy, file.pulse)


def without_mark(file: TextFile, copy: Path) -> TextFile:
    """``file`` itself or, where it starts with UTF-8's mark, a copy without it.

    DuckDB 2.0 knows the mark in CSV, but takes a JSON array behind it for a single value.
    """
    if file.head(3) != codecs.BOM_UTF8:
        return file
    with copy.open("wb") as out:
        for number, chunk in enumerate(file.chunks()):
            out.write(chunk if number else chunk[len(codecs.BOM_UTF8) :])
    return TextFile(copy, file.pulse)


def unpack(file: TextFile, copy: Path, most_bytes: int = MAX_UNPACKED_BYTES) -> TextFile:
    """Write a gzipped file's content to ``copy``.

    DuckDB 2.0 reads gzip, but doesn't notice a damaged file by its checksum.

    Raises
    ------
    UnreadableFile
        It isn't a whole gzip file.
    LargeUnpacked
        It holds more than ``most_bytes``, of which ``copy`` has the first.
    """
    size_bytes = 0
    try:
        with gzip.open(file.path, "rb") as packed, copy.open("wb") as out:
            while chunk := packed.read(CHUNK_BYTES):
                file.pulse()
                size_bytes += len(chunk)
                if size_bytes > most_bytes:
                    limit = most_bytes // 1024**2
                    raise LargeUnpacked(f"Unpacked, the file is larger than {limit:,} MiB.")
                out.write(chunk)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableFile("The gzip file is cut off or damaged. Pack it again.") from error
    return TextFile(copy, file.pulse)


def _c1(error: UnicodeError) -> tuple[str, int]:
    """The control character of a byte to which Windows-1252 gives no character."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("c1", _c1)
