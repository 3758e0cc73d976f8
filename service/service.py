"""The parts of a running service, in one value.

Built by the composition root; passed to the HTTP side and to handlers.
"""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from import_engine.sources.connections import ObjectStores
from lazy_dataclasses import dataclass
from parquet_tables.attached import AttachedFiles
from parquet_tables.database import ParquetDatabase
from parquet_tables.tables import Int64s
from profiling_engine.columns.summaries import ColumnSummary
from sampling_engine import RowExplanation
from sampling_engine.engines.spark_connection import SparkServer
from service.low_priority import LowPriorityExecutor
from service.settings import Settings
from storage.certificates.keys import SigningKeys
from storage.jobs.kinds import Lane
from storage.maintenance.data_directory import DataDirectory
from storage.maintenance.pruning import PruneLimits
from storage.maintenance.quotas import Quotas
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database
from storage.versions.data_files import Adopt, DataFiles
from storage.versions.manifests import referenced_now

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class LruCache(Generic[Key, Value]):
    """A thread-safe LRU cache of at most ``max_entries`` values that ``fits`` accepts."""

    def __init__(self, max_entries: int, fits: Callable[[Value], bool] = lambda _: True) -> None:
        self.max_entries, self._fits = max_entries, fits
        self._lock = threading.Lock()
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key, compute: Callable[[], Value]) -> Value:
        """Return the cached value, else compute it."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        computed = compute()
        self.put(key, computed)
        return computed

    def find(self, key: Key) -> Value | None:
        """Return the cached value; None without one."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Key, value: Value) -> None:
        """Cache a value in the place of an older one, if it fits."""
        if not self._fits(value):
            return
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self.max_entries:
                self._values.popitem(last=False)


@dataclass(frozen=True)
class RecentResults:
    """Results in memory: of views their totals and pages, of jobs their reserves, drawn rows,
    explanations, review queues, readings and designs; of beacons whether a signature is right.

    The lock ``profiling`` serialises profiles, so that concurrent requests share a computation.
    """

    totals: LruCache[tuple[str, ...], int] = field(default_factory=lambda: LruCache(1000))
    ordinals: LruCache[tuple[object, ...], Int64s] = field(default_factory=lambda: LruCache(200))
    summaries: LruCache[tuple[object, ...], ColumnSummary] = field(
        default_factory=lambda: LruCache(2000)
    )
    reserves: LruCache[tuple[str, int, int], Any] = field(
        default_factory=lambda: LruCache(50, fits=lambda found: len(found.data) <= 2_000)
    )
    explained: LruCache[tuple[str, int], RowExplanation] = field(
        default_factory=lambda: LruCache(1000)
    )
    drawn: LruCache[str, dict[str, tuple[int, str | None]]] = field(
        default_factory=lambda: LruCache(20)
    )
    queues: LruCache[tuple[str, int, float], tuple[Sequence[str], Sequence[str]]] = field(
        default_factory=lambda: LruCache(20)
    )
    readings: LruCache[str, Any] = field(
        default_factory=lambda: LruCache(10, fits=lambda found: len(found.row_ids) <= 20_000)
    )
    designs: LruCache[str, Any] = field(
        default_factory=lambda: LruCache(20, fits=lambda found: len(found.ordinals) <= 500_000)
    )
    beacons: LruCache[tuple[object, ...], bool] = field(default_factory=lambda: LruCache(1000))
    profiling: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Service:
    """The service's parts.

    Parameters
    ----------
    parquet, parquet_long : ParquetDatabase
        The DuckDB instances: one for pages, plans and the short lane, one for the long lane. Each
        has half of the memory, so that a large import takes none from a small draw.
    attached : AttachedFiles
        The files outside the data directory that both instances may read.
    wake_runner : callable
        Signals to the runner that a job waits.
    interrupt_job : callable
        Interrupts a running job, by its id.
    wake_sender : callable
        Signals to the sender of messages that a delivery is due.
    wake_scheduler : callable
        Signals to the scheduler that a schedule was created or changed.
    stopping : threading.Event
        Set when the service stops: no job is claimed, and event streams end.
    spark : SparkServer, optional
        The Spark Connect server that may read the rows of large draws.
    background : LowPriorityExecutor
        Runs background tasks, such as comparisons.
    prune_limits : PruneLimits
        The sizes of the steps of a prune.
    """

    settings: Settings
    directory: DataDirectory
    database: Database
    data_files: DataFiles
    signing_keys: SigningKeys
    attached: AttachedFiles
    parquet: ParquetDatabase
    parquet_long: ParquetDatabase
    clock: Clock
    new_id: Callable[[], str]
    wake_runner: Callable[[], None]
    interrupt_job: Callable[[str], None]
    wake_sender: Callable[[], None]
    wake_scheduler: Callable[[], None]
    stopping: threading.Event
    spark: SparkServer | None = None
    background: LowPriorityExecutor = field(default_factory=LowPriorityExecutor)
    object_stores: ObjectStores = field(default_factory=ObjectStores)
    results: RecentResults = field(default_factory=RecentResults)
    prune_limits: PruneLimits = field(default_factory=PruneLimits)

    @property
    def quotas(self) -> Quotas:
        """The quotas of disk."""
        settings = self.settings
        return Quotas(self.data_files, settings.user_quota_mb, settings.dataset_quota_mb)

    @contextmanager
    def scratch_folder(self) -> Iterator[Path]:
        """Create a temporary folder that DuckDB may write to; it is deleted after the block."""
        with tempfile.TemporaryDirectory(dir=self.directory.scratch_dir) as folder:
            yield Path(folder)

    @contextmanager
    def scratch_file(self, name: str) -> Iterator[Path]:
        """Return the path for a file in a temporary folder, which is deleted after the block."""
        with self.scratch_folder() as folder:
            yield folder / name

    def hold_files(self) -> AbstractContextManager[Adopt]:
        """Hold new data files until their commit; if that fails, they are removed."""
        return self.data_files.hold(partial(referenced_now, self.database))

    def parquet_of(self, lane: Lane) -> ParquetDatabase:
        """The DuckDB instance of a lane."""
        return self.parquet if lane == "short" else self.parquet_long
