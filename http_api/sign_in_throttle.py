"""Slows repeated failures to sign in.

Owns: the failures counted by account and address, in memory. Invariants: five failures are free;
then each doubles the wait for the next try, up to a minute, for that account from that address
alone, so that nobody can lock another out. No more tries are checked at once than may fail: one
that is under way takes a failure's place until it ends, and who finds none waits for it, so that
right passwords are all let in. What is kept is bounded, and made-up accounts push out none that is
slowed: those that are have their own room, which one gets into by five failures. Each failure costs
its hash, so whoever would fill that room, too, gains less by it than by waiting.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from domain_errors import DomainError

FREE_FAILURES = 5
LONGEST_WAIT_S = 60
FORGET_AFTER_S = 900
PATIENCE_S = 5.0
"""How long a try waits for those under way; to check one takes about a tenth of a second."""
MOST_KEPT = 10_000
LONGEST_ACCOUNT = 100
"""No user's SOEID is longer; what a form brings may be."""

Key = tuple[str, str]
Failures = OrderedDict[Key, tuple[int, float]]
"""How many, and when the last one was; in the order of the last ones."""


class TooManyAttempts(DomainError):
    """Another try too soon after several failures, or beside several that are under way."""

    code = "too_many_attempts"

    def __init__(self, retry_after_s: int, what: str = "failed sign-ins") -> None:
        super().__init__(f"Too many {what}. Try again in {retry_after_s} seconds.")
        self.retry_after_s = retry_after_s


class SignInThrottle:
    """Failures by (account, address), in two rooms; in each, the oldest is forgotten first.

    Parameters
    ----------
    monotonic : callable
        Tells the seconds that have passed.
    most_kept : int
        Accounts and addresses kept in each room at the most.
    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, most_kept: int = MOST_KEPT
    ) -> None:
        self._monotonic = monotonic
        self._most_kept = most_kept
        self._free: Failures = OrderedDict()
        self._slowed: Failures = OrderedDict()
        self._under_way: Counter[Key] = Counter()
        self._one_ended = threading.Condition()

    @contextmanager
    def attempt(self, account: str, address: str) -> Iterator[None]:
        """Wrap one sign-in: success forgets failures, every error inside counts as one.

        So does one that says nothing of the password: else who can provoke it would guess for free.

        Raises
        ------
        TooManyAttempts
            It is too soon for another try; the password isn't looked at.
        """
        key = (account.lower()[:LONGEST_ACCOUNT], address)
        self._begin(key)
        try:
            yield
        except BaseException:
            self._end(key, self._count)
            raise
        self._end(key, self._forget)

    def _begin(self, key: Key) -> None:
        with self._one_ended:
            if not self._one_ended.wait_for(partial(self._has_place, key), PATIENCE_S):
                raise TooManyAttempts(2, "sign-ins at once")
            self._under_way[key] += 1

    def _end(self, key: Key, settle: Callable[[Key], None]) -> None:
        with self._one_ended:
            self._under_way[key] -= 1
            if not self._under_way[key]:
                del self._under_way[key]
            settle(key)
            self._one_ended.notify_all()

    def _has_place(self, key: Key) -> bool:
        """Whether one more try may fail; once all free ones have, tries go one by one."""
        count, last = self._failures(key)
        if count >= FREE_FAILURES:
            wait = min(2 ** (count - FREE_FAILURES), LONGEST_WAIT_S)
            left = last + wait - self._monotonic()
            if left > 0:
                raise TooManyAttempts(max(1, round(left)))
        return self._under_way[key] < max(FREE_FAILURES - count, 1)

    def _failures(self, key: Key) -> tuple[int, float]:
        """How many failures aren't forgotten yet, and when the last one was."""
        now = self._monotonic()
        count, last = self._slowed.get(key) or self._free.get(key) or (0, now)
        return (0, now) if now - last > FORGET_AFTER_S else (count, last)

    def _count(self, key: Key) -> None:
        count = self._failures(key)[0] + 1
        self._forget(key)
        room = self._free if count < FREE_FAILURES else self._slowed
        room[key] = (count, self._monotonic())
        while len(room) > self._most_kept:
            room.popitem(last=False)

    def _forget(self, key: Key) -> None:
        self._free.pop(key, None)
        self._slowed.pop(key, None)
