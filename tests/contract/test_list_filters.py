"""Lists whose filters have values that no row has."""

from __future__ import annotations

import pytest

from storage.jobs.jobs import cancel_job
from storage.jobs.submission import NewJob, insert_job
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

STRANGE_IDS = ("0", "-1", "999999999999999999")
NO_NUMBERS = ("", " ", "1.0", "1e3", "null", "9" * 30)


@pytest.fixture(scope="module")
def ended_jobs(server: LiveServer) -> int:
    """The id of a dataset with 300 jobs that have ended: more than a page is found among."""
    dataset_id, service = server.new_dataset(), server.service
    user_id = server.admin.get("/api/users/me").json()["id"]
    with service.database.write() as tx:
        for _ in range(300):
            new = NewJob(service.new_id(), "profiling", dataset_id, user_id, None, {})
            insert_job(tx, new, service.clock, 1_000)
            cancel_job(tx, new.id, "admin00", service.clock)
    return dataset_id


@pytest.mark.parametrize("value", STRANGE_IDS)
@pytest.mark.parametrize("name", ["user_id", "dataset_id"])
@pytest.mark.parametrize("path", ["/api/jobs", "/api/admin/audit"])
def test_an_unknown_id_lists_nothing(
    server: LiveServer, ended_jobs: int, path: str, name: str, value: str
) -> None:
    for page in ({}, {"offset": 250}, {"offset": 10**17}):
        answer = server.admin.get(path, params={name: value, **page})
        assert answer.status_code == 200, answer.text
        document = answer.json()
        assert (document["total"], document["jobs" if path == "/api/jobs" else "entries"]) == (
            0,
            [],
        )


@pytest.mark.parametrize("name", ["user_id", "dataset_id", "offset", "limit"])
@pytest.mark.parametrize("path", ["/api/jobs", "/api/admin/audit"])
def test_a_filter_that_is_no_number_is_refused(server: LiveServer, path: str, name: str) -> None:
    for value in NO_NUMBERS:
        answer = server.admin.get(path, params={name: value})
        document = assert_problem(answer, 422, "invalid_request")
        assert document["errors"][0]["loc"] == ["query", name]


def test_every_list_answers_a_huge_offset(server: LiveServer, ended_jobs: int) -> None:
    job = server.admin.get("/api/jobs", params={"dataset_id": ended_jobs, "limit": 1}).json()
    dataset, job_id = f"/api/datasets/{ended_jobs}", job["jobs"][0]["id"]
    for path in (
        "/api/jobs",
        f"/api/jobs/{job_id}/logs",
        "/api/admin/audit",
        "/api/admin/storage",
        "/api/datasets",
        f"{dataset}/refs",
        f"{dataset}/history",
        f"/api/sampling/datasets/{ended_jobs}/history",
        "/api/sampling/users/me/history",
        "/api/sampling/users/0/history",
        "/api/tokens",
        "/api/users",
        "/api/sampling/templates",
    ):
        answer = server.admin.get(path, params={"offset": 10**17, "limit": 1000})
        assert answer.status_code == 200, (path, answer.text)
        for refused in ({"offset": -1}, {"limit": 0}, {"limit": -1}, {"limit": 1001}):
            assert server.admin.get(path, params=refused).status_code == 422, (path, refused)


def test_a_token_for_user_zero_is_refused(server: LiveServer) -> None:
    for user_id in (0, -1):
        answer = server.admin.post("/api/tokens", json={"name": "x", "user_id": user_id})
        assert_problem(answer, 404, "not_found")


def test_the_draws_are_filtered_by_version_and_time_also_under_old_names(
    server: LiveServer,
) -> None:
    dataset_id = server.new_table(20)
    server.draw(dataset_id, {"method": "random", "sample_size": 3})
    path = f"/api/sampling/datasets/{dataset_id}/history"

    def count(**query: str) -> int:
        return int(server.admin.get(path, params=query).json()["total"])

    every = count()
    assert every == 1
    assert count(source_ref="main", created_after="2020-01-01") == every
    assert count(ref_name="main", start_date="2020-01-01", end_date="2999-01-01") == every
    assert count(source_ref="none") == count(ref_name="none") == count(end_date="2020-01-01") == 0
    twice = server.admin.get(path, params={"source_ref": "main", "ref_name": "main"})
    assert_problem(twice, 422, "invalid_request")
