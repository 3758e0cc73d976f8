"""Lists of jobs in a long history, beside the same lists in a short one.

Two databases with the same users and datasets, one of 10,000 jobs and one of millions, are filled
by one statement each and answer the same requests in turn, in one run. Each request goes through
the real app, with no answer kept from before, and its list is also asked of ``list_jobs`` alone:
what a request adds is the same for both databases and would hide half of a list's growth. Jobs that
wait or run are as many in both: a queue doesn't grow with the history. At last jobs are accepted,
claimed and completed in both.

    python -m benchmarks.history [--jobs 10000000] [--rounds 25] [--data DIR] [--only TEXT]
"""

from __future__ import annotations

import argparse
import platform
import sqlite3
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask.testing import FlaskClient

import composition_root
from benchmarks.long_history import OPEN_JOBS, USERS, build_history
from job_runner.service import Service
from job_runner.settings import Settings
from parquet_tables.database import ParquetDatabase
from storage.clock import system_clock
from storage.data_directory import DataDirectory
from storage.data_files import DataFiles
from storage.database import Database
from storage.job_lists import JobFilters, list_jobs
from storage.job_log import list_log
from storage.job_queue import claim_next_job
from storage.jobs import complete_job, get_job
from storage.new_jobs import NewJob, insert_job
from storage.tokens import issue_token
from storage.users import User, get_user

FEW_JOBS = 10_000
GOAL = 1.5
PAGE = 20
ADMIN, ANALYST = 1, 2
"""The admin sees all datasets that haven't been removed; the analyst about one in twenty-five."""

MID, LATE = "2024-01-01T00:00:00.000000+00:00", "2024-12-01T00:00:00.000000+00:00"
"""The jobs are spread evenly over three years, 2022 to 2024."""

LISTS = {
    "all": JobFilters(),
    "dataset": JobFilters(dataset_id=1),
    "user": JobFilters(user_id=ANALYST),
    "soeid": JobFilters(user_soeid="U000002"),
    "failed": JobFilters(statuses=("failed",)),
    "completed or failed": JobFilters(statuses=("completed", "failed")),
    "waiting": JobFilters(statuses=("pending",)),
    "type": JobFilters(run_type="profiling"),
    "type, failed": JobFilters(run_type="profiling", statuses=("failed",)),
    "dataset, type": JobFilters(dataset_id=1, run_type="sampling"),
    "dataset, failed": JobFilters(dataset_id=1, statuses=("failed",)),
    "dataset, user": JobFilters(dataset_id=1, user_id=ANALYST),
    "dataset, soeid, type, failed": JobFilters(
        dataset_id=1, user_soeid="u000002", run_type="sampling", statuses=("failed",)
    ),
    "soeid, failed": JobFilters(user_soeid="u000002", statuses=("failed",)),
    "after": JobFilters(created_after=LATE),
    "before": JobFilters(created_before=MID),
    "between": JobFilters(created_after=MID, created_before=LATE),
    "dataset, between": JobFilters(dataset_id=1, created_after=MID, created_before=LATE),
    "user, type, between": JobFilters(
        user_id=ANALYST, run_type="sampling", created_after=MID, created_before=LATE
    ),
    "failed, between": JobFilters(statuses=("failed",), created_after=MID, created_before=LATE),
}
DRAWS = {
    "draws of dataset": JobFilters(dataset_id=1),
    "draws of dataset, ref": JobFilters(dataset_id=1, source_ref="q1"),
    "draws of dataset, ref, completed, between": JobFilters(
        dataset_id=1,
        source_ref="main",
        statuses=("completed",),
        created_after=MID,
        created_before=LATE,
    ),
    "draws of user": JobFilters(user_id=ANALYST),
    "draws of user, ref": JobFilters(user_id=ANALYST, source_ref="main"),
    "draws of user, between": JobFilters(user_id=ANALYST, created_after=MID, created_before=LATE),
}
PLACES = (("newest", 0), ("oldest", 0), ("newest", 300))
PRESENT_JOB = "SELECT id FROM jobs WHERE seq >= ? AND dataset_id % 50 <> 49 ORDER BY seq LIMIT 1"
DEEP_OFFSETS = (10_000, 100_000, 1_000_000, 5_000_000)


