"""Images of logos: checked by their content, and stored without metadata.

PNG: W3C, Portable Network Graphics, third edition, section 5. JPEG: ITU-T T.81, annex B.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Iterator

from contract.requests.paper_template import MAX_LOGO_BYTES
from domain_errors import InvalidRequest
from lazy_dataclasses import dataclass

LOC = ("body", "logo")
PNG = b"\x89PNG\r\n\x1a\n"
PNG_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
"""The chunks that are kept; others are metadata or animation."""
FRAMES = {0xC0, 0xC1, 0xC2}
"""JPEG: baseline, extended and progressive frames."""
SCAN, END = 0xDA, 0xD9
METADATA = {*range(0xE1, 0xF0), 0xFE}
"""JPEG: application segments but JFIF's, and comments."""
MAX_SIDE = 4_000
"""Pixels."""


@dataclass(frozen=True)
class Logo:
    """An image; ``kind`` is "png" or "jpeg"."""

    content: bytes
    kind: str
    height: int


def logo_of(text: str) -> Logo:
    """Read a logo in base64.

    Raises
    ------
    InvalidRequest
        It isn't base64, is too large, or isn't a whole PNG or JPEG image.
    """
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise InvalidRequest("`logo` isn't base64.", loc=LOC) from None
    if len(content) > MAX_LOGO_BYTES:
        raise InvalidRequest(
            "`logo` has {size} bytes, and at most {most} are allowed.",
            size=len(content),
            most=MAX_LOGO_BYTES,
            loc=LOC,
        )
    return stored_logo(content)


def stored_logo(content: bytes) -> Logo:
    """Check an image by its content, and drop its metadata."""
    try:
        return _png(content) if content.startswith(PNG) else _jpeg(content)
    except (struct.error, ValueError, IndexError):
        raise InvalidRequest("`logo` isn't a whole PNG or JPEG image.", loc=LOC) from None


def _png(content: bytes) -> Logo:
    kept, height, names = [PNG], 0, []
    for name, data in _chunks(content):
        names.append(name)
        if name == b"IHDR":
            width, height = struct.unpack(">II", data[:8])
            _check_size(width, height)
        if name in PNG_CHUNKS:
            check = struct.pack(">I", zlib.crc32(name + data))
            kept += [struct.pack(">I", len(data)), name, data, check]
    if names[0] != b"IHDR" or names[-1] != b"IEND" or b"IDAT" not in names:
        raise ValueError
    return Logo(b"".join(kept), "png", height)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks up to the last one, whose check sums fit."""
    at, name = len(PNG), b""
    while name != b"IEND":
        (length,) = struct.unpack(">I", content[at : at + 4])
        name, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        (check,) = struct.unpack(">I", content[at + 8 + length : at + 12 + length])
        if len(data) != length or zlib.crc32(name + data) != check:
            raise ValueError
        yield name, data
        at += 12 + length


def _jpeg(content: bytes) -> Logo:
    if not content.startswith(b"\xff\xd8") or not content.rstrip(b"\0").endswith(b"\xff\xd9"):
        raise ValueError
    kept, at, height = [content[:2]], 2, 0
    while True:
        mark, kind = content[at], content[at + 1]
        if mark != 0xFF:
            raise ValueError
        (length,) = struct.unpack(">H", content[at + 2 : at + 4])
        if kind in FRAMES:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            _check_size(width, height)
        if kind == SCAN:
            break
        if kind not in METADATA:
            kept.append(content[at : at + 2 + length])
        at += 2 + length
    if not height:
        raise ValueError
    return Logo(b"".join(kept) + content[at:], "jpeg", height)


def _check_size(width: int, height: int) -> None:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise InvalidRequest(
            "`logo` has {width} × {height} pixels, and at most {most} × {most} are allowed.",
            width=width,
            height=height,
            most=MAX_SIDE,
            loc=LOC,
        )
