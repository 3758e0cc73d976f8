"""Prometheus metrics: counters of jobs, requests and sign-ins; gauges measured at each scrape.

Guarantees that a label has few values, all known beforehand: never a path, a name or an id. The
composition root passes ``job_changed`` to the database, so no job is missed.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from itertools import product
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from application.notifications.attempts import RESULTS, Result
from application.throttle import TooManyAttempts
from application.work_limits import WorkLimits
from contract.jobs import RUN_TYPES
from domain_errors import DomainError
from http_api.server.statuses import STATUS_OF_CODE
from service.service import Service
from storage.jobs.changes import JobChange
from storage.jobs.kinds import LANES
from storage.jobs.queue import count_open_jobs
from storage.maintenance.disk_use import DiskUseMeter
from storage.notifications.receivers import KINDS, Kind, count_waiting_deliveries
from storage.sqlite.clock import seconds_between, timestamp

# Otherwise each series has another one with the time of its first count.
disable_created_metrics()  # type: ignore[no-untyped-call]

WAIT_BUCKETS_S = (0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 900, 3600, 14400)
RUN_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 14400)
REQUEST_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

MIB = 1024**2
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
OTHER = "other"
UNMATCHED = "unmatched"
"""The route of requests that match none."""


class Metrics:
    """The counters of one app, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter, histogram = self._counter, self._histogram
        answer = ("method", "route", "status")
        self.jobs_accepted = counter("jobs_accepted", "Jobs accepted.", "run_type", "lane")
        self.jobs_ended = counter(
            "jobs_ended",
            "Ended jobs by outcome (completed, failed, cancelled, timed_out), fault (request, "
            "server) and error_code.",
            *("run_type", "outcome", "fault", "error_code"),
        )
        waiting = "Time from a job's submission to its first start."
        self.job_waiting = histogram(
            "job_waiting_seconds", waiting, WAIT_BUCKETS_S, "run_type", "lane"
        )
        running = "Time from the start of a job's last attempt to its end."
        self.job_running = histogram(
            "job_running_seconds", running, RUN_BUCKETS_S, "run_type", "outcome"
        )
        self.requests = counter("http_requests", "Responses.", *answer)
        self.http_refusals = counter(
            "http_refusals", "Requests refused before they reached the app, by error code.", "code"
        )
        arrival = "Time from a request's arrival at the app to the start of its response."
        self.request_seconds = histogram(
            "http_request_seconds", arrival, REQUEST_BUCKETS_S, *answer
        )
        self.request_bytes = counter(
            "http_request_bytes", "Bytes of request bodies, with uploads.", "route"
        )
        self.response_bytes = counter(
            "http_response_bytes", "Bytes of response bodies, with downloads.", "route"
        )
        self.in_progress = Gauge(
            "jobsvc_http_requests_in_progress",
            "Requests without a response yet.",
            registry=self.registry,
        )
        self.sign_in_failures = counter(
            "sign_in_failures",
            "Refused sign-ins: wrong name or password (credentials), or too soon after several "
            "failures (throttled).",
            "reason",
        )
        self.delivery_attempts = counter(
            "delivery_attempts",
            "Attempts to send a message, by kind of receiver (webhook, email) and result.",
            *("kind", "result"),
        )
        # A series must exist before its first event.
        for run_type in RUN_TYPES:
            self.jobs_ended.labels(run_type, "completed", "none", "")
        for counted, *values in (
            (self.jobs_accepted, RUN_TYPES, LANES),
            (self.sign_in_failures, ("credentials", "throttled")),
            (self.delivery_attempts, KINDS, RESULTS),
        ):
            for labels in product(*values):
                counted.labels(*labels)

    def job_changed(self, change: JobChange) -> None:
        """Count one step of a job."""
        if change.step == "accepted":
            self.jobs_accepted.labels(change.run_type, change.lane).inc()
        elif change.step == "started":
            if change.seconds is not None:
                self.job_waiting.labels(change.run_type, change.lane).observe(change.seconds)
        else:
            outcome, fault = _outcome(change.error_code)
            self.jobs_ended.labels(change.run_type, outcome, fault, change.error_code or "").inc()
            if change.seconds is not None:
                self.job_running.labels(change.run_type, outcome).observe(change.seconds)

    def answered(
        self, method: str, route: str, status: int, seconds: float, received: int
    ) -> Callable[[float], None]:
        """Count a request with its status; return the counter of sent bytes."""
        labels = (method if method in METHODS else OTHER, route, str(status))
        self.requests.labels(*labels).inc()
        self.request_seconds.labels(*labels).observe(seconds)
        self.request_bytes.labels(route).inc(received)
        return self.response_bytes.labels(route).inc

    def attempted(self, kind: Kind, result: Result) -> None:
        """Count an attempt to send a message."""
        self.delivery_attempts.labels(kind, result).inc()

    def refused(self, code: str) -> None:
        """Count a request that was refused before it reached the app."""
        self.http_refusals.labels(code).inc()

    def sign_in_refused(self, refusal: DomainError) -> None:
        """Count a refused sign-in."""
        reason = "throttled" if isinstance(refusal, TooManyAttempts) else "credentials"
        self.sign_in_failures.labels(reason).inc()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"jobsvc_{name}", text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(f"jobsvc_{name}", text, labels, registry=self.registry, buckets=buckets)


