"""What was found lately of things that never change, kept in memory.

Invariant: a value is a function of its key alone, such as the rows of a commit's table or of a
finished draw, so it holds for good; those not asked for longest are forgotten first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Values by key.

    Parameters
    ----------
    most : int
        How many are kept.
    fits : callable, optional
        Whether a value is small enough to be kept; every one is when left out.
    """

    def __init__(self, most: int, fits: Callable[[Value], bool] = lambda _: True) -> None:
        self._most, self._fits = most, fits
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, find: Callable[[], Value]) -> Value:
        """The value that is kept, else what ``find`` finds; what it raises is raised."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = find()
        if not self._fits(found):
            return found
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found
