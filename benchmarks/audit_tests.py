"""Audit tests of a ledger: the time of each, as a multiple of a bare scan.

The ledger has planted cases, and each test must find these alone. A bare scan decodes columns and
hashes their values. The pass of a test, which finds its rows and computes its figures, is compared
with a bare scan of the columns that it reads; the whole test, which also fetches the found rows
with all columns, with a bare scan of all columns. Found rows are in all row groups. The four take
turns, and the best of several runs counts, by wall time and by the CPU time of all threads. The
goal of both is 3 bare scans. No pass meets it, as docs/BENCHMARKS.md explains: decoding a column
takes less time than one regular expression for each of its texts.

    python -m benchmarks.audit_tests [--rows 1000000] [--every 1000] [--runs 3] [--only TEXT]
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import print_goal
from contract.requests.audit_tests import AUDIT_TESTS
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ignore_progress
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import scan_statement
from parquet_tables.tables import Column, DataFile, TableFiles
from parquet_tables.writing import read_columns, write_parquet
from profiling_engine.audit_tests import TESTS, FoundTable, TableTest, run_test
from profiling_engine.audit_tests.tested import Work
from tests.profiling_engine.planted_ledger import CASES, LIMIT_DIGITS, PlantedLedger

MOST_SCANS = 3.0
JOINS = ("near_duplicates", "unmatched")
"""Tests that compare rows with rows, whose multiple has no goal."""


def table(database: ParquetDatabase, query: str, path: Path) -> TableFiles:
    """The table of a query."""
    with database.cursor() as cursor:
        rows = write_parquet(cursor, query, [], path).rows
        return TableFiles(read_columns(cursor, path), (DataFile(path, rows),))


@dataclass
class Best:
    """Something to measure, and its shortest wall and CPU time in seconds."""

    run: Callable[[], Any]
    wall_s: float = math.inf
    cpu_s: float = math.inf
    result: Any = None

    def measure(self) -> None:
        cpu, wall = time.process_time(), time.perf_counter()
        self.result = self.run()
        self.wall_s = min(self.wall_s, time.perf_counter() - wall)
        self.cpu_s = min(self.cpu_s, time.process_time() - cpu)


def scan(database: ParquetDatabase, table: TableFiles, columns: Sequence[Column]) -> None:
    """Decode columns of a table."""
    cells = [f"f.{quote_identifier(each.name)}" for each in columns]
    sql, params = scan_statement(table, [f"hash({', '.join(cells)}) AS h"])
    with database.cursor(table) as cursor:
        cursor.execute(f"SELECT bit_xor(s.h) FROM ({sql}) AS s", params).fetchall()


def find(database: ParquetDatabase, test: TableTest, folder: Path) -> None:
    """Find the rows of a test, without fetching them."""
    with database.cursor(test.table) as cursor:
        test.find(Work(cursor, folder, ignore_progress))


def found_ids(database: ParquetDatabase, found: FoundTable) -> set[int]:
    """The ids of the found rows; of leading digits those that have others than the planted ones."""
    paths = [str(file.path) for file in found.files]
    other = f" WHERE f._digits <> {LIMIT_DIGITS}" if found.result.test == "benford" else ""
    with database.cursor() as cursor:
        rows = cursor.execute(f"SELECT f.id FROM read_parquet(?) AS f{other}", [paths]).fetchall()
    return {row[0] for row in rows}


def run(name: str, data: Path, ledger: PlantedLedger, runs: int) -> None:
    """Run one test several times, check its rows and print the figures."""

    def folder() -> Path:
        return Path(tempfile.mkdtemp(dir=data))

    with ParquetDatabase(data, data / "spill", threads=2) as database:
        own = table(database, ledger.sql, data / "ledger.parquet")
        other = table(database, ledger.other_sql, data / "other.parquet")
        request = AUDIT_TESTS[name].request(**CASES[name])
        compared = (other, "other") if name == "unmatched" else None
        test = TESTS[name](own, "primary", request, compared)
        columns = [each for each in test.read_columns if each in own.columns]
        own_scan = Best(lambda: scan(database, own, columns))
        pass_ = Best(lambda: find(database, test, folder()))
        whole_scan = Best(lambda: scan(database, own, own.columns))
        whole = Best(lambda: run_test(database, test, folder()))
        for _ in range(runs):
            for each in (own_scan, pass_, whole_scan, whole):
                each.measure()
        ids = found_ids(database, whole.result)
    expected = ledger.found(name) or set()
    if ids != expected:
        raise SystemExit(f"{name} found other rows than the planted ones.")
    print(
        f"{name}: {ledger.rows:,} rows, {whole.result.result.found_rows:,} rows found", flush=True
    )
    compare(f"{name}, pass of {len(columns)} columns", pass_, own_scan, name not in JOINS)
    compare(f"{name}, whole test", whole, whole_scan, name not in JOINS)


def compare(what: str, best: Best, bare: Best, has_goal: bool) -> None:
    """Print a time as a multiple of that of a bare scan."""
    for kind, seconds, bare_s in (
        ("wall", best.wall_s, bare.wall_s),
        ("CPU", best.cpu_s, bare.cpu_s),
    ):
        print(
            f"  {what}, {kind}: {1000 * seconds:.0f} ms, {seconds / bare_s:.1f} bare scans of "
            f"{1000 * bare_s:.0f} ms",
            flush=True,
        )
    if has_goal:
        print_goal(f"{what}, CPU", best.cpu_s / bare.cpu_s, "bare scans", most=MOST_SCANS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--every", type=int, default=1_000, help="rows with one planted case each")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="", help="tests whose names contain this text")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as data:
        for name in CASES:
            if given.only in name:
                run(name, Path(data), PlantedLedger(given.rows, given.every), given.runs)


if __name__ == "__main__":
    main()
