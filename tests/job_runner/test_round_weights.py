"""How the rows of several rounds count in a comparison: exactly, and on average."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ignore_progress
from parquet_tables.tables import TableFiles
from parquet_tables.writing import read_columns, write_parquet
from sampling_engine import (
    ClusterMethod,
    Method,
    RandomMethod,
    Round,
    StratifiedMethod,
    draw_sample,
)
from sampling_engine.filters import parse_expression
from service.tables.sample_design import design_of_draw
from service.tables.sample_weights import weighted_sample

ROWS = 600


@dataclass
class Stage:
    database: ParquetDatabase
    root: Path
    table: TableFiles

    def round(self, number: int, method: Method, seed: int, where: str | None = None) -> Round:
        chosen = None if where is None else parse_expression(where, self.table)
        return Round(round_number=number, method=method, seed=seed, filter=chosen)

    def compared(self, *rounds: Round) -> dict[str, np.ndarray[Any, Any]]:
        """The drawn rows with their weights and clusters, as a comparison reads them."""
        path = self.root / "sample.parquet"
        drawn = draw_sample(self.database, self.table, rounds, table_key="t", destination=path)
        design = None
        if len(rounds) > 1:
            results = [result.as_json() for result in drawn.rounds]
            design = design_of_draw(
                self.database, self.table, rounds, results, counts_dir=self.root
            )
        to = self.root / "compared.parquet"
        side = weighted_sample(
            self.database, drawn.table, self.table, rounds, design, to, ignore_progress
        )
        with self.database.cursor() as cursor:
            found = cursor.execute("FROM read_parquet(?)", [side.table.paths]).fetchnumpy()
        path.unlink()
        return {name: np.asarray(values) for name, values in found.items()}

    def weights(self, *rounds: Round) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """The drawn ids and what each counts."""
        found = self.compared(*rounds)
        return found["id"], found["_weight"]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    root = tmp_path_factory.mktemp("rounds")
    query = f"SELECT range AS id, range % 4 AS kind, range // 20 AS block FROM range({ROWS})"
    with ParquetDatabase(root, root / "spill", memory_mb=128, threads=1) as database:
        with database.cursor() as cursor:
            file = write_parquet(cursor, query, [], root / "table.parquet")
            columns = read_columns(cursor, file.path)
        yield Stage(database, root, TableFiles(columns, (file,)))


def test_one_round_counts_by_its_design_weights(stage: Stage) -> None:
    _, weights = stage.weights(stage.round(1, RandomMethod(sample_size=60), 1))
    assert weights == pytest.approx(np.full(60, 10.0))


@pytest.mark.parametrize("sizes", [(60, 120), (10, 590), (600, 5)])
def test_random_rounds_count_as_if_drawn_at_once(stage: Stage, sizes: tuple[int, int]) -> None:
    rounds = [
        stage.round(at, RandomMethod(sample_size=size), at) for at, size in enumerate(sizes, 1)
    ]
    _, weights = stage.weights(*rounds)
    assert weights == pytest.approx(np.full(len(weights), ROWS / len(weights)))


def test_rows_taken_for_certain_first_count_for_themselves(stage: Stage) -> None:
    everything = stage.round(1, RandomMethod(sample_fraction=1.0), 1, "id >= 500")
    ids, weights = stage.weights(everything, stage.round(2, RandomMethod(sample_size=50), 2))
    assert weights[ids >= 500] == pytest.approx(np.ones(100))
    assert weights[ids < 500] == pytest.approx(np.full(50, 10.0))


def test_a_targeted_round_counts_where_it_drew_and_nowhere_else(stage: Stage) -> None:
    whole = stage.round(1, RandomMethod(sample_size=60), 1)
    more = stage.round(2, RandomMethod(sample_size=40), 2, "kind = 3")
    ids, weights = stage.weights(whole, more)
    assert weights[ids % 4 != 3] == pytest.approx(np.full((ids % 4 != 3).sum(), 10.0))
    of_kind = weights[ids % 4 == 3]
    assert len(of_kind) > 40
    assert of_kind.max() < 6


def test_a_round_of_some_strata_counts_in_them_alone(stage: Stage) -> None:
    """By n/(N(N - n)) its share is nine times that of the round of all rows."""
    some = StratifiedMethod(strata_columns=("kind",), sizes={"0": 30})
    ids, weights = stage.weights(
        stage.round(1, RandomMethod(sample_size=60), 1), stage.round(2, some, 2)
    )
    others, of_kind = weights[ids % 4 != 0], np.sort(weights[ids % 4 == 0])
    assert others == pytest.approx(np.full(len(others), 10.0))
    of_first = len(of_kind) - 30
    left = (150 - of_first) / 30
    assert of_kind[:of_first] == pytest.approx(np.full(of_first, 0.1 * 10 + 0.9))
    assert of_kind[of_first:] == pytest.approx(np.full(30, 0.9 * left))
    ids, weights = stage.weights(stage.round(1, some, 2))
    assert set(ids % 4) == {0}
    assert weights == pytest.approx(np.full(30, 5.0))


DESIGNS: dict[str, list[tuple[str | None, int]]] = {
    "two filters that overlap": [("id < 400", 40), ("kind IN (1, 2)", 50)],
    "two filters apart": [("id < 100", 20), ("id >= 400", 60)],
    "all, then two parts": [(None, 30), ("kind = 1", 30), ("id < 300 AND kind < 2", 25)],
}


@pytest.mark.parametrize("design", DESIGNS)
def test_over_many_draws_every_row_of_the_population_counts_once(stage: Stage, design: str) -> None:
    """The weights of a part of the rows by its rows, within three standard errors."""
    ids, counted = np.arange(ROWS), np.zeros((60, ROWS))
    for seed in range(len(counted)):
        drawn, weights = stage.weights(
            *(
                stage.round(number, RandomMethod(sample_size=size), 10 * seed + number, where)
                for number, (where, size) in enumerate(DESIGNS[design], 1)
            )
        )
        counted[seed] = np.bincount(drawn, weights, ROWS)
    passes = {
        None: ids >= 0,
        "id < 400": ids < 400,
        "kind IN (1, 2)": np.isin(ids % 4, [1, 2]),
        "id < 100": ids < 100,
        "id >= 400": ids >= 400,
        "kind = 1": ids % 4 == 1,
        "id < 300 AND kind < 2": (ids < 300) & (ids % 4 < 2),
    }
    population = np.any([passes[where] for where, _ in DESIGNS[design]], axis=0)
    assert not counted[:, ~population].any()
    for part in (ids % 4 == 1, ids < 100, (ids >= 400) & (ids % 4 > 1), ids >= 0):
        means = counted[:, part & population].mean(axis=1)
        assert means.mean() == pytest.approx(1, abs=3 * means.std() / len(counted) ** 0.5 + 1e-9)


def test_rows_of_a_cluster_have_its_number(stage: Stage) -> None:
    clusters = stage.round(1, ClusterMethod(cluster_column="block", num_clusters=3), 1)
    found = stage.compared(clusters, stage.round(2, RandomMethod(sample_size=10), 2))
    units, rows = np.unique(found["_cluster"], return_counts=True)
    assert sorted(rows) == [1] * 10 + [20] * 3
    for unit in units[rows == 20]:
        assert len(set(found["block"][found["_cluster"] == unit])) == 1
    alone = stage.compared(clusters)
    assert len(set(zip(alone["block"], alone["_cluster"], strict=True))) == 3
    assert "_cluster" not in stage.compared(stage.round(1, RandomMethod(sample_size=10), 2))
