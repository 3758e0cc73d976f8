"""Columns of text: lengths, white space, case, patterns and what a text reads as."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from profiling_engine import ColumnProfile
from profiling_engine.columns.passes import ProfileLimits
from profiling_engine.columns.texts import CODE, DATE, MAX_PATTERN_LENGTH, NUMBER, SPACES
from tests.profiling_engine import plain_figures as plain
from tests.profiling_engine.conftest import Studio

STEADY = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
PLAIN = ["", " ", "Yes", "yes", " YES", "no", "ab-12", "AB-12", "é", "É", "日本", "😀", "😀 ok"]
NUMBERS = ["12", "-1,234.50", "007", "12 %", "€ 5", "1e5", "(3)", "nan", "NULL", "1.2.3"]
DATES = ["2024-02-30", "3.4.2021", "12 May 2020", "May 1, 2020", "1/2/03", "May"]
SPACED = ["\u00a0x\u2003", "\t", "x\n", "a" * 40, "Straße"]
WORDS = st.sampled_from([*PLAIN, *NUMBERS, *DATES, *SPACED])
# Letters whose case Python and DuckDB agree on; no NUL, which a text may not hold.
TEXTS = st.text(st.sampled_from("aZé0 \t\u00a0-.,ßΩж日😀"), max_size=35)


@STEADY
@given(values=st.lists(st.one_of(st.none(), WORDS, TEXTS), max_size=40))
def test_every_figure_matches_plain_python(studio: Studio, way: str, values: list[Any]) -> None:
    profile = studio.column("VARCHAR", values)
    there = [v for v in values if v is not None]
    assert profile.nulls.value == len(values) - len(there)
    assert profile.minimum is not None
    assert profile.maximum is not None
    by_bytes = sorted(there, key=str.encode)
    assert profile.minimum.value == (by_bytes[0] if there else None)
    assert profile.maximum.value == (by_bytes[-1] if there else None)
    check_lengths(profile, there)
    if way == "frequencies":
        check_details(profile, there)
        check_variants(profile, there)


def check_lengths(profile: ColumnProfile, there: list[str]) -> None:
    text = profile.text
    assert text is not None
    lengths = list(map(len, there))
    assert text.lengths.minimum.value == (min(lengths) if there else None)
    assert text.lengths.maximum.value == (max(lengths) if there else None)
    assert text.lengths.mean.value == (sum(lengths) / len(there) if there else None)
    assert text.lengths.empty.value == there.count("")
    assert text.blank.value == sum(map(plain.is_blank, there))
    assert text.stray_blanks.value == sum(map(plain.has_stray_blanks, there))


def check_details(profile: ColumnProfile, there: list[str]) -> None:
    text = profile.text
    assert text is not None
    case = text.case
    counts = [case.upper.value, case.lower.value, case.mixed.value, case.none.value]
    assert sum(counts) == len(there)
    assert case.none.value == sum(v.upper() == v.lower() for v in there)
    assert text.numbers.value == sum(plain.reads_as(NUMBER, v) for v in there)
    assert text.codes.value == sum(plain.reads_as(CODE, v) for v in there)
    assert text.dates.value == sum(plain.reads_as(DATE, v) for v in there)
    masks = Counter(plain.mask(v) for v in there if len(v) <= MAX_PATTERN_LENGTH)
    assert text.patterns.longer.value == len(there) - masks.total()
    assert text.patterns.accuracy.is_exact
    listed = text.patterns.most_frequent
    assert [one.rows for one in listed] == sorted(masks.values(), reverse=True)[:10]
    assert all(masks[one.value] == one.rows for one in listed)
    for one in listed:
        assert one.share == one.rows / len(there)


def check_variants(profile: ColumnProfile, there: list[str]) -> None:
    assert profile.text is not None
    variants = profile.text.variants
    assert variants is not None
    distinct = set(there)
    groups = Counter(v.strip(SPACES).lower() for v in distinct)
    assert variants.values.value == sum(n for n in groups.values() if n > 1)
    for example in variants.examples:
        assert len({v.strip(SPACES).lower() for v in example}) == 1
        assert len(set(example)) >= 2


@pytest.mark.parametrize(
    ("text", "numbers", "codes", "dates"),
    [
        ("1", 1, 0, 0),
        ("-1.5", 1, 0, 0),
        ("1,234,567.89", 1, 0, 0),
        ("1.234,56 €", 1, 0, 0),
        ("$ 12", 1, 0, 0),
        ("12%", 1, 0, 0),
        ("(12)", 1, 0, 0),
        ("007", 1, 1, 0),
        ("1,23,4", 0, 0, 0),
        ("12 apples", 0, 0, 0),
        ("Infinity", 0, 0, 0),
        ("2024-05-17", 0, 0, 1),
        ("2024-05-17T10:00:00Z", 0, 0, 1),
        ("17/05/2024", 0, 0, 1),
        ("17.5.24", 0, 0, 1),
        ("17 May 2024", 0, 0, 1),
        ("May 17, 2024", 0, 0, 1),
        ("17 apples 2024", 0, 0, 0),
        ("192.168.0.1", 0, 0, 0),
        ("(1,234.50)", 1, 0, 0),
        ("- $5", 1, 0, 0),
        ("$-5", 1, 0, 0),
        ("(3", 0, 0, 0),
        ("3)", 0, 0, 0),
        ("--5", 0, 0, 0),
        ("1,234.567,890", 0, 0, 0),
        ("2020-02-30", 0, 0, 0),
        ("2020-02-29", 0, 0, 1),
        ("2021-02-29", 0, 0, 0),
        ("1900-02-29", 0, 0, 0),
        ("2020-13-01", 0, 0, 0),
        ("2020-00-10", 0, 0, 0),
        ("2020-01/02", 0, 0, 0),
        ("12/31/2024", 0, 0, 1),
        ("31/12/2024", 0, 0, 1),
        ("13/13/2024", 0, 0, 0),
        ("31.4.24", 0, 0, 0),
        ("29.2.24", 0, 0, 1),
        ("31 April 2024", 0, 0, 0),
        ("Marble 12, 2024", 0, 0, 0),
        ("2020-02-03 10:61", 0, 0, 0),
        ("2020-02-03 25:00", 0, 0, 0),
        ("2020-02-03 maybe", 0, 0, 0),
        ("2020-02-03 10:00:00.5+01:00", 0, 0, 1),
    ],
)
def test_numbers_and_dates_in_texts_are_counted(
    studio: Studio, text: str, numbers: int, codes: int, dates: int
) -> None:
    found = studio.column("VARCHAR", [text, f" {text} "]).text
    assert found is not None
    counts = (found.numbers.value, found.codes.value, found.dates.value)
    assert counts == (2 * numbers, 2 * codes, 2 * dates)


def test_every_day_of_the_calendar_is_a_date(studio: Studio) -> None:
    def exists(year: int, month: int, day: int) -> bool:
        with suppress(ValueError):
            return bool(date(year, month, day))
        return False

    texts = {
        f"{year}-{month:02}-{day:02}": exists(year, month, day)
        for year in (1900, 2000, 2023, 2024)
        for month in range(14)
        for day in range(33)
    }
    texts |= {
        f"{day}.{month}.{year}": exists(year, month, day) or exists(year, day, month)
        for year in (2023, 2024)
        for month in range(14)
        for day in range(33)
    }
    found = studio.column("VARCHAR", [text for text in texts if texts[text]]).text
    assert found is not None
    assert found.dates.value == sum(texts.values())
    found = studio.column("VARCHAR", [text for text in texts if not texts[text]]).text
    assert found is not None
    assert found.dates.value == 0


def test_empty_texts_are_blank_and_all_variants_count(studio: Studio, way: str) -> None:
    values = ["", "", " ", "a", "A", "b", "B ", "c", " C", " ", "d"]
    text = studio.column("VARCHAR", values).text
    assert text is not None
    assert (text.blank.value, text.stray_blanks.value) == (4, 2)
    assert text.lengths.empty.value == 2
    if way == "frequencies":
        assert text.variants is not None
        assert text.variants.values.value == 8


def test_long_listed_values_are_cut(studio: Studio) -> None:
    profile = studio.column("VARCHAR", ["x" * 5000, "x" * 5000, "y"])
    assert profile.most_frequent is not None
    assert profile.most_frequent.values[0].value == "x" * 200 + "…"
    assert profile.minimum is not None
    assert profile.minimum.value == "x" * 200 + "…"
    assert profile.text is not None
    assert profile.text.lengths.maximum.value == 5000


def test_details_of_many_distinct_texts_are_estimated(
    studio: Studio,
) -> None:
    values = [f"{'Ab' if i % 4 else 'AB'}-{i}" for i in range(2000)]
    profile = studio.column("VARCHAR", values, limits=ProfileLimits(texts=100))
    assert profile.text is not None
    assert profile.text.lengths.mean.accuracy.is_exact
    assert profile.text.case.upper.accuracy.kind == "estimated"
    assert profile.text.case.upper.accuracy.sample_rows == 2000
    assert profile.text.case.upper.value == 500
    assert profile.text.variants is None
    assert profile.distinct is not None
    assert profile.distinct.value == 2000
