"""Exact numbers become integers and nothing is lost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from parquet_tables.columns import as_integer, decimals_of
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
    assert [decimals_of(type_) for type_ in types] == [4, None, None, None, None, None]
