"""What the form of a draw asks for: templates, filters in both shapes, precision."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

BODY: dict[str, Any] = {
    "rounds": [{"method": "random", "parameters": {"sample_size": 25, "seed": 3}}]
}


def test_a_template_is_saved_changed_listed_and_deleted_by_its_user_alone(
    server: LiveServer,
) -> None:
    client, _ = server.new_user()
    other, _ = server.new_user()
    made = client.post("/api/sampling/templates", json={"name": "Monthly", "body": BODY}).json()
    assert made["body"]["rounds"][0]["parameters"] == {"sample_size": 25, "seed": 3}
    path = f"/api/sampling/templates/{made['id']}"
    again = {"name": "monthly", "body": {"method": "random", "sample_size": 30}}
    taken = client.post("/api/sampling/templates", json=again)
    assert_problem(taken, 409, "conflict")
    assert taken.json()["errors"][0]["parameters"] == {"name": "Monthly", "id": made["id"]}
    assert client.get("/api/sampling/templates").json()["templates"] == [made]
    changed = client.patch(path, json=again).json()
    assert changed["body"]["rounds"][0]["parameters"] == {"sample_size": 30}
    renamed = client.patch(path, json={"name": "Yearly"}).json()
    assert (renamed["id"], renamed["body"]) == (made["id"], changed["body"])
    client.post("/api/sampling/templates", json={"name": "Monthly", "body": BODY})
    assert_problem(client.patch(path, json={"name": "MONTHLY"}), 409, "conflict")
    listed = client.get("/api/sampling/templates").json()
    assert [one["name"] for one in listed["templates"]] == ["Monthly", "Yearly"]
    assert other.get("/api/sampling/templates").json()["total"] == 0
    assert_problem(other.patch(path, json={"name": "mine"}), 404, "not_found")
    assert_problem(other.delete(path), 404, "not_found")
    assert client.delete(path).status_code == 200
    assert_problem(client.delete(path), 404, "not_found")


def test_a_templates_body_is_a_draw(server: LiveServer) -> None:
    answer = server.admin.post("/api/sampling/templates", json={"name": "x", "body": {"roundz": 1}})
    assert_problem(answer, 422, "invalid_request", "rounds")


@pytest.mark.parametrize(
    "filters",
    [
        {"expression": "city = 'Oslo' AND id < 100"},
        {
            "conditions": [
                {"column": "city", "operator": "=", "value": "Oslo"},
                {"column": "id", "operator": "<", "value": 100},
            ]
        },
    ],
)
def test_a_filter_is_returned_in_both_shapes_with_its_rows(
    server: LiveServer, filters: dict[str, Any]
) -> None:
    path = f"/api/sampling/datasets/{server.new_table(200)}/filters"
    answer = server.admin.post(path, json={"filters": filters}).json()
    assert answer == {
        "expression": '"city" = \'Oslo\' AND "id" < 100',
        "conditions": [
            {"column": "city", "operator": "=", "value": "Oslo"},
            {"column": "id", "operator": "<", "value": 100},
        ],
        "logic": "AND",
        "row_count": 25,
        "source_rows": 200,
    }


def test_a_filter_that_nests_has_no_conditions_and_a_wrong_one_is_refused(
    server: LiveServer,
) -> None:
    path = f"/api/sampling/datasets/{server.new_table(10)}/filters"
    nested = {"expression": "id < 3 AND (city = 'Oslo' OR city IS NULL)"}
    answer = server.admin.post(path, json={"filters": nested}).json()
    assert (answer["conditions"], answer["logic"]) == (None, None)
    wrong = server.admin.post(path, json={"filters": {"expression": "idd < 3"}})
    assert_problem(wrong, 422, "unknown_column", "id")


def test_a_plan_tells_its_precision(server: LiveServer) -> None:
    path = f"/api/sampling/datasets/{server.new_table(400)}/plan"
    planned = server.admin.post(path, json={"method": "random", "sample_size": 100}).json()
    assert planned["rounds"][0]["margin_of_error"] == pytest.approx(0.0853, abs=1e-4)
    clusters = {"cluster_column": "city", "num_clusters": 2}
    planned = server.admin.post(path, json={"method": "cluster", "parameters": clusters}).json()
    assert planned["rounds"][0]["margin_of_error"] is None


def test_a_plan_tells_whether_its_name_is_free_taken_or_drawn_already(server: LiveServer) -> None:
    dataset = server.new_table(50)
    path = f"/api/sampling/datasets/{dataset}"
    named = {**BODY, "output_name": "q1"}

    def planned(body: dict[str, Any]) -> tuple[object, ...]:
        answer = server.admin.post(f"{path}/plan", json=body)
        assert answer.status_code == 200, answer.text
        plan = answer.json()
        assert plan["total_rows"] == sum(one["rows_planned"] for one in plan["rounds"])
        return plan["output_ref"], plan["output_ref_taken"], plan["earlier_job_id"]

    assert planned(BODY) == (None, False, None)
    assert planned(named) == ("smpl-q1", False, None)
    job = server.draw(dataset, named)["id"]
    assert planned(named) == ("smpl-q1", False, job)
    assert server.admin.post(f"{path}/jobs", json=named).json()["job_id"] == job
    other = {**named, "export_residual": True}
    assert planned(other) == ("smpl-q1", True, None)
    refused = server.admin.post(f"{path}/jobs", json=other)
    assert_problem(refused, 409, "conflict", "smpl-q1")
    server.admin.delete(f"/api/datasets/{dataset}/refs/smpl-q1")
    assert planned(named) == ("smpl-q1", False, None)


def test_a_plan_refuses_a_name_that_cannot_be_a_refs_as_the_job_does(server: LiveServer) -> None:
    path = f"/api/sampling/datasets/{server.new_table(50)}"
    for route in ("plan", "jobs"):
        answer = server.admin.post(f"{path}/{route}", json={**BODY, "output_name": "a b/../c"})
        document = assert_problem(answer, 422, "invalid_value", "can't name a ref")
        assert [error["loc"] for error in document["errors"]] == [["body", "output_name"]]
