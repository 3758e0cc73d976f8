"""SIGKILL while two people answer rows of a queue: no acknowledged answer is lost or doubled."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import httpx

from storage.maintenance.checking import check
from storage.maintenance.data_directory import DataDirectory
from tests.faults.test_finding_kills import sampled
from tests.support.server_process import ServerProcess

LIVES, MAX_WAIT_S = 3, 0.03
IS_BAD = {"name": "is_bad", "type": "yes_no", "text": "Is it bad?"}


def correct_until_killed(
    client: httpx.Client, path: str, row: str, name: str, answered: dict[str, int]
) -> None:
    """Answer and correct a row again and again; note the id of each acknowledged entry."""
    try:
        for turn in range(1000):
            note = f"{name}.{turn}"
            body = {"row_id": row, "answers": {"is_bad": bool(turn % 2)}, "note": note}
            answer = client.post(f"{path}/answers", json=body)
            assert answer.status_code == 200, answer.text
            (answered[note],) = answer.json()["ids"]
    except httpx.TransportError:
        pass  # the server died


def test_no_kill_loses_an_acknowledged_answer(tmp_path: Path) -> None:
    chance = random.Random(5)
    data_dir = tmp_path / "data"
    answered: dict[str, int] = {}
    with ServerProcess(data_dir, forked=True) as server:
        job, rows = sampled(server)
        path = f"/api/sampling/jobs/{job}"
        asked = server.client().put(f"{path}/questions", json={"questions": [IS_BAD]})
        assert asked.status_code == 200, asked.text
        server.kill()
    for life in range(LIVES):
        with ServerProcess(data_dir, forked=True) as server:
            people = [
                threading.Thread(
                    target=correct_until_killed,
                    args=(server.client(), path, row, f"{life}.{row}", answered),
                )
                for row in rows[:2]
            ]
            for person in people:
                person.start()
            while not any(note.startswith(f"{life}.") for note in list(answered)):
                time.sleep(0.001)
            time.sleep(chance.uniform(0.0, MAX_WAIT_S))
            server.kill()
            for person in people:
                person.join()
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        history = client.get(f"{path}/findings/history", params={"limit": 1000}).json()
        found = client.get(f"{path}/answers").json()["rows"]
        assert server.terminate() == 0
    assert history["total"] <= 1000
    entries = {entry["note"]: entry["id"] for entry in history["findings"]}
    assert len(entries) == history["total"]
    assert {note: entries[note] for note in answered} == answered
    for row in found:
        newest = max(
            (each["id"] for each in history["findings"] if each["row_id"] == row["row_id"]),
            default=None,
        )
        assert (row["first"] or {"id": None})["id"] == newest
    assert check(DataDirectory(data_dir), lambda done, what: None).faults == ()
