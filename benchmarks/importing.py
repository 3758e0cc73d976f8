"""Importing a CSV, beside DuckDB's own COPY of it.

Runs ``import_file``, the same with control totals and the data file's hash as an import job does
it, and ``COPY (SELECT * FROM read_csv(…)) TO …``, with the same Parquet settings, memory limit and
threads, in turn, each in a process of its own. The file is TPC-H's ``lineitem``, made by
tpchgen-cli, unless another one is given. CPU time is the measure where others share the machine.

    python -m benchmarks.importing [--scale 1] [--rounds 5] [--file FILE]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb

from benchmarks.contenders import TPCHGEN
from benchmarks.figures import peak_mib
from import_engine.importer import import_file
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ignore_progress
from parquet_tables.writing import copy_sql
from profiling_engine.tables.control_totals import control_totals

GOAL_RATIO = 1.3
CONTENDERS = ("import_file", "with_totals", "duckdb_copy")


@dataclass(frozen=True)
class Measured:
    """One run: wall time, CPU time, and the process's largest resident size."""

    seconds: float
    cpu_s: float
    peak_mb: float


def run_import(
    source: Path, root: Path, memory_mb: int, threads: int, *, totals: bool = False
) -> None:
    """Import ``source``, which is a link inside ``root``; with ``totals`` as a job does."""
    destination = root / "destination"
    destination.mkdir()
    with ParquetDatabase(root, root / "spill", memory_mb=memory_mb, threads=threads) as database:
        (table,) = import_file(
            database, source, source.name, destination, on_progress=ignore_progress
        )
        if totals:
            with database.cursor() as cursor:
                control_totals(cursor, table.table)
            for file in table.table.files:
                with file.path.open("rb") as content:
                    hashlib.file_digest(content, "sha256")


def run_copy(source: Path, root: Path, memory_mb: int, threads: int) -> None:
    """DuckDB alone, with its own detection in a sample."""
    connection = duckdb.connect(
        config={
            "memory_limit": f"{memory_mb}MiB",
            "threads": threads,
            "temp_directory": str(root / "spill"),
        }
    )
    connection.execute(copy_sql("SELECT * FROM read_csv(?)", root / "copy.parquet"), [str(source)])


def measure_here(contender: str, source: Path, memory_mb: int, threads: int) -> Measured:
    """Run one contender in this process."""
    with tempfile.TemporaryDirectory(dir=source.parent) as scratch:
        root = Path(scratch)
        inside = root / "source.csv"
        os.link(source, inside)
        run = {
            "import_file": run_import,
            "with_totals": partial(run_import, totals=True),
            "duckdb_copy": run_copy,
        }[contender]
        start, cpu_start = time.perf_counter(), time.process_time()
        run(inside, root, memory_mb, threads)
        seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
    return Measured(seconds, cpu_s, peak_mib())


def measure(contender: str, source: Path, memory_mb: int, threads: int) -> Measured:
    """Run one contender in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.importing", "--run", contender]
    command += ["--file", str(source), "--memory-mb", str(memory_mb), "--threads", str(threads)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Measured(*map(float, output.split()))


def make_lineitem(scale: float, directory: Path) -> Path:
    """TPC-H's lineitem as CSV."""
    command = [TPCHGEN, "csv", "--scale-factor", str(scale), "--tables", "lineitem"]
    subprocess.run([*command, "--output-dir", str(directory)], check=True, capture_output=True)
    return next(directory.glob("**/lineitem*.csv"))


def compare(source: Path, rounds: int, memory_mb: int, threads: int) -> None:
    """Run the contenders in turn and print medians, peaks, the ratio and the goal."""
    runs: dict[str, list[Measured]] = {contender: [] for contender in CONTENDERS}
    for _ in range(rounds):
        for contender in CONTENDERS:
            runs[contender].append(measure(contender, source, memory_mb, threads))
    size_mb = source.stat().st_size / 1e6
    print(f"{source.name}, {size_mb:,.0f} MB, {memory_mb} MiB, {threads} threads, {rounds} rounds")
    for contender, results in runs.items():
        wall_s = statistics.median(result.seconds for result in results)
        cpu_s = statistics.median(result.cpu_s for result in results)
        peak = max(result.peak_mb for result in results)
        print(f"{contender:12} median {wall_s:7.2f} s   CPU {cpu_s:7.2f} s   peak {peak:6.0f} MB")
    theirs = runs["duckdb_copy"]
    for contender in CONTENDERS[:-1]:
        for unit in ("seconds", "cpu_s"):
            pairs = zip(runs[contender], theirs, strict=True)
            ratio = statistics.median(getattr(a, unit) / getattr(b, unit) for a, b in pairs)
            verdict = "met" if ratio <= GOAL_RATIO else "missed"
            what = f"{contender}, {'elapsed' if unit == 'seconds' else 'CPU'} time"
            print(f"{what}: ratio {ratio:.2f} (median), goal {GOAL_RATIO} or less: {verdict}")


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--file", type=Path, help="a CSV to import in place of lineitem")
    parser.add_argument("--memory-mb", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--run", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        result = measure_here(options.run, options.file, options.memory_mb, options.threads)
        print(result.seconds, result.cpu_s, result.peak_mb)
        return
    with tempfile.TemporaryDirectory() as scratch:
        source = options.file or make_lineitem(options.scale, Path(scratch))
        compare(source, options.rounds, options.memory_mb, options.threads)


if __name__ == "__main__":
    main()
