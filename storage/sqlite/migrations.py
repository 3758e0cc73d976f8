"""Create the schema, migrate an older database, and refuse other versions.

SQLite's ``user_version`` is the schema's version. It changes in the transaction of the migration,
so that a crash leaves the old version or the next one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
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
    NewerSchema
        A newer version of jobsvc wrote the database.
    OlderSchema
        The database is older than ``OLDEST_VERSION``.
    UnknownSchema
        The database has tables of another program.
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
