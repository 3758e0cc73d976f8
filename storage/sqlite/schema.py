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
from storage.errors import NewerSchema, OlderSchema, UnknownSchema, UnmigratedSchema

OLDEST_VERSION = 14
"""The oldest schema that this version opens."""
LAST_RELEASE_OF_OLDER = "0.1.0"
"""The version of jobsvc that migrates older schemas to ``OLDEST_VERSION``."""


def schema_script() -> str:
    """Return ``schema.sql``, which is in the folder of the ``storage`` package."""
    (package_dir,) = storage.__path__
    return (Path(package_dir).parent / "schema.sql").read_text(encoding="utf-8")


Objects = dict[tuple[str, str], str]
"""Each object's SQL, by the object's type and name, in the order of their creation."""


@cache
def _expected() -> Objects:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(schema_script())
        return _objects(connection)


def _objects(connection: sqlite3.Connection) -> Objects:
    rows = connection.execute(
        "SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite@_%' "
        "ESCAPE '@' ORDER BY rowid"
    )
    return {(kind, name): sql for kind, name, sql in rows}


def _created(*names: str) -> str:
    """Build the statements of ``schema.sql`` that create some objects, in its order."""
    return ";\n".join(sql for (_, name), sql in _expected().items() if name in names)


def _created_again(table: str, *others: str, columns: str = "") -> str:
    """Build the statements that create a table again with its rows, since a CHECK can't change.

    The columns are the same, or those before the change. A table with AUTOINCREMENT gives no id
    twice.
    """
    return f"""
    CREATE TEMP TABLE copied_rows AS SELECT {columns or "*"} FROM {table};
    CREATE TEMP TABLE copied_sequence AS
        SELECT name, seq FROM sqlite_sequence WHERE name = '{table}';
    DROP TABLE {table};
    {_created(table, *others)};
    INSERT INTO {table} {columns and f"({columns})"} SELECT * FROM copied_rows ORDER BY 1, 2;
    DELETE FROM sqlite_sequence WHERE name = '{table}';
    INSERT INTO sqlite_sequence (name, seq) SELECT name, seq FROM copied_sequence;
    DROP TABLE copied_rows;
    DROP TABLE copied_sequence;
    """


