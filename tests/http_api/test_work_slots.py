"""Who gets a slot when few are left."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from domain_errors import DomainError
from http_api import work_slots
from http_api.work_slots import LEFT_FOR_S, SharedSlots, TooManyQueries

ONE, OTHER, THIRD = 1, 2, 3


class Scene:
    """Slots, the time that they see, and who holds them until the test ends."""

    def __init__(self, holds: ExitStack, number: int, *, lent: bool) -> None:
        self.now = 0.0
        self.slots = SharedSlots(number, lent=lent, monotonic=lambda: self.now)
        self._holds = holds

    def gets_one(self, user_id: int) -> bool:
        """Whether a user gets a slot now; they keep it."""
        try:
            self._holds.enter_context(self.held_by(user_id))
        except DomainError:
            return False
        return True

    def held_by(self, user_id: int) -> ExitStack:
        with ExitStack() as one:
            one.enter_context(self.slots.held_by(user_id, TooManyQueries("None.")))
            return one.pop_all()


@pytest.fixture
def holds(monkeypatch: pytest.MonkeyPatch) -> ExitStack:
    monkeypatch.setattr(work_slots, "WAIT_S", 0.001)
    return ExitStack()


@pytest.mark.parametrize("number", [1, 2, 5])
def test_the_last_slot_is_for_who_holds_none(holds: ExitStack, number: int) -> None:
    scene = Scene(holds, number, lent=False)
    most = max(number - 1, 1)
    assert [scene.gets_one(ONE) for _ in range(most + 1)] == [True] * most + [False]
    assert scene.gets_one(OTHER) == (number > 1)
    assert not scene.gets_one(THIRD)
    holds.close()
    assert scene.gets_one(ONE)


def test_a_slot_that_is_lent_is_held_back_once_somebody_else_missed_one(holds: ExitStack) -> None:
    scene = Scene(holds, 2, lent=True)
    with scene.held_by(ONE):
        with scene.held_by(ONE):
            assert not scene.gets_one(OTHER)
        assert not scene.gets_one(ONE)
        with scene.held_by(OTHER):  # what one missed oneself keeps no slot from oneself
            pass
        scene.now += LEFT_FOR_S
        assert scene.gets_one(ONE)
    holds.close()
    with scene.held_by(OTHER):
        assert scene.gets_one(OTHER)


def test_who_waits_gets_the_slot_that_is_freed(
    holds: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_slots, "WAIT_S", 30.0)
    scene = Scene(holds, 2, lent=False)
    first = scene.held_by(ONE)
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(scene.gets_one, ONE)
        assert scene.gets_one(OTHER)
        first.close()
        assert waits.result()
