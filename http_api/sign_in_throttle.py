"""Slows repeated failures to sign in.

Owns: the failures counted by account and address, in memory. Invariants: five failures are free;
then each doubles the wait for the next try, up to a minute, for that account from that address
alone, so that nobody can lock another out. What is kept is bounded, and made-up accounts push out
none that is slowed: those that are have their own room, which one gets into by five failures. Each
failure costs its hash, so whoever would fill that room, too, gains less by it than by waiting.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from domain_errors import DomainError
from http_api.passwords import BadCredentials

FREE_FAILURES = 5
LONGEST_WAIT_S = 60
FORGET_AFTER_S = 900
MOST_KEPT = 10_000
LONGEST_ACCOUNT = 100
"""No user's SOEID is longer; what a form brings may be."""

Key = tuple[str, str]
Failures = OrderedDict[Key, tuple[int, float]]
"""How many, and when the last one was; in the order of the last ones."""


class TooManyAttempts(DomainError):
    """Another try too soon after several failures."""

    code = "too_many_attempts"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many failed sign-ins. Try again in {retry_after_s} seconds.")
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
        self._lock = threading.Lock()
        self._free: Failures = OrderedDict()
        self._slowed: Failures = OrderedDict()

    @contextmanager
    def attempt(self, account: str, address: str) -> Iterator[None]:
        """Wrap one sign-in: BadCredentials inside counts, success forgets.

        Raises
        ------
        TooManyAttempts
            It is too soon for another try; the password isn't looked at.
        """
        key = (account.lower()[:LONGEST_ACCOUNT], address)
        self._check(key)
        try:
            yield
        except BadCredentials:
            self._count(key)
            raise
        with self._lock:
            self._free.pop(key, None)
            self._slowed.pop(key, None)

    def _check(self, key: Key) -> None:
        with self._lock:
            if key not in self._slowed:
                return
            count, last = self._slowed[key]
            wait = min(2 ** (count - FREE_FAILURES), LONGEST_WAIT_S)
            left = last + wait - self._monotonic()
        if left > 0:
            raise TooManyAttempts(max(1, round(left)))

    def _count(self, key: Key) -> None:
        now = self._monotonic()
        with self._lock:
            count, last = self._slowed.pop(key, self._free.pop(key, (0, now)))
            count = 1 if now - last > FORGET_AFTER_S else count + 1
            room = self._free if count < FREE_FAILURES else self._slowed
            room[key] = (count, now)
            while len(room) > self._most_kept:
                room.popitem(last=False)
