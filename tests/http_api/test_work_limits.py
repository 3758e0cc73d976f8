"""How much slow work a user and all users may do at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from application.work_limits import Hashing, TooMuchWork, WorkLimit, work_limits
from service.settings import Settings

ONE, OTHER, THIRD = 1, 2, 3


def begun(limit: WorkLimit, who: int) -> bool:
    try:
        limit.begin(who)
    except TooMuchWork:
        return False
    return True


@pytest.mark.parametrize(("total", "own"), [(1, 1), (2, 1), (3, 2), (4, 2), (8, 4)])
def test_a_user_has_half_of_the_places(total: int, own: int) -> None:
    limit = WorkLimit(total, "too_many_reads", "reads")
    assert [begun(limit, ONE) for _ in range(own + 1)] == [True] * own + [False]
    assert [begun(limit, OTHER) for _ in range(total - own + 1)] == [True] * (total - own) + [False]
    assert not begun(limit, THIRD)
    assert limit.under_way == total
    limit.end(ONE)
    assert begun(limit, THIRD)


def test_a_refusal_says_whose_work_is_under_way() -> None:
    limit = WorkLimit(3, "too_many_reads", "reads", per_user=1)
    with limit.piece(ONE), ExitStack() as others:
        with pytest.raises(
            TooMuchWork, match="At most 1 reads can run at once for one user"
        ) as refused:
            limit.begin(ONE)
        assert refused.value.retry_after_s == 2
        for who in (OTHER, THIRD):
            others.enter_context(limit.piece(who))
        with pytest.raises(TooMuchWork, match="At most 3 reads can run at once\\."):
            limit.begin(4)


def test_a_place_comes_back_however_the_work_ends() -> None:
    limit = WorkLimit(1, "too_many_reads", "reads", limit_s=60)
    for _ in range(3):
        with pytest.raises(InterruptedError), limit.piece(ONE):
            raise InterruptedError
    assert limit.under_way == 0


@pytest.mark.parametrize("threads", [2, 3, 8, 64])
def test_every_kind_leaves_a_place_to_others(threads: int) -> None:
    made = work_limits(Settings(http_threads=threads))
    for limit in made.kinds().values():
        assert 1 <= limit.per_user < limit.total
    assert made.total == sum(limit.total for limit in made.kinds().values())


def test_passwords_are_hashed_one_after_another() -> None:
    hashing, both = Hashing(1), threading.Barrier(2)

    def meet() -> None:
        with pytest.raises(threading.BrokenBarrierError):
            both.wait(0.1)
        both.reset()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(hashing.run, meet) for _ in range(2)]:
            done.result(10)
    with pytest.raises(InterruptedError):
        hashing.run(_interrupted)


def _interrupted() -> None:
    raise InterruptedError
