"""Entries of the audit trail: content, filters and immutability."""

from __future__ import annotations

import sqlite3

import pytest

from contract.requests.administration import EntriesRequest
from contract.words import Action
from storage.accounts.audit_trail import THIS_PROCESS, Origin, list_entries, record
from storage.accounts.datasets import DatasetRecord
from storage.accounts.users import User
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database
from tests.storage.conftest import submit

ORIGIN = Origin("10.0.0.7", "request-1", 3, "named", "ci")


def add(database: Database, clock: Clock, action: Action, user: User | None = None) -> None:
    with database.write() as tx:
        record(
            tx,
            clock,
            action,
            user_id=None if user is None else user.id,
            origin=ORIGIN,
            about=("ref", "main"),
            details={"größe": 1},
        )


def found(database: Database, **filters: object) -> list[str]:
    with database.read() as tx:
        entries, total = list_entries(tx, EntriesRequest(**filters), 0, 100)  # type: ignore[arg-type]
    assert total == len(entries)
    return [entry.action for entry in entries]


def test_entry_has_user_action_time_and_origin(
    database: Database, clock: Clock, user: User
) -> None:
    add(database, clock, "ref_made", user)
    with database.read() as tx:
        (entry,), total = list_entries(tx, EntriesRequest(), 0, 100)
    assert total == 1
    assert (entry.user_id, entry.user_soeid, entry.action) == (user.id, "bg54677", "ref_made")
    assert (entry.object_type, entry.object_id) == ("ref", "main")
    assert (entry.client_address, entry.request_id) == ("10.0.0.7", "request-1")
    assert (entry.token_id, entry.token_kind, entry.token_name) == (3, "named", "ci")
    assert entry.details == {"größe": 1}
    assert entry.at.endswith("+00:00")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET user_soeid = 'someone'",
        "UPDATE audit_log SET id = id + 1",
        "DELETE FROM audit_log",
        "INSERT OR REPLACE INTO audit_log (id, at, action, user_soeid, details) "
        "VALUES (1, '', 'x', '', '{}')",
        "INSERT INTO audit_log (id, at, action, user_soeid, details) VALUES (1, '', 'x', '', '{}') "
        "ON CONFLICT (id) DO UPDATE SET action = 'x'",
    ],
)
def test_entries_cannot_change_or_be_deleted(
    database: Database, clock: Clock, user: User, statement: str
) -> None:
    add(database, clock, "ref_made", user)
    with pytest.raises(sqlite3.IntegrityError, match="an audit entry"), database.write() as tx:
        tx.execute(statement)
    assert found(database) == ["ref_made"]


def test_rollback_of_an_action_removes_its_entry(
    database: Database, clock: Clock, user: User
) -> None:
    def fail_late() -> None:
        with database.write() as tx:
            record(tx, clock, "ref_made", user_id=user.id, origin=THIS_PROCESS)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_late()
    assert found(database) == []


def test_every_submitted_job_has_an_entry(
    database: Database, clock: Clock, user: User, dataset: DatasetRecord
) -> None:
    submit(database, user, dataset, clock, "job-7")
    with database.read() as tx:
        (entry,), _ = list_entries(tx, EntriesRequest(object_id="job-7"), 0, 100)
    assert (entry.action, entry.dataset_id, entry.user_id) == ("import_asked", dataset.id, user.id)


def test_filters_combine_and_newest_comes_first(
    database: Database, clock: Clock, user: User
) -> None:
    add(database, clock, "ref_made", user)
    add(database, clock, "ref_deleted", user)
    add(database, clock, "user_added")
    assert found(database) == ["user_added", "ref_deleted", "ref_made"]
    assert found(database, user_id=user.id) == ["ref_deleted", "ref_made"]
    assert found(database, user_soeid="BG54677", action=("ref_made", "user_added")) == ["ref_made"]
    assert found(database, user_soeid="") == ["user_added"]
    assert found(database, dataset_id=1) == []
    with database.read() as tx:
        entries, _ = list_entries(tx, EntriesRequest(), 1, 1)
    (middle,) = entries
    assert found(database, created_after=middle.at) == ["user_added", "ref_deleted"]
    assert found(database, created_before=middle.at) == ["ref_made"]


def test_page_of_entries_has_the_total(database: Database, clock: Clock, user: User) -> None:
    for _ in range(5):
        add(database, clock, "ref_made", user)
    with database.read() as tx:
        entries, total = list_entries(tx, EntriesRequest(user_id=user.id), 3, 10)
    assert ([entry.id for entry in entries], total) == ([2, 1], 5)
