"""The parts of a running service, in one value.

Built by the composition root; passed to the HTTP side and to handlers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from job_runner.low_priority import LowPriorityExecutor
from job_runner.recent_results import RecentResults
from job_runner.settings import Settings
from parquet_tables.database import ParquetDatabase
from storage.jobs.jobs import Lane
from storage.maintenance.data_directory import DataDirectory
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database
from storage.versions.data_files import DataFiles


@dataclass(frozen=True)
class Service:
    """The service's parts.

    Parameters
    ----------
    parquet, parquet_long : ParquetDatabase
        The DuckDB instances: one for pages, plans and the short lane, one for the long lane. Each
        has half of the memory, so that a large import takes none from a small draw.
    wake_runner : callable
        Signals to the runner that a job waits.
    interrupt_job : callable
        Interrupts a running job, by its id.
    stopping : threading.Event
        Set when the service stops: no job is claimed, and event streams end.
    background : LowPriorityExecutor
        Runs background tasks, such as comparisons.
    """

    settings: Settings
    directory: DataDirectory
    database: Database
    data_files: DataFiles
    parquet: ParquetDatabase
    parquet_long: ParquetDatabase
    clock: Clock
    new_id: Callable[[], str]
    wake_runner: Callable[[], None]
    interrupt_job: Callable[[str], None]
    stopping: threading.Event
    background: LowPriorityExecutor = field(default_factory=LowPriorityExecutor)
    results: RecentResults = field(default_factory=RecentResults)

    def parquet_of(self, lane: Lane) -> ParquetDatabase:
        """The DuckDB instance of a lane."""
        return self.parquet if lane == "short" else self.parquet_long
