"""Kinds of columns, and the axis that converts numbers and times to comparable numbers and back.

An axis has the order of the values. Its numbers are integers, except for floating-point columns, so
nothing is rounded.
"""

from __future__ import annotations

import struct
from decimal import Context, Decimal
from typing import Literal

from contract.columns import DataType
from lazy_dataclasses import dataclass
from parquet_tables.columns import as_integer
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column

Kind = Literal["number", "moment", "text", "boolean", "binary"]
AxisType = Literal["BIGINT", "HUGEINT", "DOUBLE"]
Number = int | float
"""A place on an axis."""

OTHER_KINDS: dict[str, Kind] = {"VARCHAR": "text", "BOOLEAN": "boolean", "BLOB": "binary"}
MAX_BIGINT = 2**63 - 1
WIDE = Context(prec=100)
"""Python's default context rounds decimal numbers to 28 digits."""


@dataclass(frozen=True)
class Axis:
    """The conversion of a value to a number ``x`` of an SQL type, and back.

    ``x`` contains ``decimals`` decimals of a decimal number as an integer.
    """

    type: AxisType
    column_type: str
    decimals: int = 0

    @property
    def is_float(self) -> bool:
        return self.type == "DOUBLE"

    def sql(self, value: str) -> str:
        """The SQL of ``x``; NULL for NULL, NaN and infinite values."""
        if DataType(self.column_type).is_float:
            return f"CASE WHEN isfinite({value}) THEN CAST({value} AS DOUBLE) END"
        if self.column_type == "DATE":
            days = f"CAST({value} - DATE '1970-01-01' AS BIGINT)"
            return f"CASE WHEN isfinite({value}) THEN {days} END"
        if self.column_type == "TIMESTAMP_NS":
            return f"epoch_ns({value})"
        if DataType(self.column_type).is_time:
            return f"epoch_us({value})"
        if self.column_type == "UBIGINT":
            return f"CAST({value} AS HUGEINT)"
        if DataType(self.column_type).decimals is None:
            # A product would overflow every integer type, so remove the point from the digits.
            return f"CAST(replace(CAST({value} AS VARCHAR), '.', '') AS HUGEINT)"
        return as_integer(value, self.column_type)

    def key_sql(self) -> str:
        """The SQL of an integer in the order of ``x``; from the bits of floating-point numbers."""
        if not self.is_float:
            return "x"
        bits = "CAST(CAST(x AS BIT) AS BIGINT)"
        return f"CASE WHEN {bits} < 0 THEN xor({bits}, {MAX_BIGINT}) ELSE {bits} END"

    def key(self, x: Number) -> int:
        if not self.is_float:
            return int(x)
        bits: int = struct.unpack("<q", struct.pack("<d", x))[0]
        return bits ^ MAX_BIGINT if bits < 0 else bits

    def of_key(self, key: int) -> Number:
        if not self.is_float:
            return key
        bits = key ^ MAX_BIGINT if key < 0 else key
        x: float = struct.unpack("<d", struct.pack("<q", bits))[0]
        return x

    def value(self, x: Number) -> int | float | Decimal:
        return Decimal(x).scaleb(-self.decimals, WIDE) if self.decimals else x

    def time_sql(self, x: str) -> str:
        """The SQL of the time at ``x``; NULL outside the range of its type."""
        made = {
            "DATE": f"DATE '1970-01-01' + CAST({x} AS INTEGER)",
            "TIME": f"TIME '00:00:00' + to_microseconds({x})",
            "TIMESTAMP_NS": f"make_timestamp_ns({x})",
        }.get(self.column_type, f"make_timestamp({x})")
        if self.column_type == "TIMESTAMP WITH TIME ZONE":
            made = f"CAST({made} AS TIMESTAMP WITH TIME ZONE)"
        return f"TRY({made})"


@dataclass(frozen=True)
class ColumnKind:
    column: Column
    kind: Kind
    axis: Axis | None = None

    def value_sql(self) -> str:
        """The SQL of ``v`` of a row ``f``; -0.0 is 0.0."""
        name = f"f.{quote_identifier(self.column.name)}"
        if self.column.data_type.is_float:
            return f"{name} + CAST(0 AS {self.column.type})"
        return name


def kind_of(column: Column) -> ColumnKind:
    """Determine the kind of a column of a stored table.

    >>> kind_of(Column("price", "DECIMAL(12,2)")).kind, kind_of(Column("day", "DATE")).kind
    ('number', 'moment')
    """
    type_ = column.type
    if type_ in OTHER_KINDS:
        return ColumnKind(column, OTHER_KINDS[type_])
    if column.data_type.is_time:
        return ColumnKind(column, "moment", Axis("BIGINT", type_))
    if column.data_type.is_float:
        return ColumnKind(column, "number", Axis("DOUBLE", type_))
    decimals = column.data_type.decimals
    if decimals is not None:
        return ColumnKind(column, "number", Axis("BIGINT", type_, decimals))
    _, decimals = column.data_type.digits or (20, 0)  # a wide DECIMAL, or UBIGINT
    return ColumnKind(column, "number", Axis("HUGEINT", type_, decimals))
