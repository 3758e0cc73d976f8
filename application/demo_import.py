"""Import of the demo data as a dataset."""

from __future__ import annotations

import tempfile
from pathlib import Path

from application.demo_data import DATASET, DESCRIPTION, FILE_NAME, MESSAGE, write_demo_file
from application.job_submission import Submission, submit_import
from contract.requests.importing import ImportRequest
from service.service import Service
from storage.accounts.audit_trail import record
from storage.accounts.authority import write_as
from storage.accounts.datasets import create_dataset
from storage.contents import INCOMING
from storage.versions.refs import MAIN


def submit_demo(service: Service, by: Submission) -> str:
    """Create the demo dataset and submit its import; Conflict if its name is in use.

    Returns the job's id.
    """
    folder = service.directory.uploads_dir
    with tempfile.NamedTemporaryFile(dir=folder, prefix=INCOMING, delete=False) as file:
        upload = Path(file.name)
    try:
        write_demo_file(upload)
        with write_as(service.database, by.authority, service.clock) as tx:
            dataset = create_dataset(
                tx,
                by.user,
                name=DATASET,
                description=DESCRIPTION,
                tags=["demo"],
                clock=service.clock,
            )
            record(
                tx,
                service.clock,
                "dataset_made",
                user_id=by.user.id,
                origin=by.origin,
                dataset_id=dataset.id,
                details={"name": dataset.name},
            )
        request = ImportRequest(file=None, commit_message=MESSAGE)
        job = submit_import(service, by, dataset, MAIN, request, upload, FILE_NAME)
        return job.id
    finally:
        upload.unlink(missing_ok=True)
