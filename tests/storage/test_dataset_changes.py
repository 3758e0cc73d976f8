"""updated_at of datasets: changes of texts and refs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from storage.accounts.datasets import (
    SORTS,
    DatasetFilters,
    DatasetRecord,
    change_dataset,
    create_dataset,
    get_dataset,
    list_datasets,
)
from storage.accounts.users import User
from storage.errors import RefMoved
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database, Transaction
from storage.sqlite.queries import statement
from storage.versions.manifests import Manifest, insert_commit
from storage.versions.refs import create_ref, delete_ref, move_ref
from tests.storage.conftest import a_table

LATER = "2030-01-01T00:00:00.000000+00:00"
Change = Callable[[Transaction, DatasetRecord, User, str, Clock], None]


def later() -> datetime:
    return datetime(2030, 1, 1, tzinfo=UTC)


def texts(**changed: object) -> Change:
    nothing: dict[str, object] = {"name": None, "description": None, "tags": None}
    given = {**nothing, **changed}

    def change(tx: Transaction, of: DatasetRecord, by: User, _: str, clock: Clock) -> None:
        change_dataset(tx, of.id, by, clock=clock, **given)  # type: ignore[arg-type]

    return change


CHANGES: dict[str, Change] = {
    "name": texts(name="Other"),
    "description": texts(description="Words"),
    "tags": texts(tags=["q2"]),
    "ref made": lambda tx, of, _, commit, clock: create_ref(tx, of.id, "b", commit, clock) and None,
    "ref moved": lambda tx, of, _, commit, clock: move_ref(
        tx, of.id, "main", expected=None, commit_id=commit, clock=clock
    ),
    "ref forgotten": lambda tx, of, _, __, clock: delete_ref(tx, of.id, "before", clock),
}


def commit_in(tx: Transaction, dataset: DatasetRecord, user: User) -> str:
    made = Manifest(dataset.id, None, user.soeid, "first", dataset.created_at, (a_table(),))
    return insert_commit(tx, user.id, made).id


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_updated_at_changes_with_texts_and_refs(
    database: Database, dataset: DatasetRecord, user: User, clock: Clock, change: Change
) -> None:
    with database.write() as tx:
        other = create_dataset(tx, user, name="Z", description="", tags=[], clock=clock)
        commit = commit_in(tx, dataset, user)
        create_ref(tx, dataset.id, "before", commit, clock)
        change(tx, dataset, user, commit, later)
        assert get_dataset(tx, dataset.id, user).updated_at == LATER
        assert get_dataset(tx, dataset.id, user).created_at == dataset.created_at
        assert get_dataset(tx, other.id, user).updated_at == other.created_at
        first = {"offset": 0, "limit": 1}
        (newest,), _ = list_datasets(tx, user, DatasetFilters(), **first)
    assert newest.id == dataset.id


def test_failed_move_changes_nothing(
    database: Database, dataset: DatasetRecord, user: User, clock: Clock
) -> None:
    with database.write() as tx:
        commit = commit_in(tx, dataset, user)
    with pytest.raises(RefMoved), database.write() as tx:
        move_ref(tx, dataset.id, "main", expected="f" * 64, commit_id=commit, clock=later)
    with database.read() as tx:
        assert get_dataset(tx, dataset.id, user).updated_at == dataset.created_at


def test_new_dataset_has_its_creation_time(dataset: DatasetRecord) -> None:
    assert dataset.updated_at == dataset.created_at


def test_order_by_change_needs_no_sort(database: Database) -> None:
    where = "WHERE datasets.removed_at IS NULL"
    listing = statement("list_datasets").format(where=where, order=SORTS["-updated_at"])
    with database.read() as tx:
        plan = tx.execute(
            f"EXPLAIN QUERY PLAN {listing}", {"user_id": 1, "limit": 50, "offset": 0}
        ).fetchall()
    steps = [row["detail"] for row in plan]
    assert any("datasets_changed" in step for step in steps), steps
    listing_steps = [row["detail"] for row in plan if row["parent"] == 0]
    assert not any("ORDER BY" in step for step in listing_steps), steps
