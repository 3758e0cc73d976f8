"""Relative dates: ``today - 7``, ``yesterday``, ``now - 12 hours``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from parquet_tables.tables import Column, DataFile, TableFiles
from sampling_engine.filters import InvalidFilter, absolute_condition, parse_conditions
from sampling_engine.filters.expression import absolute_expression, parse_expression

NOON = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
TABLE = TableFiles(
    (
        Column("day", "DATE"),
        Column("seen", "TIMESTAMP"),
        Column("zoned", "TIMESTAMP WITH TIME ZONE"),
        Column("part", "VARCHAR"),
        Column("amount", "BIGINT"),
    ),
    (DataFile(Path("a.parquet"), 1),),
)
WITH_TODAY = TableFiles((*TABLE.columns, Column("today", "DATE")), TABLE.files)


@pytest.mark.parametrize(
    ("text", "absolute"),
    [
        ("day >= today - 7", "day >= '2026-02-22'"),
        ("day >= TODAY-7 AND amount > 7", "day >= '2026-02-22' AND amount > 7"),
        ("day = yesterday", "day = '2026-02-28'"),
        ("day < today + 1 day", "day < '2026-03-02'"),
        ("day BETWEEN today - 30 AND yesterday", "day BETWEEN '2026-01-30' AND '2026-02-28'"),
        ("day IN (today, yesterday)", "day IN ('2026-03-01', '2026-02-28')"),
        ("yesterday <= day", "'2026-02-28' <= day"),
        ("seen >= now - 12 hours", "seen >= '2026-03-01 00:30:00'"),
        ("zoned < now - 30 minutes", "zoned < '2026-03-01 12:00:00'"),
        ("NOT (seen < now)", "NOT (seen < '2026-03-01 12:30:00')"),
        ("part = yesterday", "part = '2026-02-28'"),
        ("part = 'today'", "part = 'today'"),
        ("day >= '2026-01-01'", "day >= '2026-01-01'"),
    ],
)
def test_relative_dates_become_dates(text: str, absolute: str) -> None:
    assert absolute_expression(text, TABLE, now=NOON) == absolute
    assert parse_expression(text, TABLE, now=NOON).text == parse_expression(absolute, TABLE).text


def test_a_column_of_the_name_comes_first() -> None:
    text = "today = day AND yesterday = day"
    assert absolute_expression(text, WITH_TODAY, now=NOON) == "today = day AND '2026-02-28' = day"


def test_a_day_is_that_of_the_time_zone() -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin"))
    text = "day = today AND seen < now"
    assert absolute_expression(text, TABLE, now=late) == (
        "day = '2026-03-02' AND seen < '2026-03-01 23:30:00'"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("day >= today - 7 hours", "today counts days; for a time write now - 7 hours"),
        ("seen >= now - 7", "Write a unit after the number: now - 7 days, hours or minutes"),
        ("day >= today - 7.5", "Write a whole number after today"),
        ("day >= today - amount", "Arithmetic (-) is not supported"),
        ("day >= today - 9999999", "today - 9999999 is no date"),
        ("day >= today()", "write today, or today - 7"),
        ("seen >= now()", "write now, or now - 12 hours"),
        ("day >= today 7", 'Expected an operator before "7"'),
        ("amount > today", "a number, for example 18"),
        ("today > yesterday", "A comparison needs a column"),
    ],
)
def test_other_spellings_are_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidFilter) as refused:
        parse_expression(text, TABLE, now=NOON)
    assert message in refused.value.message


def test_conditions_have_relative_dates_on_columns_of_dates_alone() -> None:
    since = {"column": "day", "operator": "between", "value": ["today - 7", "yesterday"]}
    assert absolute_condition(since, TABLE, NOON)["value"] == ["2026-02-22", "2026-02-28"]
    named = {"column": "part", "operator": "=", "value": "today"}
    assert absolute_condition(named, TABLE, NOON) == named
    parsed = parse_conditions([since, named], "AND", TABLE, now=NOON)
    assert parsed.text == ("\"day\" BETWEEN '2026-02-22' AND '2026-02-28' AND \"part\" = 'today'")
    with pytest.raises(InvalidFilter, match="today counts days"):
        parse_conditions(
            [{"column": "day", "operator": ">", "value": "today - 2 hours"}], "AND", TABLE
        )
