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

MAX_CACHED_ROWS = 2_000


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


def _few_rows(page: dict[str, Any]) -> bool:
    return len(page["data"]) <= MAX_CACHED_ROWS


@dataclass(frozen=True)
class RecentResults:
    """The caches of a running service.

    Parameters
    ----------
    view_totals, view_ordinals : LruCache
        The rows of a filtered view, and the row numbers of a page.
    reserves, explanations : LruCache
        The next rows of a round, and the explanations of rows.
    """

    view_totals: LruCache[tuple[str, ...], int] = field(default_factory=lambda: LruCache(1000))
    view_ordinals: LruCache[tuple[object, ...], Int64s] = field(
        default_factory=lambda: LruCache(200)
    )
    reserves: LruCache[tuple[str, int, int], dict[str, Any]] = field(
        default_factory=lambda: LruCache(50, _few_rows)
    )
    explanations: LruCache[tuple[str, int], RowExplanation] = field(
        default_factory=lambda: LruCache(1000)
    )
