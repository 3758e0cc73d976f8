"""Changes Parquet footers: reads and writes structures of Thrift's compact protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, STRUCT = 1, 2, 3, 7, 8, 9, 12
INTEGERS = (4, 5, 6)


@dataclass
class Field:
    """A field; a structure is a list of fields, and a list is its type and its values."""

    id: int
    kind: int
    value: Any


Struct = list[Field]


def get(struct: Struct, *ids: int) -> Any:
    """The value of a field, or of a field within it; None without it."""
    found: Any = struct
    for id_ in ids:
        found = next((field.value for field in found if field.id == id_), None)
        if found is None:
            return None
    return found


def put(struct: Struct, id_: int, value: Any) -> None:
    next(field for field in struct if field.id == id_).value = value


def change(struct: Struct, id_: int, by: int) -> None:
    put(struct, id_, get(struct, id_) + by)


def groups(footer: Struct) -> list[Struct]:
    found: list[Struct] = get(footer, 4)[1]
    return found


def chunks(group: Struct) -> list[Struct]:
    """The metadata of the columns of a row group."""
    return [get(chunk, 3) for chunk in get(group, 1)[1]]


def changed(content: bytes, make: Callable[[Struct], object]) -> bytes:
    """A Parquet file with a footer that ``make`` has changed."""
    size = int.from_bytes(content[-8:-4], "little")
    start = len(content) - 8 - size
    footer, _ = _read(content, start, STRUCT)
    assert content[:start] + _with_length(footer) == content
    make(footer)
    return content[:start] + _with_length(footer)


def _with_length(footer: Struct) -> bytes:
    written = _written(STRUCT, footer)
    return written + len(written).to_bytes(4, "little") + b"PAR1"


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (content[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if content[at - 1] < 128:
            return value, at


def _read(content: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in (TRUE, FALSE):
        return kind == TRUE, at
    if kind == BYTE:
        return content[at], at + 1
    if kind in INTEGERS:
        value, at = _varint(content, at)
        return (value >> 1) ^ -(value & 1), at
    if kind == DOUBLE:
        return content[at : at + 8], at + 8
    if kind == BINARY:
        size, at = _varint(content, at)
        return content[at : at + size], at + size
    return _read_list(content, at) if kind == LIST else _read_struct(content, at)


def _read_list(content: bytes, at: int) -> tuple[Any, int]:
    count, kind = content[at] >> 4, content[at] & 15
    at += 1
    if count == 15:
        count, at = _varint(content, at)
    values = []
    for _ in range(count):
        value, at = (content[at], at + 1) if kind <= BYTE else _read(content, at, kind)
        values.append(value)
    return (kind, values), at


def _read_struct(content: bytes, at: int) -> tuple[Struct, int]:
    fields: Struct = []
    last = 0
    while header := content[at]:
        last += header >> 4
        value, at = _read(content, at + 1, header & 15)
        fields.append(Field(last, header & 15, value))
    return fields, at + 1


def _write_varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes((*found, value))


def _written(kind: int, value: Any) -> bytes:
    if kind in (TRUE, FALSE):
        return b""
    if kind == BYTE:
        return bytes([value])
    if kind in INTEGERS:
        return _write_varint((value << 1) ^ (value >> 63))
    if kind == DOUBLE:
        return bytes(value)
    if kind == BINARY:
        return _write_varint(len(value)) + bytes(value)
    if kind == LIST:
        return _written_list(*value)
    found, last = b"", 0
    for field in value:
        own = field.kind if field.kind > FALSE else TRUE if field.value else FALSE
        found += bytes([(field.id - last) << 4 | own]) + _written(own, field.value)
        last = field.id
    return found + b"\0"


def _written_list(kind: int, values: list[Any]) -> bytes:
    count = len(values)
    head = bytes([count << 4 | kind]) if count < 15 else bytes([0xF0 | kind]) + _write_varint(count)
    return head + b"".join(
        bytes([value]) if kind <= BYTE else _written(kind, value) for value in values
    )
