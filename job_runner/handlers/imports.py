"""The run type ``import``: an uploaded file becomes a commit on a ref.

Owns: an import's parameters, its acceptance and its handler. Invariant: the ref moves only to a
commit that holds every row of the file; a file that can't be read leaves nothing behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from import_engine.importer import import_file
from import_engine.work import ImportedTable
from job_runner.acceptance import Submission, accept
from job_runner.context import JobContext
from job_runner.lanes import lane_of_import
from job_runner.service import Service
from parquet_tables.progress import progress_part
from storage.accounts.datasets import Dataset
from storage.errors import DamagedData
from storage.jobs.jobs import Job
from storage.jobs.publishing import NewCommit, Outcome
from storage.jobs.submission import NewJob
from storage.maintenance.durable import sync
from storage.sqlite.database import Transaction
from storage.versions.manifests import StoredTable
from storage.versions.refs import get_ref

READ_SHARE = 0.95
"""How much of the progress bar reading takes; the rest is hashing and syncing files."""


@dataclass(frozen=True)
class ImportRequest:
    """What a user asks for. ``file_name`` is what they call the file; it is never a path."""

    ref_name: str
    file_name: str
    commit_message: str | None = None


def submit_import(
    service: Service, by: Submission, dataset: Dataset, request: ImportRequest, upload: Path
) -> Job:
    """Accept an import job; takes the file ``upload`` over, unless the job was accepted before.

    Raises
    ------
    NotFound
        The dataset has no such ref.
    """
    size_bytes = upload.stat().st_size
    sync(upload)

    def make(tx: Transaction, job_id: str) -> NewJob:
        get_ref(tx, dataset.id, request.ref_name)
        return NewJob(
            id=job_id,
            run_type="import",
            dataset_id=dataset.id,
            user_id=by.user.id,
            source_commit_id=None,
            run_parameters={
                "ref": request.ref_name,
                "file_name": request.file_name,
                "size_bytes": size_bytes,
                "commit_message": request.commit_message or f"Import {request.file_name}",
            },
            lane=lane_of_import(size_bytes),
            priority=by.priority,
            origin=by.origin,
        )

    def take_over(job_id: str) -> None:
        kept = service.directory.upload_path(job_id)
        upload.replace(kept)
        sync(kept.parent)

    return accept(service, by, make, take_over)


def run_import(context: JobContext) -> Outcome:
    """Read the upload, store its tables, and ask for the ref to be moved."""
    job = context.job
    tables = import_file(
        context.parquet,
        _whole_upload(context),
        job.run_parameters["file_name"],
        context.scratch.folder,
        on_progress=progress_part(context.on_progress, 0.0, READ_SHARE),
    )
    context.on_progress(READ_SHARE, "storing data files")
    stored = [_store(context, table) for table in tables]
    return Outcome(
        summary={
            "file_name": job.run_parameters["file_name"],
            "size_bytes": job.run_parameters["size_bytes"],
            "tables": [_account(table, kept) for table, kept in zip(tables, stored, strict=True)],
        },
        commit=NewCommit(
            ref_name=job.run_parameters["ref"],
            message=job.run_parameters["commit_message"],
            tables=stored,
        ),
    )


def _whole_upload(context: JobContext) -> Path:
    """The uploaded file.

    Raises
    ------
    DamagedData
        It is gone or has another size than it was accepted with: the rest of a file may well be a
        table, too, but not the one that was sent.
    """
    path = context.service.directory.upload_path(context.job.id)
    try:
        size_bytes = path.stat().st_size
    except FileNotFoundError:
        size_bytes = -1
    if size_bytes != context.job.run_parameters["size_bytes"]:
        problem = "gone" if size_bytes < 0 else "damaged"
        raise DamagedData(f"The uploaded file is {problem}. Import it again.")
    return path


def _store(context: JobContext, table: ImportedTable) -> StoredTable:
    files = tuple(context.adopt(file.path, file.rows) for file in table.table.files)
    return StoredTable(table.key, table.table.columns, files)


def _account(table: ImportedTable, stored: StoredTable) -> dict[str, object]:
    return {
        "key": table.key,
        "rows": stored.row_count,
        "columns": len(stored.columns),
        "size_bytes": stored.size_bytes,
        "notes": list(table.notes),
    }
