"""The measures that ``benchmarks.model`` is fitted to, and by which it is checked.

A table of TPC-H is cut, or its files are linked ten times. Every run has its own process, whose
first draw is measured with its opening of files: processor time, bytes read (``rchar`` of
``/proc/self/io``) and files opened (inotify). With ``--spark`` the draws run on a cluster of two
workers, whose own processor time and bytes are measured. Others may share the machine, so
processor time is the least of the runs. ``benchmarks.model`` prints the measures beside the model.

    python -m benchmarks.model_measures --data DIR [--rounds 2] [--only TEXT] [--method TEXT]
    python -m benchmarks.model_measures --data DIR --spark
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.contenders import contender_options
from benchmarks.draw import MEMORY_MB
from benchmarks.draw_contenders import BY_STRATA, OURS, ROW_KEY, make_lineitem
from benchmarks.many_files import cut_table
from benchmarks.model import LAYOUTS, MEASURES, SPARK_COLUMNS, SPARK_LAYOUTS, Layout, Measured
from benchmarks.spark import Times
from parquet_tables.database import ParquetDatabase
from parquet_tables.tables import DataFile, TableFiles
from parquet_tables.writing import read_columns
from sampling_engine import KeyedOrder, Method, RandomMethod, Round, draw_sample, plan_draw
from sampling_engine.engines.spark_connection import SparkServer
from sampling_engine.engines.spark_engine import spark_engine
from sampling_engine.filters import parse_expression
from tests.spark.cluster import TOKEN, SparkCluster, spark_home

FILTER = "l_quantity <= 5 OR l_quantity = 49 AND l_linenumber <= 3"
"""Passes 11 % of the rows: of 60 million more than are listed."""
PLAN, LATER = "plan: ", "later"
METHODS: dict[str, Method] = {
    "random": RandomMethod(sample_size=1_000),
    "random 1": RandomMethod(sample_size=1),
    "random 10": RandomMethod(sample_size=10),
    "random 100": RandomMethod(sample_size=100),
    "random, filter": RandomMethod(sample_size=1_000),
    "stratified": BY_STRATA,
    "weighted": OURS["weighted: draw_sample"],
    "monetary unit": OURS["monetary unit: draw_sample"],
    "monetary unit, later": OURS["monetary unit: draw_sample"],
    "systematic": OURS["systematic: draw_sample"],
    "cluster": OURS["cluster: draw_sample"],
    "keyed": RandomMethod(sample_size=1_000),
    "keyed, later": RandomMethod(sample_size=1_000),
}
PLANNED = ("random, filter", "stratified", "weighted", "monetary unit", "cluster")
"""Methods whose plan is measured on its own: it has the passes before the rows are chosen."""
IN_OPEN = 0x20


class OpenedFiles:
    """Counts the files of a folder that are opened, by inotify."""

    def __init__(self, folder: Path) -> None:
        self._names: set[bytes] = set()
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init()
        libc.inotify_add_watch(self._descriptor, os.fsencode(folder), IN_OPEN)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            events, at = os.read(self._descriptor, 1 << 16), 0
            while at < len(events):
                _, _, _, length = struct.unpack_from("iIII", events, at)
                self._names.add(events[at + 16 : at + 16 + length].rstrip(b"\0"))
                at += 16 + length

    def count(self) -> int:
        """The files with different names; directories have none."""
        time.sleep(0.2)
        return len(self._names - {b""})


def folder_of(layout: Layout, data: Path) -> Path:
    """The folder of a layout's files."""
    return data / f"{layout.rows // 1_000_000}m-in-{layout.files}"


def table_of(layout: Layout, data: Path, database: ParquetDatabase) -> TableFiles:
    """The table of a layout."""
    paths = sorted(folder_of(layout, data).glob("*.parquet"))
    with database.cursor() as cursor:
        rows = [
            cursor.execute("SELECT num_rows FROM parquet_file_metadata(?)", [str(path)]).fetchall()
            for path in paths
        ]
        files = tuple(DataFile(path, row[0][0]) for path, row in zip(paths, rows, strict=True))
        return TableFiles(read_columns(cursor, paths[0]), files)


