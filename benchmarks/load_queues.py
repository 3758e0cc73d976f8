"""Jobs a second from acceptance to the end that is written down, beside huey on SQLite.

Two threads run the jobs of each contender, in a process of its own; all of them keep what a job
returned. A synced commit waits for the disk: huey's default is SQLite's own, synchronous=FULL, as
ours is; beside it stands huey that leaves syncing to the system. The work is nothing, or a draw of
100 of 1,000 rows to a Parquet file: ours is a draw as users ask for it, checked, replayable,
published as a commit; huey's is DuckDB's own sampler in one statement, and a sync of its file.
Four threads ask for the jobs, in the same process or as clients over HTTP.

    python -m benchmarks.load_queues CONTENDER JOBS
"""

from __future__ import annotations

import http.client
import itertools
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
from huey import SqliteHuey

import composition_root
from benchmarks.figures import print_goal
from benchmarks.served import DRAWN, ROOT, ROWS, Served, draw_body, jobsvc_serve
from job_runner.attempt import Handler, JobContext
from parquet_tables.writing import copy_sql
from service.settings import Settings
from storage.accounts.datasets import create_dataset
from storage.accounts.users import first_admin
from storage.jobs.jobs import RunType
from storage.jobs.lists import JobFilters, list_jobs
from storage.jobs.publishing import Outcome
from storage.jobs.submission import NewJob, insert_job

WORKERS = 2
CLIENTS = 4
LOOK_S = 0.02
GOAL = 2.0
OURS = "jobsvc, accepted in its process"
OURS_HTTP = "jobsvc, accepted over HTTP"
HUEY = "huey"
HUEY_UNSYNCED = "huey, not synced"
DRAW_HTTP = "jobsvc, draws over HTTP"
HUEY_DRAW = "huey, draws by DuckDB"
GOALS = ((OURS, HUEY), (OURS_HTTP, HUEY), (DRAW_HTTP, HUEY_DRAW))


def nothing(context: JobContext) -> Outcome:
    """A job that does nothing and says so."""
    return Outcome({"done": True})


def ours(folder: Path, jobs: int) -> float:
    """Jobs that do nothing, accepted in the process that runs them."""
    settings = Settings(data_dir=folder, workers=WORKERS, waiting_jobs_max=jobs)
    handlers: Mapping[RunType, Handler] = {"profiling": nothing}
    with composition_root.running_service(settings, "benchmark", handlers=handlers) as service:
        with service.database.write() as tx:
            admin = first_admin(tx)
            assert admin is not None
            dataset = create_dataset(
                tx, admin, name="none", description="", tags=[], clock=service.clock
            )

        def accept() -> None:
            new = NewJob(service.new_id(), "profiling", dataset.id, admin.id, None, {})
            with service.database.write() as tx:
                insert_job(tx, new, service.clock, jobs)
            service.wake_runner()

        def completed() -> int:
            with service.database.read() as tx:
                filters = JobFilters(statuses=("completed",))
                return list_jobs(tx, admin, filters, offset=0, limit=1)[1]

        return _seconds(accept, completed, jobs)


def huey(folder: Path, jobs: int, work: Callable[[int], Any], fsync: bool | None) -> float:
    """Tasks of huey, put in its queue by the process that runs them."""
    queue = SqliteHuey(filename=str(folder / "huey.db"), fsync=fsync)
    task = queue.task()(work)
    consumer = queue.create_consumer(workers=WORKERS, worker_type="thread", periodic=False)
    consumer.start()
    numbers = itertools.count()
    try:
        return _seconds(lambda: task(next(numbers)), queue.result_count, jobs)
    finally:
        consumer.stop(graceful=True)


