"""The tab "Estimates" of a sample: choices in the URL, figures, picture, download."""

from __future__ import annotations

import codecs
import csv
import io
import re

import duckdb
import fastexcel
import pytest

from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader

ROWS = 400
CITIES = ("Oslo", "Lima", "=Kyiv", "")


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


def test_uncovered_rows_are_a_warning(server: LiveServer, reader: Reader, path: str) -> None:
    dataset = re.search(r"/datasets/(\d+)/draw", reader.page(path, tab="estimates", goal="5%"))
    assert dataset is not None
    parameters = {"strata_columns": ["city"], "sizes": {"Oslo": 20, "Lima": 20}}
    rounds = [{"method": "stratified", "parameters": parameters}]
    job = server.draw(int(dataset[1]), {"rounds": rounds})
    text = reader.text(f"/jobs/{job['id']}", tab="estimates")
    assert "200 rows are not covered: no row was drawn from their groups." in text
    assert "estimated from 40 rows drawn of 200" in text


def test_a_wanted_margin_leads_to_a_larger_sample(reader: Reader, path: str) -> None:
    query = {"tab": "estimates", "statistic": "mean", "column": "amount", "goal": "5%"}
    text = reader.text(path, **query)
    assert "For a margin of ± 5%" in text
    assert "more rows" in text
    assert "The same seed draws the rows of this sample again" in text
    page = reader.page(path, **query, basis="frame")
    link = page[page.index("/draw?job=") :]
    size = int(link.split("size=")[1].split('"')[0])
    dataset = page[: page.index("/draw?job=")].rsplit("/", 1)[1]
    form = reader.page(f"/datasets/{dataset}/draw", job=path.split("/")[2], size=str(size))
    assert re.search(rf'"sample_size":\s*{size}\b', form)
    assert "Write a margin above 0" in reader.text(path, **{**query, "goal": "much"})
    assert "No more rows." in reader.text(path, **{**query, "goal": "90%"})


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
    assert 'id="confidence" name="confidence" value="90 %"' in page
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
    wrong = reader.page(path, tab="estimates", statistic="count", filters="amount >")
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
    nothing = reader.get(f"{path}/estimates.csv", **query, filters="amount > 1000")
    assert nothing.content.decode("utf-8-sig").split(",")[0].strip() == "city"


def test_a_calibration_shows_both_widths(reader: Reader, path: str) -> None:
    query = {"tab": "estimates", "statistic": "total", "column": "amount"}
    known = {"calibrate": "ratio", "known": "=row"}
    text = reader.text(path, **query, **known)
    assert "Without calibration" in text
    assert "Totals that the calibration reproduces" in text
    assert "Weights change by factors of" in text
    page = reader.page(path, **query, **known)
    assert '<option value="ratio" selected>' in page
    by_city = reader.text(path, **query, by="city", calibrate="poststratify", known="city")
    assert by_city.count("100") >= 4
    # A method without a column estimates as before.
    assert "Without calibration" not in reader.text(path, **query, calibrate="rake", known="")
    wrong = reader.page(path, **query, calibrate="regression", known="city")
    assert "needs columns of numbers" in wrong


def test_the_back_test_counts_intervals(reader: Reader, path: str) -> None:
    query = {"tab": "estimates", "view": "backtest"}
    page = reader.page(path, **query)
    # Means of =row and amount, shares of four cities and of one value of paid.
    assert page.count('<circle class="sample"') == 7
    text = reader.text(path, **query, confidence="99")
    assert "of 7" in text
    assert "of many, 99 % do" in text
    assert "Share of city missing" in text


def test_values_from_a_file_are_listed_and_estimated(
    server: LiveServer, reader: Reader, path: str
) -> None:
    empty = reader.text(path, tab="estimates", view="values")
    assert "No values were uploaded to this sample." in empty
    job = path.rpartition("/")[2]
    rows = reader.api.get(f"/api/sampling/jobs/{job}/data", params={"limit": 1000}).json()["data"]
    lines = ["=row,audited", *(f"{row['=row']},{row['amount'] - 1}" for row in rows)]
    stored = reader.api.post(
        f"/api/sampling/jobs/{job}/values",
        files={"file": ("audit.csv", "\n".join(lines).encode())},
        data={"key": '["=row"]'},
    )
    assert stored.status_code == 200, stored.text
    assert "audit.csv" in reader.text(path, tab="estimates", view="values")
    query = {"values": "1", "statistic": "mean", "column": "audited"}
    text = reader.text(path, tab="estimates", **query)
    assert "Mean of audited" in text
    assert "Values are those of upload 1, audit.csv" in text
    assert '<option value="1" selected>' in reader.page(path, tab="estimates", **query)
    gone = reader.page(path, tab="estimates", values="7")
    assert "The sample has no upload 7" in gone


