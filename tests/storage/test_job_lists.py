"""Lists against a plain look through all jobs, and the plans of their statements."""

from __future__ import annotations

import itertools
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from storage.database import Database, Transaction
from storage.datasets import create_dataset, remove_dataset
from storage.job_lists import JobFilters, list_jobs
from storage.job_queue import claim_next_job, put_back_job
from storage.jobs import RUN_TYPES, STATUSES, RunType, cancel_job, complete_job, fail_job
from storage.new_jobs import NewJob, insert_job
from storage.permissions import put_permission
from storage.queries import all_statements
from storage.users import User, add_user, remove_user
from tests.storage.test_histories import assert_counted, delete

USERS, DATASETS, REFS = 3, 3, ("main", "q1", None)
START = datetime(2025, 7, 7, tzinfo=UTC)
MINUTES = 20


def at(minute: int) -> str:
    return (START + timedelta(minutes=minute)).isoformat(timespec="microseconds")


# An event of a history: what happens, to how many jobs, of whom, where, of what type, from which
# ref, at which minute of a clock that may be set back.
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("complete", "complete", "fail", "cancel", "run", "put back", "delete")),
        st.sampled_from((1, 1, 2, 5, 70)),
        st.integers(0, USERS - 1),
        st.integers(0, DATASETS - 1),
        st.sampled_from(RUN_TYPES),
        st.sampled_from(REFS),
        st.integers(0, MINUTES),
    ),
    min_size=1,
    max_size=12,
)
FILTERS = st.builds(
    JobFilters,
    user_id=st.none() | st.integers(1, USERS + 1),
    user_soeid=st.none() | st.sampled_from(("USER000", "user001", "nobody0")),
    dataset_id=st.none() | st.integers(1, DATASETS + 1),
    statuses=st.none() | st.lists(st.sampled_from(STATUSES), min_size=1, max_size=3).map(tuple),
    run_type=st.none() | st.sampled_from(RUN_TYPES),
    created_after=st.none() | st.integers(0, MINUTES).map(at),
    created_before=st.none() | st.integers(0, MINUTES).map(at),
    source_ref=st.none() | st.sampled_from(("main", "q1", "none")),
)


