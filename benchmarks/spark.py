"""Draws on a Spark cluster beside bare scans of the same columns and Spark's own sampling.

``python -m benchmarks.spark --scale 10`` starts a master, two workers of one core each and a
Connect server, writes TPC-H's ``lineitem``, and runs all contenders in turn. A bare scan counts the
values of a draw's columns, as often as the draw scans them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

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
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "jobsvc-spark")
    given = parser.parse_args()
    given.data.mkdir(exist_ok=True)
    path = make_lineitem(given.data, given.scale)
    with (
        SparkCluster(spark_home("4"), given.data, {}) as cluster,
        ParquetDatabase(given.data, given.data / "spill") as database,
    ):
        with database.cursor() as cursor:
            table = described(cursor, path, 1)
        server = SparkServer(cluster.remote, TOKEN)
        measure(database, given.data, table, server, given.runs)


def measure(
    database: ParquetDatabase, folder: Path, table: TableFiles, server: SparkServer, runs: int
) -> None:
    """Run all contenders in turn, ``runs`` times after one that isn't counted."""
    contenders = _contenders(database, folder, table, server)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for run in range(runs + 1):
        for name, work in contenders.items():
            began = time.perf_counter()
            work()
            seconds = time.perf_counter() - began
            print(f"run {run}, {name}: {seconds:.2f} s", flush=True)
            if run:
                times[name].append(seconds)
    medians = {name: statistics.median(each) for name, each in times.items()}
    print(f"{table.row_count:,} rows; medians of {runs} runs, without run 0")
    for name in DRAWS:
        ratio = medians[name] / medians[_bare(name)]
        print_goal(f"{name}, by its bare scans", ratio, "times", most=GOAL)
        ratio = medians[name] / medians[RANDOM_ORDER]
        print_goal(f"{name}, by {RANDOM_ORDER}", ratio, "times", most=1)


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
