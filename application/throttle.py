"""Limits of a rate: the throttle of failed sign-ins, and a limit of a user's requests.

After five failures each one doubles the wait, up to a minute. They count by account and address, so
nobody can lock another user out. A try counts as a failure until it succeeds, so concurrent tries
gain nothing. The tables are bounded.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from domain_errors import DomainError

FREE_FAILURES = 5
MAX_WAIT_S = 60
FORGET_AFTER_S = 900
MAX_PAIRS = 10_000
MAX_ACCOUNT_LENGTH = 100
"""Longer than any SOEID."""

HELD = "jobsvc.held"
"""WSGI key of a refused sign-in. The server holds its response for a second, without a thread,
so that a client that ignores ``Retry-After`` sends few requests."""

Key = tuple[str, str]


class TooManyAttempts(DomainError):
    """A try too soon after several failures, or during several other tries."""

    code = "too_many_attempts"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            "Too many failed sign-ins. Try again in {seconds} seconds.", seconds=retry_after_s
        )
        self.retry_after_s = retry_after_s


class SignInThrottle:
    """Failures by (account, address), the latest last.

    Parameters
    ----------
    monotonic : callable
        The clock, in seconds.
    most_kept : int
        The table drops its oldest pair beyond this number. To push a pair out, an attacker needs as
        many failures, each with a password hash; waiting is quicker.
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
        """Wrap one sign-in: success forgets failures, any error inside counts as a failure.

        Raises
        ------
        TooManyAttempts
            It is too soon for another try.
        """
        key = (account.lower()[:MAX_ACCOUNT_LENGTH], address)
        with self._lock:
            self._begin(key)
        try:
            yield
        except BaseException:
            with self._lock:  # the wait starts at the end of the try
                self._put(key, self._failures.get(key, (1, 0.0))[0])
            raise
        with self._lock:
            self._failures.pop(key, None)

    def _begin(self, key: Key) -> None:
        """Count a failure, unless it is too soon for another try."""
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


class TooManyMessages(DomainError):
    """The user requested too many messages in a short time."""

    code = "too_many_messages"

    def __init__(self, most: int, minutes: int, retry_after_s: int, what: str) -> None:
        super().__init__(
            "At most {most} {what} can be sent within {minutes} minutes. Try again in {seconds} "
            "seconds.",
            most=most,
            what=what,
            minutes=minutes,
            seconds=retry_after_s,
        )
        self.retry_after_s = retry_after_s


class MessageRate:
    """A limit of the messages that each user requests. Thread-safe.

    Parameters
    ----------
    most : int
        Messages within ``minutes``.
    what : str
        The messages, in the plural.
    """

    def __init__(
        self,
        most: int,
        minutes: int = 10,
        monotonic: Callable[[], float] = time.monotonic,
        what: str = "tests and repeated messages",
    ) -> None:
        self._what = what
        self._most, self._minutes, self._monotonic = most, minutes, monotonic
        self._lock = threading.Lock()
        self._times: dict[Hashable, deque[float]] = {}

    def count(self, who: Hashable) -> None:
        """Count a message of a user; raise TooManyMessages beyond the limit."""
        with self._lock:
            now = self._monotonic()
            times = self._times.setdefault(who, deque(maxlen=self._most))
            free_at = times[0] + self._minutes * 60 if len(times) == self._most else now
            if free_at > now:
                wait_s = math.ceil(free_at - now)
                raise TooManyMessages(self._most, self._minutes, wait_s, self._what)
            times.append(now)
