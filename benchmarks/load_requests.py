"""Requests a second of the routes that user interfaces poll, beside a bare Flask route.

Both servers have the same number of threads; wrk asks over 16 connections that stay open. They take
turns, and a ratio is that of one turn, so a busy machine slows both. Asked twice: while nothing
changes, and while another process has jobs run one after the other.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.figures import print_goal
from benchmarks.served import ROOT, THREADS, Served, bare_route, jobsvc_serve

CONNECTIONS = 16
GOAL = 0.5
WITH_GOAL = ("GET /api/jobs/{id}", "GET /api/jobs, 20 jobs")
LISTED = 110
RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
WRONG = re.compile(r"(Non-2xx[^\n]*|Socket errors[^\n]*)")


@dataclass(frozen=True)
class Target:
    """A request; ``as_browser`` accepts a compressed answer, as browsers do."""

    url: str
    as_browser: bool = False


def requests_a_second(target: Target, token: str, seconds: float) -> float:
    """The figures of wrk."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(round(seconds), 1)}s"]
    command += ["-H", f"Authorization: Bearer {token}"]
    command += ["-H", "Accept-Encoding: gzip, deflate, br"] if target.as_browser else []
    command += [target.url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    wrong, found = WRONG.search(said), RATE.search(said)
    if wrong or not found:
        raise SystemExit(f"wrk {target.url}: {said}")
    return float(found[1])


@contextmanager
def busy(served: Served, dataset_id: int) -> Iterator[None]:
    """Jobs of another process, one after the other, inside the block."""
    command = [sys.executable, "-m", "benchmarks.load_clients", "draw", served.url, served.token]
    process = subprocess.Popen([*command, str(dataset_id)], stdout=subprocess.DEVNULL, cwd=ROOT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def measure(seconds: float, rounds: int) -> None:
    """Print both tables."""
    with bare_route() as bare, jobsvc_serve(http_threads=THREADS) as served:
        dataset_id = served.tiny_table()
        job_id = served.draw(dataset_id, LISTED)[-1]
        mine = f"{served.url}/api/jobs?dataset_id={dataset_id}&run_type=sampling"
        targets = {
            "bare Flask route": Target(f"{bare}/api/jobs/{job_id}"),
            "GET /api/jobs/{id}": Target(f"{served.url}/api/jobs/{job_id}"),
            "GET /api/jobs, 20 jobs": Target(f"{mine}&limit=20"),
            "GET /api/jobs, 100 jobs": Target(mine),
            "the same by a browser": Target(mine, as_browser=True),
        }

        def turns() -> dict[str, list[float]]:
            return _turns(
                lambda target: requests_a_second(target, served.token, seconds), targets, rounds
            )

        print("requests a second, while nothing changes:")
        _report(turns(), goals=True)
        with busy(served, dataset_id):
            print("requests a second, while jobs run one after the other:")
            _report(turns(), goals=False)


def _turns(
    ask: Callable[[Target], float], targets: dict[str, Target], rounds: int
) -> dict[str, list[float]]:
    """All targets in turn; the first turn warms up and isn't counted."""
    rates: dict[str, list[float]] = {name: [] for name in targets}
    for turn in range(rounds + 1):
        for name, target in targets.items():
            rate = ask(target)
            if turn:
                rates[name].append(rate)
    return rates


def _report(rates: dict[str, list[float]], *, goals: bool) -> None:
    bare = next(iter(rates.values()))
    for name, found in rates.items():
        ratio = statistics.median(one / other for one, other in zip(found, bare, strict=True))
        spread = f"{min(found):6.0f} to {max(found):6.0f}"
        print(f"  {name:26}{statistics.median(found):8.0f}/s  {spread}  {ratio:.2f} x bare")
        if goals and name in WITH_GOAL:
            print_goal(f"{name} beside the bare route", ratio, "x its rate", least=GOAL)
