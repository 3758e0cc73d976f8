"""The tab "Panels" of a dataset: the size of each design, and a sample followed as a panel."""

from __future__ import annotations

import html
import io
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from openpyxl import Workbook

from application.panels.registering import may_be_followed
from storage.jobs.jobs import get_job
from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader, in_element

LEDGER = "Id,Region\n" + "".join(f"{row},{('north', 'south')[row % 2]}\n" for row in range(1, 201))
BY_REGION = {"strata_columns": ["Region"]}


@pytest.mark.parametrize(
    ("method", "parameters", "shown"),
    [
        ("random", {"sample_size": 1000}, "1,000"),
        ("random", {"sample_fraction": 0.25}, "25.0 %"),
        ("stratified", {**BY_REGION, "samples_per_stratum": 20}, "20 per group"),
        ("stratified", {**BY_REGION, "sizes": {"north": 5, "south": 7}}, "by group"),
        ("cluster", {"cluster_column": "Region", "num_clusters": 1}, "1"),
    ],
)
def test_each_size_of_a_panel_is_written(
    server: LiveServer, reader: Reader, method: str, parameters: dict[str, Any], shown: str
) -> None:
    dataset = server.new_dataset(reader.api)
    server.import_text(dataset, LEDGER, client=reader.api)
    key = ["Region"] if method == "cluster" else ["Id"]
    drawn = {"method": method, "parameters": parameters, "order": {"key": key}}
    body = {"name": "monthly", "rotation": "25%", "round": drawn}
    made = reader.api.post(f"/api/sampling/datasets/{dataset}/panels", json=body)
    assert made.status_code == 200, made.text
    page = reader.page(f"/datasets/{dataset}", tab="panels")
    assert in_element(page, '<td data-label="Size" class="number">', "</td>").strip() == shown


def test_a_followed_sample_keeps_its_table_and_its_large_seed(
    server: LiveServer, reader: Reader
) -> None:
    book = Workbook()
    ledger = book.active
    assert ledger is not None
    ledger.title = "ledger"
    ledger.append(["Id", "Amount"])
    vendors = book.create_sheet("vendors")
    vendors.append(["Id", "Town"])
    for row in range(60):
        ledger.append([row, row * 2])
        vendors.append([row, "Oslo"])
    content = io.BytesIO()
    book.save(content)
    dataset = server.new_dataset(reader.api)
    server.import_text(dataset, content.getvalue(), "book.xlsx", client=reader.api)
    drawn = {
        "method": "random",
        "parameters": {"sample_size": 10, "seed": 2**53 + 1},
        "order": {"key": ["Id"]},
    }
    job = server.draw(dataset, {"table_key": "vendors", "rounds": [drawn]})
    sample = reader.page(f"/jobs/{job['id']}")
    link = re.search(r'href="([^"]+tab=panels[^"]+)"', sample)
    assert link is not None
    page = reader.page(html.unescape(link[1]).partition("#")[0])
    assert 'name="table_key" value="vendors"' in page
    round_ = json.loads(in_element(page, 'name="round" data-as="json" value="', '">'))
    assert round_["parameters"]["seed"] == str(2**53 + 1)
    with server.service.database.read() as tx:
        record = get_job(tx, job["id"])
    assert may_be_followed(record)
    assert not may_be_followed(replace(record, source_commit_id=None))
    body = {"name": "v", "rotation": "25%", "round": round_, "table_key": "vendors"}
    body["source_ref"] = job["source_commit_id"]
    panel = reader.api.post(f"/api/sampling/datasets/{dataset}/panels", json=body).json()
    waves = f"/api/sampling/panels/{panel['id']}/waves"
    wave = server.finished(reader.api.post(waves, json={}).json()["job_id"])
    first, again = (
        {row["Id"] for row in server.rows(each["id"], limit=100)} for each in (job, wave)
    )
    assert first == again
