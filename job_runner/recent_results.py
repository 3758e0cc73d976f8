"""Recent results in memory, since pages request the same rows, totals and explanations again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from parquet_tables.tables import Int64s
from sampling_engine import RowExplanation

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class LruCache(Generic[Key, Value]):
    """A thread-safe LRU cache of at most ``max_entries`` values that ``fits`` accepts."""

    def __init__(self, max_entries: int, fits: Callable[[Value], bool] = lambda _: True) -> None:
        self._max_entries, self._fits = max_entries, fits
        self._lock = threading.Lock()
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, compute: Callable[[], Value]) -> Value:
        """Return the cached value, else compute it."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        computed = compute()
        if not self._fits(computed):
            return computed
        with self._lock:
            self._values[key] = computed
            while len(self._values) > self._max_entries:
                self._values.popitem(last=False)
        return computed


@dataclass(frozen=True)
class RecentResults:
    """Results in memory that depend only on their key.

    Parameters
    ----------
    totals, ordinals : LruCache
        Row counts of filtered tables, and the rows of their pages.
    reserves, explained : LruCache
        Replacement rows, and explanations of rows; of a job.
    profiling : Lock
        Serialises profiles, so that concurrent requests share one computation.
    """

    totals: LruCache[tuple[str, ...], int] = field(default_factory=lambda: LruCache(1000))
    ordinals: LruCache[tuple[object, ...], Int64s] = field(default_factory=lambda: LruCache(200))
    reserves: LruCache[tuple[str, int, int], dict[str, Any]] = field(
        default_factory=lambda: LruCache(50, fits=lambda found: len(found["data"]) <= 2_000)
    )
    explained: LruCache[tuple[str, int], RowExplanation] = field(
        default_factory=lambda: LruCache(1000)
    )
    profiling: threading.Lock = field(default_factory=threading.Lock)
