"""The product on one database, as ``benchmarks.history`` asks it: no thread runs jobs."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

import composition_root
from benchmarks.history_lists import ADMIN, ANALYST, DRAWS, PAGE, Request
from benchmarks.long_history import OPEN_JOBS, USERS
from parquet_tables.database import ParquetDatabase
from service.service import Service
from service.settings import Settings
from storage.accounts.tokens import issue_token
from storage.accounts.users import User, get_user
from storage.certificates.keys import SigningKeys
from storage.jobs.jobs import complete_job, get_job, list_log
from storage.jobs.lists import list_jobs
from storage.jobs.queue import claim_next_job
from storage.jobs.submission import NewJob, insert_job
from storage.maintenance.data_directory import DataDirectory
from storage.sqlite.clock import system_clock
from storage.sqlite.database import Database
from storage.versions.data_files import DataFiles


class Contender:
    """The product on one of the databases, without the threads that run jobs."""

    def __init__(self, service: Service) -> None:
        self.database = service.database
        self.clients: dict[int, FlaskClient] = {}
        self.users: dict[int, User] = {}
        app = composition_root.build_app(service)
        for user_id in (ADMIN, ANALYST):
            with service.database.write() as tx:
                self.users[user_id] = get_user(tx, user_id)
                secret, _ = issue_token(
                    tx,
                    user_id,
                    kind="session",
                    name="benchmark",
                    scope="read",
                    lifetime=timedelta(days=1),
                    clock=system_clock,
                )
            client = app.test_client()
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
            self.clients[user_id] = client

    def get(self, viewer: int, path: str) -> dict[str, Any]:
        """An answer as it is after any commit: nothing is kept from before."""
        self.database.version += 1
        answer = self.clients[viewer].get(path)
        if answer.status_code != 200:
            raise SystemExit(f"{path}: {answer.status} {answer.text}")
        return dict(answer.get_json())

    def listed(self, request: Request) -> tuple[int, int]:
        """How many jobs ``list_jobs`` alone gives, and of how many."""
        filters = request.filters
        if request.name in DRAWS:
            filters = replace(filters, run_type="sampling")
        with self.database.read() as tx:
            jobs, total = list_jobs(
                tx,
                self.users[request.viewer],
                filters,
                order=request.order,
                offset=request.offset,
                limit=PAGE,
            )
        return len(jobs), total

    def look_up(self, job_ids: list[str]) -> None:
        """Single jobs with their logs."""
        for job_id in job_ids:
            with self.database.read() as tx:
                job = get_job(tx, job_id)
                list_log(tx, job.id, 0, PAGE)

    def run_jobs(self, times: int) -> None:
        """Accept a job, claim one and complete it, in three transactions, so many times."""
        for _ in range(times):
            self._run_a_job()

    def _run_a_job(self) -> None:
        number = time.perf_counter_ns()
        new = NewJob(
            str(uuid.uuid4()),
            "sampling",
            dataset_id=1 + number % 40,
            user_id=1 + number % USERS,
            source_commit_id=None,
            run_parameters={
                "source_ref": "main",
                "table_key": "primary",
                "rounds": [{"round_number": 1, "method": "random"}],
                "output_ref": f"smpl-{number}",
            },
        )
        with self.database.write() as tx:
            insert_job(tx, new, system_clock, OPEN_JOBS)
        with self.database.write() as tx:
            claimed = claim_next_job(tx, system_clock)
        if claimed is None:
            raise SystemExit("No job waits.")
        with self.database.write() as tx:
            complete_job(tx, claimed, {"total_sampled": 1_000}, None, system_clock)


@contextmanager
def opened(root: Path) -> Iterator[Contender]:
    """The product on a directory with a database, opened as a server would."""
    directory = DataDirectory(root)
    with (
        ParquetDatabase(root, directory.spill_dir, memory_mb=128, threads=1) as parquet,
    ):
        database = Database(directory.database_path)
        service = Service(
            settings=Settings(data_dir=root),
            directory=directory,
            database=database,
            data_files=DataFiles(directory.files_dir),
            signing_keys=SigningKeys(directory.signing_key_path, database, system_clock),
            parquet=parquet,
            parquet_long=parquet,
            clock=system_clock,
            new_id=lambda: str(uuid.uuid4()),
            wake_runner=lambda: None,
            interrupt_job=lambda job_id: None,
            wake_sender=lambda: None,
            wake_scheduler=lambda: None,
            stopping=threading.Event(),
        )
        try:
            yield Contender(service)
        finally:
            service.database.close()
