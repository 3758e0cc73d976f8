"""How often a faultless sample differs significantly from its population, and a bad one doesn't.

The engine draws every sample, by another seed, and it is compared as a job's sample is: with the
weights of its rounds, with the whole table or, for the large one with keys and texts, with its
reference. The goal is at most 2.5 % of false alarms in 200 draws of each design, where 1 % is
expected. A bad sample is a faultless draw from a part of the table, as if a file held the first
rows only.

    python -m benchmarks.false_alarms [--draws 200] [--design NAME ...]
"""

from __future__ import annotations

import argparse
import math
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.figures import print_goal
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ignore_progress
from parquet_tables.tables import TableFiles
from parquet_tables.writing import read_columns, write_parquet
from profiling_engine.comparison.compared_table import ComparedTable
from profiling_engine.comparison.comparison import TableComparison, compare_tables
from sampling_engine import (
    ClusterMethod,
    Method,
    RandomMethod,
    Round,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
    draw_sample,
    reference_of,
)
from sampling_engine.filters import parse_expression
from service.tables.sample_weights import counted_rounds, sample_columns, weighted_sample

ALARMS_GOAL, MISSED_GOAL = 2.5, 5.0
ROWS, LARGE_ROWS = 20_000, 300_000
COLUMNS = """
SELECT range AS id,
       DATE '2020-01-01' + CAST(range // 20 AS INTEGER) AS day,
       exp((hash(range * 7) % 10000) / 2000) AS amount,
       (hash(range * 3) % 1000) / 10 AS evenly,
       CAST(floor(ln(1 + hash(range * 19) % 3000)) AS INTEGER) AS few,
       CASE WHEN hash(range * 11) % 100 < 60 THEN 'north' WHEN hash(range * 11) % 100 < 85
            THEN 'south' WHEN hash(range * 11) % 100 < 97 THEN 'east' ELSE 'west' END AS region,
       CASE WHEN hash(range * 11) % 100 < 60 THEN 'kind ' || hash(range * 13) % 6 END AS only_north,
       CASE WHEN hash(range * 17) % 10 < 3 THEN NULL ELSE hash(range * 23) % 50 END AS holes,
       hash(range * 29) % 8 = 0 AS flag,
       range // 40 AS block,
       hash(range // 40) % 30 + hash(range * 31) % 3 AS alike_in_block
"""
TEXTS = """,
       'R' || lpad(range::VARCHAR, 7, '0') AS key,
       'D' || hash(range // 2) AS twice,
       'vendor ' || hash(range * 37) % 300 || ' pays ' || hash(range * 41) % 100000 AS free_text,
       CASE WHEN hash(range * 43) % 10 < 6 THEN 'none' ELSE 'K' || range END AS mostly_none
"""
"""Of the large table: a row is in both the sample and the reference, and so is its key."""
EQUAL = StratifiedMethod(strata_columns=("region",), sample_size=200, allocation="equal")

Rounds = tuple[tuple[Method, str | None], ...]
DESIGNS: dict[str, Rounds] = {
    "random, 50": ((RandomMethod(sample_size=50), None),),
    "random, 1000": ((RandomMethod(sample_size=1000), None),),
    "stratified, proportional": (
        (StratifiedMethod(strata_columns=("region",), sample_size=300), None),
    ),
    "stratified, equal": ((EQUAL, None),),
    "systematic": ((SystematicMethod(sample_size=300), None),),
    "clusters": ((ClusterMethod(cluster_column="block", num_clusters=40), None),),
    "clusters, 5 rows of each": (
        (ClusterMethod(cluster_column="block", num_clusters=60, samples_per_cluster=5), None),
    ),
    "weighted": ((WeightedMethod(sample_size=300, weight_column="amount"), None),),
    "stratified, then random": ((EQUAL, None), (RandomMethod(sample_size=200), None)),
    "the largest, then random": (
        (RandomMethod(sample_fraction=1.0), "amount > 140"),
        (RandomMethod(sample_size=200), None),
    ),
    "random, then more of one region": (
        (RandomMethod(sample_size=200), None),
        (RandomMethod(sample_size=100), "region = 'east'"),
    ),
    "of a part that passes a filter": ((RandomMethod(sample_size=200), "region <> 'north'"),),
}
FROM_LARGE: dict[str, Rounds] = {
    f"{name} of a large table": DESIGNS[name]
    for name in ("random, 50", "random, 1000", "stratified, equal", "weighted")
}
BAD = {
    "the first 1,000 rows": "id < 1000",
    "the first half": f"id < {ROWS // 2}",
    "without the region east": "region <> 'east'",
    "without the largest tenth": "amount < 90",
    "with half of the gaps": "holes IS NOT NULL OR hash(id) % 2 = 0",
}


