"""Images of logos: checked by their content, and stored without metadata.

PNG: W3C, Portable Network Graphics, third edition, section 5. JPEG: ITU-T T.81, annex B.
"""

from __future__ import annotations

import base64
import binascii
import re
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
PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By colour type: bits of a sample, and samples of a pixel."""
INDEXED = 3
ADAM7 = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
"""The passes of an interlaced image: its first column and line, and their distances."""
PART = 1 << 20
FRAMES = {0xC0, 0xC1, 0xC2}
"""JPEG: baseline, extended and progressive frames."""
SCAN, END = 0xDA, 0xD9
METADATA = {*range(0xE1, 0xF0), 0xFE}
"""JPEG: application segments but JFIF's, and comments."""
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""JPEG: what ends a scan's data."""
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
    kept, height, names, header, pixels = [PNG], 0, [], b"", []
    for name, data in _chunks(content):
        names.append(name)
        if name == b"IHDR":
            width, height = struct.unpack(">II", data[:8])
            _check_size(width, height)
            header = data
        if name == b"IDAT":
            pixels.append(data)
        if name in PNG_CHUNKS:
            check = struct.pack(">I", zlib.crc32(name + data))
            kept += [struct.pack(">I", len(data)), name, data, check]
    if names[0] != b"IHDR" or names.count(b"IHDR") != 1 or names[-1] != b"IEND":
        raise ValueError
    is_indexed = _check_pixels(header, b"".join(pixels))
    if is_indexed and b"PLTE" not in names:
        raise ValueError
    return Logo(b"".join(kept), "png", height)


def _check_pixels(header: bytes, packed: bytes) -> bool:
    """Refuse pixels that aren't those of the header; whether a palette has their colours."""
    width, height, depth, colour, *methods = struct.unpack(">IIBBBBB", header)
    if depth not in PNG_DEPTHS.get(colour, ()) or methods not in ([0, 0, 0], [0, 0, 1]):
        raise ValueError
    bits = depth * PNG_SAMPLES[colour]
    passes = ADAM7 if methods[2] else ((0, 0, 1, 1),)
    size = 0
    for left, top, across, down in passes:
        columns, lines = -((left - width) // across), -((top - height) // down)
        size += lines * (1 + -(-columns * bits // 8)) if columns > 0 and lines > 0 else 0
    unpacked, found, rest = zlib.decompressobj(), 0, packed
    try:
        while not unpacked.eof and found <= size:
            part = unpacked.decompress(rest, PART)
            rest = unpacked.unconsumed_tail
            found += len(part)
            if not part and not rest:
                break
    except zlib.error:
        raise ValueError from None
    if not unpacked.eof or found != size:
        raise ValueError
    return bool(colour == INDEXED)


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
    """Keep the segments and scans up to the end of the image."""
    if not content.startswith(b"\xff\xd8"):
        raise ValueError
    kept, at, height, has_scan = [content[:2]], 2, 0, False
    while content[at + 1] != END:
        mark, kind = content[at], content[at + 1]
        if mark != 0xFF:
            raise ValueError
        if kind == 0xFF:  # fills
            at += 1
            continue
        (length,) = struct.unpack(">H", content[at + 2 : at + 4])
        if kind in FRAMES:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            _check_size(width, height)
        end = at + 2 + length
        if kind == SCAN:
            following = MARKER.search(content, end)
            if following is None or following.start() == end:
                raise ValueError
            end, has_scan = following.start(), True
        if kind not in METADATA:
            kept.append(content[at:end])
        at = end
    if content[at] != 0xFF or not height or not has_scan:
        raise ValueError
    return Logo(b"".join([*kept, content[at : at + 2]]), "jpeg", height)


def _check_size(width: int, height: int) -> None:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise InvalidRequest(
            "`logo` has {width} × {height} pixels, and at most {most} × {most} are allowed.",
            width=width,
            height=height,
            most=MAX_SIDE,
            loc=LOC,
        )
