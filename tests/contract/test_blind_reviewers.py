"""A reviewer gets the queue of one sample, and nothing that follows from a hidden column."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from storage.accounts.users import remove_user
from tests.contract.draw_requests import one
from tests.support.live_server import LiveServer

ROWS = 200
HIDDEN_NAME, HIDDEN_VALUE, HIDDEN_STRATUM = "judge_opinion", "verdict_", "band_"
IS_BAD = {"name": "is_bad", "type": "yes_no", "text": "Is it bad?"}


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    """A table that is sorted by a hidden column, whose key is hidden, too."""
    made = server.new_dataset()
    lines = [
        f"key_{row:04d},text {row % 7},{HIDDEN_VALUE}{row:04d},{HIDDEN_STRATUM}{row // 50}"
        for row in range(ROWS)
    ]
    header = f"secret_key,words,{HIDDEN_NAME},hidden_band"
    server.import_text(made, "\n".join([header, *lines]) + "\n")
    declared = server.admin.put(f"/api/datasets/{made}/row-key", json={"columns": ["secret_key"]})
    assert declared.status_code == 200, declared.text
    return made


@pytest.fixture(scope="module")
def job(server: LiveServer, dataset: int) -> str:
    rounds = [one("stratified", strata_columns=["hidden_band"], sample_size=8)]
    return str(server.draw(dataset, {"rounds": rounds})["id"])


@pytest.fixture(scope="module")
def reviewers(server: LiveServer, job: str) -> list[httpx.Client]:
    made = [server.new_user("viewer") for _ in range(3)]
    body = {
        "questions": [IS_BAD],
        "hidden": [HIDDEN_NAME, "secret_key", "hidden_band"],
        "second_readings": 1,
        "reviewers": [user["soeid"] for _, user in made],
    }
    answer = server.admin.put(f"/api/sampling/jobs/{job}/questions", json=body)
    assert answer.status_code == 200, answer.text
    return [client for client, _ in made]


def assert_blind(answer: httpx.Response, drawn: list[dict[str, Any]]) -> None:
    """No hidden value, name of a column or row id stands in an answer or its headers."""
    text = answer.text + json.dumps(dict(answer.headers))
    for planted in (HIDDEN_NAME, HIDDEN_VALUE, HIDDEN_STRATUM, "hidden_band", "key_", "primary:"):
        assert planted not in text, (answer.request.url, planted)
    for row in drawn:
        assert row["_logical_row_id"] not in text


def test_no_answer_has_anything_hidden(
    server: LiveServer, job: str, reviewers: list[httpx.Client]
) -> None:
    drawn = server.rows(job)
    path = f"/api/sampling/jobs/{job}"
    asked: list[httpx.Response] = []
    ann, bob, cy = reviewers

    def send(client: httpx.Client, method: str, end: str, **body: Any) -> httpx.Response:
        answer = client.request(method, f"{path}/{end}", **body)
        asked.append(answer)
        return answer

    for client, value in ((ann, True), (bob, False)):
        for _ in range(len(drawn)):
            found = send(client, "POST", "review-queue/next", json={}).json()
            assert list(found["row"]["data"]) == ["words"]
            assert found["row"]["name"] is None
            row = found["row"]["row_id"]
            given = {"row_id": row, "answers": {"is_bad": value}}
            assert send(client, "POST", "answers", json=given).status_code == 200
    decision = send(cy, "POST", "review-queue/next", json={"task": "decide"}).json()["row"]
    assert decision["task"] == "decision"
    given = {"row_id": decision["row_id"], "answers": {"is_bad": True}}
    assert send(cy, "POST", "answers", json=given).status_code == 200
    assert send(ann, "POST", "answers", json=given).status_code == 409
    for row in ("0", "999", drawn[0]["_logical_row_id"][:-1] + "x", "key_0001"):
        answer = cy.post(f"{path}/answers", json={"row_id": row, "answers": {"is_bad": True}})
        assert answer.status_code == 404
        assert "primary:" not in answer.text.replace(row, "")
    wrong = {"row_id": decision["row_id"], "answers": {"is_good": 1}}
    assert send(ann, "POST", "answers", json=wrong).status_code == 422
    twice = {"answers": [{**given, "reading": "decision"}] * 2}
    assert send(cy, "POST", "answers", json=twice).status_code == 422
    for end in ("questions", "review-queue", "review-queue/mine"):
        assert send(cy, "GET", end).status_code == 200
    asked.append(cy.get("/api/review-queues"))
    asked.append(cy.get("/api/inbox"))
    for answer in asked:
        assert_blind(answer, drawn)


def test_the_place_of_a_guessed_row_id_isnt_told(
    server: LiveServer, job: str, reviewers: list[httpx.Client]
) -> None:
    """Row ids of the sample, of the table and of no row are refused alike, wherever they stand."""
    guesses = [server.rows(job)[0]["_logical_row_id"], "primary:0", "primary:9999", "other:1"]
    own = reviewers[0].get(f"/api/sampling/jobs/{job}/review-queue/mine").json()["entries"]
    own_place = own[0]["row_id"] if own else "1"
    for shape in (
        lambda guess: {"row_id": guess, "answers": {"is_bad": True}},
        lambda guess: {"row_id": own_place, "answers": {guess: True}},
        lambda guess: {"row_id": own_place, "answers": {"is_bad": guess}},
        lambda guess: {"row_id": own_place, "reading": guess, "answers": {"is_bad": True}},
    ):
        answers = [
            reviewers[0].post(f"/api/sampling/jobs/{job}/answers", json=shape(guess))
            for guess in guesses
        ]
        texts = [
            answer.text.replace(json.dumps(guess)[1:-1], "GUESS").replace(
                answer.headers.get("X-Request-ID", "\0"), ""
            )
            for answer, guess in zip(answers, guesses, strict=True)
        ]
        assert len({*texts}) == 1, texts
        assert "outside" not in texts[0]


def test_nothing_else_of_the_dataset_is_seen(
    server: LiveServer, dataset: int, job: str, reviewers: list[httpx.Client]
) -> None:
    path = f"/api/sampling/jobs/{job}"
    for end in (
        *(f"{path}/{name}" for name in ("data", "findings", "answers", "design", "reviewers")),
        *(f"{path}/{name}" for name in ("review", "rows/primary:0", "lookup?value=0", "reserves")),
        *(f"/api/jobs/{job}", f"/api/datasets/{dataset}", f"/api/datasets/{dataset}/refs"),
    ):
        answer = reviewers[0].get(end)
        assert answer.status_code == 404, end
        assert HIDDEN_NAME not in answer.text
    for end in ("/api/jobs", "/api/datasets", "/api/search?q=judge"):
        answer = reviewers[0].get(end)
        assert job not in answer.text, end
        assert HIDDEN_NAME not in answer.text


def test_the_order_of_the_queue_follows_from_no_hidden_column(server: LiveServer, job: str) -> None:
    """Places in the queue aren't in the order of the strata, which is that of the draw."""
    with server.service.database.read() as tx:
        entries = tx.execute(
            "SELECT row_id FROM findings WHERE job_id = ? AND reading = 'first' ORDER BY id", [job]
        ).fetchall()
    strata = {row["_logical_row_id"]: row["_stratum"] for row in server.rows(job)}
    order = [strata[row["row_id"]] for row in entries]
    assert order != sorted(order)


