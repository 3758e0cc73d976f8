"""Queries that take too much, too long or too many threads, and how soon they end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from http_api.routes import exploration
from service.settings import Settings
from service.sql_queries import query_at_once
from tests.contract.exploring import query
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer, live_server

ENDLESS = (
    "SELECT sum(damerau_levenshtein(repeat('a', 2000), repeat('b' || range, 500))) "
    "FROM range(100000)"
)


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with little for each query."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("sql"),
        memory_mb=256,
        http_threads=8,
        duckdb_threads=1,
        sql_memory_mb=64,
        sql_rows_max=5000,
        sql_preview_limit_s=1,
        sql_at_once=1,
    )
    with live_server(settings) as live:
        yield live


def test_a_heavy_query_is_stopped_and_its_limit_named(lonely: LiveServer) -> None:
    dataset = lonely.new_table(10)
    too_many = lonely.explore(dataset, {"sql": "FROM range(1000000000000)"})
    assert (too_many["error_code"], "5,000 rows" in too_many["error_message"]) == (
        "sql_too_large",
        True,
    )
    heavy = lonely.explore(dataset, {"sql": "SELECT repeat('x', 4000000000)"})
    assert (heavy["error_code"], "64 MiB" in heavy["error_message"]) == ("sql_out_of_memory", True)
    assert_problem(query(lonely, dataset, ENDLESS), 422, "sql_timeout", "1 s")
    assert query(lonely, dataset, "SELECT max(id) AS m FROM data").json()["data"] == [{"m": 9}]
    assert not list(lonely.service.directory.scratch_dir.iterdir())


def test_a_cancelled_query_stops_at_once(lonely: LiveServer) -> None:
    dataset = lonely.new_table(10)
    path = f"/api/exploration/datasets/{dataset}/jobs"
    job_id = lonely.admin.post(path, json={"sql": ENDLESS}).json()["job_id"]
    scratch = lonely.service.directory.scratch_dir
    end = time.monotonic() + 30
    while not list(scratch.glob("sql-*/*")):
        assert time.monotonic() < end
        time.sleep(0.005)
    lonely.admin.post(f"/api/jobs/{job_id}/cancel")
    cancelled_at = time.monotonic()
    while list(scratch.iterdir()):
        assert time.monotonic() - cancelled_at < 5, "the query goes on"  # alone it is 0.1
        time.sleep(0.005)
    job = lonely.admin.get(f"/api/jobs/{job_id}").json()
    assert (job["status"], job["error_code"]) == ("failed", "cancelled")
    lonely.explore(dataset, {"sql": "SELECT 1"})


def test_queries_never_hold_all_of_the_servers_threads(lonely: LiveServer) -> None:
    dataset = lonely.new_table(10)
    gate = threading.Barrier(8)

    def ask(_: int) -> httpx.Response:
        with httpx.Client(base_url=lonely.url, headers=dict(lonely.admin.headers)) as client:
            gate.wait()
            path = f"/api/exploration/datasets/{dataset}/query"
            return client.post(path, json={"sql": ENDLESS}, timeout=30)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    busy = [answer for answer in answers if answer.status_code == 429]
    assert len(busy) >= 5
    for answer in busy:
        assert_problem(answer, 429, "too_many_queries")
        assert answer.headers["Retry-After"] == "2"


def test_queries_of_one_user_leave_places_to_others(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Semaphore(0), threading.Event()

    def held(*given: Any, **named: Any) -> Any:
        begun.release()
        assert may_end.wait(30)
        return query_at_once(*given, **named)

    monkeypatch.setattr(exploration, "query_at_once", held)
    other, _ = server.new_user("admin")
    third, _ = server.new_user("admin")
    dataset = server.new_table(10)

    def ask(client: httpx.Client) -> httpx.Response:
        path = f"/api/exploration/datasets/{dataset}/query"
        return client.post(path, json={"sql": "SELECT 1 AS one"})

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask, server.admin)]
        assert begun.acquire(timeout=30)
        assert_problem(
            ask(server.admin),
            429,
            "too_many_queries",
            "At most 1 SQL queries can run at once for one user",
        )
        asked.append(pool.submit(ask, other))
        assert begun.acquire(timeout=30)
        refused = ask(third)
        assert_problem(refused, 429, "too_many_queries", "At most 2 SQL queries can run at once.")
        assert refused.headers["Retry-After"] == "2"
        may_end.set()
        assert [one.result().status_code for one in asked] == [200, 200]
    assert ask(server.admin).status_code == 200


def test_a_query_runs_as_long_as_its_type_may(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path, memory_mb=256, duckdb_threads=1, exploration_limit_min=0.02
    )
    with live_server(settings) as live:
        job = live.explore(live.new_table(3), {"sql": ENDLESS})
    assert (job["status"], job["error_code"]) == ("failed", "timed_out")
