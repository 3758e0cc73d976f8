"""Idempotency keys: the same request twice makes one job."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

RANDOM = {"method": "random", "parameters": {"sample_size": 5, "seed": 1}}


def test_the_same_key_and_request_make_one_job_also_when_they_arrive_at_once(
    server: LiveServer,
) -> None:
    path = f"/api/sampling/datasets/{server.new_table(50)}/jobs"
    gate = threading.Barrier(8)

    def post(_: int) -> str:
        with httpx.Client(base_url=server.url, headers=dict(server.admin.headers)) as client:
            gate.wait()
            answer = client.post(path, json=RANDOM, headers={"Idempotency-Key": "once"})
            return str(answer.json()["job_id"])

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(post, range(8)))
    assert len(ids) == 1
    other = {"method": "random", "sample_size": 6}
    answer = server.admin.post(path, json=other, headers={"Idempotency-Key": "once"})
    assert_problem(answer, 409, "idempotency_key_reused", "new key")
    slash = server.admin.post(f"{path}/", json=RANDOM, headers={"Idempotency-Key": "once"})
    assert {slash.json()["job_id"]} == ids
    without = server.admin.post(path, json=RANDOM).json()["job_id"]
    assert without not in ids
    client, _ = server.new_user()
    theirs = f"/api/sampling/datasets/{server.new_table(50, client)}/jobs"
    answer = client.post(theirs, json=RANDOM, headers={"Idempotency-Key": "once"})
    assert answer.json()["job_id"] not in ids


def test_a_key_that_finds_the_job_of_its_output_name_stands_for_that_job(
    server: LiveServer,
) -> None:
    path = f"/api/sampling/datasets/{server.new_table(50)}/jobs"
    named = {**RANDOM, "output_name": "named"}
    key = {"Idempotency-Key": "for-a-name"}
    first = server.admin.post(path, json=named).json()["job_id"]
    assert server.admin.post(path, json=named, headers=key).json()["job_id"] == first
    other = server.admin.post(path, json={**named, "output_name": "other"}, headers=key)
    assert_problem(other, 409, "idempotency_key_reused")
    assert server.admin.post(path, json=named, headers=key).json()["job_id"] == first


def test_a_key_stands_for_an_import_by_its_content(server: LiveServer) -> None:
    dataset = server.new_dataset()
    path = f"/api/datasets/{dataset}/refs/main/import"

    def post(content: bytes) -> httpx.Response:
        files = {"file": ("a.csv", content)}
        return server.admin.post(path, files=files, headers={"Idempotency-Key": "file"})

    first = post(b"x\n1\n").json()["job_id"]
    assert post(b"x\n1\n").json()["job_id"] == first
    assert_problem(post(b"x\n2\n"), 409, "idempotency_key_reused")
    server.finished(first)
    uploads = server.service.directory.uploads_dir
    assert not list(uploads.glob("incoming-*"))


def test_a_retry_is_the_same_request_however_much_of_the_jobs_id_is_given(
    server: LiveServer,
) -> None:
    dataset = server.new_table(5)
    jobs = [
        server.explore(dataset, {"sql": 'SELECT CAST(city AS INTEGER) FROM "primary"'})["id"]
        for _ in range(2)
    ]
    key = {"Idempotency-Key": "again"}

    def retry(job_id: str) -> httpx.Response:
        return server.admin.post(f"/api/jobs/{job_id}/retry", headers=key)

    made = {retry(one).json()["job_id"] for one in (jobs[0], jobs[0][:8], jobs[0][:12])}
    assert len(made) == 1
    assert_problem(retry(jobs[1][:8]), 409, "idempotency_key_reused")
    again = server.finished(made.pop())
    assert again["retry_of"] == jobs[0]


@pytest.mark.parametrize("key", ["", "x" * 256, "ä"])
def test_a_key_that_cannot_be_is_refused(server: LiveServer, key: str) -> None:
    path = f"/api/sampling/datasets/{server.new_table(5)}/jobs"
    headers = {"Idempotency-Key": key.encode("latin-1")}
    answer = server.admin.post(path, json=RANDOM, headers=headers)  # type: ignore[arg-type]
    assert_problem(answer, 422, "invalid_request", "Idempotency-Key")
