"""Metrics that are measured at each scrape: open jobs, disk, memory, streams, process, build.

A scrape takes a few milliseconds for any amount of data.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from itertools import product

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from application.work_limits import WorkLimits
from job_runner.service import Service
from storage.jobs.jobs import LANES, RUN_TYPES
from storage.jobs.queue import count_open_jobs
from storage.maintenance.disk_use import DiskUseMeter
from storage.sqlite.clock import seconds_between, timestamp

MIB = 1024**2


def measure(registry: CollectorRegistry, service: Service, limits: WorkLimits) -> None:
    """Register the gauges of a service."""
    registry.register(_State(service, limits))
    ProcessCollector(registry=registry)


class _State(Collector):
    def __init__(self, service: Service, limits: WorkLimits) -> None:
        self._service = service
        self._limits = limits
        self._disk = DiskUseMeter(service.directory)

    def describe(self) -> Iterable[Metric]:
        """Return nothing, or the registry would measure everything to learn the names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Measure."""
        yield InfoMetricFamily(
            "jobsvc_build",
            "Versions of jobsvc, Python and DuckDB.",
            {
                "version": version("jobsvc"),
                "python": platform.python_version(),
                "duckdb": version("duckdb"),
            },
        )
        yield from self._jobs()
        yield from self._disk_use()
        yield from self._memory()
        settings = self._service.settings
        workers = {"short": settings.workers, "long": settings.long_workers}
        yield _gauge("workers", "Maximum of running jobs.", workers)
        threads = settings.http_threads
        yield _gauge("http_threads", "Threads for quick requests.", threads)
        streams = self._limits.streams
        yield _gauge("event_streams_open", "Open event streams.", streams.under_way)
        yield _gauge("event_streams_max", "Maximum of open event streams.", streams.total)
        kinds = self._limits.kinds()
        under_way = {name: limit.under_way for name, limit in kinds.items()}
        most = {name: limit.total for name, limit in kinds.items()}
        yield _gauge("slow_work", "Slow work in progress, by kind.", under_way, "kind")
        yield _gauge("slow_work_max", "Maximum of slow work in progress.", most, "kind")

    def _jobs(self) -> Iterator[Metric]:
        with self._service.database.read() as tx:
            counted = count_open_jobs(tx)
        for waits, status in ((True, "waiting"), (False, "running")):
            present = {
                (each.run_type, each.lane): each.jobs for each in counted if each.waits == waits
            }
            family = GaugeMetricFamily(
                f"jobsvc_jobs_{status}", f"Jobs {status} now.", labels=["run_type", "lane"]
            )
            for run_type, lane in product(RUN_TYPES, LANES):
                family.add_metric([run_type, lane], present.get((run_type, lane), 0))
            yield family
        now = timestamp(self._service.clock())
        waiting: dict[str, float] = dict.fromkeys(LANES, 0.0)
        for count in counted:
            if count.waits:
                waited_s = seconds_between(count.oldest, now)
                waiting[count.lane] = max(waiting[count.lane], waited_s)
        yield _gauge(
            "job_oldest_waiting_seconds",
            "Waiting time of the oldest waiting job; 0 if none waits.",
            waiting,
        )

    def _disk_use(self) -> Iterator[Metric]:
        use = self._disk.measure()
        yield _gauge("data_bytes", "Files in the data directory.", use.part_bytes, "part")
        yield _gauge("sqlite_bytes", "SQLite's database and log.", use.sqlite_bytes, "file")
        yield _gauge(
            "disk_free_bytes", "Free space on the disk of the data directory.", use.free_bytes
        )
        yield _gauge("disk_size_bytes", "Size of the disk of the data directory.", use.disk_bytes)
        least = self._service.settings.min_free_mb * MIB
        yield _gauge("disk_free_min_bytes", "Free space below which imports are refused.", least)

    def _memory(self) -> Iterator[Metric]:
        held = {
            "short": self._service.parquet.memory_use(),
            "long": self._service.parquet_long.memory_use(),
        }
        memory = {lane: use.memory_bytes for lane, use in held.items()}
        most = dict.fromkeys(held, self._service.settings.memory_mb // 2 * MIB)
        spilled = {lane: use.spilled_bytes for lane, use in held.items()}
        yield _gauge("duckdb_memory_bytes", "Memory in use by DuckDB.", memory)
        yield _gauge("duckdb_memory_max_bytes", "Memory limit of DuckDB.", most)
        yield _gauge("duckdb_spilled_bytes", "Data that DuckDB spilled to disk.", spilled)


def _gauge(name: str, text: str, value: float | Mapping[str, float], label: str = "lane") -> Metric:
    """Build one gauge, or one for each value of a label."""
    if not isinstance(value, Mapping):
        return GaugeMetricFamily(f"jobsvc_{name}", text, value=value)
    family = GaugeMetricFamily(f"jobsvc_{name}", text, labels=[label])
    for label_value, number in value.items():
        family.add_metric([label_value], number)
    return family
