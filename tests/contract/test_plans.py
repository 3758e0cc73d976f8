"""Registered plans over HTTP: a plan is committed before its seed exists, then drawn."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from application.certificates.ledger import draws_beside
from application.certificates.seeds import seed_sentence
from service.settings import Settings
from storage.jobs.jobs import get_job
from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_certificates import certified, require_accepted
from tests.support.live_server import LiveServer, live_server
from tests.support.published_rounds import (
    INVENTED,
    PUBLISHED,
    ROUND_1000,
    PublishedRound,
    SetClock,
)

QUICKNET = ROUND_1000.chain.hash
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
def clock() -> SetClock:
    return SetClock(ROUND_1000.before)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, clock: SetClock) -> Iterator[LiveServer]:
    """A server of the time of a round whose signature is known."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("plans"), memory_mb=256, compare_samples=False
    )
    with live_server(settings, clock=clock) as live:
        yield live


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    return server.new_table(200)


def url(dataset: int, path: str) -> str:
    return f"/api/sampling/datasets/{dataset}/{path}"


def registered(server: LiveServer, dataset: int, clock: SetClock, at: datetime) -> dict[str, Any]:
    clock.now = at
    answer = server.admin.post(url(dataset, "plan"), json={**BODY, "commit": True})
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["registered"])


@pytest.fixture
def plan(server: LiveServer, dataset: int, clock: SetClock) -> dict[str, Any]:
    """A plan of the second before round 1000, which has come by now."""
    plan = registered(server, dataset, clock, ROUND_1000.before)
    clock.now = ROUND_1000.time
    return plan


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
    beacon = ROUND_1000.seed
    job = drawn(server, dataset, plan, seed={"beacon": beacon}, output_name="by-beacon")
    randomness = hashlib.sha256(bytes.fromhex(ROUND_1000.signature)).hexdigest()
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
        (stated,) = (each for each in plan["first_rounds"] if each["name"] == name)
        time = genesis + (stated["round"] - 1) * period
        assert 0 < time - committed.timestamp() <= period
        assert datetime.fromisoformat(stated["time"]).timestamp() == time
        assert stated["needs_previous_signature"] == (name == "default")


@pytest.mark.parametrize("step", [-1, 1])
def test_another_round_of_the_beacon_is_refused(
    server: LiveServer, dataset: int, plan: dict[str, Any], step: int
) -> None:
    other = {**ROUND_1000.seed, "round": 1000 + step}
    came = (ROUND_1000.time - timedelta(seconds=3)).isoformat(timespec="microseconds")
    parts = {
        -1: f"The round 999 of this chain came at {came}, not after the plan's registration "
        f"at {plan['committed_at']}, so somebody could know its signature. A plan is drawn with "
        "the first round after its registration: 1000 of this chain",
        1: "registration, so that nobody can choose among several: 1000",
    }
    refused_beacon(server, dataset, plan, other, "round", parts[step])


def refused_beacon(
    server: LiveServer,
    dataset: int,
    plan: dict[str, Any],
    beacon: dict[str, Any],
    place: str,
    part: str,
) -> None:
    """Check that no job is made of this round, and why."""
    body = {"plan_id": plan["plan_id"], "seed": {"beacon": beacon}}
    answer = server.admin.post(url(dataset, "jobs"), json=body)
    (error,) = assert_problem(answer, 422, "invalid_value")["errors"]
    assert error["loc"] == ["body", "seed", "beacon", place]
    assert part in error["msg"]


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda it: f"{it.chain.name}-{it.number}")
def test_a_published_round_draws_at_its_time(
    server: LiveServer, dataset: int, clock: SetClock, published: PublishedRound
) -> None:
    plan = registered(server, dataset, clock, published.before)
    early = (server, dataset, plan, published.seed, "round")
    refused_beacon(*early, f"The round {published.number} of this chain comes at ")
    clock.now = published.time + timedelta(seconds=1)
    job = drawn(server, dataset, plan, seed={"beacon": published.seed})
    assert job["run_parameters"]["seed_origin"] == {"kind": "beacon", **published.seed}
    require_accepted(server, job["id"], dataset, "L4")
    sentence = seed_sentence(server.service, job["run_parameters"])
    assert f"The first round of drand {published.chain.name} after" in sentence
    assert f"by the public key {published.chain.public_key[:16]}…" in sentence


