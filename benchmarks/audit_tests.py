"""Audit tests of a ledger: the time of each, as a multiple of a bare scan of the ledger.

The ledger has planted cases, and each test must find these alone. A bare scan decodes all
columns, which the found rows have, and hashes their values. The best of several runs counts.

    python -m benchmarks.audit_tests [--rows 1000000] [--every 1000] [--runs 3] [--only TEXT]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.figures import print_goal
from contract.requests.audit_tests import AUDIT_TESTS
from parquet_tables.database import ParquetDatabase
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import scan_statement
from parquet_tables.tables import DataFile, TableFiles
from parquet_tables.writing import read_columns, write_parquet
from profiling_engine.audit_tests import TESTS, FoundTable, TableTest, run_test
from tests.profiling_engine.planted_ledger import CASES, LIMIT_DIGITS, PlantedLedger

MOST_SCANS = 3.0
JOINS = ("near_duplicates", "unmatched")
"""Tests that join rows, whose multiple has no goal."""


def table(database: ParquetDatabase, query: str, path: Path) -> TableFiles:
    """The table of a query."""
    with database.cursor() as cursor:
        rows = write_parquet(cursor, query, [], path).rows
        return TableFiles(read_columns(cursor, path), (DataFile(path, rows),))


def best_s(run: Callable[[], Any], runs: int) -> tuple[float, Any]:
    """The shortest of several runs in seconds, and the last result."""
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - began)
    return min(seconds), result


def scan(database: ParquetDatabase, test: TableTest) -> None:
    """Decode the columns of the tested table."""
    cells = [f"f.{quote_identifier(each.name)}" for each in test.table.columns]
    sql, params = scan_statement(test.table, [f"hash({', '.join(cells)}) AS h"])
    with database.cursor(test.table) as cursor:
        cursor.execute(f"SELECT bit_xor(s.h) FROM ({sql}) AS s", params).fetchall()


def found_ids(database: ParquetDatabase, found: FoundTable) -> set[int]:
    """The ids of the found rows; of leading digits those that have others than the planted ones."""
    paths = [str(file.path) for file in found.files]
    other = f" WHERE f._digits <> {LIMIT_DIGITS}" if found.result.test == "benford" else ""
    with database.cursor() as cursor:
        rows = cursor.execute(f"SELECT f.id FROM read_parquet(?) AS f{other}", [paths]).fetchall()
    return {row[0] for row in rows}


def run(name: str, data: Path, ledger: PlantedLedger, runs: int) -> None:
    """Run one test several times, check its rows and print the figures."""
    with ParquetDatabase(data, data / "spill", threads=2) as database:
        own = table(database, ledger.sql, data / "ledger.parquet")
        other = table(database, ledger.other_sql, data / "other.parquet")
        request = AUDIT_TESTS[name].request(**CASES[name])
        compared = (other, "other") if name == "unmatched" else None
        test = TESTS[name](own, "primary", request, compared)
        bare_s, _ = best_s(lambda: scan(database, test), runs)

        def tested() -> FoundTable:
            folder = Path(tempfile.mkdtemp(dir=data))
            return run_test(database, test, folder)

        seconds, found = best_s(tested, runs)
        ids = found_ids(database, found)
    expected = ledger.found(name) or set()
    if ids != expected:
        raise SystemExit(f"{name} found other rows than the planted ones.")
    ratio = seconds / bare_s
    print(
        f"{name}: {1000 * seconds:.0f} ms for {ledger.rows:,} rows, {ratio:.1f} bare scans of "
        f"{1000 * bare_s:.0f} ms; {found.result.found_rows:,} rows found",
        flush=True,
    )
    if name not in JOINS:
        print_goal(f"{name}, bare scans", ratio, "scans", most=MOST_SCANS)


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
