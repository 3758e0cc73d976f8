"""Errors of the Python client, and retries over a proxy that loses answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from jobsvc_client import Client, Dataset, JobsvcError, connect
from jobsvc_client.transport import Transport

from tests.client.proxy import FaultyProxy, proxy_of
from tests.live_server import LiveServer


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
