"""Delete files that no object needs: orphaned data files, uploads and cached counts.

The selection depends only on the database and the files, so an interrupted prune can be repeated.
An upload is deleted when its job can't be retried; cached counts can always be deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from storage.clock import timestamp
from storage.commits import referenced_among, referenced_files
from storage.data_directory import INCOMING, DataDirectory
from storage.data_files import DataFiles
from storage.database import Database, Transaction
from storage.mounted_disks import entries
from storage.prune_report import Example, Kind, PruneReport
from storage.pruning import batches
from storage.retention import Cutoffs, PrunableRows
from storage.rows import all_rows, first

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
