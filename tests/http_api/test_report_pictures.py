"""Pictures of reports: labels state what they show; values are escaped."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from web_ui.profile_pictures import pattern_picture, small_picture
from web_ui.report import heat, utc_minute


def test_each_missing_column_of_a_pattern_has_a_mark() -> None:
    tree = ElementTree.fromstring(pattern_picture(["<b>"], ["a", "<b>", "c"]))
    marks = [element for element in tree if element.get("class") == "mark"]
    assert [title.text for mark in marks for title in mark] == ["<b>"]
    assert [mark.get("x") for mark in marks] == ["16"]
    assert tree.get("aria-label") == "Missing in 1 of 3 columns"


def test_each_part_has_a_bar_for_each_table() -> None:
    parts = [
        {"label": "<i>", "base": 0.25, "other": 0.5},
        {"label": "x", "base": 0.75, "other": 0.5},
    ]
    picture = small_picture({"name": "kind", "parts": parts}, "this table", "the other table")
    tree = ElementTree.fromstring(picture)
    heights = [float(bar.get("height", "0")) for bar in tree if bar.tag.endswith("rect")]
    assert heights == [11.67, 23.33, 35.0, 23.33]
    assert tree.get("aria-label") == (
        "Shares of kind in this table and in the other table, the most different first: "
        "<i> 25.0 % and 50.0 %, x 75.0 % and 50.0 %"
    )


@pytest.mark.parametrize(
    ("value", "name"), [(0.0, "p0"), (0.19, "p0"), (0.4, "p2"), (1.0, "p4"), (-0.85, "n4")]
)
def test_cell_colour_follows_the_correlation(value: float, name: str) -> None:
    assert heat(value) == name


def test_times_are_in_utc() -> None:
    assert utc_minute("2025-07-07T12:34:56+02:00") == "2025-07-07 10:34 UTC"
