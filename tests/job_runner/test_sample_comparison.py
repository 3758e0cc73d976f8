"""Faultless samples rarely differ significantly, whatever their design: the engine draws them.

``benchmarks.false_alarms`` does the same with 200 draws of each of more designs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import sampling_engine.reference
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
from service.tables.sample_weights import (
    READ_ROWS,
    counted_rounds,
    sample_columns,
    weighted_sample,
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
    population: TableFiles | None = None
    """The table that samples are compared with, if it isn't the one that they are drawn from."""

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
        found = reference_of(self.database, self.population or self.table, counts_dir=self.root)
        size = math.inf if found.is_whole else float(found.table.row_count)
        base = ComparedTable(found.table, size, rows=found.rows)
        side = replace(side, drawn_from_base=True)
        found = compare_tables(self.database, base, side, purpose="sample")
        structure = found.structure
        assert (structure.only_in_base, structure.only_in_other, found.not_compared) == ((), (), ())
        return found


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    root = tmp_path_factory.mktemp("designs")
    with ParquetDatabase(root, root / "spill", memory_mb=256, threads=1) as database:
        yield Stage(database, root, _table(database, TABLE, root / "table.parquet"))


def _table(database: ParquetDatabase, query: str, path: Path) -> TableFiles:
    with database.cursor() as cursor:
        file = write_parquet(cursor, query, [], path)
        return TableFiles(read_columns(cursor, path), (file,))


def test_faultless_samples_rarely_differ(stage: Stage) -> None:
    alarms = Counter(
        design
        for design, methods in DESIGNS.items()
        for seed in range(DRAWS)
        if stage.compare(str(seed), *methods).significant
    )
    assert alarms.total() <= 0.05 * DRAWS * len(DESIGNS), alarms
    assert max(alarms.values(), default=0) <= 0.1 * DRAWS, alarms


TEXTS = """
SELECT 'R' || lpad(range::VARCHAR, 7, '0') AS key,
       'D' || hash(range // 2) AS twice,
       'I' || (hash(range * 3) % 1000) AS many_times,
       'vendor ' || (hash(range * 5) % 300) || ' pays ' || (hash(range * 7) % 1000) AS free_text,
       CASE WHEN hash(range * 17) % 10 < 6 THEN 'none' ELSE 'K' || range END AS mostly_none,
       'supplier ' || floor(sqrt(hash(range * 13) % 10000)) AS supplier,
       CASE WHEN hash(range * 11) % 100 < 90 THEN 'north' ELSE 'south' END AS region,
       1 + hash(range * 19) % 50 AS weight
FROM range(12000)
"""
OF_LARGE: list[Method] = [
    RandomMethod(sample_size=50),
    RandomMethod(sample_size=500),
    StratifiedMethod(strata_columns=("region",), sample_size=400, allocation="equal"),
    WeightedMethod(sample_size=300, weight_column="weight"),
]


@pytest.fixture
def large(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A table that is compared by a reference of a sixth of its rows, as one of 600,000 rows is."""
    monkeypatch.setattr(sampling_engine.reference, "WHOLE_ROWS", 4000)
    monkeypatch.setattr(sampling_engine.reference, "DRAWN_ROWS", 2000)
    return replace(stage, table=_table(stage.database, TEXTS, stage.root / "texts.parquet"))


def test_keys_and_free_texts_of_a_large_table_rarely_differ(large: Stage) -> None:
    """A row can be in the sample and in the reference, so that its key is there twice."""
    alarms = Counter(
        column.name
        for method in OF_LARGE
        for seed in range(3)
        for column in large.compare(str(seed), method).significant
    )
    assert alarms.total() <= 1, alarms
    key = next(one for one in large.compare("1", OF_LARGE[0]).columns if one.name == "key")
    assert (key.distance.distance, key.distance.parts, key.distance.p_value) == (0, (), 1)


@pytest.mark.parametrize(
    ("drawn_from", "column"),
    [
        ("SELECT * FROM ({}) WHERE substring(supplier, 10)::DOUBLE < 85", "supplier"),
        ("SELECT * REPLACE (if(hash(key) % 20 = 0, 'K1', key) AS key) FROM ({})", "key"),
        ("SELECT * FROM ({}) WHERE mostly_none = 'none' OR hash(key) % 4 = 0", "mostly_none"),
    ],
)
def test_other_texts_than_in_a_large_table_differ(
    large: Stage, drawn_from: str, column: str
) -> None:
    part = _table(large.database, drawn_from.format(TEXTS), large.root / "part.parquet")
    bad = replace(large, table=part, population=large.table)
    found = bad.compare("1", RandomMethod(sample_size=500))
    assert [one.name for one in found.significant] == [column]


def test_a_random_part_of_a_large_sample_is_read(stage: Stage) -> None:
    query = "SELECT range AS id, hash(range) % 5 AS kind FROM range(260000)"
    table = _table(stage.database, query, stage.root / "large.parquet")
    one = Round(round_number=1, method=RandomMethod(sample_size=250_000), seed=1)
    path = stage.root / "drawn.parquet"
    drawn = draw_sample(stage.database, table, [one], table_key="primary", destination=path)
    counted = counted_rounds([one], [drawn.rounds[0].as_json()])
    columns, to = sample_columns(table, counted), stage.root / "side.parquet"
    side = weighted_sample(stage.database, drawn.table, columns, counted, to, ignore_progress)
    assert side.table.row_count == pytest.approx(READ_ROWS, rel=0.02)
    base = ComparedTable(table)
    assert not compare_tables(stage.database, base, side, purpose="sample").significant