_SCHEDULES_OF_15 = """
    CREATE TABLE schedules (
        id           INTEGER PRIMARY KEY AUTOINCREMENT,
        dataset_id   INTEGER NOT NULL REFERENCES datasets (id),
        user_id      INTEGER NOT NULL REFERENCES users (id),
        name         TEXT NOT NULL CHECK (name <> ''),
        run_type     TEXT NOT NULL CHECK (run_type IN ('sampling', 'profiling')),
        request      TEXT NOT NULL CHECK (json_valid(request)),
        cron         TEXT NOT NULL,
        zone         TEXT NOT NULL,
        misfire      TEXT NOT NULL CHECK (misfire IN ('run', 'skip')),
        created_at   TEXT NOT NULL,
        counted_from TEXT NOT NULL,
        next_run_at  TEXT NOT NULL,
        paused_at    TEXT,
        last_run_at  TEXT,
        last_job_id  TEXT,
        problem      TEXT CHECK (json_valid(problem)),
        job_id       TEXT NOT NULL,
        exclude_drawn_by TEXT NOT NULL
                     CHECK (json_valid(exclude_drawn_by)),
        CHECK (run_type = 'sampling' OR exclude_drawn_by = '[]')
    ) STRICT
"""
_LEDGER = (
    *("ledger_entries", "ledger_entries_of_job", "ledger_entries_of_plan"),
    *("ledger_entries_follow", "ledger_entries_never_change", "ledger_entries_never_shrink"),
)
_ENGAGEMENTS = (
    *("engagements", "engagements_of_user", "engagement_members", "engagement_members_of_user"),
    *("engagement_datasets", "engagement_datasets_of_dataset"),
    *("engagement_samples", "engagement_samples_of_engagement"),
)
_FINDINGS = ("findings", "findings_of_row", "findings_never_change")
_COMBINED_PAPERS = (
    *("combined_papers", "combined_papers_file", "combined_papers_never_change"),
    *("combined_paper_samples", "combined_paper_samples_of_paper"),
)
_NEEDED_FILES_OF_15 = """
    CREATE VIEW needed_files AS
    SELECT sha256, dataset_id FROM commit_files
    UNION ALL
    SELECT sha256, dataset_id FROM sample_values
"""
_NEW_IN_15 = _created(
    *("jobs_listed", "jobs_listed_of_dataset", "jobs_listed_of_user", "jobs_listed_of_status"),
    *("jobs_unresolved", "refs_changed", "bin", "bin_of_commit", "bin_deleted_at"),
    "identities",
    *("groups", "groups_name", "group_members", "group_members_of_user"),
    *("group_permissions", "group_permissions_of_group", "dataset_access"),
    *("groups_everyone_stays", "groups_everyone_has_its_name"),
    *_FINDINGS,
    *("replacements", "replacements_never_change"),
    *("reviews", "reviews_of_job", "reviews_never_change"),
    "tested_attributes",
    *("audit_conclusions", "audit_conclusions_of_job", "audit_conclusions_never_change"),
    *("sample_values", "sample_values_file", "sample_values_never_change"),
    *("connections", "connections_name", "connections_keep_their_names"),
    *("connection_users", "connection_groups", "connection_groups_of_group"),
    *("signing_keys", "signing_keys_never_change", "signing_keys_never_shrink"),
    *("row_roots", "row_roots_never_change"),
    *("certificates", "certificates_never_change"),
    *("receivers", "receivers_of_user", "receivers_email"),
    *("deliveries", "deliveries_of_receiver", "deliveries_due"),
    *("jobs_notify_receivers", "reviews_notify_receivers", "schedules_notify_receivers"),
    *("schedules_name", "schedules_of_user"),
    "jobs_of_schedule",
    *_LEDGER,
)
_COLUMNS_OF_18 = (
    "id, job_id, row_id, outcome, audit_value, note, deviations, cause, cause_text, user_id, at"
)
"""Of the findings."""
_PROGRESS_OF_SAMPLES = """
    INSERT INTO sample_progress (job_seq, job_id, user_id, drawn, replaced, examined, exceptions,
                                 not_examinable, last_action, last_at, is_audit)
    SELECT jobs.seq, jobs.id, jobs.user_id,
           coalesce(jobs.output_summary ->> '$.total_sampled', 0),
           (SELECT count(*) FROM replacements WHERE replacements.job_id = jobs.id),
           coalesce(examined, 0), coalesce(exceptions, 0), coalesce(not_examinable, 0),
           coalesce(reviews.action, ''), reviews.at,
           jobs.run_parameters ->> '$.rounds[0].goal.materiality' IS NOT NULL
               OR EXISTS (SELECT 1 FROM engagement_samples
                          WHERE engagement_samples.job_id = jobs.id)
               OR examined IS NOT NULL AND NOT EXISTS (
                   SELECT 1 FROM review_questions WHERE review_questions.job_id = jobs.id
                       AND body ->> '$.questions' <> '[]')
    FROM jobs
    LEFT JOIN (
        SELECT job_id, count(*) AS examined, sum(outcome IS 'exception') AS exceptions,
               sum(outcome IS 'not_examinable') AS not_examinable
        FROM findings
        WHERE id IN (SELECT max(id) FROM findings WHERE reading <> 'second'
                     GROUP BY job_id, row_id)
        GROUP BY job_id
    ) AS counted ON counted.job_id = jobs.id
    LEFT JOIN reviews ON reviews.id = (SELECT max(id) FROM reviews AS steps
                                       WHERE steps.job_id = jobs.id)
    WHERE jobs.run_type = 'sampling'
"""
PROGRESS_TRIGGERS = (
    *("jobs_begin_progress", "jobs_note_drawn", "findings_note_progress"),
    *("replacements_note_progress", "reviews_note_progress", "engagement_samples_note_progress"),
)
MIGRATIONS: Sequence[str] = (
    f"""
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
    ALTER TABLE jobs ADD COLUMN dismissed_at TEXT
        CHECK (dismissed_at IS NULL OR status = 'failed');
    ALTER TABLE jobs ADD COLUMN schedule_id INTEGER;
    {_SCHEDULES_OF_15};
    {_NEW_IN_15};
    {_NEEDED_FILES_OF_15};
    INSERT INTO groups (id, name, created_at)
    VALUES (1, 'everyone', strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000+00:00');
    """,
    """
    ALTER TABLE tokens ADD COLUMN last_used_at TEXT;
    ALTER TABLE datasets ADD COLUMN
        require_columns INTEGER NOT NULL DEFAULT 0 CHECK (require_columns IN (0, 1));
    """,
    _created("row_keys", "panels", "panels_name", "panels_of_user", "jobs_of_panel"),
    _created(
        *("data_contracts", "kept_apart", "kept_apart_of_dataset"),
        *("schedule_runs", "schedule_runs_of_schedule", "schedule_runs_open"),
        *("invitations", "invitations_address"),
        *("invitation_groups", "invitation_groups_of_group"),
        *("user_quotas", "dataset_quotas", "commits_of_author"),
    )
    + ";\nALTER TABLE schedules ADD COLUMN source TEXT CHECK (json_valid(source))",
    # SQLite can't drop NOT NULL from a column, so the table of findings is created again.
    f"""
    DROP TRIGGER reviews_notify_receivers;
    {_created_again(*_FINDINGS, columns=_COLUMNS_OF_18)}
    {_created("reviews_notify_receivers")};
    {_created("review_questions", "reviewers", "reviewers_of_user")};
    {_created("reservations", "reservations_of_user")};
    """,
    _created("reconciliations", "reconciliations_of_table", "reconciliations_never_change"),
    _created(
        *("attachments", "attachments_of_row", "attachments_of_job", "attachments_file"),
        *("attachments_never_change", "attachments_keep_their_files"),
    ),
    _created("shown_columns"),
    # The view of needed files also has those of attachments and papers. The ledger has a new kind
    # of entry; SQLite can't change a CHECK, so it is created again.
    f"""
    {_created("paper_facts", "paper_facts_of_job", "paper_facts_never_change")};
    {_created("issued_papers", "issued_papers_file", "issued_papers_never_change")};
    DROP VIEW needed_files;
    {_created("needed_files")};
    {_created_again(*_LEDGER)}
    """,
    # Its kind of entry is in the CHECK that the script before creates.
    _created("evaluation_certificates", "evaluation_certificates_never_change"),
    _created("paper_templates", "paper_templates_never_change"),
    # Reviews, papers and certificates have a new state, and the ledger has a new kind.
    f"""
    {_created(*_ENGAGEMENTS)};
    DROP VIEW needed_files;
    DROP TRIGGER reviews_notify_receivers;
    {_created_again("reviews", "reviews_of_job", "reviews_never_change")}
    {_created_again("issued_papers", "issued_papers_file", "issued_papers_never_change")}
    {_created_again("evaluation_certificates", "evaluation_certificates_never_change")}
    {_created_again(*_LEDGER)}
    {_created("reviews_notify_receivers")};
    {_created("needed_files")};
    """,
    # The triggers come last, so that they count nothing twice.
    f"""
    {_created("sample_progress", "sample_progress_of_user", "sample_progress_of_action")};
    {_PROGRESS_OF_SAMPLES};
    {_created_again("tested_attributes", columns="job_id, position, name")}
    {_created("sample_preparers", "findings_of_user")};
    {_created(*PROGRESS_TRIGGERS)};
    """,
    _created("engagements_of_number", "hidden_engagements"),
    # The ledger has the entries of papers on several samples.
    f"""
    {_created(*_COMBINED_PAPERS)};
    {_created_again(*_LEDGER)}
    DROP VIEW needed_files;
    {_created("needed_files")};
    """,
    _created("jobs_of_continued"),
)
"""The scripts from ``OLDEST_VERSION`` to the next version, and so on. A change of ``schema.sql``
needs a script here that makes the same change. What the first script creates is as in
``schema.sql``; a script that changes one of these objects must first write it out there, unless it
creates the object again, as the last scripts do with findings and the ledger."""
NEWEST_VERSION = OLDEST_VERSION + len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Create the schema in an empty database, or run the missing migrations.

    Raises
    ------
    NewerSchema, OlderSchema, UnknownSchema
        The database is of a newer version, of one before ``OLDEST_VERSION``, or of another program.
    """
    newest = OLDEST_VERSION + len(migrations)
    if not connection.execute("SELECT 1 FROM sqlite_schema").fetchone() and not _version(
        connection
    ):
        _run(connection, schema_script(), newest)
        return
    for step in range(require_known_version(connection, newest), newest):
        _run(connection, migrations[step - OLDEST_VERSION], step + 1)


def require_known_version(connection: sqlite3.Connection, newest: int = NEWEST_VERSION) -> int:
    """Return the version of a schema that a start opens; see :func:`migrate` for errors."""
    version = _version(connection)
    if version > newest:
        raise NewerSchema(version=version, newest=newest)
    if version == 0:
        raise UnknownSchema(
            "The database has no schema version: it was emptied, or isn't one of jobsvc. Restore a "
            "backup."
        )
    if version < OLDEST_VERSION:
        raise OlderSchema(version=version, oldest=OLDEST_VERSION, release=LAST_RELEASE_OF_OLDER)
    return version


def require_newest_version(connection: sqlite3.Connection) -> None:
    """Require the version that statements are written for; see :func:`migrate` for errors.

    Raises
    ------
    UnmigratedSchema
        A start would migrate it.
    """
    version = require_known_version(connection)
    if version < NEWEST_VERSION:
        raise UnmigratedSchema(version=version, newest=NEWEST_VERSION)


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


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
    differing = list(differences(connection))
    if differing:
        more = f", and {len(differing) - MAX_LISTED} more" if len(differing) > MAX_LISTED else ""
        raise UnknownSchema(
            "The database's schema differs from that of this jobsvc: {differences}. Undo the "
            "change, or restore the data directory from a backup.",
            differences=", ".join(differing[:MAX_LISTED]) + more,
        )


def differences(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield a phrase for each object that is missing, unknown or different."""
    expected, present = _expected(), _objects(connection)
    for kind, name in sorted(expected.keys() | present.keys()):
        if (kind, name) not in present:
            yield f'the {kind} "{name}" is missing'
        elif (kind, name) not in expected:
            yield f'the {kind} "{name}" is unknown'
        elif not _same(present[kind, name], expected[kind, name]):
            yield f'the {kind} "{name}" differs'


def _same(sql: str, other: str) -> bool:
    """Whether two statements differ at most in comments and white space."""
    return sql == other or _tokens(sql) == _tokens(other)


def _tokens(sql: str) -> tuple[str, ...]:
    return tuple(token for token in _TOKEN.findall(sql) if token)
