"""GET /metrics: who may read it, and that it counts exactly what was done."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

from service.settings import Settings
from tests.contract.problems import assert_problem
from tests.contract.scraping import Series, changes, scraped, scraped_until, series
from tests.support.live_server import PASSWORD, LiveServer, live_server, write_csv

RANDOM = {"method": "random", "parameters": {"sample_size": 5}}
IMPORT = "/api/datasets/{dataset_id}/refs/{ref}/import"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that no other module's tests use, so that counts are exact."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("server"), memory_mb=256)
    with live_server(settings) as live:
        yield live


def ended(run_type: str, outcome: str, fault: str = "none", error_code: str = "") -> Series:
    return series(
        "jobsvc_jobs_ended_total",
        run_type=run_type,
        outcome=outcome,
        fault=fault,
        error_code=error_code,
    )


def answered(method: str, route: str, status: int) -> Series:
    return series("jobsvc_http_requests_total", method=method, route=route, status=str(status))


def test_a_scrape_parses_as_text_and_as_openmetrics(own: LiveServer) -> None:
    text = own.admin.get("/metrics")
    assert text.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    openmetrics = own.admin.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert openmetrics.headers["Content-Type"].startswith("application/openmetrics-text")
    for families in (
        list(text_string_to_metric_families(text.text)),
        list(openmetrics_families(openmetrics.text)),
    ):
        names = {family.name for family in families}
        assert {"jobsvc_jobs_accepted", "jobsvc_http_request_seconds", "jobsvc_data_bytes"} <= names
        assert all(family.documentation for family in families)


def test_only_an_admin_may_read_the_metrics(own: LiveServer) -> None:
    assert_problem(own.client(None).get("/metrics"), 401, "unauthorized")
    assert_problem(own.client("no token").get("/metrics"), 401, "unauthorized")
    for role in ("analyst", "viewer"):
        client, _ = own.new_user(role)
        assert_problem(client.get("/metrics"), 403, "forbidden", "admin")
    named = own.admin.post("/api/tokens", json={"name": "prometheus", "scope": "read"}).json()
    assert own.client(named["token"]).get("/metrics").status_code == 200


def test_public_metrics_are_for_everyone_and_each_app_counts_for_itself(
    own: LiveServer, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, memory_mb=256, metrics_public=True)
    with live_server(settings) as other:
        before = scraped(own.admin)
        other.new_table(10)
        assert scraped(other.client(None))[ended("import", "completed")] == 1
        assert changes(before, scraped(own.admin), "jobsvc_jobs") == {}


def test_jobs_are_counted_by_type_and_by_how_they_ended(own: LiveServer) -> None:
    before = scraped(own.admin)
    dataset = own.new_table(50)
    own.draw(dataset, RANDOM)
    own.draw(dataset, RANDOM)
    assert own.import_text(dataset, "a,b\n1,2\n3,4,5\n")["status"] == "failed"
    failed = ended("import", "failed", "request", "unreadable_file")
    after = scraped_until(own.admin, failed, before.get(failed, 0) + 1)
    importing = {"run_type": "import", "lane": "short"}
    sampling = {"run_type": "sampling", "lane": "short"}
    ran = "jobsvc_job_running_seconds_count"
    assert changes(before, after, "jobsvc_job") == {
        series("jobsvc_jobs_accepted_total", **importing): 2,
        series("jobsvc_jobs_accepted_total", **sampling): 2,
        series("jobsvc_job_waiting_seconds_count", **importing): 2,
        series("jobsvc_job_waiting_seconds_count", **sampling): 2,
        ended("import", "completed"): 1,
        failed: 1,
        ended("sampling", "completed"): 2,
        series(ran, run_type="import", outcome="completed"): 1,
        series(ran, run_type="import", outcome="failed"): 1,
        series(ran, run_type="sampling", outcome="completed"): 2,
    }


def test_a_cancelled_job_is_counted_as_such(own: LiveServer, tmp_path: Path) -> None:
    dataset = own.new_dataset()
    before = scraped(own.admin)
    with write_csv(tmp_path / "big.csv", 400_000).open("rb") as file:
        path = f"/api/datasets/{dataset}/refs/main/import"
        job_id = own.admin.post(path, files={"file": ("big.csv", file)}).json()["job_id"]
    assert own.admin.post(f"/api/jobs/{job_id}/cancel").status_code == 200
    cancelled = ended("import", "cancelled", error_code="cancelled")
    after = scraped(own.admin)
    assert changes(before, after, "jobsvc_jobs_ended") == {cancelled: 1}


def test_requests_are_counted_by_route_and_never_by_path(own: LiveServer) -> None:
    before = scraped(own.admin)
    unknown = [str(uuid.uuid4()) for _ in range(3)]
    for job_id in unknown:
        own.admin.get(f"/api/jobs/{job_id}")
        own.admin.get(f"/nowhere/{job_id}")
    own.admin.post("/health")
    own.admin.request("BREW", "/health")
    text = own.admin.get("/metrics").text
    assert not any(job_id in text for job_id in unknown)
    assert "BREW" not in text
    assert changes(before, scraped(own.admin), "jobsvc_http_requests_total") == {
        answered("GET", "/api/jobs/{job_id}", 404): 3,
        answered("GET", "unmatched", 404): 3,
        answered("POST", "unmatched", 405): 1,
        answered("other", "unmatched", 405): 1,
        answered("GET", "/metrics", 200): 2,
    }


def test_requests_refused_while_they_arrive_are_counted_by_code(own: LiveServer) -> None:
    before = scraped(own.admin)
    large = {"name": "x" * 2 * own.service.settings.body_max_kb * 1024}
    assert own.admin.post("/api/datasets", json=large).status_code == 413
    files = {"file": ("a.csv", b"x\n1\n")}
    assert own.client(None).post("/api/datasets/1/refs/main/import", files=files).status_code == 401
    moved = changes(before, scraped(own.admin), "jobsvc_http_re")
    moved = {key: by for key, by in moved.items() if dict(key[1]).get("route") != "/metrics"}
    assert moved == {
        series("jobsvc_http_refusals_total", code="too_large"): 1,
        series("jobsvc_http_refusals_total", code="unauthorized"): 1,
    }


def test_a_request_is_timed_once_and_none_is_left_in_progress(own: LiveServer) -> None:
    before = scraped(own.admin)
    for _ in range(4):
        own.client(None).get("/health")
    after = scraped(own.admin)
    labels = {"method": "GET", "route": "/health", "status": "200"}
    count = series("jobsvc_http_request_seconds_count", **labels)
    longest = series("jobsvc_http_request_seconds_bucket", **labels, le="+Inf")
    assert after[count] - before.get(count, 0) == 4
    assert after[longest] == after[count]
    assert after[series("jobsvc_http_requests_in_progress")] == 1, "the scrape itself"


def test_bytes_are_those_that_went_over_the_line(own: LiveServer) -> None:
    dataset = own.new_table(100)
    before = scraped(own.admin)
    upload = own.admin.build_request(
        "POST",
        f"/api/datasets/{dataset}/refs/main/import",
        files={"file": ("a.csv", b"x\n" + b"1\n" * 5000)},
    )
    job_id = own.admin.send(upload).json()["job_id"]
    own.finished(job_id)
    rows = "/api/datasets/{dataset_id}/refs/{ref}/tables/{key}/data"
    received = 0
    for kind in ("json", "csv", "parquet"):
        path = f"/api/datasets/{dataset}/refs/main/tables/primary/data"
        received += len(own.admin.get(path, params={"format": kind}).content)
    with own.admin.stream("GET", f"/api/jobs/{job_id}/events") as answer:
        streamed = len(answer.read())
    own.admin.head("/health")
    sent_by_stream = series("jobsvc_http_response_bytes_total", route="/api/jobs/{job_id}/events")
    after = scraped_until(own.admin, sent_by_stream, before.get(sent_by_stream, 0) + streamed)
    moved = changes(before, after, "jobsvc_http_")
    uploaded = moved[series("jobsvc_http_request_bytes_total", route=IMPORT)]
    assert uploaded == int(upload.headers["Content-Length"])
    assert moved[series("jobsvc_http_response_bytes_total", route=rows)] == received
    assert series("jobsvc_http_response_bytes_total", route="/health") not in moved


def test_a_download_says_its_length(own: LiveServer) -> None:
    dataset = own.new_table(100)
    path = f"/api/datasets/{dataset}/refs/main/tables/primary/data"
    answer = own.admin.get(path, params={"format": "csv"})
    assert int(answer.headers["Content-Length"]) == len(answer.content)


def test_open_streams_are_measured_with_their_limit(own: LiveServer, tmp_path: Path) -> None:
    dataset = own.new_dataset()
    with write_csv(tmp_path / "big.csv", 400_000).open("rb") as file:
        path = f"/api/datasets/{dataset}/refs/main/import"
        job_id = own.admin.post(path, files={"file": ("big.csv", file)}).json()["job_id"]
    opened = series("jobsvc_event_streams_open")
    with own.admin.stream("GET", f"/api/jobs/{job_id}/events") as answer:
        next(answer.iter_bytes())
        seen = scraped(own.admin)
        assert (seen[opened], seen[series("jobsvc_event_streams_max")]) == (1, 4)
    own.admin.post(f"/api/jobs/{job_id}/cancel")
    scraped_until(own.admin, opened, 0)


def test_refused_sign_ins_are_counted_by_reason(own: LiveServer) -> None:
    _, user = own.new_user()
    before = scraped(own.admin)

    def sign_in(password: str) -> httpx.Response:
        body = {"soeid": user["soeid"], "password": password}
        return own.client(None).post("/api/users/login", json=body)

    assert [sign_in("wrong password").status_code for _ in range(5)] == [401] * 5
    assert sign_in(PASSWORD).status_code == 429
    refused = "jobsvc_sign_in_failures_total"
    assert changes(before, scraped(own.admin), refused) == {
        series(refused, reason="credentials"): 5,
        series(refused, reason="throttled"): 1,
    }


def test_the_disk_the_database_and_the_memory_are_measured(own: LiveServer) -> None:
    own.new_table(1000)
    seen = scraped(own.admin)
    database = own.service.directory.database_path
    assert seen[series("jobsvc_sqlite_bytes", file="database")] == database.stat().st_size
    assert seen[series("jobsvc_sqlite_bytes", file="wal")] > 0
    waiting = own.service.directory.uploads_dir.iterdir()
    expected = sum(path.stat().st_size for path in waiting)
    assert seen[series("jobsvc_data_bytes", part="uploads")] == expected
    assert 0 < seen[series("jobsvc_disk_free_bytes")] < seen[series("jobsvc_disk_size_bytes")]
    assert seen[series("jobsvc_duckdb_memory_max_bytes", lane="long")] == 128 * 1024**2
    assert seen[series("process_resident_memory_bytes")] > 50e6
