"""Files that nothing needs any more: data files, uploads, kept counts.

Invariant: what is found depends on the database and on the files alone, so a prune that stopped
half way is simply done again. A data file goes only if no commit names it and no running job has
brought it; an upload, if its job can't be done again; counts are copies, and may always go.
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

KEPT = (".parquet", ".json")
"""Endings of what is kept of a table, once it is written: counts; profiles and reports."""

FILES_AT_ONCE = 20
"""So many data files go while a job that brings one has to wait."""


@dataclass(frozen=True)
class PrunableFile:
    """A file that may go."""

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
    """Fill a report with the files that nothing will need once some rows have gone."""
    beside = all_rows(tx, "files_of_other_commits", commits=json.dumps(rows.commits))
    named = {row["sha256"] for row in beside}
    of_kind: tuple[tuple[Kind, Iterator[PrunableFile]], ...] = (
        ("data_files", _data_files(data_files, named)),
        ("uploads", _uploads(tx, directory, set(rows.jobs), cutoffs)),
        ("counts", _counts(directory, named, cutoffs)),
    )
    for kind, found in of_kind:
        for file in found:
            report[kind].add(file.example)


def remove_uploads(
    database: Database,
    directory: DataDirectory,
    rows: PrunableRows,
    cutoffs: Cutoffs,
    report: PruneReport,
) -> Iterator[None]:
    """Remove uploads, those of jobs that are about to go among them; yields now and then."""
    # A file gets its job's name in the transaction that accepts the job. There is none just now, so
    # what has no job will have none.
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
    """Remove data files that no commit names, and counts of such; yields now and then."""

    def named_now(hashes: Sequence[str]) -> Set[str]:
        with database.read() as tx:
            return referenced_among(tx, hashes)

    with database.read() as tx:
        named = referenced_files(tx)
    for batch in batches(_data_files(data_files, named), FILES_AT_ONCE):
        gone = set(data_files.remove_orphans([file.example.id for file in batch], named_now))
        for file in batch:
            if file.example.id in gone:
                report["data_files"].add(file.example)
        if gone:
            yield
    yield from _unlink("counts", list(_counts(directory, named, cutoffs)), report)


def _unlink(kind: Kind, files: Sequence[PrunableFile], report: PruneReport) -> Iterator[None]:
    for batch in batches(files, FILES_AT_ONCE):
        for file in batch:
            file.path.unlink(missing_ok=True)
            report[kind].add(file.example)
        yield


def _data_files(data_files: DataFiles, named: Set[str]) -> Iterator[PrunableFile]:
    for path in data_files.orphans(named):
        yield from _found(path, path.stem, path.name)


def _uploads(
    tx: Transaction, directory: DataDirectory, jobs: Set[int], cutoffs: Cutoffs
) -> Iterator[PrunableFile]:
    for path in entries(directory.uploads_dir):
        if path.name.startswith(INCOMING):
            continue  # its request discards it
        job = first(tx, "upload_of_job", id=path.name)
        if job is None:
            yield from _found(path, path.name, path.name, before=cutoffs.orphans)
        elif job["completed_at"] is not None:
            old = cutoffs.uploads is not None and job["completed_at"] < cutoffs.uploads
            if old or job["place"] in jobs:
                yield from _found(
                    path, path.name, job["name"] or path.name, dataset_name=job["dataset_name"]
                )


def _counts(directory: DataDirectory, named: Set[str], cutoffs: Cutoffs) -> Iterator[PrunableFile]:
    """Counts, profiles and the like whose table is gone or that nobody has used for long.

    A name begins with the hash of the table's first file.
    """
    for path in entries(directory.counts_dir):
        is_kept = path.suffix in KEPT
        of_no_table = is_kept and path.name.partition("-")[0] not in named
        before = cutoffs.counts if is_kept else cutoffs.orphans
        if of_no_table or before is not None:
            yield from _found(path, path.name, path.name, before=None if of_no_table else before)


def _found(
    path: Path, id_: str, name: str, *, dataset_name: str | None = None, before: str | None = None
) -> Iterator[PrunableFile]:
    """The file, if it is still there and was last written (or used) before some moment."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    at = timestamp(datetime.fromtimestamp(status.st_mtime, UTC))
    if before is None or at < before:
        yield PrunableFile(path, Example(id_, name, dataset_name, at, status.st_size))
