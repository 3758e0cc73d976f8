"""Slows repeated failures to sign in.

Owns: the failures counted by account and address, in memory. Invariant: five failures are free;
then each doubles the wait for the next try, up to a minute, for that account from that address
alone, so that nobody can lock another out.
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


class TooManyAttempts(DomainError):
    """Another try too soon after several failures."""

    code = "too_many_attempts"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many failed sign-ins. Try again in {retry_after_s} seconds.")
        self.retry_after_s = retry_after_s


class SignInThrottle:
    """Failures by (account, address), the oldest forgotten first."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    @contextmanager
    def attempt(self, account: str, address: str) -> Iterator[None]:
        """Wrap one sign-in: BadCredentials inside counts, success forgets.

        Raises
        ------
        TooManyAttempts
            It is too soon for another try; the password isn't looked at.
        """
        key = (account.lower(), address)
        self._check(key)
        try:
            yield
        except BadCredentials:
            self._count(key)
            raise
        with self._lock:
            self._failures.pop(key, None)

    def _check(self, key: tuple[str, str]) -> None:
        with self._lock:
            count, last = self._failures.get(key, (0, 0.0))
            if count < FREE_FAILURES:
                return
            wait = min(2 ** (count - FREE_FAILURES), LONGEST_WAIT_S)
            left = last + wait - self._monotonic()
        if left > 0:
            raise TooManyAttempts(max(1, round(left)))

    def _count(self, key: tuple[str, str]) -> None:
        now = self._monotonic()
        with self._lock:
            count, last = self._failures.pop(key, (0, now))
            self._failures[key] = (1 if now - last > FORGET_AFTER_S else count + 1, now)
            while len(self._failures) > MOST_KEPT:
                self._failures.popitem(last=False)