def changed(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def test_an_invented_signature_draws_nothing(
    server: LiveServer, dataset: int, plan: dict[str, Any]
) -> None:
    before = server.admin.get("/api/jobs", params={"dataset_id": dataset}).json()["total"]
    tried = [hashlib.sha384(bytes([number])).hexdigest() for number in range(10)]
    for signature in (INVENTED, changed(ROUND_1000.signature), "c0" + "00" * 47, *tried):
        beacon = {**ROUND_1000.seed, "signature": signature}
        part = "isn't the signature of round 1000 by the public key 83cf0f2896adee7e"
        refused_beacon(server, dataset, plan, beacon, "signature", part)
    after = server.admin.get("/api/jobs", params={"dataset_id": dataset}).json()["total"]
    assert after == before


def test_signatures_of_other_lengths_are_refused(
    server: LiveServer, dataset: int, clock: SetClock, plan: dict[str, Any]
) -> None:
    doubled = {**ROUND_1000.seed, "signature": ROUND_1000.signature * 2}
    refused_beacon(server, dataset, plan, doubled, "signature", "must have 96 hexadecimal digits")
    more = {**ROUND_1000.seed, "previous_signature": "00" * 48}
    refused_beacon(server, dataset, plan, more, "previous_signature", "Leave `previous_signature`")
    chained = PUBLISHED[-1]
    plan = registered(server, dataset, clock, chained.before)
    clock.now = chained.time
    less = {**chained.seed, "previous_signature": "00" * 32}
    refused_beacon(
        server, dataset, plan, less, "previous_signature", "must have 192 hexadecimal digits"
    )
    del less["previous_signature"]
    refused_beacon(
        server, dataset, plan, less, "previous_signature", "must have 192 hexadecimal digits"
    )
    other = {**chained.seed, "previous_signature": changed(chained.seed["previous_signature"])}
    refused_beacon(server, dataset, plan, other, "signature", "868f005eb8e6e4ca")


def test_signatures_are_verified_for_few_at_once(
    server: LiveServer, dataset: int, plan: dict[str, Any]
) -> None:
    opposite = "94" + ROUND_1000.signature[2:]  # a point of the group, so the pairings are computed
    invented = {**ROUND_1000.seed, "signature": opposite}
    body = {"plan_id": plan["plan_id"], "seed": {"beacon": invented}}
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(
                lambda _: server.admin.post(url(dataset, "jobs"), json=body).status_code, range(8)
            )
        )
    assert set(answers) == {422, 429}


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


def test_a_round_of_an_unknown_chain_proves_nothing(
    server: LiveServer, dataset: int, plan: dict[str, Any]
) -> None:
    unknown = {"chain": "ab" * 32, "round": 1, "signature": INVENTED}
    job = drawn(server, dataset, plan, seed={"beacon": unknown})
    require_accepted(server, job["id"], dataset, "L2")
    sentence = seed_sentence(server.service, job["run_parameters"])
    assert sentence.startswith("Claimed, not checked")


def test_plans_that_were_never_drawn_are_told(
    server: LiveServer, plan: dict[str, Any], clock: SetClock
) -> None:
    """A plan that is registered until its seed pleases leaves its registrations."""
    dataset = server.new_table(80)
    plans = [registered(server, dataset, clock, ROUND_1000.before) for _ in range(3)]
    other = {"rounds": ROUNDS[:1], "commit": True}
    assert server.admin.post(url(dataset, "plan"), json=other).status_code == 200
    clock.now = ROUND_1000.time
    job = drawn(server, dataset, plans[1], seed={"beacon": ROUND_1000.seed})
    digest = plans[1]["digest"][:16]
    repeated = f"One plan (digest {digest}) was registered 3 times, by the entries 1, 2, 3, and "
    repeated += "drawn 1 time: each registration has another seed, so somebody may have chosen "
    expected = [
        "The ledger has 0 other draws from this version of the table, and 0 from other versions of "
        "it. Previews of draws aren’t in it.",
        "It has 4 registered plans of this version of the table, of which at least 3 never drawn, "
        "and 0 of other versions of it.",
        f"{repeated}among them.",
    ]
    with server.service.database.read() as tx:
        found = get_job(tx, job["id"])
    assert draws_beside(server.service, found) == expected
    paper = server.admin.get(f"/api/sampling/jobs/{job['id']}/working-paper?format=html").text
    assert all(sentence in paper for sentence in expected)
    assert "but not that nobody chose it: the plan was registered 3 times" in paper
    assert "A public beacon" not in paper
    report = require_accepted(server, job["id"], dataset, "L4")
    assert "the plan was registered 3 times" in report["condition"]
    texts = [each["text"] for each in report["checks"]]
    told = "0 other draws from this version of the table"
    assert any(told in x and "previews" in x for x in texts)
    assert (
        "the ledger has 4 registered plans of this version of the table, of which at least 3 never "
        "drawn, and 0 of other versions of it"
    ) in texts
    assert any(text.startswith(repeated.lower()[:20]) and "1, 2, 3" in text for text in texts)


def test_draws_of_a_digest_are_those_of_all_its_registrations(
    server: LiveServer, clock: SetClock
) -> None:
    """A draw's entry names the digest, so one draw counts for each plan that has it."""
    dataset = server.new_table(80)
    first = registered(server, dataset, clock, ROUND_1000.before)
    assert (first["registrations"], first["draws"]) == (1, 0)
    drawn(server, dataset, first, seed=1)
    second = registered(server, dataset, clock, ROUND_1000.before)
    assert (second["registrations"], second["draws"]) == (2, 1)
    plans = server.admin.get(url(dataset, "plans")).json()["plans"]
    assert [(each["registrations"], each["draws"]) for each in plans] == [(2, 1), (2, 1)]


