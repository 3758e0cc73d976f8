"""The tab "Estimates" of a sample: choices in the URL, figures, picture, download."""

from __future__ import annotations

import codecs
import csv
import io

import pytest

from tests.live_server import LiveServer
from tests.web_ui.reader import Reader

ROWS = 400
CITIES = ("Oslo", "Lima", "=Kyiv", "")


@pytest.fixture(scope="module")
def reader(server: LiveServer) -> Reader:
    return Reader(server)


@pytest.fixture(scope="module")
def path(server: LiveServer, reader: Reader) -> str:
    """The page of a random sample of 100 rows."""
    dataset_id = server.new_dataset(reader.api)
    lines = [f"{row},{CITIES[row % 4]},{row % 50 + 0.5},{row % 2 == 0}" for row in range(ROWS)]
    text = "\n".join(["=row,city,amount,paid", *lines]) + "\n"
    server.import_text(dataset_id, text, client=reader.api)
    parameters = {"sample_size": 100, "seed": 3}
    body = {"rounds": [{"method": "random", "parameters": parameters}]}
    return f"/jobs/{server.draw(dataset_id, body)['id']}"


def test_the_first_look_has_the_mean_of_a_number(reader: Reader, path: str) -> None:
    page = reader.page(path, tab="estimates")
    assert '<option value="amount" selected>' in page
    text = reader.text(path, tab="estimates")
    assert "Mean of amount" in text
    assert "95 % confidence interval" in text
    assert "estimated from 100 rows drawn of 400" in text
    assert "The estimates are for the 400 rows of primary." in text
    assert "_design_weight</option>" not in page


def test_groups_with_true_values(reader: Reader, path: str) -> None:
    query = {"tab": "estimates", "statistic": "total", "column": "amount", "by": "city"}
    page = reader.page(path, **query, true_values="1", confidence="90")
    assert page.count('<circle class="sample"') == 4
    assert page.count('<rect class="population"') == 4
    text = reader.text(path, **query, true_values="1", confidence="90")
    assert "of 4 intervals hold the true value; of many, 90 % do." in text
    assert "Missing" in text
    # The page keeps its choices.
    for chosen in ("total", "amount", "city"):
        assert f'<option value="{chosen}" selected>' in page
    assert '<option value="90" selected>' in page
    assert 'name="true_values" value="1" checked' in page


@pytest.mark.parametrize(
    ("column", "value", "truth"),
    [("city", "Lima", "33.33 %"), ("city", "", "25.00 %"), ("paid", "true", "50.00 %"),
     ("amount", "0.5", "2.00 %")],
)  # fmt: skip
def test_the_share_of_a_value_as_it_is_written(
    reader: Reader, path: str, column: str, value: str, truth: str
) -> None:
    query = {"tab": "estimates", "statistic": "proportion", "column": column, "value": value}
    assert truth in reader.text(path, **query, true_values="1")


def test_a_problem_is_said_beside_the_form(reader: Reader, path: str) -> None:
    page = reader.page(path, tab="estimates", statistic="mean", column="city")
    assert "is of type VARCHAR" in page
    assert 'aria-label="What to estimate"' in page
    wrong = reader.page(path, tab="estimates", statistic="count", where="amount >")
    assert 'role="alert"' in wrong


def test_the_download_has_all_figures(reader: Reader, path: str) -> None:
    query = {"statistic": "mean", "column": "amount", "by": "city"}
    answer = reader.get(f"{path}/estimates.csv", **query)
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.content.startswith(codecs.BOM_UTF8)  # Excel reads it as UTF-8
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    # A text that a spreadsheet would run as a formula has an apostrophe.
    assert [row["city"] for row in rows] == ["'=Kyiv", "Lima", "Oslo", ""]
    assert all(float(row["ci_low"]) < float(row["estimate"]) for row in rows)
    named = reader.get(f"{path}/estimates.csv", statistic="count", by="=row")
    assert named.content.decode("utf-8-sig").startswith("'=row,")
    nothing = reader.get(f"{path}/estimates.csv", **query, where="amount > 1000")
    assert nothing.content.decode("utf-8-sig").split(",")[0].strip() == "city"
