"""Exact numbers become integers and nothing is lost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from contract.columns import DataType
from parquet_tables.columns import as_integer
from parquet_tables.database import ParquetDatabase


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        ("TINYINT", "-128", -128),
        ("BIGINT", "9223372036854775807", 2**63 - 1),
        ("UINTEGER", "4294967295", 2**32 - 1),
        ("DECIMAL(9,2)", "-1234567.89", -123456789),
        ("DECIMAL(18,0)", "999999999999999999", 10**18 - 1),
        ("DECIMAL(18,9)", "-999999999.999999999", -(10**18) + 1),
        ("DECIMAL(18,18)", "0.999999999999999999", 10**18 - 1),
        ("DECIMAL(4,4)", "0.0001", 1),
    ],
)
def test_exact_number_counts_in_units_of_its_last_digit(
    parquet: ParquetDatabase, type_: str, value: str, expected: int
) -> None:
    with parquet.cursor() as cursor:
        sql = f"SELECT {as_integer('v', type_)} FROM (SELECT CAST(? AS {type_}) AS v)"
        assert cursor.execute(sql, [Decimal(value)]).fetchall() == [(expected,)]


def test_only_exact_numbers_of_64_bits_have_decimals() -> None:
    types = ("DECIMAL(18,4)", "DECIMAL(19,4)", "DECIMAL(9,2)[]", "UBIGINT", "DOUBLE", "VARCHAR")
    assert [DataType(type_).decimals for type_ in types] == [4, None, None, None, None, None]


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("UBIGINT", {"number", "integer", "whole"}),
        ("HUGEINT", {"number", "integer", "whole"}),
        ("DECIMAL(20,0)", {"number", "whole"}),
        ("DECIMAL(9,2)", {"number"}),
        ("FLOAT", {"number", "float"}),
        ("DATE", {"date", "moment", "time"}),
        ("TIMESTAMP WITH TIME ZONE", {"timestamp", "moment", "time"}),
        ("TIME", {"time"}),
        ("VARCHAR", {"text"}),
        ("INTERVAL", set()),
        ("TIMESTAMP[]", set()),
        ("DECIMAL(9,2)[]", set()),
    ],
)
def test_a_type_says_what_its_values_are(name: str, answers: set[str]) -> None:
    kinds = ("number", "integer", "whole", "float", "text", "date", "timestamp", "moment", "time")
    assert {kind for kind in kinds if getattr(DataType(name), f"is_{kind}")} == answers
