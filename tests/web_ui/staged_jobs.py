"""Jobs with a given status that no thread runs."""

from __future__ import annotations

from typing import Any

from contract.jobs import RunType
from storage.jobs.jobs import cancel_job, fail_job, get_job
from storage.jobs.submission import NewJob, insert_job
from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader

IMPORT = {"ref": "main", "file_name": "later.csv", "size_bytes": 4, "commit_message": "Later"}
FILE = "a\n1\n"


def running_job(
    server: LiveServer,
    soeid: str,
    dataset: int,
    *,
    run_type: RunType = "import",
    parameters: dict[str, Any] = IMPORT,
    source: str | None = None,
    file: str | None = None,
) -> str:
    """The id of a job with the status running; ``file`` is its upload."""
    service = server.service
    job_id = service.new_id()
    if file is not None:
        service.directory.upload_path(job_id).write_text(file)
    with service.database.write() as tx:
        (user_id,) = tx.execute("SELECT id FROM users WHERE soeid = ?", (soeid,)).fetchone()
        new = NewJob(job_id, run_type, dataset, user_id, source, parameters)
        insert_job(tx, new, service.clock, service.settings.waiting_jobs_max)
        tx.execute(
            "UPDATE jobs SET status = 'running', started_at = created_at, attempt = 1, "
            "progress = 40, progress_message = 'reading rows' WHERE id = ?",
            (job_id,),
        )
    return job_id


def cancelled(server: LiveServer, job_id: str) -> str:
    """Cancel a running job; returns its id."""
    with server.service.database.write() as tx:
        cancel_job(tx, job_id, "us00000", server.service.clock)
    return job_id


def ended_job(
    server: LiveServer, reader: Reader, dataset: int, *, code: str = "cancelled", **given: Any
) -> str:
    """The id of a failed job, with the options of ``running_job``."""
    job_id = running_job(server, reader.soeid, dataset, **given)
    with server.service.database.write() as tx:
        if code == "cancelled":
            cancel_job(tx, job_id, reader.soeid, server.service.clock)
        else:
            fail_job(tx, get_job(tx, job_id), code, f"It failed: {code}.", server.service.clock)
    return job_id
