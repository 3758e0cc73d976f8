"""Which sign-ins are throttled, for how long, and which failures are dropped first."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from application.credentials import BadCredentials
from application.throttle import (
    FORGET_AFTER_S,
    FREE_FAILURES,
    MAX_PAIRS,
    MAX_WAIT_S,
    MessageRate,
    SignInThrottle,
    TooManyAttempts,
    TooManyMessages,
)

MAX_COUNT = 10


class Door:
    """A throttle, and the time that it sees."""

    def __init__(self) -> None:
        self.now = 0.0
        self.throttle = SignInThrottle(lambda: self.now, max_pairs=MAX_COUNT)

    def fail(self, account: str, times: int = 1, address: str = "192.0.2.1") -> None:
        for _ in range(times):
            with pytest.raises(BadCredentials), self.throttle.attempt(account, address):
                raise BadCredentials

    def wait_s(self, account: str, address: str = "192.0.2.1") -> int:
        """How long the account has to wait; a try that may be made succeeds, and forgets."""
        try:
            with self.throttle.attempt(account, address):
                return 0
        except TooManyAttempts as refusal:
            return refusal.retry_after_s


@pytest.fixture
def door() -> Door:
    return Door()


def test_each_failure_after_five_doubles_the_wait_up_to_a_minute(door: Door) -> None:
    door.fail("victim0", FREE_FAILURES - 1)
    waits = []
    for _ in range(8):
        door.fail("victim0")
        waits.append(door.wait_s("VICTIM0"))
        door.now += waits[-1]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    door.fail("victim0")
    assert door.wait_s("victim0", "192.0.2.2") == 0
    door.now += FORGET_AFTER_S + 1
    door.fail("victim0")
    assert door.wait_s("victim0") == 0


def test_the_oldest_failure_is_forgotten_first(door: Door) -> None:
    door.fail("victim0", FREE_FAILURES)
    for made_up in range(MAX_COUNT - 1):
        door.fail(f"mu{made_up:05d}")
    assert door.wait_s("victim0") == 1
    door.now += 1
    door.fail("victim0")
    for made_up in range(MAX_COUNT - 1):
        door.fail("victim0", 1, f"198.51.100.{made_up}")
    assert door.wait_s("victim0") == 2
    door.fail("one0000")
    assert door.wait_s("victim0") == 0


def test_to_push_a_pair_out_takes_longer_than_to_wait() -> None:
    """At 20 ms a hash and 4 at once, fewer tries are gained than waiting gives."""
    push_out_s = MAX_PAIRS * 0.02 / 4
    waits = [min(2**step, MAX_WAIT_S) for step in range(FREE_FAILURES)]
    assert push_out_s > sum(waits)


def test_a_name_is_kept_no_longer_than_one_can_be(door: Door) -> None:
    for end in range(FREE_FAILURES):
        door.fail("x" * 1000 + str(end))
    assert door.wait_s("x" * 100) > 0


def test_a_success_forgets_the_failures(door: Door) -> None:
    door.fail("victim0", FREE_FAILURES)
    door.now += 1
    with door.throttle.attempt("victim0", "192.0.2.1"):
        pass
    door.fail("victim0", FREE_FAILURES - 1)
    assert door.wait_s("victim0") == 0


def test_a_try_that_ends_by_a_fault_is_a_failure_and_keeps_no_place(door: Door) -> None:
    for _ in range(FREE_FAILURES):
        with pytest.raises(InterruptedError), door.throttle.attempt("victim0", "192.0.2.1"):
            raise InterruptedError
    assert door.wait_s("victim0") == 1
    door.now += 1
    assert door.wait_s("victim0") == 0


@pytest.mark.parametrize("failures", [0, 2, 5])
def test_of_tries_at_once_no_more_are_checked_than_may_fail(door: Door, failures: int) -> None:
    door.fail("victim0", failures)
    door.now += 1
    may_fail = max(FREE_FAILURES - failures, 1)
    with ExitStack() as under_way:
        for _ in range(may_fail):
            under_way.enter_context(door.throttle.attempt("victim0", "192.0.2.1"))
        assert door.wait_s("victim0") > 0
        assert door.wait_s("other00") == 0
    assert door.wait_s("victim0") == 0


def test_the_wait_begins_when_a_failure_is_known(door: Door) -> None:
    door.fail("victim0", FREE_FAILURES - 1)
    with ExitStack() as long_try:
        long_try.enter_context(pytest.raises(BadCredentials))
        long_try.enter_context(door.throttle.attempt("victim0", "192.0.2.1"))
        door.now += 30
        raise BadCredentials
    assert door.wait_s("victim0") == 1


def test_a_success_among_tries_at_once_forgets_all(door: Door) -> None:
    with door.throttle.attempt("victim0", "192.0.2.1"):
        door.fail("victim0", FREE_FAILURES - 1)
        assert door.wait_s("victim0") == 1
    assert door.wait_s("victim0") == 0


def test_a_user_requests_so_many_messages_in_a_time() -> None:
    now = 0.0
    rate = MessageRate(2, 10, lambda: now)
    rate.count(1)
    now = 100.5
    rate.count(1)
    rate.count(2)
    with pytest.raises(TooManyMessages, match="At most 2 ") as refused:
        rate.count(1)
    assert refused.value.retry_after_s == 500
    now = 600
    rate.count(1)
    with pytest.raises(TooManyMessages):
        rate.count(1)
