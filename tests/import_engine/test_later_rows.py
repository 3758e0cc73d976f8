"""Rows beyond the sample decide as much as the first ones."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from import_engine.options import read_options
from import_engine.values import MISSING_TEXTS
from import_engine.work import SAMPLE_ROWS
from tests.import_engine.conftest import Importing, lines

SAMPLE = 2_048
"""One block of DuckDB's sniffer, so that a test reads a tenth of the rows that a user's does."""
SAMPLED = SAMPLE + 100


@pytest.fixture
def importing(importing: Importing) -> Importing:
    importing.sample_rows = SAMPLE
    return importing


def whole_number(i: int) -> str:
    return f"{i},x"


WHOLE = {
    "7": ("BIGINT", 7),
    "-7": ("BIGINT", -7),
    "007": ("VARCHAR", "007"),
    "+7": ("VARCHAR", "+7"),
    "1_000": ("VARCHAR", "1_000"),
    "0x1F": ("VARCHAR", "0x1F"),
    "true": ("VARCHAR", "true"),
    " 7": ("BIGINT", 7),
    '""': ("BIGINT", None),
    "": ("BIGINT", None),
    "NA": ("BIGINT", None),
    "1.5": ("DOUBLE", 1.5),
    "1e3": ("VARCHAR", "1e3"),
    "1e+3": ("DOUBLE", 1000.0),
    "9" * 15: ("BIGINT", 999_999_999_999_999),
    "9" * 16: ("VARCHAR", "9" * 16),
    "9" * 50: ("VARCHAR", "9" * 50),
    "2020-01-02": ("VARCHAR", "2020-01-02"),
    "word": ("VARCHAR", "word"),
}
"""The type, and the last value, of a column of whole numbers that a later row ends with this."""


def test_whole_numbers_are_widened_by_a_later_row(importing: Importing) -> None:
    header = ",".join(f"c{number}" for number in range(len(WHOLE)))
    content = lines(header, lambda i: ",".join([str(i)] * len(WHOLE)), SAMPLED, [",".join(WHOLE)])
    outcome = importing.one(content)
    assert dict(zip(WHOLE, zip(outcome.types, outcome.rows[-1], strict=True), strict=True)) == WHOLE
    assert len(outcome.rows) == SAMPLED + 1
    assert {str(value).removesuffix(".0") for value in outcome.rows[9]} == {"9"}


OTHERS: dict[str, dict[str, tuple[str, object]]] = {
    "1.25": {
        "007.5": ("VARCHAR", "007.5"),
        "1_000.5": ("VARCHAR", "1_000.5"),
        "1.5_5": ("VARCHAR", "1.5_5"),
        "0.1000000000000000055511151231257827": ("DOUBLE", 0.1),
        "12345678901234567": ("VARCHAR", "12345678901234567"),
        "12345678901234567890.5": ("VARCHAR", "12345678901234567890.5"),
        "1e400": ("VARCHAR", "1e400"),
        "1e-400": ("VARCHAR", "1e-400"),
        "5e-324": ("DOUBLE", 5e-324),
        "0.30000000000000004": ("DOUBLE", 0.30000000000000004),
        "inf": ("DOUBLE", float("inf")),
        ".5": ("DOUBLE", 0.5),
        "-0": ("DOUBLE", 0.0),
    },
    "true": {"False": ("BOOLEAN", False), "1": ("VARCHAR", "1")},
    "false": {"F": ("VARCHAR", "F")},
    "10:11:12": {
        "9:05": ("TIME", time(9, 5)),
        "10:11:12+02": ("VARCHAR", "10:11:12+02"),
        "10:11:12.1234567": ("VARCHAR", "10:11:12.1234567"),
    },
    "2020-01-31": {
        "2020-1-2": ("DATE", date(2020, 1, 2)),
        "2020-01-31 10:00:00": ("TIMESTAMP", datetime(2020, 1, 31, 10)),  # noqa: DTZ001
        "2020-02-30": ("VARCHAR", "2020-02-30"),
        "20-01-02": ("VARCHAR", "20-01-02"),
        "infinity": ("VARCHAR", "infinity"),
        "0020-01-02": ("VARCHAR", "0020-01-02"),
        "2020-01-31Z": ("VARCHAR", "2020-01-31Z"),
        "NA": ("DATE", None),
        " 2020-01-02": ("DATE", date(2020, 1, 2)),
        "31/01/2020": ("VARCHAR", "31/01/2020"),
    },
    "2020-01-31 10:11:12": {
        "infinity": ("VARCHAR", "infinity"),
        "9999-12-31 23:59:59": ("TIMESTAMP", datetime(9999, 12, 31, 23, 59, 59)),  # noqa: DTZ001
        "2020-01-31": ("TIMESTAMP", datetime(2020, 1, 31)),  # noqa: DTZ001
        "2020-01-31 10:11:12.123456789": ("VARCHAR", "2020-01-31 10:11:12.123456789"),
    },
    "31.01.2020": {
        "1.2.2020": ("DATE", date(2020, 2, 1)),
        "1.2.20": ("VARCHAR", "1.2.20"),
        "1.13.2020": ("VARCHAR", "1.13.2020"),
    },
    "01/02/2020": {
        "13/02/2020": ("DATE", date(2020, 2, 13)),
        "02/13/2020": ("DATE", date(2020, 2, 13)),
    },
}
"""The same for columns that begin otherwise."""


@pytest.mark.parametrize("first", OTHERS)
def test_other_types_are_widened_by_a_later_row(importing: Importing, first: str) -> None:
    expected = OTHERS[first]
    header = ";".join(["b", *(f"c{number}" for number in range(len(expected)))])
    row = ";".join(["x"] + [first] * len(expected))
    outcome = importing.one(lines(header, lambda _: row, SAMPLED, [";".join(["x", *expected])]))
    found = zip(outcome.types[1:], outcome.rows[-1][1:], strict=True)
    assert dict(zip(expected, found, strict=True)) == expected


def test_a_zone_in_a_later_row_makes_instants(importing: Importing) -> None:
    content = lines("a", lambda _: "2020-01-31 10:11:12", SAMPLED, ["2020-01-31 10:11:12+02"])
    outcome = importing.one(content)
    assert outcome.types == ["TIMESTAMP WITH TIME ZONE"]
    assert str(outcome.rows[-1][0]).startswith("2020-01-31 08:11:12")
    assert any("instants in UTC" in note for note in outcome.notes)


@pytest.mark.parametrize(
    ("late", "type_", "last"),
    [
        ("5", "BIGINT", 5),
        ("007", "VARCHAR", "007"),
        ("1.5", "DOUBLE", 1.5),
        ("2020-01-31", "DATE", date(2020, 1, 31)),
        ("31.01.2020", "DATE", date(2020, 1, 31)),
        ("true", "BOOLEAN", True),
        ("", "VARCHAR", None),
    ],
)
def test_a_late_value_determines_an_empty_columns_type(
    importing: Importing, late: str, type_: str, last: object
) -> None:
    outcome = importing.one(lines("a,b", lambda i: f"{i},", SAMPLED, [f"1,{late}"]))
    assert outcome.types == ["BIGINT", type_]
    assert outcome.rows[-1] == (1, last)


def test_late_quotes_are_removed_from_values(importing: Importing) -> None:
    outcome = importing.one(lines("a,b", lambda i: f"{i},x", SAMPLED, ['1,"y, ""z"""', '2,"w"']))
    assert outcome.column("b")[-2:] == ['y, "z"', "w"]


