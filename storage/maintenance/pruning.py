"""Pruning: retention rules, their preview, and deletion in small transactions.

Retained are commits that a ref reaches or recently reached, commits that an open job needs, and
jobs whose commit is retained. Each transaction checks the rules again before it deletes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Literal, TypeVar, get_args

from storage.maintenance.data_directory import INCOMING, DataDirectory, entries
from storage.sqlite.clock import timestamp
from storage.sqlite.database import Database, Transaction
from storage.sqlite.queries import all_rows, first, run
from storage.versions.data_files import DataFiles
from storage.versions.manifests import referenced_among, referenced_files

Kind = Literal[
    "datasets",
    "commits",
    "data_files",
    "jobs",
    "log_entries",
    "uploads",
    "counts",
    "tokens",
    "sign_in_links",
    "idempotency_keys",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

MAX_EXAMPLES = 5


@dataclass(frozen=True)
class Example:
    """An example of an object to prune."""

    id: str
    name: str
    dataset_name: str | None
    at: str
    size_bytes: int = 0


@dataclass
class KindTotal:
    """The number of objects of one kind, their bytes, oldest and newest time, and examples."""

    kind: Kind
    count: int = 0
    size_bytes: int = 0
    oldest: str | None = None
    newest: str | None = None
    examples: list[Example] = field(default_factory=list)

    def add(self, example: Example) -> None:
        """Add one object."""
        self.size_bytes += example.size_bytes
        self.add_count(1, example.at, example.at)
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(example)

    def include(self, other: KindTotal) -> None:
        """Add another total of the same kind."""
        self.size_bytes += other.size_bytes
        self.add_count(other.count, other.oldest, other.newest)
        self.examples += other.examples[: MAX_EXAMPLES - len(self.examples)]

    def add_count(self, count: int, oldest: str | None, newest: str | None) -> None:
        """Add several objects at once."""
        self.count += count
        if oldest is not None:
            self.oldest = min(self.oldest or oldest, oldest)
        if newest is not None:
            self.newest = max(self.newest or newest, newest)


class PruneReport:
    """The totals of all kinds."""

    def __init__(self) -> None:
        self._tallies = {kind: KindTotal(kind) for kind in KINDS}

    def __getitem__(self, kind: Kind) -> KindTotal:
        return self._tallies[kind]

    @property
    def totals(self) -> list[KindTotal]:
        """All totals, in the order of ``KINDS``."""
        return list(self._tallies.values())

    @property
    def size_bytes(self) -> int:
        """Bytes of the files of all kinds."""
        return sum(total.size_bytes for total in self.totals)

    def include(self, other: PruneReport) -> None:
        """Add another report, for example that of a committed transaction."""
        for total in other.totals:
            self[total.kind].include(total)

    def add_rows(self, kind: Kind, rows: Iterable[sqlite3.Row]) -> list[int]:
        """Add rows, and return their row numbers."""
        row_numbers = []
        for row in rows:
            self[kind].add(example_of(row))
            row_numbers.append(int(row["place"]))
        return row_numbers

    def add_counts(self, kind: Kind, row: sqlite3.Row | None) -> None:
        """Add the result of a statement that counts."""
        if row is not None:
            self[kind].add_count(row["count"], row["oldest"], row["newest"])


def example_of(row: sqlite3.Row) -> Example:
    """Return the example of a row."""
    return Example(str(row["id"]), row["name"], row["dataset_name"], row["at"])


@dataclass(frozen=True)
class Cutoffs:
    """The times before which objects may be deleted; None: never.

    Parameters
    ----------
    now : str
        Expiry of tokens and sign-in links.
    jobs, logs, uploads, counts : str or None
        End of a job; time of a log entry; end of an upload's job; last use of cached counts.
    unreachable : str or None
        Time when a ref last reached a commit, or when a dataset was removed.
    keys : str
        Creation of an idempotency key.
    orphans : str
        Last write of a file that belongs to no object.
    """

    now: str
    jobs: str | None
    logs: str | None
    unreachable: str | None
    uploads: str | None
    counts: str | None
    keys: str
    orphans: str


@dataclass(frozen=True)
class PrunableRows:
    """Row numbers of the rows to delete, newest first, so that children precede parents."""

    datasets: list[int]
    commits: list[int]
    jobs: list[int]


def find_rows(tx: Transaction, cutoffs: Cutoffs, report: PruneReport) -> PrunableRows:
    """Return the rows that may be deleted, and add them to the report."""
    datasets, commits, jobs = [], [], []
    if cutoffs.unreachable is not None:
        before = {"unreachable_before": cutoffs.unreachable}
        datasets = report.add_rows("datasets", run(tx, "prunable_datasets", **before))
        unreachable = run(
            tx,
            "unreachable_commits",
            datasets=json.dumps(datasets),
            jobs_before=cutoffs.jobs,
            **before,
        )
        commits = report.add_rows("commits", unreachable)
    if cutoffs.jobs is not None or datasets:
        prunable = run(
            tx,
            "prunable_jobs",
            jobs_before=cutoffs.jobs,
            datasets=json.dumps(datasets),
            commits=json.dumps(commits),
        )
        jobs = report.add_rows("jobs", prunable)
        report.add_counts("log_entries", first(tx, "count_log_of_jobs", jobs=json.dumps(jobs)))
    if cutoffs.logs is not None:
        old = first(tx, "count_old_log_entries", logs_before=cutoffs.logs, jobs=json.dumps(jobs))
        report.add_counts("log_entries", old)
    count_expired(tx, cutoffs, report)
    return PrunableRows(datasets, commits, jobs)


def count_expired(tx: Transaction, cutoffs: Cutoffs, report: PruneReport) -> None:
    """Add the expired tokens, sign-in links and idempotency keys to the report."""
    report.add_counts("tokens", first(tx, "count_expired_tokens", now=cutoffs.now))
    report.add_counts("sign_in_links", first(tx, "count_expired_links", now=cutoffs.now))
    report.add_counts("idempotency_keys", first(tx, "count_expired_keys", since=cutoffs.keys))


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


CACHE_SUFFIXES = (".parquet", ".json")
"""Suffixes of finished cache files of a table: counts; profiles and reports."""

FILE_BATCH = 20
"""Data files deleted at once, while jobs wait to add files."""


@dataclass(frozen=True)
class PrunableFile:
    """A file that can be deleted."""

    path: Path
    example: Example


def find_files(
    tx: Transaction,
    directory: DataDirectory,
    data_files: DataFiles,
    rows: PrunableRows,
    cutoffs: Cutoffs,
    report: PruneReport,
) -> None:
    """Add the files to the report that no object needs after the rows are deleted."""
    others = all_rows(tx, "files_of_other_commits", commits=json.dumps(rows.commits))
    referenced = {row["sha256"] for row in others}
    files_of_kind: tuple[tuple[Kind, Iterator[PrunableFile]], ...] = (
        ("data_files", _data_files(data_files, referenced)),
        ("uploads", _uploads(tx, directory, set(rows.jobs), cutoffs)),
        ("counts", _counts(directory, referenced, cutoffs)),
    )
    for kind, files in files_of_kind:
        for file in files:
            report[kind].add(file.example)


def remove_uploads(
    database: Database,
    directory: DataDirectory,
    rows: PrunableRows,
    cutoffs: Cutoffs,
    report: PruneReport,
) -> Iterator[None]:
    """Delete uploads, including those of jobs to be deleted; yields between batches."""
    # A file gets its job's name in the transaction that inserts the job. This transaction excludes
    # others, so an upload without a job will not get one.
    with database.write() as tx:
        uploads = list(_uploads(tx, directory, set(rows.jobs), cutoffs))
    yield from _unlink("uploads", uploads, report)


def remove_orphans(
    database: Database,
    directory: DataDirectory,
    data_files: DataFiles,
    cutoffs: Cutoffs,
    report: PruneReport,
) -> Iterator[None]:
    """Delete orphaned data files and their cached counts; yields between batches."""

    def find_referenced(hashes: Sequence[str]) -> Set[str]:
        with database.read() as tx:
            return referenced_among(tx, hashes)

    with database.read() as tx:
        referenced = referenced_files(tx)
    for batch in batches(_data_files(data_files, referenced), FILE_BATCH):
        hashes = [file.example.id for file in batch]
        removed = set(data_files.remove_orphans(hashes, find_referenced))
        for file in batch:
            if file.example.id in removed:
                report["data_files"].add(file.example)
        if removed:
            yield
    yield from _unlink("counts", list(_counts(directory, referenced, cutoffs)), report)


def _unlink(kind: Kind, files: Sequence[PrunableFile], report: PruneReport) -> Iterator[None]:
    for batch in batches(files, FILE_BATCH):
        for file in batch:
            file.path.unlink(missing_ok=True)
            report[kind].add(file.example)
        yield


def _data_files(data_files: DataFiles, referenced: Set[str]) -> Iterator[PrunableFile]:
    for path in data_files.orphans(referenced):
        yield from _prunable(path, path.stem, path.name)


def _uploads(
    tx: Transaction, directory: DataDirectory, jobs: Set[int], cutoffs: Cutoffs
) -> Iterator[PrunableFile]:
    for path in entries(directory.uploads_dir):
        if path.name.startswith(INCOMING):
            continue  # the request that receives it deletes it
        job = first(tx, "upload_of_job", id=path.name)
        if job is None:
            yield from _prunable(path, path.name, path.name, before=cutoffs.orphans)
        elif job["completed_at"] is not None:
            old = cutoffs.uploads is not None and job["completed_at"] < cutoffs.uploads
            if old or job["place"] in jobs:
                yield from _prunable(
                    path, path.name, job["name"] or path.name, dataset_name=job["dataset_name"]
                )


def _counts(
    directory: DataDirectory, referenced: Set[str], cutoffs: Cutoffs
) -> Iterator[PrunableFile]:
    """Yield cache files whose table was deleted or that were not used for long.

    Their names begin with the hash of the table's first file.
    """
    for path in entries(directory.counts_dir):
        is_cache = path.suffix in CACHE_SUFFIXES
        is_orphan = is_cache and path.name.partition("-")[0] not in referenced
        before = cutoffs.counts if is_cache else cutoffs.orphans
        if is_orphan or before is not None:
            yield from _prunable(path, path.name, path.name, before=None if is_orphan else before)


def _prunable(
    path: Path, id_: str, name: str, *, dataset_name: str | None = None, before: str | None = None
) -> Iterator[PrunableFile]:
    """Yield the file if it exists and was last written or used before a time."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    at = timestamp(datetime.fromtimestamp(status.st_mtime, UTC))
    if before is None or at < before:
        yield PrunableFile(path, Example(id_, name, dataset_name, at, status.st_size))
