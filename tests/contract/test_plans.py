"""Registered plans over HTTP: a plan is committed before its seed exists, then drawn."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_certificates import certified, require_accepted
from tests.live_server import LiveServer

SIGNATURE = "0f" * 48
QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
ROUNDS = [
    {"method": "random", "parameters": {"sample_fraction": 0.05}},
    {
        "method": "stratified",
        "parameters": {"strata_columns": ["city"], "sample_size": 9},
        "filters": {"expression": "id < 100"},
    },
]
BODY = {"rounds": ROUNDS}


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    return server.new_table(200)


def url(dataset: int, path: str) -> str:
    return f"/api/sampling/datasets/{dataset}/{path}"


@pytest.fixture
def plan(server: LiveServer, dataset: int) -> dict[str, Any]:
    answer = server.admin.post(url(dataset, "plan"), json={**BODY, "commit": True})
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["registered"])


def first_round(plan: dict[str, Any], name: str = "quicknet") -> dict[str, Any]:
    (found,) = (each for each in plan["first_rounds"] if each["name"] == name)
    return {"chain": found["chain"], "round": found["round"], "signature": SIGNATURE}


def drawn(server: LiveServer, dataset: int, plan: dict[str, Any], **body: Any) -> dict[str, Any]:
    job = server.draw(dataset, {"plan_id": plan["plan_id"], **body})
    assert job["status"] == "completed", job
    return job


def test_a_plan_is_an_entry_of_the_ledger(
    server: LiveServer, dataset: int, plan: dict[str, Any]
) -> None:
    content = json.loads(plan["text"])
    main = server.admin.get(f"/api/datasets/{dataset}/commits/main").json()
    assert content == {
        "dataset_id": dataset,
        "commit_id": main["commit_id"],
        "table_key": "primary",
        "rounds": [
            {
                "filter": each.get("filters"),
                "method": each["method"],
                "parameters": each["parameters"],
            }
            for each in ROUNDS
        ],
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert text == plan["text"]
    assert hashlib.sha256(text.encode()).hexdigest() == plan["digest"]
    entry = server.admin.get(f"/api/datasets/{dataset}/ledger").json()["entries"][0]
    assert (entry["kind"], entry["number"]) == ("plan", plan["ledger_number"])
    assert entry["body"] == {name: plan[name] for name in ("plan_id", "text", "digest")}
    listed = server.admin.get(url(dataset, "plans")).json()["plans"]
    assert listed[0] == plan


def test_a_beacon_draws_exactly_the_plan(
    server: LiveServer, dataset: int, plan: dict[str, Any]
) -> None:
    beacon = first_round(plan)
    job = drawn(server, dataset, plan, seed={"beacon": beacon}, output_name="by-beacon")
    randomness = hashlib.sha256(bytes.fromhex(SIGNATURE)).hexdigest()
    seed = f"beacon:{QUICKNET}:{beacon['round']}:{randomness}:{plan['digest']}"
    predicate = certified(server, job["id"])["predicate"]
    assert [each["seed"] for each in predicate["rounds"]] == [seed, seed]
    assert predicate["rounds"][1]["effective_seed"] == f"{seed}:round-2"
    assert predicate["seed_origin"] == {"kind": "beacon", **beacon}
    assert predicate["plan"] == {
        "text": plan["text"],
        "digest": plan["digest"],
        "committed_at": plan["committed_at"],
        "ledger_number": plan["ledger_number"],
    }
    stated = [
        {name: each[name] for name in ("filter", "method", "parameters")}
        for each in predicate["rounds"]
    ]
    assert stated == json.loads(plan["text"])["rounds"]
    require_accepted(server, job["id"], dataset, "L4")
    entry = server.admin.get(f"/api/datasets/{dataset}/ledger").json()["entries"][0]
    assert entry["body"]["plan_digest"] == plan["digest"]
    again = server.admin.get(url(dataset, "plans")).json()["plans"][0]
    assert again["draws"] == 1
    (history,) = (
        each
        for each in server.admin.get(url(dataset, "history")).json()["jobs"]
        if each["id"] == job["id"]
    )
    assert [each["seed_origin"] for each in history["rounds"]] == ["beacon", "beacon"]


def test_the_first_rounds_are_just_after_the_plan(plan: dict[str, Any]) -> None:
    committed = datetime.fromisoformat(plan["committed_at"])
    for name, genesis, period in (("quicknet", 1692803367, 3), ("default", 1595431050, 30)):
        time = genesis + (first_round(plan, name)["round"] - 1) * period
        assert 0 < time - committed.timestamp() <= period
        (stated,) = (each["time"] for each in plan["first_rounds"] if each["name"] == name)
        assert datetime.fromisoformat(stated).timestamp() == time


@pytest.mark.parametrize("step", [-1, 1])
def test_another_round_of_the_beacon_is_refused(
    server: LiveServer, dataset: int, plan: dict[str, Any], step: int
) -> None:
    beacon = first_round(plan)
    other = {**beacon, "round": beacon["round"] + step}
    body = {"plan_id": plan["plan_id"], "seed": {"beacon": other}}
    answer = server.admin.post(url(dataset, "jobs"), json=body)
    assert_problem(answer, 422, "invalid_value")
    assert str(beacon["round"]) in answer.text


def test_dice_and_plain_seeds_draw_a_plan(
    server: LiveServer, dataset: int, plan: dict[str, Any]
) -> None:
    dice = {"digits": "31415926535897932384", "witnesses": ["A. Turing", "G. Hopper"]}
    job = drawn(server, dataset, plan, seed={"dice": dice}, rounds=ROUNDS)
    predicate = certified(server, job["id"])["predicate"]
    assert predicate["seed_origin"] == {"kind": "dice", **dice}
    assert predicate["rounds"][0]["seed"] == f"dice:{dice['digits']}:{plan['digest']}"
    for seed, kind in (({"seed": 7}, "chosen"), ({}, "entropy")):
        job = drawn(server, dataset, plan, **seed)
        predicate = certified(server, job["id"])["predicate"]
        assert predicate["seed_origin"] == {"kind": kind}
        assert predicate["plan"]["digest"] == plan["digest"]
    unknown = {"chain": "ab" * 32, "round": 1, "signature": SIGNATURE}
    drawn(server, dataset, plan, seed={"beacon": unknown})


REFUSED: dict[str, dict[str, Any]] = {
    "rounds": {"rounds": ROUNDS[:1]},
    "size": {"rounds": [ROUNDS[0], one("random", sample_size=9)]},
    "table_key": {"table_key": "other"},
    "draw_version": {"draw_version": 1},
    "digits": {"seed": {"dice": {"digits": "1" * 19, "witnesses": ["A"]}}},
    "no witness": {"seed": {"dice": {"digits": "1" * 20, "witnesses": []}}},
    "no digits": {"seed": {"dice": {"digits": "x" * 20, "witnesses": ["A"]}}},
    "signature": {"seed": {"beacon": {"chain": QUICKNET, "round": 1, "signature": "AB" * 48}}},
    "both": {
        "seed": {
            "beacon": {"chain": QUICKNET, "round": 1, "signature": SIGNATURE},
            "dice": {"digits": "1" * 20, "witnesses": ["A"]},
        }
    },
    "a list": {"seed": [1]},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_differs_from_the_plan_is_refused(
    server: LiveServer, dataset: int, plan: dict[str, Any], name: str
) -> None:
    body = {"plan_id": plan["plan_id"], **REFUSED[name]}
    answer = server.admin.post(url(dataset, "jobs"), json=body)
    assert answer.status_code == 422, answer.text


def test_a_plan_of_another_dataset_is_not_found(server: LiveServer, plan: dict[str, Any]) -> None:
    other = server.new_table(5)
    answer = server.admin.post(url(other, "jobs"), json={"plan_id": plan["plan_id"]})
    assert_problem(answer, 404, "not_found")


@pytest.mark.parametrize("body", [{"seed": 7, **BODY}, {"commit_message": "x"}])
def test_a_job_without_a_plan_has_rounds_of_its_own(
    server: LiveServer, dataset: int, body: dict[str, Any]
) -> None:
    assert server.admin.post(url(dataset, "jobs"), json=body).status_code == 422


def test_a_plan_with_a_seed_is_not_registered(server: LiveServer, dataset: int) -> None:
    before = server.admin.get(url(dataset, "plans")).json()["total"]
    body = {"rounds": [one("random", sample_size=3)], "commit": True}
    answer = server.admin.post(url(dataset, "plan"), json=body)
    assert_problem(answer, 422, "invalid_value")
    assert server.admin.get(url(dataset, "plans")).json()["total"] == before


def test_who_may_not_write_registers_no_plan(server: LiveServer, dataset: int) -> None:
    body = {**BODY, "commit": True}
    reader, user = server.new_user("analyst")
    share = {"user_id": user["id"], "permission": "read"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=share)
    assert_problem(reader.post(url(dataset, "plan"), json=body), 403, "forbidden")
    made = server.admin.post("/api/tokens", json={"name": "r", "scope": "read"}).json()
    answer = server.client(made["token"]).post(url(dataset, "plan"), json=body)
    assert_problem(answer, 403, "forbidden")
    assert reader.get(url(dataset, "plans")).status_code == 200
