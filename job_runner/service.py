"""Everything a running service consists of, in one value.

Built by the composition root, handed to the HTTP side and to job handlers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from job_runner.settings import Settings
from parquet_tables.database import ParquetDatabase
from storage.clock import Clock
from storage.data_directory import DataDirectory
from storage.data_files import DataFiles
from storage.database import Database

NewId = Callable[[], str]


@dataclass(frozen=True)
class Service:
    """The service's parts.

    Parameters
    ----------
    database : Database
        Users, datasets, commits, refs and jobs.
    data_files : DataFiles
        The Parquet files that commits name.
    parquet : ParquetDatabase
        The DuckDB instance that reads and writes them.
    clock, new_id
        Injected, so that tests decide the time and the ids.
    wake_runner : callable
        Tells the runner that a job waits.
    interrupt_job : callable
        Tells the runner that a running job's result is not wanted any more.
    """

    settings: Settings
    directory: DataDirectory
    database: Database
    data_files: DataFiles
    parquet: ParquetDatabase
    clock: Clock
    new_id: NewId
    wake_runner: Callable[[], None]
    interrupt_job: Callable[[str], None]
