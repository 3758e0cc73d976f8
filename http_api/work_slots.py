"""How much heavy work requests may wait for at the same time.

Owns: the slots, of SQL queries and of looks at files. Invariants: what a request waits for holds
one of the server's threads and memory beside it, so few of a kind are done at once; whoever finds
no slot free for a moment is told to come again. Nobody holds all slots while others miss one.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from flask import current_app

from domain_errors import DomainError
from http_api.access import user
from job_runner.settings import Settings

SLOTS = "jobsvc.work_slots"
WAIT_S = 1.0
PREVIEWS_AT_ONCE = 2
LEFT_FOR_S = 60.0
"""How long a slot is left for who found none, and may come again."""


class TooManyQueries(DomainError):
    """All queries that may run at once do."""

    code = "too_many_queries"
    retry_after_s = 2


class TooManyPreviews(DomainError):
    """As many files as may be are looked at."""

    code = "too_many_previews"
    retry_after_s = 2


class SharedSlots:
    """Slots of one kind; the last free one is for users who hold none.

    Parameters
    ----------
    number : int
        How many there are.
    lent : bool
        Whether anybody may have the last one, too, unless somebody else who holds none has lately
        missed one.
    monotonic : callable
        Tells the seconds that have passed.
    """

    def __init__(
        self,
        number: int,
        *,
        lent: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._number = number
        self._lent = lent
        self._monotonic = monotonic
        self._one_freed = threading.Condition()
        self._held: Counter[int] = Counter()
        self._missed: dict[int, float] = {}

    @contextmanager
    def held_by(self, user_id: int, full: DomainError) -> Iterator[None]:
        """Hold a slot inside the block; ``full`` is raised when none became free in a moment."""
        with self._one_freed:
            self._note_miss(user_id)
            if not self._one_freed.wait_for(partial(self._is_free_for, user_id), WAIT_S):
                raise full
            self._held[user_id] += 1
        try:
            yield
        finally:
            with self._one_freed:
                self._held[user_id] -= 1
                self._one_freed.notify_all()

    def _is_free_for(self, user_id: int) -> bool:
        free = self._number - self._held.total()
        if free != 1 or not self._held[user_id]:
            return free > 0
        since = self._monotonic() - LEFT_FOR_S
        wanted = any(one != user_id and at > since for one, at in self._missed.items())
        return self._lent and not wanted

    def _note_miss(self, user_id: int) -> None:
        if not self._held[user_id] and not self._is_free_for(user_id):
            self._missed[user_id] = self._monotonic()


class WorkSlots:
    """The slots of each kind; kept in the app's extensions.

    Queries, and reports that are there already, mostly end at once: so the last slot is lent, and
    held back once somebody missed one. A look may take a quarter of a minute: so it never is.
    """

    def __init__(self, settings: Settings) -> None:
        self.queries = SharedSlots(settings.sql_at_once, lent=True)
        self.previews = SharedSlots(PREVIEWS_AT_ONCE)


@contextmanager
def query_slot() -> Iterator[None]:
    """Hold a slot inside the block.

    Raises
    ------
    TooManyQueries
        None became free for the user within a second.
    """
    full = TooManyQueries("Too many SQL queries run just now. Try again in a moment.")
    with _slots().queries.held_by(user().id, full):
        yield


@contextmanager
def preview_slot() -> Iterator[None]:
    """Hold a slot inside the block.

    Raises
    ------
    TooManyPreviews
        None became free for the user within a second.
    """
    full = TooManyPreviews("Too many files are looked at just now. Try again in a moment.")
    with _slots().previews.held_by(user().id, full):
        yield


def _slots() -> WorkSlots:
    slots: WorkSlots = current_app.extensions[SLOTS]
    return slots