def test_a_right_that_ended_gives_nothing(server: LiveServer, dataset: int) -> None:
    rounds = [one("random", seed=11, sample_size=4)]
    job = str(server.draw(dataset, {"rounds": rounds})["id"])
    path = f"/api/sampling/jobs/{job}"
    people = [server.new_user("viewer") for _ in range(2)]
    names = [user["soeid"] for _, user in people]
    server.admin.put(f"{path}/reviewers", json={"reviewers": names})
    for client, _ in people:
        found = client.post(f"{path}/review-queue/next", json={}).json()
        assert found["row"] is not None, found
    ended = server.admin.request("DELETE", f"{path}/reviewers", json={"reviewer": names[0]})
    assert [each["soeid"] for each in ended.json()["reviewers"]] == names[1:]
    assert people[0][0].post(f"{path}/review-queue/next", json={}).status_code == 404
    assert people[0][0].get("/api/review-queues").json()["queues"] == []
    with server.service.database.write() as tx:
        remove_user(tx, people[1][1]["id"], server.service.clock)
        left = tx.execute("SELECT count(*) FROM reservations WHERE job_id = ?", [job]).fetchone()
        assert left[0] == 0
    assert server.admin.get(f"{path}/reviewers").json()["reviewers"] == []


def test_a_deleted_sample_has_no_queue(server: LiveServer, dataset: int) -> None:
    made = server.draw(dataset, {"rounds": [one("random", seed=11, sample_size=4)]})
    client, user = server.new_user("viewer")
    path = f"/api/sampling/jobs/{made['id']}"
    server.admin.put(f"{path}/reviewers", json={"reviewers": [user["soeid"]]})
    ref = made["output_summary"]["output_ref"]
    deleted = server.admin.delete(f"/api/datasets/{dataset}/refs/{ref}")
    assert deleted.status_code == 200, deleted.text
    assert client.get(f"{path}/review-queue").status_code == 404
    assert client.get("/api/review-queues").json()["total"] == 0
    refused = server.admin.post(f"{path}/review-queue/next", json={})
    assert refused.json()["code"] == "sample_deleted"