@dataclass(frozen=True)
class Request:
    """A list that is asked for by a viewer, at a place."""

    name: str
    viewer: int
    filters: JobFilters
    order: str
    offset: int

    @property
    def title(self) -> str:
        """For a line of the report."""
        place = self.order if not self.offset else f"offset {self.offset:,}"
        return f"{'admin' if self.viewer == ADMIN else 'analyst':8}{self.name}, {place}"

    @property
    def path(self) -> str:
        """The request that asks for it."""
        asked: dict[str, Any] = {
            name: value for name, value in vars(self.filters).items() if value is not None
        }
        asked |= {"limit": PAGE, "offset": self.offset}
        if statuses := asked.pop("statuses", None):
            asked["status"] = ",".join(statuses)
        if self.name not in DRAWS:
            return f"/api/jobs?{urlencode({**asked, 'order': self.order})}"
        whose = "datasets" if "dataset_id" in asked else "users"
        one = asked.pop("dataset_id", None) or asked.pop("user_id")
        names = {
            "source_ref": "ref_name",
            "created_after": "start_date",
            "created_before": "end_date",
        }
        query = urlencode({names.get(name, name): value for name, value in asked.items()})
        return f"/api/sampling/{whose}/{one}/history?{query}"


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
        service = Service(
            settings=Settings(data_dir=root),
            directory=directory,
            database=Database(directory.database_path),
            data_files=DataFiles(directory.files_dir),
            parquet=parquet,
            parquet_long=parquet,
            clock=system_clock,
            new_id=lambda: str(uuid.uuid4()),
            wake_runner=lambda: None,
            interrupt_job=lambda job_id: None,
            stopping=threading.Event(),
        )
        try:
            yield Contender(service)
        finally:
            service.database.close()


def timed(run: Callable[[], object]) -> float:
    """Milliseconds of one run."""
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1_000


def in_turns(runs: list[Callable[[], object]], rounds: int) -> list[float]:
    """The lower quartile of each one's milliseconds; the first round isn't counted.

    What else the machine does only ever adds to a time of a millisecond, and often doubles it: the
    quicker runs tell what the product takes.
    """
    times: list[list[float]] = [[] for _ in runs]
    for turn in range(rounds + 1):
        for run, taken in zip(runs, times, strict=True):
            milliseconds = timed(run)
            if turn:
                taken.append(milliseconds)
    return [statistics.quantiles(taken, n=4)[0] for taken in times]


def report_lists(contenders: list[Contender], requests: list[Request], rounds: int) -> None:
    """A line for each list, and the verdict on the goal."""
    print(
        f"{'':56}{'rows':>10}{'of':>12}{'list_jobs ms':>16}{'ratio':>7}{'GET ms':>16}{'ratio':>7}"
    )
    ratios: list[tuple[float, float, str]] = []
    for request in requests:
        sizes = [one.listed(request) for one in contenders]
        if not sizes[0][0] == sizes[1][0] > 0:
            continue  # there is no such page among the few jobs
        alone = in_turns([partial(one.listed, request) for one in contenders], rounds)
        whole = in_turns(
            [partial(one.get, request.viewer, request.path) for one in contenders], rounds
        )
        ratios.append((whole[1] / whole[0], alone[1] / alone[0], request.title))
        rows = "/".join(str(size[0]) for size in sizes)
        print(
            f"{request.title:56}{rows:>10}{sizes[1][1]:12,}"
            f"{alone[0]:8.2f}{alone[1]:8.2f}{ratios[-1][1]:7.2f}"
            f"{whole[0]:8.2f}{whole[1]:8.2f}{ratios[-1][0]:7.2f}",
            flush=True,
        )
    within = sum(ratio <= GOAL for ratio, _, _ in ratios)
    print(
        f"GET: {within} of {len(ratios)} lists take at most {GOAL} x their time among the few jobs"
    )
    print(f"  median {statistics.median(ratio for ratio, _, _ in ratios):.2f}, ", end="")
    print(f"longest {max(ratios)[0]:.2f}: {max(ratios)[2]}")
    alone_ratios = [(alone, title) for _, alone, title in ratios]
    print(
        f"list_jobs alone: {sum(ratio <= GOAL for ratio, _ in alone_ratios)} of {len(ratios)}; ",
        end="",
    )
    print(f"median {statistics.median(ratio for ratio, _ in alone_ratios):.2f}, ", end="")
    print(f"longest {max(alone_ratios)[0]:.2f}: {max(alone_ratios)[1]}")


