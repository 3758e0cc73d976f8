"""The picture and the section of who said what."""

from __future__ import annotations

import re
from typing import Any

from application.review.agreement_sheet import agreement_section
from presentation.charts import CountsChart
from presentation.content import Table
from presentation.html import block_html
from presentation.terminal import block_lines


def test_areas_are_in_proportion_to_counts() -> None:
    chart = CountsChart("is_bad", ["Yes", "<b>"], [[4, 1], [0, 16]], ("First", "Second"))
    picture = str(chart.svg())
    sides = [float(side) for side in re.findall(r'<rect [^>]*width="([0-9.]+)"', picture)]
    assert sides == [27.0, 13.5, 54.0]
    assert picture.count('class="sample"') == 2
    assert picture.count('class="population"') == 1
    assert "<b>" not in picture
    assert "Yes, &lt;b&gt;: 1" in picture
    assert "style=" not in picture


def test_many_answers_fit_the_width() -> None:
    words = [f"answer {at}" for at in range(50)]
    chart = CountsChart("kind", words, [[1] * 50] * 50, ("First", "Second"))
    places = re.findall(r'<rect [^>]*x="([0-9.]+)" y="[0-9.]+" width="([0-9.]+)"', str(chart.svg()))
    assert max(float(x) + float(width) for x, width in places) <= 640


def found(**question: Any) -> dict[str, Any]:
    figure = {"estimate": 0.5, "standard_error": 0.1, "ci_low": 0.3, "ci_high": 0.7}
    none = dict.fromkeys(figure)
    is_bad = {
        "name": "is_bad",
        "pairs": 5,
        "equal": 4,
        "share": figure,
        "kappa": figure,
        "alpha": none,
        "table": [
            {"first": a, "second": b, "rows": rows}
            for a, b, rows in (
                ("Yes", "Yes", 1),
                ("Yes", "No", 1),
                ("No", "Yes", 0),
                ("No", "No", 3),
            )
        ],
        "cautions": ["Few."],
        **question,
    }
    counts = {"due": 5, "given": 5, "differing": 1, "decided": 0}
    return {
        "confidence": 0.95,
        "second_readings": counts,
        "questions": [is_bad],
        "notes": ["What the figures are of."],
    }


def test_the_section_has_figures_and_who_said_what() -> None:
    blocks = agreement_section(found()).blocks
    said = next(each for each in blocks if isinstance(each, Table) and "who said" in each.title)
    assert said.header == ["First \\ second", "Yes", "No", "All"]
    assert [*map(list, said.rows)] == [["Yes", 1, 1, 2], ["No", 0, 3, 3], ["All", 1, 4, 5]]
    lines = "\n".join(line for each in blocks for line in block_lines(each))
    assert "50.00 %" in lines
    assert "is_bad: Few." in lines
    pages = "".join(str(block_html(each)) for each in blocks)
    assert "<svg" in pages
    assert "Krippendorff" in pages


def test_numbers_have_no_table() -> None:
    titles = [each.title for each in agreement_section(found(table=[])).blocks]
    assert titles == ["Second readings", "Agreement", "Notes"]
