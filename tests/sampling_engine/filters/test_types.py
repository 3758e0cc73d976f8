"""Values that fit a column, and exact comparisons."""

from __future__ import annotations

import pytest

from parquet_tables.tables import Column, TableFiles
from sampling_engine.filters import InvalidFilter, parse_expression
from tests.sampling_engine.filters.tiny_table import TABLE, TinyTable

INVALID = {
    "city = 5": (7, "city.*VARCHAR: write it in single quotes, '5', not the number 5"),
    "city in ('a', 5)": (14, "VARCHAR"),
    "5 < city": (0, "VARCHAR"),
    "city = true": (7, "VARCHAR.*not true"),
    "age = 'old'": (6, "INTEGER: write a number, for example 18, not the text 'old'"),
    "age = ''": (6, "INTEGER"),
    "age = 'NaN'": (6, "INTEGER"),
    "price > 'cheap'": (8, r"DECIMAL\(10,2\)"),
    "rate = 'x'": (7, "DOUBLE"),
    "rate = 1e400": (7, "no number as large"),
    "ratio = 1e39": (8, "no number as large"),
    "age = true": (6, "INTEGER.*not true"),
    "active = 1": (9, "BOOLEAN: write true or false"),
    "active = 'yes'": (9, "BOOLEAN"),
    "active > false": (0, "no order"),
    "active between false and true": (0, "no order"),
    "active < paid": (0, "no order"),
    "born = 'yesterday'": (7, "DATE: write a date"),
    "born = '2025-02-30'": (7, "DATE"),
    "born = '31.12.2025'": (7, "DATE"),
    "born = 2025": (7, "DATE"),
    "born = '2025-01-01+02:00'": (7, "DATE"),
    "seen = '2025-01-01 12:00+02:00'": (7, "TIMESTAMP: write .* without offset"),
    "seen = '2025-01-01 25:00'": (7, "TIMESTAMP"),
    "sent = '2025-01-01 12:00+99:00'": (7, "TIMESTAMP WITH TIME ZONE"),
    "sent = '0001-01-01 00:00+05:00'": (7, "TIMESTAMP WITH TIME ZONE"),
    "opens = '8:30'": (8, "TIME: write a time of day"),
    "opens = '2025-01-01'": (8, "TIME"),
    "key = 'x'": (6, "UUID"),
    "age like '1%'": (0, "LIKE is only for text"),
    "born ilike '2025%'": (0, "ILIKE is only for text"),
    "city like 5": (10, "Expected a text after LIKE"),
    "city like code": (10, "Expected a text after LIKE"),
    "tags = 'a'": (0, r"VARCHAR\[\], which can't be compared: write IS NULL"),
    "tags like 'a'": (0, r"VARCHAR\[\]"),
    "body = 'x'": (0, "BLOB"),
    "'x' = body": (6, "BLOB"),
    "city = tags": (7, r"VARCHAR\[\]"),
    "city = age": (7, "VARCHAR and .* INTEGER: they can't be compared"),
    "born > opens": (7, "can't be compared"),
    "exact = seen": (8, "can't be compared"),
    "huge = price": (7, "can't be compared"),
    "active = age": (9, "can't be compared"),
}


@pytest.mark.parametrize(
    ("text", "position", "message"), [(text, *error) for text, error in INVALID.items()]
)
def test_unfitting_value_reports_the_type(text: str, position: int, message: str) -> None:
    with pytest.raises(InvalidFilter, match=message) as error:
        parse_expression(text, TABLE)
    assert error.value.position == position


