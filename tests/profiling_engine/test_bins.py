"""Edges of bins: round, few, and around every value."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling_engine.columns.axis import Edges, calendar_edges, linear_edges, logarithmic_edges
from profiling_engine.columns.kinds import Axis
from tests.profiling_engine.conftest import Studio

WHOLE = Axis("BIGINT", "BIGINT")
FLOAT = Axis("DOUBLE", "DOUBLE")
DAY = Axis("BIGINT", "DATE")
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def check(edges: Edges, low: float, high: float) -> None:
    assert edges.at[0] <= low
    assert edges.at[-1] > high
    assert list(edges.at) == sorted(set(edges.at))
    assert 2 <= len(edges.at) <= 41


@given(one=st.integers(-(2**127), 2**127), other=st.integers(-(2**127), 2**127))
def test_bins_of_integers_cover_all_values(one: int, other: int) -> None:
    low, high = min(one, other), max(one, other)
    edges = linear_edges(WHOLE, low, high)
    check(edges, low, high)
    widths = {b - a for a, b in zip(edges.at, edges.at[1:], strict=False)}
    assert len(widths) == 1
    assert str(widths.pop()).rstrip("0") in ("1", "2", "5")


@settings(max_examples=300)
@given(one=FINITE, other=FINITE)
def test_bins_of_floats_cover_all_values(one: float, other: float) -> None:
    if one != other:
        low, high = min(one, other), max(one, other)
        check(linear_edges(FLOAT, low, high), low, high)


def test_edges_of_floats_are_nearest_to_round_numbers() -> None:
    edges = linear_edges(FLOAT, 0.12, 0.43).at
    assert edges[:4] == (0.12, 0.13, 0.14, 0.15)
    assert all(len(str(Decimal(repr(edge)))) <= 4 for edge in edges)


@given(least=st.integers(1, 10**30), more=st.integers(0, 10**36))
def test_logarithmic_bins_of_integers_cover_all_values(least: int, more: int) -> None:
    edges = logarithmic_edges(WHOLE, least, least + more)
    check(edges, 0, least + more)
    assert edges.at[0] == 0
    assert edges.at[1] <= least or len(edges.at) == 41


@given(one=FINITE.map(abs), other=FINITE.map(abs))
def test_logarithmic_bins_of_floats_cover_all_values(one: float, other: float) -> None:
    low, high = min(one, other) or 5e-324, max(one, other) or 5e-324
    check(logarithmic_edges(FLOAT, low, high), 0.0, high)


def test_skewed_values_have_logarithmic_bins(studio: Studio) -> None:
    profile = studio.column("INTEGER", [0, 0, 3, *[20] * 50, *[40] * 40, 5000])
    histogram = profile.histogram
    assert histogram is not None
    assert histogram.scale == "logarithmic"
    assert [one.start for one in histogram.bins][:5] == [0, 2, 5, 10, 20]
    assert [one.rows for one in histogram.bins if one.rows] == [2, 1, 90, 1]
    linear = studio.column("INTEGER", [0, 0, 3, *[20] * 50, *[40] * 40, 90]).histogram
    assert linear is not None
    assert linear.scale == "linear"


def test_long_tails_with_negatives_are_clipped(studio: Studio) -> None:
    values = [-4000, *range(-10, 90), 9_000_000]
    histogram = studio.column("INTEGER", values).histogram
    assert histogram is not None
    assert histogram.scale == "clipped"
    assert histogram.bins[0].start <= -4000
    assert histogram.bins[-1].end > 9_000_000
    assert len(histogram.bins) > 10
    assert sum(one.rows for one in histogram.bins) == len(values)
    assert max(one.rows for one in histogram.bins) < 30


@given(one=st.integers(-(10**9), 2 * 10**9), other=st.integers(-(10**9), 2 * 10**9))
def test_bins_of_days_cover_all_values(one: int, other: int) -> None:
    low, high = min(one, other), max(one, other)
    check(calendar_edges(DAY, low, high), low, high)


@given(one=st.dates(), days=st.integers(0, 30_000))
def test_bins_of_months_begin_on_the_first(one: dt.date, days: int) -> None:
    origin = dt.date(1970, 1, 1)
    low = (one - origin).days
    edges = calendar_edges(DAY, low, low + days)
    for at in edges.at:
        try:
            day = origin + dt.timedelta(at)
        except OverflowError:
            continue
        if edges.unit == "week":
            assert day.weekday() == 0
        elif edges.unit != "day":
            assert day.day == 1
            months = {"month": 1, "quarter": 3, "year": 12}[edges.unit or ""]
            assert (day.year * 12 + day.month - 1) % (months * (edges.step or 1)) == 0


@pytest.mark.parametrize("ticks", [1, 17, 999, 10**6, 10**9, 10**13])
def test_bins_of_times_cover_all_values(ticks: int) -> None:
    for type_ in ("TIMESTAMP", "TIMESTAMP_NS", "TIME"):
        high = min(ticks, 86_400_000_000) if type_ == "TIME" else ticks
        check(calendar_edges(Axis("BIGINT", type_), 3, 3 + high), 3, 3 + high)
