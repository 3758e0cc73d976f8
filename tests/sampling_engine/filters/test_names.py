"""Column names, bare and in double quotes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column, TableFiles, UnknownColumn
from sampling_engine.filters import InvalidFilter, parse_conditions, parse_expression
from tests.sampling_engine.filters.tiny_table import TinyTable

WORDS_OF_SQL = [
    *("in", "order", "group", "select", "from", "where", "and", "or", "between", "like", "ilike"),
    *("is", "exists", "case", "date", "timestamp", "interval", "first", "count", "values", "end"),
]
OTHER_NAMES = [
    *("income", "Größe", "名前", "имя", "नाम", "اسم", "a_b", "größe_2", "ﬁ", "🙂", "é", "e\u0301"),
]
NEED_QUOTES = [
    *("a b", 'x"y', "it's", "a.b", "1st", "a-b", "true", "null", "not", "false", "--", ";", "%"),
    *("(", "$1", "?", "*", "a\nb", "/*", "\\", "[x]", "'"),
]


def table_of(*names: str) -> TableFiles:
    return TableFiles(tuple(Column(name, "INTEGER") for name in names), ())


@pytest.mark.parametrize("name", [*WORDS_OF_SQL, *OTHER_NAMES])
def test_bare_name_is_a_column_in_every_position(name: str) -> None:
    tiny = TinyTable({name: "INTEGER", "other": "INTEGER"}, [{name: 6, "other": 5}, {name: 1}])
    for text in (
        f"{name} > 5",
        f"5 < {name}",
        f"not {name} in (1, 2) and {name} in (6)",
        f"{name} between 6 and 7 and {name} is not null or {name} = 7",
        f"({name}) = 6 and ({name} not between 1 and 2)",
        f"other < {name}",
    ):
        assert tiny.selected(parse_expression(text, tiny.table)) == [0], text


@pytest.mark.parametrize("name", [*WORDS_OF_SQL, *OTHER_NAMES, *NEED_QUOTES])
def test_quoted_name_is_always_a_column(name: str) -> None:
    tiny = TinyTable({name: "INTEGER"}, [{name: 6}, {name: 1}, {}])
    quoted = quote_identifier(name)
    parsed = parse_expression(f"{quoted} > 5 or {quoted} is null", tiny.table)
    assert tiny.selected(parsed) == [0, 2]
    condition = {"column": name, "operator": ">", "value": 5}
    assert tiny.selected(parse_conditions([condition], "AND", tiny.table)) == [0]


def test_operator_words_can_be_column_names() -> None:
    table = table_of("in", "between", "and", "or", "is", "like")
    text = "in in (1) and between between 1 and 2 or and = or and is is null or or > and"
    assert parse_expression(text, table).text == (
        '("in" IN (1) AND "between" BETWEEN 1 AND 2) OR ("and" = "or" AND "is" IS NULL) '
        'OR "or" > "and"'
    )


@pytest.mark.parametrize("word", ["not", "null", "true", "false"])
def test_literal_words_are_columns_only_in_quotes(word: str) -> None:
    table = table_of(word)
    with pytest.raises(InvalidFilter, match="double quotes"):
        parse_expression(f"{word} = 5", table)
    assert parse_expression(f'"{word}" = 5', table).columns == table.columns


def test_exact_name_precedes_another_case() -> None:
    table = table_of("Age", "age", "AGE2")
    assert parse_expression("age > Age and age2 = 1", table).text == (
        '"age" > "Age" AND "AGE2" = 1'
    )


def test_unknown_name_in_another_script_is_reported() -> None:
    with pytest.raises(
        UnknownColumn, match='There is no column "名字": at character 0: "\\^名字 = 1"'
    ):
        parse_expression("名字 = 1", table_of("名前"))


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8))
def test_every_name_works_in_quotes(name: str) -> None:
    table = table_of(name)
    parsed = parse_expression(f"{quote_identifier(name)} = 1", table)
    assert parsed.columns == table.columns
    assert parsed.condition("s")[0] == f"(s.{quote_identifier(name)} = CAST(? AS INTEGER))"
    assert parse_expression(parsed.text, table) == parsed
