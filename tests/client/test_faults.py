"""Errors of the Python client, and retries over a proxy that loses answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
from jobsvc_client import Client, Dataset, JobsvcError, Sample, connect
from jobsvc_client.errors import MissingField
from jobsvc_client.transport import Transport

from tests.client.proxy import FaultyProxy, proxy_of
from tests.support.live_server import LiveServer


@pytest.fixture(scope="module")
def proxy(server: LiveServer) -> Iterator[FaultyProxy]:
    with proxy_of(server.url) as opened:
        yield opened


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


def test_a_missing_field_is_named(dataset: Dataset) -> None:
    with pytest.raises(JobsvcError, match=r"parameters\.book_column: Missing") as refused:
        dataset.sample("monetary_unit", size=5)
    assert refused.value.code == "invalid_request"


def test_fields_of_the_api_are_called_by_the_arguments(dataset: Dataset) -> None:
    sample = dataset.sample("random", size=5)
    with pytest.raises(JobsvcError, match="Draw with residual to get one"):
        sample.residual()
    with pytest.raises(JobsvcError, match=r'There is no method "statified"\. Did you mean "strat'):
        dataset.sample("statified", size=5)


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


class Foreign(BaseHTTPRequestHandler):
    """Another program in the server's place: it gives one answer to everything."""

    content, kind, is_short = b"<html>Sign in to the proxy</html>", "text/html", False

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Type", self.kind)
        self.send_header("Content-Length", str(len(self.content) + 10 * self.is_short))
        self.end_headers()
        self.wfile.write(self.content)
        self.close_connection = True

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Print nothing."""


FOREIGN = [
    (b"<html>Sign in to the proxy</html>", "text/html", False),
    (b'{"status": "ok"}', "application/json", False),
    (b'{"job_id": ', "application/json", False),
    (b"[]", "application/json", False),
    (b"PAR1 but no more", "application/vnd.apache.parquet", False),
    (b"PAR1", "application/vnd.apache.parquet", True),
    (b"\xff\xfe", "application/json", False),
]


def error_of_call(call: Callable[[], object]) -> Exception | None:
    try:
        call()
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize(("content", "kind", "is_short"), FOREIGN)
def test_answers_of_another_program_are_client_errors(
    dataset: Dataset, tmp_path: Path, content: bytes, kind: str, is_short: bool
) -> None:
    sample = dataset.sample(size=5)
    given = {"content": content, "kind": kind, "is_short": is_short}
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Given", (Foreign,), given)) as other:
        threading.Thread(target=other.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{other.server_port}"
        transport = Transport(url, "t", timeout_s=5, attempts=2, first_delay_s=0)
        same, drawn = Dataset(transport, dataset.info), Sample(transport, sample.info)
        calls: list[Callable[[], object]] = [
            same.sample,
            same.plan,
            same.schedules,
            Client(transport).datasets,
            drawn.refresh,
            drawn.to_pandas,
            drawn.to_polars,
            drawn.certificate,
            lambda: drawn.estimate("mean", "amount"),
            lambda: drawn.evaluate(0.1),
            lambda: drawn.add_findings([{"row_id": "primary:1", "outcome": "ok"}]),
        ]
        if kind == "text/html":
            calls += [drawn.design, lambda: drawn.save(tmp_path / "rows.csv")]
        errors = [error_of_call(call) for call in calls]
        other.shutdown()
    assert {type(error) for error in errors} <= {JobsvcError, MissingField}, errors
    assert min(len(str(error)) for error in errors) > 30
    assert not list(tmp_path.iterdir())


def test_an_answer_that_takes_too_long_is_a_client_error(server: LiveServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        transport = Transport(url, "t", timeout_s=0.1, attempts=2, first_delay_s=0)
        with (
            Client(transport) as client,
            pytest.raises(JobsvcError, match=r"within 0\.1 s") as late,
        ):
            client.datasets()
    assert late.value.code == "unreachable"


@pytest.mark.parametrize("url", ["http://127.0.0.1:port", "http://[::1", "http://a b/", "ftp://x"])
def test_an_address_that_is_none_is_a_client_error(url: str) -> None:
    with pytest.raises(JobsvcError) as refused:
        connect(url, "t")
    assert refused.value.code in ("invalid_url", "unreachable")


def test_a_closed_client_and_wrong_files_are_client_errors(
    server: LiveServer, dataset: Dataset, tmp_path: Path
) -> None:
    closed = connect(server.url, server.token)
    closed.close()
    with pytest.raises(JobsvcError, match="closed"):
        closed.datasets()
    sample = dataset.sample(size=5)
    with pytest.raises(JobsvcError, match="can't be written"):
        sample.save(tmp_path / "missing" / "rows.csv")
    mixed = pd.DataFrame({"x": [1, "a", object()]})
    with pytest.raises(JobsvcError, match="as Parquet") as refused:
        sample.upload_values(mixed)
    assert refused.value.code == "invalid_frame"


def test_a_missing_field_of_an_answer_is_also_a_key_error(dataset: Dataset) -> None:
    with pytest.raises(KeyError, match='no field "statsu"'):
        dataset.sample(size=5).info["statsu"]
