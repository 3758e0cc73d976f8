"""The state of a job on all pages."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader, in_element
from tests.web_ui.staged_jobs import ended_job

STATE = re.compile(r'<span class="state (\w+)">(\w+)</span>')
DRAW = {"source_ref": "main", "table_key": "primary", "rounds": [{"method": "random"}]}
PAGES: dict[str, Callable[[str, int], str]] = {
    "job": lambda job, dataset: f"/jobs/{job}?tab=log",
    "jobs": lambda job, dataset: f"/jobs?dataset_id={dataset}",
    "home": lambda job, dataset: "/",
    "draws": lambda job, dataset: f"/datasets/{dataset}?tab=draws",
}


@pytest.mark.parametrize(("code", "word"), [("cancelled", "cancelled"), ("timed_out", "failed")])
@pytest.mark.parametrize("page", PAGES)
def test_cancelled_and_failed_jobs_look_different(
    server: LiveServer, page: str, code: str, word: str
) -> None:
    reader = Reader(server)
    dataset = server.new_dataset(reader.api)
    given = {**DRAW, "export_residual": False, "output_ref": "smpl-never"}
    job = ended_job(server, reader, dataset, code=code, run_type="sampling", parameters=given)
    assert STATE.findall(reader.page(PAGES[page](job, dataset))) == [(word, word)]
    assert reader.api.get(f"/api/jobs/{job}").json()["status"] == "failed"


def test_the_note_on_a_cancelled_job_is_not_an_error(server: LiveServer) -> None:
    reader = Reader(server)
    dataset = server.new_dataset(reader.api)
    for code, kind in (("cancelled", "quiet"), ("timed_out", "bad")):
        job = ended_job(server, reader, dataset, code=code)
        assert in_element(reader.page(f"/jobs/{job}"), '<div class="note ', '"') == kind


def test_the_failed_filter_includes_cancelled_jobs(server: LiveServer) -> None:
    reader = Reader(server)
    dataset = server.new_dataset(reader.api)
    job = ended_job(server, reader, dataset)
    page = reader.page("/jobs?status=failed")
    assert job in page
    assert '<option value="failed" selected>failed or cancelled</option>' in page
