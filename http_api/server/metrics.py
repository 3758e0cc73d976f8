"""Prometheus counters of jobs, requests and sign-ins; ``gauges`` has the rest.

Guarantees that a label has few values, all known beforehand: never a path, a name or an id. The
composition root passes ``job_changed`` to the database, so no job is missed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)

from application.passwords import BadCredentials
from domain_errors import DomainError
from http_api.server.problems import STATUS_OF_CODE
from http_api.state import state
from storage.jobs.changes import JobChange
from storage.jobs.jobs import LANES, RUN_TYPES

# Otherwise each series has another one with the time of its first count.
disable_created_metrics()  # type: ignore[no-untyped-call]

WAIT_BUCKETS_S = (0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 900, 3600, 14400)
RUN_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 14400)
REQUEST_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
OTHER = "other"
UNMATCHED = "unmatched"
"""The route of requests that match none."""


@dataclass(frozen=True)
class _Answers:
    """The series of one kind of response, looked up once."""

    requests: Counter
    seconds: Histogram
    received: Counter
    sent: Counter


class Metrics:
    """The counters of one app, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._jobs()
        self._http()
        self._answers: dict[tuple[str, str, int], _Answers] = {}

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
        key = (method if method in METHODS else OTHER, route, status)
        answers = self._answers.get(key)
        if answers is None:
            answers = self._answers[key] = self._answers_of(*key)
        answers.requests.inc()
        answers.seconds.observe(seconds)
        if received:
            answers.received.inc(received)
        return answers.sent.inc

    def refused(self, code: str) -> None:
        """Count a request that was refused before it reached the app."""
        self.http_refusals.labels(code).inc()

    def sign_in_refused(self, refusal: DomainError) -> None:
        """Count a refused sign-in."""
        reason = "credentials" if isinstance(refusal, BadCredentials) else "throttled"
        self.sign_in_failures.labels(reason).inc()

    def _answers_of(self, method: str, route: str, status: int) -> _Answers:
        labels = (method, route, str(status))
        return _Answers(
            self.requests.labels(*labels),
            self.request_seconds.labels(*labels),
            self.request_bytes.labels(route),
            self.response_bytes.labels(route),
        )

    def _jobs(self) -> None:
        self.jobs_accepted = self._counter("jobs_accepted", "Jobs accepted.", "run_type", "lane")
        self.jobs_ended = self._counter(
            "jobs_ended",
            "Ended jobs by outcome (completed, failed, cancelled, timed_out), fault (request, "
            "server) and error_code.",
            *("run_type", "outcome", "fault", "error_code"),
        )
        self.job_waiting = self._histogram(
            "job_waiting_seconds",
            "Time from a job's submission to its first start.",
            WAIT_BUCKETS_S,
            *("run_type", "lane"),
        )
        self.job_running = self._histogram(
            "job_running_seconds",
            "Time from the start of a job's last attempt to its end.",
            RUN_BUCKETS_S,
            *("run_type", "outcome"),
        )
        for run_type in RUN_TYPES:  # a series must exist before its first event
            self.jobs_ended.labels(run_type, "completed", "none", "")
            for lane in LANES:
                self.jobs_accepted.labels(run_type, lane)

    def _http(self) -> None:
        answer = ("method", "route", "status")
        self.requests = self._counter("http_requests", "Responses.", *answer)
        self.http_refusals = self._counter(
            "http_refusals", "Requests refused before they reached the app, by error code.", "code"
        )
        self.request_seconds = self._histogram(
            "http_request_seconds",
            "Time from a request's arrival at the app to the start of its response.",
            REQUEST_BUCKETS_S,
            *answer,
        )
        self.request_bytes = self._counter(
            "http_request_bytes", "Bytes of request bodies, with uploads.", "route"
        )
        self.response_bytes = self._counter(
            "http_response_bytes", "Bytes of response bodies, with downloads.", "route"
        )
        self.in_progress = Gauge(
            "jobsvc_http_requests_in_progress",
            "Requests without a response yet.",
            registry=self.registry,
        )
        self.sign_in_failures = self._counter(
            "sign_in_failures",
            "Refused sign-ins: wrong name or password (credentials), or too soon after several "
            "failures (throttled).",
            "reason",
        )
        for reason in ("credentials", "throttled"):
            self.sign_in_failures.labels(reason)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"jobsvc_{name}", text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(f"jobsvc_{name}", text, labels, registry=self.registry, buckets=buckets)


def metrics() -> Metrics:
    """Return the app's metrics."""
    return state().metrics


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
