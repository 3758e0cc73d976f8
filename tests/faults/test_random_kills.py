"""SIGKILL at random moments of a mixed load: nothing lost, nothing twice, everything whole.

``--kills N`` makes the run longer; the moments follow from ``--kill-seed``.
"""

from __future__ import annotations

import random
import threading
from pathlib import Path

import httpx
import pytest

from storage.checking import check
from storage.data_directory import DataDirectory
from tests.faults.history import CONTENT, Books
from tests.live_server import finished
from tests.server_process import ServerProcess


def open_books(client: httpx.Client) -> Books:
    dataset_id = client.post("/api/datasets", json={"name": "table"}).json()["id"]
    path = f"/api/datasets/{dataset_id}/refs/main/import"
    answer = client.post(path, files={"file": ("table.csv", CONTENT)})
    assert finished(client, answer.json()["job_id"])["status"] == "completed"
    return Books(dataset_id)


@pytest.mark.timeout(3600)
def test_no_job_is_lost_or_published_twice_whenever_the_server_dies(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    kills: int = pytestconfig.getoption("--kills")
    chance = random.Random(pytestconfig.getoption("--kill-seed"))
    data_dir = tmp_path / "data"
    books: Books | None = None
    for _ in range(kills):
        with ServerProcess(data_dir, waiting_jobs_max=100_000) as server:
            client = server.client()
            if books is None:
                books = open_books(client)
            killer = threading.Timer(chance.uniform(0.01, 0.4), server.kill)
            killer.start()
            try:
                books.send_unanswered(client)
                while True:
                    books.ask(client, chance)
            except httpx.TransportError:
                pass  # the server died
            killer.join()
    assert books is not None
    with ServerProcess(data_dir) as server:
        client = server.client()
        books.send_unanswered(client)
        completed = books.hold_against(client)
        assert server.terminate() == 0
    assert completed > kills
    findings = check(DataDirectory(data_dir), lambda done, what: None)
    assert findings.faults == ()
    print(f"{kills} kills, {len(books.asked)} jobs asked for, {completed} completed")
