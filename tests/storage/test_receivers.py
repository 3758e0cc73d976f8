"""Which receivers get which events: the triggers that fill the outbox."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from contract.requests.findings import FindingRequest
from contract.words import Role
from storage.accounts.datasets import DatasetRecord, put_group_permission, put_permission
from storage.accounts.groups import EVERYONE
from storage.accounts.users import User, add_user
from storage.audit.findings import enter_findings, enter_review
from storage.jobs.jobs import cancel_job, complete_job, fail_job
from storage.jobs.schedules import (
    NewSchedule,
    Problem,
    Schedule,
    add_schedule,
    advance_schedule,
    note_run,
)
from storage.notifications.receivers import (
    NewWebhook,
    Occupied,
    Receiver,
    add_webhook,
    count_waiting_deliveries,
    due_delivery,
    enqueue_test,
    find_email,
    list_deliveries,
    next_delivery,
    put_email,
    remove_receiver,
)
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database
from tests.storage.conftest import claim, submit

ADDRESS = "bg54677@bank.example"


def events_of(database: Database, receiver: Receiver) -> list[str]:
    """The events in the log of a receiver, oldest first."""
    with database.read() as tx:
        found, _ = list_deliveries(tx, receiver, 0, 100)
    return [one.event for one in reversed(found)]


def email(database: Database, clock: Clock, user: User, *events: str) -> Receiver:
    with database.write() as tx:
        return put_email(tx, user, ADDRESS, events, clock)


def webhook(
    database: Database, clock: Clock, user: User, *events: str, dataset_id: int | None = None
) -> Receiver:
    with database.write() as tx:
        new = NewWebhook("https://hooks.example/", events, dataset_id, "whsec_AAAA")
        return add_webhook(tx, user, new, clock)


@pytest.fixture
def schedule(database: Database, clock: Clock, user: User, dataset: DatasetRecord) -> Schedule:
    now = clock()
    with database.write() as tx:
        new = NewSchedule(
            *("job-0", dataset.id, user.id, "weekly", "sampling", {}, "0 6 * * 1", "UTC", "run"),
            next_run_at=now + timedelta(days=1),
        )
        return add_schedule(tx, new, clock)


def failed(
    database: Database,
    user: User,
    dataset: DatasetRecord,
    clock: Clock,
    schedule: Schedule | None = None,
) -> None:
    """Let a job fail; with a schedule it is a run of it."""
    job = submit(database, user, dataset, clock, f"job of {schedule and schedule.name}")
    with database.write() as tx:
        if schedule is not None:
            note_run(tx, schedule, job.id, clock)
    running = claim(database, clock)
    with database.write() as tx:
        fail_job(tx, running, "damaged_data", "It is damaged.", clock)


def test_a_failed_run_of_a_schedule_is_one_message(
    database: Database, clock: Clock, user: User, dataset: DatasetRecord, schedule: Schedule
) -> None:
    both = webhook(database, clock, user, "job.failed", "schedule.failed")
    runs = email(database, clock, user, "schedule.failed", "job.completed")
    failed(database, user, dataset, clock)
    failed(database, user, dataset, clock, schedule)
    assert events_of(database, both) == ["job.failed", "job.failed"]
    assert events_of(database, runs) == ["schedule.failed"]


def test_a_run_that_was_not_submitted_is_a_message(
    database: Database, clock: Clock, user: User, dataset: DatasetRecord, schedule: Schedule
) -> None:
    runs = email(database, clock, user, "schedule.failed")
    of_others = webhook(database, clock, user_with(database, clock, "analyst"), "schedule.failed")
    now = clock()
    with database.write() as tx:
        advance_schedule(
            tx,
            schedule,
            now,
            now + timedelta(days=7),
            problem=Problem("refused", "It was refused."),
        )
    assert events_of(database, runs) == ["schedule.failed"]
    assert events_of(database, of_others) == []


def test_a_cancelled_job_is_no_mail(
    database: Database, clock: Clock, user: User, dataset: DatasetRecord
) -> None:
    address = email(database, clock, user, "job.failed")
    hook = webhook(database, clock, user, "job.failed")
    submit(database, user, dataset, clock)
    with database.write() as tx:
        cancel_job(tx, "job-1", user.soeid, clock)
    assert events_of(database, address) == []
    assert events_of(database, hook) == ["job.failed"]


def user_with(database: Database, clock: Clock, role: Role) -> User:
    with database.write() as tx:
        return add_user(tx, f"new {role} {clock():%H%M%S}", role, None, clock)


def test_a_review_is_requested_of_those_who_can_do_it(
    database: Database, clock: Clock, user: User, dataset: DatasetRecord
) -> None:
    writer, author, reader, stranger = (user_with(database, clock, "analyst") for _ in range(4))
    viewer = user_with(database, clock, "viewer")
    job = submit(database, user, dataset, clock)
    with database.write() as tx:
        for one in (writer, author, viewer):
            put_permission(tx, dataset.id, one.id, "write")
        put_group_permission(tx, dataset.id, EVERYONE, "read")
        finding = FindingRequest(row_id="none:0", outcome="ok")
        enter_findings(tx, job.id, author.id, [finding], clock)
    people = {
        one.soeid: email(database, clock, one, "review.requested", "sample.reviewed")
        for one in (user, writer, author, reader, stranger, viewer)
    }
    of_dataset = webhook(
        database, clock, stranger, "review.requested", "sample.reviewed", dataset_id=dataset.id
    )
    with database.write() as tx:
        enter_review(tx, job.id, user.id, "submitted", "", clock)
    heard = {soeid: events_of(database, one) for soeid, one in people.items()}
    assert {soeid for soeid, events in heard.items() if events} == {writer.soeid}
    with database.write() as tx:
        enter_review(tx, job.id, writer.id, "signed_off", "", clock)
    assert events_of(database, people[user.soeid]) == ["sample.reviewed"]
    assert events_of(database, people[writer.soeid]) == ["review.requested"]
    assert events_of(database, of_dataset) == ["review.requested", "sample.reviewed"]


def test_an_address_can_be_replaced_and_its_waiting_mails_follow(
    database: Database, clock: Clock, user: User, dataset: DatasetRecord
) -> None:
    first = email(database, clock, user, "job.completed")
    submit(database, user, dataset, clock)
    running = claim(database, clock)
    with database.write() as tx:
        complete_job(tx, running, {}, None, clock)
        second = put_email(tx, user, "new@bank.example", ["job.failed"], clock)
    assert (second.id, second.address) == (first.id, "new@bank.example")
    with database.read() as tx:
        due = due_delivery(tx, "email", clock(), clock(), Occupied())
        assert due is not None
        (waiting,) = count_waiting_deliveries(tx)
    assert (due.address, due.user_id) == ("new@bank.example", user.id)
    assert (waiting.kind, waiting.waiting) == ("email", 1)
    with database.write() as tx:
        remove_receiver(tx, second)
        assert find_email(tx, user) is None


def test_users_take_turns_and_hold_no_more_than_their_share(
    database: Database, clock: Clock, user: User, dataset: DatasetRecord
) -> None:
    with database.write() as tx:
        other = add_user(tx, "other01", "analyst", None, clock)
        made = [
            add_webhook(tx, owner, NewWebhook(url, ("job.failed",), None, "whsec_AAAA"), clock)
            for owner, url in (
                (user, "https://a.example/1"),
                (user, "https://a.example:8443/2"),
                (other, "https://a.example/3"),
            )
        ]
        for receiver in made:
            enqueue_test(tx, receiver, clock)

    def due(**held: Any) -> str | None:
        with database.read() as tx:
            found = due_delivery(tx, "webhook", clock(), clock(), Occupied(**held))
        return None if found is None else found.address

    assert due() == "https://a.example/1"
    assert due(receivers=[made[0].id]) == "https://a.example:8443/2"
    assert due(receivers=[made[0].id], running={user.id: 1}) == "https://a.example/3"
    assert due(served={user.id: 7, other.id: 6}) == "https://a.example/3"
    assert due(reached={made[0].id: 5, made[2].id: 6}) == "https://a.example:8443/2"
    assert due(users=[user.id]) == "https://a.example/3"
    assert due(users=[other.id], hosts=["https://a.example/"]) == "https://a.example:8443/2"
    assert due(users=[user.id, other.id]) is None
    with database.read() as tx:
        assert next_delivery(tx, "webhook", Occupied(users=[user.id, other.id])) is None
        assert next_delivery(tx, "webhook", Occupied(users=[user.id])) is not None
