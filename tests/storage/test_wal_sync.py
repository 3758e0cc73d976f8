"""Group commit: commits are on disk when a write returns, and share syncs."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from storage.sqlite.database import Database, Sync, WalSync

INSERT = "INSERT INTO users (soeid, role_name, created_at) VALUES (?, 'admin', '')"


@dataclass
class Syncs:
    """Records each real file sync before it starts; ``held`` blocks them."""

    files: list[int] = field(default_factory=list)
    disk: Path | None = None
    may_go: threading.Event = field(default_factory=threading.Event)
    began: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch, database: Database, tmp_path: Path) -> Iterator[Syncs]:
    syncs, original = Syncs(), os.fdatasync
    syncs.may_go.set()

    def fdatasync(descriptor: int) -> None:
        syncs.files.append(os.fstat(descriptor).st_ino)
        syncs.began.release()
        assert syncs.may_go.wait(10)
        original(descriptor)
        if syncs.disk is not None:
            syncs.disk.mkdir(exist_ok=True)
            for path in tmp_path.glob("jobsvc.sqlite3*"):
                shutil.copy(path, syncs.disk / path.name)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    yield syncs
    syncs.may_go.set()


def put(database: Database, soeid: str, sync: Sync = "shared") -> None:
    with database.write(sync=sync) as tx:
        tx.execute(INSERT, (soeid,))


def test_write_syncs_the_log(database: Database, syncs: Syncs, tmp_path: Path) -> None:
    put(database, "a")
    assert syncs.files == [(tmp_path / "jobsvc.sqlite3-wal").stat().st_ino]


def test_synced_log_has_the_commit_and_earlier_ones(
    database: Database, syncs: Syncs, tmp_path: Path
) -> None:
    put(database, "first", sync="later")
    assert syncs.files == []
    syncs.disk = tmp_path / "disk"
    put(database, "second")
    after_a_power_cut = sqlite3.connect(syncs.disk / "jobsvc.sqlite3")
    found = after_a_power_cut.execute("SELECT soeid FROM users ORDER BY id").fetchall()
    after_a_power_cut.close()
    assert found == [("first",), ("second",)]


def test_sqlite_syncs_a_commit_before_it_is_visible(database: Database, syncs: Syncs) -> None:
    levels: list[int] = []
    sync: Sync
    for sync in ("first", "shared", "first", "later"):
        with database.write(sync=sync) as tx:
            tx.execute(INSERT, (f"{sync} {len(levels)}",))
            levels.append(tx.execute("PRAGMA synchronous").fetchone()[0])
    assert levels == [2, 1, 2, 1]
    assert len(syncs.files) == 1


class Tickets(Iterator[int]):
    """Ascending numbers; ``taken`` is released for each."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.taken = threading.Semaphore(0)

    def __next__(self) -> int:
        number = next(self._numbers)
        self.taken.release()
        return number


def test_commits_during_a_sync_share_the_next_one(
    database: Database, syncs: Syncs, tmp_path: Path
) -> None:
    put(database, "a")  # there is a log
    assert syncs.began.acquire(timeout=10)
    tickets = Tickets()
    log = WalSync(tmp_path / "jobsvc.sqlite3", tickets)
    syncs.may_go.clear()
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(log.wait)
        assert syncs.began.acquire(timeout=10)
        others = [threads.submit(log.wait) for _ in range(3)]
        for _ in range(2 + len(others)):  # the one that syncs takes two
            assert tickets.taken.acquire(timeout=10)
        assert not any(wait.done() for wait in (first, *others))
        syncs.may_go.set()
        for wait in (first, *others):
            wait.result(10)
    log.close()
    assert len(syncs.files) == 3


def test_failed_sync_raises_in_the_writer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fail)
        with pytest.raises(OSError, match="Input/output error"):
            put(database, "a")
    put(database, "b")


def test_closing_a_database_removes_its_log(tmp_path: Path) -> None:
    database = Database(tmp_path / "closed.sqlite3")
    put(database, "a")
    database.close()
    assert not (tmp_path / "closed.sqlite3-wal").exists()
