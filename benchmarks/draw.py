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

import os
from pathlib import Path

import duckdb

from benchmarks.contenders import Contender, answer, contender_options, run_in_turns
from benchmarks.draw_contenders import (
    CONTENDERS,
    COUNT_AND_FETCH,
    DIGESTS,
    GROUP_BY,
    HASH_ORDER,
    KEY_SCAN,
    KEYED_DRAW,
    OURS,
    RESERVOIR,
    ROWS,
    SLOW,
    WEIGHT_SUM,
    WINDOW,
    make_lineitem,
    prepared,
)
from benchmarks.figures import print_goal
from parquet_tables.database import ParquetDatabase

MEMORY_MB = 1_024
PEAK_GOAL_MB = 400
DIGESTS_GOAL_S = 30

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
    ("filter: draw_sample", COUNT_AND_FETCH, 1.3),
    ("weighted: draw_sample", WEIGHT_SUM, 4.0),
    ("monetary unit: draw_sample", WEIGHT_SUM, 5.0),
    ("monetary unit: draw_sample, counts kept", WEIGHT_SUM, 4.0),
    (KEYED_DRAW, KEY_SCAN, 5.0),
    ("random: draw_sample, ten times the table", "random: draw_sample", 1.5),
)


def serve(name: str, path: Path, threads: int) -> None:
    """Run a contender for each line of input; answer with seconds and peak memory."""
    out = path.parent / f"out-{os.getpid()}.parquet"
    spill = path.parent / f"spill-{os.getpid()}"
    with ParquetDatabase(path.parent, spill, memory_mb=MEMORY_MB, threads=threads) as database:
        run = prepared(name, database, path, out)
        answer(run, lambda: out.unlink(missing_ok=True))


def measured(path: Path, names: list[str], rounds: int, threads: int) -> dict[str, Contender]:
    """All contenders, run in turn."""
    module = ["-m", "benchmarks.draw", "--threads", str(threads)]
    return run_in_turns({name: [*module, "--serve", name, str(path)] for name in names}, rounds)


def on_progress(contenders: dict[str, Contender]) -> None:
    """Times, memory and goals."""
    print(f"{'':42}{'median s':>9}{'fastest':>9}{'slowest':>9}{'peak MiB':>10}")
    for one in contenders.values():
        times = f"{one.median:9.3f}{min(one.seconds):9.3f}{max(one.seconds):9.3f}"
        print(f"{one.name:42}{times}{one.peak_mb:10.0f}")
    print("goals, set for --scale 10:")
    for ours, other, wanted in FASTER_GOALS:
        if ours in contenders and other in contenders:
            ratio = contenders[other].median / contenders[ours].median
            print_goal(f"{ours} beside {other}", ratio, "x faster", least=wanted)
    for ours, other, wanted in SLOWER_GOALS:
        if ours in contenders and other in contenders:
            ratio = contenders[ours].median / contenders[other].median
            print_goal(f"{ours} beside {other}", ratio, "x its time", most=wanted)
    if DIGESTS in contenders:
        print_goal(f"{DIGESTS}, CPU", contenders[DIGESTS].median_cpu, "s", most=DIGESTS_GOAL_S)
    for ours in (*OURS, DIGESTS):
        if ours in contenders and not ours.startswith("million"):
            print_goal(f"{ours}, peak", contenders[ours].peak_mb, "MiB", most=PEAK_GOAL_MB)


def main() -> None:
    """Parse the command line and run."""
    parser = contender_options(__doc__, rounds=5)
    parser.add_argument("--scale", type=int, default=1, help="TPC-H scale factor (1)")
    parser.add_argument("--only", default="", help="contenders with this text in their names")
    parser.add_argument("--slow", action="store_true", help="also the window ordered by random()")
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
    on_progress(measured(path, names, options.rounds, options.threads))


if __name__ == "__main__":
    main()
