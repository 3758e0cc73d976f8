"""What a column's type means to a profile.

Owns: the kinds of columns, and for numbers and moments the *axis*: how a value becomes one number
that can be compared, summed and counted in bins, and how such a number becomes a value again.
Invariant: an axis keeps the order of the values, and but for floating-point columns its numbers
are integers, so that nothing is rounded. Used by every module that reads a column.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cached_property
from typing import Literal

from parquet_tables.integers import as_integer, decimals_of, digits_of
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column

Kind = Literal["number", "moment", "text", "boolean", "binary", "list", "map", "struct", "other"]
AxisType = Literal["BIGINT", "HUGEINT", "DOUBLE"]
Number = int | float
"""A place on an axis."""

FLOATS = ("FLOAT", "DOUBLE")
STAMPS = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP WITH TIME ZONE")
MOMENTS = ("DATE", "TIME", "TIMESTAMP_NS", *STAMPS)
MAX_BIGINT = 2**63 - 1
WIDE = Context(prec=100)
"""Python's own context would cut a decimal number after 28 digits."""


@dataclass(frozen=True)
class Axis:
    """A value's way to a number ``x`` and back.

    Parameters
    ----------
    type : {"BIGINT", "HUGEINT", "DOUBLE"}
        Of ``x`` in SQL.
    column_type : str
        DuckDB's type of the values.
    decimals : int
        Of a decimal number: ``x`` counts in tenths to this power.
    """

    type: AxisType
    column_type: str
    decimals: int = 0

    @property
    def is_float(self) -> bool:
        """Whether ``x`` is a floating-point number, so that a sum of it would be rounded."""
        return self.type == "DOUBLE"

    def sql(self, value: str) -> str:
        """``x`` of a value; NULL for NULL, NaN and the infinite."""
        if self.column_type in FLOATS:
            return f"CASE WHEN isfinite({value}) THEN CAST({value} AS DOUBLE) END"
        if self.column_type == "DATE":
            days = f"CAST({value} - DATE '1970-01-01' AS BIGINT)"
            return f"CASE WHEN isfinite({value}) THEN {days} END"
        if self.column_type == "TIMESTAMP_NS":
            return f"epoch_ns({value})"
        if self.column_type in MOMENTS:
            return f"epoch_us({value})"
        if self.column_type == "UBIGINT":
            return f"CAST({value} AS HUGEINT)"
        if decimals_of(self.column_type) is None:
            # Too wide for a product in any integer type: its digits without the point.
            return f"CAST(replace(CAST({value} AS VARCHAR), '.', '') AS HUGEINT)"
        return as_integer(value, self.column_type)

    def key_sql(self) -> str:
        """An integer in the same order as ``x``: of a floating-point number, from its bits."""
        if not self.is_float:
            return "x"
        bits = "CAST(CAST(x AS BIT) AS BIGINT)"
        return f"CASE WHEN {bits} < 0 THEN xor({bits}, {MAX_BIGINT}) ELSE {bits} END"

    def key(self, x: Number) -> int:
        """What :meth:`key_sql` gives for ``x``."""
        if not self.is_float:
            return int(x)
        bits: int = struct.unpack("<q", struct.pack("<d", x))[0]
        return bits ^ MAX_BIGINT if bits < 0 else bits

    def of_key(self, key: int) -> Number:
        """The number whose key is ``key``."""
        if not self.is_float:
            return key
        bits = key ^ MAX_BIGINT if key < 0 else key
        x: float = struct.unpack("<d", struct.pack("<q", bits))[0]
        return x

    def value(self, x: Number) -> int | float | Decimal:
        """The value of a number column at ``x``."""
        return Decimal(x).scaleb(-self.decimals, WIDE) if self.decimals else x

    def moment_sql(self, x: str) -> str:
        """The moment at ``x``; NULL where its type has none there."""
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
    """A column as a profile sees it.

    Parameters
    ----------
    axis : Axis or None
        Of numbers and moments.
    """

    column: Column
    kind: Kind
    axis: Axis | None = None

    @cached_property
    def value_type(self) -> str:
        """DuckDB's type of ``v``."""
        return "VARCHAR" if self.kind in ("text", "other") else self.column.type

    def value_sql(self) -> str:
        """``v`` of a row ``f``: -0.0 as 0.0, and what has no figures of its own kind as text."""
        name = f"f.{quote_identifier(self.column.name)}"
        if self.column.type in FLOATS:
            return f"{name} + CAST(0 AS {self.column.type})"
        return f"CAST({name} AS VARCHAR)" if self.value_type != self.column.type else name


def kind_of(column: Column) -> ColumnKind:
    """What a column is.

    >>> kind_of(Column("price", "DECIMAL(12,2)")).kind, kind_of(Column("tags", "VARCHAR[]")).kind
    ('number', 'list')
    """
    type_ = column.type
    if type_ in FLOATS:
        return ColumnKind(column, "number", Axis("DOUBLE", type_))
    decimals = decimals_of(type_)
    if decimals is not None:
        return ColumnKind(column, "number", Axis("BIGINT", type_, decimals))
    if type_ == "UBIGINT":
        return ColumnKind(column, "number", Axis("HUGEINT", type_))
    if digits := digits_of(type_):
        return ColumnKind(column, "number", Axis("HUGEINT", type_, digits[1]))
    if type_ in MOMENTS:
        return ColumnKind(column, "moment", Axis("BIGINT", type_))
    return ColumnKind(column, _plain_kind(type_))


def _plain_kind(type_: str) -> Kind:
    if type_.endswith("]"):
        return "list"
    if type_.startswith("MAP("):
        return "map"
    if type_.startswith("STRUCT("):
        return "struct"
    known: dict[str, Kind] = {
        "VARCHAR": "text",
        "JSON": "text",
        "BOOLEAN": "boolean",
        "BLOB": "binary",
    }
    return known.get(type_, "other")