def draw_by_duckdb(folder: Path) -> Callable[[int], Any]:
    """A task that samples a tiny Parquet file."""
    source, database = folder / "tiny.parquet", duckdb.connect()
    rows = f"SELECT range AS id, range % 7 AS kind, range / 2 AS amount FROM range({ROWS})"
    database.execute(copy_sql(rows, source))
    query = f"SELECT * FROM read_parquet('{source}') USING SAMPLE reservoir({DRAWN} ROWS)"

    def draw(number: int) -> dict[str, int]:
        path = folder / f"{number}.parquet"
        with database.cursor() as cursor:
            (rows,) = cursor.execute(copy_sql(query, path)).fetchall()[0]
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        return {"rows": rows}

    return draw


def over_http(served: Served, jobs: int) -> float:
    """Draws that several clients ask for."""
    dataset_id = served.tiny_table()
    path, body = f"/api/sampling/datasets/{dataset_id}/jobs", json.dumps(draw_body())
    headers = {"Authorization": f"Bearer {served.token}", "Content-Type": "application/json"}
    local = threading.local()

    def ask(method: str, path: str, body: str | None = None) -> dict[str, Any]:
        if not hasattr(local, "connection"):
            address = served.url.removeprefix("http://")
            local.connection = http.client.HTTPConnection(address, timeout=60)
        local.connection.request(method, path, body, headers)
        response = local.connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        if response.status != 200:
            raise SystemExit(f"{path}: {answer}")
        return answer

    listed = f"/api/jobs?dataset_id={dataset_id}&run_type=sampling&status=completed&limit=1"
    with ThreadPoolExecutor(CLIENTS) as clients:
        start = time.perf_counter()
        for asked in [clients.submit(ask, "POST", path, body) for _ in range(jobs)]:
            asked.result()
        while ask("GET", listed)["total"] < jobs:
            time.sleep(LOOK_S)
        return time.perf_counter() - start


def _seconds(accept: Callable[[], object], completed: Callable[[], int], jobs: int) -> float:
    with ThreadPoolExecutor(CLIENTS) as clients:
        start = time.perf_counter()
        for asked in [clients.submit(accept) for _ in range(jobs)]:
            asked.result()
        while completed() < jobs:
            time.sleep(LOOK_S)
        return time.perf_counter() - start


def run(name: str, jobs: int) -> float:
    """One run of a contender, in this process: its seconds."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="jobsvc-queue-") as temporary:
        folder = Path(temporary)
        if name == OURS:
            return ours(folder, jobs)
        if name == HUEY:
            return huey(folder, jobs, lambda number: {"done": True}, None)
        if name == HUEY_UNSYNCED:
            return huey(folder, jobs, lambda number: {"done": True}, False)
        if name == HUEY_DRAW:
            return huey(folder, jobs, draw_by_duckdb(folder), None)
    module = "jobsvc" if name == DRAW_HTTP else "benchmarks.idle_server"
    settings = {"workers": WORKERS, "waiting_jobs_max": jobs}
    with jobsvc_serve(module=module, **settings) as served:
        return over_http(served, jobs)


def measure(jobs: int, rounds: int) -> None:
    """All contenders in turn; print jobs a second and ratios."""
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name in (OURS, OURS_HTTP, HUEY, HUEY_UNSYNCED, DRAW_HTTP, HUEY_DRAW):
            command = [sys.executable, "-m", "benchmarks.load_queues", name, str(jobs)]
            said = subprocess.run(
                command, capture_output=True, text=True, check=True, cwd=ROOT
            ).stdout
            rates.setdefault(name, []).append(jobs / float(said.split()[-1]))
    print(f"jobs a second, {jobs} jobs, {WORKERS} threads:")
    for name, found in rates.items():
        spread = f"{min(found):6.0f} to {max(found):6.0f}"
        print(f"  {name:34}{statistics.median(found):8.0f}/s  {spread}")
    for mine, other in GOALS:
        ratio = statistics.median(
            one / two for one, two in zip(rates[mine], rates[other], strict=True)
        )
        print_goal(f"{mine}, beside {other}", ratio, "x its rate", least=GOAL)


if __name__ == "__main__":
    print(run(sys.argv[1], int(sys.argv[2])))
