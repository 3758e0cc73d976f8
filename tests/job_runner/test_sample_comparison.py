"""Faultless samples rarely differ significantly, whatever their design: the engine draws them.

``benchmarks.false_alarms`` does the same with 200 draws of each of more designs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from job_runner.tables.sample_weights import (
    READ_ROWS,
    counted_rounds,
    sample_columns,
    weighted_sample,
)
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
)

ROWS = 6000
TABLE = f"""
SELECT range AS id,
       exp((hash(range * 7) % 10000) / 2500) AS amount,
       CASE WHEN hash(range * 11) % 100 < 60 THEN 'north' WHEN hash(range * 11) % 100 < 85
            THEN 'south' WHEN hash(range * 11) % 100 < 97 THEN 'east' ELSE 'west' END AS region,
       CASE WHEN hash(range * 11) % 100 < 60 THEN 'kind ' || hash(range * 13) % 6 END AS only_north,
       range // 40 AS block
FROM range({ROWS})
"""
DESIGNS: dict[str, list[Method]] = {
    "random": [RandomMethod(sample_size=150)],
    "stratified, equal allocation": [
        StratifiedMethod(strata_columns=("region",), sample_size=200, allocation="equal")
    ],
    "systematic": [SystematicMethod(sample_size=150)],
    "clusters": [ClusterMethod(cluster_column="block", num_clusters=30)],
    "weighted": [WeightedMethod(sample_size=150, weight_column="amount")],
    "two rounds": [
        StratifiedMethod(strata_columns=("region",), samples_per_stratum=40),
        RandomMethod(sample_size=100),
    ],
}
DRAWS = 12


@dataclass
class Stage:
    database: ParquetDatabase
    root: Path
    table: TableFiles

    def compare(self, seed: str, *methods: Method) -> TableComparison:
        rounds = [
            Round(round_number=at, method=method, seed=f"{seed} {at}")
            for at, method in enumerate(methods, 1)
        ]
        drawn = draw_sample(
            self.database,
            self.table,
            rounds,
            table_key="primary",
            destination=self.root / "drawn.parquet",
            counts_dir=self.root,
        )
        counted = counted_rounds(rounds, [one.as_json() for one in drawn.rounds])
        columns = sample_columns(self.table, counted)
        path = self.root / "side.parquet"
        side = weighted_sample(self.database, drawn.table, columns, counted, path, ignore_progress)
        base, side = ComparedTable(self.table), replace(side, drawn_from_base=True)
        found = compare_tables(self.database, base, side, purpose="sample")
        structure = found.structure
        assert (structure.only_in_base, structure.only_in_other, found.not_compared) == ((), (), ())
        return found


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    root = tmp_path_factory.mktemp("designs")
    with ParquetDatabase(root, root / "spill", memory_mb=256, threads=1) as database:
        with database.cursor() as cursor:
            file = write_parquet(cursor, TABLE, [], root / "table.parquet")
            columns = read_columns(cursor, file.path)
        yield Stage(database, root, TableFiles(columns, (file,)))


def test_faultless_samples_rarely_differ(stage: Stage) -> None:
    alarms = Counter(
        design
        for design, methods in DESIGNS.items()
        for seed in range(DRAWS)
        if stage.compare(str(seed), *methods).significant
    )
    assert alarms.total() <= 0.05 * DRAWS * len(DESIGNS), alarms
    assert max(alarms.values(), default=0) <= 0.1 * DRAWS, alarms


def test_a_random_part_of_a_large_sample_is_read(stage: Stage) -> None:
    with stage.database.cursor() as cursor:
        query = "SELECT range AS id, hash(range) % 5 AS kind FROM range(260000)"
        file = write_parquet(cursor, query, [], stage.root / "large.parquet")
        table = TableFiles(read_columns(cursor, file.path), (file,))
    one = Round(round_number=1, method=RandomMethod(sample_size=250_000), seed=1)
    path = stage.root / "drawn.parquet"
    drawn = draw_sample(stage.database, table, [one], table_key="primary", destination=path)
    counted = counted_rounds([one], [drawn.rounds[0].as_json()])
    columns, to = sample_columns(table, counted), stage.root / "side.parquet"
    side = weighted_sample(stage.database, drawn.table, columns, counted, to, ignore_progress)
    assert side.table.row_count == pytest.approx(READ_ROWS, rel=0.02)
    base = ComparedTable(table)
    assert not compare_tables(stage.database, base, side, purpose="sample").significant