def test_the_workbook_has_figures_design_and_notes(reader: Reader, path: str) -> None:
    query = {"statistic": "proportion", "column": "paid", "value": "true", "by": "city"}
    more = {"calibrate": "poststratify", "known": "city", "true_values": "1"}
    answer = reader.get(f"{path}/estimates.xlsx", **query, **more)
    assert answer.headers["Content-Disposition"].endswith('.xlsx"')
    sheet = fastexcel.read_excel(answer.content).load_sheet(0, header_row=None, dtypes="string")
    with duckdb.connect() as connection:
        rows = connection.register("sheet", sheet).execute("SELECT * FROM sheet").fetchall()
    cells = [cell for row in rows for cell in row if cell is not None]
    assert cells[0] == "Share of paid true"
    for expected in ("=Kyiv", "Missing", "Without calibration", "True value", "Design", "random"):
        assert expected in cells, expected
    assert any(cell.startswith("Calibrated by poststratify") for cell in cells)


def test_the_design_can_be_downloaded(server: LiveServer, reader: Reader, path: str) -> None:
    page = reader.page(path, tab="estimates")
    job = path.removeprefix("/jobs/")
    assert f'href="/api/sampling/jobs/{job}/design?format=r" download' in page
    assert "/design?format=csv&amp;replicates=jackknife" in page
    dataset = server.admin.get(f"/api/jobs/{job}").json()["dataset_id"]
    rounds = [
        {
            "method": "random",
            "parameters": {"sample_size": 30},
            "filters": {"expression": "paid = true"},
        },
        {"method": "systematic", "parameters": {"interval": 9}},
    ]
    mixed = f"/jobs/{server.draw(dataset, {'rounds': rounds})['id']}"
    assert "have weights over all steps" in reader.text(mixed)
    page = reader.page(mixed, tab="estimates")
    assert "/design?format=stata&amp;replicates=bootstrap" in page
    assert "averaged by fixed shares" in page
    code = reader.get(f"/api/sampling{mixed}/design", format="r", replicates="bootstrap")
    assert "svrepdesign" in code.text


FEW = "amount BETWEEN 30 AND 32"


def test_an_interval_of_few_rows_is_shown_on_request(reader: Reader, path: str) -> None:
    query = {"tab": "estimates", "statistic": "mean", "column": "amount", "filters": FEW}
    text = reader.text(path, **query)
    rows = int(re.search(r"From (\d+) of 100 drawn rows", text)[1])  # type: ignore[index]
    assert 2 <= rows <= 3
    assert "1 interval is not shown, with fewer than 3 degrees of freedom" in text
    assert "Set “Degrees of freedom, at least” to 0 to show them." in text
    assert "(no interval)" in text
    assert "– to –" not in text
    shown = reader.text(path, **query, minimum_degrees="0")
    assert "is not shown" not in shown
    assert "fewer than 10 degrees of freedom" in shown
    code = reader.page(path, **query, minimum_degrees="0")
    assert "--minimum-degrees 0" in code
    for given, is_hidden in (({}, True), ({"minimum_degrees": "0"}, False)):
        answer = reader.get(f"{path}/estimates.csv", **query, **given)
        (line,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
        assert (line["ci_low"] == "") is is_hidden
        assert line["standard_error"] != ""
        assert line["df"] == str(rows - 1)


def test_two_groups_are_contrasted_with_a_picture(reader: Reader, path: str) -> None:
    query = {"tab": "estimates", "statistic": "mean", "column": "amount"}
    page = reader.page(path, **query, contrast="city=Oslo:Lima", true_values="1")
    assert "Oslo less Lima" in page
    assert page.count('<circle class="sample"') == 3
    assert "Degrees of freedom" in page
    ratio = reader.text(path, **query, contrast="city=Oslo:", contrast_measure="ratio")
    assert "Oslo by Missing" in ratio
    assert "isn't COLUMN=FIRST:SECOND" in reader.text(path, **query, contrast="city")
    assert "No row of the table" in reader.text(path, **query, contrast="city=Oslo:Rome")
    columns = reader.text(path, **query, contrast_column="=row")
    assert "amount less =row" in columns
    file = reader.get(f"{path}/estimates.csv", **query, contrast="city=Oslo:Lima", contrasts="1")
    (line,) = csv.DictReader(io.StringIO(file.content.decode("utf-8-sig")))
    assert (line["first_name"], line["second_name"]) == ("Oslo", "Lima")
    difference = float(line["first_estimate"]) - float(line["second_estimate"])
    assert float(line["estimate"]) == pytest.approx(difference)


def test_people_a_judge_and_both_stand_side_by_side(reader: Reader, path: str) -> None:
    query = {"statistic": "mean", "column": "amount", "calibrate": "judge", "known": "=row"}
    page = reader.page(path, tab="estimates", **query)
    assert '<option value="judge" selected>Judge</option>' in page
    assert "Totals from outside" not in page
    text = reader.text(path, tab="estimates", **query)
    for words in ("People alone", "Judge alone", "Both", "Bias of the judge", "Coefficients"):
        assert words in text
    file = reader.get(f"{path}/estimates.csv", **query)
    (line,) = csv.DictReader(io.StringIO(file.content.decode("utf-8-sig")))
    assert float(line["n_eff"]) > 0
    assert float(line["judge_=row_estimate"]) == (ROWS - 1) / 2
    assert reader.get(f"{path}/estimates.xlsx", **query).status_code == 200
