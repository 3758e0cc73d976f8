"""The ranks of a small table by many seeds, in one array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sampling_engine import Seed, SeededOrder
from sampling_engine.selection.order import Int64s


def ranks_by_seed(rows: int, seeds: Sequence[Seed], width: int | None = None) -> Int64s:
    """Every row's rank, shape (seeds, rows): the engine's network with a key for each seed."""
    orders = [SeededOrder(rows, seed, width) for seed in seeds]
    of_round = np.array([order.keys for order in orders], dtype=np.uint32).T[:, :, None]
    halves = orders[0]._halves(np.tile(np.arange(rows), (len(orders), 1)))
    upper, lower = orders[0]._run_rounds(*halves, tuple(of_round))
    ranks: Int64s = (upper.astype(np.int64) << orders[0].bits // 2) | lower
    return ranks


def orders_by_seed(rows: int, seeds: Sequence[Seed]) -> Int64s:
    """The ordinals in order of rank, shape (seeds, rows)."""
    return np.argsort(ranks_by_seed(rows, seeds), axis=1)
