"""Profiling a table, beside DuckDB's SUMMARIZE and ydata-profiling.

TPC-H's ``lineitem``, made by tpchgen-cli and rewritten with our Parquet settings, is profiled whole
by ``profile_table`` and by ``SUMMARIZE`` within the same limits. Every contender lives in a process
of its own, so that its peak memory is its own; they take turns, so that a busy machine slows all
alike, and processor time is printed besides. A contender's first run reads the file's footer and is
not counted, unless ``--rounds 0``.

ydata-profiling is run, with ``--ydata PYTHON``, by a Python of its own (a virtual environment with
``ydata-profiling`` and ``pyarrow``, which ours never sees), in its minimal mode, once, on a table
that pandas bears: ``--ydata-scale`` (0.1).

    python -m benchmarks.profile [--scale 1] [--rounds 3] [--data DIR] [--threads 2] [--memory 1024]
        [--ydata PYTHON] [--ydata-scale 0.1]
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb

from benchmarks.contenders import Contender, answer, contender_options, run_in_turns
from benchmarks.draw_contenders import described, make_lineitem
from benchmarks.figures import print_goal
from parquet_tables.database import ParquetDatabase
from profiling_engine import profile_table

OURS, OURS_IN_A_HURRY, SUMMARIZE = "profile_table", "profile_table, budget 0", "SUMMARIZE"
CONTENDERS = (OURS, OURS_IN_A_HURRY, SUMMARIZE)
PEAK_GOAL_MB = 500
YDATA_GOAL = 50.0
YDATA = """
import sys, time
import pandas
from ydata_profiling import ProfileReport
table = pandas.read_parquet(sys.argv[1])
start, used = time.perf_counter(), time.process_time()
ProfileReport(table, minimal=True, progress_bar=False).get_description()
print("TOOK", time.perf_counter() - start, time.process_time() - used)
"""


def prepared(name: str, database: ParquetDatabase, path: Path) -> Callable[[], object]:
    """One run of a contender, ready to be called."""
    if name == SUMMARIZE:

        def summarize() -> object:
            with database.cursor() as cursor:
                sql = "SUMMARIZE SELECT * FROM read_parquet(?)"
                return cursor.execute(sql, [str(path)]).fetchall()

        return summarize
    with database.cursor() as cursor:
        table = described(cursor, path, 1)
    budget_s = 0.0 if name == OURS_IN_A_HURRY else None
    return lambda: profile_table(database, table, seed=42, budget_s=budget_s)


def serve(name: str, path: Path, threads: int, memory_mb: int) -> None:
    """Run a contender for each line of input; answer with its times and peak memory."""
    spill = path.parent / f"spill-{os.getpid()}"
    with ParquetDatabase(path.parent, spill, memory_mb=memory_mb, threads=threads) as database:
        answer(prepared(name, database, path))


def measured(path: Path, rounds: int, limits: list[str]) -> dict[str, Contender]:
    """All contenders, run in turn."""
    module = ["-m", "benchmarks.profile", *limits]
    arguments = {name: [*module, "--serve", name, str(path)] for name in CONTENDERS}
    return run_in_turns(arguments, rounds, first_counts=not rounds)


def on_progress(contenders: dict[str, Contender]) -> None:
    """Times, memory and goals."""
    print(f"{'':28}{'median s':>10}{'fastest':>9}{'slowest':>9}{'processor s':>13}{'peak MiB':>10}")
    for one in contenders.values():
        times = f"{one.median:10.2f}{min(one.seconds):9.2f}"
        used = f"{max(one.seconds):9.2f}{one.median_cpu:13.2f}"
        print(f"{one.name:28}{times}{used}{one.peak_mb:10.0f}")
    ours, other = contenders[OURS], contenders[SUMMARIZE]
    print("goals, set for --scale 10:")
    ratio = other.median / ours.median
    print_goal(f"{OURS} beside {SUMMARIZE}", ratio, "x faster", least=1.0)
    ratio = other.median_cpu / ours.median_cpu
    print_goal("the same in processor time", ratio, "x faster", least=1.0)
    print_goal(f"{OURS}, peak", ours.peak_mb, "MiB", most=PEAK_GOAL_MB)


def beside_ydata(python: str, path: Path, limits: list[str]) -> None:
    """One run of ydata-profiling and the median of three of ours on the same file."""
    ours = measured(path, 3, limits)[OURS]
    output = subprocess.run(
        [python, "-c", YDATA, str(path)], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    took = next(line for line in output.splitlines() if line.startswith("TOOK"))
    seconds, processor = map(float, took.split()[1:])
    print(f"{path.name}: ydata-profiling, minimal: {seconds:.2f} s, processor {processor:.2f} s")
    median, used = ours.median, ours.median_cpu
    print(f"{path.name}: {OURS}: {median:.3f} s, processor {used:.3f} s")
    print_goal(f"{OURS} beside ydata-profiling", seconds / median, "x faster", least=YDATA_GOAL)
    print_goal("the same in processor time", processor / used, "x faster", least=YDATA_GOAL)


def main() -> None:
    """Parse the command line and run."""
    parser = contender_options(__doc__, rounds=3)
    parser.add_argument("--scale", default="1", help="TPC-H scale factor (1)")
    parser.add_argument("--memory", type=int, default=1_024, help="DuckDB's limit in MiB (1024)")
    parser.add_argument("--ydata", help="the Python that has ydata-profiling")
    parser.add_argument("--ydata-scale", default="0.1")
    options = parser.parse_args()
    if options.serve:
        name, file = options.serve
        serve(name, Path(file), options.threads, options.memory)
        return
    options.data.mkdir(parents=True, exist_ok=True)
    data = options.data.resolve()
    limits = ["--threads", str(options.threads), "--memory", str(options.memory)]
    path = make_lineitem(data, options.scale)
    print(
        f"{path.name}, {options.threads} threads, {options.memory} MiB, DuckDB {duckdb.__version__}"
    )
    on_progress(measured(path, options.rounds, limits))
    if options.ydata:
        beside_ydata(options.ydata, make_lineitem(data, options.ydata_scale), limits)


if __name__ == "__main__":
    main()
