"""Nested values as JSON text that every parser reads."""

from __future__ import annotations

import json
from typing import NoReturn

import duckdb
import pytest

from parquet_tables.columns import stored_as


def stored_text(value: str) -> str:
    with duckdb.connect() as connection:
        ((type_,),) = connection.execute(f"SELECT typeof({value})").fetchall()
        cell = stored_as("x", type_, "x").sql
        ((text,),) = connection.execute(f"SELECT {cell} FROM (SELECT {value} AS x)").fetchall()
    return str(text)


def refuse(word: str) -> NoReturn:
    raise AssertionError(f"{word} isn't JSON")


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        (
            "{'a': 'nan'::DOUBLE, 'b': 'inf'::FLOAT, 'c': '-inf'::DOUBLE, 'd': 1.5::DOUBLE}",
            {"a": "NaN", "b": "Infinity", "c": "-Infinity", "d": 1.5},
        ),
        ("['nan'::DOUBLE, NULL]", ["NaN", None]),
        ("[['inf'::DOUBLE], ['-inf'::DOUBLE]]", [["Infinity"], ["-Infinity"]]),
        ("MAP {'NaN': 'nan'::DOUBLE, '': 1e300::DOUBLE}", {"NaN": "NaN", "": 1e300}),
        ("union_value(a := 'nan'::DOUBLE)", {"a": "NaN"}),
        ("{'a': 'nan'::DOUBLE}::VARIANT", {"a": "NaN"}),
        ("{'j': '{\"a\": [NaN, Infinity]}'::JSON}", {"j": {"a": ["NaN", "Infinity"]}}),
    ],
)
def test_nested_numbers_that_are_not_finite_are_texts(value: str, parsed: object) -> None:
    assert json.loads(stored_text(value), parse_constant=refuse) == parsed


@pytest.mark.parametrize(
    "words", ["NaN", ":NaN,", '[NaN,"', '\\"NaN', "\x01\x01NaN\n", "é Infinity"]
)
def test_texts_that_hold_such_words_stay(words: str) -> None:
    literal = "'" + words + "'"
    text = stored_text(f"{{'a': {literal}, 'b': [{literal}, ''], 'c': 'nan'::DOUBLE}}")
    parsed = json.loads(text, parse_constant=refuse)
    assert parsed == {"a": words, "b": [words, ""], "c": "NaN"}


def test_what_holds_no_such_number_is_written_as_ever() -> None:
    assert stored_as("x", "STRUCT(a INTEGER[])", "c0").sql == "CAST(to_json(c0) AS VARCHAR)"
