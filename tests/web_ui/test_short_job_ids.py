"""The start of a job's id redirects to its page."""

from __future__ import annotations

import pytest

from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader
from tests.web_ui.staged_jobs import FILE, ended_job, running_job


@pytest.fixture
def job(server: LiveServer, reader: Reader) -> str:
    return ended_job(server, reader, server.new_dataset(reader.api), file=FILE)


@pytest.mark.parametrize("query", ["", "?tab=log", "?tab=why&row=a%26b"])
def test_the_start_of_an_id_redirects_to_the_full_url(reader: Reader, job: str, query: str) -> None:
    response = reader.get(f"/jobs/{job[:8]}{query}")
    assert (response.status_code, response.headers["Location"]) == (303, f"/jobs/{job}{query}")
    assert reader.get(f"/jobs/{job}{query}").status_code == 200


def test_forms_accept_the_start_of_an_id(server: LiveServer, reader: Reader, job: str) -> None:
    again = reader.post(f"/jobs/{job[:8]}/retry").headers["Location"].removeprefix("/jobs/")
    assert reader.api.get(f"/api/jobs/{again}").json()["retry_of"] == job
    running = running_job(server, reader.soeid, server.new_dataset(reader.api))
    assert reader.post(f"/jobs/{running[:8]}/cancel").headers["Location"] == f"/jobs/{running}"


def test_too_few_characters_are_not_found(reader: Reader, job: str) -> None:
    assert reader.get(f"/jobs/{job[:7]}").status_code == 404


def test_a_query_may_hold_any_bytes(server: LiveServer, reader: Reader, job: str) -> None:
    response = reader.get(f"/jobs/{job[:8]}?tab=log&x=%ff\xff")
    assert response.status_code == 303
    assert response.headers["Location"].startswith(f"/jobs/{job}?tab=log&x=%ff")
    assert server.client(None).get("/jobs?q=\xff").status_code == 303
