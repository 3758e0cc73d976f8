"""A page has one primary button at most."""

from __future__ import annotations

import re

import pytest

from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader

PAGES = [
    "/",
    "/datasets",
    "/jobs",
    "/account",
    "/datasets/{dataset}",
    "/datasets/{dataset}?tab=draws",
    "/datasets/{dataset}/sql",
    "/datasets/{dataset}?tab=history",
    "/datasets/{dataset}?tab=profile",
    "/datasets/{dataset}?tab=overview",
    "/datasets/{dataset}?tab=access",
    "/datasets/{dataset}?tab=settings",
    "/datasets/{dataset}/import",
    "/datasets/{dataset}/draw",
    "/datasets/{empty}",
    "/datasets/{empty}?tab=draws",
    "/jobs/{job}",
    "/jobs/{job}?tab=rows",
    "/jobs/{job}?tab=comparison",
    "/jobs/{job}?tab=estimates",
    "/jobs/{job}?tab=reserves",
    "/jobs/{job}?tab=why",
]


@pytest.fixture(scope="module")
def shown(server: LiveServer, reader: Reader) -> dict[str, object]:
    dataset = server.new_table(100, reader.api)
    body = {"method": "random", "sample_size": 10, "seed": 1}
    path = f"/api/sampling/datasets/{dataset}/jobs"
    job = reader.api.post(path, json=body).json()["job_id"]
    server.finished(job)
    return {"dataset": dataset, "job": job, "empty": server.new_dataset(reader.api)}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_one_primary_button(reader: Reader, shown: dict[str, object], path: str) -> None:
    page = re.sub(r"<dialog.*?</dialog>", "", reader.page(path.format(**shown)), flags=re.DOTALL)
    assert len(re.findall(r'class="(?:button )?main"', page)) <= 1
