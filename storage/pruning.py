"""Delete the rows that ``storage.retention`` selects, in small transactions.

Each transaction checks the rules again and leaves the database consistent, so that a prune can stop
after any of them. The functions yield between transactions to let other writers proceed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from storage.database import Database, Transaction
from storage.prune_report import PruneReport, example_of
from storage.retention import Cutoffs, PrunableRows, count_expired
from storage.rows import all_rows, first, run

Item = TypeVar("Item")

BATCH = 50
"""Commits or jobs per transaction: other writers wait about 10 ms."""

LOG_BATCH = 1000
"""Log entries per transaction."""


def remove_rows(
    database: Database, rows: PrunableRows, cutoffs: Cutoffs, report: PruneReport
) -> Iterator[None]:
    """Delete the rows, and add the deleted ones to the report."""
    yield from _remove_ended(database, cutoffs, report)
    yield from _remove_refs(database, rows.datasets)
    yield from _remove_commits(database, rows, cutoffs, report)
    yield from _remove_jobs(database, rows.jobs, cutoffs, report)
    if cutoffs.logs is not None:
        yield from _remove_log_entries(database, cutoffs.logs, report)
    yield from _remove_datasets(database, rows.datasets, report)


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in batches."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


@contextmanager
def _counted(database: Database, report: PruneReport) -> Iterator[tuple[Transaction, PruneReport]]:
    """Open a transaction with a report, which is added once the transaction is committed."""
    part = PruneReport()
    with database.write() as tx:
        yield tx, part
    report.include(part)


def _remove_ended(database: Database, cutoffs: Cutoffs, report: PruneReport) -> Iterator[None]:
    with _counted(database, report) as (tx, part):
        count_expired(tx, cutoffs, part)
        deleted = run(tx, "delete_expired_tokens", now=cutoffs.now).rowcount
        deleted += run(tx, "delete_expired_links", now=cutoffs.now).rowcount
        deleted += run(tx, "delete_expired_keys", since=cutoffs.keys).rowcount
    if deleted:
        yield


def _remove_refs(database: Database, datasets: Sequence[int]) -> Iterator[None]:
    for dataset_id in datasets:
        with database.write() as tx:
            deleted = run(tx, "delete_refs", dataset_id=dataset_id).rowcount
        if deleted:
            yield


def _remove_commits(
    database: Database, rows: PrunableRows, cutoffs: Cutoffs, report: PruneReport
) -> Iterator[None]:
    datasets = json.dumps(rows.datasets)
    for batch in batches(rows.commits, BATCH):
        with _counted(database, report) as (tx, part):
            for place in batch:
                _remove_commit(tx, place, datasets, cutoffs, part)
        yield


def _remove_commit(
    tx: Transaction, place: int, datasets: str, cutoffs: Cutoffs, report: PruneReport
) -> None:
    row = first(
        tx,
        "removable_commit",
        place=place,
        datasets=datasets,
        unreachable_before=cutoffs.unreachable,
    )
    if row is None:
        return  # a ref, a job or a child commit needs it by now
    of_commit = {"dataset_id": row["dataset_id"], "commit_id": row["id"]}
    run(
        tx,
        "log_pruned_commit",
        now=cutoffs.now,
        jobs_before=cutoffs.jobs,
        datasets=datasets,
        **of_commit,
    )
    for name in (
        "clear_source_commit",
        "clear_output_commit",
        "delete_left_commit",
        "delete_commit_files",
    ):
        run(tx, name, **of_commit)
    run(tx, "delete_commit", **of_commit)
    report["commits"].add(example_of(row))


def _remove_jobs(
    database: Database, places: Sequence[int], cutoffs: Cutoffs, report: PruneReport
) -> Iterator[None]:
    for batch in batches(places, BATCH):
        with _counted(database, report) as (tx, part):
            # Only the jobs whose output commit was deleted.
            jobs = json.dumps(
                part.add_rows("jobs", run(tx, "removable_jobs", jobs=json.dumps(batch)))
            )
            run(tx, "log_pruned_jobs", jobs=jobs, now=cutoffs.now)
            run(tx, "clear_retry_of", jobs=jobs)
            part.add_counts("log_entries", first(tx, "count_log_of_jobs", jobs=jobs))
            for name in (
                "delete_log_of_jobs",
                "delete_keys_of_jobs",
                "delete_comparisons_of_jobs",
                "delete_jobs",
            ):
                run(tx, name, jobs=jobs)
        yield


def _remove_log_entries(database: Database, before: str, report: PruneReport) -> Iterator[None]:
    after = 0
    while True:
        with database.read() as tx:
            found = all_rows(
                tx, "old_log_entries", after=after, logs_before=before, limit=LOG_BATCH
            )
        if not found:
            return
        with database.write() as tx:
            run(tx, "delete_log_entries", entries=json.dumps([row["id"] for row in found]))
        times = [row["at"] for row in found]
        report["log_entries"].add_count(len(found), min(times), max(times))
        after = found[-1]["id"]
        yield


def _remove_datasets(
    database: Database, datasets: Sequence[int], report: PruneReport
) -> Iterator[None]:
    for dataset_id in datasets:
        with _counted(database, report) as (tx, part):
            run(tx, "delete_permissions", dataset_id=dataset_id)
            row = first(tx, "delete_dataset", dataset_id=dataset_id)
            if row is not None:
                part["datasets"].add(example_of(row))
        yield