def test_draws_and_plans_of_other_versions_are_told(server: LiveServer, clock: SetClock) -> None:
    """An import of the same rows doesn't hide what was drawn before."""
    dataset = server.new_dataset()
    content = "id,city\n" + "".join(f"{row},Oslo\n" for row in range(200))
    jobs = []
    for tries in (2, 1):
        server.import_text(dataset, content)
        for _ in range(tries):
            plan = registered(server, dataset, clock, clock.now)
            jobs.append(drawn(server, dataset, plan, seed=len(jobs)))
    with server.service.database.read() as tx:
        found = get_job(tx, jobs[-1]["id"])
    draws, plans, *_ = draws_beside(server.service, found)
    assert "0 other draws from this version of the table, and 2 from other versions" in draws
    assert plans == (
        "It has 1 registered plan of this version of the table, and 2 of other versions of it."
    )
    report = require_accepted(server, jobs[-1]["id"], dataset, "L2")
    texts = " ".join(each["text"] for each in report["checks"])
    assert "0 other draws from this version of the table, 2 from other versions of it" in texts
    assert "1 registered plan of this version of the table, and 2 of other versions" in texts


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
            "beacon": {"chain": QUICKNET, "round": 1, "signature": INVENTED},
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


GOAL = {"materiality": 0.2, "expected": 1, "confidence": 0.9, "likelihood": "binomial"}
AUDIT = {"method": "random", "parameters": {"sample_size": 40}, "goal": GOAL}


def registered_audit(server: LiveServer, dataset: int, **change: Any) -> dict[str, Any]:
    body = {"rounds": [{**AUDIT, **change}], "commit": True}
    answer = server.admin.post(url(dataset, "plan"), json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["registered"])


@pytest.mark.parametrize("rounds", [None, [{**AUDIT, "goal": None}], [AUDIT]])
def test_a_draw_of_a_plan_is_evaluated_by_its_materiality(
    server: LiveServer, rounds: list[dict[str, Any]] | None
) -> None:
    dataset = server.new_table(200)
    plan = registered_audit(server, dataset)
    text = json.loads(plan["text"])
    assert text["goals"] == [GOAL]
    assert hashlib.sha256(plan["text"].encode()).hexdigest() == plan["digest"]
    given = {} if rounds is None else {"rounds": rounds}
    job = drawn(server, dataset, plan, seed=7, **given)
    (round_,) = job["run_parameters"]["rounds"]
    assert round_["goal"] == GOAL
    path = f"/api/sampling/jobs/{job['id']}"
    items = server.admin.get(f"{path}/findings", params={"limit": 1000}).json()["items"]
    ids = [item["row_id"] for item in items]
    findings = [{"row_id": row, "outcome": "ok"} for row in ids]
    server.admin.post(f"{path}/findings", json={"findings": findings})
    answer = server.admin.post(f"{path}/evaluation", json={}).json()
    assert (answer["likelihood"], answer["confidence"]) == ("binomial", 0.9)
    assert answer["conclusion"]["is_tolerable"]
    assert answer["departure"] is None
    other = server.admin.post(f"{path}/evaluation", json={"tolerable": 0.3}).json()
    assert other["departure"] == "Planned: tolerable 20 %; evaluated with: tolerable 30 %."
    require_accepted(server, job["id"], dataset, "L2")


def test_a_plan_names_its_likelihood_and_stages(server: LiveServer) -> None:
    dataset = server.new_table(200)
    goal = {"materiality": 0.2, "accept": [0, 1], "first_stage": 20, "confidence": 0.95}
    plan = registered_audit(server, dataset, goal=goal)
    assert json.loads(plan["text"])["goals"] == [{**goal, "likelihood": "hypergeometric"}]
    job = drawn(server, dataset, plan, seed=7)
    page = server.admin.get(f"/api/sampling/jobs/{job['id']}/findings").json()
    assert (page["stages"]["first"], page["total"]) == (20, 20)


def test_another_goal_than_the_plans_is_refused(server: LiveServer) -> None:
    dataset = server.new_table(200)
    plan = registered_audit(server, dataset)
    rounds = [{**AUDIT, "goal": {**GOAL, "materiality": 0.3}}]
    body = {"plan_id": plan["plan_id"], "seed": 7, "rounds": rounds}
    answer = server.admin.post(url(dataset, "jobs"), json=body)
    assert_problem(answer, 422, "invalid_value")
    assert answer.json()["errors"][0]["loc"] == ["body", "rounds", 0, "goal"]


def test_a_plan_without_a_goal_has_the_text_that_it_always_had(
    server: LiveServer, dataset: int, plan: dict[str, Any]
) -> None:
    """Its draw may still have a goal, as draws of earlier plans had."""
    assert set(json.loads(plan["text"])) == {"commit_id", "dataset_id", "rounds", "table_key"}
    rounds = [{**ROUNDS[0], "goal": {"materiality": 0.2}}, ROUNDS[1]]
    job = drawn(server, dataset, plan, seed=17, rounds=rounds)
    goal = job["run_parameters"]["rounds"][0]["goal"]
    assert goal == {"materiality": 0.2, "confidence": 0.95, "likelihood": "hypergeometric"}
