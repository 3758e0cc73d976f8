"""Columns of numbers: every exact figure is what plain Python makes of the values."""

from __future__ import annotations

import math
import sys
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parquet_tables.json_values import json_value
from profiling_engine import ColumnProfile, Figure
from profiling_engine.columns.kinds import WIDE
from tests.profiling_engine import plain_figures as plain
from tests.profiling_engine.conftest import Studio

STEADY = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
FLOATS = st.one_of(
    st.floats(),
    st.floats(-1000, 1000),
    st.sampled_from([0.0, -0.0, 0.1, 1e308, -1.7976931348623157e308, 5e-324, 1e-300, 123.456]),
    st.floats(-1e-303, 1e-303),
)


def decimals(digits: int, places: int) -> st.SearchStrategy[Decimal]:
    most = 10**digits - 1
    units = st.one_of(
        st.integers(-most, most), st.integers(-50, 50), st.sampled_from([most, -most])
    )
    return units.map(lambda unit: Decimal(unit).scaleb(-places, WIDE))


KINDS: dict[str, st.SearchStrategy[Any]] = {
    "TINYINT": st.integers(-128, 127),
    "INTEGER": st.integers(-(2**31), 2**31 - 1),
    "BIGINT": st.one_of(
        st.integers(-(2**63), 2**63 - 1), st.integers(-9, 9), st.sampled_from([-(2**63), 2**63 - 1])
    ),
    "UBIGINT": st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 9)),
    "DECIMAL(9,2)": decimals(9, 2),
    "DECIMAL(18,9)": decimals(18, 9),
    "DECIMAL(38,0)": decimals(38, 0),
    "DECIMAL(38,10)": decimals(38, 10),
    "DECIMAL(38,38)": decimals(38, 38),
    "DOUBLE": FLOATS,
}


@pytest.mark.parametrize("type_", KINDS)
@STEADY
@given(data=st.data())
def test_every_figure_matches_plain_python(
    studio: Studio, way: str, type_: str, data: st.DataObject
) -> None:
    values = data.draw(st.lists(st.one_of(st.none(), KINDS[type_]), max_size=60))
    profile = studio.column(type_, values)
    check_counts(profile, values)
    finite = plain.finite_of(values)
    if not finite:
        assert profile.minimum is not None
        assert profile.minimum.value is None
        assert profile.quartiles is None
        assert profile.number is not None
        assert profile.number.mean.value is None
        return
    check_order(profile, finite)
    check_histogram(profile, finite)
    check_moments(profile, finite)
    check_largest(profile, values, finite)
    if way == "frequencies":
        check_frequencies(profile, values)


def check_counts(profile: ColumnProfile, values: list[Any]) -> None:
    there = [v for v in values if v is not None]
    number = profile.number
    assert number is not None
    assert profile.rows == len(values)
    assert profile.nulls.value == len(values) - len(there)
    finite = plain.finite_of(values)
    assert number.zeros.value == sum(v == 0 for v in finite)
    assert number.negatives.value == sum(v < 0 for v in finite)
    floats = [v for v in there if isinstance(v, float)]
    assert number.nan.value == sum(map(math.isnan, floats))
    assert number.positive_infinity.value == floats.count(math.inf)
    assert number.negative_infinity.value == floats.count(-math.inf)
    distinct = profile.distinct
    assert distinct is not None
    true_distinct = len({"NaN" if v != v else v for v in there})
    assert distinct.low <= true_distinct <= distinct.high
    if there:
        assert profile.unique == (true_distinct == len(there))


def check_order(profile: ColumnProfile, finite: list[Any]) -> None:
    assert profile.minimum is not None
    assert profile.maximum is not None
    assert profile.minimum.value == min(finite)
    assert profile.maximum.value == max(finite)
    quartiles = profile.quartiles
    assert quartiles is not None
    found = [quartiles.lower, quartiles.median, quartiles.upper]
    assert all(figure.accuracy.is_exact for figure in found)
    assert [figure.value for figure in found] == plain.quartiles(finite)
    number = profile.number
    assert number is not None
    far = plain.far_out(finite)
    if far is None:
        assert number.far_below is None
    else:
        assert number.far_below is not None
        assert number.far_above is not None
        assert (number.far_below.value, number.far_above.value) == far


def check_histogram(profile: ColumnProfile, finite: list[Any]) -> None:
    histogram = profile.histogram
    if len(set(finite)) == 1:
        assert histogram is None
        return
    assert histogram is not None
    assert histogram.accuracy.is_exact
    assert len(histogram.bins) <= 40
    for one in histogram.bins:
        assert one.rows == sum(one.start <= v < one.end for v in finite)
    assert sum(one.rows for one in histogram.bins) == len(finite)
    for one, other in zip(histogram.bins, histogram.bins[1:], strict=False):
        assert one.end == other.start


