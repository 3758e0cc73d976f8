"""A draw that selects no row fails, unless its request allows that."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ROWS = 40
NOTHING = {"expression": "id > 1000"}
EMPTY: dict[str, dict[str, Any]] = {
    "filter": {"method": "random", "parameters": {"sample_size": 5}, "filters": NOTHING},
    "fraction": {"method": "random", "parameters": {"sample_fraction": 0.001}},
    "strata": {
        "method": "stratified",
        "parameters": {"strata_columns": ["city"], "sample_fraction": 0.001},
    },
    "clusters": {
        "method": "cluster",
        "parameters": {"cluster_column": "city", "num_clusters": 1},
        "filters": NOTHING,
    },
    "systematic": {"method": "systematic", "parameters": {"interval": 3}, "filters": NOTHING},
    "weighted": {
        "method": "weighted",
        "parameters": {"weight_column": "amount", "sample_size": 3},
        "filters": {"expression": "amount = 0"},
    },
    "monetary unit": {
        "method": "monetary_unit",
        "parameters": {"book_column": "amount", "sample_size": 3},
        "filters": NOTHING,
    },
}


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    return server.new_table(ROWS)


@pytest.mark.parametrize("name", EMPTY)
def test_a_draw_without_rows_fails_unless_that_is_allowed(
    server: LiveServer, dataset: int, name: str
) -> None:
    path, body = f"/api/sampling/datasets/{dataset}", EMPTY[name]
    named = {**body, "output_name": f"empty {name}"}
    failed = server.draw(dataset, named)
    assert (failed["status"], failed["error_code"]) == ("failed", "empty_sample"), failed
    assert "selects no row" in failed["error_message"]
    assert f"of the {ROWS} rows" in failed["error_message"]
    (warning,) = server.admin.post(f"{path}/plan", json=body).json()["warning_templates"]
    assert warning["code"] == "empty_sample"
    assert_problem(server.admin.post(f"{path}/sample", json=body), 422, "empty_sample")

    allowed = {**named, "allow_empty": True}
    drawn = server.draw(dataset, allowed)
    assert (drawn["status"], drawn["output_summary"]["total_sampled"]) == ("completed", 0)
    assert drawn["run_parameters"]["allow_empty"] is True
    assert server.rows(drawn["id"]) == []
    assert server.admin.post(f"{path}/plan", json=allowed).json()["warnings"] == []
    once = server.admin.post(f"{path}/sample", json={**body, "allow_empty": True})
    assert once.json()["data"] == []


def test_steps_with_rows_between_empty_ones_make_a_sample(server: LiveServer, dataset: int) -> None:
    one = {"method": "random", "parameters": {"sample_size": 2}}
    drawn = server.draw(dataset, {"rounds": [EMPTY["filter"], one, EMPTY["filter"]]})
    assert (drawn["status"], drawn["output_summary"]["total_sampled"]) == ("completed", 2)
    assert "allow_empty" not in drawn["run_parameters"]


def test_a_registered_plan_without_rows_fails_unless_that_is_allowed(
    server: LiveServer, dataset: int
) -> None:
    body = {"rounds": [EMPTY["filter"]], "commit": True}
    plan = server.admin.post(f"/api/sampling/datasets/{dataset}/plan", json=body).json()
    by_plan = {"plan_id": plan["registered"]["plan_id"], "seed": 3}
    assert server.draw(dataset, by_plan)["error_code"] == "empty_sample"
    assert server.draw(dataset, {**by_plan, "allow_empty": True})["status"] == "completed"


def test_a_run_of_a_schedule_may_have_nothing_to_draw(server: LiveServer) -> None:
    dataset = server.new_table(ROWS)
    body = {**EMPTY["filter"], "filters": {"expression": "id < 3"}}
    first = server.draw(dataset, body)
    made = {"job_id": first["id"], "name": "weekly", "cron": "0 6 * * MON"}
    made["exclude_drawn_by"] = ["id"]
    schedule = server.admin.post("/api/schedules", json=made).json()
    run = server.admin.post(f"/api/schedules/{schedule['id']}/run").json()
    later = server.finished(run["job_id"])
    assert (later["status"], later["output_summary"]["total_sampled"]) == ("completed", 0)
    assert later["run_parameters"]["allow_empty"] is True


def test_a_request_with_and_without_the_permission_are_two(
    server: LiveServer, dataset: int
) -> None:
    body = {"method": "random", "sample_size": 3, "seed": 1, "output_name": "allowed or not"}
    first = server.draw(dataset, body)
    assert server.draw(dataset, {**body, "allow_empty": False})["id"] == first["id"]
    path = f"/api/sampling/datasets/{dataset}/jobs"
    assert_problem(server.admin.post(path, json={**body, "allow_empty": True}), 409, "conflict")
