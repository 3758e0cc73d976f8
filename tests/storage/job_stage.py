"""A database with random events on the jobs of some users, with a clock that may be set back."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from contract.jobs import RunType
from storage.accounts.datasets import create_dataset, put_permission
from storage.accounts.users import User, add_user
from storage.jobs.jobs import cancel_job, complete_job, fail_job
from storage.jobs.queue import claim_next_job, release_job
from storage.jobs.submission import NewJob, insert_job
from storage.sqlite.database import Database, Transaction

USERS, DATASETS, REFS = 3, 3, ("main", "q1", None)
START = datetime(2025, 7, 7, tzinfo=UTC)
MINUTES = 20


def at(minute: int) -> str:
    return (START + timedelta(minutes=minute)).isoformat(timespec="microseconds")


def delete(tx: Transaction, which: str) -> None:
    tx.execute(f"DELETE FROM job_log WHERE job_id IN (SELECT id FROM jobs WHERE {which})")
    tx.execute(f"DELETE FROM jobs WHERE {which}")


class Stage:
    """A database with jobs; each user can see some of the datasets."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path)
        self.minute = 0
        self.ids = (f"job-{number}" for number in itertools.count())
        with self.database.write() as tx:
            self.users = [
                add_user(tx, f"user00{number}", "analyst", None, self.clock)
                for number in range(USERS)
            ]
            for number in range(DATASETS):
                create_dataset(
                    tx, self.users[number], name="d", description="", tags=[], clock=self.clock
                )
            put_permission(tx, 1, self.users[1].id, "read")
            put_permission(tx, 2, self.users[0].id, "read")
        self.viewers = [User(99, "admin00", "admin", ""), User(98, "nobody", "viewer", "")]
        self.viewers += self.users

    def clock(self) -> datetime:
        return START + timedelta(minutes=self.minute)

    def happen(
        self,
        tx: Transaction,
        what: str,
        user: int,
        dataset: int,
        run_type: RunType,
        ref: str | None,
    ) -> None:
        if what == "delete":
            delete(tx, f"seq = (SELECT min(seq) FROM jobs WHERE status <> 'running') + {user}")
            return
        parameters = {} if ref is None else {"source_ref": ref}
        new = NewJob(next(self.ids), run_type, dataset + 1, self.users[user].id, None, parameters)
        insert_job(tx, new, self.clock, 1_000)
        if what == "cancel":
            cancel_job(tx, new.id, "user000", self.clock)
            return
        running = claim_next_job(tx, self.clock)
        assert running is not None
        if what == "complete":
            complete_job(tx, running, {}, None, self.clock)
        elif what == "fail":
            fail_job(tx, running, "x", "y", self.clock)
        elif what == "put back":
            release_job(tx, running)


@contextmanager
def stage() -> Iterator[Stage]:
    with tempfile.TemporaryDirectory() as folder:
        here = Stage(Path(folder) / "jobsvc.sqlite3")
        yield here
        here.database.close()
