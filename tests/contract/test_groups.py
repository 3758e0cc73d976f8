"""Groups: members, levels in datasets, and the group everyone."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

EVERYONE = 1


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    return server.new_table(20)


def new_group(server: LiveServer, name: str, *users: str) -> dict[str, Any]:
    answer = server.admin.post("/api/groups", json={"name": name, "users": users})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def share(server: LiveServer, dataset: int, **body: object) -> httpx.Response:
    return server.admin.put(f"/api/datasets/{dataset}/permissions", json=body)


def statuses(client: httpx.Client, dataset: int) -> tuple[int, int, int]:
    """What a user gets who reads rows, finds the dataset in the list, and changes it."""
    rows = client.get(f"/api/datasets/{dataset}/refs/main/tables/primary/data").status_code
    listed = [one["id"] for one in client.get("/api/datasets").json()["datasets"]]
    changed = client.patch(f"/api/datasets/{dataset}", json={"tags": ["x"]}).status_code
    return rows, listed.count(dataset), changed


def test_members_have_the_level_of_their_group(server: LiveServer, dataset: int) -> None:
    client, user = server.new_user()
    group = new_group(server, "Auditors", user["soeid"])
    assert statuses(client, dataset) == (404, 0, 404)
    answer = share(server, dataset, name="auditors", permission="read").json()
    assert answer["groups"] == [
        {"group_id": group["id"], "group_name": "Auditors", "permission": "read"}
    ]
    assert statuses(client, dataset) == (200, 1, 403)
    share(server, dataset, group_id=group["id"], permission="write")
    assert statuses(client, dataset) == (200, 1, 200)
    members = f"/api/groups/{group['id']}/members"
    server.admin.request("DELETE", members, json={"user_soeid": user["soeid"]})
    assert statuses(client, dataset) == (404, 0, 404)
    server.admin.put(members, json={"users": [user["soeid"]]})
    assert statuses(client, dataset) == (200, 1, 200)
    server.admin.delete(f"/api/groups/{group['id']}")
    assert statuses(client, dataset) == (404, 0, 404)


def test_the_highest_level_counts(server: LiveServer, dataset: int) -> None:
    client, user = server.new_user()
    share(server, dataset, user_id=user["id"], permission="read")
    new_group(server, "Editors", user["soeid"])
    share(server, dataset, name="Editors", permission="write")
    assert statuses(client, dataset) == (200, 1, 200)


def test_jobs_of_a_group_are_listed(server: LiveServer, dataset: int) -> None:
    client, user = server.new_user()
    new_group(server, "Readers", user["soeid"])
    body = {"method": "random", "parameters": {"sample_size": 2}}
    job = server.draw(dataset, body)["id"]
    assert client.get("/api/jobs").json()["total"] == 0
    share(server, dataset, name="Readers", permission="read")
    assert job in [one["id"] for one in client.get("/api/jobs").json()["jobs"]]
    assert client.get(f"/api/jobs/{job}").status_code == 200


def test_everyone_has_all_users_and_stays(server: LiveServer) -> None:
    dataset = server.new_table(20)
    client, _ = server.new_user()
    share(server, dataset, name="everyone", permission="read")
    assert statuses(client, dataset) == (200, 1, 403)
    later, _ = server.new_user()
    assert statuses(later, dataset) == (200, 1, 403)
    first = client.get("/api/groups").json()["groups"][0]
    assert (first["id"], first["name"], first["is_everyone"]) == (EVERYONE, "everyone", True)
    path = f"/api/groups/{EVERYONE}"
    assert_problem(server.admin.patch(path, json={"name": "all"}), 409, "conflict")
    assert_problem(server.admin.delete(path), 409, "conflict")
    users = {"users": ["admin00"]}
    assert_problem(server.admin.put(f"{path}/members", json=users), 409, "conflict")
    body = {"group_id": EVERYONE}
    server.admin.request("DELETE", f"/api/datasets/{dataset}/permissions", json=body)
    assert statuses(client, dataset) == (404, 0, 404)


def test_names_of_users_and_groups_differ(server: LiveServer) -> None:
    _, user = server.new_user()
    new_group(server, "Team A")
    for name in ("team a", user["soeid"].upper(), "Everyone"):
        answer = server.admin.post("/api/groups", json={"name": name})
        assert_problem(answer, 409, "conflict")
    body = {"soeid": "everyone", "role_name": "viewer"}
    assert_problem(server.admin.post("/api/users", json=body), 409, "conflict")
    answer = server.admin.post("/api/groups", json={"name": "B", "users": ["nobody-here"]})
    assert_problem(answer, 404, "not_found")
    assert server.admin.get("/api/groups", params={"q": "B"}).json()["total"] == 0


def test_a_dataset_can_belong_to_a_group_alone(server: LiveServer) -> None:
    client, user = server.new_user()
    dataset = server.new_dataset(client)
    group = new_group(server, "Owners")
    path = f"/api/datasets/{dataset}/permissions"
    client.put(path, json={"name": "Owners", "permission": "admin"})
    body = {"user_id": user["id"]}
    assert_problem(client.request("DELETE", path, json=body), 409, "conflict")
    server.admin.put(f"/api/groups/{group['id']}/members", json={"users": [user["soeid"]]})
    assert client.request("DELETE", path, json=body).json()["permissions"] == []
    assert client.patch(f"/api/datasets/{dataset}", json={"tags": ["y"]}).status_code == 200


@pytest.mark.parametrize("name", ["anna", "a", "anna.b-c_d@example.org", "x" * 64])
def test_an_invited_user_gets_a_link(server: LiveServer, name: str) -> None:
    body = {"soeid": name, "role_name": "analyst"}
    invited = server.admin.post("/api/users", json=body).json()
    assert re.fullmatch(r"http://[^/]+/sign-in\?code=[\w-]{40,}", invited["link"])
    (listed,) = server.admin.get("/api/users", params={"q": name, "limit": 1}).json()["users"]
    assert (listed["has_password"], listed["groups"]) == (False, [])
    assert listed["link_expires_at"] == invited["link_expires_at"]
    again = server.admin.post(f"/api/users/{invited['id']}/sign-in-link").json()
    assert again["link"] != invited["link"]


@pytest.mark.parametrize("name", ["", "anna b", "anna/b", "ä", "x" * 65, "a\nb"])
def test_other_user_names_are_refused(server: LiveServer, name: str) -> None:
    answer = server.admin.post("/api/users", json={"soeid": name, "role_name": "analyst"})
    assert answer.status_code == 422


def test_a_link_has_the_address_of_the_browser(server: LiveServer) -> None:
    host = server.admin.base_url.netloc.decode()
    for origin, expected in (
        (f"https://{host}", f"https://{host}/"),  # behind a proxy that ends TLS
        (f"http://{host}", f"http://{host}/"),
    ):
        name = f"by-{expected.partition(':')[0]}"
        body = {"soeid": name, "role_name": "viewer"}
        answer = server.admin.post("/api/users", json=body, headers={"Origin": origin})
        assert answer.json()["link"].startswith(f"{expected}sign-in?code=")
