"""A data directory of schema version 14 opens, and its draws replay to the same commits.

``data_directory_14.zip`` was written by version 0.1.0: a table of 240 rows, and a draw by each
method.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from service.settings import Settings
from storage.contents import DATABASE
from storage.jobs.jobs import get_job
from storage.maintenance.backup import restore
from storage.maintenance.checking import check
from storage.maintenance.data_directory import DataDirectory
from storage.sqlite.database import Transaction
from storage.sqlite.schema import NEWEST_VERSION, differences
from tests.support.live_server import LiveServer, live_server
from verifiers import verify_sample

DIRECTORY = Path(__file__).with_name("data_directory_14.zip")
DRAWS = (
    *("random", "reservoir", "systematic", "stratified", "sizes", "neyman"),
    *("cluster", "weighted", "rounds"),
)


@pytest.fixture
def old(tmp_path: Path) -> Iterator[LiveServer]:
    with zipfile.ZipFile(DIRECTORY) as archive:
        archive.extractall(tmp_path / "data")
    settings = Settings(data_dir=tmp_path / "data", memory_mb=256)
    with live_server(settings) as live:
        yield live


def test_old_directory_opens_whole(old: LiveServer) -> None:
    with old.service.database.read() as tx:
        assert tx.execute("PRAGMA user_version").fetchone()[0] == NEWEST_VERSION
        assert list(differences(tx)) == []
    assert check(old.service.directory, lambda done, what: None).faults == ()
    listed = old.admin.get("/api/jobs", params={"run_type": "sampling"}).json()
    assert listed["total"] == len(DRAWS)


def test_a_backup_of_an_older_version_is_migrated(tmp_path: Path) -> None:
    with zipfile.ZipFile(DIRECTORY) as archive:
        archive.extractall(tmp_path / "data")
    with tarfile.open(tmp_path / "backup.tar", "w") as packed:
        packed.add(tmp_path / "data" / DATABASE, DATABASE)
        for path in sorted((tmp_path / "data").glob("files/??/*.parquet")):
            packed.add(path, str(path.relative_to(tmp_path / "data")))
    again = DataDirectory(tmp_path / "again")
    found = restore(tmp_path / "backup.tar", again, lambda done, what: None)
    assert (found.commits, found.faults) == (10, ())
    with closing(sqlite3.connect(again.database_path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == NEWEST_VERSION


def test_old_draws_replay_to_the_same_commits(old: LiveServer) -> None:
    with old.service.database.write() as tx:
        draws = tx.execute(
            "SELECT id, output_commit_id FROM jobs WHERE run_type = 'sampling' ORDER BY seq"
        ).fetchall()
        own_files = [sha256 for draw in draws for sha256 in forget_result(tx, *draw)]
    for sha256 in own_files:
        old.service.data_files.path(sha256).unlink()
    old.service.wake_runner()
    for job_id, commit_id in draws:
        old.finished(job_id)
        with old.service.database.read() as tx:
            job = get_job(tx, job_id)
        assert (job.status, job.output_commit_id) == ("completed", commit_id), job
    assert check(old.service.directory, lambda done, what: None).faults == ()


def test_old_draws_get_certificates(old: LiveServer) -> None:
    jobs = old.admin.get("/api/jobs", params={"run_type": "sampling"}).json()["jobs"]
    keys = old.admin.get("/api/signing-keys").json()["keys"]
    for job in jobs:
        path = f"/api/sampling/jobs/{job['id']}/certificate"
        payload = base64.b64decode(old.admin.get(path).json()["payload"])
        predicate = json.loads(payload)["predicate"]
        assert (predicate["ledger"], predicate["engine"]["draw_version"]) == (None, 1)
        assert predicate["seed_origin"] == {"kind": "unknown"}
        files = {
            "certificate": old.admin.get(path).content,
            "key": keys[0]["public_key"].encode(),
            "sample": old.admin.get(f"{path}/sample").content,
            "data": old.admin.get(f"{path}/data").content,
        }
        report = verify_sample.as_data(verify_sample.verify_files(files))
        assert report["accepted"], report["reasons"]
        assert report["highest_level"] == "L2", report["not_reached"]
    found = old.admin.get(f"/api/datasets/{jobs[0]['dataset_id']}/ledger").json()
    assert (found["unrecorded_draws"], found["records_since"]) == (len(DRAWS), None)


def forget_result(tx: Transaction, job_id: str, commit_id: str) -> list[str]:
    """Let a completed job wait as if it had never run; return the files of its commit alone."""
    own_files = tx.execute(
        "SELECT sha256 FROM commit_files GROUP BY sha256 HAVING min(commit_id) = :commit"
        " AND max(commit_id) = :commit",
        {"commit": commit_id},
    ).fetchall()
    (guard,) = tx.execute(
        "SELECT sql FROM sqlite_schema WHERE name = 'jobs_final_is_final'"
    ).fetchone()
    tx.execute("DROP TRIGGER jobs_final_is_final")
    tx.execute(
        "UPDATE jobs SET status = 'pending', started_at = NULL, completed_at = NULL, progress = 0,"
        " attempt = 0, output_summary = NULL, output_commit_id = NULL WHERE id = ?",
        [job_id],
    )
    tx.execute(guard)
    for table, column in (("refs", "commit_id"), ("commit_files", "commit_id"), ("commits", "id")):
        tx.execute(f"DELETE FROM {table} WHERE {column} = ?", [commit_id])
    return [row["sha256"] for row in own_files]
