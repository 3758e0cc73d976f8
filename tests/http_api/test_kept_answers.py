"""Answers kept while the database doesn't change."""

from __future__ import annotations

from http_api.kept_answers import LARGEST_BYTES, MOST_ANSWERS, KeptAnswers
from tests.live_server import LiveServer

RANDOM = {"method": "random", "sample_size": 5}


def test_an_answer_is_kept_for_its_version_alone() -> None:
    kept = KeptAnswers()
    kept.keep(2, "key", b"two")
    assert kept.get(2, "key") == b"two"
    assert kept.get(2, "other") is None
    assert kept.get(3, "key") is None
    kept.keep(3, "other", b"three")
    assert kept.get(3, "key") is None
    assert kept.get(2, "key") is None


def test_neither_many_answers_nor_large_ones_are_kept() -> None:
    kept = KeptAnswers()
    kept.keep(1, "large", bytes(LARGEST_BYTES + 1))
    assert kept.get(1, "large") is None
    for number in range(MOST_ANSWERS + 1):
        kept.keep(1, number, b"small")
    assert kept.get(1, MOST_ANSWERS - 1) == b"small"
    assert kept.get(1, MOST_ANSWERS) is None


def test_the_same_question_is_answered_from_what_was_kept(server: LiveServer) -> None:
    job = server.draw(server.new_table(20), RANDOM)
    path = f"/api/jobs/{job['id']}"
    first = server.admin.get(path)
    again = server.admin.get(path)
    assert again.content == first.content
    assert again.headers["Content-Type"] == first.headers["Content-Type"] == "application/json"
    assert again.headers["X-Request-ID"] != first.headers["X-Request-ID"]


def test_an_answer_changes_with_the_next_commit(server: LiveServer) -> None:
    dataset = server.new_table(20)
    job = server.draw(dataset, RANDOM)
    listed = {"dataset_id": dataset}
    for name in ("first name", "second name"):
        server.admin.patch(f"/api/datasets/{dataset}", json={"name": f"{name} {dataset}"})
        shown = server.admin.get(f"/api/jobs/{job['id']}").json()["dataset_name"]
        jobs = server.admin.get("/api/jobs", params=listed).json()["jobs"]
        assert shown == f"{name} {dataset}"
        assert {one["dataset_name"] for one in jobs} == {shown}


def test_a_kept_answer_is_for_nobody_else_and_ends_with_the_right_to_see_it(
    server: LiveServer,
) -> None:
    owner, _ = server.new_user()
    other, user = server.new_user()
    dataset = server.new_table(20, owner)
    path = f"/api/jobs/{server.draw(dataset, RANDOM)['id']}"
    permission = {"user_id": user["id"], "permission": "read"}
    assert owner.get(path).status_code == 200
    assert other.get(path).status_code == 404
    assert other.get("/api/jobs").json()["total"] == 0
    put = owner.put(f"/api/datasets/{dataset}/permissions", json=permission)
    assert put.status_code == 200, put.text
    assert other.get(path).status_code == 200
    taken = owner.request(
        "DELETE", f"/api/datasets/{dataset}/permissions", json={"user_id": user["id"]}
    )
    assert taken.status_code == 200, taken.text
    assert other.get(path).status_code == 404


def test_an_ended_token_gets_no_kept_answer(server: LiveServer) -> None:
    client, _ = server.new_user()
    path = f"/api/jobs/{server.draw(server.new_table(20, client), RANDOM)['id']}"
    assert client.get(path).status_code == 200
    assert client.post("/api/users/logout").status_code == 200
    assert client.get(path).status_code == 401
