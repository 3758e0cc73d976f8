"""The schema's version and the way forward from older ones.

Owns: SQLite's ``user_version``. Invariant: a database is at the newest version or isn't opened;
each step runs in one transaction with its version, so a crash leaves one version or the next.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import storage
from storage.errors import NewerSchema, UnknownSchema


def _script_in(file_name: str) -> str:
    return files("storage").joinpath(file_name).read_text(encoding="utf-8")


MIGRATIONS: Sequence[str] = (
    """
    ALTER TABLE jobs ADD COLUMN retry_of TEXT REFERENCES jobs (id);
    CREATE TABLE idempotency_keys (
        user_id      INTEGER NOT NULL REFERENCES users (id),
        key          TEXT NOT NULL CHECK (key <> ''),
        request_hash TEXT NOT NULL CHECK (length(request_hash) = 64),
        job_id       TEXT NOT NULL REFERENCES jobs (id),
        created_at   TEXT NOT NULL,
        PRIMARY KEY (user_id, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
    """,
    """
    CREATE TABLE job_log (
        id      INTEGER PRIMARY KEY AUTOINCREMENT,
        job_id  TEXT NOT NULL REFERENCES jobs (id),
        at      TEXT NOT NULL,
        message TEXT NOT NULL
    ) STRICT;

    CREATE INDEX job_log_of_job ON job_log (job_id, id);

    CREATE TRIGGER jobs_log_acceptance AFTER INSERT ON jobs
    BEGIN
        INSERT INTO job_log (job_id, at, message) VALUES (NEW.id, NEW.created_at, 'accepted');
    END;

    CREATE TRIGGER jobs_log_status AFTER UPDATE OF status ON jobs WHEN NEW.status <> OLD.status
    BEGIN
        INSERT INTO job_log (job_id, at, message) VALUES (
            NEW.id,
            CASE NEW.status
                WHEN 'running' THEN NEW.started_at
                WHEN 'pending' THEN strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000+00:00'
                ELSE NEW.completed_at
            END,
            CASE NEW.status
                WHEN 'running' THEN 'attempt ' || NEW.attempt || ' started'
                WHEN 'failed' THEN 'failed: ' || NEW.error_message
                ELSE NEW.progress_message
            END
        );
    END;

    CREATE TRIGGER jobs_log_step AFTER UPDATE OF progress_message ON jobs
    WHEN NEW.status = 'running' AND OLD.status = 'running'
         AND NEW.progress_message <> OLD.progress_message
    BEGIN
        INSERT INTO job_log (job_id, at, message) VALUES (
            NEW.id, strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000+00:00', NEW.progress_message
        );
    END;
    """,
    """
    ALTER TABLE jobs ADD COLUMN lane TEXT NOT NULL DEFAULT 'short'
        CHECK (lane IN ('short', 'long'));
    ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0 CHECK (priority IN (0, 1));
    ALTER TABLE jobs ADD COLUMN not_before TEXT CHECK (not_before IS NULL OR status = 'pending');
    DROP INDEX jobs_waiting;
    CREATE INDEX jobs_waiting ON jobs (lane, user_id, priority, seq) WHERE status = 'pending';
    CREATE INDEX jobs_postponed ON jobs (not_before) WHERE not_before IS NOT NULL;
    CREATE TABLE queue_turns (
        lane     TEXT NOT NULL CHECK (lane IN ('short', 'long')),
        priority INTEGER NOT NULL CHECK (priority IN (0, 1)),
        user_id  INTEGER NOT NULL REFERENCES users (id),
        turn     INTEGER NOT NULL,
        PRIMARY KEY (lane, priority, user_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX queue_turns_order ON queue_turns (lane, priority, turn);
    """,
    """
    CREATE TABLE left_commits (
        dataset_id INTEGER NOT NULL,
        commit_id  TEXT NOT NULL,
        left_at    TEXT NOT NULL,
        PRIMARY KEY (dataset_id, commit_id),
        FOREIGN KEY (dataset_id, commit_id) REFERENCES commits (dataset_id, id)
    ) STRICT, WITHOUT ROWID;

    INSERT INTO left_commits (dataset_id, commit_id, left_at)
    SELECT dataset_id, id, strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000+00:00' FROM commits
    WHERE NOT EXISTS (SELECT 1 FROM refs WHERE refs.dataset_id = commits.dataset_id
                                           AND refs.commit_id = commits.id)
      AND NOT EXISTS (SELECT 1 FROM commits AS later WHERE later.dataset_id = commits.dataset_id
                                                       AND later.parent_id = commits.id);

    CREATE INDEX commits_of_parent ON commits (dataset_id, parent_id) WHERE parent_id IS NOT NULL;
    CREATE INDEX commit_files_of_commit ON commit_files (dataset_id, commit_id);
    CREATE INDEX refs_of_commit ON refs (dataset_id, commit_id) WHERE commit_id IS NOT NULL;
    CREATE INDEX jobs_of_source ON jobs (dataset_id, source_commit_id)
        WHERE source_commit_id IS NOT NULL;
    CREATE INDEX jobs_of_output ON jobs (dataset_id, output_commit_id)
        WHERE output_commit_id IS NOT NULL;
    CREATE INDEX jobs_of_retried ON jobs (retry_of) WHERE retry_of IS NOT NULL;
    CREATE INDEX idempotency_keys_of_job ON idempotency_keys (job_id);
    """,
    """
    -- Who did what: the audit trail. Entries outlive what they tell of: no references.
    CREATE TABLE audit_log (
        id             INTEGER PRIMARY KEY AUTOINCREMENT,
        at             TEXT NOT NULL,
        action         TEXT NOT NULL CHECK (action <> ''),
        user_id        INTEGER,                    -- NULL: the service itself, or a failed sign-in
        user_soeid     TEXT NOT NULL,              -- as it was then
        dataset_id     INTEGER,
        object_type    TEXT,
        object_id      TEXT,
        client_address TEXT,
        request_id     TEXT,
        token_id       INTEGER,
        token_kind     TEXT,
        token_name     TEXT,
        details        TEXT NOT NULL CHECK (json_valid(details) AND json_type(details) = 'object'),
        CHECK ((object_type IS NULL) = (object_id IS NULL))
    ) STRICT;

    CREATE INDEX audit_log_at ON audit_log (at);
    CREATE INDEX audit_log_of_user ON audit_log (user_id, id);
    CREATE INDEX audit_log_of_soeid ON audit_log (user_soeid COLLATE NOCASE, id);
    CREATE INDEX audit_log_of_action ON audit_log (action, id);
    CREATE INDEX audit_log_of_dataset ON audit_log (dataset_id, id) WHERE dataset_id IS NOT NULL;
    CREATE INDEX audit_log_of_object ON audit_log (object_id, id) WHERE object_id IS NOT NULL;

    CREATE TRIGGER audit_log_never_changes BEFORE UPDATE ON audit_log
    BEGIN SELECT RAISE(ABORT, 'an audit entry never changes'); END;

    CREATE TRIGGER audit_log_never_shrinks BEFORE DELETE ON audit_log
    BEGIN SELECT RAISE(ABORT, 'an audit entry is never removed'); END;

    -- INSERT OR REPLACE takes the old row out without a DELETE trigger.
    CREATE TRIGGER audit_log_never_replaces BEFORE INSERT ON audit_log
    WHEN EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'an audit entry is never replaced'); END;
    """,
    """
    DROP INDEX datasets_name;
    CREATE INDEX datasets_name ON datasets (created_by, name COLLATE NOCASE)
        WHERE removed_at IS NULL;
    """,
    """
    CREATE TABLE draw_templates (
        id         INTEGER PRIMARY KEY AUTOINCREMENT,
        user_id    INTEGER NOT NULL REFERENCES users (id),
        name       TEXT NOT NULL CHECK (name <> ''),
        body       TEXT NOT NULL CHECK (json_valid(body)),
        created_at TEXT NOT NULL
    ) STRICT;

    CREATE UNIQUE INDEX draw_templates_name ON draw_templates (user_id, name COLLATE NOCASE);
    """,
    """
    ALTER TABLE jobs ADD COLUMN request_id TEXT;
    DROP TRIGGER jobs_log_acceptance;
    CREATE TRIGGER jobs_log_acceptance AFTER INSERT ON jobs
    BEGIN
        INSERT INTO job_log (job_id, at, message) VALUES (
            NEW.id, NEW.created_at, 'accepted' || coalesce(', request ' || NEW.request_id, '')
        );
    END;
    """,
    _script_in("migration_histories.sql"),
    """
    DROP INDEX refs_of_commit;
    CREATE INDEX refs_of_commit ON refs (commit_id);
    """,
    """
    CREATE TABLE comparisons (
        job_id  TEXT PRIMARY KEY NOT NULL REFERENCES jobs (id),
        made_at TEXT NOT NULL,
        brief   TEXT NOT NULL CHECK (json_valid(brief)),
        whole   TEXT NOT NULL CHECK (json_valid(whole))
    ) STRICT;
    """,
    """
    ALTER TABLE jobs ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0 CHECK (crashes >= 0);
    """,
    """
    UPDATE datasets SET updated_at = max(updated_at, coalesce(
        (SELECT max(updated_at) FROM refs WHERE refs.dataset_id = datasets.id), ''));
    CREATE INDEX datasets_changed ON datasets (updated_at, id) WHERE removed_at IS NULL;
    """,
)
"""The script that leads from version 1 to 2, from 2 to 3, and so on. ``schema.sql`` is the newest
version; a change of it comes with a script here that makes the same change."""

NEWEST_VERSION = len(MIGRATIONS) + 1


def schema_script() -> str:
    """``schema.sql``, which lies beside the ``storage`` package, in a checkout as installed."""
    (package_dir,) = storage.__path__
    return (Path(package_dir).parent / "schema.sql").read_text(encoding="utf-8")


def bring_up_to_date(
    connection: sqlite3.Connection, migrations: Sequence[str] = MIGRATIONS
) -> None:
    """Create the schema in an empty database, or lead an older one forward.

    Raises
    ------
    NewerSchema
        The database comes from a newer version of the product.
    UnknownSchema
        The database holds tables of another program.
    """
    newest = len(migrations) + 1
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > newest:
        raise NewerSchema(
            f"The database has schema version {version}, this jobsvc knows {newest}. "
            "Install the version of jobsvc that wrote it, or a newer one."
        )
    if version == 0:
        (objects,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if objects:
            raise UnknownSchema(
                "The database isn't one of jobsvc: it holds tables, but no schema version."
            )
        _run(connection, schema_script(), newest)
        return
    for step in range(version, newest):
        _run(connection, migrations[step - 1], step + 1)


def _run(connection: sqlite3.Connection, script: str, version: int) -> None:
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{script};\nPRAGMA user_version = {version:d};\nCOMMIT;"
        )
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
