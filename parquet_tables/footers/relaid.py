"""A Parquet file with the columns of its table: the end of the file is written anew in memory.

Readers see the file's own pages, then pages of constants, then a footer with the table's columns.
So every reader of a file reads partition columns, renamed and missing columns alike. A page of a
constant takes some 30 bytes, and its statistics let readers skip files of other values.

References
----------
Apache Parquet, ``parquet.thrift`` 2.11 and "Encodings": RLE, RLE_DICTIONARY.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, localcontext

from contract.columns import DataType
from lazy_dataclasses import dataclass
from parquet_tables.footers.structures import MAGIC, StrangeFooter, Walk, skipped
from parquet_tables.layouts import FileLayout, LaidColumn

_BYTE, _I32, _I64, _BINARY, _LIST, _STRUCT = 3, 5, 6, 8, 9, 12
_TRUE, _FALSE = 1, 2
_BOOLEAN, _INT32, _INT64, _FLOAT, _DOUBLE, _BYTE_ARRAY, _FIXED = 0, 1, 2, 4, 5, 6, 7
_OPTIONAL = 1
_PLAIN, _RLE, _RLE_DICTIONARY = 0, 3, 8
_DECIMAL_BYTES = 16
MAX_DIGITS = 38
"""Digits of the widest decimal."""
_EPOCH = date(1970, 1, 1)

_FILE_SCHEMA, _FILE_ROW_GROUPS, _COLUMN_ORDERS = 2, 4, 7
_ELEMENT_NAME, _ELEMENT_CHILDREN = 4, 5
_GROUP_CHUNKS, _GROUP_ROWS, _GROUP_SORTING = 1, 3, 4
_CHUNK_METADATA, _PATH_IN_SCHEMA = 3, 3

Fields = list[tuple[int, int, bytes]]
"""The fields of a structure: id, type and the bytes of the value."""


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    written.append(value)
    return bytes(written)


def _integer(value: int) -> bytes:
    return _varint(value << 1 if value >= 0 else (-value << 1) - 1)


def _binary(value: bytes) -> bytes:
    return _varint(len(value)) + value


def _list(kind: int, items: Sequence[bytes]) -> bytes:
    count = len(items)
    head = bytes([count << 4 | kind]) if count < 15 else bytes([0xF0 | kind]) + _varint(count)
    return head + b"".join(items)


def _structure(fields: Iterable[tuple[int, int, bytes]]) -> bytes:
    written, last = bytearray(), 0
    for field, kind, value in fields:
        step = field - last
        if not 0 < step < 16:
            written += bytes([kind]) + _integer(field)
        else:
            written.append(step << 4 | kind)
        written += value
        last = field
    written.append(0)
    return bytes(written)


def _fields(content: bytes, at: int = 0) -> tuple[Fields, int]:
    """The fields of a structure, and the place after it."""
    walk, found = Walk(content, at), []
    for field, kind, _ in walk.fields():
        start = walk.at
        end = skipped(content, start, kind)
        found.append((field, kind, content[start:end]))
        walk.at = end
    return found, walk.at


def _items(content: bytes) -> list[bytes]:
    """The structures of a list."""
    walk = Walk(content)
    return [content[place : skipped(content, place, _STRUCT)] for place in walk.elements()]


@dataclass(frozen=True)
class _Form:
    """How Parquet stores a type: physical type, annotations of the schema, and plain values."""

    physical: int
    converted: int | None = None
    logical: bytes | None = None
    digits: tuple[int, int] | None = None


def _logical(number: int, *fields: tuple[int, int, bytes]) -> bytes:
    return _structure([(number, _STRUCT, _structure(fields))])


def _moment(number: int, unit: int, *, is_utc: bool) -> bytes:
    stated = _structure([(unit, _STRUCT, b"\x00")])
    return _logical(number, (1, _TRUE if is_utc else _FALSE, b""), (2, _STRUCT, stated))


_INTEGERS = {
    f"{sign}{name}": _Form(
        _INT64 if bits == 64 else _INT32,
        converted,
        _logical(10, (1, _BYTE, bytes([bits])), (2, _FALSE if sign else _TRUE, b"")),
    )
    for sign, first in (("U", 11), ("", 15))
    for converted, (name, bits) in enumerate(
        (("TINYINT", 8), ("SMALLINT", 16), ("INTEGER", 32), ("BIGINT", 64)), first
    )
}
_MILLIS, _MICROS, _NANOS = 1, 2, 3
_FORMS = {
    **_INTEGERS,
    "BOOLEAN": _Form(_BOOLEAN),
    "FLOAT": _Form(_FLOAT),
    "DOUBLE": _Form(_DOUBLE),
    "VARCHAR": _Form(_BYTE_ARRAY, 0, _logical(1)),
    "BLOB": _Form(_BYTE_ARRAY),
    "DATE": _Form(_INT32, 6, _logical(6)),
    "TIME": _Form(_INT64, None, _moment(7, _MICROS, is_utc=False)),
    "TIMESTAMP": _Form(_INT64, None, _moment(8, _MICROS, is_utc=False)),
    "TIMESTAMP_NS": _Form(_INT64, None, _moment(8, _NANOS, is_utc=False)),
    "TIMESTAMP WITH TIME ZONE": _Form(_INT64, None, _moment(8, _MICROS, is_utc=True)),
}


def _form(type_: str) -> _Form:
    digits = DataType(type_).digits
    if digits is None:
        return _FORMS[type_]
    stated = _logical(5, (1, _I32, _integer(digits[1])), (2, _I32, _integer(digits[0])))
    return _Form(_FIXED, 5, stated, digits)


def is_constant_type(type_: str) -> bool:
    """Whether a constant of a file can have a type."""
    return type_ in _FORMS or DataType(type_).digits is not None


def encoded(type_: str, value: str) -> bytes:
    """The plain bytes of a constant, without a length.

    Raises
    ------
    ValueError, ArithmeticError, struct.error
        The text isn't a value of the type.
    """
    form = _form(type_)
    if form.digits is not None:
        precision, scale = form.digits
        with localcontext(prec=2 * MAX_DIGITS):
            number = Decimal(value).scaleb(scale)
            whole = int(number)
        if whole != number or abs(whole) >= 10**precision:
            raise ValueError(value)
        return whole.to_bytes(_DECIMAL_BYTES, "big", signed=True)
    write = _WRITERS.get(type_)
    return _encoded_integer(type_, form, int(value)) if write is None else write(value)


def _encoded_integer(type_: str, form: _Form, number: int) -> bytes:
    bits = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64}[type_.removeprefix("U")]
    unsigned = type_.startswith("U")
    low, high = (0, 1 << bits) if unsigned else (-(1 << bits - 1), 1 << bits - 1)
    if not low <= number < high:
        raise ValueError(number)
    size = 8 if form.physical == _INT64 else 4
    return number.to_bytes(size, "little", signed=not unsigned)


def _microseconds(value: str) -> int:
    moment = datetime.fromisoformat(value)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    gap = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds


def _time(value: str) -> bytes:
    at = time.fromisoformat(value)
    seconds = (at.hour * 60 + at.minute) * 60 + at.second
    return struct.pack("<q", seconds * 1_000_000 + at.microsecond)


_WRITERS: dict[str, Callable[[str], bytes]] = {
    "BOOLEAN": lambda value: bytes([{"false": 0, "true": 1}[value.lower()]]),
    "VARCHAR": str.encode,
    "BLOB": bytes.fromhex,
    "FLOAT": lambda value: struct.pack("<f", float(value)),
    "DOUBLE": lambda value: struct.pack("<d", float(value)),
    "DATE": lambda value: struct.pack("<i", (date.fromisoformat(value) - _EPOCH).days),
    "TIME": _time,
    "TIMESTAMP": lambda value: struct.pack("<q", _microseconds(value)),
    "TIMESTAMP WITH TIME ZONE": lambda value: struct.pack("<q", _microseconds(value)),
    "TIMESTAMP_NS": lambda value: struct.pack("<q", _microseconds(value) * 1_000),
}


def _element(column: LaidColumn) -> bytes:
    """The schema element of a constant column."""
    form = _form(column.type)
    fields: Fields = [(1, _I32, _integer(form.physical))]
    if form.physical == _FIXED:
        fields.append((2, _I32, _integer(_DECIMAL_BYTES)))
    fields += [(3, _I32, _integer(_OPTIONAL)), (4, _BINARY, _binary(column.name.encode()))]
    if form.converted is not None:
        fields.append((6, _I32, _integer(form.converted)))
    if form.digits is not None:
        precision, scale = form.digits
        fields += [(7, _I32, _integer(scale)), (8, _I32, _integer(precision))]
    if form.logical is not None:
        fields.append((10, _STRUCT, form.logical))
    return _structure(fields)


def _page(kind: int, content: bytes, header: tuple[int, bytes]) -> bytes:
    size = _integer(len(content))
    fields = [(1, _I32, _integer(kind)), (2, _I32, size), (3, _I32, size)]
    return _structure([*fields, (header[0], _STRUCT, header[1])]) + content


def _run(rows: int, value: int) -> bytes:
    """A run of one value of one bit."""
    return _varint(rows << 1) + bytes([value])


def _data_page(rows: int, encoding: int, values: bytes, *, is_null: bool) -> bytes:
    levels = _run(rows, 0 if is_null else 1)
    stated = [(1, rows), (2, encoding), (3, _RLE), (4, _RLE)]
    header = _structure([(field, _I32, _integer(number)) for field, number in stated])
    return _page(0, struct.pack("<I", len(levels)) + levels + values, (5, header))


def _constant_pages(column: LaidColumn, plain: bytes | None, rows: int) -> tuple[bytes, bytes, int]:
    """The dictionary page, which may be empty, the data page, and the encoding of values."""
    if plain is None:
        return b"", _data_page(rows, _PLAIN, b"", is_null=True), _PLAIN
    run = _run(rows, plain[0] if column.type == "BOOLEAN" else 0)
    if column.type == "BOOLEAN":
        values = struct.pack("<I", len(run)) + run
        return b"", _data_page(rows, _RLE, values, is_null=False), _RLE
    is_array = _form(column.type).physical == _BYTE_ARRAY
    entry = struct.pack("<I", len(plain)) + plain if is_array else plain
    header = _structure([(1, _I32, _integer(1)), (2, _I32, _integer(_PLAIN))])
    dictionary = _page(2, entry, (7, header))
    page = _data_page(rows, _RLE_DICTIONARY, b"\x01" + run, is_null=False)
    return dictionary, page, _RLE_DICTIONARY


def _statistics(column: LaidColumn, plain: bytes | None, rows: int) -> bytes:
    fields: Fields = [(3, _I64, _integer(0 if plain is not None else rows))]
    if plain is not None and not DataType(column.type).is_float:
        fields += [(5, _BINARY, _binary(plain)), (6, _BINARY, _binary(plain))]
    return _structure(fields)


def _constant_chunk(
    column: LaidColumn, plain: bytes | None, rows: int, start: int
) -> tuple[bytes, bytes]:
    """The pages of a constant from the place ``start``, and their column chunk."""
    dictionary, page, encoding = _constant_pages(column, plain, rows)
    size = _integer(len(dictionary) + len(page))
    encodings = [_integer(each) for each in dict.fromkeys((_RLE, _PLAIN, encoding))]
    fields: Fields = [
        (1, _I32, _integer(_form(column.type).physical)),
        (2, _LIST, _list(_I32, encodings)),
        (3, _LIST, _list(_BINARY, [_binary(column.name.encode())])),
        (4, _I32, _integer(0)),
        (5, _I64, _integer(rows)),
        (6, _I64, size),
        (7, _I64, size),
        (9, _I64, _integer(start + len(dictionary))),
    ]
    if dictionary:
        fields.append((11, _I64, _integer(start)))
    fields.append((12, _STRUCT, _statistics(column, plain, rows)))
    chunk = _structure([(2, _I64, _integer(start)), (3, _STRUCT, _structure(fields))])
    return dictionary + page, chunk


def _with_value(content: bytes, field: int, kind: int, value: bytes) -> bytes:
    """A structure with another value of a field."""
    fields, _ = _fields(content)
    return _structure(
        (id_, of, value if (id_, of) == (field, kind) else own) for id_, of, own in fields
    )


def _renamed_chunk(chunk: bytes, name: str) -> bytes:
    fields, _ = _fields(chunk)
    path = _list(_BINARY, [_binary(name.encode())])
    return _structure(
        (id_, kind, _with_value(value, _PATH_IN_SCHEMA, _LIST, path))
        if (id_, kind) == (_CHUNK_METADATA, _STRUCT)
        else (id_, kind, value)
        for id_, kind, value in fields
    )


def _names(elements: Sequence[bytes]) -> list[str]:
    """The names of the leaves of a flat schema.

    Raises
    ------
    StrangeFooter
        A column has columns within.
    """
    names = []
    for element in elements:
        fields, _ = _fields(element)
        if any(field == _ELEMENT_CHILDREN and value != b"\x00" for field, _, value in fields):
            raise StrangeFooter("a column has columns within")
        (name,) = (value for field, _, value in fields if field == _ELEMENT_NAME)
        walk = Walk(name)
        walk.varint()
        names.append(name[walk.at :].decode())
    return names


def columns_of(footer: bytes) -> tuple[int, list[str]]:
    """The rows that a footer states, and the names of its columns.

    Raises
    ------
    StrangeFooter
        It is damaged, or a column has columns within.
    """
    try:
        fields, _ = _fields(footer)
        by_id = {field: value for field, _, value in fields}
        return Walk(by_id[3]).integer(), _names(_items(by_id[_FILE_SCHEMA])[1:])
    except (IndexError, KeyError, RecursionError, UnicodeDecodeError, ValueError):
        raise StrangeFooter("it is cut off") from None


def relaid_end(footer: bytes, data_end: int, layout: FileLayout) -> bytes:
    """Return what follows the byte ``data_end`` of a file in the layout of its table.

    Parameters
    ----------
    footer : bytes
        The file's own, with its mask.
    data_end : int
        Where it starts in the file.

    Raises
    ------
    StrangeFooter
        It is damaged, or a column has columns within.
    """
    try:
        return _relaid_end(footer, data_end, layout)
    except (IndexError, KeyError, RecursionError, UnicodeDecodeError, ValueError, struct.error):
        raise StrangeFooter("it is cut off") from None


def _relaid_end(footer: bytes, data_end: int, layout: FileLayout) -> bytes:
    fields, _ = _fields(footer)
    by_id = {field: value for field, _, value in fields}
    root, *elements = _items(by_id[_FILE_SCHEMA])
    place_of = {name: at for at, name in enumerate(_names(elements))}
    places = [
        None if (source := layout.source_of[column.name]) is None else place_of.get(source)
        for column in layout.columns
    ]
    plains = [_plain(column, layout) for column in layout.columns]
    schema = [_with_value(root, _ELEMENT_CHILDREN, _I32, _integer(len(layout.columns)))]
    for column, place in zip(layout.columns, places, strict=True):
        if place is None:
            schema.append(_element(column))
        elif layout.source_of[column.name] == column.name:
            schema.append(elements[place])
        else:
            name = _binary(column.name.encode())
            schema.append(_with_value(elements[place], _ELEMENT_NAME, _BINARY, name))
    pages = bytearray()
    groups = []
    for group in _items(by_id[_FILE_ROW_GROUPS]):
        of_group, _ = _fields(group)
        values = {field: value for field, _, value in of_group}
        own, rows = _items(values[_GROUP_CHUNKS]), Walk(values[_GROUP_ROWS]).integer()
        chunks = []
        for column, place, plain in zip(layout.columns, places, plains, strict=True):
            if place is None:
                content, chunk = _constant_chunk(column, plain, rows, data_end + len(pages))
                pages += content
            else:
                chunk = own[place]
                if layout.source_of[column.name] != column.name:
                    chunk = _renamed_chunk(chunk, column.name)
            chunks.append(chunk)
        listed = _list(_STRUCT, chunks)
        groups.append(
            _structure(
                (field, kind, listed if field == _GROUP_CHUNKS else value)
                for field, kind, value in of_group
                if field != _GROUP_SORTING
            )
        )
    new = {_FILE_SCHEMA: _list(_STRUCT, schema), _FILE_ROW_GROUPS: _list(_STRUCT, groups)}
    written = _structure(
        (field, kind, new.get(field, value))
        for field, kind, value in fields
        if field != _COLUMN_ORDERS
    )
    return bytes(pages) + written + struct.pack("<I", len(written)) + MAGIC


def _plain(column: LaidColumn, layout: FileLayout) -> bytes | None:
    value = layout.constants.get(column.name)
    return None if value is None else encoded(column.type, value)
