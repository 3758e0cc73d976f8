"""Parquet footers and page headers as bytes: masks of statistics, and the values that pages hold.

DuckDB believes a footer's statistics, page indexes and Bloom filters, so a false maximum hides rows
from a filter. A mask gives these fields ids that no reader knows; the footer keeps its size.
Both are structures of Thrift's compact protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from lazy_dataclasses import dataclass

MAGIC = b"PAR1"
TAIL_BYTES = 8
"""The length of the footer, and the magic bytes."""
WINDOW_BYTES = 1 << 20
"""Bytes that one read of page headers takes."""
MAX_HEADER_BYTES = 1 << 16
"""The longest page header: it may hold a minimum and a maximum."""

ReadBytes = Callable[[int, int], bytes]
"""Returns a number of bytes from a place; fewer at the end of the file."""

_BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 3, 7, 8, 9, 10, 12
_INTEGERS = (4, 5, 6)
_NUM_ROWS, _ROW_GROUPS, _CHUNKS, _CHUNK_METADATA, _DATA_PAGE_OFFSET = 3, 4, 1, 3, 9
_FIRST_OF_INDEXES = 4
"""The fields of a column chunk from here on: page indexes and encryption."""
_STATISTICS = 12
"""The fields of a chunk's metadata from here on: statistics, encoding statistics, Bloom filter,
and sizes."""
_DATA_PAGE, _INDEX_PAGE, _DICTIONARY_PAGE, _DATA_PAGE_V2 = range(4)
_LARGEST_STEP = 0xF0
"""A header with this step from the last id leads beyond all ids in use."""


class StrangeFooter(Exception):
    """A footer or page header isn't in the form that writers use, or it is damaged."""


