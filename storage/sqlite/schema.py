"""Create and migrate the schema, and compare a database with ``schema.sql``.

SQLite's ``user_version`` is the schema's version. It changes in the transaction of the migration.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

import storage
from storage.errors import NewerSchema, OlderSchema, UnknownSchema

OLDEST_VERSION = 14
"""The oldest schema that this version opens."""
LAST_RELEASE_OF_OLDER = "0.1.0"
"""The version of jobsvc that migrates older schemas to ``OLDEST_VERSION``."""
MIGRATIONS: Sequence[str] = (
    """
    DROP TRIGGER jobs_enter_histories;
    DROP TRIGGER jobs_leave_histories;
    DROP TRIGGER jobs_note_clock_step;
    DROP VIEW job_histories;
    DROP TABLE history_blocks;
    DROP TABLE histories;
    DROP TABLE clock_steps;
    DROP INDEX jobs_running;
    DROP INDEX jobs_ended;
    DROP INDEX jobs_ended_of_dataset;
    DROP INDEX jobs_ended_of_user;
    DROP INDEX jobs_ended_from_ref;
    CREATE INDEX jobs_listed ON jobs (created_at, seq, dataset_id, run_type, status);
    CREATE INDEX jobs_listed_of_dataset
        ON jobs (dataset_id, created_at, seq, user_id, run_type, status,
                 run_parameters ->> '$.source_ref');
    CREATE INDEX jobs_listed_of_user
        ON jobs (user_id, created_at, seq, dataset_id, run_type, status,
                 run_parameters ->> '$.source_ref');
    CREATE INDEX jobs_listed_of_status ON jobs (status, created_at, seq, dataset_id, run_type);
    ALTER TABLE jobs ADD COLUMN dismissed_at TEXT
        CHECK (dismissed_at IS NULL OR status = 'failed');
    CREATE INDEX jobs_unresolved ON jobs (created_at, seq, dataset_id, user_id, run_type)
        WHERE status = 'failed' AND error_code <> 'cancelled' AND dismissed_at IS NULL;
    CREATE INDEX refs_changed ON refs (updated_at);
    CREATE TABLE bin (
        id         INTEGER PRIMARY KEY AUTOINCREMENT,
        dataset_id INTEGER NOT NULL REFERENCES datasets (id),
        ref_name   TEXT,
        commit_id  TEXT,
        deleted_by INTEGER NOT NULL REFERENCES users (id),
        deleted_at TEXT NOT NULL,
        purged_at  TEXT,                          -- when it was deleted for good
        FOREIGN KEY (dataset_id, commit_id) REFERENCES commits (dataset_id, id),
        CHECK ((ref_name IS NULL) = (commit_id IS NULL))
    ) STRICT;
    CREATE INDEX bin_of_commit ON bin (dataset_id, commit_id);
    CREATE INDEX bin_deleted_at ON bin (deleted_at) WHERE purged_at IS NULL;
    CREATE TABLE groups (
        id         INTEGER PRIMARY KEY AUTOINCREMENT,
        name       TEXT NOT NULL CHECK (name <> ''),
        created_at TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX groups_name ON groups (name COLLATE NOCASE);
    CREATE TABLE group_members (
        group_id INTEGER NOT NULL REFERENCES groups (id),
        user_id  INTEGER NOT NULL REFERENCES users (id),
        PRIMARY KEY (group_id, user_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX group_members_of_user ON group_members (user_id, group_id);
    CREATE TABLE group_permissions (
        dataset_id INTEGER NOT NULL REFERENCES datasets (id),
        group_id   INTEGER NOT NULL REFERENCES groups (id),
        level      TEXT NOT NULL CHECK (level IN ('read', 'write', 'admin')),
        PRIMARY KEY (dataset_id, group_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX group_permissions_of_group ON group_permissions (group_id, dataset_id, level);
    CREATE VIEW dataset_access AS
    SELECT dataset_id, user_id, level FROM dataset_permissions
    UNION ALL
    SELECT dataset_id, user_id, level
    FROM group_members JOIN group_permissions USING (group_id)
    UNION ALL
    SELECT dataset_id, users.id, level FROM group_permissions CROSS JOIN users WHERE group_id = 1;
    INSERT INTO groups (id, name, created_at)
    VALUES (1, 'everyone', strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000+00:00');
    CREATE TRIGGER groups_everyone_stays BEFORE DELETE ON groups WHEN OLD.id = 1
    BEGIN SELECT RAISE(ABORT, 'the group everyone always exists'); END;
    CREATE TRIGGER groups_everyone_has_its_name BEFORE UPDATE ON groups WHEN OLD.id = 1
    BEGIN SELECT RAISE(ABORT, 'the group everyone keeps its name'); END;
    CREATE TABLE findings (
        id          INTEGER PRIMARY KEY AUTOINCREMENT,
        job_id      TEXT NOT NULL REFERENCES jobs (id),
        row_id      TEXT NOT NULL CHECK (row_id <> ''),           -- the row's _logical_row_id
        outcome     TEXT NOT NULL
                    CHECK (outcome IN ('ok', 'exception', 'not_applicable', 'not_examinable')),
        audit_value TEXT,                                         -- a decimal number; NULL: none
        note        TEXT NOT NULL DEFAULT '',
        user_id     INTEGER NOT NULL REFERENCES users (id),
        at          TEXT NOT NULL
    ) STRICT;
    CREATE INDEX findings_of_row ON findings (job_id, row_id, id);
    CREATE TRIGGER findings_never_change BEFORE UPDATE ON findings
    BEGIN SELECT RAISE(ABORT, 'a finding never changes'); END;
    CREATE TABLE replacements (
        id             INTEGER PRIMARY KEY AUTOINCREMENT,
        job_id         TEXT NOT NULL REFERENCES jobs (id),
        row_id         TEXT NOT NULL CHECK (row_id <> ''),
        replacement_id TEXT NOT NULL CHECK (replacement_id <> ''),
        reason         TEXT NOT NULL CHECK (reason <> ''),
        user_id        INTEGER NOT NULL REFERENCES users (id),
        at             TEXT NOT NULL,
        UNIQUE (job_id, row_id),
        UNIQUE (job_id, replacement_id)
    ) STRICT;
    CREATE TRIGGER replacements_never_change BEFORE UPDATE ON replacements
    BEGIN SELECT RAISE(ABORT, 'a replacement never changes'); END;
    CREATE TABLE reviews (
        id      INTEGER PRIMARY KEY AUTOINCREMENT,
        job_id  TEXT NOT NULL REFERENCES jobs (id),
        action  TEXT NOT NULL
                CHECK (action IN ('submitted', 'withdrawn', 'returned', 'signed_off', 'reopened')),
        note    TEXT NOT NULL DEFAULT '',
        user_id INTEGER NOT NULL REFERENCES users (id),
        at      TEXT NOT NULL
    ) STRICT;
    CREATE INDEX reviews_of_job ON reviews (job_id, id);
    CREATE TRIGGER reviews_never_change BEFORE UPDATE ON reviews
    BEGIN SELECT RAISE(ABORT, 'a review entry never changes'); END;
    """,
)
"""The scripts from ``OLDEST_VERSION`` to the next version, and so on. A change of ``schema.sql``
needs a script here that makes the same change."""
NEWEST_VERSION = OLDEST_VERSION + len(MIGRATIONS)


def schema_script() -> str:
    """Return ``schema.sql``, which is in the folder of the ``storage`` package."""
    (package_dir,) = storage.__path__
    return (Path(package_dir).parent / "schema.sql").read_text(encoding="utf-8")


def migrate(connection: sqlite3.Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Create the schema in an empty database, or run the missing migrations.

    Raises
    ------
    NewerSchema, OlderSchema, UnknownSchema
        The database is of a newer version, of one before ``OLDEST_VERSION``, or of another program.
    """
    newest = OLDEST_VERSION + len(migrations)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > newest:
        raise NewerSchema(version, newest)
    if version == 0:
        (objects,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if objects:
            raise UnknownSchema(
                "The database isn't one of jobsvc: it has tables, but no schema version."
            )
        _run(connection, schema_script(), newest)
    elif version < OLDEST_VERSION:
        raise OlderSchema(version, OLDEST_VERSION, LAST_RELEASE_OF_OLDER)
    else:
        for step in range(version, newest):
            _run(connection, migrations[step - OLDEST_VERSION], step + 1)


def _run(connection: sqlite3.Connection, script: str, version: int) -> None:
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{script};\nPRAGMA user_version = {version:d};\nCOMMIT;"
        )
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


CORE_TABLES = frozenset({"users", "datasets", "commits", "refs", "jobs"})
"""Tables of every version of the schema."""
MAX_LISTED = 3
"""The number of differences that an error lists."""

_TOKEN = re.compile(
    r"""--[^\n]* | /\*.*?\*/ | \s+ | ( '(?:[^']|'')*' | "(?:[^"]|"")*" | \w+ | . )""",
    re.DOTALL | re.VERBOSE,
)

Objects = dict[tuple[str, str], tuple[str, ...]]
"""The tokens of each object's SQL, by the object's type and name."""


def table_names(connection: sqlite3.Connection) -> frozenset[str]:
    """Return the names of all tables except SQLite's own."""
    return frozenset(name for kind, name in _objects(connection) if kind == "table")


def require_known_schema(connection: sqlite3.Connection) -> None:
    """Require the newest schema.

    Raises
    ------
    UnknownSchema
        Names the first tables, indexes and triggers that differ.
    """
    found = list(differences(connection))
    if found:
        more = f", and {len(found) - MAX_LISTED} more" if len(found) > MAX_LISTED else ""
        raise UnknownSchema(
            "The database's schema differs from that of this jobsvc: {differences}. Undo the "
            "change, or restore the data directory from a backup.",
            differences=", ".join(found[:MAX_LISTED]) + more,
        )


def differences(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield a phrase for each object that is missing, unknown or different."""
    expected, found = _expected(), _objects(connection)
    for kind, name in sorted(expected.keys() | found.keys()):
        if (kind, name) not in found:
            yield f'the {kind} "{name}" is missing'
        elif (kind, name) not in expected:
            yield f'the {kind} "{name}" is unknown'
        elif found[kind, name] != expected[kind, name]:
            yield f'the {kind} "{name}" differs'


@cache
def _expected() -> Objects:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(schema_script())
        return _objects(connection)


def _objects(connection: sqlite3.Connection) -> Objects:
    rows = connection.execute(
        "SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite@_%' "
        "ESCAPE '@'"
    )
    return {(kind, name): _tokens(sql) for kind, name, sql in rows}


def _tokens(sql: str) -> tuple[str, ...]:
    return tuple(token for token in _TOKEN.findall(sql) if token)
