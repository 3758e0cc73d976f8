"""Conversion of filters to conditions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parquet_tables.tables import Column, TableFiles
from sampling_engine.filters import as_conditions, parse_conditions, parse_expression

TABLE = TableFiles(
    (
        Column("n", "BIGINT"),
        Column("price", "DECIMAL(20,4)"),
        Column("x", "DOUBLE"),
        Column("the name", "VARCHAR"),
        Column("day", "DATE"),
        Column("at", "TIMESTAMP"),
        Column("ok", "BOOLEAN"),
    ),
    (),
)

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
conditions = st.one_of(
    st.fixed_dictionaries(
        {
            "column": st.sampled_from(["n", "price"]),
            "operator": st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
            "value": st.integers(-(2**60), 2**60),
        }
    ),
    st.fixed_dictionaries(
        {
            "column": st.just("x"),
            "operator": st.just("between"),
            "value": st.lists(
                st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2
            ),
        }
    ),
    st.fixed_dictionaries(
        {
            "column": st.just("the name"),
            "operator": st.sampled_from(["in", "not_in"]),
            "value": st.lists(texts, min_size=1, max_size=4),
        }
    ),
    st.fixed_dictionaries(
        {
            "column": st.just("the name"),
            "operator": st.sampled_from(["like", "ilike", "not_like"]),
            "value": texts,
        }
    ),
    st.fixed_dictionaries(
        {
            "column": st.sampled_from(["n", "day", "ok"]),
            "operator": st.sampled_from(["is_null", "is_not_null"]),
        }
    ),
    st.fixed_dictionaries(
        {
            "column": st.just("day"),
            "operator": st.sampled_from(["<", ">="]),
            "value": st.dates().map(str),
        }
    ),
    st.fixed_dictionaries(
        {"column": st.just("ok"), "operator": st.just("="), "value": st.booleans()}
    ),
)


@given(st.lists(conditions, min_size=1, max_size=5), st.sampled_from(["AND", "OR"]))
def test_converted_conditions_give_the_same_filter(
    original: list[dict[str, object]], logic: str
) -> None:
    first = parse_conditions(original, logic, TABLE)  # type: ignore[arg-type]
    back = as_conditions(first)
    assert back is not None
    again = parse_conditions(back[0], back[1], TABLE)
    assert again.node == first.node
    assert again.text == first.text


@pytest.mark.parametrize(
    "expression",
    [
        "n > 1 AND (x > 2 OR ok = true)",
        "n > x",
        "NOT (n = 1)",
        "NOT (n BETWEEN 1 AND 2)",
        "\"the name\" NOT ILIKE 'a%'",
        "n BETWEEN 1 AND x",
    ],
)
def test_filter_beyond_a_list_has_no_conditions(expression: str) -> None:
    assert as_conditions(parse_expression(expression, TABLE)) is None


def test_expression_converts_to_conditions() -> None:
    parsed = parse_expression("n > 5 AND \"the name\" = 'O''Neil' AND day IS NOT NULL", TABLE)
    assert as_conditions(parsed) == (
        [
            {"column": "n", "operator": ">", "value": 5},
            {"column": "the name", "operator": "=", "value": "O'Neil"},
            {"column": "day", "operator": "is_not_null"},
        ],
        "AND",
    )