EXACT = {
    "price = 0.1": [0],
    "price = 0.100": [0],
    "price = 0.1000000000000000055511151231257827": [],
    "price < 0.1000000000000000055511151231257827": [0, 1],
    "price >= 1e300": [],
    "price > -1e300": [0, 1, 2],
    "price = '0.10'": [0],
    "rate = 0.1": [0],
    "rate = '0.1'": [0],
    "ratio = 0.1": [0],
    "ratio >= 0.1 and ratio <= 0.1": [0],
    "ratio in (0.1, 2)": [0, 2],
    "rate = 0": [3],
    "rate = -0": [3],
    "big = 9007199254740993": [0],
    "big = 9007199254740992": [],
    "big = 9007199254740993.0": [0],
    "big = 9007199254740992.9999999999999999999999": [],
    "big > 9007199254740992.9999999999999999999999": [0],
    "big = -9223372036854775808": [1],
    "big >= -9223372036854775809": [0, 1, 2],
    "big < 99999999999999999999999999999999999999999999999": [0, 1, 2],
    "big = 99999999999999999999999999999999999999999999999": [],
    "big != 99999999999999999999999999999999999999999999999": [0, 1, 2],
    "not big = 99999999999999999999999999999999999999999999999": [0, 1, 2],
    "unsigned = 18446744073709551615": [0],
    "unsigned >= -1": [0, 1, 2],
    "unsigned in (-1, 0.5, 0)": [1],
    "unsigned in (-1, 0.5)": [],
    "unsigned not in (-1, 0.5)": [0, 1, 2],
    "huge = 1267650600228229401496703205376": [0],
    "huge > 1267650600228229401496703205375.5": [0],
    "tiny > 126.5": [1],
    "tiny <= 126.5": [0, 2],
    "tiny between -127.5 and 300": [1, 2],
    "tiny < -128": [],
    "tiny < 1000": [0, 1, 2],
    "tiny = 1.5": [],
    "tiny != 1.5": [0, 1, 2],
    "born < '2000-02-29 00:00:01'": [0, 1],
    "born < '2000-02-29T00:00:00'": [1],
    "born = '2000-02-29 12:00'": [],
    "seen = '2000-02-29 12:30'": [0],
    "seen < '1970-01-01'": [1],
    "seen > '1969-12-31 23:59:59.999998999'": [0, 1, 2],
    "seen > '1969-12-31 23:59:59.999999'": [0, 2],
    "exact >= '0001-01-01'": [0, 1, 2],
    "exact < '9999-12-31 23:59:59.999999999'": [0, 1, 2],
    "exact > '1969-12-31 23:59:58.999999999'": [0, 1, 2],
    "exact = '2000-02-29 12:30'": [0],
    "sent = '2000-02-29 12:30'": [0],
    "sent = '2000-02-29T12:30:00Z'": [0],
    "sent = '2000-02-29 14:30:00+02:00'": [0],
    "sent = '2000-02-29 07:00-0530'": [0],
    "sent < '1970-01-01'": [1],
    "opens < '00:00:00.0000001'": [1],
    "opens > '23:59:59'": [2],
    "rate = 'NaN'": [1],
    "rate > 1e308": [1],
    "rate < 'NaN'": [0, 2, 3],
    "ratio = 'infinity'": [1],
    "ratio > '-Infinity'": [0, 1, 2],
    "rate != 2": [0, 1, 3],
    "active = 'TRUE'": [0, 2],
    "city > 'a'": [1, 3],
}


@pytest.mark.parametrize(("text", "rows"), EXACT.items())
def test_comparisons_are_exact(tiny: TinyTable, text: str, rows: list[int]) -> None:
    assert tiny.selected(parse_expression(text, TABLE)) == rows


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("price = 1.50", '"price" = 1.5'),
        ("price = '1e2'", '"price" = 100'),
        ("rate > 1E300", '"rate" > 1e300'),
        ("rate > 123e-60", '"rate" > 1.23e-58'),
        ("age = -0.0", '"age" = 0'),
        ("rate = 'nan'", "\"rate\" = 'NaN'"),
        ("born = '2025-01-01 00:00'", "\"born\" = '2025-01-01'"),
        ("seen = '2025-01-01'", "\"seen\" = '2025-01-01 00:00:00'"),
        ("sent = '2025-01-01 01:30+01:30'", "\"sent\" = '2025-01-01 00:00:00+00:00'"),
        ("opens = '01:02:03.5000'", "\"opens\" = '01:02:03.5'"),
        ("active = 'True'", '"active" = true'),
    ],
)
def test_values_have_canonical_texts(text: str, canonical: str) -> None:
    parsed = parse_expression(text, TABLE)
    assert parsed.text == canonical
    assert parse_expression(canonical, TABLE) == parsed


@pytest.mark.parametrize(
    "kind",
    [
        *("BLOB", "INTERVAL", "JSON", "INTEGER[]", "VARCHAR[3]", "STRUCT(a INTEGER)", "BIT"),
        *("MAP(INTEGER, INTEGER)", "UNION(a INTEGER)", "TIME WITH TIME ZONE", '"NULL"', "x"),
    ],
)
def test_other_types_allow_only_null_tests(kind: str) -> None:
    table = TableFiles((Column("it", kind),), ())
    assert parse_expression("it is not null", table).condition("s") == (
        '(NOT (s."it" IS NULL))',
        [],
    )
    for text in ("it = 'x'", "it = 1", "it in (1)", "it = it", "it between 1 and 2"):
        with pytest.raises(InvalidFilter, match="write IS NULL"):
            parse_expression(text, table)


def test_accepted_column_pairs_run(tiny: TinyTable) -> None:
    accepted = 0
    for left in TABLE.columns:
        for right in TABLE.columns:
            try:
                parsed = parse_expression(f'"{left.name}" = "{right.name}"', TABLE)
            except InvalidFilter:
                continue
            accepted += 1
            tiny.selected(parsed)
            tiny.selected(parse_expression(f'NOT "{left.name}" != "{right.name}"', TABLE))
    assert accepted > 60
