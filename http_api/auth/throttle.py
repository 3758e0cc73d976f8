"""Slows repeated failures to sign in.

Owns: the failures counted by account and address, in memory. Invariants: five failures are free;
then each doubles the wait for the next try, up to a minute, for that account from that address
alone, so that nobody can lock another out. A try counts as a failure from its beginning until it
succeeds, so that of many at once no more are checked than may fail. The table is bounded and
forgets the oldest failure first. To push a pair out takes ``MAX_PAIRS`` failures, each with a hash,
and an address has few hashes at once: that takes longer than to wait for as many tries.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from domain_errors import DomainError

FREE_FAILURES = 5
MAX_WAIT_S = 60
FORGET_AFTER_S = 900
MAX_PAIRS = 10_000
MAX_ACCOUNT_LENGTH = 100
"""No user's SOEID is longer; what a form brings may be."""

Key = tuple[str, str]


class TooManyAttempts(DomainError):
    """Another try too soon after several failures, or beside several that are under way."""

    code = "too_many_attempts"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            "Too many failed sign-ins. Try again in {seconds} seconds.", seconds=retry_after_s
        )
        self.retry_after_s = retry_after_s


class SignInThrottle:
    """Failures by (account, address), in the order of the last ones.

    Parameters
    ----------
    monotonic : callable
        The clock, in seconds.
    most_kept : int
        Pairs of account and address that are kept.
    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, max_pairs: int = MAX_PAIRS
    ) -> None:
        self._monotonic = monotonic
        self._max_pairs = max_pairs
        self._failures: OrderedDict[Key, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def attempt(self, account: str, address: str) -> Iterator[None]:
        """Wrap one sign-in: success forgets failures, every error inside counts as one.

        So does an error that says nothing of the password: else who can provoke it would guess for
        free.

        Raises
        ------
        TooManyAttempts
            It is too soon for another try; the password is not checked.
        """
        key = (account.lower()[:MAX_ACCOUNT_LENGTH], address)
        with self._lock:
            self._begin(key)
        try:
            yield
        except BaseException:
            with self._lock:  # the wait begins when the failure is known
                self._put(key, self._failures.get(key, (1, 0.0))[0])
            raise
        with self._lock:
            self._failures.pop(key, None)

    def _begin(self, key: Key) -> None:
        """Count a failure, unless it is too soon for a try."""
        now = self._monotonic()
        count, last = self._failures.get(key, (0, now))
        if now - last > FORGET_AFTER_S:
            count = 0
        if count >= FREE_FAILURES:
            wait_s = min(2 ** (count - FREE_FAILURES), MAX_WAIT_S)
            left_s = last + wait_s - now
            if left_s > 0:
                raise TooManyAttempts(max(1, round(left_s)))
        self._put(key, count + 1)

    def _put(self, key: Key, count: int) -> None:
        self._failures[key] = (count, self._monotonic())
        self._failures.move_to_end(key)
        while len(self._failures) > self._max_pairs:
            self._failures.popitem(last=False)
