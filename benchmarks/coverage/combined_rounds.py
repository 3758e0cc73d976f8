"""Whether estimates of several rounds are unbiased, where a round may leave a stratum without rows.

The population has strata of 3, 7, 20 and 30 rows; those of the first have the value 100, the others
1 to 5. The rounds are drawn by the real engine. The goals: the mean of the estimated totals is the
true total within 3 of its standard errors; coverage of nominal 95 % intervals is stated.

    python -m benchmarks.coverage combined_rounds [--draws 900] [--design NAME ...]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path

import numpy as np

from contract.requests.estimate import VarianceRequest
from estimation_engine import Domains, EstimateSettings, Values, estimate
from estimation_engine.arrays import Floats, Ints
from estimation_engine.designs import Design
from parquet_tables.database import ParquetDatabase
from parquet_tables.tables import TableFiles
from parquet_tables.writing import read_columns, write_parquet
from sampling_engine import (
    ClusterMethod,
    Method,
    MonetaryUnitMethod,
    RandomMethod,
    Round,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
    drawn_rounds,
)
from sampling_engine.filters import parse_expression
from service.tables.sample_design import design_of_rounds

ROWS = 60
POPULATION = f"""
SELECT range AS id,
       CASE WHEN range < 3 THEN 'a' WHEN range < 10 THEN 'b' WHEN range < 30 THEN 'c' ELSE 'd' END
          AS kind,
       CASE WHEN range < 3 THEN 100 ELSE 1 + range % 5 END AS y,
       range % 12 AS block,
       1 + range * 7 % 10 AS size
FROM range({ROWS})
"""
RULES = EstimateSettings(rules=VarianceRequest(lonely_stratum="adjust"))
RANDOM = RandomMethod(sample_size=15)
BY_KIND = StratifiedMethod(strata_columns=("kind",), sample_size=12)
Steps = tuple[tuple[Method, str | None], ...]
DESIGNS: dict[str, Steps] = {
    "random, then proportional": ((RANDOM, None), (BY_KIND, None)),
    "random, then proportional by a fraction": (
        (RANDOM, None),
        (replace(BY_KIND, sample_size=None, sample_fraction=0.25), None),
    ),
    "random, then at least 1 of each": (
        (RANDOM, None),
        (replace(BY_KIND, min_per_stratum=1), None),
    ),
    "random, then neyman": (
        (RANDOM, None),
        (replace(BY_KIND, allocation="neyman", allocation_column="size"), None),
    ),
    "weighted, then proportional": (
        (WeightedMethod(sample_size=15, weight_column="size"), None),
        (BY_KIND, None),
    ),
    "clusters, then proportional": (
        (ClusterMethod(cluster_column="block", num_clusters=3), None),
        (BY_KIND, None),
    ),
    "monetary units, then proportional": (
        (MonetaryUnitMethod(sample_size=15, book_column="size", selection="cell"), None),
        (BY_KIND, None),
    ),
    "random, then 2 of the 3 large": ((RANDOM, None), (RandomMethod(sample_size=2), "y = 100")),
    "random, then all 3 large": ((RANDOM, None), (RandomMethod(sample_size=3), "y = 100")),
    "random, then a tenth of the 7": (
        (RANDOM, None),
        (RandomMethod(sample_fraction=0.1), "kind = 'b'"),
    ),
    "random, then every 20th": ((RANDOM, None), (SystematicMethod(interval=20), None)),
    "random, then weighted of 10": (
        (RANDOM, None),
        (WeightedMethod(sample_size=4, weight_column="size"), "id < 10"),
    ),
    "random, proportional, proportional": (
        (replace(RANDOM, sample_size=8), None),
        (replace(BY_KIND, sample_size=8), "id < 50"),
        (replace(BY_KIND, sample_size=8), None),
    ),
}


@dataclass(frozen=True)
class Population:
    """The table and its values."""

    database: ParquetDatabase
    table: TableFiles
    y: Floats


@contextmanager
def population() -> Iterator[Population]:
    """The population in a temporary folder."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ParquetDatabase(Path(folder), Path(folder) / "spill", memory_mb=256, threads=1) as database,
    ):
        with database.cursor() as cursor:
            file = write_parquet(cursor, POPULATION, [], Path(folder) / "population.parquet")
            table = TableFiles(read_columns(cursor, file.path), (file,))
            sql = "SELECT f.y FROM read_parquet(?) AS f ORDER BY f.id"
            found = cursor.execute(sql, [str(file.path)]).fetchnumpy()
        yield Population(database, table, found["y"].astype(np.float64))


@dataclass(frozen=True)
class Result:
    """Of the total over many draws; ``bias`` and its standard error are shares of the total.

    ``intervals`` is the number of draws with an interval, and ``coverage`` of these.
    """

    bias: float
    bias_error: float
    coverage: float
    intervals: int

    @property
    def is_unbiased(self) -> bool:
        """Whether the bias is within the error of the simulation."""
        return abs(self.bias) <= 3.0 * self.bias_error


def drawn_design(found: Population, steps: Steps, seed: int) -> tuple[Ints, Design]:
    """The sorted rows of one draw, and their combined design."""
    rounds = [
        Round(
            round_number=number,
            method=method,
            seed=seed,
            filter=None if where is None else parse_expression(where, found.table),
        )
        for number, (method, where) in enumerate(steps, 1)
    ]
    parts = drawn_rounds(found.database, found.table, rounds, with_frames=True)
    rows = np.sort(np.concatenate([part.ordinals for part in parts]))
    return rows, design_of_rounds(rounds, parts, ROWS)


def measure(found: Population, steps: Steps, seeds: Sequence[int]) -> Result:
    """Draw, estimate the total and compare with the truth."""
    truth = float(found.y.sum())
    estimates, hits, intervals = [], 0, 0
    for seed in seeds:
        rows, design = drawn_design(found, steps, seed)
        every = np.ones(len(rows), dtype=np.bool_)
        domains = Domains(every, np.zeros(len(rows), dtype=np.int64), 1)
        (one,) = estimate(design, Values("total", found.y[rows], every), domains, RULES)
        estimates.append(one.value or 0.0)
        if one.low is not None and one.high is not None:
            intervals += 1
            hits += one.low <= truth <= one.high
    values = np.array(estimates) / truth
    error = float(values.std(ddof=1)) / sqrt(len(values))
    return Result(float(values.mean()) - 1.0, error, hits / max(intervals, 1), intervals)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=900, help="of each design (900)")
    parser.add_argument("--design", nargs="*", help="some of them alone")
    options = parser.parse_args()
    print(f"{options.draws} draws of each design from {ROWS} rows; 95 % intervals of the total")
    print("| rounds | bias | coverage | intervals | |")
    print("| --- | --- | --- | --- | --- |")
    with population() as found:
        for name in options.design or DESIGNS:
            one = measure(found, DESIGNS[name], range(options.draws))
            print(
                f"| {name} | {100 * one.bias:+.1f} ± {100 * one.bias_error:.1f} % "
                f"| {100 * one.coverage:.1f} % | {one.intervals} "
                f"| {'met' if one.is_unbiased else 'MISSED'} |",
                flush=True,
            )
