"""The seeded order: known answers, the bijection, the same numbers from SQL and plain Python."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling_engine import SeededOrder, new_seed
from sampling_engine.selection.order import rank_steps
from tests.sampling_engine import plain_draw
from tests.sampling_engine.conftest import Workshop

VECTORS = json.loads((Path(__file__).parent / "order-vectors.json").read_text("utf-8"))
SEEDS = st.integers(-(1 << 63), (1 << 63) - 1) | st.text(max_size=20).filter(
    lambda text: text.isprintable()
)


@pytest.mark.parametrize("seed", VECTORS["keys"])
def test_round_keys_are_the_known_ones(seed: str) -> None:
    assert list(SeededOrder(10, seed).keys) == VECTORS["keys"][seed]


@pytest.mark.parametrize("known", VECTORS["first"], ids=lambda k: f"{k['rows']}-{k['seed']}")
def test_order_begins_with_the_known_rows(known: dict[str, object]) -> None:
    rows, seed, expected = known["rows"], known["seed"], known["ordinals"]
    assert isinstance(rows, int)
    assert isinstance(seed, int | str)
    assert isinstance(expected, list)
    order = SeededOrder(rows, seed)
    assert order.bits == known["bits"]
    assert order.first(len(expected)).tolist() == expected
    last = np.array([rows - 1], dtype=np.int64)
    assert order.rank(last).tolist() == [known["rank_of_last_row"]]
    assert order.ordinal(order.rank(last)).tolist() == [rows - 1]


def test_order_is_a_permutation_of_all_ranks() -> None:
    order = SeededOrder(70_000, "any")
    everything = np.arange(order.size, dtype=np.int64)
    assert order.size == 1 << 18
    assert (np.sort(order.rank(everything)) == everything).all()


def test_ranks_of_62_bits_are_the_known_ones(workshop: Workshop) -> None:
    order = SeededOrder(400_000, 42, 62)
    ordinals = np.array([0, 1, 2, 17, 336_775])
    known = [
        1603393778942573867,
        3227275163367357909,
        3025013327142687244,
        767741588850359571,
        3337272768645913212,
    ]
    assert order.rank(ordinals).tolist() == known
    assert order.ordinal(np.array(known)).tolist() == ordinals.tolist()
    assert [plain_draw.rank_of(at, 0, 42, bits=62) for at in ordinals.tolist()] == known
    steps, ranked = rank_steps(order, "given_rows", [])
    with workshop.database.cursor() as cursor:
        cursor.register("given_rows", {"ordinal": ordinals})
        sql = f"WITH {', '.join(steps)} SELECT rank FROM {ranked} ORDER BY ordinal"
        assert cursor.execute(sql).fetchnumpy()["rank"].tolist() == known


@pytest.mark.parametrize("width", [None, 62])
@pytest.mark.parametrize("limit", [0, 1, 4_321, 1 << 16, 1 << 55, 1 << 62])
def test_rows_of_low_rank_are_those_of_all_ranks(width: int | None, limit: int) -> None:
    order = SeededOrder(200_000, "low", width)
    limit = min(limit, order.size)
    ordinals, ranks = order.ranked_below(3, 180_001, limit)
    everything = np.arange(3, 180_001)
    below = order.rank(everything) < limit
    assert (ordinals == everything[below]).all()
    assert (ranks == order.rank(everything)[below]).all()
    some = everything[::3]
    ordinals, ranks = order.among_below(some, limit)
    assert (ordinals == some[below[::3]]).all()
    assert (ranks == order.rank(ordinals)).all()


@given(rows=st.integers(1, 1 << 62), seed=SEEDS, data=st.data())
@settings(max_examples=60, deadline=None)
def test_rank_is_undone_by_ordinal_and_agrees_with_plain_integers(
    rows: int, seed: int | str, data: st.DataObject
) -> None:
    order = SeededOrder(rows, seed)
    ordinals = np.array(data.draw(st.lists(st.integers(0, rows - 1), min_size=1, max_size=20)))
    ranks = order.rank(ordinals)
    assert (order.ordinal(ranks) == ordinals).all()
    assert ranks.tolist() == [plain_draw.rank_of(int(at), rows, seed) for at in ordinals]


@pytest.mark.parametrize("rows", [1, 20, 65_536, 65_537, 10**12, 1 << 62])
def test_rank_in_sql_is_the_rank_in_numpy(workshop: Workshop, rows: int) -> None:
    order = SeededOrder(rows, "sql")
    ordinals = np.linspace(0, rows - 1, 500).astype(np.int64).clip(0, rows - 1)
    steps, ranked = rank_steps(order, "given_rows", ["label"])
    with workshop.database.cursor() as cursor:
        cursor.register("given_rows", {"ordinal": ordinals, "label": np.arange(500)})
        sql = f"WITH {', '.join(steps)} SELECT label, rank FROM {ranked} ORDER BY label"
        assert cursor.execute(sql).fetchnumpy()["rank"].tolist() == order.rank(ordinals).tolist()


def test_first_rows_are_those_of_the_lowest_ranks_and_never_more_than_there_are() -> None:
    order = SeededOrder(5_000, 3)
    by_rank = np.argsort(order.rank(np.arange(5_000)))
    assert (order.first(321) == by_rank[:321]).all()
    assert (order.first(9_999) == by_rank).all()
    assert order.first(0).tolist() == []
    assert SeededOrder(0, 3).first(10).tolist() == []


def test_an_integer_is_the_same_seed_as_its_text_and_zero_is_a_seed() -> None:
    assert SeededOrder(99, -7).keys == SeededOrder(99, "-7").keys
    assert len({SeededOrder(99, seed).keys for seed in (0, "", 1, "00")}) == 4


def test_new_seeds_differ_and_are_exact_in_javascript() -> None:
    seeds = {new_seed() for _ in range(100)}
    assert len(seeds) == 100
    assert all(0 <= seed < 1 << 53 for seed in seeds)


@pytest.mark.parametrize("rows", [-1, (1 << 62) + 1])
def test_an_order_of_impossible_size_is_refused(rows: int) -> None:
    with pytest.raises(ValueError, match="An order has 0 to"):
        SeededOrder(rows, 1)
