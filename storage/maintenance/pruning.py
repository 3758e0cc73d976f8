"""Pruning: mark what the retention rules release, preview it, and sweep it beside other work.

Retained are commits that a ref reaches or recently reached, commits that an open job needs, jobs
whose commit is retained, and what is in the bin. Each transaction checks the rules again before it
deletes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Set
from dataclasses import field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args

from contract.declarations import Help
from lazy_dataclasses import dataclass
from parquet_tables.cached_files import INTEGERS_SUFFIX
from storage.contents import FileOnDisk, cache_files, uploads
from storage.maintenance.data_directory import DataDirectory
from storage.sqlite.database import Database, Transaction
from storage.sqlite.queries import all_rows, first, run, run_each
from storage.versions.data_files import DataFiles
from storage.versions.manifests import referenced_now

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
CACHE_SUFFIXES = (".parquet", ".json", INTEGERS_SUFFIX)
"""Suffixes of finished cache files of a table: counts; profiles and reports; block sums."""


@dataclass(frozen=True)
class PruneLimits:
    """The sizes of the steps of a prune: numbers for a transaction, and seconds."""

    rows: int = 50  # commits or jobs; other writers wait about 10 ms
    log_entries: int = 1000
    files: int = 20  # jobs wait meanwhile to add files
    call_s: float = 5.0  # short enough for proxies and for a stop of the service
    pause_s: float = 0.002  # Python's locks aren't fair, so waiting writers need a pause


@dataclass(frozen=True)
class Cutoffs:
    """The times before which objects may be deleted; None: never."""

    now: str  # expiry of sessions and sign-in links
    named_tokens: str  # expiry of a named token
    jobs: str | None  # end of a job
    logs: str | None  # time of a log entry
    unreachable: str | None  # a ref last reached a commit, or a dataset was removed
    uploads: str | None  # end of an upload's job
    counts: str | None  # last use of cached counts
    keys: str  # creation of an idempotency key
    binned: str  # deletion of what is in the bin
    orphans: str  # last write of a file that belongs to no object


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
    """The objects of one kind: number, bytes, oldest and newest time, the first examples."""

    kind: Kind
    count: int = 0
    size_bytes: Annotated[int, Help("0 for rows.")] = 0
    oldest: str | None = None
    newest: str | None = None
    examples: list[Example] = field(default_factory=list)

    def add(self, example: Example) -> None:
        """Add one object."""
        self.size_bytes += example.size_bytes
        self.add_count(1, example.at, example.at)
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(example)

    def add_count(self, count: int, oldest: str | None, newest: str | None) -> None:
        """Add several objects at once, without examples."""
        self.count += count
        if oldest is not None:
            self.oldest = min(self.oldest or oldest, oldest)
        if newest is not None:
            self.newest = max(self.newest or newest, newest)

    def add_deleted(self, rows: list[sqlite3.Row]) -> None:
        """Add rows without examples, by their times ``at``."""
        times = [row["at"] for row in rows]
        self.add_count(len(rows), min(times, default=None), max(times, default=None))


class PruneReport(dict[Kind, KindTotal]):
    """The totals of all kinds, in the order of ``KINDS``."""

    def __init__(self) -> None:
        super().__init__((kind, KindTotal(kind)) for kind in KINDS)

    @property
    def size_bytes(self) -> int:
        """Bytes of the files of all kinds."""
        return sum(total.size_bytes for total in self.values())

    def add_rows(self, kind: Kind, rows: Iterable[sqlite3.Row]) -> list[int]:
        """Add rows, and return their row numbers."""
        places = []
        for row in rows:
            self[kind].add(Example(str(row["id"]), row["name"], row["dataset_name"], row["at"]))
            places.append(int(row["place"]))
        return places


@dataclass(frozen=True)
class _File:
    path: Path
    example: Example


@dataclass(frozen=True)
class Marks:
    """The data that a prune may delete, and the report of it.

    The row numbers are newest first, so that children precede parents. Of files only those are
    marked that no object needs after the rows are deleted.
    """

    report: PruneReport
    datasets: list[int]
    commits: list[int]
    jobs: list[int]
    files: dict[Kind, list[_File]]


def mark(
    tx: Transaction, directory: DataDirectory, data_files: DataFiles, cutoffs: Cutoffs
) -> Marks:
    """Mark everything that the rules release."""
    report = PruneReport()
    datasets, commits, jobs = [], [], []
    if cutoffs.unreachable is not None:
        before = {
            "unreachable_before": cutoffs.unreachable,
            "binned_since": cutoffs.binned,
            "jobs_before": cutoffs.jobs,
        }
        datasets = report.add_rows("datasets", run(tx, "prunable_datasets", **before))
        rows = run(tx, "unreachable_commits", datasets=json.dumps(datasets), **before)
        commits = report.add_rows("commits", rows)
    if cutoffs.jobs is not None or datasets:
        rows = run(
            tx,
            "prunable_jobs",
            jobs_before=cutoffs.jobs,
            datasets=json.dumps(datasets),
            commits=json.dumps(commits),
        )
        jobs = report.add_rows("jobs", rows)
    for row in all_rows(
        tx,
        "count_prunable",
        now=cutoffs.now,
        named=cutoffs.named_tokens,
        keys_before=cutoffs.keys,
        logs_before=cutoffs.logs,
        jobs=json.dumps(jobs),
    ):
        report[row["kind"]].add_count(row["count"], row["oldest"], row["newest"])
    others = all_rows(tx, "files_of_others", commits=json.dumps(commits), jobs=json.dumps(jobs))
    referenced = {row["sha256"] for row in others}
    orphans = data_files.orphans(referenced)
    files: dict[Kind, list[_File]] = {
        "data_files": [file for path in orphans for file in _prunable(path, path.stem, path.name)],
        "uploads": list(_uploads(tx, directory, set(jobs), cutoffs)),
        "counts": list(_counts(directory, referenced, cutoffs)),
    }
    for kind, marked in files.items():
        for file in marked:
            report[kind].add(file.example)
    return Marks(report, datasets, commits, jobs, files)


@dataclass(frozen=True)
class Sweep:
    """Deletes what was marked and is still released; ``report`` counts what was deleted."""

    database: Database
    directory: DataDirectory
    data_files: DataFiles
    cutoffs: Cutoffs
    marks: Marks
    limits: PruneLimits
    report: PruneReport

    def steps(self) -> Iterator[None]:
        """Delete in steps of some milliseconds; yields between them, where it may be stopped."""
        yield from self._remove_uploads()
        yield from self._remove_expired()
        yield from self._remove_refs()
        yield from self._remove_commits()
        yield from self._remove_jobs()
        if self.cutoffs.logs is not None:
            yield from self._remove_log_entries(self.cutoffs.logs)
        yield from self._remove_datasets()
        yield from self._remove_data_files()
        yield from self._unlink("counts", self.marks.files["counts"])

    def _remove_uploads(self) -> Iterator[None]:
        # A file gets its job's name in the transaction that inserts the job. This transaction
        # excludes others, so an upload without a job will not get one.
        with self.database.write() as tx:
            released = list(_uploads(tx, self.directory, set(self.marks.jobs), self.cutoffs))
        yield from self._unlink("uploads", released)

    def _remove_expired(self) -> Iterator[None]:
        with self.database.write() as tx:
            now, named = self.cutoffs.now, self.cutoffs.named_tokens
            deleted: dict[Kind, list[sqlite3.Row]] = {
                "tokens": all_rows(tx, "delete_expired_tokens", now=now, named=named),
                "sign_in_links": all_rows(tx, "delete_expired_links", now=now),
                "idempotency_keys": all_rows(tx, "delete_expired_keys", before=self.cutoffs.keys),
            }
        for kind, rows in deleted.items():
            self.report[kind].add_deleted(rows)
        if any(deleted.values()):
            yield

    def _remove_refs(self) -> Iterator[None]:
        for dataset_id in self.marks.datasets:
            with self.database.write() as tx:
                deleted = run(tx, "delete_refs", dataset_id=dataset_id).rowcount
            if deleted:
                yield

    def _remove_commits(self) -> Iterator[None]:
        for batch in _batches(self.marks.commits, self.limits.rows):
            with self.database.write() as tx:
                removed = [row for place in batch if (row := self._remove_commit(tx, place))]
            self.report.add_rows("commits", removed)
            yield

    def _remove_commit(self, tx: Transaction, place: int) -> sqlite3.Row | None:
        """Delete a commit, unless a ref, a job or a child commit needs it by now."""
        datasets = json.dumps(self.marks.datasets)
        released = {
            "datasets": datasets,
            "unreachable_before": self.cutoffs.unreachable,
            "binned_since": self.cutoffs.binned,
        }
        row = first(tx, "removable_commit", place=place, **released)
        if row is None:
            return None
        commit = {"dataset_id": row["dataset_id"], "commit_id": row["id"]}
        times = {"now": self.cutoffs.now, "jobs_before": self.cutoffs.jobs}
        run(tx, "log_pruned_commit", datasets=datasets, **times, **commit)
        run_each(
            tx,
            (
                *("clear_source_commit", "clear_output_commit", "delete_left_commit"),
                *("delete_bin_of_commit", "delete_commit_files", "delete_row_roots"),
                "delete_commit",
            ),
            **commit,
        )
        return row

    def _remove_jobs(self) -> Iterator[None]:
        for batch in _batches(self.marks.jobs, self.limits.rows):
            with self.database.write() as tx:
                # Only the jobs whose output commit was deleted.
                removed = all_rows(tx, "removable_jobs", jobs=json.dumps(batch))
                jobs = json.dumps([row["id"] for row in removed])
                run(tx, "log_pruned_jobs", jobs=jobs, now=self.cutoffs.now)
                log_entries = all_rows(tx, "delete_log_of_jobs", jobs=jobs)
                run_each(
                    tx,
                    (
                        *("clear_retry_of", "delete_keys_of_jobs", "delete_findings_of_jobs"),
                        *("delete_replacements_of_jobs", "delete_reviews_of_jobs"),
                        *("delete_attributes_of_jobs", "delete_conclusions_of_jobs"),
                        "delete_engagement_samples_of_jobs",
                        *("delete_questions_of_jobs", "delete_reviewers_of_jobs"),
                        *("delete_reservations_of_jobs", "delete_paper_facts_of_jobs"),
                        *("delete_issued_papers_of_jobs", "delete_shown_columns_of_jobs"),
                        "delete_combined_paper_samples_of_jobs",
                        "delete_left_combined_papers",
                        *("delete_comparisons_of_jobs", "delete_values_of_jobs"),
                        "delete_attachments_of_jobs",
                        *(
                            "delete_certificates_of_jobs",
                            "delete_evaluation_certificates_of_jobs",
                            "delete_kept_apart_of_jobs",
                            "delete_jobs",
                        ),
                    ),
                    jobs=jobs,
                )
            self.report.add_rows("jobs", removed)
            self.report["log_entries"].add_deleted(log_entries)
            yield

    def _remove_log_entries(self, before: str) -> Iterator[None]:
        after = 0
        while True:
            with self.database.read() as tx:
                limits = {"after": after, "limit": self.limits.log_entries}
                entries = all_rows(tx, "old_log_entries", logs_before=before, **limits)
            if not entries:
                return
            with self.database.write() as tx:
                run(tx, "delete_log_entries", entries=json.dumps([row["id"] for row in entries]))
            self.report["log_entries"].add_deleted(entries)
            after = entries[-1]["id"]
            yield

    def _remove_datasets(self) -> Iterator[None]:
        for dataset_id in self.marks.datasets:
            with self.database.write() as tx:
                run_each(
                    tx,
                    (
                        *("delete_permissions", "delete_bin_of_dataset"),
                        *("delete_group_permissions", "delete_runs_of_dataset"),
                        "delete_schedules_of_dataset",
                        *("delete_row_keys_of_dataset", "delete_panels_of_dataset"),
                        *("delete_data_contracts_of_dataset", "delete_reconciliations_of_dataset"),
                        *("delete_quota_of_dataset", "delete_engagements_of_dataset"),
                    ),
                    dataset_id=dataset_id,
                )
                removed = all_rows(tx, "delete_dataset", dataset_id=dataset_id)
            self.report.add_rows("datasets", removed)
            yield

    def _remove_data_files(self) -> Iterator[None]:
        find_referenced = partial(referenced_now, self.database)
        for batch in _batches(self.marks.files["data_files"], self.limits.files):
            hashes = [file.example.id for file in batch]
            removed = set(self.data_files.remove_orphans(hashes, find_referenced))
            for file in batch:
                if file.example.id in removed:
                    self.report["data_files"].add(file.example)
            if removed:
                yield

    def _unlink(self, kind: Kind, files: list[_File]) -> Iterator[None]:
        for batch in _batches(files, self.limits.files):
            for file in batch:
                file.path.unlink(missing_ok=True)
                self.report[kind].add(file.example)
            yield


Item = TypeVar("Item")


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _uploads(
    tx: Transaction, directory: DataDirectory, jobs: Set[int], cutoffs: Cutoffs
) -> Iterator[_File]:
    # The request that receives an upload deletes it if it gets no job.
    for path in uploads(directory.uploads_dir):
        job = first(tx, "upload_of_job", id=path.name)
        if job is None:
            yield from _prunable(path, path.name, path.name, before=cutoffs.orphans)
        elif job["completed_at"] is not None:
            old = cutoffs.uploads is not None and job["completed_at"] < cutoffs.uploads
            if old or job["place"] in jobs:
                yield from _prunable(
                    path, path.name, job["name"] or path.name, dataset_name=job["dataset_name"]
                )


def _counts(directory: DataDirectory, referenced: Set[str], cutoffs: Cutoffs) -> Iterator[_File]:
    """Yield cache files whose table was deleted or that were not used for the retention time.

    A file that was never finished is yielded some time after its last write.
    """
    for cached in cache_files(directory.counts_dir, CACHE_SUFFIXES):
        name, table = cached.path.name, cached.table
        is_orphan = table is not None and table not in referenced
        before = cutoffs.orphans if table is None else cutoffs.counts
        if is_orphan or before is not None:
            yield from _prunable(cached.path, name, name, before=None if is_orphan else before)


def _prunable(
    path: Path, id_: str, name: str, *, dataset_name: str | None = None, before: str | None = None
) -> Iterator[_File]:
    """Yield the file if it exists and was last written or used before a time."""
    file = FileOnDisk.find(path)
    if file is not None and (before is None or file.modified_at < before):
        yield _File(path, Example(id_, name, dataset_name, file.modified_at, file.size_bytes))
