"""This version beside an earlier one of its own: ratios of the same work, in turns.

Both run ``jobsvc serve``, each from its own sources and over its own data directory, and are
measured through requests of the jobs API, which don't change: the start until the first answer of
``/health``, an import of TPC-H's ``lineitem``, draws by each method, a profile and a page of the
job list. ``--only start`` makes no table. A draw runs after the
files of cached counts are removed, or, where it says so, with them. The next job starts once a
server uses no more processor time, so that the comparison of a sample isn't part of a later draw.

Ratios above a goal are printed as missed, and the process then ends with status 1.

    python -m benchmarks.against REVISION [--scale 1] [--rounds 5] [--data DIR] [--only TEXT ...]
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.draw_contenders import FILTER, MANY_ROWS, ROWS, STRATA, WEIGHT, make_lineitem
from benchmarks.figures import print_goal
from benchmarks.served import ROOT, Served, answer, jobsvc_serve

POLL_S = 0.01
QUIET_S = 0.5
QUIET_SHARE = 0.1
LISTED_JOBS = 50
LIST_REQUESTS = 100

FILTERED: dict[str, Any] = {"filters": {"expression": FILTER}}
DRAWS: Mapping[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "random": ("random", {"sample_size": ROWS}, {}),
    "filter": ("random", {"sample_size": ROWS}, FILTERED),
    "stratified": ("stratified", {"sample_size": ROWS, "strata_columns": list(STRATA)}, {}),
    "systematic": ("systematic", {"sample_size": ROWS}, {}),
    "cluster": (
        "cluster",
        {"cluster_column": "l_suppkey", "num_clusters": 100, "samples_per_cluster": 10},
        {},
    ),
    "weighted": ("weighted", {"sample_size": ROWS, "weight_column": WEIGHT}, {}),
    "million": ("random", {"sample_size": MANY_ROWS}, {}),
}
CACHED = {"filter, counts cached": "filter", "stratified, counts cached": "stratified"}
START, IMPORT, PROFILE, LIST = "start", "import", "profile", "page of the job list"
NAMES = (START, IMPORT, *DRAWS, *CACHED, PROFILE, LIST)
GOALS = {
    **dict.fromkeys(("random", "filter", "stratified", "systematic", "cluster", *CACHED), 1.05),
    "weighted": 1.5,
}
"""By what was measured of revision c4c39ae: its weighted draws had ranks of too few bits."""
START_CPU_S = 1.0
"""The goal of the processor time of a start, on an idle machine."""


@dataclass
class Version:
    """The sources of one version, and what was measured of it: seconds, and CPU seconds."""

    name: str
    source: Path
    data_dir: Path
    seconds: dict[str, list[float]] = field(default_factory=dict)
    cpu_seconds: dict[str, list[float]] = field(default_factory=dict)

    def measured(self, name: str, seconds: float, cpu_seconds: float) -> None:
        """Record one run, and show it as progress."""
        print(f"{self.name}: {name} {seconds:.3f} s", file=sys.stderr, flush=True)
        self.seconds.setdefault(name, []).append(seconds)
        self.cpu_seconds.setdefault(name, []).append(cpu_seconds)


class Running:
    """A server of a version that has imported the table."""

    def __init__(self, version: Version, served: Served) -> None:
        self.version, self.served = version, served
        self.process = psutil.Process(served.pid)
        self.client = served.client()
        self.dataset_id = 0

    def job(self, name: str, submit: Callable[[], dict[str, Any]]) -> None:
        """Measure a job from its request until it is completed; none where ``name`` is empty."""
        self.wait_until_quiet()
        cpu, begin = self.cpu_seconds(), time.perf_counter()
        job_id = submit()["job_id"]
        while (job := answer(self.client.get(f"/api/jobs/{job_id}")))["status"] != "completed":
            if job["status"] == "failed":
                raise SystemExit(f"{self.version.name}: {name} failed: {job['error_message']}")
            time.sleep(POLL_S)
        seconds = time.perf_counter() - begin
        if name:
            self.version.measured(name, seconds, self.cpu_seconds() - cpu)

    def cpu_seconds(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)

    def wait_until_quiet(self) -> None:
        """Wait until no background task uses the processor."""
        used = self.cpu_seconds()
        while True:
            time.sleep(QUIET_S)
            before, used = used, self.cpu_seconds()
            if used - before < QUIET_SHARE * QUIET_S:
                return

    def import_table(self, path: Path) -> None:
        """Import the table as a new dataset."""
        name = f"lineitem {time.time_ns()}"
        self.dataset_id = answer(self.client.post("/api/datasets", json={"name": name}))["id"]
        address = f"/api/datasets/{self.dataset_id}/refs/main/import"
        with path.open("rb") as content:
            files = {"file": (path.name, content)}
            self.job(IMPORT, lambda: answer(self.client.post(address, files=files, timeout=3600)))

    def draw(self, name: str, *, counts: bool = False) -> None:
        """Draw a sample; the first draw of a name reads footers and isn't measured."""
        method, parameters, more = DRAWS[CACHED.get(name, name)]
        one = {"round_number": 1, "method": method, "parameters": {**parameters, "seed": 42}}
        body = {"rounds": [{**one, **more}]}
        if name not in CACHED:
            for file in (self.served.data_dir / "counts").rglob("*.parquet"):
                file.unlink()
        address = f"/api/sampling/datasets/{self.dataset_id}/jobs"
        self.job(name if counts else "", lambda: answer(self.client.post(address, json=body)))

    def profile(self) -> None:
        """Profile the table."""
        address = f"/api/profiling/datasets/{self.dataset_id}/jobs"
        self.job(PROFILE, lambda: answer(self.client.post(address, json={})))

    def list_jobs(self) -> None:
        """Ask for a page of the job list many times."""
        self.wait_until_quiet()
        cpu, begin = self.cpu_seconds(), time.perf_counter()
        for _ in range(LIST_REQUESTS):
            answer(self.client.get("/api/jobs", params={"limit": LISTED_JOBS}))
        seconds = time.perf_counter() - begin
        self.version.measured(LIST, seconds, self.cpu_seconds() - cpu)


