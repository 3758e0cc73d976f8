"""The rules by which commits and jobs stay or go, one by one."""

from __future__ import annotations

import pytest

import application.administration.pruning
from application.administration.pruning import prune
from application.job_submission import Submission
from application.lifecycle import retry
from parquet_tables.database import ParquetDatabase
from storage.errors import NotFound
from storage.jobs.jobs import get_job
from storage.jobs.publishing import job_with_output
from tests.job_runner.prune_world import World, counts, new_world


def test_a_deleted_sample_is_pruned_but_not_its_source(
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


def test_an_old_job_stays_while_a_ref_reaches_its_sample(world: World) -> None:
    """A draw from the sample asks the job for its seeds."""
    sample = world.sample_at_once(world.import_at_once(1), 2)
    dataset_id, name = world.ref_of(sample)
    world.delete(dataset_id, name)
    world.name(sample)
    world.pass_days(100)
    world.prune_and_check()
    with world.service.database.read() as tx:
        job = job_with_output(tx, dataset_id, sample)
    assert job is not None
    assert (job.run_type, job.output_commit_id) == ("sampling", sample)


def test_a_jobs_log_records_its_pruned_sample(
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
    never = dict.fromkeys(application.administration.pruning.SETTINGS, 0)
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


def test_a_waiting_job_retains_its_source_without_a_ref(world: World) -> None:
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


def test_a_pruned_job_cannot_be_retried(world: World) -> None:
    failed = world.fail_at_once()
    with world.service.database.read() as tx:
        job = get_job(tx, failed)
    world.pass_days(30)
    world.prune_and_check()
    with pytest.raises(NotFound):
        retry(world.service, Submission(world.user), job)
