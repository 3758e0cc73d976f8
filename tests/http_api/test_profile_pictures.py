"""Pictures of profiles: labels state what they show; values are escaped."""

from __future__ import annotations

from xml.etree import ElementTree

from web_ui.charts.pictures import bars, column_picture, histogram


def test_histogram_has_a_bar_for_each_bin_with_rows() -> None:
    bins = [
        {"start": 0, "end": 1, "rows": 3},
        {"start": 1, "end": 2, "rows": 0},
        {"start": 2, "end": 3, "rows": 6},
    ]
    tree = ElementTree.fromstring(histogram("n", bins))
    marks = [element for element in tree if element.get("class") == "mark"]
    heights = [float(mark.get("height", "0")) for mark in marks]
    assert len(marks) == 2
    assert heights[1] == 2 * heights[0]
    assert tree.get("aria-label") == "Histogram of n from 0 to 3"


def test_values_are_escaped() -> None:
    values = [{"value": '<script>&"', "rows": 1, "share": 1.0}]
    picture = bars("<b>", values)
    assert "<script" not in picture
    tree = ElementTree.fromstring(picture)
    assert "<script>" in (tree.get("aria-label") or "")


def test_column_without_values_has_no_picture() -> None:
    assert column_picture({"name": "x"}) == ""
    assert column_picture({"name": "x", "most_frequent": {"values": []}}) == ""


def test_shares_are_those_of_rows_with_a_value() -> None:
    """The count of missing values is a share of all rows, so the label names its own base."""
    picture = bars("kind", [{"value": "a", "rows": 1, "share": 0.5}])
    label = ElementTree.fromstring(picture).get("aria-label") or ""
    assert "shares of the rows with a value: a 50.0%" in label
