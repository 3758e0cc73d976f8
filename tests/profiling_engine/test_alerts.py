"""Alerts: when they are raised, and their sentences."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from domain_errors import counted
from profiling_engine import Alert
from profiling_engine.advice import amount, percent
from tests.profiling_engine.conftest import Studio


def alerts(studio: Studio, type_: str, values: Sequence[object]) -> dict[str, Alert]:
    return {alert.code: alert for alert in studio.column(type_, values).alerts}


VARIED = [str(i % 13 * (i % 7)) + "x" for i in range(200)]


@pytest.mark.parametrize(
    ("type_", "values", "code", "severity", "sentence"),
    [
        ("INTEGER", [None, None], "no_values", "warning", "Every row is NULL."),
        ("INTEGER", [7, 7, 7], "constant", "notice", 'Every row has the same value, "7".'),
        (
            "VARCHAR",
            ["x", "x", None],
            "constant",
            "notice",
            'Every row has the same value, "x" or is NULL (1 row).',
        ),
        (
            "INTEGER",
            range(50),
            "candidate_key",
            "info",
            "Every value is unique: the column can be used as a key.",
        ),
        (
            "INTEGER",
            [*range(50), None],
            "unique",
            "info",
            "No value is repeated (NULL in 1 row).",
        ),
        (
            "VARCHAR",
            [*VARIED, *[None] * 60],
            "high_null_share",
            "notice",
            "NULL in 23.1 % of the rows.",
        ),
        (
            "VARCHAR",
            [*VARIED, *[None] * 600],
            "high_null_share",
            "warning",
            "NULL in 75 % of the rows.",
        ),
        (
            "VARCHAR",
            [f"text {i % 150}" for i in range(200)],
            "high_cardinality",
            "notice",
            "Too many distinct texts for strata or a menu: 150 in 200 values.",
        ),
        (
            "INTEGER",
            [*range(10)] * 20 + [5000],
            "skew",
            "notice",
            "The values are skewed (14.1): a few are very large, so the mean isn't typical of a "
            "row.",
        ),
        (
            "INTEGER",
            [*range(10)] * 20 + [5000, 6000],
            "outliers",
            "notice",
            "More than three interquartile ranges outside the quartiles: 2 values (1 %).",
        ),
        (
            "DOUBLE",
            [1.0, 2.0, 2.0, float("nan"), float("-inf"), float("nan")],
            "not_finite",
            "warning",
            "Some values aren't finite (NaN 2, -Infinity 1); the other figures exclude them.",
        ),
        (
            "VARCHAR",
            ["Yes", "yes", "yes", "no", " no", "No", "maybe"] * 3,
            "mixed_case",
            "warning",
            "5 values differ from another only in case or in white space at the ends, for "
            'example " no" and "No".',
        ),
        (
            "VARCHAR",
            ["a ", "b", "b", "b", " "],
            "stray_blanks",
            "notice",
            "White space at the beginning or end of 1 value (20 %).",
        ),
        (
            "VARCHAR",
            ["a", "b", "b", "\t\n", " "],
            "blank_texts",
            "notice",
            "Empty or only white space: 2 values (40 %).",
        ),
        (
            "VARCHAR",
            [*(str(i / 4) for i in range(1, 60)), "n/a", ""],
            "numbers_as_text",
            "warning",
            "Stored as text, but 98.3 % of the texts are numbers.",
        ),
        (
            "VARCHAR",
            [f"{i % 28 + 1}.{i % 12 + 1}.2020" for i in range(100)],
            "dates_as_text",
            "warning",
            "Stored as text, but 100 % of the texts are dates.",
        ),
    ],
)
def test_alert_has_its_sentence(
    studio: Studio, type_: str, values: Sequence[object], code: str, severity: str, sentence: str
) -> None:
    alert = alerts(studio, type_, values)[code]
    assert (alert.severity, alert.sentence) == (severity, sentence)
    assert alert.figure.value is not None


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        ("INTEGER", [i * i % 101 for i in range(300)]),
        ("VARCHAR", ["north", "south", "east", "west"] * 50),
        ("DOUBLE", [i % 17 / 3 for i in range(200)]),
        ("DATE", [f"2020-01-{i % 28 + 1:02d}" for i in range(200)]),
        # Codes with leading zeros are texts, and so are words that contain numbers.
        ("VARCHAR", [f"{i % 90:05d}" for i in range(200)]),
        ("VARCHAR", [f"room {i % 40}" for i in range(200)]),
        ("BOOLEAN", [i % 3 == 0 for i in range(20)]),
        ("INTEGER", [*range(40), *range(40), *[None] * 9]),
    ],
)
def test_ordinary_columns_have_no_alert(
    studio: Studio, type_: str, values: Sequence[object]
) -> None:
    assert alerts(studio, type_, values) == {}


def test_numbers_in_sentences_are_formatted() -> None:
    assert counted(1, "row") == "1 row"
    assert counted(12_345, "row") == "12,345 rows"
    assert percent(0, 10) == "0 %"
    assert percent(1, 100_000) == "less than 0.1 %"
    assert percent(99_999, 100_000) == "more than 99.9 %"
    assert percent(1, 3) == "33.3 %"
    assert percent(10, 10) == "100 %"
    assert amount(0.00123456) == "0.00123"
    assert amount(1234567.8) == "1,234,568"
    assert amount(12.0) == "12"
