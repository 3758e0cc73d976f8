"""A database with as many jobs as one likes, filled by a few statements.

Used by ``benchmarks.history``. The jobs are spread over three years, hundreds of users and
datasets, every run type and status. Rows and indexes are those of the product; rows are inserted
in bulk, before the indexes and triggers of jobs.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from storage.sqlite.database import Database

USERS, DATASETS, OPEN_JOBS = 200, 300, 200

FILL_USERS = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :users)
INSERT INTO users (soeid, role_name, created_at)
SELECT printf('u%06d', n), iif(n = 1, 'admin', 'analyst'), '2022-01-01T00:00:00.000000+00:00'
FROM numbers
"""
# One dataset in fifty was removed, with the jobs that it had.
FILL_DATASETS = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :datasets)
INSERT INTO datasets (name, created_by, created_at, updated_at, removed_at)
SELECT 'Dataset ' || n, 1 + n % :users, '2022-01-01T00:00:00.000000+00:00',
       '2022-01-01T00:00:00.000000+00:00',
       iif(n % 50 = 49, '2025-01-01T00:00:00.000000+00:00', NULL)
FROM numbers
"""
FILL_COMMITS = """
INSERT INTO commits (dataset_id, id, author_id, message, created_at, manifest)
SELECT id, printf('%064x', id), created_by, 'Import', created_at, '{}' FROM datasets
"""
# Eight users work in a dataset: the k-th of dataset d is user(d, k).
USER = "2 + ((d - 1) * 7 + k * k * 13) % (:users - 1)"
FILL_PERMISSIONS = f"""
WITH RECURSIVE places (k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM places WHERE k < 7)
INSERT OR IGNORE INTO dataset_permissions (dataset_id, user_id, level)
SELECT d, {USER}, iif(k = 0, 'admin', 'write') FROM (SELECT id AS d FROM datasets), places
"""
# Numbers that look random, between 0 and 1, for each job. Busy datasets have many times the jobs of
# quiet ones, and in each some users do most of the work. The newest OPEN_JOBS wait or run.
FILL_JOBS = f"""
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :jobs),
dice AS (
    SELECT n, n * 2654435761 % 4294967291 / 4294967291.0 AS a,
           n * 2246822519 % 4294967279 / 4294967279.0 AS b,
           n * 3266489917 % 4294967231 / 4294967231.0 AS c,
           n * 668265263 % 4294967197 / 4294967197.0 AS e,
           strftime('%Y-%m-%dT%H:%M:%S', 1640995200 + n * 94694400.0 / :jobs, 'unixepoch')
           || '.000000+00:00' AS at
    FROM numbers
),
drawn AS (
    SELECT n, at,
           1 + iif(n > :jobs - :open, n % 40, CAST((:datasets - 1) * a * a * a AS INTEGER)) AS d,
           CAST(8 * b * b AS INTEGER) AS k,
           CASE WHEN c < 0.6 THEN 'sampling' WHEN c < 0.8 THEN 'profiling'
                WHEN c < 0.9 THEN 'import' ELSE 'exploration' END AS run_type,
           CASE WHEN n > :jobs - :open THEN iif(n % 40, 'pending', 'running')
                WHEN e < 0.08 THEN 'failed' ELSE 'completed' END AS status,
           CASE n % 20 WHEN 0 THEN printf('smpl-%08x', n / 20 * 48271 % 4294967296)
                       WHEN 1 THEN 'q1' WHEN 2 THEN 'q2' ELSE 'main' END AS source_ref
    FROM dice
)
INSERT INTO jobs (id, run_type, status, dataset_id, user_id, source_commit_id, run_parameters,
                  output_summary, output_commit_id, error_code, error_message, progress,
                  progress_message, attempt, created_at, started_at, completed_at)
SELECT lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4'
             || substr(hex(randomblob(2)), 2) || '-8' || substr(hex(randomblob(2)), 2) || '-'
             || hex(randomblob(6))),
       run_type, status, d, {USER}, iif(run_type = 'import', NULL, printf('%064x', d)),
       CASE run_type
       WHEN 'sampling' THEN '{{"source_ref": "' || source_ref || '", "table_key": "primary", '
            || '"rounds": [{{"round_number": 1, "method": "random", "parameters": '
            || '{{"sample_size": 1000, "seed": ' || n || '}}, "output_name": null, "filters": '
            || '{{"expression": "amount > 100 AND city = ''Springfield''"}}}}], '
            || '"export_residual": false, "output_ref": "smpl-' || printf('%08x', n * 40503)
            || '", "commit_message": "Sample of main, table primary", "request_digest": "'
            || printf('%064x', n) || '"}}'
       WHEN 'import' THEN '{{"ref": "main", "file_name": "sales.csv", "size_bytes": ' || n || '}}'
       ELSE '{{"source_ref": "' || source_ref || '", "table_key": "primary"}}' END,
       iif(status = 'completed', '{{"total_sampled": 1000, "rounds_completed": 1, "source_rows": '
           || n || ', "residual_rows": 5, "methods_used": ["random"], "rounds": [{{"round_number": '
           || '1, "method": "random", "eligible_rows": 5, "rows_sampled": 1000, "seed": ' || n
           || ', "order_version": 1, "warnings": []}}], "execution_time_seconds": 0.412, '
           || '"rows": 5, "columns": 4, "tables": [{{"rows": 5}}]}}', NULL),
       iif(status = 'completed' AND run_type IN ('sampling', 'import'), printf('%064x', d), NULL),
       iif(status = 'failed', 'cancelled', NULL), iif(status = 'failed', 'Cancelled.', NULL),
       iif(status = 'completed', 100, 0), iif(status = 'completed', 'completed', ''),
       status <> 'pending', at, iif(status = 'pending', NULL, at),
       iif(status IN ('completed', 'failed'), at, NULL)
FROM drawn
"""
FILL_LOG = """
INSERT INTO job_log (job_id, at, message)
SELECT jobs.id, created_at, step.value
FROM jobs CROSS JOIN json_each('["accepted", "started", "ended"]') AS step
WHERE status <> 'pending' OR step.key = 0
"""

REBUILT = ("jobs", "job_log")


def build_history(path: Path, jobs: int) -> None:
    """Make the database, whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    Database(partial).close()
    # Without a journal a failure leaves rubbish, which is thrown away.
    with closing(sqlite3.connect(partial, isolation_level=None)) as connection:
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000"):
            connection.execute(f"PRAGMA {setting}")
        put_aside = connection.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE tbl_name IN (?, ?) "
            "AND type IN ('index', 'trigger') AND sql IS NOT NULL",
            REBUILT,
        ).fetchall()
        for kind, name, _ in put_aside:
            connection.execute(f"DROP {kind} {name}")
        params = {"users": USERS, "datasets": DATASETS, "jobs": jobs, "open": OPEN_JOBS}
        for fill in (
            FILL_USERS,
            FILL_DATASETS,
            FILL_COMMITS,
            FILL_PERMISSIONS,
            FILL_JOBS,
            FILL_LOG,
        ):
            connection.execute(fill, params)
        for _, _, sql in put_aside:
            connection.executescript(sql)
        connection.execute("PRAGMA journal_mode = WAL")
    partial.rename(path)
