"""Drawing rows by each method, beside what DuckDB offers for it.

TPC-H's ``lineitem``, made by tpchgen-cli and rewritten with our Parquet settings, is sampled by
``draw_sample`` and by SQL. Every contender lives in a process of its own, so that its peak memory
is its own; they take turns, so that a busy machine slows all alike. A contender's first run reads
the file's footer and is not counted. All of them write their rows to a Parquet file, but for the
bare statements, which a draw with known chances can't do without: the GROUP BY of the strata, the
count of the rows that pass a filter, the sum of the weights. A draw with counts kept runs as a
later one from its table. Ten times the table is the same file listed ten times.

    python -m benchmarks.draw [--scale 1] [--rounds 5] [--data DIR] [--threads 2] [--only TEXT]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from parquet_tables.database import ParquetDatabase
from parquet_tables.tables import DataFile, TableFiles
from parquet_tables.writing import copy_sql, read_columns, write_parquet
from sampling_engine import (
    ClusterMethod,
    Method,
    RandomMethod,
    Round,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
    draw_sample,
)
from sampling_engine.filters import parse_expression

ROWS, MANY_ROWS = 1_000, 1_000_000
STRATA = ("l_returnflag", "l_shipmode")
KEYS = ", ".join(STRATA)
WEIGHT = "l_extendedprice"
# Keeps 1 row in 20: quantities are 1 to 50.
FILTER = "l_quantity BETWEEN 7 AND 8 OR l_quantity = 49 AND l_linenumber <= 3"
MEMORY_MB = 1_024
PEAK_GOAL_MB = 400
TABLE = "read_parquet(?)"
TIMES_LARGER = 10

RANDOM = RandomMethod(sample_size=ROWS)
BY_STRATA = StratifiedMethod(strata_columns=STRATA, sample_size=ROWS)
OURS: dict[str, Method] = {
    "random: draw_sample": RANDOM,
    "random: draw_sample, ten times the table": RANDOM,
    "filter: draw_sample": RANDOM,
    "filter: draw_sample, counts kept": RANDOM,
    "strata: draw_sample": BY_STRATA,
    "strata: draw_sample, counts kept": BY_STRATA,
    "weighted: draw_sample": WeightedMethod(sample_size=ROWS, weight_column=WEIGHT),
    "systematic: draw_sample": SystematicMethod(sample_size=ROWS),
    "cluster: draw_sample": ClusterMethod(
        cluster_column="l_suppkey", num_clusters=100, samples_per_cluster=10
    ),
    "million: draw_sample": RandomMethod(sample_size=MANY_ROWS),
}
KEPT = "counts kept"
RESERVOIR = "random: USING SAMPLE reservoir"
RANDOM_ORDER = "random: ORDER BY random() LIMIT"
WINDOW = "strata: row_number() by hash"
RANDOM_WINDOW = "strata: row_number() by random()"
HASH_ORDER = "million: ORDER BY hash with a seed"
SLOW = (RANDOM_WINDOW,)
# 21 strata: as many rows a stratum as make about 1,000.
WINDOW_ROWS = 48
ROW_HASH = "hash(l_orderkey, l_linenumber, 42)"
QUERIES = {
    RESERVOIR: f"SELECT * FROM {TABLE} USING SAMPLE reservoir({ROWS} ROWS)",
    RANDOM_ORDER: f"SELECT * FROM {TABLE} ORDER BY random() LIMIT {ROWS}",
    WINDOW: f"SELECT * FROM {TABLE} QUALIFY row_number() OVER (PARTITION BY {KEYS} "
    f"ORDER BY {ROW_HASH}) <= {WINDOW_ROWS}",
    RANDOM_WINDOW: f"SELECT * FROM {TABLE} QUALIFY row_number() OVER (PARTITION BY {KEYS} "
    f"ORDER BY random()) <= {WINDOW_ROWS}",
    HASH_ORDER: f"SELECT * FROM {TABLE} ORDER BY {ROW_HASH} LIMIT {MANY_ROWS}",
}
GROUP_BY = "strata: bare GROUP BY"
FILTER_COUNT = "filter: bare count(*) WHERE"
WEIGHT_SUM = "weighted: bare sum(weight)"
BARE = {
    GROUP_BY: f"SELECT {KEYS}, count(*) FROM {TABLE} GROUP BY ALL",
    FILTER_COUNT: f"SELECT count(*) FROM {TABLE} WHERE {FILTER}",
    WEIGHT_SUM: f"SELECT sum({WEIGHT}) FROM {TABLE}",
}
CONTENDERS = (*OURS, *QUERIES, *BARE)

# Ours, the other, and how many times faster ours is to be.
FASTER_GOALS = (
    ("random: draw_sample", RESERVOIR, 5.0),
    ("strata: draw_sample", WINDOW, 6.0),
    ("strata: draw_sample, counts kept", WINDOW, 12.0),
    ("million: draw_sample", HASH_ORDER, 1.0),
)
# Ours, the other, and how many times its time ours may take.
SLOWER_GOALS = (
    ("strata: draw_sample", GROUP_BY, 2.0),
    ("filter: draw_sample", FILTER_COUNT, 1.3),
    ("weighted: draw_sample", WEIGHT_SUM, 4.0),
    ("random: draw_sample, ten times the table", "random: draw_sample", 1.5),
)


@dataclass
class Contender:
    """A process that runs one contender each time it is asked."""

    name: str
    process: subprocess.Popen[str]
    seconds: list[float] = field(default_factory=list)
    peak_mb: float = 0.0

    def run(self) -> float:
        """One run; its time, which counts from the second run on."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        seconds, peak_mb = map(float, self.process.stdout.readline().split())
        self.peak_mb = peak_mb
        return seconds

    @property
    def median(self) -> float:
        """Median time in seconds."""
        return statistics.median(self.seconds)