def _outcome(error_code: str | None) -> tuple[str, str]:
    """Outcome and fault of a job that ended with a code, or completed.

    >>> _outcome("unreadable_file")
    ('failed', 'request')
    """
    if error_code is None:
        return "completed", "none"
    if error_code == "cancelled":
        return "cancelled", "none"
    outcome = "timed_out" if error_code == "timed_out" else "failed"
    return outcome, "request" if STATUS_OF_CODE.get(error_code, 500) < 500 else "server"


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
        now = timestamp(self._service.clock())
        yield from self._jobs(now)
        yield from self._deliveries(now)
        yield from self._disk_use()
        yield from self._memory()
        settings, streams = self._service.settings, self._limits.streams
        workers = {"short": settings.workers, "long": settings.long_workers}
        yield _gauge("workers", "Maximum of running jobs.", workers)
        yield _gauge("http_threads", "Threads for quick requests.", settings.http_threads)
        yield _gauge("event_streams_open", "Open event streams.", streams.under_way)
        yield _gauge("event_streams_max", "Maximum of open event streams.", streams.total)
        kinds = self._limits.kinds()
        under_way = {name: limit.under_way for name, limit in kinds.items()}
        most = {name: limit.total for name, limit in kinds.items()}
        yield _gauge("slow_work", "Slow work in progress, by kind.", under_way, "kind")
        yield _gauge("slow_work_max", "Maximum of slow work in progress.", most, "kind")

    def _jobs(self, now: str) -> Iterator[Metric]:
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
        oldest_s: dict[str, float] = dict.fromkeys(LANES, 0.0)
        for count in (each for each in counted if each.waits):
            waited_s = seconds_between(count.oldest, now)
            oldest_s[count.lane] = max(oldest_s[count.lane], waited_s)
        text = "Waiting time of the oldest waiting job; 0 if none waits."
        yield _gauge("job_oldest_waiting_seconds", text, oldest_s)

    def _deliveries(self, now: str) -> Iterator[Metric]:
        none: dict[str, float] = dict.fromkeys(KINDS, 0)
        with self._service.database.read() as tx:
            counted = count_waiting_deliveries(tx)
        waiting = none | {each.kind: each.waiting for each in counted}
        oldest_s = none | {each.kind: max(0, seconds_between(each.oldest, now)) for each in counted}
        yield _gauge("deliveries_waiting", "Messages that wait for an attempt.", waiting, "kind")
        text = "Age of the oldest message that waits for an attempt; 0 if none waits."
        yield _gauge("delivery_oldest_waiting_seconds", text, oldest_s, "kind")

    def _disk_use(self) -> Iterator[Metric]:
        use = self._disk.measure()
        least = self._service.settings.min_free_mb * MIB
        yield _gauge("data_bytes", "Files in the data directory.", use.part_bytes, "part")
        yield _gauge("sqlite_bytes", "SQLite's database and log.", use.sqlite_bytes, "file")
        disk = "the disk of the data directory."
        yield _gauge("disk_free_bytes", f"Free space on {disk}", use.free_bytes)
        yield _gauge("disk_size_bytes", f"Size of {disk}", use.disk_bytes)
        yield _gauge("disk_free_min_bytes", "Free space below which imports are refused.", least)

    def _memory(self) -> Iterator[Metric]:
        service = self._service
        held = {lane: service.parquet_of(lane).memory_use() for lane in LANES}
        memory = {lane: use.memory_bytes for lane, use in held.items()}
        most = dict.fromkeys(LANES, service.settings.memory_mb // 2 * MIB)
        spilled = {lane: use.spilled_bytes for lane, use in held.items()}
        yield _gauge("duckdb_memory_bytes", "Memory in use by DuckDB.", memory)
        yield _gauge("duckdb_memory_max_bytes", "Memory limit of DuckDB.", most)
        yield _gauge("duckdb_spilled_bytes", "Data that DuckDB spilled to disk.", spilled)


def _gauge(name: str, text: str, value: float | Mapping[Any, float], label: str = "lane") -> Metric:
    """Build one gauge, or one for each value of a label."""
    if not isinstance(value, Mapping):
        return GaugeMetricFamily(f"jobsvc_{name}", text, value=value)
    family = GaugeMetricFamily(f"jobsvc_{name}", text, labels=[label])
    for label_value, number in value.items():
        family.add_metric([label_value], number)
    return family
