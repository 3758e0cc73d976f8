"""The row diff of two tables: time, peak memory and size of the result.

A table of ten columns (a key, texts, amounts, dates) is compared with versions of it: a few rows
changed, a few changed in another order of the rows, and every row changed. Each case runs in its
own process, with DuckDB limited to ``--memory`` MiB.

    python -m benchmarks.row_diff [--rows 10000000] [--memory 1024] [--data DIR] [--only TEXT]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import peak_mib, print_goal
from parquet_tables.database import ParquetDatabase
from parquet_tables.tables import DataFile, TableFiles
from parquet_tables.writing import read_columns, write_parquet
from profiling_engine.comparison.row_diff import diff_rows, resolve_keys

PEAK_GOAL_FACTOR = 1.3
"""Peak memory of the process, in units of DuckDB's memory limit."""
BASE = """
SELECT range AS id, 'document ' || hash(range) % 1000000 AS document,
       hash(range * 3) % 10000000 / 100 AS amount, 1400 + hash(range * 5) % 600 AS account,
       DATE '2024-01-01' + CAST(hash(range * 7) % 366 AS INTEGER) AS posted,
       'user ' || hash(range * 11) % 300 AS entered_by, hash(range * 13) % 2 = 0 AS approved,
       CAST(hash(range * 17) % 100000 AS DECIMAL(12,2)) AS tax, hash(range * 19) AS reference,
       'line of the ledger, number ' || hash(range * 23) % 5000 AS text
FROM range({rows})
"""
FEW = (
    "SELECT * REPLACE (if(id % 100 = 7, amount + 1, amount) AS amount) FROM ({base}) "
    "WHERE id % 100 <> 3"
)
CASES = {
    "1 % changed, 1 % removed": FEW,
    "the same, in another order": FEW + " ORDER BY reference",
    "every row changed": "SELECT * REPLACE (amount + 1 AS amount) FROM ({base})",
}


def table(database: ParquetDatabase, query: str, path: Path) -> TableFiles:
    """The table of a query, written once."""
    with database.cursor() as cursor:
        if not path.exists():
            write_parquet(cursor, query, [], path.with_suffix(".part"))
            path.with_suffix(".part").rename(path)
        rows = cursor.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchall()
        columns = read_columns(cursor, path)
    return TableFiles(columns, (DataFile(path, rows[0][0]),))


def run(case: str, data: Path, rows: int, memory_mb: int) -> None:
    """Compare the table with one version and print the figures."""
    with ParquetDatabase(data, data / "spill", memory_mb=memory_mb, threads=2) as database:
        base_query = BASE.format(rows=rows)
        base = table(database, base_query, data / f"base-{rows}.parquet")
        name = f"version-{list(CASES).index(case)}-{rows}.parquet"
        other = table(database, CASES[case].format(base=base_query), data / name)
    written_mib = peak_mib()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of writing the tables
    with (
        ParquetDatabase(data, data / "spill", memory_mb=memory_mb, threads=2) as database,
        tempfile.TemporaryDirectory(dir=data) as folder,
    ):
        began, cpu_began = time.perf_counter(), time.process_time()
        keys = resolve_keys(base, other, ["id"])
        found = diff_rows(database, base, other, keys, Path(folder))
        seconds = time.perf_counter() - began
        cpu_s = time.process_time() - cpu_began
        size_mib = sum(file.path.stat().st_size for file in found.files) / 1024**2
    print(
        f"{case}: {seconds:.1f} s ({cpu_s:.1f} s of CPU), peak {peak_mib():.0f} MiB, "
        f"{found.added:,} added, {found.removed:,} removed, {found.changed:,} changed, "
        f"result {size_mib:.0f} MiB "
        f"(tables written with {written_mib:.0f} MiB)",
        flush=True,
    )
    limit = PEAK_GOAL_FACTOR * memory_mb
    print_goal(f"{case}, peak memory", peak_mib(), "MiB", most=limit)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--memory", type=int, default=1024, help="MiB")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", default="", help="cases that contain this text")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        data = (given.data or Path(temporary)).resolve()
        data.mkdir(exist_ok=True, parents=True)
        if given.case is not None:
            run(given.case, data, given.rows, given.memory)
            return
        for case in CASES:
            if given.only in case:
                arguments = ["--rows", given.rows, "--memory", given.memory, "--data", data]
                command = [sys.executable, "-m", "benchmarks.row_diff", "--case", case, *arguments]
                subprocess.run([str(part) for part in command], check=True)


if __name__ == "__main__":
    main()
