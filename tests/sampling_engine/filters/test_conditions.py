"""Conditions equal the expressions that they stand for."""

from __future__ import annotations

import json

import pytest

from domain_errors import DomainError
from parquet_tables.tables import UnknownColumn
from sampling_engine.filters import (
    OPERATORS,
    Filter,
    InvalidFilter,
    parse_conditions,
    parse_expression,
)
from tests.sampling_engine.filters.tiny_table import TABLE, TinyTable

SAME = [
    ("age", ">", 2, "age > 2"),
    ("age", ">=", 2, "age >= 2"),
    ("age", "<", 2, "age < 2"),
    ("age", "<=", 2, "age <= 2"),
    ("age", "=", 18, "age = 18"),
    ("age", "=", "18", "age = 18"),
    ("AGE", "!=", 18.5, "age <> 18.5"),
    ("age", "in", [2, 18], "age in (2, 18)"),
    ("age", "not_in", [2, 18], "age not in (2, 18)"),
    ("age", "between", [2, 20], "age between 2 and 20"),
    ("city", "like", "N%", "city like 'N%'"),
    ("city", "ilike", "N%", "city ilike 'N%'"),
    ("city", "not_like", "N%", "city not like 'N%'"),
    ("city", "is_null", None, "city is null"),
    ("tags", "is_not_null", None, "tags is not null"),
    ("active", "=", True, "active = true"),
    ("price", "=", 0.1, "price = 0.1"),
    ("big", "=", 2**53 + 1, "big = 9007199254740993"),
    ("big", "<", 10**60, f"big < {10**60}"),
    ("born", "<", "2020-01-01", "born < '2020-01-01'"),
    ("city", "=", "it's 100%", "city = 'it''s 100%'"),
]


@pytest.mark.parametrize(("column", "operator", "value", "text"), SAME)
def test_condition_equals_its_expression(
    tiny: TinyTable, column: str, operator: str, value: object, text: str
) -> None:
    condition = {"column": column, "operator": operator, "value": value}
    from_condition = parse_conditions([json.loads(json.dumps(condition))], "AND", TABLE)
    from_text = parse_expression(text, TABLE)
    assert from_condition == from_text
    assert from_condition.text == from_text.text
    assert tiny.selected(from_condition) == tiny.selected(from_text)


def test_all_operators_have_descriptions_and_cases() -> None:
    names = "> >= < <= = != in not_in between like ilike not_like is_null is_not_null"
    assert " ".join(operator.name for operator in OPERATORS) == names
    assert {operator for _, operator, _, _ in SAME} == {operator.name for operator in OPERATORS}
    assert all(operator.description for operator in OPERATORS)


def test_logic_joins_conditions() -> None:
    conditions = [
        {"column": "age", "operator": ">", "value": 1},
        {"column": "city", "operator": "is_null"},
        {"column": "age", "operator": "not_in", "value": [5]},
    ]
    for logic in ("AND", "OR"):
        expected = f"age > 1 {logic} city is null {logic} age not in (5)"
        assert parse_conditions(conditions, logic, TABLE) == parse_expression(expected, TABLE)


def parsing_error(
    error: type[DomainError], conditions: object, logic: object = "AND"
) -> DomainError:
    with pytest.raises(error) as caught:
        parse_conditions(conditions, logic, TABLE, loc=("filters", "conditions"))  # type: ignore[arg-type]
    assert caught.value.loc[0] == "filters"
    return caught.value


@pytest.mark.parametrize(
    ("condition", "loc", "message"),
    [
        ({"column": "age", "operator": ">", "value": "old"}, ("value",), "INTEGER"),
        ({"column": "age", "operator": ">"}, ("value",), "IS NULL"),
        ({"column": "age", "operator": ">", "value": None}, ("value",), "IS NULL"),
        ({"column": "age", "operator": ">", "value": [1]}, ("value",), "a text, a number"),
        ({"column": "age", "operator": ">", "value": {"a": 1}}, ("value",), "a text, a number"),
        ({"column": "age", "operator": ">", "value": float("nan")}, ("value",), "a number"),
        ({"column": "age", "operator": ">", "value": 10**5000}, ("value",), "400 digits"),
        ({"column": "age", "operator": ">", "value": "9" * 5000}, ("value",), "400 digits"),
        ({"column": "age", "operator": "in", "value": 5}, ("value",), "list"),
        ({"column": "age", "operator": "in", "value": []}, ("value",), "at least one"),
        ({"column": "age", "operator": "in", "value": [1, None]}, ("value", 1), "IS NULL"),
        ({"column": "age", "operator": "in", "value": [1, "x"]}, ("value", 1), "INTEGER"),
        ({"column": "age", "operator": "in", "value": [1] * 10_001}, ("value",), "10,000"),
        ({"column": "age", "operator": "between", "value": [1]}, ("value",), "list of two"),
        ({"column": "age", "operator": "between", "value": [1, "x"]}, ("value", 1), "INTEGER"),
        ({"column": "age", "operator": "like", "value": "x"}, ("operator",), "for text"),
        ({"column": "city", "operator": "like", "value": 5}, ("value",), "a text"),
        ({"column": "city", "operator": "is_null", "value": 5}, ("value",), "no value"),
        ({"column": "tags", "operator": "=", "value": "x"}, ("operator",), "IS NULL"),
        ({"column": "active", "operator": ">", "value": True}, ("operator",), "no order"),
        ({"column": "city", "operator": "=", "value": "\ud800"}, ("value",), "Unicode"),
        ({"column": "age", "operator": "~", "value": 5}, ("operator",), "not_in"),
        ({"column": "age", "operator": ["="], "value": 5}, ("operator",), "not_in"),
        ({"column": "age", "value": 5}, ("operator",), "not_in"),
        ({"operator": "=", "value": 5}, ("column",), "name of a column"),
        ({"column": 5, "operator": "=", "value": 5}, ("column",), "name of a column"),
        ({"column": "age", "operator": "=", "valeu": 5}, ("valeu",), "only"),
        ("age > 5", (), "column, operator and value"),
    ],
)
def test_invalid_condition_reports_its_key(
    condition: object, loc: tuple[str | int, ...], message: str
) -> None:
    error = parsing_error(
        InvalidFilter, [{"column": "age", "operator": "=", "value": 1}, condition]
    )
    assert error.loc == ("filters", "conditions", 1, *loc)
    assert message in error.message


def test_unknown_column_reports_its_key() -> None:
    error = parsing_error(UnknownColumn, [{"column": "agee", "operator": "=", "value": 1}])
    assert error.loc == ("filters", "conditions", 0, "column")
    assert error.message.startswith('There is no column "agee". Did you mean "age"? Available:')


def test_list_and_logic_are_checked() -> None:
    condition = {"column": "age", "operator": "=", "value": 1}
    assert "list" in parsing_error(InvalidFilter, condition).message
    assert "1 to 1,000" in parsing_error(InvalidFilter, []).message
    assert "1 to 1,000" in parsing_error(InvalidFilter, [condition] * 1001).message
    for logic in ("XOR", None, ["AND"], "and"):
        assert parsing_error(InvalidFilter, [condition], logic).loc == ("filters", "logic")


def test_list_of_10000_values_runs(tiny: TinyTable) -> None:
    condition = {"column": "big", "operator": "in", "value": list(range(10_000))}
    parsed = parse_conditions([condition], "AND", TABLE)
    assert isinstance(parsed, Filter)
    assert tiny.selected(parsed) == [2]
