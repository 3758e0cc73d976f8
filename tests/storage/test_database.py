"""Transactions, the schema and its versions."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

import storage
from storage.accounts.tokens import issue_token, list_tokens
from storage.accounts.users import add_user
from storage.certificates.ledger import append_entry, whole_ledger
from storage.errors import NewerSchema, OlderSchema
from storage.maintenance.health import check_writable
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database
from storage.sqlite.queries import all_statements
from storage.sqlite.schema import (
    LAST_RELEASE_OF_OLDER,
    MIGRATIONS,
    NEWEST_VERSION,
    OLDEST_VERSION,
    PROGRESS_TRIGGERS,
    migrate,
    schema_script,
)


def test_failed_write_leaves_nothing(database: Database) -> None:
    insert = "INSERT INTO users (soeid, role_name, created_at) VALUES (?, 'admin', '')"
    with pytest.raises(sqlite3.IntegrityError), database.write() as tx:
        tx.executemany(insert, [("abc1234",), ("abc1234",)])
    with database.read() as tx:
        assert tx.execute("SELECT count(*) FROM users").fetchone()[0] == 0


def test_read_has_a_snapshot_and_does_not_wait(database: Database) -> None:
    with database.read() as tx:
        before = tx.execute("SELECT count(*) FROM users").fetchone()[0]

        def write() -> None:
            with database.write() as other:
                other.execute(
                    "INSERT INTO users (soeid, role_name, created_at) VALUES ('a', 'admin', '')"
                )

        thread = threading.Thread(target=write)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
        assert tx.execute("SELECT count(*) FROM users").fetchone()[0] == before


def test_version_grows_with_commits_and_not_with_reads(
    database: Database,
) -> None:
    before = database.version
    with database.read() as tx:
        tx.execute("SELECT count(*) FROM users").fetchone()
    assert database.version == before
    with database.write() as tx:
        tx.execute("INSERT INTO users (soeid, role_name, created_at) VALUES ('a', 'admin', '')")
        assert database.version == before
    assert database.version > before


def test_single_select_leaves_no_transaction(
    database: Database,
) -> None:
    count = "SELECT count(*) FROM users"
    assert database.single().execute(count).fetchall()[0][0] == 0
    assert not database.single().in_transaction
    with database.write() as tx:
        tx.execute("INSERT INTO users (soeid, role_name, created_at) VALUES ('a', 'admin', '')")
    assert database.single().execute(count).fetchall()[0][0] == 1


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted in /proc")
def test_connection_closes_with_its_thread(database: Database) -> None:
    def use() -> None:
        with database.write(sync="later") as tx:
            tx.execute("UPDATE users SET created_at = ''")

    def in_a_thread() -> None:
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()

    use()
    in_a_thread()  # SQLite keeps the file of a closed connection for the next one
    before = open_files()
    for _ in range(5):
        in_a_thread()
    end = time.monotonic() + 10
    while open_files() > before and time.monotonic() < end:  # join() returns a little earlier
        time.sleep(0.005)
    assert open_files() == before


def test_database_uses_wal_and_foreign_keys(database: Database) -> None:
    with database.read() as tx:
        assert tx.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert tx.execute("PRAGMA synchronous").fetchone()[0] == 1  # see storage.sqlite.database
        assert tx.execute("PRAGMA foreign_keys").fetchone()[0] == 1
        assert tx.execute("PRAGMA foreign_key_check").fetchall() == []
    check_writable(database)


def version_of(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    assert isinstance(version, int)
    return version


@pytest.mark.parametrize("version", [1, OLDEST_VERSION - 1])
def test_database_of_an_older_schema_is_refused(tmp_path: Path, version: int) -> None:
    path = tmp_path / "old"
    with closing(sqlite3.connect(path)) as old:
        old.execute("CREATE TABLE users (soeid TEXT)")
        old.execute(f"PRAGMA user_version = {version}")
    expected = f"version {version}; .* serve of version {LAST_RELEASE_OF_OLDER} once"
    with pytest.raises(OlderSchema, match=expected):
        Database(path)
    with closing(sqlite3.connect(path)) as old:
        assert version_of(old) == version
        assert old.execute("SELECT name FROM sqlite_schema").fetchall() == [("users",)]


def test_only_missing_migrations_run(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old", isolation_level=None)) as connection:
        migrate(connection)
        done = ["not SQL"] * len(MIGRATIONS)
        migrate(connection, [*done, "CREATE TABLE b (x)"])
        migrate(connection, [*done, "not SQL", "CREATE TABLE c (x)"])
        assert version_of(connection) == NEWEST_VERSION + 2
        connection.execute("SELECT * FROM b, c")


def test_a_database_of_version_15_gets_the_new_column(tmp_path: Path, clock: Clock) -> None:
    database = Database(tmp_path / "old")
    with database.write() as tx:
        user = add_user(tx, "bg54677", "analyst", None, clock)
        issue_token(tx, user.id, kind="named", name="ci", scope="read", lifetime=None, clock=clock)
        for dataset_id in (2, 1, 2):
            body = {"job_id": "a", "sample_commit_id": "b"}
            append_entry(tx, dataset_id, "deletion", "bg54677", body, clock)
        ledgers = [whole_ledger(tx, dataset_id) for dataset_id in (1, 2)]
    database.close()
    with closing(sqlite3.connect(tmp_path / "old", isolation_level=None)) as old:
        old.execute("ALTER TABLE tokens DROP COLUMN last_used_at")
        old.execute("ALTER TABLE datasets DROP COLUMN require_columns")
        old.execute("DROP INDEX jobs_of_panel")
        old.execute("DROP INDEX jobs_of_continued")
        old.execute("DROP INDEX commits_of_author")
        old.execute("ALTER TABLE schedules DROP COLUMN source")
        of_contracts = ("data_contracts", "kept_apart", "schedule_runs")
        of_people = ("invitation_groups", "invitations", "user_quotas", "dataset_quotas")
        of_reviews = ("review_questions", "reviewers", "reservations")
        of_findings = ("attachments", "shown_columns", "paper_facts", "issued_papers")
        of_imports = ("reconciliations", "evaluation_certificates", "paper_templates")
        old.execute("DROP VIEW sample_preparers")
        old.execute("DROP INDEX findings_of_user")
        for trigger in PROGRESS_TRIGGERS:
            old.execute(f"DROP TRIGGER {trigger}")
        of_engagements = ("engagement_members", "engagement_datasets", "engagement_samples")
        of_engagements = (*of_engagements, "hidden_engagements")
        of_all = (*of_contracts, *of_people, *of_reviews, *of_findings, *of_imports)
        of_combined = ("combined_paper_samples", "combined_papers")
        of_all = (*of_combined, *of_all, *of_engagements, "engagements", "sample_progress")
        for table in ("row_keys", "panels", *of_all):
            old.execute(f"DROP TABLE {table}")
        old.execute("PRAGMA user_version = 15")
    migrated = Database(tmp_path / "old")  # requires the new schema
    with migrated.read() as tx:
        (token,), _ = list_tokens(tx, user.id, 0, 10)
        assert [whole_ledger(tx, dataset_id) for dataset_id in (1, 2)] == ledgers
    assert [len(each) for each in ledgers] == [1, 2]
    migrated.close()
    assert (token.name, token.expires_at, token.last_used_at) == ("ci", None, None)


def test_failed_migration_leaves_the_old_version(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old", isolation_level=None)) as connection:
        migrate(connection)
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, [*MIGRATIONS, "CREATE TABLE b (x); SELECT nonsense"])
        assert version_of(connection) == NEWEST_VERSION
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            connection.execute("SELECT * FROM b")


def test_database_of_a_newer_version_is_not_opened(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "new")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(NewerSchema, match="version 99"):
        Database(tmp_path / "new")


def test_every_statement_is_valid_and_used(database: Database) -> None:
    (package,) = storage.__path__
    code = "".join(path.read_text() for path in Path(package).rglob("*.py"))
    with database.write() as tx:
        for name, sql in all_statements().items():
            assert f'"{name}"' in code, f"nobody runs {name}"
            filled = sql.format(
                where="",
                order="",
                selected="",
                index="jobs_listed",
                condition="TRUE",
                columns="TRUE",
                visible="SELECT 1",
                rows="TRUE",
            )
            names = set(re.findall(r"(?<![:\w]):([a-z_0-9]+)", filled))
            tx.execute(f"EXPLAIN {filled}", dict.fromkeys(names))


def test_every_table_is_strict() -> None:
    script = schema_script()
    assert script.count("CREATE TABLE") == script.count(") STRICT")


def test_free_pages_are_released_in_batches(tmp_path: Path) -> None:
    database = Database(tmp_path / "jobsvc.sqlite3")
    path = tmp_path / "jobsvc.sqlite3"
    with database.write() as tx:
        tx.execute("CREATE TABLE large (content TEXT) STRICT")
        tx.executemany("INSERT INTO large VALUES (?)", [("x" * 4000,)] * 1000)
    database.truncate_log()
    full = path.stat().st_size
    with database.write() as tx:
        tx.execute("DROP TABLE large")
    calls = 1
    while database.release_free_pages(400):
        calls += 1
    database.truncate_log()
    assert calls in (3, 4)
    assert path.stat().st_size < full / 5
    database.close()


def test_database_file_is_private_in_a_shared_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    path = tmp_path / "jobsvc.sqlite3"
    for _ in range(2):
        database = Database(path)
        assert {one.name: one.stat().st_mode & 0o777 for one in tmp_path.glob("jobsvc*")} == {
            f"jobsvc.sqlite3{end}": 0o600 for end in ("", "-wal", "-shm")
        }
        database.close()
        path.chmod(0o644)
