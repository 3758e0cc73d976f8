"""The tab "Estimates" with figures that second readings correct."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.contract.test_agreement import SHARE, TWICE, Reviewed, decided, review
from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader

CHOSEN: dict[str, Any] = {
    "tab": "estimates",
    "values": "findings",
    "statistic": "proportion",
    "column": "is_bad",
    "value": "true",
}
"""Of a sample with questions of its own the findings are its answers."""


@pytest.fixture(scope="module")
def reviewed(server: LiveServer) -> Reviewed:
    return decided(review(server))


@pytest.fixture(scope="module")
def reader(server: LiveServer) -> Reader:
    return Reader(server, "admin")


def test_the_tab_shows_corrected_figures(reader: Reader, reviewed: Reviewed) -> None:
    text = reader.text(f"/jobs/{reviewed.job}", **CHOSEN)
    assert "Corrected by second readings" in text
    assert f"{TWICE} second readings, of which 4 changed the value." in text


def test_files_have_corrected_figures(reader: Reader, reviewed: Reviewed) -> None:
    (expected,) = reviewed.estimates(SHARE)["estimates"]
    answer = reader.get(f"/jobs/{reviewed.job}/estimates.csv", **CHOSEN)
    (line,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    for name in ("estimate", "ci_low", "correction", "second_readings"):
        assert float(line[f"corrected_{name}"]) == pytest.approx(expected["corrected"][name])
    workbook = reader.get(f"/jobs/{reviewed.job}/estimates.xlsx", **CHOSEN)
    assert workbook.status_code == 200
