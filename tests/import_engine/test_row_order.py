"""A column's type and values don't depend on the order of its rows."""

from __future__ import annotations

import json
import random

import pytest

from import_engine.work import SAMPLE_ROWS
from tests.import_engine.conftest import Importing, Outcome

COLUMNS: dict[str, tuple[str, list[str]]] = {
    "days and times": ("TIMESTAMP", ["2020-01-31", "2020-01-31 10:00:00", "2021-02-03T04:05"]),
    "days and instants": ("TIMESTAMP WITH TIME ZONE", ["2020-01-31", "2020-01-31 10:00:00+02"]),
    "times and instants": (
        "TIMESTAMP WITH TIME ZONE",
        ["2020-01-31 10:00:00", "2020-01-31T10:00:00Z"],
    ),
    "two ways of days": ("VARCHAR", ["2020-01-31", "31.01.2020"]),
    "day or month first": ("DATE", ["01/02/2020", "13/02/2020", "02/12/2020"]),
    "month or day first": ("DATE", ["01/02/2020", "02/13/2020", "12/02/2020"]),
    "unclear days": ("VARCHAR", ["01/02/2020", "03/04/2020"]),
    "ids of many digits": ("VARCHAR", ["1", "9223372036854775808", "-7"]),
    "numbers": ("DOUBLE", ["1", "2.5", "1e3", "nan", "-0"]),
    "numbers that a DOUBLE rounds": ("VARCHAR", ["0.5", "9007199254740993"]),
    "numbers that it keeps": ("DOUBLE", ["0.5", "900719925474099", "4503599627370497.5"]),
    "flags and numbers": ("VARCHAR", ["true", "1", "0"]),
    "flags": ("BOOLEAN", ["true", "FALSE", "True"]),
    "flags and letters": ("VARCHAR", ["true", "F", "false"]),
    "clocks": ("TIME", ["9:05", "10:11:12.123456"]),
    "clocks and days": ("VARCHAR", ["9:05", "2020-01-31"]),
    "zeros in front": ("VARCHAR", ["7", "007"]),
    "missing words": ("BIGINT", ["7", "NA", "", "NULL", " 8 "]),
    "missing words and days": ("DATE", ["NA", "2020-01-31"]),
    "no value": ("VARCHAR", ["", ""]),
}
ROWS = 500
ORDERS = 4


def table(order: random.Random) -> list[list[str]]:
    rows = [[values[i % len(values)] for _, values in COLUMNS.values()] for i in range(ROWS)]
    order.shuffle(rows)
    return rows


def by_row(outcome: Outcome) -> list[str]:
    return sorted(repr(row) for row in outcome.rows)


def test_rows_of_text_in_any_order_give_the_same_table(importing: Importing) -> None:
    header = ";".join(COLUMNS)
    tables = []
    for seed in range(ORDERS):
        rows = table(random.Random(seed))
        outcome = importing.one("\n".join([header, *(";".join(row) for row in rows)]) + "\n")
        types = dict(zip(outcome.names, outcome.types, strict=True))
        assert types == {name: type_ for name, (type_, _) in COLUMNS.items()}
        tables.append((by_row(outcome), sorted(outcome.notes)))
    assert all(each[0] == tables[0][0] for each in tables)


JSON_COLUMNS: dict[str, tuple[str, list[object]]] = {
    "days and times": ("TIMESTAMP", ["2020-01-31", "2020-01-31 10:00:00"]),
    "days and words": ("VARCHAR", ["2020-01-31", "soon"]),
    "days and numbers": ("VARCHAR", ["2020-01-31", 20200131]),
    "days and missing words": ("DATE", ["2020-01-31", "NA", "", None]),
    "whole numbers": ("DECIMAL(38,0)", [1, 2**63, -7]),
    "numbers": ("DOUBLE", [1, 2.5, 1e300]),
    "numbers that a DOUBLE rounds": ("VARCHAR", [0.5, 9007199254740993]),
    "digits": ("VARCHAR", ["7", "8"]),
    "digits and numbers": ("VARCHAR", ["7", 8]),
    "flags": ("BOOLEAN", [True, False, None]),
    "flags and numbers": ("VARCHAR", [True, 1]),
    "nested": ("VARCHAR", [{"a": 1}, [1], None]),
    "late": ("TIMESTAMP", [*[None] * 249, "2020-01-31 10:00", "2020-01-31"]),
}


def test_objects_in_any_order_give_the_same_table(importing: Importing) -> None:
    tables = []
    for seed in range(ORDERS):
        order = random.Random(seed)
        rows: list[dict[str, object]] = [
            {name: values[i % len(values)] for name, (_, values) in JSON_COLUMNS.items()}
            for i in range(ROWS)
        ]
        if seed:
            order.shuffle(rows)
        outcome = importing.one("\n".join(map(json.dumps, rows)), "f.ndjson")
        types = dict(zip(outcome.names, outcome.types, strict=True))
        assert types == {name: type_ for name, (type_, _) in JSON_COLUMNS.items()}
        tables.append(by_row(outcome))
    assert all(each == tables[0] for each in tables)


@pytest.mark.parametrize(("beyond", "sample"), [(300, SAMPLE_ROWS), (2_200, 2_048)])
def test_a_late_row_decides_as_much_as_a_first_one(
    importing: Importing, beyond: int, sample: int
) -> None:
    importing.sample_rows = sample
    for one, other, type_ in (
        ("2020-01-31", "2020-01-31 10:00:00", "TIMESTAMP"),
        ("2020-01-31 10:00:00", "2020-01-31 10:00:00+02", "TIMESTAMP WITH TIME ZONE"),
        ("0.5", "9007199254740993", "VARCHAR"),
        ("1", "9223372036854775808", "VARCHAR"),
        ("1", "1234567890123456", "VARCHAR"),
        ("01/02/2020", "13/02/2020", "DATE"),
    ):
        for first, last in ((one, other), (other, one)):
            content = "\n".join(["a;b", *[f"{first};x"] * beyond, f"{last};x"]) + "\n"
            outcome = importing.one(content)
            assert outcome.types == [type_, "VARCHAR"], (first, last)
            if type_ == "VARCHAR":
                assert (outcome.rows[0][0], outcome.rows[-1][0]) == (first, last)


def test_sixteen_digits_keep_their_values(importing: Importing) -> None:
    rows = ["9007199254740993", "0.5", "-9007199254740993"]
    assert importing.one("\n".join(["a", *rows]) + "\n").column("a") == rows
    ids = ["9007199254740993", "9223372036854775808"]
    assert importing.one("\n".join(["a", *ids]) + "\n").column("a") == ids