def check_moments(profile: ColumnProfile, finite: list[Any]) -> None:
    number = profile.number
    assert number is not None
    mean = plain.mean(finite)
    spread = Fraction(max(finite)) - Fraction(min(finite))
    if isinstance(finite[0], float):
        check_rounded(number.mean, mean)
        check_rounded(number.sum, sum(map(Fraction, finite)))
    else:
        assert number.mean.value == float(mean)
        assert Fraction(number.sum.value) == sum(map(Fraction, finite))
    if len(finite) < 2:
        assert number.standard_deviation.value is None
        return
    second = plain.central_moment(finite, 2)
    deviation = root(second * len(finite) / (len(finite) - 1))
    assert number.standard_deviation.value == pytest.approx(deviation, rel=1e-9, abs=2e-323)
    if not spread:
        assert number.skewness.value is None
    elif spread > Fraction(1e-315):
        third = plain.central_moment(finite, 3)
        skewness = float(third / spread**3) / root(second / spread**2) ** 3
        assert number.skewness.value == pytest.approx(skewness, rel=1e-5, abs=1e-5)


def check_rounded(figure: Figure, true: Fraction) -> None:
    """The figure is the true one to 12 digits, or its bounds hold the true one."""
    if abs(true) >= Fraction(sys.float_info.max):
        assert abs(figure.value) >= sys.float_info.max
    elif figure.accuracy.is_exact:
        least = Fraction(1, 2**1074)
        assert abs(Fraction(figure.value) - true) <= max(abs(true) / 10**12, least)
    else:
        assert figure.accuracy.kind == "approximate"
        assert float(figure.low) <= float(true) <= float(figure.high)


def root(value: Fraction) -> float:
    """Of numbers beyond a double's range, too."""
    half = (value.numerator.bit_length() - value.denominator.bit_length()) // 2
    return math.ldexp(math.sqrt(value / Fraction(4) ** half), half)


def check_largest(profile: ColumnProfile, values: list[Any], finite: list[Any]) -> None:
    number = profile.number
    assert number is not None
    if min(finite) < 0 or max(finite) <= 0:
        assert not number.largest
        return
    ordered = sorted(finite, reverse=True)
    if ordered[0] < 1e-315:
        return  # a mean of such numbers has few digits itself
    for one in number.largest or ():
        assert one.from_value == ordered[one.rows - 1]
        share = plain.largest_share(finite, one.rows)
        assert one.share_of_sum == pytest.approx(share, rel=1e-9)


def check_frequencies(profile: ColumnProfile, values: list[Any]) -> None:
    counts = Counter(json_value(v + 0 if isinstance(v, float) else v) for v in values)
    del counts[None]
    frequent = profile.most_frequent
    assert frequent is not None
    assert frequent.complete
    found = [(json_value(one.value), one.rows) for one in frequent.values]
    assert [rows for _, rows in found] == sorted(counts.values(), reverse=True)[:10]
    assert all(counts[value] == rows for value, rows in found)
    rest = sorted(counts.values(), reverse=True)[10:]
    assert frequent.others_at_most == (rest[0] if rest else 0)
    if not counts:
        assert profile.groups is None
        return
    groups = profile.groups
    assert groups is not None
    assert groups.smallest.value == min(counts.values())
    assert groups.largest.value == max(counts.values())
    assert groups.once.value == sum(n == 1 for n in counts.values())
    assert groups.effective.value == pytest.approx(plain.effective(counts))


def test_sums_of_tiny_numbers_are_not_rounded_away(studio: Studio, way: str) -> None:
    tiny = [5e-324, 1e-310, 2e-310, 2.0**-1030, 3e-305]
    number = studio.column("DOUBLE", tiny).number
    assert number is not None
    assert number.sum.accuracy.is_exact
    assert number.sum.value == float(sum(map(Fraction, tiny)))
    assert number.mean.value == float(sum(map(Fraction, tiny)) / 5)


@pytest.mark.parametrize("sign", [1, -1])
def test_cancelling_sum_has_bounds(studio: Studio, way: str, sign: int) -> None:
    number = studio.column("DOUBLE", [sign * 1e300, 0.1, 0.2, -sign * 1e300]).number
    assert number is not None
    for figure in (number.sum, number.mean):
        assert figure.accuracy.kind == "approximate"
        assert figure.low <= 0.1 <= figure.high
    balanced = studio.column("DOUBLE", [sign * 12.5, 0.25, -sign * 12.5]).number
    assert balanced is not None
    assert balanced.sum == Figure(0.25)
