"""Whom failed sign-ins slow, for how long, and what is forgotten when many are kept."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from http_api import sign_in_throttle
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


def test_a_try_that_ends_by_a_fault_is_a_failure_and_keeps_no_place(door: Door) -> None:
    for _ in range(FREE_FAILURES):
        with pytest.raises(InterruptedError), door.throttle.attempt("victim0", "192.0.2.1"):
            raise InterruptedError
    assert door.wait_s("victim0") == 1
    door.now += 1
    assert door.wait_s("victim0") == 0


class Tries:
    """Tries of one account at the same time, each held while it is checked."""

    def __init__(self, door: Door, number: int) -> None:
        self.checked, self.may_end = threading.Semaphore(0), threading.Semaphore(0)
        self.right = True
        self._door = door
        self._pool = ThreadPoolExecutor(number)
        self.ends: list[Future[str]] = [self._pool.submit(self._one) for _ in range(number)]

    def _one(self) -> str:
        try:
            with self._door.throttle.attempt("victim0", "192.0.2.1"):
                self.checked.release()
                assert self.may_end.acquire(timeout=30)
                if not self.right:
                    raise BadCredentials
        except (BadCredentials, TooManyAttempts) as error:
            return error.code
        return "let in"

    def end(self, *, right: bool) -> list[str]:
        """Let all of them end so, and tell how they did."""
        self.right = right
        self.may_end.release(len(self.ends))
        self._pool.shutdown()
        return sorted(one.result() for one in self.ends)


@pytest.mark.parametrize("failures", [0, 2, 5])
def test_of_tries_at_once_no_more_are_checked_than_may_fail(door: Door, failures: int) -> None:
    door.fail("victim0", failures)
    door.now += 1
    may_fail = max(FREE_FAILURES - failures, 1)
    tries = Tries(door, 20)
    for _ in range(may_fail):
        assert tries.checked.acquire(timeout=30)
    assert not tries.checked.acquire(timeout=0.05)
    ends = tries.end(right=False)
    assert ends == ["bad_credentials"] * may_fail + ["too_many_attempts"] * (20 - may_fail)


@pytest.mark.parametrize("failures", [0, 5])
def test_right_tries_at_once_are_all_let_in(door: Door, failures: int) -> None:
    door.fail("victim0", failures)
    door.now += 1
    assert Tries(door, 20).end(right=True) == ["let in"] * 20
    door.fail("victim0", FREE_FAILURES)
    assert door.wait_s("victim0") == 1


def test_who_waits_long_for_tries_under_way_is_told_to_come_again(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in_throttle, "PATIENCE_S", 0.01)
    tries = Tries(door, FREE_FAILURES)
    for _ in tries.ends:
        assert tries.checked.acquire(timeout=30)
    assert door.wait_s("victim0") == 2
    assert door.wait_s("other00") == 0
    tries.end(right=True)
    assert door.wait_s("victim0") == 0