def test_a_widened_column_is_noted(importing: Importing) -> None:
    importing.sample_rows = SAMPLE_ROWS  # that of a user's import
    outcome = importing.one(lines("a,b", whole_number, SAMPLE_ROWS + 100, ["007,x"]))
    assert outcome.notes == (
        'Column "a" is stored as text: not all its values fit BIGINT, such as "007".',
    )


CELLS = st.sampled_from(
    ["1", "-5", "2.5", "1e+5", "true", "false", "2020-01-02", "2020-01-02 03:04:05", "10:11:12",
     "x", "", "NA", "13/04/2020", "2020-01-02T03:04:05Z", "99999999999999999999"]
)  # fmt: skip


LONG = "99999999999999999999"
BETTER = {
    # A DOUBLE would lose digits of the whole number.
    **{pair: "VARCHAR" for short in ("2.5", "1e+5") for pair in ((short, LONG), (LONG, short))},
    # DuckDB tries this way of writing a date only when a sample's first rows have one.
    **{(nothing, "13/04/2020"): "DATE" for nothing in ("", "NA")},
    # DuckDB takes the later instant for a TIMESTAMP, and would drop its offset.
    **{
        (first, "2020-01-02T03:04:05Z"): "TIMESTAMP WITH TIME ZONE"
        for first in ("", "NA", "2020-01-02", "2020-01-02 03:04:05")
    },
}


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(first=CELLS, late=CELLS)
def test_types_equal_duckdbs_full_inference(importing: Importing, first: str, late: str) -> None:
    content = lines("a|b", lambda i: f"{first}|{i}", SAMPLED, [f"{late}|1"])
    outcome = importing.one(content)
    file = importing.root / f"upload-{importing.count}"
    whole = (
        "SELECT Columns FROM sniff_csv(?, sample_size = -1, delim = '|', quote = '\"', "
        f"escape = '\"', header = true, nullstr = [{MISSING_TEXTS}])"
    )
    with importing.database.cursor() as cursor:
        row = cursor.execute(whole, [str(file)]).fetchone()
    assert row is not None
    found = row[0][0]["type"].replace("HUGEINT", "VARCHAR")
    assert outcome.types[0] == BETTER.get((first, late), found)


