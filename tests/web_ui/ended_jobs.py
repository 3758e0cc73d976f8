"""Jobs that ended in some way, without a thread that ran them."""

from __future__ import annotations

from typing import Any

from storage.jobs import RunType, cancel_job, fail_job, get_job
from storage.new_jobs import NewJob, insert_job
from tests.live_server import LiveServer
from tests.web_ui.reader import Reader

IMPORT = {"ref": "main", "file_name": "later.csv", "size_bytes": 4, "commit_message": "Later"}
FILE = "a\n1\n"


def ended_job(
    server: LiveServer,
    reader: Reader,
    dataset: int,
    *,
    code: str = "cancelled",
    run_type: RunType = "import",
    parameters: dict[str, Any] = IMPORT,
    source: str | None = None,
    file: str | None = None,
) -> str:
    """The id of a failed job, whose upload is kept if its content is given."""
    service = server.service
    job_id = service.new_id()
    user_id = int(reader.api.get("/api/users/me").json()["id"])
    if file is not None:
        service.directory.upload_path(job_id).write_text(file)
    with service.database.write() as tx:
        new = NewJob(job_id, run_type, dataset, user_id, source, parameters)
        insert_job(tx, new, service.clock, service.settings.waiting_jobs_max)
        if code == "cancelled":
            cancel_job(tx, job_id, reader.soeid, service.clock)
        else:
            tx.execute(
                "UPDATE jobs SET status = 'running', started_at = created_at, attempt = 1 "
                "WHERE id = ?",
                (job_id,),
            )
            running = get_job(tx, job_id)
            fail_job(tx, running, code, f"It failed: {code}.", service.clock)
    return job_id