def make_lineitem(data: Path, scale: int | str) -> Path:
    """The rewritten table, made unless it is there already."""
    rewritten = data / f"lineitem-{scale}.parquet"
    if rewritten.exists():
        return rewritten
    made = data / f"tpch-{scale}"
    generate = ["tpchgen-cli", "parquet", "-s", str(scale), "-T", "lineitem", "-o", str(made)]
    if not (made / "lineitem.parquet").exists():
        made.mkdir(parents=True, exist_ok=True)
        subprocess.run(generate, check=True)
    part = rewritten.with_suffix(".part")
    with ParquetDatabase(data, data / "spill") as database, database.cursor() as cursor:
        write_parquet(cursor, f"SELECT * FROM {TABLE}", [str(made / "lineitem.parquet")], part)
    part.rename(rewritten)
    return rewritten


def described(cursor: duckdb.DuckDBPyConnection, path: Path, times: int) -> TableFiles:
    """The file, so many times over, as a table."""
    (rows,) = cursor.execute(f"SELECT count(*) FROM {TABLE}", [str(path)]).fetchall()[0]
    return TableFiles(read_columns(cursor, path), (DataFile(path, rows),) * times)


def prepared(name: str, database: ParquetDatabase, path: Path, out: Path) -> Callable[[], object]:
    """One run of a contender, ready to be called."""
    if name in OURS:
        times = TIMES_LARGER if name.endswith("ten times the table") else 1
        with database.cursor() as cursor:
            table = described(cursor, path, times)
        chosen = parse_expression(FILTER, table) if name.startswith("filter") else None
        rounds = [Round(round_number=1, method=OURS[name], seed=42, filter=chosen)]
        counts = path.parent / "counts" if name.endswith(KEPT) else None
        return lambda: draw_sample(
            database, table, rounds, table_key="primary", destination=out, counts_dir=counts
        )
    sql = copy_sql(QUERIES[name], out) if name in QUERIES else BARE[name]

    def run() -> None:
        with database.cursor() as cursor:
            cursor.execute(sql, [str(path)]).fetchall()

    return run


