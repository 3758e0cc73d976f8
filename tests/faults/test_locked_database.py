"""Another program locks the database: writers wait, and no internal error is reported."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from storage.maintenance.checking import check
from storage.maintenance.data_directory import DataDirectory
from tests.faults import impatient
from tests.faults.history import Books
from tests.faults.test_random_kills import open_books
from tests.support.forked_process import ForkedProcess
from tests.support.server_process import ServerProcess


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the write lock, as a program that inspects or copies the database would."""
    connection = sqlite3.connect(data_dir / "jobsvc.sqlite3", isolation_level=None)
    with closing(connection):
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as threads:
        yield threads


def post_draw(client: httpx.Client, books: Books, number: int) -> httpx.Response:
    one = books.asked[number]
    path = f"/api/sampling/datasets/{books.dataset_id}/jobs"
    return client.post(path, json=one.body, headers={"Idempotency-Key": one.key})


def require_sound(data_dir: Path, books: Books) -> None:
    """Every job was accepted once and completed."""
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        list(books.send_unanswered(client))
        assert books.hold_against(client) == len(books.asked)
        assert server.terminate() == 0
    books.hold_against_files(DataDirectory(data_dir))
    assert check(DataDirectory(data_dir), lambda done, what: None).faults == ()


def test_writers_wait_for_a_short_lock_and_readers_do_not(
    tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        books = open_books(client)
        for seed in range(4):
            books.add_draw("random", seed, residual=True)
        with locked(data_dir):
            waiting = [pool.submit(post_draw, client, books, number) for number in range(4)]
            began = time.monotonic()
            for path in ("/api/jobs", "/api/datasets", f"/api/datasets/{books.dataset_id}/refs"):
                assert client.get(path).status_code == 200
            assert time.monotonic() - began < 5
            assert not any(one.done() for one in waiting)
            health = client.get("/health")
            assert (health.status_code, "locked" in health.json()["detail"]) == (503, True)
        assert {one.result().status_code for one in waiting} == {200}
        assert server.terminate() == 0
    require_sound(data_dir, books)


def test_a_lock_beyond_the_timeout_is_reported_to_everyone(
    tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir, forked=True, work=impatient.serve, http_threads=16) as server:
        client = server.client()
        books = open_books(client)
        for number in range(8):
            books.add_draw("random", number % 3, residual=False)
        with locked(data_dir):
            began = time.monotonic()
            answers = list(pool.map(lambda number: post_draw(client, books, number), range(8)))
            # Together, not one after the other.
            assert time.monotonic() - began < 4 * impatient.PATIENCE_S
        for answer in answers:
            assert (answer.status_code, answer.json()["code"]) == (503, "locked")
            assert int(answer.headers["Retry-After"]) > 0
        list(books.send_unanswered(client))
        assert books.hold_against(client) == len(books.asked)
        assert server.terminate() == 0
    require_sound(data_dir, books)


def test_a_job_ends_after_a_long_lock(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir, forked=True, work=impatient.serve) as server:
        client = server.client()
        books = open_books(client)
        for number in range(6):
            books.add_draw("stratified", number, residual=True)
        list(books.send_unanswered(client))
        with locked(data_dir):
            server.wait_for("database is locked")
        assert books.hold_against(client) == len(books.asked)
        assert server.terminate() == 0
    require_sound(data_dir, books)


def test_a_start_that_meets_a_long_lock_is_refused_plainly(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir, forked=True) as server:
        books = open_books(server.client())
        assert server.terminate() == 0
    with locked(data_dir):
        process = ForkedProcess(impatient.serve, data_dir)
        output = process.written()
        assert process.wait(60) == 3
    assert "The database was locked by another program." in output
    assert "Traceback" not in output
    require_sound(data_dir, books)
