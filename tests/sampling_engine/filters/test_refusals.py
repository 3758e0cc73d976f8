"""Errors of expressions: message, position and location."""

from __future__ import annotations

import pytest

from parquet_tables.tables import UnknownColumn
from sampling_engine.filters import InvalidFilter, parse_expression
from tests.sampling_engine.filters.tiny_table import TABLE

INVALID = [
    ("", None, "Write a condition"),
    ("  \n ", None, "Write a condition"),
    ("age >> 18", 5, "Expected a column or a value"),
    ("age > 18;", 8, "Semicolons"),
    ("age > 18; DROP TABLE t", 8, "Semicolons"),
    ("age > 18 -- and more", 9, "Comments"),
    ("/* x */ age > 18", 0, "Comments"),
    ("age /* x */ > 18", 4, "Comments"),
    ("age = --5", 6, "Comments"),
    ("upper(city) = 'X'", 0, r"upper\(…\)"),
    ("city = lower('X')", 7, r"lower\(…\)"),
    ("age > abs(-5)", 6, r"abs\(…\)"),
    ("abs(age) > 5", 0, "; write age > 5 OR age < -5"),
    ("contains(city, 'York')", 0, "write city ILIKE '%text%'"),
    ("city contains 'New York'", 5, "write ILIKE '%New York%'"),
    ("(city starts with 'New')", 6, "write ILIKE 'New%'"),
    ("age > 10,000", 8, "without thousands separators: 10000"),
    ("age > -1,234,567.5", 8, "without thousands separators: 1234567.5"),
    ("age > 1, 2", 7, "comma is only allowed"),
    ("born >= 01.02.2025", 8, "the year first: '2025-02-01'"),
    ("born >= 2025-02-01", 8, "the year first: '2025-02-01'"),
    ("born >= 1/2/2025", 8, "the year first: 'YYYY-MM-DD'"),
    ("born >= '31.7.2025'", 8, "write '2025-07-31', not"),
    ("city = 1400", 7, "write it in single quotes, '1400'"),
    ("city = 0400", 7, "write it in single quotes, '0400'"),
    ("count(*) > 1", 6, "star"),
    ("age(born) > 1", 0, r"age\(…\)"),
    ("read_csv('/etc/passwd') = 'x'", 0, r"read_csv\(…\)"),
    ("age = (select 1)", 7, "Subqueries"),
    ("age in (select age from t)", 8, "Subqueries"),
    ("exists (select 1)", 0, r"exists\(…\)"),
    ("(with x as (select 1) select true)", 1, "Subqueries"),
    ("age = cast('1' as integer)", 6, r"cast\(…\)"),
    ("age = '1'::integer", 9, "Casts"),
    ("age + 1 > 2", 4, "Arithmetic"),
    ("age - 1 > 2", 4, "Arithmetic"),
    ("age * 2 > 2", 4, "star"),
    ("age / 2 > 2", 4, "Arithmetic"),
    ("age % 2 = 1", 4, "Arithmetic"),
    ("age = 1 + 1", 8, "Arithmetic"),
    ("age > -tiny", 6, "Arithmetic"),
    ("age = - -5", 6, "Arithmetic"),
    ("city || 'x' = 'y'", 5, "concatenation"),
    ("* = 1", 0, "star"),
    ("age = ?", 6, "Parameters"),
    ("age = $1", 6, "Parameters"),
    ("age = :x", 6, "Parameters"),
    ("age = @x", 6, "@"),
    ("age = #1", 6, "#"),
    ("tags[1] = 'a'", 4, "Brackets"),
    ("age in [1, 2]", 7, "Brackets"),
    ("city = {'a': 1}", 7, "Braces"),
    ("city -> 'x' = 1", 5, "arrow ->"),
    ("city ->> '$.x' = 1", 5, "arrow ->"),
    ("s.age = 1", 1, "dot"),
    ("city ~ 'x'", 5, "Regular"),
    ("age & 1 = 1", 4, "&"),
    ("age | 1 = 1", 4, "sign |"),
    ("age ^ 1 = 1", 4, r"'\^'"),
    ("!active = true", 0, "NOT"),
    ("`age` = 1", 0, "double quotes"),
    ("age = \\1", 6, "not supported"),
    ("age = $$x$$", 6, "dollar"),
    ("city = E'x'", 7, "without a type"),
    ("born = DATE '2020-01-01'", 7, "without a type"),
    ("seen > TIMESTAMP '2020-01-01'", 7, "without a type"),
    ("born > INTERVAL 5 DAY", 7, "Intervals"),
    ("case when age = 1 then true else false end", 0, "CASE"),
    ("city LIKE 'a!%' ESCAPE '!'", 16, "ESCAPE"),
    ("city COLLATE nocase = 'x'", 5, "COLLATE"),
    ("city SIMILAR TO 'x'", 5, "SIMILAR"),
    ("city GLOB 'x'", 5, "GLOB"),
    ("age isnull", 4, "IS NULL"),
    ("age notnull", 4, "IS NOT NULL"),
    ("active is true", 10, "= true"),
    ("active is not false", 14, "= true"),
    ("age is distinct from 5", 7, "after IS"),
    ("age is 5", 7, "after IS"),
    ("age = NULL", 6, "IS NULL"),
    ("NULL = age", 0, "IS NULL"),
    ("age in (1, NULL)", 11, "IS NULL"),
    ("age between NULL and 5", 12, "IS NULL"),
    ("city like NULL", 10, "IS NULL"),
    ("NULL is null", 0, "Expected a column"),
    ("1 = 1", 0, "needs a column"),
    ("'a' = 'a' or age > 1", 0, "needs a column"),
    ("true", 0, "not a condition"),
    ("age", 0, "not a condition"),
    ("active", 0, "not a condition"),
    ("not active", 4, "not a condition"),
    ("age > 1 and active", 12, "not a condition"),
    ("(age)", 1, "not a condition"),
    ("5 < age < 7", 0, "Expected a value, not a condition"),
    ("age = 1 = true", 0, "Expected a value, not a condition"),
    ("(age = 1) = true", 0, "Expected a value, not a condition"),
    ("(age = 1) is null", 0, "Expected a value, not a condition"),
    ("age = (age = 1)", 6, "Expected a value, not a condition"),
    ("age = not 5", 6, "NOT is only allowed"),
    ("age in 5", 7, "list of values"),
    ("age in (tiny)", 8, "a value, not the column"),
    ("5 in (age, tiny)", 0, "Expected a column"),
    ("5 between age and tiny", 0, "Expected a column"),
    ("age in ()", 8, "column or a value"),
    ("age in (1,)", 10, "column or a value"),
    ("(age, tiny) = (1, 2)", 4, "comma"),
    ("age = 1, tiny = 2", 7, "comma"),
    ("age => 5", 4, ">= and <="),
    ("(age between 1) and tiny = 2", 14, "BETWEEN needs"),
    ("age >", 5, "incomplete"),
    ("age > 1 and", 11, "incomplete"),
    ("not", 3, "incomplete"),
    ("age between 1", 13, "BETWEEN needs"),
    ("age between 1 or 2", 14, "BETWEEN needs"),
    ("and age > 1", 0, "column or a value"),
    ("age > 1 or or age < 2", 11, "column or a value"),
    ("= 1", 0, "column or a value"),
    ("(age > 1", 0, "not closed"),
    ("age > 1)", 7, "no opening one"),
    (")(", 0, "column or a value"),
    ("()", 1, "column or a value"),
    ("age not null", 8, "after NOT"),
    ("age not 5", 8, "after NOT"),
    ("age > 1 age < 5", 8, "Expected an operator"),
    ("age 5", 4, "Expected an operator"),
    ("city = 'a' 'b'", 11, "Expected an operator"),
    ("age > 1 order by age", 8, "Expected an operator"),
    ("age > 1 union select 1", 8, "Expected an operator"),
    ("age > 1 limit 5", 8, "Expected an operator"),
    ("age = 1 (2)", 8, "Expected an operator"),
    ("city = 'abc", 7, "single quote"),
    ('"age = 1', 0, "double quote"),
    ("age = 1_000", 6, "1_000 is not a number"),
    ("age = 0x1F", 6, "0x1F is not a number"),
    ("age = 1.2.3", 6, "not a number"),
    ("age = 5abc", 6, "not a number"),
    ("age = 1e9999999", 6, "400 digits"),
    ("age = " + "9" * 500, 6, "400 digits"),
    ("age\x00 = 1", 3, "character"),
    ("age = \x7f", 6, "character"),
    ("city = '\ud800'", 7, "Unicode"),
    ("city like any ('x')", 10, r"any\(…\)"),
    ("age > 1 over (partition by city)", 8, "OVER"),
]


