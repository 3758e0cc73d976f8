"""What was computed from the database, kept until the next commit.

Invariant: a value is found only while the database has the version that it was kept for. Used for
whom a token stands for, and for answers that many clients ask for again and again.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Values of one version of the database.

    Parameters
    ----------
    most : int
        How many are kept; the oldest makes room.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._of_version: tuple[int, dict[Hashable, Value]] = (-1, {})

    def get(self, version: int, key: Hashable) -> Value | None:
        """The value, if it was kept at this version."""
        kept_at, values = self._of_version
        return values.get(key) if kept_at == version else None

    def keep(self, version: int, key: Hashable, value: Value) -> None:
        """Keep what was computed after the database had this version."""
        with self._lock:
            kept_at, values = self._of_version
            if kept_at > version:
                return  # it took so long that others have newer ones
            if kept_at < version:
                values = {}
                self._of_version = (version, values)
            while len(values) >= self._most:
                del values[next(iter(values))]  # the oldest
            values[key] = value