def serve(name: str, path: Path, threads: int) -> None:
    """Run a contender for each line of input; answer with seconds and peak memory."""
    out = path.parent / f"out-{os.getpid()}.parquet"
    spill = path.parent / f"spill-{os.getpid()}"
    with ParquetDatabase(path.parent, spill, memory_mb=MEMORY_MB, threads=threads) as database:
        run = prepared(name, database, path, out)
        for _ in sys.stdin:
            start = time.perf_counter()
            run()
            seconds = time.perf_counter() - start
            peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
            print(seconds, peak_mb, flush=True)
            out.unlink(missing_ok=True)


def measured(path: Path, names: list[str], rounds: int, threads: int) -> dict[str, Contender]:
    """All contenders, run in turn."""
    contenders: dict[str, Contender] = {}
    for name in names:
        command = [sys.executable, "-m", "benchmarks.draw", "--serve", name, str(path)]
        process = subprocess.Popen(
            [*command, "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        contenders[name] = Contender(name, process)
    for turn in range(rounds + 1):
        for one in contenders.values():
            seconds = one.run()
            if turn:
                one.seconds.append(seconds)
    for one in contenders.values():
        one.process.communicate()
    return contenders


def print_goal(what: str, value: float, unit: str, wanted: float) -> None:
    """One goal with its verdict; ``x faster`` wants more, the others less."""
    faster = unit == "x faster"
    met = value >= wanted if faster else value <= wanted
    verdict = "met" if met else f"MISSED by {abs(value - wanted) / wanted:.0%}"
    sign = "at least" if faster else "at most"
    print(f"  {what}: {value:.2f} {unit} (goal: {sign} {wanted:g}) {verdict}")


def report(contenders: dict[str, Contender]) -> None:
    """Times, memory and goals."""
    print(f"{'':42}{'median s':>9}{'fastest':>9}{'slowest':>9}{'peak MiB':>10}")
    for one in contenders.values():
        times = f"{one.median:9.3f}{min(one.seconds):9.3f}{max(one.seconds):9.3f}"
        print(f"{one.name:42}{times}{one.peak_mb:10.0f}")
    print("goals, set for --scale 10:")
    for ours, other, wanted in FASTER_GOALS:
        if ours in contenders and other in contenders:
            ratio = contenders[other].median / contenders[ours].median
            print_goal(f"{ours} beside {other}", ratio, "x faster", wanted)
    for ours, other, wanted in SLOWER_GOALS:
        if ours in contenders and other in contenders:
            ratio = contenders[ours].median / contenders[other].median
            print_goal(f"{ours} beside {other}", ratio, "x its time", wanted)
    for ours in OURS:
        if ours in contenders and not ours.startswith("million"):
            print_goal(f"{ours}, peak", contenders[ours].peak_mb, "MiB", PEAK_GOAL_MB)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, default=1, help="TPC-H scale factor (1)")
    parser.add_argument("--rounds", type=int, default=5, help="runs that count (5)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="contenders with this text in their names")
    parser.add_argument("--slow", action="store_true", help="also the window ordered by random()")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(tempfile.gettempdir()) / "jobsvc-benchmarks",
        help="where made files are kept for the next time",
    )
    parser.add_argument("--serve", nargs=2, metavar=("CONTENDER", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve[0], Path(options.serve[1]), options.threads)
        return
    options.data.mkdir(parents=True, exist_ok=True)
    path = make_lineitem(options.data.resolve(), options.scale)
    (path.parent / "counts").mkdir(exist_ok=True)
    names = [
        name for name in CONTENDERS if (options.slow or name not in SLOW) and options.only in name
    ]
    print(f"{path.name}, n = {ROWS:,}, {options.threads} threads, DuckDB {duckdb.__version__}")
    report(measured(path, names, options.rounds, options.threads))


if __name__ == "__main__":
    main()
