"""A prune during other work: requested data stays, and the prune can stop and continue."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace

import pytest

from application.administration.pruning import prune
from domain_errors import DomainError
from storage.errors import FilesInUse, NotFound
from storage.jobs.submission import NewJob, insert_job
from storage.maintenance.backup import back_up, restore
from storage.maintenance.checking import check
from storage.maintenance.data_directory import DataDirectory
from storage.maintenance.pruning import PruneLimits
from tests.job_runner.prune_world import Interruptions, World, counts


@pytest.mark.parametrize(
    "comes", ["a ref", "a ref that goes again", "a job", "a running job", "a comparison", "a query"]
)
def test_a_commit_requested_during_a_prune_stays(world: World, comes: str) -> None:
    sources = [world.import_at_once(1) for _ in range(2)]
    samples = [world.sample_at_once(sources[at], 2 + at) for at in range(2)]
    for sample in samples:
        world.delete(*world.ref_of(sample))
    world.pass_days(30)
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
        elif comes == "a query":
            world.ask_for_query(sources[0], sample)
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
        pytest.raises(NotFound, match=r"Commit .* not found"),
        world.service.database.write() as tx,
    ):
        insert_job(tx, new, world.service.clock, 100)


def test_a_prune_that_is_cut_short_goes_on_with_the_next_call(world: World) -> None:
    source = world.import_at_once(1)
    for number in range(5):
        world.delete(*world.ref_of(world.sample_at_once(source, number)))
    world.pass_days(30)
    looked = counts(prune(world.service, dry_run=True).report)
    # Stopped after its first step, each time anew.
    service = replace(
        world.service,
        stopping=Interruptions(lambda: None, stops=True),
        prune_limits=PruneLimits(rows=2),
    )
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

    def on_progress(fraction: float, what: str) -> None:
        begun.set()
        assert go_on.wait(30)

    def make() -> None:
        back_up(world.service.directory, folder / "backup.tar", on_progress)

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
