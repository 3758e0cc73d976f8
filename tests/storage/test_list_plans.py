"""Query plans: no statement scans the table of jobs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager

from contract.jobs import RUN_TYPES
from storage.audit.engagements import unhide_engagement
from storage.audit.findings import newest_readings, readings_of_row
from storage.jobs.lists import JobFilters, list_jobs
from storage.sqlite.database import Database, Transaction
from storage.sqlite.queries import all_statements
from tests.storage.job_stage import at, stage


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
        "unresolved": True,
    }
    for size in range(len(values) + 1):
        for names in itertools.combinations(values, size):
            yield JobFilters(**{name: values[name] for name in names})  # type: ignore[arg-type]


def test_lists_read_only_an_index_of_jobs() -> None:
    with stage() as here, here.database.write() as tx:
        for run_type in RUN_TYPES:
            here.happen(tx, "complete", 0, 0, run_type, "main")
        for viewer, filters in itertools.product(here.viewers[::2], combinations()):
            with plans(tx) as steps:
                list_jobs(tx, viewer, filters, offset=0, limit=9)
            narrow = filters.dataset_id or filters.user_id or filters.user_soeid
            for step in steps:
                assert not re.match(r"SCAN (users|datasets)\b(?! USING INDEX)", step), step
                if filters.unresolved and "jobs" in step:
                    continue  # the index of unresolved failures has few entries
                if "jobs_listed" in step:
                    assert "COVERING" in step or filters.source_ref is not None, step
                    assert re.search("dataset_id=|user_id=", step) or not narrow, step
                elif step.startswith(("SCAN jobs", "SEARCH jobs")):
                    by_key = "INTEGER PRIMARY KEY"
                    assert by_key in step or filters == JobFilters(), step


def test_the_readings_of_a_row_are_found_without_those_of_others(database: Database) -> None:
    with database.read() as tx:
        with plans(tx) as steps:
            readings_of_row(tx, "a", "primary:1")
        assert any("(job_id=? AND row_id=?)" in step for step in steps), steps
        with plans(tx) as steps:
            newest_readings(tx, "a", after_id=1)
        assert any("findings USING INTEGER PRIMARY KEY (rowid>?)" in step for step in steps), steps
        assert any("(job_id=? AND row_id=?)" in step for step in steps), steps


def test_restored_samples_are_found_by_their_jobs(database: Database) -> None:
    with database.write() as tx:
        with plans(tx) as steps:
            unhide_engagement(tx, 1)
        (found,) = (step for step in steps if re.match(r"S\w+ sample_progress", step))
        assert "(job_id=?)" in found, steps


# A prune reads everything once. A new user has no jobs yet: the step is planned and never taken.
MAY_LOOK_THROUGH = {
    "prunable_jobs",
    "count_prunable",
    "old_log_entries",
    "unreachable_commits",
    "insert_user",
}


def test_other_statements_do_not_scan_ended_jobs(database: Database) -> None:
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
def plans(tx: Transaction) -> Iterator[list[str]]:
    """The steps of the plans of all statements that run meanwhile."""
    statements: list[str] = []
    steps: list[str] = []
    tx.set_trace_callback(statements.append)
    yield steps
    tx.set_trace_callback(None)
    for sql in statements:
        steps += [row["detail"] for row in tx.execute(f"EXPLAIN QUERY PLAN {sql}")]
