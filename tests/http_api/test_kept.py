"""Token holders and answers kept while the database doesn't change."""

from __future__ import annotations

from datetime import timedelta

import pytest

from http_api.server.response_cache import WORTH_COMPRESSING_BYTES
from http_api.server.versioned_cache import Kept
from tests.http_api.stage import Stage
from tests.live_server import LiveServer

RANDOM = {"method": "random", "sample_size": 5}


def test_a_value_is_kept_for_its_version_alone() -> None:
    kept = Kept[str](10)
    kept.keep(2, "key", "two")
    assert kept.get(2, "key") == "two"
    assert kept.get(2, "other") is None
    assert kept.get(3, "key") is None
    kept.keep(3, "other", "three")
    assert kept.get(3, "key") is None
    assert kept.get(2, "key") is None


def test_only_so_many_values_are_kept_and_the_oldest_makes_room() -> None:
    kept = Kept[str](2)
    for number in range(3):
        kept.keep(1, number, "value")
    assert [kept.get(1, number) for number in range(3)] == [None, "value", "value"]


def test_what_took_long_to_compute_ends_nothing_newer() -> None:
    kept = Kept[str](2)
    kept.keep(3, "key", "three")
    kept.keep(2, "slow", "two")
    assert (kept.get(3, "key"), kept.get(2, "slow")) == ("three", None)


def test_the_same_question_is_answered_from_what_was_kept(server: LiveServer) -> None:
    job = server.draw(server.new_table(20), RANDOM)
    path = f"/api/jobs/{job['id']}"
    server.admin.get(f"/api/sampling/jobs/{job['id']}/comparison")  # it changes the job's summary
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


def test_a_kept_token_ends_with_its_time_though_nothing_was_written(stage: Stage) -> None:
    before = stage.service.database.version
    assert [stage.ask("/api/users/me").status_code for _ in range(2)] == [200, 200]
    stage.now += timedelta(hours=1)
    assert [stage.ask("/api/users/me").status_code for _ in range(2)] == [401, 401]
    assert stage.service.database.version == before


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("gzip, deflate, br", "gzip"), ("*", "gzip"), ("identity", None), ("gzip;q=0", None)],
)
def test_a_long_answer_is_compressed_for_who_takes_it_once_it_is_asked_for_again(
    server: LiveServer, accepted: str, encoding: str | None
) -> None:
    dataset = server.new_table(20)
    for _ in range(20):
        server.draw(dataset, RANDOM)
    path, headers = f"/api/jobs?dataset_id={dataset}", {"Accept-Encoding": accepted}
    answers = [server.admin.get(path, headers=headers) for _ in range(20)]
    assert len(answers[0].content) > WORTH_COMPRESSING_BYTES
    assert {answer.content for answer in answers} == {answers[0].content}
    assert {answer.headers["Vary"] for answer in answers} == {"Accept-Encoding"}
    encodings = {answer.headers.get("Content-Encoding") for answer in answers}
    # The first is never compressed; a comparison that is made meanwhile changes the database.
    assert answers[0].headers.get("Content-Encoding") is None
    assert encodings == {None, encoding}


def test_a_short_answer_is_sent_as_it_is(server: LiveServer) -> None:
    path = f"/api/jobs/{server.draw(server.new_table(20), RANDOM)['id']}"
    for _ in range(5):
        assert "Content-Encoding" not in server.admin.get(path).headers
