"""SIGKILL while two people enter findings: each answered entry is there, and none by half."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from storage.maintenance.checking import check
from storage.maintenance.data_directory import DataDirectory
from tests.faults.test_random_kills import open_books
from tests.support.live_server import finished
from tests.support.server_process import ServerProcess

ROW = "row_id"
LIVES, MAX_ANSWERS, MAX_WAIT_S = 3, 3, 0.03
"""A life ends within 0.03 s after some answers: a request takes about as long."""
AT_ONCE = 3
"""Findings of one request, which have its name as their note."""


def sampled(server: ServerProcess) -> tuple[str, list[str]]:
    """A sample, and its rows in the halves of two people."""
    client = server.client()
    dataset = open_books(client).dataset_id
    body = {"method": "random", "sample_size": 6, "seed": 1}
    job = client.post(f"/api/sampling/datasets/{dataset}/jobs", json=body).json()["job_id"]
    assert finished(client, job)["status"] == "completed"
    items = client.get(f"/api/sampling/jobs/{job}/findings").json()["items"]
    return job, [item[ROW] for item in items]


def is_of_files(name: str) -> bool:
    """Whether a request ``life.person.turn`` is of the person who sends files."""
    return name.split(".")[1] == "1"


class Answers:
    """The ids that requests were answered with, by the name of each."""

    def __init__(self) -> None:
        self.ids: dict[str, list[int]] = {}
        self._files = threading.Semaphore(0)

    def add(self, name: str, ids: list[int]) -> None:
        """Note an answer."""
        self.ids[name] = ids
        if is_of_files(name):
            self._files.release()

    def await_file(self) -> None:
        """Wait for another answer to a file, which takes longer than JSON."""
        assert self._files.acquire(timeout=60)


def enter_until_killed(
    client: httpx.Client, path: str, rows: list[str], name: str, answered: Answers
) -> None:
    """Correct the same rows again and again: the second person by files."""
    try:
        for turn in range(1000):
            note = f"{name}.{turn}"
            if is_of_files(note):
                lines = "\n".join(f"{row},exception,{turn}.5,{note}" for row in rows)
                text = f"_logical_row_id,outcome,audit_value,note\n{lines}\n"
                answer = client.post(path, files={"file": ("list.csv", text.encode())})
            else:
                found = [{ROW: row, "outcome": "ok", "note": note} for row in rows]
                answer = client.post(path, json={"findings": found})
            assert answer.status_code == 200, answer.text
            answered.add(note, answer.json()["ids"])
    except httpx.TransportError:
        pass  # the server died


def entries_of(client: httpx.Client, path: str) -> dict[str, list[dict[str, Any]]]:
    """All entries by their notes, oldest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    offset, total = 0, 1
    while offset < total:
        page = client.get(f"{path}/history", params={"offset": offset, "limit": 1000}).json()
        for entry in page["findings"]:
            found.setdefault(entry["note"], []).insert(0, entry)
        offset, total = offset + 1000, page["total"]
    return found


def test_no_kill_loses_an_answered_finding_or_leaves_half_a_list(tmp_path: Path) -> None:
    chance = random.Random(7)
    data_dir = tmp_path / "data"
    answered = Answers()
    with ServerProcess(data_dir, forked=True) as server:
        job, rows = sampled(server)
        server.kill()
    path = f"/api/sampling/jobs/{job}/findings"
    for life in range(LIVES):
        with ServerProcess(data_dir, forked=True) as server:
            people = [
                threading.Thread(
                    target=enter_until_killed,
                    args=(server.client(), path, half, f"{life}.{who}", answered),
                )
                for who, half in enumerate((rows[:AT_ONCE], rows[AT_ONCE:]))
            ]
            for person in people:
                person.start()
            for _ in range(chance.randint(1, MAX_ANSWERS)):
                answered.await_file()
            time.sleep(chance.uniform(0.0, MAX_WAIT_S))
            server.kill()
            for person in people:
                person.join()
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        entries = entries_of(client, path)
        newest = client.get(path).json()["items"]
        assert server.terminate() == 0
    assert len(answered.ids) >= LIVES
    for note, ids in answered.ids.items():
        assert [entry["id"] for entry in entries[note]] == ids, note
    for note, found in entries.items():
        half = rows[AT_ONCE:] if is_of_files(note) else rows[:AT_ONCE]
        assert [entry[ROW] for entry in found] == half, note
    for item in newest:
        ids = [each["id"] for found in entries.values() for each in found if each[ROW] == item[ROW]]
        assert (item["finding"]["id"], item["finding"]["entries"]) == (max(ids), len(ids))
    assert check(DataDirectory(data_dir), lambda done, what: None).faults == ()


def test_no_kill_loses_or_doubles_findings_that_come_along(tmp_path: Path) -> None:
    """The entries are copied in the transaction that completes the larger draw."""
    chance = random.Random(8)
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir, forked=True) as server:
        job, rows = sampled(server)
        found = [{ROW: row, "outcome": "ok", "note": "first"} for row in rows]
        path = f"/api/sampling/jobs/{job}/findings"
        ids = server.client().post(path, json={"findings": found}).json()["ids"]
        dataset = server.client().get(f"/api/jobs/{job}").json()["dataset_id"]
        server.kill()
    larger = []
    for life in range(2 * LIVES):
        with ServerProcess(data_dir, forked=True) as server:
            body = {"method": "random", "sample_size": 8 + life, "seed": 1}
            answer = server.client().post(f"/api/sampling/datasets/{dataset}/jobs", json=body)
            larger.append(answer.json()["job_id"])
            time.sleep(chance.uniform(0.0, 2 * MAX_WAIT_S))
            server.kill()
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        for each in larger:
            done = finished(client, each)
            if done["status"] == "failed":  # on a slow machine each of its attempts was killed
                each = client.post(f"/api/jobs/{each}/retry").json()["job_id"]
                done = finished(client, each)
            assert done["output_summary"]["continues"]["findings"] == len(rows)
            entries = entries_of(client, f"/api/sampling/jobs/{each}/findings")["first"]
            assert [entry[ROW] for entry in entries] == rows
        assert [entry["id"] for entry in entries_of(client, path)["first"]] == ids
        assert server.terminate() == 0
    assert check(DataDirectory(data_dir), lambda done, what: None).faults == ()