@dataclass
class Stage:
    """A folder with the table, and draws from it."""

    database: ParquetDatabase
    root: Path

    def table(self, query: str, name: str) -> TableFiles:
        """A table of a query's rows."""
        with self.database.cursor() as cursor:
            file = write_parquet(cursor, query, [], self.root / f"{name}.parquet")
            return TableFiles(read_columns(cursor, file.path), (file,))

    def compare(
        self, drawn_from: TableFiles, population: TableFiles, seed: str, designed: Rounds
    ) -> TableComparison:
        """One draw, compared with what it is taken for a sample of."""
        rounds = [
            Round(
                round_number=at,
                method=method,
                seed=f"{seed} {at}",
                filter=None if where is None else parse_expression(where, drawn_from),
            )
            for at, (method, where) in enumerate(designed, 1)
        ]
        drawn = draw_sample(
            self.database,
            drawn_from,
            rounds,
            table_key="primary",
            destination=self.root / "drawn.parquet",
            counts_dir=self.root,
        )
        counted = counted_rounds(rounds, [one.as_json() for one in drawn.rounds])
        columns, path = sample_columns(drawn_from, counted), self.root / "side.parquet"
        side = weighted_sample(self.database, drawn.table, columns, counted, path, ignore_progress)
        found = reference_of(self.database, population, counted.population, counts_dir=self.root)
        size = math.inf if found.is_whole else float(found.table.row_count)
        base = ComparedTable(found.table, size, rows=found.rows)
        side = replace(side, drawn_from_base=True)
        return compare_tables(self.database, base, side, purpose="sample")


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=200, help="of each design (200)")
    parser.add_argument("--design", nargs="*", help="some of them alone")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        ParquetDatabase(Path(folder), Path(folder) / "spill", memory_mb=512, threads=1) as database,
    ):
        stage = Stage(database, Path(folder))
        population = stage.table(f"{COLUMNS} FROM range({ROWS})", "population")
        wanted = options.design or [*DESIGNS, *FROM_LARGE, *BAD]
        print(f"{options.draws} draws of each design, {len(population.columns)} columns")
        for name in wanted:
            drawn_from, compared_with = population, population
            designed = {**DESIGNS, **FROM_LARGE}.get(name, DESIGNS["random, 1000"])
            if name in FROM_LARGE:
                query = f"{COLUMNS}{TEXTS} FROM range({LARGE_ROWS})"
                drawn_from = compared_with = stage.table(query, "large")
            elif name in BAD:
                query = f"FROM read_parquet('{population.files[0].path}') WHERE {BAD[name]}"
                drawn_from = stage.table(query, "part")
            out = sum(
                bool(stage.compare(drawn_from, compared_with, f"{seed}", designed).significant)
                for seed in range(options.draws)
            )
            share = 100 * out / options.draws
            if name in BAD:
                print_goal(f"{name}, missed", 100 - share, "%", most=MISSED_GOAL)
            else:
                print_goal(f"{name}, false alarms", share, "%", most=ALARMS_GOAL)


if __name__ == "__main__":
    main()
