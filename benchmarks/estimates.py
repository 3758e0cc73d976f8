"""Estimates by domains beside R's survey package, and of a large sample.

The same rows are estimated by ``svyby`` where R and its package survey are installed; R's time is
without reading the rows, that of jobsvc with it. The goals: 20 times faster than R for 100,000
rows, 20 columns and 50 domains; less than 1 s and 400 MB for a mean of 1,000,000 rows by 1,000
domains.

    python -m benchmarks.estimates [--rows 100000]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.figures import peak_mib, print_goal
from estimation_engine import EstimateSettings, Statistic, estimate, random_design, read_values
from estimation_engine.intervals import Confidence, t_interval
from estimation_engine.reading import relation_of
from parquet_tables.database import ParquetDatabase
from parquet_tables.exports import export_query
from parquet_tables.tables import DataFile, TableFiles
from parquet_tables.writing import read_columns

LARGE_ROWS, LARGE_DOMAINS = 1_000_000, 1_000
COLUMNS, DOMAINS = 20, 50
POPULATION = 50_000_000
MEASURED = (
    "from dataclasses import astuple; from benchmarks.estimates import measured; "
    "print(*astuple(measured({rows}, {columns}, {domains})))"
)
R_CODE = """
library(survey)
s <- read.csv("rows.csv")
s$fpc <- {population}
columns <- as.formula(paste("~", paste0("c", 0:{last}, collapse = " + ")))
design <- svydesign(ids = ~1, fpc = ~fpc, data = s)
began <- proc.time()
found <- svyby(columns, ~domain, design, svymean)
spent <- proc.time() - began
cat("SECONDS", spent[["elapsed"]], spent[["user.self"]] + spent[["sys.self"]], "\\n")
cat("FIGURES", format(c(found[1, "c0"], SE(found)[1, 1]), digits = 15), "\\n")
"""


@dataclass(frozen=True)
class Measured:
    """Seconds by the clock and of the CPU, peak memory, and the first mean with its error."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    mean: float
    error: float


def rows_query(rows: int, columns: int, domains: int) -> str:
    """The rows of a sample: values that depend on the row alone."""
    values = ", ".join(
        f"(hash(range * 37 + {at}) % 100000) / 100.0 AS c{at}" for at in range(columns)
    )
    return (
        f"SELECT 'primary:' || range AS _logical_row_id, hash(range) % {domains} AS domain, "
        f"{values} FROM range({rows})"
    )


def measured(rows: int, columns: int, domains: int) -> Measured:
    """Read and estimate means by domains."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ParquetDatabase(Path(folder), Path(folder) / "spill", memory_mb=128, threads=2) as database,
    ):
        path = Path(folder) / "rows.parquet"
        command = (
            "import duckdb; from pathlib import Path; from parquet_tables.writing import copy_sql; "
            f"duckdb.connect().execute(copy_sql({rows_query(rows, columns, domains)!r}, "
            f"Path({str(path)!r})))"
        )
        subprocess.run([sys.executable, "-c", command], check=True)
        with database.cursor() as cursor:
            named = read_columns(cursor, path)
        table = TableFiles(named, (DataFile(path, rows),))
        statistics = [Statistic("mean", table.column(f"c{at}")) for at in range(columns)]
        t_interval(1.0, 1.0, Confidence(0.95, 9))  # loads scipy, as library(survey) is loaded
        began, cpu_began = time.perf_counter(), time.process_time()
        with database.cursor(table) as cursor:
            read = read_values(
                cursor,
                relation_of(table),
                np.arange(rows),
                statistics,
                [table.column("domain")],
                None,
            )
        design = random_design(rows, POPULATION)
        found = [
            estimate(design, values, read.domains, EstimateSettings()) for values in read.values
        ]
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    first = found[0][0]
    return Measured(seconds, cpu, peak_mib(), first.value or 0.0, first.error or 0.0)


def measured_in_r(rows: int) -> Measured:
    """The same by svyby."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with (
            ParquetDatabase(root, root / "spill", memory_mb=256, threads=2) as database,
            database.cursor() as cursor,
        ):
            export_query(cursor, rows_query(rows, COLUMNS, DOMAINS), [], root / "rows.csv", "csv")
        code = R_CODE.format(population=POPULATION, last=COLUMNS - 1)
        (root / "run.R").write_text(code, "utf-8")
        run = subprocess.run(
            ["Rscript", "run.R"], cwd=root, capture_output=True, text=True, check=True
        )
    spent, figures = run.stdout.split("SECONDS")[1].split("FIGURES")
    seconds, cpu = map(float, spent.split())
    mean, error = map(float, figures.split())
    return Measured(seconds, cpu, 0.0, mean, error)


def in_process(rows: int, columns: int, domains: int) -> Measured:
    """Measure in a process of its own."""
    code = MEASURED.format(rows=rows, columns=columns, domains=domains)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return Measured(*map(float, run.stdout.split()))


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="of the smaller sample (100,000)")
    options = parser.parse_args()
    found = in_process(options.rows, COLUMNS, DOMAINS)
    print(
        f"{options.rows:,} rows, {COLUMNS} columns, {DOMAINS} domains: {_times(found)}", flush=True
    )
    print_goal("peak memory", found.peak_mib, "MiB", most=400)
    if shutil.which("Rscript") is not None:
        other = measured_in_r(options.rows)
        differences = (found.mean / other.mean - 1, found.error / other.error - 1)
        print(f"svyby: {_times(other)}; figures differ by {max(map(abs, differences)):.1e} at most")
        print_goal("svyby by jobsvc", other.seconds / found.seconds, "times", least=20)
        print_goal("the same of the CPU", other.cpu_seconds / found.cpu_seconds, "times", least=20)
    found = in_process(LARGE_ROWS, 1, LARGE_DOMAINS)
    print(f"{LARGE_ROWS:,} rows, a mean by {LARGE_DOMAINS:,} domains: {_times(found)}")
    print_goal("time", found.seconds, "s", most=1)
    print_goal("peak memory", found.peak_mib, "MiB", most=400)


def _times(found: Measured) -> str:
    return f"{found.seconds:.2f} s, CPU {found.cpu_seconds:.2f} s"


if __name__ == "__main__":
    main()
