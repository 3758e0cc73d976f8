"""What is measured at the moment when somebody asks for the metrics.

Owns: the metrics that no event tells of: jobs that wait and run, room on the disk, memory, streams,
the process, the build. Invariant: nothing is measured between two scrapes, and what a scrape
measures costs a few milliseconds however much data there is.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from importlib.metadata import version
from itertools import product

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from http_api.server.work_limits import WorkLimits
from job_runner.service import Service
from storage.jobs.jobs import LANES, RUN_TYPES
from storage.jobs.queue import count_open_jobs
from storage.maintenance.disk_use import DiskUseMeter
from storage.sqlite.clock import seconds_between, timestamp

MIB = 1024**2


def measure(registry: CollectorRegistry, service: Service, limits: WorkLimits) -> None:
    """Have a registry measure a service at each scrape."""
    registry.register(_State(service, limits))
    ProcessCollector(registry=registry)


class _State(Collector):
    def __init__(self, service: Service, limits: WorkLimits) -> None:
        self._service = service
        self._limits = limits
        self._disk = DiskUseMeter(service.directory)

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry would otherwise measure all of it only to learn the names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Measure."""
        yield InfoMetricFamily(
            "jobsvc_build",
            "The versions at work.",
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
        yield _gauge("workers", "Jobs that may run at the same time.", workers)
        threads = settings.http_threads
        yield _gauge("http_threads", "Quick requests that may be answered at once.", threads)
        streams = self._limits.streams
        yield _gauge("event_streams_open", "Event streams that are open.", streams.under_way)
        yield _gauge("event_streams_max", "Event streams that may be open.", streams.total)
        kinds = {one.name: getattr(self._limits, one.name) for one in fields(self._limits)}
        under_way = {name: limit.under_way for name, limit in kinds.items()}
        most = {name: limit.total for name, limit in kinds.items()}
        yield _gauge("slow_work", "Slow work under way, by kind.", under_way, "kind")
        yield _gauge("slow_work_max", "Slow work that may be under way.", most, "kind")

    def _jobs(self) -> Iterator[Metric]:
        with self._service.database.read() as tx:
            counted = count_open_jobs(tx)
        for waits, doing in ((True, "waiting"), (False, "running")):
            present = {(one.run_type, one.lane): one.jobs for one in counted if one.waits == waits}
            family = GaugeMetricFamily(
                f"jobsvc_jobs_{doing}", f"Jobs {doing} now.", labels=["run_type", "lane"]
            )
            for run_type, lane in product(RUN_TYPES, LANES):
                family.add_metric([run_type, lane], present.get((run_type, lane), 0))
            yield family
        now = timestamp(self._service.clock())
        waiting: dict[str, float] = dict.fromkeys(LANES, 0.0)
        for one in counted:
            if one.waits:
                since = seconds_between(one.oldest, now)
                waiting[one.lane] = max(waiting[one.lane], since)
        yield _gauge(
            "job_oldest_waiting_seconds",
            "Since when the job that has waited longest does so; 0 when none waits.",
            waiting,
        )

    def _disk_use(self) -> Iterator[Metric]:
        use = self._disk.measure()
        yield _gauge("data_bytes", "Files below the data directory.", use.part_bytes, "part")
        yield _gauge("sqlite_bytes", "SQLite's database and log.", use.sqlite_bytes, "file")
        yield _gauge("disk_free_bytes", "Free on the data directory's disk.", use.free_bytes)
        yield _gauge("disk_size_bytes", "Size of the data directory's disk.", use.disk_bytes)
        least = self._service.settings.min_free_mb * MIB
        yield _gauge("disk_free_min_bytes", "Below this, imports are refused.", least)

    def _memory(self) -> Iterator[Metric]:
        held = {
            "short": self._service.parquet.memory_use(),
            "long": self._service.parquet_long.memory_use(),
        }
        memory = {lane: use.memory_bytes for lane, use in held.items()}
        most = dict.fromkeys(held, self._service.settings.memory_mb // 2 * MIB)
        spilled = {lane: use.spilled_bytes for lane, use in held.items()}
        yield _gauge("duckdb_memory_bytes", "Memory that DuckDB holds.", memory)
        yield _gauge("duckdb_memory_max_bytes", "Memory that DuckDB may hold.", most)
        yield _gauge("duckdb_spilled_bytes", "What DuckDB spilled to disk.", spilled)


def _gauge(name: str, text: str, value: float | Mapping[str, float], label: str = "lane") -> Metric:
    """One gauge, or one for each value of a label."""
    if not isinstance(value, Mapping):
        return GaugeMetricFamily(f"jobsvc_{name}", text, value=value)
    family = GaugeMetricFamily(f"jobsvc_{name}", text, labels=[label])
    for label_value, one in value.items():
        family.add_metric([label_value], one)
    return family
