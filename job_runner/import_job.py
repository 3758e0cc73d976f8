"""The run type ``import``: an uploaded file becomes a commit on a ref.

Owns: an import's parameters, its acceptance and its handler. Invariant: the ref moves only to a
commit that holds every row of the file; a file that can't be read leaves nothing behind.
"""

from __future__ import annotations

from pathlib import Path

from import_engine.imported import ImportedTable
from import_engine.importer import import_file
from job_runner.context import JobContext
from job_runner.lanes import lane_of_import
from job_runner.service import Service
from parquet_tables.progress import share_of
from storage.audit import THIS_PROCESS, Origin
from storage.datasets import Dataset
from storage.durable import sync
from storage.errors import DamagedData
from storage.idempotency import IdempotencyKey, job_of_key, keep_key
from storage.jobs import NewJob, Priority, insert_job
from storage.manifests import StoredTable
from storage.publishing import NewCommit, Outcome
from storage.refs import get_ref
from storage.users import User

READ_SHARE = 0.95
"""How much of the progress bar reading takes; the rest is hashing and syncing files."""


def submit_import(
    service: Service,
    user: User,
    dataset: Dataset,
    *,
    ref_name: str,
    upload: Path,
    file_name: str,
    commit_message: str | None,
    priority: Priority = "interactive",
    key: IdempotencyKey | None = None,
    origin: Origin = THIS_PROCESS,
) -> str:
    """Accept an import job; takes ``upload`` over. Returns the job's id.

    Raises
    ------
    NotFound
        The dataset has no such ref.
    """
    job_id = service.new_id()
    kept = service.directory.upload_path(job_id)
    size_bytes = upload.stat().st_size
    sync(upload)
    with service.database.write() as tx:
        earlier = job_of_key(tx, user.id, key, service.clock)
        if earlier is not None:
            return earlier
        get_ref(tx, dataset.id, ref_name)
        upload.replace(kept)
        sync(kept.parent)  # before the commit: an accepted job has its file, also after a power cut
        insert_job(
            tx,
            NewJob(
                id=job_id,
                run_type="import",
                dataset_id=dataset.id,
                user_id=user.id,
                source_commit_id=None,
                run_parameters={
                    "ref": ref_name,
                    "file_name": file_name,
                    "size_bytes": size_bytes,
                    "commit_message": commit_message or f"Import {file_name}",
                },
                lane=lane_of_import(size_bytes),
                priority=priority,
                origin=origin,
            ),
            service.clock,
            service.settings.waiting_jobs_max,
        )
        keep_key(tx, user.id, key, job_id, service.clock)
    service.wake_runner()
    return job_id


def run_import(context: JobContext) -> Outcome:
    """Read the upload, store its tables, and ask for the ref to be moved."""
    job = context.job
    tables = import_file(
        context.parquet,
        _whole_upload(context),
        job.run_parameters["file_name"],
        context.scratch.folder,
        report=share_of(context.report, 0.0, READ_SHARE),
    )
    context.report(READ_SHARE, "storing data files")
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