@contextmanager
def extracted(revision: str) -> Iterator[Path]:
    """The files of a revision, in a temporary folder."""
    archive = subprocess.run(
        ["git", "archive", revision], cwd=ROOT, capture_output=True, check=False
    )
    if archive.returncode:
        raise SystemExit(f"git has no revision {revision}: {archive.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory(prefix="jobsvc-against-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)


def measure_starts(versions: list[Version], rounds: int) -> None:
    """Start and stop a server over each data directory; the first start isn't counted."""
    for turn in range(rounds + 1):
        for version in versions:
            begin = time.perf_counter()
            with jobsvc_serve(source=version.source, data_dir=version.data_dir) as served:
                answer(served.client().get("/health"))
                seconds = time.perf_counter() - begin
                times = psutil.Process(served.pid).cpu_times()
            if turn:
                version.measured(START, seconds, times.user + times.system)


def measure_jobs(versions: list[Version], path: Path, names: list[str], rounds: int) -> None:
    """Measure the jobs of both versions in turns."""
    with ExitStack() as stack:
        servers = [
            Running(
                version,
                stack.enter_context(jobsvc_serve(source=version.source, data_dir=version.data_dir)),
            )
            for version in versions
        ]
        for server in servers:
            server.import_table(path)
        for name in [*DRAWS, *CACHED]:
            for turn in range(rounds + 1 if name in names else 0):
                for server in servers:
                    server.draw(name, counts=turn > 0)
        for server in servers if PROFILE in names else ():
            server.profile()
        for _ in range(rounds if LIST in names else 0):
            for server in servers:
                server.list_jobs()


def print_ratios(versions: list[Version], names: list[str]) -> bool:
    """Print medians and ratios; return whether every goal is met."""
    old, new = versions
    print(f"{'':28}{old.name:>12}{new.name:>12}{'ratio':>8}{'CPU ratio':>11}{'CPU time':>11}")
    ratios = {}
    for name in names:
        seconds = [statistics.median(each.seconds[name]) for each in versions]
        cpu = [statistics.median(each.cpu_seconds[name]) for each in versions]
        ratios[name] = seconds[1] / seconds[0]
        line = f"{name:28}{seconds[0]:10.3f} s{seconds[1]:10.3f} s{ratios[name]:8.2f}"
        print(f"{line}{cpu[1] / max(cpu[0], 0.01):11.2f}{cpu[1]:9.2f} s")
    print("goals, set for --scale 10:")
    goals = {name: goal for name, goal in GOALS.items() if name in names}
    for name, goal in goals.items():
        print_goal(name, ratios[name], f"x {old.name}", most=goal)
    start_cpu_s = statistics.median(new.cpu_seconds.get(START, [0.0]))
    if START in names:
        print_goal("processor time of a start", start_cpu_s, "s", most=START_CPU_S)
    return start_cpu_s <= START_CPU_S and all(ratios[each] <= goals[each] for each in goals)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("revision", help="an earlier revision, as git names it")
    parser.add_argument("--scale", default="1", help="TPC-H scale factor (1)")
    parser.add_argument("--rounds", type=int, default=5, help="runs that count (5)")
    parser.add_argument("--only", nargs="*", default=[""], help="names that contain such a text")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(tempfile.gettempdir()) / "jobsvc-benchmarks",
        help="where made files are kept for the next time",
    )
    options = parser.parse_args()
    names = [name for name in NAMES if any(text in name for text in options.only)]
    options.data.mkdir(parents=True, exist_ok=True)
    with (
        extracted(options.revision) as source,
        tempfile.TemporaryDirectory(prefix="jobsvc-against-", dir=options.data) as folder,
    ):
        versions = [
            Version(options.revision[:12], source, Path(folder) / "old"),
            Version("this", ROOT, Path(folder) / "new"),
        ]
        if START in names:
            measure_starts(versions, options.rounds)
        if names != [START]:
            path = make_lineitem(options.data.resolve(), options.scale)
            measure_jobs(versions, path, names, options.rounds)
    if not print_ratios(versions, names):
        sys.exit(1)


if __name__ == "__main__":
    main()
