"""What a ref, a job or a sample needs outlives every prune, and the rest goes."""

from __future__ import annotations

import itertools
from contextlib import suppress
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parquet_tables.database import ParquetDatabase
from storage.errors import NotFound
from tests.job_runner.prune_world import World, new_world

HAPPENINGS = (
    *("new dataset", "import", "sample", "retry"),
    *("start", "start", "complete", "complete", "fail", "cancel"),
    *("import at once", "sample at once", "sample at once", "sample at once"),
    *("result", "result at once"),
    *("name", "delete ref", "delete ref", "delete ref", "remove dataset"),
    *("days pass", "days pass", "prune", "prune"),
)


def happen(world: World, what: str, a: int, b: int) -> None:
    """One step of a history; nothing, where there is nothing for it to happen to."""
    living = [key for key, one in world.commits.items() if one.dataset_id in world.present]
    open_jobs = [key for key, job in world.jobs.items() if job.ended_at is None]
    if what == "new dataset":
        world.new_dataset()
    elif what.startswith("import") and world.present:
        world.ask_for_import(world.present[a % len(world.present)])
    elif what.startswith("sample") and living:
        world.ask_for_sample(living[a % len(living)])
    elif what.startswith("result") and living:
        world.ask_for_result(living[a % len(living)])
    elif what == "retry":
        failed = [
            key
            for key, job in world.jobs.items()
            if job.state == "failed" and job.dataset_id in world.present
            if job.source is not None or key.startswith("i")
        ]
        if failed:
            world.retry(failed[a % len(failed)])
    elif what == "start":
        world.start(a % 4, residual=b % 2 == 0)
    elif what in ("complete", "fail") and world.attempts:
        world.end(world.attempts[a % len(world.attempts)], what == "complete")
    elif what == "cancel" and open_jobs:
        world.cancel(open_jobs[a % len(open_jobs)])
    elif what == "name" and living:
        world.name(living[a % len(living)])
    elif what == "delete ref":
        refs = [(key, name) for key in world.present for name in world.datasets[key].refs
                if name != "main"]  # fmt: skip
        if refs:
            world.delete(*refs[a % len(refs)])
    elif what == "remove dataset" and world.present:
        chosen = world.present[a % len(world.present)]
        if all(world.jobs[key].dataset_id != chosen for key in open_jobs):
            world.remove(chosen)
    elif what == "days pass":
        world.now += timedelta(days=1 + a % 12)
    elif what == "prune":
        world.prune_and_check()
    if what.endswith("at once"):
        while world.start(a % 4, residual=b % 2 == 0):
            world.end(world.attempts[-1], completes=True)


MEANWHILE = tuple(set(HAPPENINGS) - {"prune", "days pass", "remove dataset"})

STEPS = st.lists(
    st.tuples(st.sampled_from(HAPPENINGS), st.integers(0, 99), st.integers(0, 99)),
    min_size=30,
    max_size=80,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
def test_a_prune_retains_exactly_the_reachable_data(
    parquet: ParquetDatabase, steps: list[tuple[str, int, int]]
) -> None:
    with new_world(parquet) as world:
        for step in (("new dataset", 0, 0), ("import at once", 0, 0)):
            happen(world, *step)
        for step in steps:
            happen(world, *step)
        for days in (0, 9, 12, 30):
            world.now += timedelta(days=days)
            world.prune_and_check()


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    steps=STEPS,
    meanwhile=st.lists(
        st.tuples(st.sampled_from(MEANWHILE), st.integers(0, 99), st.integers(0, 99)), min_size=20
    ),
)
def test_work_during_a_prune_finds_its_data(
    parquet: ParquetDatabase,
    steps: list[tuple[str, int, int]],
    meanwhile: list[tuple[str, int, int]],
) -> None:
    with new_world(parquet) as world:
        for step in (("new dataset", 0, 0), ("import at once", 0, 0), *steps):
            happen(world, *step)
        world.now += timedelta(days=15)
        coming = iter(meanwhile)

        def happening() -> None:
            for step in itertools.islice(coming, 2):
                with suppress(NotFound):  # a commit that has just gone
                    happen(world, *step)

        world.prune_while(happening)
        for attempt in list(world.attempts):
            world.end(attempt, completes=True)
        world.prune_and_check()
