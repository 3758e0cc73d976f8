"""Conditional GET of jobs and lists: 304 until something changes, for the same token alone."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

import composition_root
from http_api.server.metrics import Metrics
from service import log_context
from tests.http_api.stage import LISTED, Stage
from tests.support.live_server import LiveServer

RANDOM = {"method": "random", "sample_size": 5}


def test_an_unchanged_list_is_304_without_a_body(stage: Stage) -> None:
    first = stage.ask()
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "private, no-cache")
    etag = first.headers["ETag"]
    for sent in (etag, f"W/{etag}", f'"other", {etag}'):
        again = stage.ask(If_None_Match=sent)
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == etag
        assert again.headers["Cache-Control"] == "private, no-cache"
        assert "Content-Type" not in again.headers
        assert again.headers["X-Request-ID"] != first.headers["X-Request-ID"]


@pytest.mark.parametrize("sent", ['"other"', "*", "", "no etag"])
def test_another_etag_gets_the_list(stage: Stage, sent: str) -> None:
    answer = stage.ask(If_None_Match=sent)
    assert (answer.status_code, answer.json) == (200, stage.ask().json)


def test_head_is_conditional_too(stage: Stage) -> None:
    etag = stage.ask(method="HEAD").headers["ETag"]
    assert etag == stage.ask().headers["ETag"]
    assert stage.ask(method="HEAD", If_None_Match=etag).status_code == 304


@pytest.mark.parametrize("path", [f"{LISTED}?limit=5", f"{LISTED}?limit=6&offset=1"])
def test_another_url_has_another_etag(stage: Stage, path: str) -> None:
    etag = stage.ask().headers["ETag"]
    assert stage.ask(path, If_None_Match=etag).status_code == 200


def test_a_commit_changes_the_etag(stage: Stage) -> None:
    etag = stage.ask().headers["ETag"]
    with stage.service.database.write():
        pass
    again = stage.ask(If_None_Match=etag)
    assert (again.status_code, again.headers["ETag"] != etag) == (200, True)


def test_a_restart_changes_the_etag(stage: Stage) -> None:
    etag, version = stage.ask().headers["ETag"], stage.service.database.version
    restarted = composition_root.build_app(stage.service, Metrics())
    stage.client = restarted.test_client(use_cookies=False)
    assert stage.ask(If_None_Match=etag).status_code == 200
    assert stage.service.database.version == version


def test_a_known_etag_opens_nothing(stage: Stage) -> None:
    etag = stage.ask().headers["ETag"]
    assert stage.client.get(LISTED, headers={"If-None-Match": etag}).status_code == 401
    assert stage.ask(If_None_Match=etag, Authorization="Bearer other").status_code == 401
    assert stage.ask(If_None_Match=etag, Host="evil.example.org").status_code == 421
    assert stage.ask(method="POST", If_None_Match=etag).status_code in (403, 405)
    stage.now += timedelta(hours=1)
    assert stage.ask(If_None_Match=etag).status_code == 401


def test_refusals_have_no_etag(stage: Stage) -> None:
    for path, status in ((f"{LISTED}/none", 404), (f"{LISTED}?limit=0", 422)):
        answer = stage.ask(path, If_None_Match="*")
        assert (answer.status_code, "ETag" in answer.headers) == (status, False)


def test_a_304_is_counted_and_logged(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    access = logging.getLogger("jobsvc.access")
    caplog.handler.addFilter(log_context.ContextFilter())
    with caplog.at_level(logging.INFO, logger=access.name):
        first = stage.ask(X_Request_ID="r0")
        stage.ask(X_Request_ID="r1", If_None_Match=first.headers["ETag"])
    lines = [record for record in caplog.records if record.name == access.name]
    names = ("request_id", "method", "route", "path", "status", "user_id", "sent_bytes")
    assert [[getattr(line, name) for name in names] for line in lines] == [
        ["r0", "GET", LISTED, LISTED, 200, stage.user_id, len(first.data)],
        ["r1", "GET", LISTED, LISTED, 304, stage.user_id, 0],
    ]
    value = stage.metrics.registry.get_sample_value
    for status in ("200", "304"):
        route = {"method": "GET", "route": LISTED, "status": status}
        assert value("jobsvc_http_requests_total", route) == 1
        assert value("jobsvc_http_request_seconds_count", route) == 1
    assert value("jobsvc_http_response_bytes_total", {"route": LISTED}) == len(first.data)
    assert value("jobsvc_http_requests_in_progress") == 0
    assert not log_context.present_fields()


def test_a_token_expires_though_nothing_was_written(stage: Stage) -> None:
    before = stage.service.database.version
    assert [stage.ask("/api/users/me").status_code for _ in range(2)] == [200, 200]
    stage.now += timedelta(hours=1)
    assert [stage.ask("/api/users/me").status_code for _ in range(2)] == [401, 401]
    assert stage.service.database.version == before


def test_an_unchanged_job_is_304_over_http(server: LiveServer) -> None:
    job = server.draw(server.new_table(20), RANDOM)
    path = f"/api/jobs/{job['id']}"
    server.admin.get(f"/api/sampling/jobs/{job['id']}/comparison")  # it changes the job's summary
    first = server.admin.get(path)
    again = server.admin.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_renamed_dataset_is_seen_despite_the_etag(server: LiveServer) -> None:
    dataset = server.new_table(20)
    job = server.draw(dataset, RANDOM)
    paths = (f"/api/jobs/{job['id']}", f"/api/jobs?dataset_id={dataset}")
    etags = dict.fromkeys(paths, "")
    for name in (f"first name {dataset}", f"second name {dataset}"):
        server.admin.patch(f"/api/datasets/{dataset}", json={"name": name})
        for path in paths:
            answer = server.admin.get(path, headers={"If-None-Match": etags[path]})
            etags[path], shown = answer.headers["ETag"], answer.json()
            assert {one["dataset_name"] for one in shown.get("jobs", [shown])} == {name}


def test_an_etag_is_for_one_user_and_ends_with_the_permission(server: LiveServer) -> None:
    owner, _ = server.new_user()
    other, user = server.new_user()
    dataset = server.new_table(20, owner)
    path = f"/api/jobs/{server.draw(dataset, RANDOM)['id']}"
    permissions = f"/api/datasets/{dataset}/permissions"
    first = owner.get(path)
    assert other.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 404
    assert other.get("/api/jobs").json()["total"] == 0
    put = owner.put(permissions, json={"user_id": user["id"], "permission": "read"})
    assert put.status_code == 200, put.text
    shown = owner.get(path)
    seen = other.get(path, headers={"If-None-Match": shown.headers["ETag"]})
    assert (seen.status_code, seen.content) == (200, shown.content)
    assert seen.headers["ETag"] != shown.headers["ETag"]
    taken = owner.request("DELETE", permissions, json={"user_id": user["id"]})
    assert taken.status_code == 200, taken.text
    assert other.get(path, headers={"If-None-Match": seen.headers["ETag"]}).status_code == 404


def test_an_ended_token_gets_no_304(server: LiveServer) -> None:
    client, _ = server.new_user()
    path = f"/api/jobs/{server.draw(server.new_table(20, client), RANDOM)['id']}"
    etag = client.get(path).headers["ETag"]
    assert client.post("/api/users/logout").status_code == 200
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 401


def test_a_repeated_get_has_the_same_body(stage: Stage) -> None:
    first, again = stage.ask(), stage.ask()
    assert first.data == again.data
    assert first.headers["Content-Type"] == again.headers["Content-Type"]
    assert stage.ask(f"{LISTED}?limit=5").json != first.json