def link_files(data: Path) -> None:
    """Make the layouts: files of a table of scale 10 in 10 and in 1,000, linked under new names."""
    for layout in (*LAYOUTS.values(), *SPARK_LAYOUTS.values()):
        folder = folder_of(layout, data)
        if folder.exists():
            continue
        whole = make_lineitem(data, 10)
        files = cut_table(whole, layout.cut_in)
        part = folder.with_suffix(".part")
        part.mkdir(exist_ok=True)
        times = max(layout.files // layout.cut_in, 1)
        chosen = (files * times)[: layout.files]
        for number, file in enumerate(chosen):
            os.link(file.path, part / f"{number:06}.parquet")
        part.rename(folder)


def run_of(
    name: str, database: ParquetDatabase, table: TableFiles, data: Path
) -> Callable[[], object]:
    """The draw or plan, ready to be called."""
    method_name = name.removeprefix(PLAN)
    row_filter = parse_expression(FILTER, table) if "filter" in name else None
    order = KeyedOrder(ROW_KEY) if "keyed" in name else None
    method = METHODS[method_name]
    rounds = [Round(round_number=1, method=method, seed=42, filter=row_filter, order=order)]
    if name.startswith(PLAN):
        return lambda: plan_draw(database, table, rounds)
    counts = None
    if name.startswith(("monetary", "keyed")):
        kept = method_name.partition(",")[0].replace(" ", "-")
        counts = data / f"kept-{table.file_rows}-{len(table.files)}-{kept}"
        if not name.endswith(LATER):
            shutil.rmtree(counts, ignore_errors=True)
        counts.mkdir(exist_ok=True)
    return lambda: draw_sample(
        database,
        table,
        rounds,
        table_key="primary",
        destination=data / f"out-{os.getpid()}.parquet",
        counts_dir=counts,
    )


def bytes_read() -> int:
    """The bytes that this process has read by system calls."""
    return int(Path("/proc/self/io").read_text().split()[1])


def serve(name: str, layout: str, data: Path, threads: int) -> None:
    """Run once, and print the measures as JSON."""
    spill = data / f"spill-{os.getpid()}"
    with ParquetDatabase(data, spill, memory_mb=MEMORY_MB, threads=threads) as database:
        table = table_of(LAYOUTS[layout], data, database)
    with ParquetDatabase(data, spill, memory_mb=MEMORY_MB, threads=threads) as database:
        run = run_of(name, database, table, data)
        opened = OpenedFiles(table.files[0].path.parent)
        read, cpu = bytes_read(), time.process_time()
        run()
        cpu, read = time.process_time() - cpu, bytes_read() - read
        print(json.dumps({"cpu_s": cpu, "bytes": read, "files": opened.count()}))
    (data / f"out-{os.getpid()}.parquet").unlink(missing_ok=True)


def names_of(layout: str) -> list[str]:
    """What is measured of a layout: at the size of the fit also plans and small draws."""
    names = [name for name in METHODS if LAYOUTS[layout].has_unique_keys or "keyed" not in name]
    if LAYOUTS[layout].is_fitted:
        return [*names, *(PLAN + name for name in PLANNED)]
    return [name for name in names if not name.startswith("random 1")]


def measure_spark(data: Path, rounds: int) -> None:
    """Measure draws on a cluster, after two of every method while Java compiles."""
    with (
        SparkCluster(spark_home("4"), data, {}, java={}) as cluster,
        ParquetDatabase(data, data / "spill") as database,
    ):
        server = SparkServer(cluster.remote, TOKEN)
        names = list(SPARK_LAYOUTS)
        for turn, name in enumerate([names[-1]] * 2 + names * rounds):
            table = table_of(SPARK_LAYOUTS[name], data, database)
            for method in SPARK_COLUMNS:
                row_filter = parse_expression(FILTER, table) if "filter" in method else None
                order = KeyedOrder(ROW_KEY) if "keyed" in method else None
                drawn = METHODS[method]
                spec = Round(round_number=1, method=drawn, seed=42, filter=row_filter, order=order)
                read, cpu = executors_read(cluster), Times.now(cluster).cluster
                with spark_engine(server, table, lambda file: file.written.as_uri()) as engine:
                    out = data / "spark-sample.parquet"
                    draw_sample(
                        database, table, [spec], table_key="t", destination=out, engine=engine
                    )
                    out.unlink()
                read = executors_read(cluster) - read
                cpu = Times.now(cluster).cluster - cpu
                print("spark", turn, name, method, engine.scans, read, round(cpu, 2), flush=True)
                if turn >= 2:
                    keep(f"Spark, {name}", method, Measured(read, len(table.files), cpu))


def executors_read(cluster: SparkCluster) -> int:
    """The bytes that the processes below the cluster's own have read by system calls."""
    started = [psutil.Process(number) for number in cluster.process_ids]
    below = [child for process in started for child in process.children(recursive=True)]
    return sum(child.io_counters().read_chars for child in below)


def main() -> None:
    """Measure, and add the figures to the file of measures."""
    parser = contender_options(__doc__, rounds=2)
    parser.add_argument("--only", default="", help="layouts with this text in their names")
    parser.add_argument("--spark", action="store_true", help="measure draws on a Spark cluster")
    parser.add_argument("--method", default="", help="methods with this text in their names")
    options = parser.parse_args()
    if options.serve:
        layout, _, name = options.serve[0].partition("|")
        serve(name, layout, Path(options.serve[1]), options.threads)
        return
    data = options.data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    link_files(data)
    if options.spark:
        measure_spark(data, options.rounds)
        return
    for _ in range(options.rounds):
        for layout in LAYOUTS:
            for name in names_of(layout):
                if options.only not in layout or options.method not in name:
                    continue
                command = [sys.executable, "-m", "benchmarks.model_measures", "--threads"]
                command += [str(options.threads), "--serve", f"{layout}|{name}", str(data)]
                said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
                found = json.loads(said)
                print(layout, name, found, flush=True)
                keep(layout, name, Measured(found["bytes"], found["files"], found["cpu_s"]))


def keep(layout: str, name: str, found: Measured) -> None:
    """Add a run to the file; processor time is the least of the runs."""
    every = json.loads(MEASURES.read_text()) if MEASURES.exists() else {}
    of_layout = every.setdefault(layout, {})
    before = of_layout.get(name)
    cpu_s = found.cpu_s if before is None else min(before[2], found.cpu_s)
    of_layout[name] = [found.bytes, found.files, round(cpu_s, 3)]
    MEASURES.write_text(json.dumps(every, indent=1) + "\n")


if __name__ == "__main__":
    main()