def report_others(contenders: list[Contender], jobs: int, rounds: int) -> None:
    """Deep pages, single jobs, and the way of a job."""
    print(f"deep pages among {jobs:,} jobs, list_jobs alone, ms")
    for name, offset in product(("all", "dataset", "failed", "between"), DEEP_OFFSETS):
        request = Request(name, ADMIN, LISTS[name], "newest", offset)
        rows, total = contenders[1].listed(request)
        if rows:
            (taken,) = in_turns([partial(contenders[1].listed, request)], rounds)
            print(f"  {name}, offset {offset:,} of {total:,}: {taken:.2f}")
    ids = []
    for one in contenders:
        with one.database.read() as tx:
            (newest,) = tx.execute("SELECT max(seq) FROM jobs").fetchone()
            seqs = [1 + newest * place // 101 for place in range(100)]
            ids.append([tx.execute(PRESENT_JOB, [seq]).fetchone()[0] for seq in seqs])
    few, many = in_turns(
        [partial(one.look_up, some) for one, some in zip(contenders, ids, strict=True)], rounds
    )
    print(f"a job with its log: {few / 100:.3f} and {many / 100:.3f} ms, {many / few:.2f} x")
    few, many = in_turns([partial(one.run_jobs, 20) for one in contenders], rounds)
    print(f"accept, claim, complete: {few / 20:.2f} and {many / 20:.2f} ms, {many / few:.2f} x")


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000_000, help="jobs of the long history")
    parser.add_argument("--rounds", type=int, default=25, help="runs that count (25)")
    parser.add_argument("--only", default="", help="lists with this text in their names")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(tempfile.gettempdir()) / "jobsvc-benchmarks",
        help="where made databases are kept for the next time; some 2 GB for each million jobs",
    )
    options = parser.parse_args()
    roots = [options.data.resolve() / f"history-{jobs}" for jobs in (FEW_JOBS, options.jobs)]
    for root, jobs in zip(roots, (FEW_JOBS, options.jobs), strict=True):
        path = DataDirectory(root).database_path
        if not path.exists():
            root.mkdir(parents=True, exist_ok=True)
            seconds = timed(partial(build_history, path, jobs)) / 1_000
            print(f"{jobs:,} jobs made in {seconds:,.0f} s, {path.stat().st_size / 1e9:.2f} GB")
    requests = [
        Request(name, viewer, filters, order, offset)
        for viewer, (name, filters), (order, offset) in product(
            (ADMIN, ANALYST), {**LISTS, **DRAWS}.items(), PLACES
        )
        if options.only in name and not (name in DRAWS and order == "oldest")
    ]
    python, sqlite = platform.python_version(), sqlite3.sqlite_version
    print(
        f"{FEW_JOBS:,} and {options.jobs:,} jobs, {PAGE} a page, Python {python}, SQLite {sqlite}"
    )
    with ExitStack() as stack:
        contenders = [stack.enter_context(opened(root)) for root in roots]
        report_lists(contenders, requests, options.rounds)
        report_others(contenders, options.jobs, options.rounds)


if __name__ == "__main__":
    main()
