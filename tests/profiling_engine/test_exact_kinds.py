"""Dates and times, truth values and binary values."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.profiling_engine import plain_figures as plain
from tests.profiling_engine.conftest import Studio

STEADY = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@STEADY
@given(
    values=st.lists(
        st.one_of(st.none(), st.dates(), st.dates(date(2020, 1, 1), date(2020, 3, 1))), max_size=50
    )
)
def test_dates_have_the_plain_figures(studio: Studio, way: str, values: list[Any]) -> None:
    profile = studio.column("DATE", [None if v is None else v.isoformat() for v in values])
    there = [v for v in values if v is not None]
    assert profile.nulls.value == len(values) - len(there)
    assert profile.distinct is not None
    assert profile.distinct.value == len(set(there))
    if not there:
        return
    assert profile.minimum is not None
    assert profile.maximum is not None
    assert profile.minimum.value == min(there).isoformat()
    assert profile.maximum.value == max(there).isoformat()
    assert profile.quartiles is not None
    found = [profile.quartiles.lower, profile.quartiles.median, profile.quartiles.upper]
    assert [one.value for one in found] == [v.isoformat() for v in plain.quartiles(there)]
    if len(set(there)) == 1:
        assert profile.histogram is None
        return
    assert profile.histogram is not None
    bins = profile.histogram.bins
    assert len(bins) <= 40
    assert sum(one.rows for one in bins) == len(there)
    for one in bins:
        # The year 0 is written as 1 BC, and 10000 has five digits: neither compares as a text.
        if one.start[:4].isdigit() and len(one.start) == len(one.end) == 10:
            assert one.rows == sum(one.start <= v.isoformat() < one.end for v in there)


@pytest.mark.parametrize(
    ("type_", "values", "unit", "step", "first"),
    [
        ("DATE", ["2024-02-10", "2024-03-05"], "day", 1, "2024-02-10"),
        ("DATE", ["2024-02-10", "2024-06-05"], "week", 1, "2024-02-05"),
        ("DATE", ["2022-02-10", "2024-06-05"], "month", 1, "2022-02-01"),
        ("DATE", ["2016-02-10", "2024-06-05"], "quarter", 1, "2016-01-01"),
        ("DATE", ["1990-02-10", "2024-06-05"], "year", 1, "1990-01-01"),
        ("DATE", ["1903-02-10", "2024-06-05"], "year", 5, "1900-01-01"),
        ("DATE", ["0044-03-15 (BC)", "290000-01-01"], "year", 10_000, "10001-01-01 (BC)"),
        ("TIMESTAMP", ["2024-02-10 10:00:07", "2024-02-10 10:00:30"], "second", 1, None),
        ("TIMESTAMP", ["2024-02-10 10:00:07", "2024-02-11 18:00:30"], "hour", 1, None),
        ("TIMESTAMP", ["2024-02-10 10:00:07", "2024-02-13"], "hour", 3, "2024-02-10T09:00:00"),
        ("TIMESTAMP", ["290000-01-01", "290300-01-01"], "year", 10, "290000-01-01T00:00:00"),
        ("TIMESTAMP_NS", ["2024-01-01 00:00:00", "2024-01-01 00:00:00.000000009"],
         "nanosecond", 1, "2024-01-01T00:00:00"),
        ("TIMESTAMP WITH TIME ZONE", ["2024-02-10 10:00:07+02", "2026-02-12 00:00:00+00"],
         "month", 1, "2024-02-01T00:00:00+00:00"),
        ("TIME", ["00:00:00", "23:59:59"], "hour", 1, "00:00:00"),
    ],
)  # fmt: skip
def test_calendar_bins_begin_with_their_units(
    studio: Studio, type_: str, values: list[str], unit: str, step: int, first: str | None
) -> None:
    profile = studio.column(type_, values)
    histogram = profile.histogram
    assert histogram is not None
    assert (histogram.scale, histogram.unit, histogram.step) == ("calendar", unit, step)
    assert histogram.bins[0].rows == histogram.bins[-1].rows == 1
    if first is not None:
        assert histogram.bins[0].start == first
    if type_ == "TIME":
        assert histogram.bins[-1].end == "24:00:00"


def test_infinite_dates_are_counted_and_excluded(studio: Studio, way: str) -> None:
    values = ["infinity", "-infinity", "infinity", "2024-01-01", "2024-01-03", None]
    profile = studio.column("DATE", values)
    assert profile.moment is not None
    assert profile.moment.infinite.value == 3
    assert profile.minimum is not None
    assert profile.maximum is not None
    assert (profile.minimum.value, profile.maximum.value) == ("2024-01-01", "2024-01-03")
    assert profile.distinct is not None
    assert profile.distinct.low <= 4 <= profile.distinct.high
    assert [alert.code for alert in profile.alerts] == ["not_finite"]


def test_times_at_midnight_are_counted(studio: Studio, way: str) -> None:
    start = datetime(1969, 12, 30)  # noqa: DTZ001 - a TIMESTAMP has no zone
    values = [str(start + timedelta(hours=12 * i)) for i in range(9)]
    profile = studio.column("TIMESTAMP", values)
    assert profile.moment is not None
    assert profile.moment.midnight is not None
    assert profile.moment.midnight.value == 5


def test_truth_values_are_counted(studio: Studio, way: str) -> None:
    profile = studio.column("BOOLEAN", [True, False, True, None])
    assert profile.kind == "boolean"
    assert profile.boolean is not None
    assert (profile.boolean.true.value, profile.boolean.false.value) == (2, 1)
    assert profile.most_frequent is not None
    assert [(v.value, v.rows) for v in profile.most_frequent.values] == [(True, 2), (False, 1)]


def test_binary_values_have_lengths_in_bytes(studio: Studio, way: str) -> None:
    profile = studio.column("BLOB", [b"", b"abc", b"abc", None, "é".encode()])
    assert profile.kind == "binary"
    assert profile.lengths is not None
    found = profile.lengths
    assert (found.minimum.value, found.maximum.value, found.empty.value) == (0, 3, 1)
    assert found.mean.value == 2.0
    assert profile.most_frequent is not None
    assert (profile.most_frequent.values[0].value, profile.most_frequent.values[0].rows) == (
        "YWJj",
        2,
    )


TYPES = ("INTEGER", "DECIMAL(38,4)", "DOUBLE", "VARCHAR", "DATE", "TIMESTAMP", "BOOLEAN", "BLOB")


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("values", [[], [None, None, None]], ids=["no row", "all NULL"])
def test_columns_without_values_have_a_profile(
    studio: Studio, way: str, type_: str, values: list[Any]
) -> None:
    profile = studio.column(type_, values)
    assert profile.rows == profile.nulls.value == len(values)
    assert profile.distinct is not None
    assert profile.distinct.value == 0
    assert profile.most_frequent is not None
    assert profile.most_frequent.values == ()
    assert profile.unique is None
    assert [a.code for a in profile.alerts] == (["no_values"] if values else [])
    assert profile.as_json()["rows"] == len(values)


def test_value_counts_match_a_counter(studio: Studio, way: str) -> None:
    values = [str(i % 7 * (i % 3)) for i in range(500)] + ["often"] * 100
    profile = studio.column("VARCHAR", values)
    assert profile.most_frequent is not None
    expected = Counter(values).most_common(10)
    found = [(one.value, one.rows) for one in profile.most_frequent.values]
    assert sorted(found) == sorted(expected) or len(set(values)) > 10
