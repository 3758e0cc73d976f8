"""Pictures of profiles: labels state what they show; values are escaped."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

from web_ui.profile_pictures import bars, column_picture, histogram


def test_histogram_has_a_bar_for_each_bin_with_rows() -> None:
    bins = [
        {"start": 0, "end": 1, "rows": 3},
        {"start": 1, "end": 2, "rows": 0},
        {"start": 2, "end": 3, "rows": 6},
    ]
    column = {"name": "n", "type": "INTEGER"}
    tree = ElementTree.fromstring(histogram(column, {"scale": "linear", "bins": bins}))
    marks = [element for element in tree if element.get("class") == "mark"]
    heights = [float(mark.get("height", "0")) for mark in marks]
    assert len(marks) == 2
    assert heights[1] == 2 * heights[0]
    assert tree.get("aria-label") == "Histogram of n from 0 to 3"


def test_values_are_escaped() -> None:
    values = [{"value": '<script>&"', "rows": 1, "share": 1.0}]
    picture = bars(a_column("<b>"), values)
    assert "<script" not in picture
    tree = ElementTree.fromstring(picture)
    assert "<script>" in (tree.get("aria-label") or "")


def test_a_small_share_keeps_its_digits() -> None:
    shares = {"many": 0.5, "few": 2_181 / 12_700_000}
    values = [{"value": text, "rows": 1, "share": share} for text, share in shares.items()]
    tree = ElementTree.fromstring(bars(a_column("rare"), values))
    assert "few 0.017 %" in (tree.get("aria-label") or "")


def test_column_without_values_has_no_picture() -> None:
    assert column_picture({"name": "x"}) == ""
    assert column_picture({"name": "x", "most_frequent": {"values": []}}) == ""


def test_the_ends_of_a_clipped_histogram_are_pale() -> None:
    edges = [-1_000_000, 0, 1000, 2000, 10_000_000]
    bins = [{"start": a, "end": b, "rows": 4} for a, b in pairwise(edges)]
    column = {"name": "amount", "type": "BIGINT"}
    tree = ElementTree.fromstring(histogram(column, {"scale": "clipped", "bins": bins}))
    assert [one.get("class") for one in tree if one.tag == "rect"] == [
        "ground",
        "mark",
        "mark",
        "ground",
    ]
    assert [one.text for one in tree if one.tag == "text"] == ["below 0", "from 2000"]
    assert tree.get("aria-label") == "Histogram of amount from -1,000,000 to 10,000,000"


def test_shares_are_of_all_rows() -> None:
    column = {**a_column("kind"), "nulls": {"value": 60}}
    label = ElementTree.fromstring(bars(column, [{"value": "a", "rows": 20, "share": 0.5}]))
    assert "as shares of all rows: a 20.0 %" in (label.get("aria-label") or "")


def test_values_that_are_never_frequent_have_no_picture() -> None:
    values = [{"value": f"id {i}", "rows": 1, "share": 1e-5} for i in range(5)]
    assert bars(a_column("id"), values) == ""


def a_column(name: str) -> dict[str, Any]:
    return {"name": name, "type": "VARCHAR", "rows": 100, "nulls": {"value": 0}}
