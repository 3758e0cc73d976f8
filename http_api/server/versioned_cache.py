"""A cache of values computed from the database, valid until the next commit.

Guarantees that a value is found only at the database version that it was computed for. Used for
token holders.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class VersionedCache(Generic[Value]):
    """Values of one database version.

    Parameters
    ----------
    max_values : int
        The cache drops its oldest value beyond this number.
    """

    def __init__(self, max_values: int) -> None:
        self._max_values = max_values
        self._lock = threading.Lock()
        self._cached: tuple[int, dict[Hashable, Value]] = (-1, {})

    def get(self, version: int, key: Hashable) -> Value | None:
        """Return the value cached for this version, or None."""
        cached_version, values = self._cached
        return values.get(key) if cached_version == version else None

    def put(self, version: int, key: Hashable, value: Value) -> None:
        """Cache a value that was computed after the database had this version."""
        with self._lock:
            cached_version, values = self._cached
            if cached_version > version:
                return  # a slow computation: the cache already serves a newer version
            if cached_version < version:
                values = {}
                self._cached = (version, values)
            while len(values) >= self._max_values:
                del values[next(iter(values))]  # the oldest
            values[key] = value
