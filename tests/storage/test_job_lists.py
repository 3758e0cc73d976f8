"""Job lists, compared with a scan of all jobs."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.jobs import RUN_TYPES, STATUSES, RunType
from storage.accounts.datasets import remove_dataset
from storage.accounts.users import User, add_user, remove_user
from storage.errors import Conflict
from storage.jobs.jobs import set_dismissed
from storage.jobs.lists import JobFilters, count_unresolved, list_jobs
from storage.sqlite.database import Transaction
from tests.storage.job_stage import DATASETS, MINUTES, REFS, USERS, at, delete, stage

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
# Ids that no row has.
STRANGE_IDS = st.sampled_from((0, 0, -1, 10**18 - 1))
FILTERS = st.builds(
    JobFilters,
    user_id=st.none() | st.integers(1, USERS + 1) | STRANGE_IDS,
    user_soeid=st.none() | st.sampled_from(("USER000", "user001", "nobody0")),
    dataset_id=st.none() | st.integers(1, DATASETS + 1) | STRANGE_IDS,
    statuses=st.none() | st.lists(st.sampled_from(STATUSES), min_size=1, max_size=3).map(tuple),
    run_type=st.none() | st.sampled_from(RUN_TYPES),
    created_after=st.none() | st.integers(0, MINUTES).map(at),
    created_before=st.none() | st.integers(0, MINUTES).map(at),
    source_ref=st.none() | st.sampled_from(("main", "q1", "none", "")),
    unresolved=st.booleans(),
)


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
        "JOIN users ON users.id = user_id JOIN datasets ON datasets.id = dataset_id "
        "ORDER BY jobs.created_at, seq"
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
        and (
            not filters.unresolved
            or (job["error_code"] not in (None, "cancelled") and job["dismissed_at"] is None)
        )
    ]
    return passing[::-1] if newest_first else passing


@settings(max_examples=40, deadline=None)
@given(
    events=EVENTS,
    removed=st.none() | st.integers(1, DATASETS),
    asked=st.lists(
        st.tuples(
            FILTERS,
            st.booleans(),
            st.integers(0, 150) | st.just(10**18 - 1),
            st.integers(1, 100),
        ),
        min_size=5,
        max_size=5,
    ),
)
def test_list_equals_a_scan_of_all_jobs(
    events: list[tuple[str, int, int, int, RunType, str | None, int]],
    removed: int | None,
    asked: list[tuple[JobFilters, bool, int, int]],
) -> None:
    with stage() as here, here.database.write() as tx:
        for what, times, user, dataset, run_type, ref, minute in events:
            here.minute = minute
            for _ in range(times):
                here.happen(tx, what, user, dataset, run_type, ref)
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


def test_dismissed_failures_leave_the_unresolved_ones() -> None:
    with stage() as here, here.database.write() as tx:
        for what in ("fail", "fail", "cancel", "complete"):
            here.happen(tx, what, 0, 0, "sampling", "main")
        viewer, filters = here.viewers[0], JobFilters(unresolved=True)
        (second, first), total = list_jobs(tx, viewer, filters, offset=0, limit=9)
        assert total == count_unresolved(tx) == 2
        set_dismissed(tx, first.id, at(1))
        assert list_jobs(tx, viewer, filters, offset=0, limit=9)[0] == [second]
        set_dismissed(tx, first.id, None)
        assert count_unresolved(tx) == 2
        with pytest.raises(Conflict):
            set_dismissed(tx, "job-3", at(1))
        remove_dataset(tx, 1, here.clock)
        assert count_unresolved(tx) == 0


def test_soeid_filter_finds_jobs_of_all_its_users() -> None:
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


def test_every_page_of_a_list_is_exact() -> None:
    with stage() as here, here.database.write() as tx:
        for number in range(500):
            here.minute = number // 2
            run_type: RunType = RUN_TYPES[number % 4]
            here.happen(tx, "complete" if number % 7 else "fail", 0, number % 2, run_type, "main")
        for filters in (
            JobFilters(),
            JobFilters(statuses=("completed",), created_after=at(3)),
            JobFilters(user_id=here.users[0].id, run_type="sampling", created_before=at(200)),
        ):
            for viewer, newest_first in itertools.product(here.viewers[::2], (True, False)):
                plain = plain_list(tx, viewer, filters, newest_first)
                order = "newest" if newest_first else "oldest"
                for offset in (0, 99, len(plain) - 5, len(plain)):
                    jobs, total = list_jobs(
                        tx, viewer, filters, order=order, offset=offset, limit=50
                    )
                    assert [job.id for job in jobs] == plain[offset : offset + 50]
                    assert total == len(plain)


def test_jobs_of_removed_datasets_are_not_listed() -> None:
    with stage() as here, here.database.write() as tx:
        user = here.users[0]
        here.happen(tx, "complete", 0, 0, "import", None)
        assert list_jobs(tx, user, JobFilters(), offset=0, limit=9)[1] == 1
        remove_dataset(tx, 1, here.clock)
        for viewer in (here.viewers[0], user):
            for filters in (JobFilters(), JobFilters(user_id=user.id), JobFilters(dataset_id=1)):
                assert list_jobs(tx, viewer, filters, offset=0, limit=9) == ([], 0)


def test_unknown_id_lists_nothing() -> None:
    with stage() as here, here.database.write() as tx:
        for _ in range(30):
            here.happen(tx, "complete", 0, 0, "sampling", "main")
        admin, analyst = here.viewers[0], here.users[0]
        narrowed = [JobFilters(source_ref="")]
        for strange in (0, -1, 10**18 - 1):
            narrowed += [
                JobFilters(user_id=strange),
                JobFilters(dataset_id=strange),
                JobFilters(user_id=strange, source_ref="main"),
                JobFilters(dataset_id=strange, user_id=1),
            ]
        for viewer, filters in itertools.product((admin, analyst), narrowed):
            for offset in (0, 25):
                assert list_jobs(tx, viewer, filters, offset=offset, limit=100) == ([], 0)
