"""Users, permissions, tokens and one-time links."""

from __future__ import annotations

from datetime import timedelta

import pytest

from storage.accounts.datasets import (
    DatasetFilters,
    DatasetRecord,
    change_dataset,
    create_dataset,
    delete_permission,
    get_dataset,
    list_datasets,
    list_permissions,
    put_permission,
    remove_dataset,
)
from storage.accounts.tokens import (
    KEEP_EXPIRED,
    delete_expired_tokens,
    find_token_holder,
    issue_token,
    list_tokens,
    open_sign_in_link,
    revoke_named_token,
    sign_in_link_user,
    use_sign_in_link,
)
from storage.accounts.users import User, add_user, change_user, find_user, get_user, remove_user
from storage.errors import Conflict, NotFound
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database
from tests.storage.conftest import submit

DAY = timedelta(days=1)


def test_soeid_is_unique_among_active_users(database: Database, clock: Clock, user: User) -> None:
    with database.write() as tx:
        with pytest.raises(Conflict, match="BG54677"):
            add_user(tx, "BG54677", "viewer", None, clock)
        remove_user(tx, user.id, clock)
        assert find_user(tx, "bg54677") is None
        again = add_user(tx, "bg54677", "viewer", None, clock)
    assert again.id != user.id


def test_last_admin_cannot_be_demoted_or_removed(database: Database, clock: Clock) -> None:
    with database.write() as tx:
        admin = add_user(tx, "admin00", "admin", None, clock)
        with pytest.raises(Conflict, match="last admin"):
            remove_user(tx, admin.id, clock)
        with pytest.raises(Conflict, match="last admin"):
            change_user(tx, admin.id, role_name="viewer", password_hash=None)
        add_user(tx, "admin01", "admin", None, clock)
        change_user(tx, admin.id, role_name="viewer", password_hash=None)
        assert get_user(tx, admin.id).role_name == "viewer"


def test_only_the_hash_of_a_token_is_stored(database: Database, clock: Clock, user: User) -> None:
    with database.write() as tx:
        secret, _ = issue_token(
            tx, user.id, kind="named", name="ci", scope="read", lifetime=None, clock=clock
        )
        everything = str([tuple(row) for row in tx.execute("SELECT * FROM tokens")])
        holder = find_token_holder(tx, secret)
    assert secret not in everything
    assert holder is not None
    assert (holder.user, holder.scope) == (user, "read")


def test_token_ends_by_expiry_removal_or_new_password(
    database: Database, clock: Clock, user: User
) -> None:
    with database.write() as tx:

        def issue(lifetime: timedelta) -> str:
            return issue_token(
                tx, user.id, kind="session", name="", scope="write", lifetime=lifetime, clock=clock
            )[0]

        ended, valid = issue(timedelta(0)), issue(DAY)
        for secret, has_ended in ((ended, True), (valid, False)):
            holder = find_token_holder(tx, secret)
            assert holder is not None
            assert holder.has_ended(clock) == has_ended
        change_user(tx, user.id, role_name=None, password_hash="new")
        assert find_token_holder(tx, valid) is None
        last = issue(DAY)
        remove_user(tx, user.id, clock)
        assert find_token_holder(tx, last) is None


def test_expired_and_operator_tokens_are_deleted(
    database: Database, clock: Clock, user: User
) -> None:
    with database.write() as tx:
        for kind, lifetime in (
            ("session", timedelta(0)),
            ("operator", DAY),
            ("named", -KEEP_EXPIRED),
            ("session", DAY),
            ("named", DAY - KEEP_EXPIRED),
        ):
            issue_token(
                tx,
                user.id,
                kind=kind,  # type: ignore[arg-type]
                name="",
                scope="write",
                lifetime=lifetime,
                clock=clock,
            )
        delete_expired_tokens(tx, clock)
        kinds = tx.execute("SELECT kind FROM tokens ORDER BY id").fetchall()
        assert [row["kind"] for row in kinds] == ["session", "named"]


def test_users_list_and_revoke_only_their_own_tokens(
    database: Database, clock: Clock, user: User
) -> None:
    with database.write() as tx:
        _, token = issue_token(
            tx, user.id, kind="named", name="ci", scope="write", lifetime=DAY, clock=clock
        )
        other = add_user(tx, "another", "analyst", None, clock)
        assert list_tokens(tx, other.id, 0, 10) == ([], 0)
        with pytest.raises(NotFound):
            revoke_named_token(tx, other.id, token.id)
        revoke_named_token(tx, user.id, token.id)
        assert list_tokens(tx, user.id, 0, 10) == ([], 0)


