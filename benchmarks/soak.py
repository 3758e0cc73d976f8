"""The server under a mixed load for a long time.

Clients of this process import, draw by every method, page, download, follow events, cancel, ask
wrongly and list, against ``jobsvc serve`` in a process of its own. Meanwhile its memory, open
files, threads and the database's and its log's sizes are sampled. At the end: slopes, and whether
memory and handles stayed flat, nothing answered 5xx and no database was locked.

    python -m benchmarks.soak [--minutes 10] [--clients 8]
"""

from __future__ import annotations

import argparse
import re
import statistics
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.served import Served, jobsvc_serve
from benchmarks.soak_clients import Tally, work

QUERIES = re.compile(r"^jobsvc_duckdb_memory_bytes\{.*\} (\S+)$", re.MULTILINE)
SAMPLE_EVERY_S = 2.0
LINES = 20
FLAT_SHARE = 0.05
"""Memory is flat when a line through the second half rises by no more than this share of it."""
TELLING_MINUTES = 10
"""In a shorter run the second half is still part of the start."""
STILL_FLAT_HANDLES = 8
MAX_LOG_MB = 64


@dataclass(frozen=True)
class Sample:
    """The resources that the server holds at one moment.

    ``queries_mb`` is the part of its memory that the setting memory_mb bounds: what queries hold,
    and what DuckDB keeps of the files that it has read until it needs the room.
    """

    minute: float
    memory_mb: float
    queries_mb: float
    handles: int
    threads: int
    database_mb: float
    log_mb: float

    @property
    def own_mb(self) -> float:
        """The memory beside what queries hold."""
        return self.memory_mb - self.queries_mb


def sample(served: Served, metrics: httpx.Client, process: psutil.Process, began: float) -> Sample:
    """Measure the server."""
    held = QUERIES.findall(metrics.get("/metrics").text)
    database = served.data_dir / "jobsvc.sqlite3"
    return Sample(
        minute=(time.monotonic() - began) / 60,
        memory_mb=process.memory_info().rss / 1024**2,
        queries_mb=sum(map(float, held)) / 1024**2,
        handles=process.num_fds(),
        threads=process.num_threads(),
        database_mb=_size_mb(database),
        log_mb=_size_mb(database.with_name(f"{database.name}-wal")),
    )


def _size_mb(path: Path) -> float:
    try:
        return path.stat().st_size / 1024**2
    except FileNotFoundError:
        return 0.0


def measured(minutes: float, clients: int) -> tuple[list[Sample], Tally, str]:
    """Samples, what the clients counted, and the server's log."""
    with jobsvc_serve(access_log="0") as served, served.client() as metrics:
        dataset_id = served.tiny_table(rows=20_000)
        tokens = served.analysts(clients, dataset_id)
        tally, began = Tally(), time.monotonic()
        until = began + 60 * minutes
        threads = [
            threading.Thread(target=work, args=(served.url, token, dataset_id, until, seed, tally))
            for seed, token in enumerate(tokens)
        ]
        for thread in threads:
            thread.start()
        process = psutil.Process(served.pid)
        samples = []
        while time.monotonic() < until:
            samples.append(sample(served, metrics, process, began))
            if len(samples) % max(int(60 * minutes / SAMPLE_EVERY_S / LINES), 1) == 0:
                print(_line(samples[-1], tally), flush=True)
            time.sleep(min(SAMPLE_EVERY_S, max(until - time.monotonic(), 0)))
        for thread in threads:
            thread.join()
        samples.append(sample(served, metrics, process, began))
        return samples, tally, served.log.read_text()


def _line(seen: Sample, tally: Tally) -> str:
    return (
        f"{seen.minute:6.2f} min  {seen.memory_mb:7.1f} MiB ({seen.queries_mb:.1f} of queries)  "
        f"{seen.handles:4} handles  "
        f"{seen.threads:3} threads  database {seen.database_mb:7.2f} MiB  "
        f"log {seen.log_mb:6.2f} MiB  {tally.answers} answers"
    )


def slope(samples: list[Sample], name: str) -> float:
    """How much a figure grows a minute, over the second half."""
    half = samples[len(samples) // 2 :]
    if len(half) < 2:
        return 0.0
    line = statistics.linear_regression(
        [one.minute for one in half], [getattr(one, name) for one in half]
    )
    return line.slope


def growth_share(samples: list[Sample]) -> float:
    """The relative growth of the memory besides queries over the second half."""
    half = samples[len(samples) // 2 :]
    minutes = half[-1].minute - half[0].minute
    return slope(samples, "own_mb") * minutes / statistics.median(one.own_mb for one in half)


def on_progress(samples: list[Sample], tally: Tally, log: str) -> bool:
    """Print slopes and verdicts; returns whether all are good."""
    print("requests by kind:")
    for kind, count in sorted(tally.kinds.items()):
        print(f"  {kind:24}{count:8}")
    print(f"answers by status: {dict(sorted(tally.statuses.items()))}")
    print("growth a minute, over the second half:")
    for name in (
        "memory_mb",
        "queries_mb",
        "own_mb",
        "handles",
        "threads",
        "database_mb",
        "log_mb",
    ):
        print(f"  {name:14}{slope(samples, name):+10.3f}")
    quarter = max(len(samples) // 4, 1)
    early, late = samples[quarter : 2 * quarter] or samples, samples[-quarter:]

    def most(part: list[Sample], name: str) -> float:
        return float(max(getattr(one, name) for one in part))

    wrong = [f"{kind}: {text}" for kind, text in tally.failures]
    verdicts = {
        "handles are flat": most(late, "handles") <= most(early, "handles") + STILL_FLAT_HANDLES,
        "threads are flat": most(late, "threads") <= most(early, "threads") + STILL_FLAT_HANDLES,
        f"the log stays below {MAX_LOG_MB} MiB": most(samples, "log_mb") < MAX_LOG_MB,
        "no 5xx": not any(status >= 500 for status in tally.statuses),
        "no unexpected answer": not wrong,
        'no "database is locked"': "database is locked" not in log,
        "no traceback in the log": "Traceback" not in log and " ERROR " not in log,
    }
    share = growth_share(samples)
    flat = (
        f"memory is flat ({100 * share:+.1f} % over the second half, {100 * FLAT_SHARE:g} allowed)"
    )
    if samples[-1].minute >= TELLING_MINUTES:
        verdicts[flat] = share <= FLAT_SHARE
    else:
        print(f"  {flat}: the run is too short")
    for what, good in verdicts.items():
        print(f"  {what}: {'yes' if good else 'NO'}")
    for one in wrong[:10]:
        print(f"    {one}")
    for line in [line for line in log.splitlines() if " ERROR " in line][:5]:
        print(f"    {line}")
    return all(verdicts.values())


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    if not on_progress(*measured(options.minutes, options.clients)):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