LATE_AMOUNTS = {
    "1,234.50": ("DECIMAL(18,2)", 1234.5),
    "(5.00)": ("DECIMAL(18,2)", -5.0),
    "7.25-": ("DECIMAL(18,2)", -7.25),
    "1,234,567": ("BIGINT", 1234567),
}


@pytest.mark.parametrize("late", LATE_AMOUNTS)
def test_a_late_amount_shows_how_numbers_are_written(importing: Importing, late: str) -> None:
    type_, value = LATE_AMOUNTS[late]
    outcome = importing.one(lines("a;b", lambda i: f"{i};x", SAMPLED, [f"{late};y"]))
    assert outcome.types == [type_, "VARCHAR"]
    assert outcome.column("a")[-1] == value
    assert any("is read as numbers" in note for note in outcome.notes)


@pytest.mark.parametrize("late", ["13/02/2025", "02/13/2025"])
def test_a_late_date_decides_the_order(importing: Importing, late: str) -> None:
    outcome = importing.one(lines("a,b", lambda i: "01/02/2025,x", SAMPLED, [f"{late},y"]))
    assert outcome.types == ["DATE", "VARCHAR"]
    assert str(outcome.column("a")[-1]) == "2025-02-13"


def test_a_late_total_is_left_out(importing: Importing) -> None:
    content = lines("a,b,c", lambda i: f"k{i},{i},x", SAMPLED, ["", "Total,5,"])
    outcome = importing.one(content)
    assert (len(outcome.rows), outcome.types) == (SAMPLED, ["VARCHAR", "BIGINT", "VARCHAR"])
    assert outcome.notes == ('Left out 1 row at the end: "Total,5,".',)


@pytest.mark.parametrize(
    ("late", "type_", "last"),
    [("31.01.2020", "DATE", date(2020, 1, 31)), ("yes", "BOOLEAN", True), ("7", "BIGINT", 7)],
)
def test_a_late_value_is_read_as_the_given_type(
    importing: Importing, late: str, type_: str, last: object
) -> None:
    content = lines("a,b", lambda i: f"{i},", SAMPLED, [f"1,{late}"])
    options = read_options({"types": {"b": type_}})
    (table,) = importing.tables(content, options=options)
    outcome = importing.read(table)
    assert (outcome.types, outcome.rows[-1]) == (["BIGINT", type_], (1, last))
