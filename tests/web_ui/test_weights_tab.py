"""The view "Weights" of a sample: choices in the URL, the codebook, files; figures with them."""

from __future__ import annotations

import csv
import io

import pytest

from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader

ROWS = 400
CITIES = ("Oslo", "Lima", "Kyiv", "Bern")
TOTALS = "city,total\n" + "".join(f"{city},200\n" for city in CITIES)


@pytest.fixture(scope="module")
def path(server: LiveServer, reader: Reader) -> str:
    dataset_id = server.new_dataset(reader.api)
    lines = [
        f"{row},{CITIES[row % 4]},{row % 50 + 0.5},{'' if row % 3 else row}" for row in range(ROWS)
    ]
    text = "\n".join(["id,city,amount,answer", *lines]) + "\n"
    server.import_text(dataset_id, text, client=reader.api)
    body = {"rounds": [{"method": "random", "parameters": {"sample_size": 120, "seed": 3}}]}
    return f"/jobs/{server.draw(dataset_id, body)['id']}"


def test_weights_show_their_codebook_and_files(reader: Reader, path: str) -> None:
    chosen = {
        "tab": "estimates",
        "view": "weights",
        "calibrate": "rake",
        "known": "city",
        "totals": TOTALS,
        "nonresponse": "classes",
        "responded": "answer",
        "response_column": "city",
        "least": "5",
        "replicates": "bootstrap",
        "replicate_count": "20",
    }
    text = reader.text(path, **chosen)
    assert "Weights add up to 800" in text
    assert "Calibrated by rake to the totals of city given in the request." in text
    assert "sampled rows responded" in text
    assert "svrepdesign" in text
    page = reader.page(path, **chosen)
    assert "weights.dta?" in page
    assert "sample.weights(" in page
    answer = reader.get(f"{path}/weights.csv", **chosen)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 120
    assert sum(float(row["weight"]) for row in rows) == pytest.approx(800)
    assert "replicate_20" in rows[0]
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "# Weights of the sample" in reader.get(f"{path}/weights.md", **chosen).text
    for kind in ("dta", "sav", "parquet"):
        assert reader.get(f"{path}/weights.{kind}", **chosen).content


def test_figures_take_the_same_choices(reader: Reader, path: str) -> None:
    chosen = {
        "tab": "estimates",
        "statistic": "count",
        "calibrate": "rake",
        "known": "city",
        "totals": TOTALS,
        "nonresponse": "classes",
        "responded": "answer",
        "response_column": "city",
        "least": "5",
    }
    text = reader.text(path, **chosen)
    assert "Number of rows: 800" in text
    assert "Respondents make up for the others within classes of city" in text
    assert "Merged into" in text


def test_a_problem_is_shown_with_the_form(reader: Reader, path: str) -> None:
    chosen = {"tab": "estimates", "view": "weights", "calibrate": "rake", "known": "city"}
    text = reader.text(path, **chosen, totals="city,total\nOslo,5\n")
    assert "whose total given in the request is missing or 0" in text
    assert "Show weights" in text
    text = reader.text(path, **chosen, totals="nothing")
    assert "The first line of the known totals names the columns" in text
