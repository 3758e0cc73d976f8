"""Engagements: who sees and manages them, their team, datasets and samples."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

E = "/api/engagements"
FACTS = {"client_name": "ACME", "period_from": "2025-01-01", "period_to": "2025-12-31"}
DRAW = {"rounds": [{"method": "random", "parameters": {"sample_size": 5, "seed": 5}}]}


@pytest.fixture
def dataset(server: LiveServer) -> int:
    return server.new_table(50)


def engagement_of(client: httpx.Client, **facts: Any) -> str:
    """The path of a new engagement."""
    answer = client.post(E, json={**FACTS, **facts})
    assert answer.status_code == 200, answer.text
    return f"{E}/{answer.json()['id']}"


def with_dataset(client: httpx.Client, dataset: int) -> str:
    """The path of a new engagement with a dataset."""
    path = engagement_of(client)
    answer = client.put(f"{path}/datasets", json={"dataset_id": dataset})
    assert answer.status_code == 200, answer.text
    return path


def member(soeid: str, role: str = "preparer", **more: Any) -> dict[str, Any]:
    return {"user_soeid": soeid, "full_name": f"Full {soeid}", "role": role, **more}


def test_creator_members_and_admins_see_it_and_others_dont(server: LiveServer) -> None:
    creator, _ = server.new_user()
    other, user = server.new_user()
    path = engagement_of(creator, number="B 20")
    assert_problem(other.get(path), 404, "not_found")
    assert_problem(other.get(f"{path}/samples"), 404, "not_found")
    assert other.get(E).json()["total"] == 0
    creator.put(f"{path}/members", json=member(user["soeid"]))
    assert other.get(path).json()["may_manage"] is False
    assert [each["number"] for each in other.get(E).json()["engagements"]] == ["B 20"]
    assert_problem(other.patch(path, json={"number": "C"}), 403, "forbidden")
    assert server.admin.patch(path, json={"number": "C"}).json()["number"] == "C"
    assert creator.get(E, params={"q": "acm", "state": "sealed"}).json()["total"] == 0
    assert creator.get(E, params={"q": "ACM", "state": "open"}).json()["total"] == 1


def test_a_search_ignores_the_case_of_every_letter(server: LiveServer) -> None:
    creator, _ = server.new_user()
    path = engagement_of(creator, client_name="Ärzte-Versorgung Süd", number="É 9")
    assert creator.patch(path, json={"number": "É 10"}).json()["number"] == "É 10"
    for text in ("ÄRZTE", "versorgung sÜd", "é 1"):
        assert creator.get(E, params={"q": text}).json()["total"] == 1, text
    assert creator.patch(path, json={"number": ""}).json()["number"] == ""
    assert creator.get(E, params={"q": "É"}).json()["total"] == 0


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"period_from": "2025-02-30"}, "period_from"),
        ({"period_to": "20251231--"}, "period_to"),
        ({"period_to": "2024-12-31"}, "period_to"),
        ({"client_name": " "}, "client_name"),
        ({"number": "E 7\nE 8"}, "number"),
        ({"number": "E\u202e7"}, "number"),
    ],
)
def test_wrong_facts_are_refused(server: LiveServer, given: dict[str, str], field: str) -> None:
    problem = assert_problem(server.admin.post(E, json={**FACTS, **given}), 422, "invalid_request")
    assert field in str(problem["errors"])
    path = engagement_of(server.admin)
    assert_problem(server.admin.patch(path, json=given), 422, "invalid_request")


def test_a_member_gets_the_right_that_the_role_needs(server: LiveServer, dataset: int) -> None:
    _, user = server.new_user()
    path = with_dataset(server.admin, dataset)
    preview = server.admin.put(f"{path}/members", json=member(user["soeid"], preview=True)).json()
    assert [(one["before"], one["permission"]) for one in preview["rights"]] == [(None, "write")]
    assert preview["team"] == []
    changed = server.admin.put(f"{path}/members", json=member(user["soeid"])).json()
    assert changed["rights"] == preview["rights"]
    again = server.admin.put(f"{path}/members", json=member(user["soeid"], "reviewer")).json()
    assert (again["rights"], again["team"][0]["role"]) == ([], "reviewer")


def test_a_right_is_never_lowered(server: LiveServer, dataset: int) -> None:
    client, user = server.new_user()
    grant = {"user_id": user["id"], "permission": "admin"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=grant)
    path = engagement_of(server.admin)
    server.admin.put(f"{path}/members", json=member(user["soeid"]))
    changed = server.admin.put(f"{path}/datasets", json={"dataset_id": dataset}).json()
    assert changed["rights"] == []
    assert client.get(f"/api/datasets/{dataset}").json()["permission"] == "admin"


def test_only_an_owner_gives_rights(server: LiveServer, dataset: int) -> None:
    creator, user = server.new_user()
    _, other = server.new_user()
    grant = {"user_id": user["id"], "permission": "admin"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=grant)
    path = with_dataset(creator, dataset)
    lowered = {"user_id": user["id"], "permission": "write"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=lowered)
    answer = creator.put(f"{path}/members", json=member(other["soeid"]))
    assert "Only an owner" in assert_problem(answer, 403, "forbidden")["detail"]
    assert creator.get(path).json()["team"] == []
    others = server.new_table(5)
    assert_problem(creator.put(f"{path}/datasets", json={"dataset_id": others}), 404, "not_found")


def test_a_viewer_is_no_member(server: LiveServer) -> None:
    _, user = server.new_user("viewer")
    answer = server.admin.put(f"{engagement_of(server.admin)}/members", json=member(user["soeid"]))
    assert "role viewer" in assert_problem(answer, 422, "invalid_value")["detail"]


def test_a_draw_joins_the_only_open_engagement(server: LiveServer, dataset: int) -> None:
    before = server.draw(dataset, DRAW)["id"]
    path = with_dataset(server.admin, dataset)
    joined = server.draw(dataset, {**DRAW, "output_name": "joined"})["id"]
    samples = server.admin.get(f"{path}/samples").json()["samples"]
    assert [(one["job_id"], one["name"]) for one in samples] == [(joined, "joined")]
    other = with_dataset(server.admin, dataset)
    outside = server.draw(dataset, {**DRAW, "output_name": "outside"})["id"]
    assert server.admin.get(f"{other}/samples").json()["total"] == 0
    assert_problem(server.admin.put(f"{other}/samples", json={"job_id": joined}), 409, "conflict")
    for job in (outside, before):
        assert server.admin.put(f"{other}/samples", json={"job_id": job}).status_code == 200
    found = server.admin.get(f"{other}/samples").json()
    assert [one["job_id"] for one in found["samples"]] == [before, outside]
    assert server.admin.get(other).json()["samples"] == 2


def test_a_sample_of_another_dataset_is_refused(server: LiveServer, dataset: int) -> None:
    job = server.draw(dataset, DRAW)["id"]
    answer = server.admin.put(f"{engagement_of(server.admin)}/samples", json={"job_id": job})
    assert "Add the dataset first" in assert_problem(answer, 409, "conflict")["detail"]


def test_members_datasets_and_samples_are_removed(server: LiveServer, dataset: int) -> None:
    path = with_dataset(server.admin, dataset)
    client, user = server.new_user()
    server.admin.put(f"{path}/members", json=member(user["soeid"]))
    job = server.draw(dataset, DRAW)["id"]
    for what, body in (
        ("members", {"user_soeid": user["soeid"]}),
        ("datasets", {"dataset_id": dataset}),
        ("samples", {"job_id": job}),
    ):
        for status in (200, 404):
            answer = server.admin.request("DELETE", f"{path}/{what}", json=body)
            assert answer.status_code == status, answer.text
    assert_problem(client.get(path), 404, "not_found")
    assert client.get(f"/api/datasets/{dataset}").json()["permission"] == "write"
