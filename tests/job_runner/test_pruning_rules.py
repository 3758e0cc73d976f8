"""The rules of a prune, one by one, and how it goes on beside other work."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

import job_runner.pruning
import storage.pruning
from domain_errors import DomainError
from job_runner.acceptance import Submission
from job_runner.lifecycle import retry
from job_runner.pruning import prune
from parquet_tables.database import ParquetDatabase
from storage.backup import back_up, restore
from storage.checking import check
from storage.comparisons import keep_comparison, kept_comparison
from storage.data_directory import DataDirectory
from storage.errors import FilesInUse, NotFound
from storage.jobs import get_job
from storage.new_jobs import NewJob, insert_job
from storage.prune_report import Report
from storage.tokens import Kind, issue_token, open_sign_in_link
from tests.job_runner.prune_world import Interruptions, World, new_world


def counts(report: Report) -> dict[str, int]:
    return {tally.kind: tally.count for tally in report.tallies if tally.count}


def test_a_deleted_sample_stays_for_some_days_and_then_goes_but_its_source_stays(
    world: World,
) -> None:
    source = world.import_at_once(1)
    sample = world.sample_at_once(source, 2)
    world.pass_days(100)
    world.delete(*world.ref_of(sample))
    world.pass_days(9)
    assert counts(world.prune_and_check()) == {"idempotency_keys": 2, "log_entries": 6}
    world.pass_days(2)
    report = world.prune_and_check()
    assert counts(report) == {"commits": 1, "data_files": 2, "jobs": 1}
    assert report["commits"].examples[0].id == sample
    assert report["data_files"].size_bytes == len("content 2") + len("left 2")
    assert report["jobs"].examples[0].name == "sampling, completed, smpl-s3"
    assert report["jobs"].examples[0].dataset_name == "dataset 1"
    assert set(world.commits) == {source}


def test_a_ref_that_comes_back_in_time_keeps_everything(world: World) -> None:
    sample = world.sample_at_once(world.import_at_once(1), 2)
    world.pass_days(50)
    world.delete(*world.ref_of(sample))
    world.pass_days(9)
    world.name(sample)
    world.pass_days(50)
    assert "commits" not in counts(world.prune_and_check())


def test_a_job_whose_sample_goes_earlier_stays_and_its_log_says_what_went(
    parquet: ParquetDatabase,
) -> None:
    with new_world(parquet, keep_jobs_days=0) as world:
        world.new_dataset()
        sample = world.sample_at_once(world.import_at_once(1), 2)
        (job_id,) = (key for key, job in world.jobs.items() if job.output == sample)
        world.delete(*world.ref_of(sample))
        world.pass_days(11)
        assert counts(world.prune_and_check())["commits"] == 1
        assert world.log_of(job_id)[-1] == f"pruned, since no ref reached it: commit {sample}"
        with world.service.database.read() as tx:
            job = get_job(tx, job_id)
        assert (job.status, job.output_commit_id) == ("completed", None)
        assert job.output_summary is not None
        assert job.output_summary["output_commit_id"] == sample


@pytest.mark.parametrize("days", [0, 20])
def test_a_result_that_never_had_a_ref_stays_with_its_job(
    parquet: ParquetDatabase, days: int
) -> None:
    with new_world(parquet, keep_jobs_days=days) as world:
        world.new_dataset()
        world.ask_for_result(world.import_at_once(1))
        result = world._done_at_once(2, residual=False)
        world.pass_days(19)
        assert "commits" not in counts(world.prune_and_check())
        assert result in world.commits
        world.pass_days(2)
        world.prune_and_check()
        assert (result in world.commits) == (days == 0)


def test_without_settings_only_what_has_ended_and_stray_files_go(
    parquet: ParquetDatabase,
) -> None:
    never = dict.fromkeys(job_runner.pruning.SETTINGS, 0)
    with new_world(parquet, **never) as world:
        world.new_dataset()
        world.delete(*world.ref_of(world.sample_at_once(world.import_at_once(1), 2)))
        world.fail_at_once()
        world.new_dataset()
        world.remove(2)
        world.pass_days(1000)
        before = world._contents()
        report = prune(world.service, dry_run=False).report
        assert counts(report) == {"idempotency_keys": 3, "data_files": 1}
        left = world._contents()
        assert len(before.pop("files") - left.pop("files")) == 1  # the failed import's
        assert left == before


def test_a_job_that_waits_keeps_its_source_whatever_became_of_the_ref(world: World) -> None:
    sample = world.sample_at_once(world.import_at_once(1), 2)
    world.ask_for_sample(sample)
    world.ask_for_sample(sample)
    world.start(3, residual=True)
    world.delete(*world.ref_of(sample))
    world.pass_days(30)
    assert "commits" not in counts(world.prune_and_check())
    world.end(world.attempts[0], completes=True)
    world.prune_and_check()
    assert sample in world.commits


def test_a_job_keeps_what_it_is_to_compare_its_source_with(world: World) -> None:
    source = world.import_at_once(1)
    other = world.sample_at_once(source, 2)
    world.ask_for_comparison(source, other)
    world.delete(*world.ref_of(other))
    world.pass_days(30)
    assert "commits" not in counts(world.prune_and_check())
    assert world.start(3, residual=False)
    assert "commits" not in counts(world.prune_and_check())
    world.end(world.attempts[0], completes=False)
    assert counts(world.prune_and_check())["commits"] == 1
    assert other not in world.commits


@pytest.mark.parametrize(
    "comes", ["a ref", "a ref that goes again", "a job", "a running job", "a comparison"]
)
def test_a_commit_that_is_asked_for_while_a_prune_goes_on_stays(
    world: World, monkeypatch: pytest.MonkeyPatch, comes: str
) -> None:
    sources = [world.import_at_once(1) for _ in range(2)]
    samples = [world.sample_at_once(sources[at], 2 + at) for at in range(2)]
    for sample in samples:
        world.delete(*world.ref_of(sample))
    world.pass_days(30)
    monkeypatch.setattr(storage.pruning, "BATCH", 1)
    come = [samples[0]]

    def happening() -> None:
        if not come:
            return
        sample = come.pop()
        if comes.startswith("a ref"):
            world.name(sample)
            if comes.endswith("again"):
                world.delete(*world.ref_of(sample))
        elif comes == "a comparison":
            world.ask_for_comparison(sources[0], sample)
        else:
            world.ask_for_sample(sample)
            if comes == "a running job":
                world.start(5, residual=True)

    world.prune_while(happening)
    assert samples[0] in world.commits
    assert samples[1] not in world.commits


def test_a_job_for_a_commit_that_has_just_gone_is_refused(world: World) -> None:
    sample = world.sample_at_once(world.import_at_once(1), 2)
    world.delete(*world.ref_of(sample))
    world.pass_days(11)
    world.prune_and_check()
    new = NewJob("late", "sampling", 1, world.user.id, sample, {})
    with (
        pytest.raises(NotFound, match="no commit"),
        world.service.database.write() as tx,
    ):
        insert_job(tx, new, world.service.clock, 100)


def test_a_retry_outlives_the_job_that_it_repeats_and_says_so(world: World) -> None:
    failed = world.fail_at_once()
    world.pass_days(15)
    world.retry(failed)
    (again,) = set(world.jobs) - {failed}
    world.pass_days(10)
    assert counts(world.prune_and_check())["jobs"] == 1
    with world.service.database.read() as tx:
        assert get_job(tx, again).retry_of is None
    assert world.log_of(again)[-1] == f"pruned: the job that this one repeats, {failed}"


def test_a_pruned_job_cannot_be_done_again(world: World) -> None:
    failed = world.fail_at_once()
    with world.service.database.read() as tx:
        job = get_job(tx, failed)
    world.pass_days(30)
    world.prune_and_check()
    with pytest.raises(NotFound):
        retry(world.service, Submission(world.user), job)


def test_files_of_failed_imports_go_after_some_days_and_strays_after_one(world: World) -> None:
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
    kept = sorted(path.name for path in counts_dir.iterdir())
    assert kept == [f"{of_source}-1.parquet", f"{of_source}-3.json"]


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


def test_a_prune_that_is_cut_short_goes_on_with_the_next_call(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = world.import_at_once(1)
    for number in range(5):
        world.delete(*world.ref_of(world.sample_at_once(source, number)))
    world.pass_days(30)
    looked = counts(prune(world.service, dry_run=True).report)
    monkeypatch.setattr(storage.pruning, "BATCH", 2)
    # Stopped after its first step, each time anew.
    service = replace(world.service, stopping=Interruptions(lambda: None, stops=True))
    done: Counter[str] = Counter()
    calls = 0
    complete = False
    while not complete:
        one = prune(service, dry_run=False)
        done.update(counts(one.report))
        calls, complete = calls + 1, one.complete
        assert check(world.service.directory, lambda done, what: None).faults == ()
    assert done == looked
    assert looked["commits"] == 5
    assert calls > 5


def test_a_service_that_stops_ends_the_call(world: World) -> None:
    world.fail_at_once()
    world.pass_days(30)
    world.service.stopping.set()
    assert not prune(world.service, dry_run=False).complete


def test_a_prune_goes_alone_and_not_beside_a_check(world: World) -> None:
    world.fail_at_once()
    world.pass_days(30)
    refused: list[DomainError] = []

    def happening() -> None:
        with pytest.raises(FilesInUse) as caught:
            prune(world.service, dry_run=False)
        refused.append(caught.value)

    prune(replace(world.service, stopping=Interruptions(happening)), dry_run=False)
    assert "another prune" in refused[0].message
    with world.service.directory.files_lock.reading():
        prune(world.service, dry_run=True)
        with pytest.raises(FilesInUse):
            prune(world.service, dry_run=False)


def test_a_backup_that_has_begun_gets_every_file_that_it_needs(
    world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("backup")
    sample = world.sample_at_once(world.import_at_once(1), 2)
    world.delete(*world.ref_of(sample))
    world.pass_days(30)
    begun, go_on = threading.Event(), threading.Event()

    def told(fraction: float, what: str) -> None:
        begun.set()
        assert go_on.wait(30)

    def make() -> None:
        back_up(world.service.directory, folder / "backup.tar", told)

    thread = threading.Thread(target=make)
    thread.start()
    assert begun.wait(30)
    with pytest.raises(FilesInUse, match="backup"):
        prune(world.service, dry_run=False)
    go_on.set()
    thread.join(30)
    report = world.prune_and_check()
    assert counts(report)["data_files"] == 2
    restored = DataDirectory(folder / "restored")
    findings = restore(folder / "backup.tar", restored, lambda done, what: None)
    assert (findings.commits, findings.files, findings.faults) == (2, 3, ())


def test_the_room_that_rows_took_is_given_back_to_the_disk(world: World) -> None:
    world.import_at_once(1)
    path = world.service.directory.database_path
    with world.service.database.write() as tx:
        (job_id,) = world.jobs
        rows = [(job_id, f"2025-01-01T{number:08}", "x" * 500) for number in range(10_000)]
        tx.executemany("INSERT INTO job_log (job_id, at, message) VALUES (?, ?, ?)", rows)
    world.service.database.empty_log()
    full = path.stat().st_size
    world.pass_days(30)
    assert counts(world.prune_and_check())["log_entries"] == 10_003
    assert path.stat().st_size < full / 10
    assert path.with_name("jobsvc.sqlite3-wal").stat().st_size == 0


def test_a_jobs_comparison_goes_with_the_job_and_not_before(world: World) -> None:
    sample = world.sample_at_once(world.import_at_once(1), 2)
    (job_id,) = (key for key, job in world.jobs.items() if job.output == sample)
    whole = {"verdict": "alike"}
    with world.service.database.write() as tx:
        keep_comparison(tx, job_id, whole, whole, world.service.clock)
        keep_comparison(tx, "no such job", whole, whole, world.service.clock)
    world.delete(*world.ref_of(sample))
    world.pass_days(9)
    world.prune_and_check()
    with world.service.database.read() as tx:
        kept = kept_comparison(tx, job_id)
        assert kept is not None
        assert kept["verdict"] == "alike"
        assert get_job(tx, job_id).output_summary == {
            **json.loads(get_job(tx, job_id).output_summary_json or ""),
            "comparison": whole,
        }
        assert kept_comparison(tx, "no such job") is None
    world.pass_days(100)
    world.prune_and_check()
    assert job_id not in world.jobs
    with world.service.database.read() as tx:
        assert kept_comparison(tx, job_id) is None
