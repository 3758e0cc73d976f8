"""Jobs by the first digits of their ids, as pages show them."""

from __future__ import annotations

import pytest

from storage.jobs.jobs import cancel_job
from storage.jobs.submission import NewJob, insert_job
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

RANDOM = {"method": "random", "sample_size": 5}
ALIKE = ("abcdef01-0000-4000-8000-000000000001", "abcdef01-1000-4000-8000-000000000002")


@pytest.fixture(scope="module")
def drawn(server: LiveServer) -> str:
    return str(server.draw(server.new_table(20), RANDOM)["id"])


@pytest.mark.parametrize("digits", [8, 9, 20, 35])
def test_the_first_digits_stand_for_a_job_on_every_route(
    server: LiveServer, drawn: str, digits: int
) -> None:
    short = drawn[:digits]
    assert server.admin.get(f"/api/jobs/{short}").json()["id"] == drawn
    assert server.admin.get(f"/api/jobs/{short}/logs").json()["job_id"] == drawn
    assert len(server.admin.get(f"/api/sampling/jobs/{short}/data").json()["data"]) == 5
    assert_problem(server.admin.post(f"/api/jobs/{short}/cancel"), 409, "conflict", "completed")


@pytest.mark.parametrize("wrong", ["{:.7}", "{:.8}x", "{:.8}%25", "{:.8}_", "-{:.8}"])
def test_what_is_no_beginning_of_an_id_stands_for_nothing(
    server: LiveServer, drawn: str, wrong: str
) -> None:
    assert_problem(server.admin.get(f"/api/jobs/{wrong.format(drawn)}"), 404, "not_found")


def test_jobs_that_begin_alike_have_longer_short_ids(
    server: LiveServer,
) -> None:
    owner, user = server.new_user()
    mine, others = server.new_dataset(owner), server.new_dataset()
    with server.service.database.write() as tx:
        for job_id, dataset in zip(ALIKE, (mine, others), strict=True):
            new = NewJob(job_id, "profiling", dataset, user["id"], None, {})
            insert_job(tx, new, server.service.clock, 100)
            cancel_job(tx, job_id, user["soeid"], server.service.clock)
    both = server.admin.get("/api/jobs/abcdef01")
    assert_problem(both, 404, "not_found", "Several job ids", "more digits")
    assert server.admin.get("/api/jobs/abcdef01-1").json()["id"] == ALIKE[1]
    assert owner.get("/api/jobs/abcdef01").json()["id"] == ALIKE[0]
    assert_problem(owner.get("/api/jobs/abcdef01-1"), 404, "not_found", "not found")