def test_sign_in_link_works_once_and_is_replaced(
    database: Database, clock: Clock, user: User
) -> None:
    with database.write() as tx:
        first = open_sign_in_link(tx, user.id, DAY, clock)[0]
        second = open_sign_in_link(tx, user.id, DAY, clock)[0]
        assert sign_in_link_user(tx, first, clock) is None
        assert sign_in_link_user(tx, second, clock) == user
        assert use_sign_in_link(tx, second, clock) == user.id
        with pytest.raises(NotFound, match="used already"):
            use_sign_in_link(tx, second, clock)
        ended = open_sign_in_link(tx, user.id, timedelta(0), clock)[0]
        assert sign_in_link_user(tx, ended, clock) is None


def test_dataset_is_visible_with_permission_or_to_admins(
    database: Database, clock: Clock, user: User, dataset: DatasetRecord
) -> None:
    with database.write() as tx:
        admin = add_user(tx, "admin00", "admin", None, clock)
        other = add_user(tx, "another", "analyst", None, clock)
        assert get_dataset(tx, dataset.id, admin).level == "admin"
        with pytest.raises(NotFound) as hidden:
            get_dataset(tx, dataset.id, other)
        with pytest.raises(NotFound) as missing:
            get_dataset(tx, 999, other)
        assert hidden.value.message.replace(str(dataset.id), "999") == missing.value.message
        put_permission(tx, dataset.id, other.id, "read")
        assert get_dataset(tx, dataset.id, other).level == "read"
        assert [one.user_soeid for one in list_permissions(tx, dataset.id)] == [
            "another",
            "bg54677",
        ]


def test_dataset_always_has_an_admin(
    database: Database, clock: Clock, user: User, dataset: DatasetRecord
) -> None:
    with pytest.raises(Conflict, match="without an admin"), database.write() as tx:
        delete_permission(tx, dataset.id, user.id)
    with pytest.raises(Conflict, match="without an admin"), database.write() as tx:
        put_permission(tx, dataset.id, user.id, "read")
    with database.read() as tx:
        assert list_permissions(tx, dataset.id)[0].level == "admin"


def test_datasets_are_filtered_by_text_tag_and_name(
    database: Database, clock: Clock, user: User, dataset: DatasetRecord
) -> None:
    with database.write() as tx:
        create_dataset(tx, user, name="Ähren", description="50% wheat_", tags=["x"], clock=clock)

        def found(**filters: str) -> list[str]:
            page, total = list_datasets(
                tx, user, DatasetFilters(**filters), sort="name", offset=0, limit=10
            )
            assert total == len(page)
            return [one.name for one in page]

        assert found() == ["Sales", "Ähren"]
        assert found(q="sale") == ["Sales"]
        assert found(q="50% wheat_") == ["Ähren"]
        assert found(q="%") == ["Ähren"]
        assert found(tag="x") == ["Ähren"]
        assert found(name="SALES") == ["Sales"]


def test_dataset_names_are_unique_per_creator(
    database: Database, clock: Clock, user: User, dataset: DatasetRecord
) -> None:
    with database.write() as tx:
        other = add_user(tx, "another", "analyst", None, clock)
        create_dataset(tx, other, name="Sales", description="", tags=[], clock=clock)
    with pytest.raises(Conflict), database.write() as tx:
        create_dataset(tx, user, name="sales", description="", tags=[], clock=clock)
    with database.write() as tx:
        second = create_dataset(tx, user, name="Costs", description="", tags=[], clock=clock)
    with pytest.raises(Conflict), database.write() as tx:
        change_dataset(tx, second.id, user, name="SALES", description=None, tags=None, clock=clock)
    with database.write() as tx:
        remove_dataset(tx, dataset.id, clock)
        change_dataset(tx, second.id, user, name="SALES", description="d", tags=["t"], clock=clock)
        changed = get_dataset(tx, second.id, user)
    assert (changed.name, changed.description, changed.tags) == ("SALES", "d", ("t",))


def test_name_conflict_does_not_reveal_hidden_datasets(
    database: Database, clock: Clock, user: User, dataset: DatasetRecord
) -> None:
    with database.write() as tx:
        other = add_user(tx, "another", "analyst", None, clock)
        second = create_dataset(tx, user, name="Costs", description="", tags=[], clock=clock)
        put_permission(tx, second.id, other.id, "write")
        change_dataset(tx, second.id, other, name="Sales", description=None, tags=None, clock=clock)
        put_permission(tx, dataset.id, other.id, "read")
    with pytest.raises(Conflict), database.write() as tx:
        change_dataset(tx, second.id, other, name="sales", description=None, tags=None, clock=clock)


def test_dataset_with_open_jobs_cannot_be_removed(
    database: Database, clock: Clock, user: User, dataset: DatasetRecord
) -> None:
    submit(database, user, dataset, clock)
    with pytest.raises(Conflict, match="1 jobs"), database.write() as tx:
        remove_dataset(tx, dataset.id, clock)
