"""Lists of jobs in a long history, beside the same lists in a short one.

Two databases with the same users and datasets, one of 10,000 jobs and one of millions, are filled
by one statement each and answer the same requests in turn, in one run. Each request goes through
the real app, with no answer kept from before, and its list is also asked of ``list_jobs`` alone:
what a request adds is the same for both databases and would hide half of a list's growth. Jobs that
wait or run are as many in both: a queue doesn't grow with the history. At last jobs are accepted,
claimed and completed in both.

    python -m benchmarks.history [--jobs 1000000] [--rounds 25] [--data DIR] [--only TEXT]
"""

from __future__ import annotations

import argparse
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import product
from pathlib import Path

from benchmarks.history_contender import Contender, opened
from benchmarks.history_lists import ADMIN, ANALYST, DRAWS, LISTS, PAGE, PLACES, Request
from benchmarks.long_history import build_history
from storage.maintenance.data_directory import DataDirectory

FEW_JOBS = 10_000
GOAL_MS = 100
PRESENT_JOB = "SELECT id FROM jobs WHERE seq >= ? AND dataset_id % 50 <> 49 ORDER BY seq LIMIT 1"
DEEP_OFFSETS = (10_000, 100_000, 1_000_000, 5_000_000)


def timed(run: Callable[[], object]) -> float:
    """Milliseconds of one run."""
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1_000


def in_turns(runs: list[Callable[[], object]], rounds: int) -> list[float]:
    """The lower quartile of each one's milliseconds; the first round isn't counted.

    What else the machine does only ever adds to a time of a millisecond, and often doubles it: the
    quicker runs show what the product takes.
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
    taken: list[tuple[float, str]] = []
    for request in requests:
        sizes = [one.listed(request) for one in contenders]
        if not sizes[0][0] == sizes[1][0] > 0:
            continue  # there is no such page among the few jobs
        alone = in_turns([partial(one.listed, request) for one in contenders], rounds)
        whole = in_turns(
            [partial(one.get, request.viewer, request.path) for one in contenders], rounds
        )
        taken.append((whole[1], request.title))
        rows = "/".join(str(size[0]) for size in sizes)
        print(
            f"{request.title:56}{rows:>10}{sizes[1][1]:12,}"
            f"{alone[0]:8.2f}{alone[1]:8.2f}{alone[1] / alone[0]:7.2f}"
            f"{whole[0]:8.2f}{whole[1]:8.2f}{whole[1] / whole[0]:7.2f}",
            flush=True,
        )
    within = sum(milliseconds <= GOAL_MS for milliseconds, _ in taken)
    print(f"GET: {within} of {len(taken)} lists take at most {GOAL_MS} ms among the many jobs")
    print(
        f"  median {statistics.median(milliseconds for milliseconds, _ in taken):.1f} ms, ", end=""
    )
    print(f"longest {max(taken)[0]:.1f} ms: {max(taken)[1]}")


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
    parser.add_argument("--jobs", type=int, default=1_000_000, help="jobs of the long history")
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
