"""Processes of ``tests/faults/dying.py``, and the notes that they leave."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from storage.sqlite.clock import system_clock, timestamp
from tests.faults import dying
from tests.faults.history import Books
from tests.support.forked_process import ForkedProcess

MAX_DURATION_S = 60
NOTE = re.compile(r"note (\{.*\})\n")


@dataclass(frozen=True)
class Ended:
    """How a process ended, and the notes that it left."""

    code: int
    notes: list[dict[str, str]]

    @property
    def points(self) -> list[str]:
        """Where it could have been killed, in order."""
        return [note["point"] for note in self.notes if "point" in note]

    def known_to(self, books: Books) -> Books:
        """The books with the jobs whose response arrived before the end."""
        jobs = {note["key"]: note["job_id"] for note in self.notes if "key" in note}
        known = deepcopy(books)
        for one in known.asked:
            one.job_id = jobs.get(one.key, one.job_id)
        return known


def run(
    work: Callable[..., None], *given: object, at_point: Callable[[Ended], None] | None = None
) -> Ended:
    """Run to the end or to the kill.

    Parameters
    ----------
    work : callable
        Of ``dying``; with ``dying.EACH`` it needs ``at_point``.
    at_point : callable, optional
        Called while the process is stopped at a point, with how it would have ended by a kill.
    """
    process = ForkedProcess(work, *given)
    output, notes = [], []
    try:
        with os.fdopen(process.output(), encoding="utf-8") as lines:
            for line in lines:
                output.append(line)
                for text in NOTE.findall(line):
                    notes.append(json.loads(text))
                    if at_point and "point" in notes[-1]:
                        _wait_until_stopped(process.pid)
                        at_point(Ended(-signal.SIGKILL, list(notes)))
                        os.kill(process.pid, signal.SIGCONT)
    except BaseException:
        process.kill()
        raise
    code = process.wait(MAX_DURATION_S)
    written = "".join(output)
    assert code in (0, -signal.SIGKILL), written
    assert not any("failure" in note for note in notes), written
    return Ended(code, notes)


def _wait_until_stopped(pid: int) -> None:
    """Wait until no thread of a process runs, so that what it writes stays as it is."""
    end = time.monotonic() + MAX_DURATION_S
    while {_state_of(task) for task in Path(f"/proc/{pid}/task").iterdir()} != {"T"}:
        assert time.monotonic() < end, "the process has not stopped"
        time.sleep(0.001)


def _state_of(task: Path) -> str:
    """The letter that the kernel shows for the state of a thread; none if it has just ended."""
    try:
        return (task / "stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def submit_and_kill(data_dir: Path, asked: str) -> str:
    """Submit a job to a server that dies before it runs; returns the job's id."""
    books = Books(1)
    if asked == "import":
        books.add_import()
    else:
        books.add_draw("random", 1, residual=False)
    run(
        dying.serve, data_dir, f"after commit in *.submit_{asked} > job_submission.submit, 1", books
    )
    with closing(sqlite3.connect(data_dir / "jobsvc.sqlite3")) as database:
        ((job_id,),) = database.execute("SELECT id FROM jobs WHERE status = 'pending'").fetchall()
    return str(job_id)


def submit_for_later(data_dir: Path, asked: str) -> str:
    """Submit a job that waits for the next hundred seconds; returns its id."""
    job_id = submit_and_kill(data_dir, asked)
    soon = timestamp(system_clock() + timedelta(seconds=100))
    with closing(sqlite3.connect(data_dir / "jobsvc.sqlite3")) as database, database:
        database.execute("UPDATE jobs SET not_before = ? WHERE id = ?", (soon, job_id))
    return job_id
