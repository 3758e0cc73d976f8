"""Pictures of reports: labels state what they show; values are escaped."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from web_ui.charts.pictures import missing_picture, side_by_side
from web_ui.charts.report import heat, hundredths, shown, utc_minute


def test_each_missing_column_of_a_pattern_has_a_mark() -> None:
    missing = {
        "columns": ["a", "<b>"],
        "most_frequent": [{"columns": [], "rows": 8}, {"columns": ["a", "<b>"], "rows": 2}],
    }
    tree = ElementTree.fromstring(missing_picture(missing, 10))
    marks = [element for element in tree if element.get("class") == "mark"]
    titles = [title.text for mark in marks for title in mark]
    assert titles == ["a", "<b>"]
    bars = [float(mark.get("width", "0")) for mark in marks if not len(mark)]
    assert bars[0] == 4 * bars[1]


def test_each_part_has_a_bar_for_each_table() -> None:
    parts = [
        {"label": "<i>", "base": 0.25, "other": 0.5},
        {"label": "x", "base": 0.75, "other": 0.5},
    ]
    tree = ElementTree.fromstring(side_by_side("kind", parts))
    widths = [float(bar.get("width", "0")) for bar in tree if bar.tag.endswith("rect")]
    assert widths == [80.0, 160.0, 240.0, 160.0]
    assert tree.get("aria-label") == (
        "Shares of kind, here against there: <i> 25.0% against 50.0%, x 75.0% against 50.0%"
    )


@pytest.mark.parametrize(
    ("value", "name"), [(0.0, "p0"), (0.19, "p0"), (0.4, "p2"), (1.0, "p4"), (-0.85, "n4")]
)
def test_cell_colour_follows_the_correlation(value: float, name: str) -> None:
    assert heat(value) == name


def test_figures_and_times_are_formatted() -> None:
    assert [shown(figure) for figure in (1234567, 0.5, 1e-9, True, "x" * 99)] == [
        "1,234,567",
        "0.5",
        "1e-09",
        "true",
        "x" * 79 + "…",
    ]
    assert [hundredths(value) for value in (-0.001, -0.25, 1.0)] == ["0.00", "-0.25", "1.00"]
    assert utc_minute("2025-07-07T12:34:56+02:00") == "2025-07-07 10:34 UTC"
