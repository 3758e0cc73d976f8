"""How job changes become counts, and what is measured at a scrape."""

from __future__ import annotations

import pytest

from application.work_limits import work_limits
from http_api.server.metrics import Metrics, measure
from service.service import Service
from storage.accounts.datasets import DatasetRecord
from storage.accounts.users import User
from storage.jobs.changes import JobChange
from storage.jobs.queue import claim_next_job
from storage.jobs.submission import NewJob, insert_job
from tests.job_runner.conftest import dataset, service, user

__all__ = ["dataset", "service", "user"]


@pytest.mark.parametrize(
    ("error_code", "outcome", "fault"),
    [
        (None, "completed", "none"),
        ("cancelled", "cancelled", "none"),
        ("timed_out", "timed_out", "server"),
        ("unreadable_file", "failed", "request"),
        ("ref_moved", "failed", "request"),
        ("out_of_memory", "failed", "server"),
        ("disk_full", "failed", "server"),
        ("interrupted", "failed", "server"),
        ("internal_error", "failed", "server"),
    ],
)
def test_an_end_is_counted_by_outcome_and_fault(
    error_code: str | None, outcome: str, fault: str
) -> None:
    metrics = Metrics()
    step = "completed" if error_code is None else "failed"
    metrics.job_changed(JobChange("job-1", "import", "short", step, 2.0, error_code))
    labels = {"run_type": "import", "outcome": outcome}
    value = metrics.registry.get_sample_value
    counted = {**labels, "fault": fault, "error_code": error_code or ""}
    assert value("jobsvc_jobs_ended_total", counted) == 1
    assert value("jobsvc_job_running_seconds_sum", labels) == 2.0
    assert value("jobsvc_job_running_seconds_bucket", {**labels, "le": "1.0"}) == 0
    assert value("jobsvc_job_running_seconds_bucket", {**labels, "le": "2.5"}) == 1


def test_a_job_that_never_started_has_no_time() -> None:
    metrics = Metrics()
    metrics.job_changed(JobChange("job-1", "import", "short", "failed", None, "cancelled"))
    metrics.job_changed(JobChange("job-2", "import", "short", "started", None))
    value = metrics.registry.get_sample_value
    labels = {"run_type": "import", "outcome": "cancelled"}
    assert value("jobsvc_job_running_seconds_count", labels) is None
    labels = {"run_type": "import", "lane": "short"}
    assert value("jobsvc_job_waiting_seconds_count", labels) is None


@pytest.fixture
def measured(service: Service) -> Metrics:
    metrics = Metrics()
    measure(metrics.registry, service, work_limits(service.settings))
    return metrics


def test_jobs_that_wait_and_run_are_counted_by_type_and_lane(
    service: Service, dataset: DatasetRecord, user: User, measured: Metrics
) -> None:
    with service.database.write() as tx:
        for number in range(4):
            lane = "long" if number == 3 else "short"
            new = NewJob(f"job-{number}", "import", dataset.id, user.id, None, {}, lane=lane)
            insert_job(tx, new, service.clock, 100)
        claim_next_job(tx, service.clock, "short")

    def now(state: str, run_type: str, lane: str) -> float | None:
        labels = {"run_type": run_type, "lane": lane}
        return measured.registry.get_sample_value(f"jobsvc_jobs_{state}", labels)

    assert [now("waiting", "import", lane) for lane in ("short", "long")] == [2, 1]
    assert [now("running", "import", lane) for lane in ("short", "long")] == [1, 0]
    assert [now("waiting", "sampling", lane) for lane in ("short", "long")] == [0, 0]
    waited = measured.registry.get_sample_value(
        "jobsvc_job_oldest_waiting_seconds", {"lane": "long"}
    )
    assert waited is not None
    assert 0 < waited < 60
