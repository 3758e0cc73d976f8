"""A list of conditions is the expression that it spells out."""

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
def test_a_condition_is_the_filter_of_its_expression(
    tiny: TinyTable, column: str, operator: str, value: object, text: str
) -> None:
    condition = {"column": column, "operator": operator, "value": value}
    one = parse_conditions([json.loads(json.dumps(condition))], "AND", TABLE)
    other = parse_expression(text, TABLE)
    assert one == other
    assert one.text == other.text
    assert tiny.selected(one) == tiny.selected(other)


def test_every_operator_is_described_and_works() -> None:
    names = "> >= < <= = != in not_in between like ilike not_like is_null is_not_null"
    assert " ".join(operator.name for operator in OPERATORS) == names
    assert {operator for _, operator, _, _ in SAME} == {operator.name for operator in OPERATORS}
    assert all(operator.description for operator in OPERATORS)


def test_logic_joins_them() -> None:
    conditions = [
        {"column": "age", "operator": ">", "value": 1},
        {"column": "city", "operator": "is_null"},
        {"column": "age", "operator": "not_in", "value": [5]},
    ]
    for logic in ("AND", "OR"):
        expected = f"age > 1 {logic} city is null {logic} age not in (5)"
        assert parse_conditions(conditions, logic, TABLE) == parse_expression(expected, TABLE)


def refused(error: type[DomainError], conditions: object, logic: object = "AND") -> DomainError:
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
        ({"operator": "=", "value": 5}, ("column",), "Name a column"),
        ({"column": 5, "operator": "=", "value": 5}, ("column",), "Name a column"),
        ({"column": "age", "operator": "=", "valeu": 5}, ("valeu",), "alone"),
        ("age > 5", (), "column, operator and value"),
    ],
)
def test_a_fault_is_told_at_its_part(
    condition: object, loc: tuple[str | int, ...], message: str
) -> None:
    error = refused(InvalidFilter, [{"column": "age", "operator": "=", "value": 1}, condition])
    assert error.loc == ("filters", "conditions", 1, *loc)
    assert message in error.message


def test_an_unknown_column_is_told_at_its_part() -> None:
    error = refused(UnknownColumn, [{"column": "agee", "operator": "=", "value": 1}])
    assert error.loc == ("filters", "conditions", 0, "column")
    assert error.message.startswith('There is no column "agee". Did you mean "age"? There are:')


def test_the_list_and_the_logic_are_checked() -> None:
    one = {"column": "age", "operator": "=", "value": 1}
    assert "list" in refused(InvalidFilter, one).message
    assert "1 to 1,000" in refused(InvalidFilter, []).message
    assert "1 to 1,000" in refused(InvalidFilter, [one] * 1001).message
    for logic in ("XOR", None, ["AND"], "and"):
        assert refused(InvalidFilter, [one], logic).loc == ("filters", "logic")


def test_many_values_are_quick(tiny: TinyTable) -> None:
    one = {"column": "big", "operator": "in", "value": list(range(10_000))}
    found = parse_conditions([one], "AND", TABLE)
    assert isinstance(found, Filter)
    assert tiny.selected(found) == [2]
