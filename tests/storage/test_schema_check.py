"""A database whose schema isn't ours is never opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from domain_errors import DomainError
from storage.contents import DATABASE
from storage.errors import NewerSchema, OlderSchema, UnknownSchema, UnmigratedSchema
from storage.maintenance.backup import back_up, restore
from storage.maintenance.checking import check
from storage.maintenance.data_directory import DataDirectory
from storage.sqlite.database import Database
from storage.sqlite.schema import NEWEST_VERSION, OLDEST_VERSION


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    Database(tmp_path / DATABASE).close()
    with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as opened:
        yield opened


CHANGES = [
    ("DROP TRIGGER audit_log_never_shrinks", 'trigger "audit_log_never_shrinks" is missing'),
    ("DROP INDEX users_soeid", 'index "users_soeid" is missing'),
    ("DROP TABLE draw_templates", 'table "draw_templates" is missing'),
    ("CREATE TABLE other (x)", 'table "other" is unknown'),
    ("CREATE VIEW other AS SELECT 1", 'view "other" is unknown'),
    ("CREATE INDEX other ON users (created_at)", 'index "other" is unknown'),
    ("ALTER TABLE users ADD COLUMN other TEXT", 'table "users" differs'),
    ("ALTER TABLE tokens RENAME COLUMN name TO title", 'table "tokens" differs'),
    (
        "DROP INDEX users_of_soeid; CREATE INDEX users_of_soeid ON users (soeid)",
        'index "users_of_soeid" differs',
    ),
    (
        "CREATE TRIGGER other AFTER INSERT ON users BEGIN SELECT 1; END",
        'trigger "other" is unknown',
    ),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES, ids=[expected for _, expected in CHANGES])
def test_a_changed_schema_is_refused_and_named(
    connection: sqlite3.Connection, tmp_path: Path, change: str, expected: str
) -> None:
    connection.executescript(change)
    with pytest.raises(UnknownSchema) as caught:
        Database(tmp_path / DATABASE)
    assert expected in caught.value.message
    faults = check(DataDirectory(tmp_path), lambda done, what: None).faults
    assert expected in " ".join(fault.problem for fault in faults)


def test_spaces_and_comments_do_not_count(connection: sqlite3.Connection, tmp_path: Path) -> None:
    connection.executescript(
        "DROP INDEX users_of_soeid;"
        "CREATE  INDEX users_of_soeid -- again\n ON users(soeid\nCOLLATE NOCASE)"
    )
    Database(tmp_path / DATABASE).close()


def test_statistics_of_the_planner_do_not_count(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    connection.execute("ANALYZE")
    Database(tmp_path / DATABASE).close()


def test_tables_without_a_version_are_refused_unchanged(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / DATABASE)) as other:
        other.execute("CREATE TABLE mine (x)")
        with pytest.raises(UnknownSchema, match="no schema version"):
            Database(tmp_path / DATABASE)
        assert other.execute("SELECT name FROM sqlite_schema").fetchall() == [("mine",)]


@pytest.mark.parametrize(
    ("version", "error", "code"),
    [
        (0, UnknownSchema, "no schema version"),
        (OLDEST_VERSION - 1, OlderSchema, f"version {OLDEST_VERSION - 1}"),
        (OLDEST_VERSION, UnmigratedSchema, f"reads version {NEWEST_VERSION}"),
        (NEWEST_VERSION + 1, NewerSchema, f"version {NEWEST_VERSION + 1}"),
    ],
)
def test_a_check_refuses_other_versions(
    connection: sqlite3.Connection,
    tmp_path: Path,
    version: int,
    error: type[DomainError],
    code: str,
) -> None:
    connection.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(error, match=code):
        check(DataDirectory(tmp_path), lambda done, what: None)


@pytest.mark.parametrize("version", [OLDEST_VERSION - 1, NEWEST_VERSION + 1])
def test_a_restore_refuses_other_versions_and_leaves_nothing(tmp_path: Path, version: int) -> None:
    root = tmp_path / "old"
    root.mkdir()
    Database(root / DATABASE).close()
    with closing(sqlite3.connect(root / DATABASE)) as old:
        old.execute(f"PRAGMA user_version = {version}")
    back_up(DataDirectory(root), tmp_path / "backup.tar", lambda done, what: None)
    again = DataDirectory(tmp_path / "again")
    with pytest.raises((OlderSchema, NewerSchema), match=f"version {version}"):
        restore(tmp_path / "backup.tar", again, lambda done, what: None)
    assert {path.name for path in tmp_path.iterdir()} == {"old", "backup.tar"}
