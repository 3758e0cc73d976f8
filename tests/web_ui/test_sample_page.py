"""The words and the numbers of a sample's page."""

from __future__ import annotations

import re

import pytest

from application.samples.facts import screen_text
from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader, words

LEDGER = "Id,Region,Price\n" + "".join(
    f"{row:05d},{'north' if row % 50 else 'south'},{row * 1234.5}\n" for row in range(1, 301)
)
DESIGN = {
    "method": "stratified",
    "parameters": {"strata_columns": ["Region"], "samples_per_stratum": 20, "seed": 1},
    "amount_column": "Price",
}


@pytest.fixture(scope="module")
def job_id(server: LiveServer, reader: Reader) -> str:
    dataset = server.new_dataset(reader.api)
    assert server.import_text(dataset, LEDGER, client=reader.api)["status"] == "completed"
    path = f"/api/sampling/datasets/{dataset}/jobs"
    found: str = reader.api.post(path, json=DESIGN).json()["job_id"]
    server.finished(found)
    return found


def test_warnings_say_groups(reader: Reader, job_id: str) -> None:
    page = reader.text(f"/jobs/{job_id}")
    assert "1 of 2 groups hold fewer than 20 eligible rows and gave all of them." in page
    assert "Rows per group 20" in page
    assert "Region Rows Requested Drawn" in page
    around_rows = page.split("First rows")[0] + page.split("All 26 rows")[1]
    assert not re.search(r"\b(strat\w+|asked for|samples per)\b", around_rows, re.IGNORECASE)


def test_screen_words_leave_names_and_values_alone() -> None:
    template = '{named} of {strata} strata in "strata" need `samples_per_stratum`.'
    shown = screen_text(template, {"named": 'a "NULL" round', "strata": 1200})
    assert shown == 'a Missing round of 1,200 groups in "strata" need “Rows per group”.'
    assert screen_text("A round has no stratum.") == "A step has no group."


def test_numbers_are_as_in_the_grid(reader: Reader, job_id: str) -> None:
    def cells(page: str, table: str) -> list[str]:
        rows = page.split(table, 1)[1].split("<tbody>", 1)[1].split("</tbody>", 1)[0]
        return [words(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", rows)][:3]

    overview = reader.page(f"/jobs/{job_id}")
    grid = reader.page(f"/jobs/{job_id}", tab="rows")
    assert cells(overview, 'aria-label="Rows, the first ones"') == cells(grid, 'class="datagrid"')
    assert re.fullmatch(r"\d+,\d{3}(\.5)?", cells(grid, 'class="datagrid"')[2])


def test_the_workbook_is_the_first_download(reader: Reader, job_id: str) -> None:
    page = reader.page(f"/jobs/{job_id}")
    downloads = re.findall(rf'href="/api/sampling/jobs/{job_id}/data\?format=(\w+)', page)
    assert downloads[0] == "xlsx"


def test_a_sample_of_marked_rows_names_the_audit_test(server: LiveServer, reader: Reader) -> None:
    """And not a saved query, though its ref is of that kind."""
    dataset = server.new_dataset(reader.api)
    server.import_text(dataset, LEDGER, client=reader.api)
    test = {"columns": ["Region"], "output_name": "twm", "mark_rows": True}
    path = f"/api/datasets/{dataset}/audit-tests/duplicates"
    server.finished(reader.api.post(path, json=test).json()["job_id"])
    step = {"method": "random", "parameters": {"sample_size": 5, "seed": 1}}
    body = {"source_ref": "expl-twm", "table_key": "marked", "rounds": [step]}
    job = server.draw(dataset, body)["id"]
    page = reader.text(f"/jobs/{job}")
    assert ", audit test twm, by" in page
    assert "saved query" not in page
