"""Errors of the Python client, and retries over a proxy that loses answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from jobsvc_client import Client, Dataset, JobsvcError, connect
from jobsvc_client.transport import Transport

from tests.live_server import LiveServer


class FaultyProxy(ThreadingHTTPServer):
    """Forwards requests; for each of ``faults`` it loses an answer or answers with a status."""

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), Forwarding)
        self.target = target
        self.faults: list[str | int] = []
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Forwarding(BaseHTTPRequestHandler):
    server: FaultyProxy

    def forward(self) -> None:
        self.server.requests.append(self.command)
        fault = self.server.faults.pop(0) if self.server.faults else None
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if isinstance(fault, int):
            self.send_response(fault)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if fault == "lost request":
            self.close_connection = True
            return
        headers = {
            name: value
            for name, value in self.headers.items()
            if name in ("Authorization", "Content-Type", "Idempotency-Key")
        }
        answer = httpx.request(
            self.command, self.server.target + self.path, content=content, headers=headers
        )
        if fault == "lost answer":
            self.close_connection = True
            return
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = forward  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def proxy(server: LiveServer) -> Iterator[FaultyProxy]:
    with FaultyProxy(server.url) as opened:
        thread = threading.Thread(target=opened.serve_forever)
        thread.start()
        yield opened
        opened.shutdown()
        thread.join()


@pytest.fixture
def faulty(proxy: FaultyProxy, server: LiveServer) -> Iterator[Client]:
    """A client over the proxy, with three attempts and without a wait."""
    proxy.requests.clear()
    transport = Transport(proxy.url, server.token, timeout_s=30, attempts=3, first_delay_s=0)
    with Client(transport) as client:
        yield client
    proxy.faults.clear()


def jobs_of(server: LiveServer, dataset: Dataset) -> int:
    found = server.admin.get("/api/jobs", params={"dataset_id": dataset.id}).json()
    return int(found["total"])


@pytest.mark.parametrize("fault", ["lost request", "lost answer", 429, 503])
def test_a_draw_is_submitted_once_whatever_is_lost(
    server: LiveServer, proxy: FaultyProxy, faulty: Client, dataset: Dataset, fault: str | int
) -> None:
    before = jobs_of(server, dataset)
    same = faulty.dataset(dataset.id)
    proxy.faults = [fault, fault]
    assert same.sample(size=5).size == 5
    assert jobs_of(server, dataset) == before + 1


def test_an_import_is_submitted_once(
    server: LiveServer, proxy: FaultyProxy, faulty: Client
) -> None:
    dataset = faulty.dataset(server.new_dataset())
    proxy.faults = ["lost answer", 503]
    dataset.import_content("t.csv", b"x\n1\n2\n")
    assert jobs_of(server, dataset) == 1


def test_a_lost_answer_to_another_change_is_reported(
    server: LiveServer, proxy: FaultyProxy, faulty: Client
) -> None:
    proxy.faults = ["lost answer"]
    with pytest.raises(JobsvcError) as failed:
        faulty.request("POST", "/api/datasets", {"name": "created once"})
    assert failed.value.code == "unreachable"
    found = server.admin.get("/api/datasets", params={"name": "created once"}).json()
    assert (found["total"], proxy.requests) == (1, ["POST"])


def test_the_attempts_have_an_end(proxy: FaultyProxy, faulty: Client) -> None:
    proxy.faults = [503] * 4
    with pytest.raises(JobsvcError) as failed:
        faulty.datasets()
    assert (failed.value.status, len(proxy.requests)) == (503, 3)


def test_a_refused_request_says_what_is_wrong(server: LiveServer, dataset: Dataset) -> None:
    with pytest.raises(JobsvcError, match='Did you mean "region"') as refused:
        dataset.sample("stratified", strata="regoin", size=5)
    error = refused.value
    assert (error.code, error.status) == ("unknown_column", 422)
    assert "strata_columns" in error.errors[0]["loc"]
    assert error.request_id is not None
    assert error.request_id in str(error)


def test_a_failed_job_has_the_servers_code(client: Client, server: LiveServer) -> None:
    dataset = client.dataset(server.new_dataset())
    with pytest.raises(JobsvcError) as failed:
        dataset.import_content("t.csv", b"x\n1\nno number\n", types={"x": "BIGINT"})
    assert failed.value.code == "type_misfit"


def test_a_job_that_takes_too_long_continues(dataset: Dataset) -> None:
    job = dataset.sample(size=5, wait=False)
    if job.status not in ("completed", "failed"):
        with pytest.raises(JobsvcError, match="continues") as late:
            job.wait(timeout_s=0)
        assert late.value.code == "not_ended"
    assert job.wait().status == "completed"


def test_a_missing_or_wrong_token_has_a_hint(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOBSVC_TOKEN", raising=False)
    for token in (None, "wrong"):
        with pytest.raises(JobsvcError, match="jobsvc token create") as refused:
            connect(server.url, token)
        assert refused.value.code in ("unauthorized", "invalid_token")


def test_a_server_that_does_not_answer_has_a_hint() -> None:
    transport = Transport("http://127.0.0.1:9", "t", timeout_s=1, attempts=2, first_delay_s=0)
    with Client(transport) as client, pytest.raises(JobsvcError, match="jobsvc serve") as failed:
        client.datasets()
    assert failed.value.code == "unreachable"


def test_the_environment_names_the_server_and_the_token(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBSVC_SERVER", f"{server.url}/")
    monkeypatch.setenv("JOBSVC_TOKEN", f"{server.token}\n")
    with connect() as client:
        assert client.request("GET", "/api/users/me")["role_name"] == "admin"


def test_an_unknown_or_ambiguous_name_is_refused(client: Client, server: LiveServer) -> None:
    with pytest.raises(JobsvcError, match='no dataset "nowhere"'):
        client.dataset("nowhere")
    other, _ = server.new_user()
    for owner in (server.admin, other):
        assert owner.post("/api/datasets", json={"name": "twice"}).status_code == 200
    with pytest.raises(JobsvcError, match="Give an id") as refused:
        client.dataset("twice")
    assert refused.value.code == "ambiguous_name"
