"""Whom failed sign-ins slow, for how long, and what is forgotten when many are kept."""

from __future__ import annotations

import pytest

from http_api.passwords import BadCredentials
from http_api.sign_in_throttle import FORGET_AFTER_S, FREE_FAILURES, SignInThrottle, TooManyAttempts

MOST = 10


class Door:
    """A throttle, and the time that it sees."""

    def __init__(self) -> None:
        self.now = 0.0
        self.throttle = SignInThrottle(lambda: self.now, most_kept=MOST)

    def fail(self, account: str, times: int = 1, address: str = "192.0.2.1") -> None:
        for _ in range(times):
            with pytest.raises(BadCredentials), self.throttle.attempt(account, address):
                raise BadCredentials

    def wait_s(self, account: str, address: str = "192.0.2.1") -> int:
        """How long the account has to wait; a try that may be made says nothing of a password."""
        try:
            with self.throttle.attempt(account, address):
                raise InterruptedError
        except TooManyAttempts as refusal:
            return refusal.retry_after_s
        except InterruptedError:
            return 0


@pytest.fixture
def door() -> Door:
    return Door()


def test_each_failure_after_five_doubles_the_wait_up_to_a_minute(door: Door) -> None:
    door.fail("victim0", FREE_FAILURES - 1)
    assert door.wait_s("victim0") == 0
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


def test_made_up_accounts_and_addresses_push_out_none_that_is_slowed(door: Door) -> None:
    door.fail("victim0", FREE_FAILURES)
    for made_up in range(3 * MOST):
        door.fail(f"mu{made_up:05d}")
        door.fail("victim0", 1, f"198.51.100.{made_up}")
    assert door.wait_s("victim0") > 0
    door.now += 1
    door.fail("victim0")
    assert door.wait_s("victim0") == 2


def test_accounts_that_are_slowed_do_not_keep_others_from_being_counted(door: Door) -> None:
    for slowed in range(MOST):
        door.fail(f"mu{slowed:05d}", FREE_FAILURES)
    for made_up in range(FREE_FAILURES):
        door.fail("victim0")
        door.fail(f"other{made_up:02d}")
    assert door.wait_s("victim0") > 0


def test_of_those_that_are_slowed_the_one_that_failed_longest_ago_is_forgotten(door: Door) -> None:
    for slowed in range(MOST + 1):
        door.fail(f"mu{slowed:05d}", FREE_FAILURES)
    waits = [door.wait_s(f"mu{slowed:05d}") for slowed in range(MOST + 1)]
    assert waits == [0] + MOST * [1]


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
