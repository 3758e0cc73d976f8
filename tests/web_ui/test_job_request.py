"""The Request tab shows a request for the same result."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest

from tests.support.live_server import LiveServer, finished
from tests.web_ui.reader import Reader, in_element

JSON = 'aria-label="The request as JSON"><code>'
CURL = 'aria-label="The request as curl"><code>'
BODIES: dict[str, dict[str, Any]] = {
    "sampling": {"method": "random", "parameters": {"sample_size": 5}, "export_residual": True},
    "exploration": {"sql": "SELECT count(*) AS n FROM data", "commit_message": "it's counted"},
    "profiling": {"columns": ["city"]},
}


def completed(reader: Reader, kind: str, dataset: int, body: dict[str, Any]) -> dict[str, Any]:
    answer = reader.api.post(f"/api/{kind}/datasets/{dataset}/jobs", json=body)
    assert answer.status_code == 200, answer.text
    return finished(reader.api, answer.json()["job_id"])


def move_main(server: LiveServer, reader: Reader, dataset: int) -> None:
    """Import other rows into main."""
    server.import_text(dataset, "id,city,amount\n1,Rome,2\n2,Bonn,3\n" * 9, client=reader.api)


@pytest.mark.parametrize("kind", BODIES)
def test_the_request_gives_the_same_result_after_an_import(
    server: LiveServer, reader: Reader, kind: str
) -> None:
    dataset = server.new_table(40, reader.api)
    first = completed(reader, kind, dataset, BODIES[kind])
    move_main(server, reader, dataset)
    page = reader.page(f"/jobs/{first['id']}", tab="request")
    body = json.loads(in_element(page, JSON, "</code>"))
    assert body["source_ref"] == first["source_commit_id"]
    again = completed(reader, kind, dataset, body)
    assert again["status"] == "completed", again
    assert again["source_commit_id"] == first["source_commit_id"]
    fields = ("total_sampled", "source_rows", "rows", "columns")
    summaries = [
        {name: job["output_summary"].get(name) for name in fields} for job in (first, again)
    ]
    assert summaries[0] == summaries[1]
    if kind == "sampling":
        drawn = [
            reader.api.get(f"/api/sampling/jobs/{job['id']}/data").json()["data"]
            for job in (first, again)
        ]
        assert drawn[0] == drawn[1]


@pytest.mark.parametrize("kind", BODIES)
def test_curl_sends_the_request(server: LiveServer, reader: Reader, kind: str) -> None:
    dataset = server.new_table(40, reader.api)
    job = completed(reader, kind, dataset, BODIES[kind])
    page = reader.page(f"/jobs/{job['id']}", tab="request")
    command = shlex.split(in_element(page, CURL, "</code>").replace("\\\n", " "))
    assert command[:2] == ["curl", f"{server.url}/api/{kind}/datasets/{dataset}/jobs"]
    body = json.loads(command[command.index("-d") + 1])
    assert body == json.loads(in_element(page, JSON, "</code>"))


def test_a_report_of_two_tables_names_both_commits(server: LiveServer, reader: Reader) -> None:
    dataset = server.new_table(40, reader.api)
    move_main(server, reader, dataset)
    old = reader.api.get(f"/api/datasets/{dataset}/history").json()["commits"][1]["commit_id"]
    reader.api.post(f"/api/datasets/{dataset}/refs", json={"ref_name": "old", "commit_id": old})
    job = completed(reader, "exploration", dataset, {"compare_to": {"source_ref": "old"}})
    page = reader.page(f"/jobs/{job['id']}", tab="request")
    body = json.loads(in_element(page, JSON, "</code>"))
    assert body["compare_to"] == {"source_ref": old, "table_key": "primary"}
    assert completed(reader, "exploration", dataset, body)["status"] == "completed"


def test_a_row_diff_names_both_commits_and_its_keys(server: LiveServer, reader: Reader) -> None:
    dataset = server.new_table(40, reader.api)
    (old,) = reader.api.get(f"/api/datasets/{dataset}/history").json()["commits"]
    request = {"compare_to": {"source_ref": "main"}, "keys": ["id"]}
    job = completed(reader, "exploration", dataset, request)
    page = reader.page(f"/jobs/{job['id']}", tab="request")
    body = json.loads(in_element(page, JSON, "</code>"))
    assert (body["source_ref"], body["keys"]) == (old["commit_id"], ["id"])
    assert body["compare_to"] == {"source_ref": old["commit_id"], "table_key": "primary"}
    assert completed(reader, "exploration", dataset, body)["status"] == "completed"


def test_an_import_shows_its_parameters(server: LiveServer, reader: Reader) -> None:
    job = server.import_text(server.new_dataset(reader.api), "a\n1\n", client=reader.api)
    page = reader.page(f"/jobs/{job['id']}", tab="request")
    assert json.loads(in_element(page, JSON, "</code>"))["ref"] == "main"
    assert "-F file=@table.csv" in in_element(page, CURL, "</code>")
    command = in_element(page, 'aria-label="The request as a command"><code>', "</code>")
    assert command.startswith("jobsvc import table.csv --dataset")
    assert not re.search("same (rows|figures)", page)


def test_a_pruned_source_is_reported(server: LiveServer, reader: Reader) -> None:
    dataset = server.new_table(40, reader.api)
    job = completed(reader, "sampling", dataset, BODIES["sampling"])
    with server.service.database.write() as tx:
        tx.execute("UPDATE jobs SET source_commit_id = NULL WHERE id = ?", (job["id"],))
    page = reader.page(f"/jobs/{job['id']}", tab="request")
    assert "was pruned" in page
    assert json.loads(in_element(page, JSON, "</code>"))["source_ref"] == "main"
    assert CURL not in page