class Stage:
    """A database in which things happen to jobs; each user may see some of the datasets."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path)
        self.minute = 0
        self.ids = (f"job-{number}" for number in itertools.count())
        with self.database.write() as tx:
            self.users = [
                add_user(tx, f"user00{number}", "analyst", None, self.clock)
                for number in range(USERS)
            ]
            for number in range(DATASETS):
                create_dataset(
                    tx, self.users[number], name="d", description="", tags=[], clock=self.clock
                )
            put_permission(tx, 1, self.users[1].id, "read")
            put_permission(tx, 2, self.users[0].id, "read")
        self.viewers = [User(99, "admin00", "admin", ""), User(98, "nobody", "viewer", "")]
        self.viewers += self.users

    def clock(self) -> datetime:
        return START + timedelta(minutes=self.minute)

    def happen(
        self,
        tx: Transaction,
        what: str,
        user: int,
        dataset: int,
        run_type: RunType,
        ref: str | None,
    ) -> None:
        if what == "delete":
            delete(tx, f"seq = (SELECT min(seq) FROM jobs WHERE status <> 'running') + {user}")
            return
        parameters = {} if ref is None else {"source_ref": ref}
        new = NewJob(next(self.ids), run_type, dataset + 1, self.users[user].id, None, parameters)
        insert_job(tx, new, self.clock, 1_000)
        if what == "cancel":
            cancel_job(tx, new.id, "user000", self.clock)
            return
        running = claim_next_job(tx, self.clock)
        assert running is not None
        if what == "complete":
            complete_job(tx, running, {}, None, self.clock)
        elif what == "fail":
            fail_job(tx, running, "x", "y", self.clock)
        elif what == "put back":
            put_back_job(tx, running)


def plain_list(tx: Transaction, viewer: User, filters: JobFilters, newest_first: bool) -> list[str]:
    """The ids of all jobs that pass, by looking at each."""
    visible = {
        row["dataset_id"]
        for row in tx.execute(
            "SELECT dataset_id FROM dataset_permissions WHERE user_id = ?", [viewer.id]
        )
    }
    jobs = tx.execute(
        "SELECT jobs.*, soeid, datasets.removed_at AS gone, "
        "run_parameters ->> '$.source_ref' AS source_ref FROM jobs "
        "JOIN users ON users.id = user_id JOIN datasets ON datasets.id = dataset_id ORDER BY seq"
    )
    passing = [
        job["id"]
        for job in jobs
        if job["gone"] is None
        and (viewer.role_name == "admin" or job["dataset_id"] in visible)
        and filters.user_id in (None, job["user_id"])
        and (filters.user_soeid is None or filters.user_soeid.lower() == job["soeid"])
        and filters.dataset_id in (None, job["dataset_id"])
        and (filters.statuses is None or job["status"] in filters.statuses)
        and filters.run_type in (None, job["run_type"])
        and (filters.created_after is None or job["created_at"] > filters.created_after)
        and (filters.created_before is None or job["created_at"] < filters.created_before)
        and filters.source_ref in (None, job["source_ref"])
    ]
    return passing[::-1] if newest_first else passing


@settings(max_examples=40, deadline=None)
@given(
    events=EVENTS,
    removed=st.none() | st.integers(1, DATASETS),
    asked=st.lists(
        st.tuples(FILTERS, st.booleans(), st.integers(0, 150), st.integers(1, 100)),
        min_size=5,
        max_size=5,
    ),
)
def test_a_list_is_what_a_look_through_all_jobs_finds(
    events: list[tuple[str, int, int, int, RunType, str | None, int]],
    removed: int | None,
    asked: list[tuple[JobFilters, bool, int, int]],
) -> None:
    with stage() as here, here.database.write() as tx:
        for what, times, user, dataset, run_type, ref, minute in events:
            here.minute = minute
            for _ in range(times):
                here.happen(tx, what, user, dataset, run_type, ref)
        assert_counted(tx)
        if removed is not None:
            delete(tx, f"dataset_id = {removed} AND completed_at IS NULL")
            remove_dataset(tx, removed, here.clock)
        for viewer, (filters, newest_first, offset, limit) in itertools.product(
            here.viewers, [*asked, (JobFilters(), True, 0, 100)]
        ):
            order = "newest" if newest_first else "oldest"
            jobs, total = list_jobs(tx, viewer, filters, order=order, offset=offset, limit=limit)
            plain = plain_list(tx, viewer, filters, newest_first)
            assert [job.id for job in jobs] == plain[offset : offset + limit]
            assert total == len(plain)


def test_a_soeid_finds_the_jobs_of_all_who_had_it() -> None:
    with stage() as here, here.database.write() as tx:
        here.happen(tx, "complete", 0, 1, "import", None)
        remove_user(tx, here.users[0].id, here.clock)
        here.users[0] = add_user(tx, "USER000", "analyst", None, here.clock)
        here.happen(tx, "fail", 0, 1, "import", None)
        here.happen(tx, "run", 0, 1, "import", None)
        admin, filters = here.viewers[0], JobFilters(user_soeid="user000")
        assert list_jobs(tx, admin, filters, offset=0, limit=9)[1] == 3
        filters = JobFilters(user_soeid="user000", user_id=here.users[0].id)
        assert list_jobs(tx, admin, filters, offset=0, limit=9)[1] == 2


def test_a_deep_page_of_a_long_list_is_exact() -> None:
    with stage() as here, here.database.write() as tx:
        for number in range(2_500):
            here.minute = number // 10
            run_type: RunType = RUN_TYPES[number % 4]
            here.happen(tx, "complete" if number % 7 else "fail", 0, number % 2, run_type, "main")
        assert_counted(tx)
        for filters in (
            JobFilters(),
            JobFilters(statuses=("completed",), created_after=at(3)),
            JobFilters(user_id=here.users[0].id, run_type="sampling", created_before=at(200)),
        ):
            for viewer, newest_first in itertools.product(here.viewers[::2], (True, False)):
                plain = plain_list(tx, viewer, filters, newest_first)
                order = "newest" if newest_first else "oldest"
                for offset in (0, 999, 1_001, 1_100, len(plain) - 5, len(plain)):
                    jobs, total = list_jobs(
                        tx, viewer, filters, order=order, offset=offset, limit=50
                    )
                    assert [job.id for job in jobs] == plain[offset : offset + 50]
                    assert total == len(plain)


def combinations() -> Iterator[JobFilters]:
    """Every combination of filters that are given or not."""
    values = {
        "user_id": 1,
        "user_soeid": "user000",
        "dataset_id": 1,
        "statuses": ("completed", "pending"),
        "run_type": "sampling",
        "created_after": at(1),
        "created_before": at(9),
        "source_ref": "main",
    }
    for size in range(len(values) + 1):
        for names in itertools.combinations(values, size):
            yield JobFilters(**{name: values[name] for name in names})  # type: ignore[arg-type]


def test_no_list_looks_through_the_jobs_that_have_ended() -> None:
    with stage() as here, here.database.write() as tx:
        for run_type in RUN_TYPES:
            here.happen(tx, "complete", 0, 0, run_type, "main")
        for viewer, filters in itertools.product(here.viewers[::2], combinations()):
            with plans(tx) as steps:
                list_jobs(tx, viewer, filters, offset=0, limit=9)
            for step in steps:
                # By a key or an index, narrowed by it; but those that wait or run are few.
                assert not re.match(r"SCAN jobs(?! USING INDEX jobs_(waiting|running))", step), step
                assert not re.match(r"SCAN (histories|users|datasets)\b(?! USING INDEX)", step), (
                    step
                )
                if step.startswith("SEARCH history USING"):
                    assert re.search(
                        r"\(dataset_id=\? AND source_ref=\?|\(user_id=\? AND source_ref=\?", step
                    ), step
                if "INDEX jobs_ended" in step:
                    assert "run_type=? AND status=? AND seq>? AND seq<?" in step, step
                    assert ("<expr>=?" in step) == (filters.source_ref is not None), step


# A prune reads everything once. A new user has no jobs yet: the step is planned and never taken.
MAY_LOOK_THROUGH = {
    "jobs_to_go",
    "old_log",
    "old_log_entries",
    "unreachable_commits",
    "insert_user",
}


def test_no_other_statement_looks_through_them_either(database: Database) -> None:
    with database.read() as tx:
        for name in set(all_statements()) - MAY_LOOK_THROUGH:
            sql = all_statements()[name]
            if "{" in sql:
                continue  # a list's
            names = set(re.findall(r"(?<![:\w]):([a-z_0-9]+)", sql))
            for row in tx.execute(f"EXPLAIN QUERY PLAN {sql}", dict.fromkeys(names)):
                step = row["detail"]
                assert not re.match(r"SCAN jobs(?!.* INDEX jobs_(waiting|running))", step), name
                assert not re.match(r"SCAN job_log", step), name


@contextmanager
def stage() -> Iterator[Stage]:
    with tempfile.TemporaryDirectory() as folder:
        here = Stage(Path(folder) / "jobsvc.sqlite3")
        yield here
        here.database.close()


@contextmanager
def plans(tx: Transaction) -> Iterator[list[str]]:
    """The steps of the plans of all statements that run meanwhile."""
    statements: list[str] = []
    steps: list[str] = []
    tx.set_trace_callback(statements.append)
    yield steps
    tx.set_trace_callback(None)
    for sql in statements:
        steps += [row["detail"] for row in tx.execute(f"EXPLAIN QUERY PLAN {sql}")]
