"""How the rows of several rounds count: exactly, and on average over many draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parquet_tables.database import ParquetDatabase
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
from service.tables.sample_weights import counted_rounds

ROWS = 600


@dataclass
class Stage:
    database: ParquetDatabase
    root: Path
    table: TableFiles

    def round(self, number: int, method: Method, seed: int, where: str | None = None) -> Round:
        chosen = None if where is None else parse_expression(where, self.table)
        return Round(round_number=number, method=method, seed=seed, filter=chosen)

    def weights(self, *rounds: Round) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """The drawn ids and what each counts."""
        path = self.root / "sample.parquet"
        drawn = draw_sample(self.database, self.table, rounds, table_key="t", destination=path)
        results = [one.as_json() for one in drawn.rounds]
        sql, params = counted_rounds(rounds, results).weight("f")
        with self.database.cursor() as cursor:
            found = cursor.execute(
                f"SELECT id, {sql} AS w FROM read_parquet(?) AS f", [*params, str(path)]
            ).fetchnumpy()
        path.unlink()
        return np.asarray(found["id"]), np.asarray(found["w"], dtype=np.float64)


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


def test_a_round_of_some_strata_alone_does_not_speak_for_all(stage: Stage) -> None:
    some = StratifiedMethod(strata_columns=("kind",), sizes={"0": 30})
    first = stage.round(1, RandomMethod(sample_size=60), 1)
    _, weights = stage.weights(first, stage.round(2, some, 2))
    assert sorted(weights) == pytest.approx([0.0] * 30 + [10.0] * 60)
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
    ids, chance, draws = np.arange(ROWS), np.random.default_rng(11), 2000
    passes = {
        None: ids >= 0,
        "id < 400": ids < 400,
        "kind IN (1, 2)": np.isin(ids % 4, [1, 2]),
        "id < 100": ids < 100,
        "id >= 400": ids >= 400,
        "kind = 1": ids % 4 == 1,
        "id < 300 AND kind < 2": (ids < 300) & (ids % 4 < 2),
    }
    drawn: list[tuple[Any, int, float]] = []
    for _ in range(draws):
        left = ids >= 0
        for at, (where, size) in enumerate(DESIGNS[design], 1):
            eligible = np.flatnonzero(passes[where] & left)
            chosen = chance.choice(eligible, size, replace=False)
            left[chosen] = False
            drawn.append((chosen, at, len(eligible) / size))
    rounds = [
        stage.round(at, RandomMethod(sample_size=size), 1, where)
        for at, (where, size) in enumerate(DESIGNS[design], 1)
    ]
    results = [
        {"round_number": at, "rows_sampled": len(chosen), "eligible_rows": weight * len(chosen)}
        for chosen, at, weight in drawn[: len(rounds)]
    ]
    sql, params = counted_rounds(rounds, results).weight("f")
    id_ = np.concatenate([chosen for chosen, _, _ in drawn])
    columns = {
        "id": id_,
        "kind": id_ % 4,
        "_sampling_round": np.concatenate([np.full(len(one), at) for one, at, _ in drawn]),
        "_design_weight": np.concatenate([np.full(len(one), w) for one, _, w in drawn]),
    }
    with stage.database.cursor() as cursor:
        cursor.register("many", columns)
        found = cursor.execute(f"SELECT {sql} AS w FROM many AS f", params).fetchnumpy()
    counted = np.bincount(id_, np.asarray(found["w"], dtype=np.float64), ROWS) / draws
    population = np.any([passes[where] for where, _ in DESIGNS[design]], axis=0)
    assert not counted[~population].any()
    for part in (ids % 4 == 1, ids < 100, (ids >= 400) & (ids % 4 > 1), ids >= 0):
        assert counted[part & population].mean() == pytest.approx(1, abs=0.03)


def test_rows_of_a_cluster_have_its_number(stage: Stage) -> None:
    rounds = [
        stage.round(1, ClusterMethod(cluster_column="block", num_clusters=3), 1),
        stage.round(2, RandomMethod(sample_size=10), 2),
    ]
    path = stage.root / "clustered.parquet"
    drawn = draw_sample(stage.database, stage.table, rounds, table_key="t", destination=path)
    counted = counted_rounds(rounds, [one.as_json() for one in drawn.rounds])
    with stage.database.cursor() as cursor:
        found = cursor.execute(
            f"SELECT block, _sampling_round, {counted.cluster('f')} FROM read_parquet(?) AS f",
            [str(path)],
        ).fetchall()
    of_clusters = {(block, unit) for block, number, unit in found if number == 1}
    assert len(of_clusters) == 3
    others = [unit for _, number, unit in found if number == 2]
    assert len({*others, *(unit for _, unit in of_clusters)}) == 13
    plain = counted_rounds(rounds[1:], [drawn.rounds[1].as_json()])
    assert plain.cluster("f") is None
