"""A small table with a column of every type, and the rows that a filter selects."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import duckdb

from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column, TableFiles
from sampling_engine.filters import Filter

TYPES = {
    "age": "INTEGER",
    "tiny": "TINYINT",
    "big": "BIGINT",
    "unsigned": "UBIGINT",
    "huge": "HUGEINT",
    "price": "DECIMAL(10,2)",
    "rate": "DOUBLE",
    "ratio": "FLOAT",
    "city": "VARCHAR",
    "code": "VARCHAR",
    "size": "ENUM('small', 'large')",
    "active": "BOOLEAN",
    "paid": "BOOLEAN",
    "born": "DATE",
    "seen": "TIMESTAMP",
    "exact": "TIMESTAMP_NS",
    "sent": "TIMESTAMP WITH TIME ZONE",
    "opens": "TIME",
    "key": "UUID",
    "tags": "VARCHAR[]",
    "body": "BLOB",
}
TABLE = TableFiles(tuple(Column(name, kind) for name, kind in TYPES.items()), ())

Row = dict[str, object]

ROWS: list[Row] = [
    {
        "age": 18,
        "tiny": -128,
        "big": 2**53 + 1,
        "unsigned": 2**64 - 1,
        "huge": 2**100,
        "price": Decimal("0.10"),
        "rate": 0.1,
        "ratio": 0.1,
        "city": "New York",
        "code": "New York",
        "size": "small",
        "active": True,
        "paid": False,
        "born": date(2000, 2, 29),
        "seen": "2000-02-29 12:30:00",
        "exact": "2000-02-29 12:30:00",
        "sent": datetime(2000, 2, 29, 12, 30, tzinfo=UTC),
        "opens": time(8, 30),
        "key": UUID("01234567-89ab-cdef-0123-456789abcdef"),
        "tags": ["a"],
        "body": b"x",
    },
    {
        "age": -5,
        "tiny": 127,
        "big": -(2**63),
        "unsigned": 0,
        "huge": -1,
        "price": Decimal("-99999999.99"),
        "rate": float("nan"),
        "ratio": float("inf"),
        "city": "it's 100%",
        "code": "a_b",
        "size": "large",
        "active": False,
        "paid": False,
        "born": date(1, 1, 1),
        "seen": "1969-12-31 23:59:59.999999",
        "exact": "1969-12-31 23:59:59",
        "sent": datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        "opens": time(0, 0),
        "key": UUID("ffffffff-ffff-ffff-ffff-ffffffffffff"),
        "tags": [],
        "body": b"",
    },
    {
        "age": 2,
        "tiny": 2,
        "big": 2,
        "unsigned": 2,
        "huge": 2,
        "price": Decimal("2.00"),
        "rate": 2.0,
        "ratio": 2.0,
        "city": "",
        "code": "größe",
        "size": "small",
        "active": True,
        "paid": True,
        "born": date(2025, 7, 31),
        "seen": "2025-07-31 00:00:00",
        "exact": "2025-07-31 00:00:00",
        "sent": datetime(2025, 7, 31, tzinfo=UTC),
        "opens": time(23, 59, 59, 999999),
        "key": UUID("00000000-0000-0000-0000-000000000000"),
        "tags": None,
        "body": None,
    },
    {"age": 18, "city": "new york", "paid": True, "rate": -0.0},
    {},
]


class TinyTable:
    """The table in a DuckDB database of its own."""

    def __init__(
        self, types: dict[str, str] | None = None, rows: Sequence[Row] | None = None
    ) -> None:
        self.types = TYPES if types is None else types
        self.table = TableFiles(tuple(Column(name, kind) for name, kind in self.types.items()), ())
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("SET TimeZone = 'UTC'")
        columns = ", ".join(f"{quote_identifier(name)} {kind}" for name, kind in self.types.items())
        self.connection.execute(f"CREATE TABLE t (_id INTEGER, {columns})")
        self.fill(ROWS if rows is None else rows)

    def fill(self, rows: Sequence[Row]) -> None:
        """Replace the table's rows."""
        self.connection.execute("DELETE FROM t")
        marks = ", ".join(["?"] * (len(self.types) + 1))
        for number, row in enumerate(rows):
            values = [number, *(row.get(name) for name in self.types)]
            self.connection.execute(f"INSERT INTO t VALUES ({marks})", values)

    def selected(self, row_filter: Filter) -> list[int]:
        """Return the numbers of the rows that a filter selects."""
        sql, params = row_filter.condition("s")
        return self.selected_by(sql, params)

    def selected_by(self, sql: str, params: Sequence[object] = ()) -> list[int]:
        """Return the numbers of the rows that an SQL condition selects."""
        query = f"SELECT _id FROM t AS s WHERE {sql} ORDER BY _id"
        return [number for (number,) in self.connection.execute(query, list(params)).fetchall()]
