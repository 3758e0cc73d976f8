"""Valid expressions and the rows that they select."""

from __future__ import annotations

import pytest

from sampling_engine.filters import parse_expression
from sampling_engine.filters.errors import InvalidFilter
from tests.sampling_engine.filters.tiny_table import TABLE, TinyTable

SELECTS = {
    "age > 2": [0, 3],
    "age >= 2": [0, 2, 3],
    "age < 2": [1],
    "age <= 2": [1, 2],
    "age = 18": [0, 3],
    "age == 18": [0, 3],
    "age != 18": [1, 2],
    "age <> 18": [1, 2],
    "18 = age": [0, 3],
    "2 < age": [0, 3],
    "2 >= age": [1, 2],
    "age = -5": [1],
    "age = - 5": [1],
    "age = +2": [2],
    "age = 1.8e1": [0, 3],
    "age IN (2, -5)": [1, 2],
    "age in (2)": [2],
    "age NOT IN (2, -5)": [0, 3],
    "NOT age IN (2, -5)": [0, 3],
    "age BETWEEN -5 AND 2": [1, 2],
    "age NOT BETWEEN -5 AND 2": [0, 3],
    "age BETWEEN tiny AND 2 AND city = ''": [2],
    "age between 0 and 20 and not age between 1 and 3": [0, 3],
    "city = 'New York'": [0],
    "city = 'it''s 100%'": [1],
    "city = ''": [2],
    "city LIKE 'New%'": [0],
    "city like '%'": [0, 1, 2, 3],
    "city ILIKE 'new%'": [0, 3],
    "city NOT LIKE 'N%'": [1, 2, 3],
    "city not ilike 'n%'": [1, 2],
    "city LIKE '_ew York'": [0],
    "code like 'a\\_%'": [],
    "size = 'large'": [1],
    "size > 'a' and size like '%ll'": [0, 2],
    "age IS NULL": [4],
    "age IS NOT NULL": [0, 1, 2, 3],
    "NOT age IS NULL": [0, 1, 2, 3],
    "tags IS NULL and body is null": [2, 3, 4],
    "active = true": [0, 2],
    "true = active": [0, 2],
    "active != paid": [0],
    "active in (true, false)": [0, 1, 2],
    "age = 18 AND (city = 'x' OR city = 'New York')": [0],
    "age = 2 OR age = 18 AND city = 'new york'": [2, 3],
    "(age = 2 OR age = 18) AND city = 'new york'": [3],
    "NOT (age = 2)": [0, 1, 3],
    "NOT age = 2 AND age > 0": [0, 3],
    "NOT NOT age = 2": [2],
    "NOT NOT NOT age = 2": [0, 1, 3],
    "((((age)))) = ((2))": [2],
    "age in ((2), (((18))))": [0, 2, 3],
    "((age = 2))": [2],
    "city = code": [0],
    "age < big": [0],
    "age = price": [2],
    "price = rate": [0, 2],
    "born = seen": [2],
    "born < sent": [0, 1],
    '"age">2\n\tand"city"<>\'x\'': [0, 3],
    "age\u00a0>\u00a02": [0, 3],
    "AGE > 2 AND CiTy = 'New York'": [0],
    "age = 18 or age = 18 or age = 18": [0, 3],
    "born = '2000-02-29'": [0],
    "'2000-02-29' <= born": [0, 2],
    "key = '01234567-89AB-CDEF-0123-456789ABCDEF'": [0],
    "opens between '08:00' and '09:00'": [0],
}


@pytest.mark.parametrize(("text", "rows"), SELECTS.items())
def test_expression_selects_rows(tiny: TinyTable, text: str, rows: list[int]) -> None:
    parsed = parse_expression(text, TABLE)
    assert tiny.selected(parsed) == rows
    again = parse_expression(parsed.text, TABLE)
    assert again == parsed
    assert again.text == parsed.text


def test_columns_are_distinct_and_in_order() -> None:
    parsed = parse_expression("price > rate or not (age = 1 and city is null) or age = 2", TABLE)
    assert [column.name for column in parsed.columns] == ["price", "rate", "age", "city"]


def test_equal_filters_have_one_canonical_text() -> None:
    texts = {
        parse_expression(text, TABLE).text
        for text in (
            "age >= 18 and not (city in ('a', 'b'))",
            "(18.0 <= AGE) AND city NOT IN ('a', 'b', 'a')",
            "(((\"age\" >= 1.8e1)) AND (NOT NOT NOT city IN ('a', 'b')))",
        )
    }
    assert texts == {"\"age\" >= 18 AND \"city\" NOT IN ('a', 'b')"}


def test_equal_filters_have_equal_hashes() -> None:
    first, second = (parse_expression(text, TABLE) for text in ("age > 1", "1 < age"))
    assert {first: "value"}[second] == "value"


def test_long_chains_are_flat(tiny: TinyTable) -> None:
    text = " OR ".join(f"age={i % 7}" for i in range(900))
    assert tiny.selected(parse_expression(text, TABLE)) == [2]
    text = "age>0 AND " * 900 + "age>0"
    assert tiny.selected(parse_expression(text, TABLE)) == [0, 2, 3]
    text = " OR ".join(f"(age={i % 7})" for i in range(700))
    assert tiny.selected(parse_expression(text, TABLE)) == [2]


def test_conditions_nest_at_most_100_deep(tiny: TinyTable) -> None:
    def nested(levels: int) -> str:
        opened = "".join(("(age>0 OR ", "(age<9 AND ")[i % 2] for i in range(levels))
        return f"{opened}age=2{')' * levels}"

    assert tiny.selected(parse_expression(nested(99), TABLE)) == [0, 2, 3]
    with pytest.raises(InvalidFilter, match="at most 100 deep"):
        parse_expression(nested(101), TABLE)
    assert tiny.selected(parse_expression("NOT " * 2000 + "age = 2", TABLE)) == [2]
    assert tiny.selected(parse_expression(f"{'(' * 99}age = 2{')' * 99}", TABLE)) == [2]


def test_length_and_depth_limits() -> None:
    with pytest.raises(InvalidFilter, match="10,000 characters, not 10,001") as error:
        parse_expression("age = 1" + " " * 9_994, TABLE)
    assert error.value.position == 10_000
    with pytest.raises(InvalidFilter, match="at most 100 deep"):
        parse_expression("(" * 5_000 + "age", TABLE)
    with pytest.raises(InvalidFilter, match="10,000 characters"):
        parse_expression("(" * 100_000, TABLE)
    values = ",".join(["1"] * 4_990)
    assert parse_expression(f"age in ({values})", TABLE).text == '"age" IN (1)'
