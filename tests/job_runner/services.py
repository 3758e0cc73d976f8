"""A service that has no threads of its own, for tests that call its parts."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from parquet_tables.attached import AttachedFiles
from parquet_tables.database import ParquetDatabase
from service.service import Service
from service.settings import Settings
from storage.certificates.keys import SigningKeys
from storage.maintenance.data_directory import DataDirectory
from storage.sqlite.clock import system_clock
from storage.sqlite.database import Database
from storage.versions.data_files import DataFiles


@contextmanager
def service_of(
    directory: DataDirectory, parquet: ParquetDatabase, attached: AttachedFiles, **settings: Any
) -> Iterator[Service]:
    """The service of an acquired data directory, with jobs job-1, job-2 and so on."""
    ids = itertools.count(1)
    database = Database(directory.database_path)
    try:
        yield Service(
            settings=Settings(data_dir=directory.root, **settings),
            directory=directory,
            database=database,
            data_files=DataFiles(directory.files_dir),
            signing_keys=SigningKeys(directory.signing_key_path, database, system_clock),
            attached=attached,
            parquet=parquet,
            parquet_long=parquet,
            clock=system_clock,
            new_id=lambda: f"job-{next(ids)}",
            wake_runner=lambda: None,
            interrupt_job=lambda job_id: None,
            wake_sender=lambda: None,
            wake_scheduler=lambda: None,
            stopping=threading.Event(),
        )
    finally:
        database.close()
