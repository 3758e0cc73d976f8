"""Pictures of counts beside what is expected, and of missing numbers."""

from __future__ import annotations

import re

from presentation.charts import ColumnsChart, ExpectedBar, NumberRange, RangesChart


def test_columns_are_in_proportion_and_have_a_curve() -> None:
    bars = [
        ExpectedBar("1", 40, "1: 40 of 30", 30, is_marked=True),
        ExpectedBar("<2>", 10, "<2>: 10 of 20", 20),
    ]
    picture = str(ColumnsChart("First digits", bars).svg())
    heights = [float(each) for each in re.findall(r'<rect [^>]*height="([0-9.]+)"', picture)]
    assert heights == [158.0, 39.5]
    assert picture.count("<polyline") == 1
    assert picture.count("▲") == 1
    assert "<2>" not in picture
    assert "style=" not in picture


def test_the_found_part_of_a_column_has_its_own_colour() -> None:
    bars = [ExpectedBar("+5", 40, "6 rows, 1 found", found=10, is_marked=True)]
    bars.append(ExpectedBar("+6", 20, "3 rows"))
    picture = str(ColumnsChart("Days", bars).svg())
    drawn = re.findall(r'<rect class="(\w+)" [^>]*height="([0-9.]+)"', picture)
    assert drawn == [("ground", "158.0"), ("sample", "39.5"), ("ground", "79.0")]


def test_columns_without_expectation_have_no_curve() -> None:
    bars = [ExpectedBar(str(each), 0, f"{each}: 0") for each in range(90)]
    picture = str(ColumnsChart("Digits", bars).svg())
    assert "<polyline" not in picture
    assert len(re.findall("<text", picture)) <= 13


def test_gaps_lie_where_the_numbers_are_missing() -> None:
    ranges = [NumberRange("RE-", 1, 640, [(65, 128), (640, 640)])]
    picture = str(RangesChart("Gaps", ranges).svg())
    gaps = re.findall(r'<rect class="sample" x="([0-9.]+)" y="[0-9]+" width="([0-9.]+)"', picture)
    assert gaps == [("64.0", "64.0"), ("638.5", "1.5")]
    assert "65 – 128" in picture