@pytest.mark.parametrize(("text", "position", "message"), INVALID)
def test_invalid_expression_reports_its_position(
    text: str, position: int | None, message: str
) -> None:
    with pytest.raises(InvalidFilter, match=message) as error:
        parse_expression(text, TABLE, loc=("rounds", 0, "filters", "expression"))
    assert error.value.position == position
    assert error.value.loc == ("rounds", 0, "filters", "expression")
    assert error.value.code == "invalid_filter"
    if position is not None:
        assert f"at character {position}: " in error.value.message


def test_message_marks_the_position() -> None:
    with pytest.raises(InvalidFilter) as error:
        parse_expression("age > 18 and (tiny >= 5 or age >> 18) and city = 'New York'", TABLE)
    assert error.value.message == (
        'Expected a column or a value, not ">": at character 32: '
        '"… (tiny >= 5 or age >^> 18) and city = \'Ne…".'
    )


@pytest.mark.parametrize(
    ("text", "position", "hint"),
    [
        ("agee > 1", 0, 'Did you mean "age"?'),
        ("city = York", 7, "Write a text in single quotes"),
        ('city = "New York"', 7, "double quotes are for columns"),
        ("city = “York”", 7, "Curly quotes"),
        ("age > 1 and current_date > born", 12, "Available: age, tiny"),
    ],
)
def test_unknown_column_reports_position_and_choices(text: str, position: int, hint: str) -> None:
    with pytest.raises(UnknownColumn, match=hint) as error:
        parse_expression(text, TABLE)
    assert f"at character {position}: " in error.value.message
    assert error.value.loc == ("expression",)
