"""The seeded order against its known answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sampling_engine import SeededOrder

VECTORS = json.loads((Path(__file__).parent / "order-vectors.json").read_text("utf-8"))


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
