"""Draws from the same rows in 1, 10 and 1,000 files, and from ten times the files.

TPC-H's ``lineitem`` (see ``benchmarks.draw``) is cut into files of equal size. Ten times the table
is each file listed ten times: 100 and 10,000 files. Every contender has a process of its own, so
that its peak memory is its own; they take turns, and a first run isn't counted. Where others share
the machine, the ratios of CPU time are the measure.

    python -m benchmarks.many_files [--scale 1] [--rounds 5] [--data DIR] [--only TEXT]
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.contenders import Contender, answer, contender_options, run_in_turns
from benchmarks.draw import MEMORY_MB
from benchmarks.draw_contenders import FILTER, OURS, RANDOM, ROWS, make_lineitem
from benchmarks.figures import print_goal
from parquet_tables.database import ParquetDatabase
from parquet_tables.rows import read_page
from parquet_tables.tables import DataFile, TableFiles
from parquet_tables.writing import copy_sql, read_columns, write_parquet
from sampling_engine import Method, Round, draw_sample, plan_draw
from sampling_engine.filters import parse_expression

FILES = (1, 10, 1_000)
TIMES_LARGER = 10
LARGER = tuple(count * TIMES_LARGER for count in FILES[1:])
SOURCE = "read_parquet(?)"
DRAWS: dict[str, tuple[Method, str | None]] = {
    "random": (RANDOM, None),
    "filter": (RANDOM, FILTER),
    "strata": (OURS["strata: draw_sample"], None),
    "weighted": (OURS["weighted: draw_sample"], None),
    "systematic": (OURS["systematic: draw_sample"], None),
    "cluster": (OURS["cluster: draw_sample"], None),
    "monetary unit": (OURS["monetary unit: draw_sample"], None),
}
COUNT, RESERVOIR, PAGE, PLAN = "bare count", "reservoir", "last page", "plan"
CONTENDERS = tuple(
    f"{what}, {count:,} files" for what in (*DRAWS, COUNT, PAGE, PLAN) for count in FILES
) + tuple(
    f"{what}, {count:,} files"
    for what in ("random", "filter", COUNT, RESERVOIR, PAGE, PLAN)
    for count in LARGER
)
# Ours, the other, and how many times its time ours may take.
GOALS = (
    ("random, 10 files", "random, 1 files", 1.3),
    ("random, 1,000 files", "random, 1 files", 3.0),
    ("random, 100 files", "random, 10 files", 1.5),
    ("random, 10,000 files", "random, 1,000 files", 1.5),
    ("filter, 1 files", "bare count, 1 files", 1.5),
    ("filter, 1,000 files", "bare count, 1,000 files", 1.5),
    ("filter, 10,000 files", "bare count, 10,000 files", 1.5),
)
FASTER_THAN_RESERVOIR = 20.0


def cut_table(whole: Path, count: int) -> list[DataFile]:
    """The table's rows in so many files of equal size, made unless they are there already."""
    with (
        ParquetDatabase(whole.parent, whole.parent / "spill") as database,
        database.cursor() as cursor,
    ):
        (rows,) = cursor.execute(f"SELECT count(*) FROM {SOURCE}", [str(whole)]).fetchall()[0]
        if count == 1:
            return [DataFile(whole, rows)]
        folder = whole.parent / f"{whole.stem}-in-{count}"
        folder.mkdir(exist_ok=True)
        ends = [at * rows // count for at in range(count + 1)]
        files: list[DataFile] = []
        for at in range(count):
            path, start, stop = folder / f"{at:05}.parquet", ends[at], ends[at + 1]
            files.append(DataFile(path, stop - start))
            if not path.exists():
                part = path.with_suffix(".part")
                query = (
                    "SELECT * EXCLUDE (file_row_number) "
                    "FROM read_parquet(?, file_row_number = true) "
                    "WHERE file_row_number >= ? AND file_row_number < ?"
                )
                write_parquet(cursor, query, [str(whole), start, stop], part)
                part.rename(path)
        return files


def prepared(name: str, database: ParquetDatabase, whole: Path, out: Path) -> Callable[[], object]:
    """One run of a contender, ready to be called."""
    what, _, count = name.removesuffix(" files").rpartition(", ")
    number = int(count.replace(",", ""))
    files = cut_table(whole, number if number in FILES else number // TIMES_LARGER)
    files *= 1 if number in FILES else TIMES_LARGER
    with database.cursor() as cursor:
        table = TableFiles(read_columns(cursor, files[0].written), tuple(files))
    if what in DRAWS:
        method, condition = DRAWS[what]
        row_filter = parse_expression(condition, table) if condition else None
        rounds = [Round(round_number=1, method=method, seed=42, filter=row_filter)]
        return lambda: draw_sample(database, table, rounds, table_key="primary", destination=out)
    if what == PLAN:
        rounds = [Round(round_number=1, method=RANDOM, seed=42)]
        return lambda: plan_draw(database, table, rounds)
    sql = f"SELECT count(*) FROM {SOURCE} WHERE {FILTER}"
    if what == RESERVOIR:
        sql = copy_sql(f"SELECT * FROM {SOURCE} USING SAMPLE reservoir({ROWS} ROWS)", out)
    paths = [str(file.path) for file in files]

    def run() -> None:
        with database.cursor() as cursor:
            if what == PAGE:
                read_page(cursor, table, table.columns, table.row_count - 100, 100)
            else:
                cursor.execute(sql, [paths]).fetchall()

    return run


def serve(name: str, whole: Path, threads: int) -> None:
    """Run a contender for each line of input; answer with seconds, CPU seconds and peak memory."""
    out = whole.parent / f"out-{os.getpid()}.parquet"
    spill = whole.parent / f"spill-{os.getpid()}"
    with ParquetDatabase(whole.parent, spill, memory_mb=MEMORY_MB, threads=threads) as database:
        run = prepared(name, database, whole, out)
        answer(run, lambda: out.unlink(missing_ok=True))


def measured(whole: Path, names: list[str], rounds: int, threads: int) -> dict[str, Contender]:
    """All contenders, run in turn."""
    module = ["-m", "benchmarks.many_files", "--threads", str(threads)]
    return run_in_turns({name: [*module, "--serve", name, str(whole)] for name in names}, rounds)


def print_figures(contenders: dict[str, Contender]) -> None:
    """Times, memory and goals."""
    print(f"{'':30}{'median s':>9}{'fastest':>9}{'CPU s':>9}{'peak MiB':>10}")
    for one in contenders.values():
        times = f"{one.median:9.3f}{min(one.seconds):9.3f}"
        print(f"{one.name:30}{times}{min(one.cpu_seconds):9.3f}{one.peak_mb:10.0f}")
    print("goals, set for --scale 10, by elapsed and by CPU time:")
    for ours, other, wanted in GOALS:
        for unit, ratio in ratios(contenders, ours, other):
            print_goal(f"{ours} beside {other}", ratio, f"x its {unit}", most=wanted)
    for count in LARGER:
        files = f"{count:,} files"
        for unit, ratio in ratios(contenders, f"{RESERVOIR}, {files}", f"random, {files}"):
            what = f"random beside {RESERVOIR}, {files}"
            print_goal(what, ratio, f"x less {unit}", least=FASTER_THAN_RESERVOIR)


def ratios(contenders: dict[str, Contender], one: str, other: str) -> list[tuple[str, float]]:
    """The ratios of elapsed and CPU time; none if a contender didn't run."""
    if one not in contenders or other not in contenders:
        return []
    first, second = contenders[one], contenders[other]
    elapsed = np.median(np.array(first.seconds) / np.array(second.seconds))
    return [
        ("time", float(elapsed)),
        ("CPU time", min(first.cpu_seconds) / min(second.cpu_seconds)),
    ]


def main() -> None:
    """Parse the command line and run."""
    parser = contender_options(__doc__, rounds=5)
    parser.add_argument("--scale", default="1", help="TPC-H scale factor (1)")
    parser.add_argument("--only", default="", help="contenders with this text in their names")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve[0], Path(options.serve[1]), options.threads)
        return
    options.data.mkdir(parents=True, exist_ok=True)
    whole = make_lineitem(options.data.resolve(), options.scale)
    for count in FILES:
        cut_table(whole, count)
    names = [name for name in CONTENDERS if options.only in name]
    print(f"{whole.name}, n = {ROWS:,}, {options.threads} threads, DuckDB {duckdb.__version__}")
    print_figures(measured(whole, names, options.rounds, options.threads))


if __name__ == "__main__":
    main()
