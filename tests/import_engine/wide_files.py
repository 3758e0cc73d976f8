"""Files of very many columns, and a Parquet footer written by hand.

A footer is a struct in Thrift's compact protocol:
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from __future__ import annotations

_INT32, _INT64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12


def parquet_without_rows(columns: int) -> bytes:
    """A Parquet file of INT32 columns and no row."""
    root = _field(4, _BINARY) + _text("root") + _field(1, _INT32) + _zigzag(columns) + b"\0"
    elements = b"".join(
        _field(1, _INT32) + _zigzag(1)  # the type INT32
        + _field(2, _INT32) + _zigzag(1)  # optional
        + _field(1, _BINARY) + _text(f"c{number}") + b"\0"
        for number in range(columns)
    )  # fmt: skip
    footer = (
        _field(1, _INT32) + _zigzag(1)  # the version
        + _field(1, _LIST) + bytes([0xF0 | _STRUCT]) + _varint(columns + 1) + root + elements
        + _field(1, _INT64) + _zigzag(0)  # the rows
        + _field(1, _LIST) + bytes([_STRUCT]) + b"\0"  # no row group
    )  # fmt: skip
    return b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def _field(step: int, kind: int) -> bytes:
    """The header of a field whose id is ``step`` above the last one's."""
    return bytes([step << 4 | kind])


def _text(text: str) -> bytes:
    return _varint(len(text)) + text.encode()


def _zigzag(number: int) -> bytes:
    return _varint(2 * number)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])
