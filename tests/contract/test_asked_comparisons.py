"""Comparisons on a server that makes none by itself: made once somebody asks, or not yet."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from parquet_tables.progress import ProgressCallback
from service.low_priority import MAX_REQUESTED
from service.settings import Settings
from storage.jobs.jobs import store_comparison
from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer, live_server


@pytest.fixture
def asked_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("asked"), memory_mb=256, compare_samples=False
    )
    with live_server(settings) as live:
        yield live


def test_with_the_setting_off_samples_are_compared_when_somebody_asks(
    server: LiveServer,
) -> None:
    job = server.draw(server.new_table(200), one("random", sample_size=50))
    server.service.background.result("the end of the queue", lambda report: None, 30)
    path = f"/api/jobs/{job['id']}"
    assert "comparison" not in server.admin.get(path).json()["output_summary"]
    found = server.admin.get(f"/api/sampling/jobs/{job['id']}/comparison").json()
    summary = server.admin.get(path).json()["output_summary"]["comparison"]
    assert summary["verdict"] == found["verdict"]


def test_while_it_is_being_made_one_is_asked_to_come_again(asked_only: LiveServer) -> None:
    job = asked_only.draw(asked_only.new_table(200), one("random", sample_size=50))
    asked_only.service.background.stop()
    answer = asked_only.admin.get(f"/api/sampling/jobs/{job['id']}/comparison")
    assert_problem(answer, 409, "comparison_not_ready", "Ask again")
    assert int(answer.headers["Retry-After"]) > 0


def test_with_many_waiting_one_is_asked_to_come_again_and_then_served(
    asked_only: LiveServer,
) -> None:
    job = asked_only.draw(asked_only.new_table(200), one("random", sample_size=50))
    path = f"/api/sampling/jobs/{job['id']}/comparison"
    background, began, may_end = asked_only.service.background, threading.Event(), threading.Event()

    def hold(_: ProgressCallback) -> None:
        began.set()
        assert may_end.wait(30)

    background.result("running", hold, 0)
    assert began.wait(30)
    for other in range(MAX_REQUESTED - 1):
        background.result(other, lambda report: None, 0)
    assert_problem(asked_only.admin.get(path), 409, "comparison_not_ready", "Ask again")
    may_end.set()
    background.result(MAX_REQUESTED - 2, lambda report: None, 30)
    assert asked_only.admin.get(path).status_code == 200


def test_a_comparison_of_an_earlier_release_is_made_anew(server: LiveServer) -> None:
    """Such a comparison has no outcome, and its verdict followed other rules."""
    job = server.draw(server.new_table(200), one("random", sample_size=50))
    path = f"/api/jobs/{job['id']}"
    older = {"verdict": "The sample is like its population.", "alike": True}
    with server.service.database.write() as tx:
        store_comparison(tx, job["id"], older, older, server.service.clock)
    assert "comparison" not in server.admin.get(path).json()["output_summary"]
    found = server.admin.get(f"/api/sampling/jobs/{job['id']}/comparison").json()
    assert found["outcome"] == "inconclusive"
    shown = server.admin.get(path).json()["output_summary"]["comparison"]
    assert shown["outcome"] == "inconclusive"
