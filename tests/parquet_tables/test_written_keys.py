"""Row keys as people write them, read by the types of the key's columns."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parquet_tables.row_keys.canonical import KeyValue, text_of_value
from parquet_tables.row_keys.written import UnreadableKey, key_value, written_keys
from parquet_tables.tables import Column
from tests.parquet_tables.test_row_keys import VALUES

PAIR = [Column("company", "BIGINT"), Column("document", "VARCHAR")]


@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
def test_a_canonical_text_is_read_as_its_value(kind: str, data: st.DataObject) -> None:
    text = text_of_value(data.draw(VALUES[kind]))
    assert text_of_value(key_value(Column("k", kind), text)) == text


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("VARCHAR", "0000027589", "0000027589"),
        ("BIGINT", "0000027589", 27589),
        ("BIGINT", "27,589", 27589),
        ("DECIMAL(9,2)", "411.260", Decimal("411.26")),
        ("BOOLEAN", "Yes", True),
    ],
)
def test_people_write_values_in_several_ways(kind: str, text: str, value: KeyValue) -> None:
    assert key_value(Column("k", kind), text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("BIGINT", "1.7"),
        ("BIGINT", "x"),
        ("BIGINT", "9" * 39),
        ("DECIMAL(9,2)", "NaN"),
        ("DECIMAL(9,2)", "1E+9999"),
        ("DATE", "31.12.2025"),
        ("TIMESTAMP", "noon"),
        ("UUID", "17"),
        ("BOOLEAN", "maybe"),
    ],
)
def test_a_text_of_another_type_is_refused(kind: str, text: str) -> None:
    with pytest.raises(UnreadableKey):
        key_value(Column("k", kind), text)


@pytest.mark.parametrize(
    "text",
    ["1000,0027", "1000 , 0027", '1000,"0027"', "company 1000, document 0027", "Company 1000,0027"],
)
def test_values_of_several_columns_are_divided(text: str) -> None:
    if text.startswith("Company"):
        with pytest.raises(UnreadableKey):  # one name without the other is no name
            written_keys(PAIR, text)
    else:
        assert written_keys(PAIR, text)[-1].values == (1000, "0027")


def test_a_number_follows_the_values() -> None:
    found = written_keys([Column("document", "VARCHAR")], "document 0027, number 2")
    assert [(key.values, key.number) for key in found] == [
        (("document 0027, number 2",), None),
        (("0027, number 2",), None),
        (("document 0027",), 2),
        (("0027",), 2),
    ]


def test_a_key_with_too_few_values_says_how_many_it_needs() -> None:
    with pytest.raises(UnreadableKey, match="1 value, and the key company, document has 2"):
        written_keys(PAIR, "1000")


@pytest.mark.parametrize("text", ["A", "A ", " A", "", " "])
def test_blanks_at_the_ends_of_a_text_belong_to_it(text: str) -> None:
    column = Column("key", "VARCHAR")
    assert written_keys([column], text)[0].values == (text,)
    assert (text,) in [key.values for key in written_keys([column], f"key {text}")]
    assert (text,) in [key.values for key in written_keys([column], f'"{text}"')]
    pair = [Column("company", "BIGINT"), column]
    assert written_keys(pair, f'1000, "{text}"')[0].values == (1000, text)
    assert written_keys(pair, f"1000,{text}")[0].values == (1000, text.removeprefix(" "))
