"""Draws on a Spark cluster beside bare scans of the same columns and Spark's own sampling.

``python -m benchmarks.spark --scale 10`` starts a master, two workers of one core each and a
Connect server, writes TPC-H's ``lineitem``, and runs all contenders in turn. A bare scan counts the
values of a draw's columns, as often as the draw scans them. The Java machines have their own
settings, since those of the tests turn the compiler off that a cluster has. Processor time is that
of the cluster's processes and of this one.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.draw_contenders import (
    BY_STRATA,
    FILTER,
    RANDOM,
    ROWS,
    STRATA,
    WEIGHT,
    described,
    make_lineitem,
)
from benchmarks.figures import print_goal
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ignore_progress
from parquet_tables.tables import TableFiles
from sampling_engine import Method, Round, WeightedMethod, draw_sample
from sampling_engine.engines.spark_connection import SparkServer
from sampling_engine.engines.spark_engine import SparkEngine, spark_engine
from sampling_engine.filters import parse_expression
from tests.spark.cluster import TOKEN, SparkCluster, spark_home

GOAL = 1.5
DRAWS: dict[str, tuple[Method, str | None, tuple[str, ...]]] = {
    "stratified": (BY_STRATA, None, STRATA),
    "random, filter": (RANDOM, FILTER, ("l_quantity", "l_linenumber")),
    "weighted": (WeightedMethod(sample_size=ROWS, weight_column=WEIGHT), None, (WEIGHT,)),
}
RANDOM_ORDER = "ORDER BY rand() LIMIT n"
OTHERS = {
    RANDOM_ORDER: "SELECT * FROM t ORDER BY rand(42) LIMIT {rows}",
    "TABLESAMPLE, about n rows": "SELECT * FROM t TABLESAMPLE ({percent} PERCENT) REPEATABLE (42)",
}


def main() -> None:
    """Print the times and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, default=10, help="TPC-H's scale factor")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--unmeasured", type=int, default=2, help="runs while Java compiles (2)")
    parser.add_argument("--only", default="", help="contenders with this text in their names")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "jobsvc-spark")
    given = parser.parse_args()
    given.data.mkdir(exist_ok=True)
    path = make_lineitem(given.data, given.scale)
    with (
        SparkCluster(spark_home("4"), given.data, {}, java={}) as cluster,
        ParquetDatabase(given.data, given.data / "spill") as database,
    ):
        with database.cursor() as cursor:
            table = described(cursor, path, 1)
        server = SparkServer(cluster.remote, TOKEN)
        every = _contenders(database, given.data, table, server)
        contenders = {name: work for name, work in every.items() if given.only in name}
        times = measure(contenders, cluster, given.runs, given.unmeasured)
    print(f"{table.row_count:,} rows; of {given.runs} runs, without the first {given.unmeasured}")
    print_ratios(times)


def measure(
    contenders: dict[str, Callable[[], object]], cluster: SparkCluster, runs: int, unmeasured: int
) -> dict[str, list[Times]]:
    """Run all contenders in turn, first ``unmeasured`` times and then ``runs`` times."""
    times: dict[str, list[Times]] = {name: [] for name in contenders}
    for run in range(unmeasured + runs):
        for name, work in contenders.items():
            before = Times.now(cluster)
            work()
            took = Times(
                *(now - then for now, then in zip(Times.now(cluster), before, strict=True))
            )
            print(
                f"run {run}, {name}: {took.elapsed:.2f} s; processors: cluster {took.cluster:.2f} "
                f"s, here {took.here:.2f} s",
                flush=True,
            )
            if run >= unmeasured:
                times[name].append(took)
    return times


class Times(NamedTuple):
    """Seconds: elapsed, and of the processors in the cluster and in this process."""

    elapsed: float
    cluster: float
    here: float

    @classmethod
    def now(cls, cluster: SparkCluster) -> Times:
        started = [psutil.Process(each) for each in cluster.process_ids]
        every = [each for one in started for each in (one, *one.children(recursive=True))]
        used = sum(sum(each.cpu_times()[:2]) for each in every)
        return cls(time.perf_counter(), used, sum(os.times()[:2]))


MEASURES: dict[str, Callable[[Times], float]] = {
    "time": lambda each: each.elapsed,
    "processor time": lambda each: each.cluster + each.here,
    "the cluster's processor time": lambda each: each.cluster,
}


def print_ratios(times: dict[str, list[Times]]) -> None:
    """Of medians, and of the least figures, which other work on the machine raises less."""
    for measure_name, of in MEASURES.items():
        for word, chosen in (("median", statistics.median), ("least", min)):
            figures = {name: chosen(map(of, each)) for name, each in times.items()}
            print(f"{measure_name}, {word}:")
            for name in DRAWS:
                if name not in figures:
                    continue
                for other, goal in ((_bare(name), GOAL), (RANDOM_ORDER, 1)):
                    if other in figures:
                        ratio = figures[name] / figures[other]
                        print_goal(f"{name}, by {other}", ratio, "times", most=goal)


def _bare(name: str) -> str:
    return f"{name}: bare scans"


def _contenders(
    database: ParquetDatabase, folder: Path, table: TableFiles, server: SparkServer
) -> dict[str, Callable[[], object]]:
    found: dict[str, Callable[[], object]] = {}
    for name, (method, text, columns) in DRAWS.items():
        row_filter = parse_expression(text, table) if text else None
        spec = Round(round_number=1, method=method, seed=42, filter=row_filter)
        counts: dict[str, int] = {}

        def ours(spec: Round = spec, name: str = name, counts: dict[str, int] = counts) -> None:
            with _engine(server, table) as engine:
                draw_sample(
                    database,
                    table,
                    [spec],
                    table_key="lineitem",
                    destination=folder / "sample.parquet",
                    engine=engine,
                )
                counts[name] = engine.scans

        def bare(
            columns: tuple[str, ...] = columns, name: str = name, counts: dict[str, int] = counts
        ) -> None:
            with _engine(server, table) as engine:
                read = ", ".join(
                    f"count({engine.table.name(table.column(column))})" for column in columns
                )
                for _ in range(counts[name]):
                    engine.connection.fetch((f"SELECT {read} FROM t", []), ignore_progress, "")

        found[name] = ours
        found[_bare(name)] = bare
    for name, sql in OTHERS.items():

        def other(sql: str = sql) -> None:
            query = sql.format(rows=ROWS, percent=100 * ROWS / table.row_count)
            with _engine(server, table) as engine:
                engine.connection.fetch((query, []), ignore_progress, "")

        found[name] = other
    return found


def _engine(server: SparkServer, table: TableFiles) -> AbstractContextManager[SparkEngine]:
    return spark_engine(server, table, lambda file: file.written.as_uri())


if __name__ == "__main__":
    main()
