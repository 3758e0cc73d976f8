"""Row diffs of tables in which keys repeat: true, as few as possible, and the same in any order."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any

import pytest

from parquet_tables.database import ParquetDatabase
from profiling_engine.comparison import repeated_keys
from profiling_engine.comparison.row_diff import DiffedRows
from tests.profiling_engine.test_row_diff import Stage
from tests.support.nightly import amount

Cells = tuple[Any, ...]
SEEDS = amount(50, 300)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    root = tmp_path_factory.mktemp("repeated-keys")
    with ParquetDatabase(root, root / "spill", memory_mb=256, threads=2) as database:
        yield Stage(database, root)


def sql(rows: Sequence[Cells], type_: str = "BIGINT") -> str:
    """The query of a table of key, text and amount."""
    values = ", ".join(
        f"({', '.join('NULL' if v is None else repr(v) for v in row)})" for row in rows
    )
    typed = f"SELECT id::VARCHAR AS id, a::VARCHAR AS a, b::{type_} AS b"
    return f"{typed} FROM (VALUES {values or '(1, NULL, 1)'}) AS t(id, a, b)" + (
        "" if rows else " LIMIT 0"
    )


def diff(
    stage: Stage, before: Sequence[Cells], now: Sequence[Cells], type_: str = "BIGINT"
) -> tuple[DiffedRows, list[dict[str, Any]]]:
    tables = stage.table(sql(before)), stage.table(sql(now, type_))
    return stage.diff(*tables, "id", duplicates="number")


def random_rows(rng: random.Random) -> list[Cells]:
    return [
        (f"k{rng.randrange(6)}", rng.choice((None, "", "x", "y")), rng.choice((None, 0, 1, 2)))
        for _ in range(rng.randrange(14))
    ]


def changed_again(rng: random.Random, rows: Sequence[Cells]) -> list[Cells]:
    """The rows in another order: some left, some changed, some repeated, some new."""
    found = [row for row in rows if rng.random() > 0.2]
    found = [row if rng.random() > 0.3 else (*row[:2], rng.choice((0, 5))) for row in found]
    found += [row for row in rows if rng.random() < 0.15]
    found += random_rows(rng)[: rng.randrange(3)]
    rng.shuffle(found)
    return found


def applied(before: Sequence[Cells], rows: Sequence[dict[str, Any]]) -> Counter[Cells]:
    """The rows of the first table after the listed changes."""
    result = Counter(before)
    for row in rows:
        old, new = ((row["id"], row[f"a_{side}"], row[f"b_{side}"]) for side in ("before", "now"))
        if row["_change"] in ("removed", "changed"):
            assert result[old] > 0
            assert before[row["_row_before"]] == old
            result[old] -= 1
        if row["_change"] in ("added", "changed"):
            result[new] += 1
    return +result


def fewest(before: Sequence[Cells], now: Sequence[Cells]) -> tuple[int, int]:
    """The rows that any list of changes has at least, and the cells of the changed ones."""
    sides: list[dict[str, list[Cells]]] = [defaultdict(list), defaultdict(list)]
    both = Counter(before) & Counter(now)
    for side, rows in zip(sides, (before, now), strict=True):
        left = Counter(rows) - both
        for row in left.elements():
            side[row[0]].append(row)
    listed = cells = 0
    for key in sides[0].keys() | sides[1].keys():
        short, long = sorted((sides[0][key], sides[1][key]), key=len)
        listed += len(long)
        cells += min(
            sum(
                o != n
                for pair in zip(short, chosen, strict=True)
                for o, n in zip(*pair, strict=True)
            )
            for chosen in permutations(long, len(short))
        )
    return listed, cells


@pytest.mark.parametrize("seed", range(SEEDS))
def test_listed_changes_turn_the_first_table_into_the_second(stage: Stage, seed: int) -> None:
    rng = random.Random(seed)
    before = random_rows(rng)
    now = changed_again(rng, before)
    found, rows = diff(stage, before, now)
    assert applied(before, rows) == Counter(now)
    listed, cells = fewest(before, now)
    assert len(rows) == listed == found.added + found.removed + found.changed
    assert sum(column.changed for column in found.compared) == cells
    assert found.unchanged == sum((Counter(before) & Counter(now)).values())


@pytest.mark.parametrize("seed", range(10))
def test_the_order_of_the_tables_makes_no_difference(stage: Stage, seed: int) -> None:
    rng = random.Random(seed)
    before = random_rows(rng)
    now = changed_again(rng, before)

    def listed() -> Counter[Cells]:
        _, rows = diff(stage, before, now)
        places = ("_row_before", "_row_now")
        return Counter(tuple(v for name, v in row.items() if name not in places) for row in rows)

    first = listed()
    for rows in (before, now):
        rng.shuffle(rows)
    assert listed() == first


def test_keys_with_several_rows_are_counted_and_named(stage: Stage) -> None:
    before = [("d1", "x", 1), ("d1", "x", 1), ("d2", "y", 2), ("d3", "z", 3)]
    now = [("d3", "z", 3), ("d1", "x", 1), ("d2", "y", 2), ("d2", "y", 5), ("d1", "x", 7)]
    found, rows = diff(stage, before, now)
    assert found.repeated == repeated_keys.RepeatedKeys(2, 3, 4, ("d1", "d2"))
    listed = [(row["_change"], row["id"], row["b_before"], row["b_now"]) for row in rows]
    assert listed == [("changed", "d1", 1, 7), ("added", "d2", None, 5)]
    assert diff(stage, before[1:], before[1:])[0].repeated is None


def test_equal_rows_of_another_type_are_pairs(stage: Stage) -> None:
    before = [("d1", "x", value) for value in (3, 2, 1)]
    now = [("d1", "x", value) for value in (1, 2, 4)]
    for type_ in ("DOUBLE", "DECIMAL(9,2)", "VARCHAR"):
        found, rows = diff(stage, before, now, type_)
        assert (found.changed, found.unchanged) == (1, 2), type_
        assert (rows[0]["b_before"], int(rows[0]["b_now"])) == (3, 4)


def test_keys_of_very_many_rows_pair_in_order(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeated_keys, "MAX_PAIRS_OF_KEY", 5)
    before = [("d1", "x", value) for value in range(4)]
    now = [("d1", "x", value) for value in range(2, 7)]
    found, rows = diff(stage, before, now)
    assert applied(before, rows) == Counter(now)
    assert (found.changed, found.added, found.removed, found.unchanged) == (2, 1, 0, 2)
