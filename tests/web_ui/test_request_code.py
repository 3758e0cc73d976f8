"""The code of requests on pages: known at once, or asked for by a form's script."""

from __future__ import annotations

from typing import Any

import httpx

from application.sessions import COOKIE, csrf_token
from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader, in_element

PYTHON = 'aria-label="The request in Python"><code>'


def asked(reader: Reader, given: Any) -> httpx.Response:
    token = csrf_token(reader.browser.cookies[COOKIE])
    headers = {"X-CSRF-Token": token, "Accept": "application/json"}
    return reader.browser.post("/request-code", json=given, headers=headers)


def test_a_dataset_is_named_unless_another_has_its_name(server: LiveServer, reader: Reader) -> None:
    dataset = server.new_table(20, reader.api)
    name = reader.api.get(f"/api/datasets/{dataset}").json()["name"]
    given = {"path": f"/api/exploration/datasets/{dataset}/jobs", "body": {"sql": "SELECT 1"}}
    code = asked(reader, given).json()
    assert f'connect().dataset("{name}")' in code["python"]
    assert code["command"] == f"jobsvc sql '{name}' 'SELECT 1'"
    assert server.url in code["curl"]
    twin = reader.api.post("/api/datasets", json={"name": name})
    if twin.status_code == 200:
        assert f"dataset({dataset})" in asked(reader, given).json()["python"]


def test_a_hidden_dataset_and_what_is_no_request_are_refused(
    server: LiveServer, reader: Reader
) -> None:
    hidden = server.new_dataset()
    path = f"/api/exploration/datasets/{hidden}/jobs"
    assert asked(reader, {"path": path, "body": {"sql": "SELECT 1"}}).status_code == 404
    own = server.new_table(20, reader.api)
    path = f"/api/sampling/datasets/{own}/jobs"
    for given in ([], "x", {}, {"path": 1, "body": {}}, {"path": path, "body": {"rounds": [1]}}):
        answer = asked(reader, given)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), given


def test_pages_of_known_requests_have_their_code(server: LiveServer, reader: Reader) -> None:
    dataset = server.new_table(60, reader.api)
    body = {"rounds": [{"method": "random", "parameters": {"sample_size": 20}}]}
    path = f"/api/sampling/datasets/{dataset}/jobs"
    job = server.finished(reader.api.post(path, json=body).json()["job_id"])
    query = {"tab": "estimates", "statistic": "total", "column": "amount", "confidence": "90"}
    estimates = in_element(reader.page(f"/jobs/{job['id']}", **query), PYTHON, "</code>")
    assert 'sample.estimate("total", "amount", confidence=0.9)' in estimates
    query = {"tab": "profile", "wait": "true"}
    profile = in_element(reader.page(f"/datasets/{dataset}", **query), PYTHON, "</code>")
    assert "dataset.profile().result()" in profile
    server.import_text(dataset, "id,city,amount\n1,Oslo,2\n2,Lima,3\n", client=reader.api)
    changes = in_element(reader.page(f"/datasets/{dataset}/changes"), PYTHON, "</code>")
    assert "dataset.changed_rows(" in changes
    rows = reader.api.get(f"/api/sampling/jobs/{job['id']}/findings").json()["items"]
    entries = [{"row_id": row["row_id"], "outcome": "ok"} for row in rows]
    reader.api.post(f"/api/sampling/jobs/{job['id']}/findings", json={"findings": entries})
    query = {"tab": "evaluation", "kind": "attributes", "tolerable": "20 %"}
    evaluation = in_element(reader.page(f"/jobs/{job['id']}", **query), PYTHON, "</code>")
    assert 'sample.evaluate(0.2, kind="attributes", confidence=0.95)' in evaluation.replace(
        "tolerable=", ""
    )