class Walk:
    """A place in structures of the compact protocol.

    A consumer of ``fields`` or ``elements`` moves over a value, or leaves it to be skipped.
    """

    def __init__(self, content: bytes, at: int = 0) -> None:
        self.content, self.at = content, at

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.content[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def integer(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def fields(self) -> Iterator[tuple[int, int, int]]:
        """Yield the id, the type and the place of each field of a structure.

        Raises
        ------
        StrangeFooter
            The ids don't ascend in steps below 16, as those of all writers do.
        """
        content, last = self.content, 0
        while header := content[self.at]:
            place = self.at
            self.at += 1
            if header < 16:
                raise StrangeFooter("a field out of order")
            last += header >> 4
            value = self.at
            yield last, header & 15, place
            if self.at == value:
                self.at = skipped(content, value, header & 15)
        self.at += 1

    def count_of_structures(self) -> int:
        """Read the head of a list of structures."""
        header = self.content[self.at]
        self.at += 1
        count = header >> 4
        if count == 15:
            count = self.varint()
        if header & 15 != _STRUCT:
            raise StrangeFooter("a list of other values")
        return count

    def elements(self) -> Iterator[int]:
        """Yield the place of each structure of a list of structures."""
        for _ in range(self.count_of_structures()):
            place = self.at
            yield place
            if self.at == place:
                self.at = skipped(self.content, place, _STRUCT)


def skipped(content: bytes, at: int, kind: int) -> int:
    """The place after a value."""
    if kind in _INTEGERS:
        while content[at] > 127:
            at += 1
        return at + 1
    if kind == _BINARY:
        walk = Walk(content, at)
        size = walk.varint()
        return walk.at + size
    if kind == _STRUCT:
        while header := content[at]:
            at += 1
            if header < 16:
                at = skipped(content, at, 4)
            at = skipped(content, at, header & 15)
        return at + 1
    if kind in (_LIST, _SET):
        return _skipped_list(content, at)
    if kind <= _BYTE:
        return at + (kind == _BYTE)
    if kind == _DOUBLE:
        return at + 8
    raise StrangeFooter("an unknown type")


def _skipped_list(content: bytes, at: int) -> int:
    header = content[at]
    walk = Walk(content, at + 1)
    count = header >> 4 if header < _LARGEST_STEP else walk.varint()
    kind, at = header & 15, walk.at
    for _ in range(count):
        at = at + 1 if kind <= _BYTE else skipped(content, at, kind)
    return at


def mask_of(footer: bytes, *, keep_statistics: bool) -> list[tuple[int, int]]:
    """Return the places of a footer, with their new bytes, that hide what isn't to be believed.

    Parameters
    ----------
    keep_statistics : bool
        Whether minimum, maximum and counts of the column chunks stay. Page indexes, Bloom filters
        and encoding statistics never do.

    Raises
    ------
    StrangeFooter
        The footer is damaged, or its fields aren't in order.
    """
    masks: list[tuple[int, int]] = []
    walk = Walk(footer)
    try:
        for field, kind, _ in walk.fields():
            if (field, kind) == (_ROW_GROUPS, _LIST):
                for _ in walk.elements():
                    _mask_row_group(walk, masks, _STATISTICS + keep_statistics)
    except (IndexError, RecursionError):
        raise StrangeFooter("it is cut off") from None
    return masks


def _mask_row_group(walk: Walk, masks: list[tuple[int, int]], first: int) -> None:
    for field, kind, _ in walk.fields():
        if (field, kind) != (_CHUNKS, _LIST):
            continue
        for _ in walk.elements():
            for part in _masked(walk, masks, _FIRST_OF_INDEXES, _CHUNK_METADATA):
                if part == _CHUNK_METADATA:
                    for _ in _masked(walk, masks, first, _DATA_PAGE_OFFSET):
                        pass


def _masked(walk: Walk, masks: list[tuple[int, int]], first: int, needed: int) -> Iterator[int]:
    """Mask the fields of a structure from the id ``first`` on; yield the ids before it."""
    last, is_masked = 0, False
    for field, kind, place in walk.fields():
        if field >= first and not is_masked:
            if last < needed:
                raise StrangeFooter("a required field is missing")
            masks.append((place, _LARGEST_STEP | kind))
            is_masked = True
        if not is_masked:
            yield field
        last = field


def rows_and_groups(footer: bytes) -> tuple[int, int]:
    """Return the number of rows and of row groups that a footer states.

    Raises
    ------
    StrangeFooter
        The footer is damaged, or lacks them.
    """
    walk = Walk(footer)
    rows = -1
    try:
        for field, kind, _ in walk.fields():
            if field == _NUM_ROWS and kind in _INTEGERS:
                rows = walk.integer()
            elif (field, kind) == (_ROW_GROUPS, _LIST) and rows >= 0:
                return rows, walk.count_of_structures()
    except IndexError:
        raise StrangeFooter("it is cut off") from None
    raise StrangeFooter("it states no rows")


def without_rows(footer: bytes) -> bytes:
    """The parts of a footer that don't depend on the rows of the file.

    Files with equal parts have the same columns.

    Raises
    ------
    StrangeFooter
        The footer is damaged.
    """
    walk, parts, start = Walk(footer), [], 0
    try:
        for field, kind, place in walk.fields():
            walk.at = skipped(footer, walk.at, kind)
            if field in (_NUM_ROWS, _ROW_GROUPS):
                parts.append(footer[start:place])
                start = walk.at
    except (IndexError, RecursionError):
        raise StrangeFooter("it is cut off") from None
    return b"".join([*parts, footer[start : walk.at]])


def read_footer_bytes(read: ReadBytes, size_bytes: int) -> tuple[int, bytes]:
    """Return where the footer of a file starts, and its bytes.

    Raises
    ------
    StrangeFooter
        The file has no footer.
    """
    tail = read(max(size_bytes - TAIL_BYTES, 0), TAIL_BYTES)
    start = size_bytes - TAIL_BYTES - int.from_bytes(tail[:4], "little")
    if tail[4:] != MAGIC or start < len(MAGIC):
        raise StrangeFooter("it is cut off")
    return start, read(start, size_bytes - TAIL_BYTES - start)


def footer_in(end: bytes, size_bytes: int) -> tuple[int, bytes] | None:
    """Where the footer of a file starts, and its bytes, by the file's last bytes.

    None if they don't hold a whole footer.
    """
    footer_bytes = int.from_bytes(end[-TAIL_BYTES:-4], "little")
    start = size_bytes - TAIL_BYTES - footer_bytes
    if end[-4:] != MAGIC or start < len(MAGIC) or footer_bytes + TAIL_BYTES > len(end):
        return None
    return start, end[len(end) - TAIL_BYTES - footer_bytes : -TAIL_BYTES]


@dataclass(frozen=True)
class Chunk:
    """The bytes of a column in a row group, as the footer states them."""

    start: int
    size_bytes: int
    values: int

    @property
    def end(self) -> int:
        return self.start + self.size_bytes


def values_in_pages(read: ReadBytes, chunk: Chunk) -> int:
    """Count the values in the pages of a column chunk by the pages' own headers.

    Raises
    ------
    StrangeFooter
        The pages don't fill the chunk, or a header is damaged.
    """
    at, values, window, start = chunk.start, 0, b"", chunk.start
    while at < chunk.end:
        stop = start + len(window)
        if at >= stop or (at > stop - MAX_HEADER_BYTES and stop < chunk.end):
            start, window = at, read(at, min(WINDOW_BYTES, chunk.end - at))
        walk = Walk(window, at - start)
        try:
            count, size_bytes = _page(walk)
        except (IndexError, RecursionError):
            raise StrangeFooter("a page header is cut off") from None
        at = start + walk.at + size_bytes
        values += count
    if at != chunk.end:
        raise StrangeFooter("the last page ends beyond its column")
    return values


def _page(walk: Walk) -> tuple[int, int]:
    """Read a page header; return the number of values and the size of the page."""
    numbers: dict[int, int] = {}
    counts: dict[int, int] = {}
    for field, kind, _ in walk.fields():
        if kind in _INTEGERS:
            numbers[field] = walk.integer()
        elif kind == _STRUCT:
            for inner, inner_kind, _ in walk.fields():
                if inner == 1 and inner_kind in _INTEGERS:
                    counts[field] = walk.integer()
    kind_of_page, size_bytes = numbers.get(1, -1), numbers.get(3, -1)
    if size_bytes < 0:
        raise StrangeFooter("a page has no size")
    if kind_of_page in (_INDEX_PAGE, _DICTIONARY_PAGE):
        return 0, size_bytes
    counted = counts.get({_DATA_PAGE: 5, _DATA_PAGE_V2: 8}.get(kind_of_page, 0), -1)
    if counted < 0:
        raise StrangeFooter("a page has no number of values")
    return counted, size_bytes


def is_structure(content: bytes) -> bool:
    """Whether bytes are exactly one structure, such as the copy of a chunk's metadata.

    Polars and others write that copy after each chunk.
    """
    try:
        return skipped(content, 0, _STRUCT) == len(content)
    except (IndexError, RecursionError, StrangeFooter):
        return False


def bytes_between(parts: list[tuple[int, int]], first: int, last: int) -> list[tuple[int, int]]:
    """Return the gaps between parts of a file (start and end), from ``first`` to ``last``."""
    ends = [(first, first), *sorted(parts), (last, last)]
    gaps = []
    reached = first
    for (_, end), (start, _) in pairwise(ends):
        reached = max(reached, end)
        if start > reached:
            gaps.append((reached, start))
    return gaps
