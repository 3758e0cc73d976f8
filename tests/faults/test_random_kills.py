"""SIGKILL at random moments of a mixed load: nothing lost, nothing twice, everything whole.

``--kills N`` makes the run longer; the moments follow from ``--kill-seed``.
"""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import httpx
import pytest

from storage.maintenance.checking import check
from storage.maintenance.data_directory import DataDirectory
from tests.faults.asked import CONTENT
from tests.faults.history import Books
from tests.faults.server_state import dataset_of
from tests.support.live_server import finished
from tests.support.server_process import ServerProcess

MAX_LIFE_S = 0.4
"""A load asks for a job in about 10 ms, and a job takes 50: a life sees every step many times."""

QUERIES = 0.15
"""Lives with a query, submitted in advance: checking one takes longer than most lives."""

LIFE_OF_A_QUERY_S = 1.2

MAX_AT_ONCE = 12
"""Jobs submitted in one life: with more, too many would wait in the end."""


def open_books(client: httpx.Client) -> Books:
    dataset_id = dataset_of(client)
    path = f"/api/datasets/{dataset_id}/refs/main/import"
    answer = client.post(path, files={"file": ("table.csv", CONTENT)})
    assert finished(client, answer.json()["job_id"])["status"] == "completed"
    return Books(dataset_id)


def live(server: ServerProcess, books: Books, chance: random.Random) -> None:
    """One life of a server under load, from its start to its kill."""
    client = server.client()
    with_query = chance.random() < QUERIES
    if with_query:
        books.send(client, books.add_query(len(books.asked) % 3))
    longest_s = LIFE_OF_A_QUERY_S if with_query else MAX_LIFE_S
    killer = threading.Timer(chance.uniform(0.0, longest_s), server.kill)
    killer.start()
    try:
        list(books.send_unanswered(client))
        for _ in range(MAX_AT_ONCE):
            books.ask(client, chance)
    except httpx.TransportError:
        pass  # the server died
    killer.join()


@pytest.mark.timeout(4 * 3600)
def test_no_kill_loses_a_job_or_publishes_it_twice(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    kills: int = pytestconfig.getoption("--kills")
    chance = random.Random(pytestconfig.getoption("--kill-seed"))
    data_dir = tmp_path / "data"
    began = time.monotonic()
    with ServerProcess(data_dir, forked=True) as server:
        books = open_books(server.client())
        server.kill()
    for kill in range(kills):
        with ServerProcess(data_dir, forked=True, waiting_jobs_max=100_000) as server:
            live(server, books, chance)
        if kill % 100 == 99:
            print(f"{kill + 1} kills, {len(books.asked)} jobs, {time.monotonic() - began:.0f} s")
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        list(books.send_unanswered(client))
        completed = books.hold_against(client)
        assert server.terminate() == 0
    with ServerProcess(data_dir, forked=True, keep_uploads_days=0) as server:
        assert server.terminate() == 0  # what cancelled jobs left is swept
    books.hold_against_files(DataDirectory(data_dir))
    findings = check(DataDirectory(data_dir), lambda done, what: None)
    assert findings.faults == ()
    assert completed >= kills // 2  # a busy machine does less between two kills
    print(
        f"{kills} kills, {len(books.asked)} jobs submitted, {completed} completed, "
        f"{findings.commits} commits checked, {time.monotonic() - began:.0f} s"
    )
