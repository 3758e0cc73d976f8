"""SIGKILL while people attach files: each answered one is whole, and no half file is visible."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from storage.contents import INCOMING
from storage.maintenance.checking import check
from storage.maintenance.data_directory import DataDirectory
from tests.faults.test_finding_kills import LIVES, MAX_ANSWERS, MAX_WAIT_S, sampled
from tests.support.server_process import ServerProcess

SIZE_BYTES = 2 * 1024**2


def content_of(name: str) -> bytes:
    """The bytes of a file, which follow from its name."""
    return random.Random(name).randbytes(SIZE_BYTES)


def attach_until_killed(
    client: httpx.Client,
    path: str,
    life: int,
    answered: dict[str, dict[str, Any]],
    done: threading.Semaphore,
) -> None:
    """Attach one file after another."""
    try:
        for turn in range(1000):
            name = f"{life}.{turn}"
            answer = client.post(path, files={"file": (name, content_of(name))})
            assert answer.status_code == 200, answer.text
            answered[name] = answer.json()
            done.release()
    except httpx.TransportError:
        pass  # the server died


def test_no_kill_loses_an_answered_file_or_shows_half_of_one(tmp_path: Path) -> None:
    chance = random.Random(9)
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir, forked=True) as server:
        job, _ = sampled(server)
        server.kill()
    path = f"/api/sampling/jobs/{job}/attachments"
    answered: dict[str, dict[str, Any]] = {}
    done = threading.Semaphore(0)
    for life in range(LIVES):
        with ServerProcess(data_dir, forked=True) as server:
            person = threading.Thread(
                target=attach_until_killed, args=(server.client(), path, life, answered, done)
            )
            person.start()
            for _ in range(chance.randint(1, MAX_ANSWERS)):
                assert done.acquire(timeout=60)
            time.sleep(chance.uniform(0.0, MAX_WAIT_S))
            server.kill()
            person.join()
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        listed = client.get(path).json()["attachments"]
        for each in listed:
            content = content_of(each["file_name"])
            assert client.get(f"{path}/{each['id']}").content == content
            assert each["sha256"] == hashlib.sha256(content).hexdigest()
        assert server.terminate() == 0
    assert len(answered) >= LIVES
    by_name = {each["file_name"]: each for each in listed}
    assert {name: by_name[name] for name in answered} == answered
    stored = {file.stem for file in (data_dir / "files").glob("??/*")}
    assert {each["sha256"] for each in listed} <= stored
    unlisted = {
        hashlib.sha256(content_of(f"{life}.{turn}")).hexdigest()
        for life in range(LIVES)
        for turn in range(MAX_ANSWERS + 5)
        if f"{life}.{turn}" not in by_name
    }
    assert not unlisted & stored  # a start removes a file that no attachment has
    assert not list((data_dir / "uploads").glob(f"{INCOMING}*"))
    assert check(DataDirectory(data_dir), lambda done, what: None).faults == ()
