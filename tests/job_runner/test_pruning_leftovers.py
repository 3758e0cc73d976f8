"""A prune of uploads, caches, tokens, logs, comparisons and free pages of the database."""

from __future__ import annotations

import json
import os
import sqlite3
from datetime import timedelta

import pytest

from application.administration.pruning import prune
from parquet_tables.columns import Column
from storage.accounts.tokens import Kind, issue_token, open_sign_in_link
from storage.audit.sample_values import NewValues, insert_values, list_values
from storage.jobs.jobs import get_comparison, get_job, store_comparison
from storage.jobs.publishing import job_with_output
from storage.maintenance.checking import check
from tests.job_runner.prune_world import World, counts


def test_files_of_failed_imports_and_orphans_are_pruned(world: World) -> None:
    world.fail_at_once()
    uploads = world.service.directory.uploads_dir
    for name, days in (("incoming-1", 2), ("no-job-yet", 0.5), ("no-job", 2)):
        (uploads / name).write_text("12345")
        written = (world.now - timedelta(days=days)).timestamp()
        os.utime(uploads / name, (written, written))
    world.pass_days(0.25)
    report = prune(world.service, dry_run=False).report
    assert counts(report) == {"uploads": 1, "data_files": 1}
    assert report["uploads"].size_bytes == 5
    assert {path.name for path in uploads.iterdir()} == {"incoming-1", "no-job-yet", "i2"}
    world.pass_days(5)
    looked = prune(world.service, dry_run=True).report
    assert {one.name for one in looked["uploads"].examples} == {"a.csv", "no-job-yet"}
    assert counts(prune(world.service, dry_run=False).report)["uploads"] == 2
    assert [path.name for path in uploads.iterdir()] == ["incoming-1"]


def test_counts_go_with_their_table_or_when_nobody_uses_them(world: World) -> None:
    source = world.import_at_once(1)
    sample = world.sample_at_once(source, 2, residual=False)
    counts_dir = world.service.directory.counts_dir
    (of_source,), (of_sample,) = (world.commits[one].files for one in (source, sample))
    for name, days in (
        (f"{of_source}-1.parquet", 0),
        (f"{of_source}-2.parquet", 80),
        (f"{of_sample}-1.parquet", 0),
        ("0" * 64 + ".parquet", 0),
        (f"{of_source}-1.parquet.0.part", 0),
        (f"{of_source}-3.json", 0),
        (f"{of_source}-4.json", 80),
        (f"{of_sample}-3.json", 0),
    ):
        (counts_dir / name).write_text("123")
        used = (world.now - timedelta(days=days)).timestamp()
        os.utime(counts_dir / name, (used, used))
    world.delete(*world.ref_of(sample))
    world.pass_days(11)
    assert counts(world.prune_and_check())["counts"] == 6
    remaining = sorted(path.name for path in counts_dir.iterdir())
    assert remaining == [f"{of_source}-1.parquet", f"{of_source}-3.json"]


def test_tokens_and_links_that_have_ended_go_and_others_stay(world: World) -> None:
    database, clock = world.service.database, world.service.clock
    with database.write() as tx:
        lifetimes: dict[Kind, timedelta | None] = {
            "session": timedelta(1),
            "operator": timedelta(9),
            "named": None,
        }
        for kind, lifetime in lifetimes.items():
            issue_token(
                tx,
                world.user.id,
                kind=kind,
                name="x",
                scope="read",
                lifetime=lifetime,
                clock=clock,
            )
        open_sign_in_link(tx, world.user.id, timedelta(1), clock)
    world.pass_days(0.5)
    assert counts(world.prune_and_check()) == {}
    world.pass_days(1)
    assert counts(world.prune_and_check()) == {"tokens": 1, "sign_in_links": 1}
    with database.read() as tx:
        assert tx.execute("SELECT count(*) FROM tokens").fetchone()[0] == 2


def test_old_entries_of_logs_go_and_their_jobs_stay(world: World) -> None:
    world.import_at_once(1)
    (job_id,) = world.jobs
    world.pass_days(16)
    report = world.prune_and_check()
    assert counts(report) == {"log_entries": 3, "idempotency_keys": 1}
    assert world.log_of(job_id) == []
    assert report["log_entries"].oldest is not None
    assert report["log_entries"].oldest < (report["log_entries"].newest or "")


def test_the_room_that_rows_took_is_given_back_to_the_disk(world: World) -> None:
    world.import_at_once(1)
    path = world.service.directory.database_path
    with world.service.database.write() as tx:
        (job_id,) = world.jobs
        rows = [(job_id, f"2025-01-01T{number:08}", "x" * 500) for number in range(20_000)]
        tx.executemany("INSERT INTO job_log (job_id, at, message) VALUES (?, ?, ?)", rows)
    world.service.database.truncate_log()
    full = path.stat().st_size
    world.pass_days(30)
    assert counts(world.prune_and_check())["log_entries"] == 20_003
    assert path.stat().st_size < full / 10
    assert path.with_name("jobsvc.sqlite3-wal").stat().st_size == 0


def test_a_jobs_comparison_goes_with_the_job_and_not_before(world: World) -> None:
    sample = world.sample_at_once(world.import_at_once(1), 2)
    (job_id,) = (key for key, job in world.jobs.items() if job.output == sample)
    whole = {"outcome": "representative"}
    with world.service.database.write() as tx:
        store_comparison(tx, job_id, whole, whole, world.service.clock)
        store_comparison(tx, "no such job", whole, whole, world.service.clock)
    world.delete(*world.ref_of(sample))
    world.pass_days(9)
    world.prune_and_check()
    with world.service.database.read() as tx:
        stored = get_comparison(tx, job_id)
        assert stored is not None
        assert stored["outcome"] == "representative"
        assert get_job(tx, job_id).output_summary == {
            **json.loads(get_job(tx, job_id).output_summary_json or ""),
            "comparison": whole,
        }
        assert get_comparison(tx, "no such job") is None
    world.pass_days(100)
    world.prune_and_check()
    assert job_id not in world.jobs
    with world.service.database.read() as tx:
        assert get_comparison(tx, job_id) is None


def test_uploaded_values_are_deleted_with_their_sample(world: World) -> None:
    service = world.service
    sample = world.sample_at_once(world.import_at_once(1), 2, residual=False)
    dataset_id, name = world.ref_of(sample)
    written = service.directory.scratch_dir / "values"
    written.write_text("values")
    with service.hold_files() as adopt, service.database.write() as tx:
        job = job_with_output(tx, dataset_id, sample)
        assert job is not None
        new = NewValues("r.csv", "0" * 64, ["id"], [Column("x", "BIGINT")], [], adopt(written, 2))
        assert insert_values(tx, job.id, dataset_id, world.user.id, new, service.clock) == 1
        with pytest.raises(sqlite3.IntegrityError, match="never change"):
            tx.execute("UPDATE sample_values SET number = 2")
    path = service.data_files.path(new.file.sha256)
    prune(service, dry_run=False)
    findings = check(service.directory, lambda done, what: None)
    assert (findings.faults, path.exists()) == ((), True)
    path.chmod(0o600)
    path.write_text("VALUES")
    (fault,) = check(service.directory, lambda done, what: None).faults
    assert fault.what == f"file {new.file.sha256}"
    world.delete(dataset_id, name)
    world.pass_days(21)
    assert counts(prune(service, dry_run=False).report)["data_files"] == 2
    assert not path.exists()
    with service.database.read() as tx:
        assert list_values(tx, job.id) == []
