"""Answers that are sent again without the app: the same, counted and logged, and nobody else's."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from job_runner import log_context
from tests.http_api.stage import LISTED, Stage


def test_the_same_request_is_answered_the_same_without_the_view(stage: Stage) -> None:
    first, again = stage.ask(), stage.ask()
    assert stage.made == 1
    assert again.data == first.data
    named = {name: value for name, value in first.headers if name != "X-Request-ID"}
    assert {name: value for name, value in again.headers if name != "X-Request-ID"} == named
    assert again.headers["X-Request-ID"] != first.headers["X-Request-ID"]
    assert stage.ask(X_Request_ID="mine").headers["X-Request-ID"] == "mine"
    assert stage.made == 1


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (f"{LISTED}?limit=5", {}),
        (LISTED, {"Accept_Encoding": "gzip"}),
        (LISTED, {"Host": "127.0.0.1:99"}),
        (LISTED, {"Cookie": "theme=dark"}),
    ],
)
def test_another_request_is_answered_by_the_view(
    stage: Stage, path: str, headers: dict[str, str]
) -> None:
    stage.ask()
    assert stage.ask(path, **headers).status_code == 200
    assert stage.made == 2


def test_what_merely_names_a_request_makes_it_no_other(stage: Stage) -> None:
    for number in range(3):
        trace = f"00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b{number}-01"
        stage.ask(Traceparent=trace, Tracestate=f"vendor={number}", X_Request_ID=f"r{number}")
    assert stage.made == 1


def test_a_commit_ends_what_was_kept(stage: Stage) -> None:
    stage.ask()
    with stage.service.database.write():
        pass
    stage.ask()
    assert stage.made == 2


def test_what_is_refused_is_refused_though_the_answer_was_kept(stage: Stage) -> None:
    assert stage.ask().status_code == 200
    assert stage.client.get(LISTED).status_code == 401
    assert stage.ask(Authorization="Bearer other").status_code == 401
    assert stage.ask(Host="evil.example.org").status_code == 421
    assert stage.ask(method="POST").status_code in (403, 405)
    head = stage.ask(method="HEAD")
    assert (head.status_code, head.data) == (200, b"")
    stage.now += timedelta(hours=1)
    assert stage.ask().status_code == 401


def test_refusals_are_not_kept(stage: Stage) -> None:
    path = "/api/jobs/none"
    assert [stage.ask(path).status_code for _ in range(2)] == [404, 404]
    route = {"method": "GET", "route": "/api/jobs/{job_id}", "status": "404"}
    found = stage.metrics.registry.get_sample_value("jobsvc_http_requests_total", route)
    assert found == 2


def test_a_kept_answer_is_counted_and_logged_as_any_other(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    access = logging.getLogger("jobsvc.access")
    caplog.handler.addFilter(log_context.ContextFilter())
    with caplog.at_level(logging.INFO, logger=access.name):
        sizes = [len(stage.ask(X_Request_ID=f"r{turn}").data) for turn in range(3)]
    assert stage.made == 1
    lines = [record for record in caplog.records if record.name == access.name]
    told = ("method", "route", "path", "status", "user_id", "sent_bytes", "received_bytes")
    assert [[getattr(line, name) for name in told] for line in lines] == [
        ["GET", LISTED, LISTED, 200, stage.user_id, size, 0] for size in sizes
    ]
    assert [line.request_id for line in lines] == ["r0", "r1", "r2"]  # type: ignore[attr-defined]
    route = {"method": "GET", "route": LISTED, "status": "200"}
    value = stage.metrics.registry.get_sample_value
    assert value("jobsvc_http_requests_total", route) == 3
    assert value("jobsvc_http_request_seconds_count", route) == 3
    assert value("jobsvc_http_response_bytes_total", {"route": LISTED}) == sum(sizes)
    assert value("jobsvc_http_requests_in_progress") == 0
    assert not log_context.present_fields()
