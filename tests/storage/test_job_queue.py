"""The queue: lanes, priorities, turns of users and delays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.jobs import Priority
from storage.accounts.datasets import DatasetRecord
from storage.accounts.users import User, add_user
from storage.errors import StaleJob
from storage.jobs.jobs import JobRecord, cancel_job, get_job
from storage.jobs.kinds import LANES, Lane
from storage.jobs.queue import (
    RETRY_DELAYS_S,
    claim_next_job,
    move_to_long_lane,
    next_due,
    others_wait,
    postpone_job,
    recover_jobs,
    release_job,
)
from storage.jobs.submission import NewJob, insert_job
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database
from storage.sqlite.queries import statement
from tests.storage.conftest import claim, submit


@pytest.fixture
def users(database: Database, clock: Clock) -> list[User]:
    with database.write() as tx:
        return [add_user(tx, f"user{number:03}", "analyst", None, clock) for number in range(3)]


def ask(
    database: Database,
    clock: Clock,
    dataset: DatasetRecord,
    user: User,
    job_id: str,
    lane: Lane = "short",
    priority: Priority = "interactive",
) -> None:
    with database.write() as tx:
        new = NewJob(job_id, "import", dataset.id, user.id, None, {}, lane=lane, priority=priority)
        insert_job(tx, new, clock, 1000)


def served(database: Database, clock: Clock, lane: Lane = "short") -> list[str]:
    """The ids of all waiting jobs in the order in which they are claimed."""
    order = []
    while True:
        with database.write() as tx:
            job = claim_next_job(tx, clock, lane)
        if job is None:
            return order
        order.append(job.id)


def test_many_jobs_of_a_user_do_not_block_others(
    database: Database, clock: Clock, dataset: DatasetRecord, users: list[User]
) -> None:
    for number in range(500):
        ask(database, clock, dataset, users[0], f"many-{number}")
    for _ in range(10):
        claim(database, clock)
    ask(database, clock, dataset, users[1], "one")
    with database.read() as tx:
        assert get_job(tx, "one").queue_position == 1
        assert get_job(tx, "many-10").queue_position == 2
    assert claim(database, clock).id == "one"


def test_users_take_turns_in_submission_order(
    database: Database, clock: Clock, dataset: DatasetRecord, users: list[User]
) -> None:
    for user in users:
        for number in range(3):
            ask(database, clock, dataset, user, f"{user.soeid}-{number}")
    assert served(database, clock) == [
        f"{user.soeid}-{number}" for number in range(3) for user in users
    ]


def test_interactive_jobs_precede_batch_jobs(
    database: Database, clock: Clock, dataset: DatasetRecord, users: list[User]
) -> None:
    ask(database, clock, dataset, users[0], "nightly", priority="batch")
    ask(database, clock, dataset, users[0], "mine")
    ask(database, clock, dataset, users[1], "yours")
    assert served(database, clock) == ["mine", "yours", "nightly"]


def test_lane_claims_only_its_own_jobs(
    database: Database, clock: Clock, dataset: DatasetRecord, users: list[User]
) -> None:
    ask(database, clock, dataset, users[0], "heavy", lane="long")
    ask(database, clock, dataset, users[0], "light")
    assert served(database, clock, "short") == ["light"]
    assert served(database, clock, "long") == ["heavy"]


submissions = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["interactive", "batch"]),
        st.sampled_from(["short", "long"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(submissions, st.integers(0, 4))
def test_queue_position_is_the_order_of_claiming(
    database: Database,
    clock: Clock,
    dataset: DatasetRecord,
    users: list[User],
    wanted: list[tuple[int, Priority, Lane]],
    claimed_before: int,
) -> None:
    with database.write() as tx:
        tx.execute("UPDATE jobs SET status = 'pending', started_at = NULL WHERE status = 'running'")
        for row in tx.execute("SELECT id FROM jobs WHERE status = 'pending'").fetchall():
            cancel_job(tx, row["id"], "tests", clock)
        (count,) = tx.execute("SELECT count(*) FROM jobs").fetchone()
    for number, (who, priority, lane) in enumerate(wanted):
        ask(database, clock, dataset, users[who], f"job-{count + number}", lane, priority)
    for _ in range(claimed_before):
        with database.write() as tx:
            claim_next_job(tx, clock)
    with database.read() as tx:
        ids = [row["id"] for row in tx.execute("SELECT id FROM jobs WHERE status = 'pending'")]
        waiting = [get_job(tx, job_id) for job_id in ids]
    for lane in LANES:
        queue = sorted(
            (job for job in waiting if job.lane == lane), key=lambda job: job.queue_position or 0
        )
        assert [job.queue_position for job in queue] == list(range(1, len(queue) + 1))
        assert served(database, clock, lane) == [job.id for job in queue]


def test_postponed_job_runs_after_its_delay(
    database: Database, user: User, dataset: DatasetRecord, clock: Clock
) -> None:
    submit(database, user, dataset, clock)
    moment = clock()
    with database.write() as tx:
        running = claim_next_job(tx, lambda: moment)
        assert running is not None
        assert next_due(tx) is None
        assert postpone_job(tx, running, "The disk is full.", lambda: moment)
        assert next_due(tx) == moment + timedelta(seconds=RETRY_DELAYS_S[0])
        assert claim_next_job(tx, lambda: moment) is None
        later = claim_next_job(tx, lambda: moment + timedelta(seconds=RETRY_DELAYS_S[0]))
        assert later is not None
        assert later.attempt == 2
        assert next_due(tx) is None


def test_clock_set_back_does_not_extend_a_delay(
    database: Database, user: User, dataset: DatasetRecord, clock: Clock
) -> None:
    submit(database, user, dataset, clock)
    moment = clock()
    with database.write() as tx:
        running = claim_next_job(tx, lambda: moment)
        assert running is not None
        postpone_job(tx, running, "The disk is full.", lambda: moment)
        assert claim_next_job(tx, lambda: moment - timedelta(hours=1)) is not None


def test_postponed_job_does_not_block_its_user(
    database: Database, user: User, dataset: DatasetRecord, clock: Clock
) -> None:
    submit(database, user, dataset, clock, "first")
    submit(database, user, dataset, clock, "second")
    moment = clock()
    with database.write() as tx:
        running = claim_next_job(tx, lambda: moment)
        assert running is not None
        postpone_job(tx, running, "The disk is full.", lambda: moment)
        second = claim_next_job(tx, lambda: moment)
    assert second is not None
    assert second.id == "second"


def test_postponed_job_can_be_cancelled(
    database: Database, user: User, dataset: DatasetRecord, clock: Clock
) -> None:
    submit(database, user, dataset, clock)
    running = claim(database, clock)
    with database.write() as tx:
        postpone_job(tx, running, "The disk is full.", clock)
        cancel_job(tx, running.id, "bg54677", clock)
        assert get_job(tx, running.id).error_code == "cancelled"
    with pytest.raises(StaleJob), database.write() as tx:
        postpone_job(tx, running, "The disk is full.", clock)


def test_crash_counts_an_attempt_and_release_does_not(
    database: Database, user: User, dataset: DatasetRecord, clock: Clock
) -> None:
    submit(database, user, dataset, clock)
    running = claim(database, clock)
    with database.write() as tx:
        assert release_job(tx, running)
        assert not release_job(tx, running)
        assert get_job(tx, running.id).attempt == 0
    attempts: list[JobRecord] = []
    for _ in range(3):
        attempts.append(claim(database, clock))
        with database.write() as tx:
            ended = recover_jobs(tx, clock)
    assert [job.attempt for job in attempts] == [1, 2, 3]
    assert ended == (0, 1)


def test_slow_job_moves_to_the_long_lane(
    database: Database, users: list[User], dataset: DatasetRecord, clock: Clock
) -> None:
    ask(database, clock, dataset, users[0], "one")
    ask(database, clock, dataset, users[0], "own")
    running = claim(database, clock)
    with database.write() as tx:
        assert not others_wait(tx, running, clock)
    ask(database, clock, dataset, users[1], "other")
    with database.write() as tx:
        assert others_wait(tx, running, clock)
        assert move_to_long_lane(tx, running)
        assert not move_to_long_lane(tx, running)
        assert get_job(tx, "one").queue_position == 1
    assert served(database, clock, "long") == ["one"]
    assert served(database, clock) == ["other", "own"]


def test_others_wait_ignores_postponed_jobs(
    database: Database, users: list[User], dataset: DatasetRecord, clock: Clock
) -> None:
    start = clock()
    ask(database, clock, dataset, users[1], "other")
    other = claim(database, clock)
    ask(database, clock, dataset, users[0], "one")
    running = claim(database, clock)
    with database.write() as tx:
        assert postpone_job(tx, other, "The disk is full.", lambda: start)
        assert not others_wait(tx, running, lambda: start)
        due = start + timedelta(seconds=RETRY_DELAYS_S[0])
        assert others_wait(tx, running, lambda: due)
        set_back = start - timedelta(days=1)
        assert others_wait(tx, running, lambda: set_back)
        assert claim_next_job(tx, lambda: set_back) is not None


def test_claim_never_scans_the_history(database: Database) -> None:
    params = {"lane": "short", "now": "", "latest": ""}
    with database.read() as tx:
        plan = tx.execute(f"EXPLAIN QUERY PLAN {statement('claim_job')}", params).fetchall()
    steps = [row["detail"] for row in plan]
    assert not [step for step in steps if step.startswith("SCAN jobs")]
    assert any("jobs_waiting" in step for step in steps)
