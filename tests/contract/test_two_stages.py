"""A sample in two stages over HTTP: planned, drawn at once, examined by its rule, evaluated."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ROW = "row_id"
FIRST = 55
GOAL = {"materiality": 0.05, "accept": [0, 1], "likelihood": "hypergeometric"}


@pytest.fixture
def dataset(server: LiveServer) -> int:
    dataset_id = server.new_dataset()
    lines = [f"{row:05d},{row % 7}" for row in range(300)]
    server.import_text(dataset_id, "\n".join(["id,kind", *lines]) + "\n")
    return dataset_id


@pytest.fixture
def job(server: LiveServer, dataset: int) -> str:
    design = {"method": "random", "parameters": {"seed": 3}}
    body = {"goal": GOAL, "design": design}
    found = server.admin.post(f"/api/sampling/datasets/{dataset}/size", json=body).json()
    stages = found["materiality"]["two_stages"]
    assert (stages["accept_first"], stages["accept_both"]) == (0, 1)
    assert stages["risk"] <= 0.05
    assert found["sample_size"] == stages["first"] + stages["second"]
    assert found["round"]["goal"]["first_stage"] == stages["first"] == FIRST
    drawn = server.draw(dataset, {"rounds": [found["round"]]})
    assert drawn["status"] == "completed", drawn
    return str(drawn["id"])


def page_of(server: LiveServer, job: str) -> dict[str, Any]:
    answer = server.admin.get(f"/api/sampling/jobs/{job}/findings", params={"limit": 1000})
    return dict(answer.json())


def enter(server: LiveServer, job: str, rows: list[str], exceptions: int = 0) -> Any:
    found = [
        {ROW: row, "outcome": "exception" if at < exceptions else "ok"}
        for at, row in enumerate(rows)
    ]
    return server.admin.post(f"/api/sampling/jobs/{job}/findings", json={"findings": found})


def rows_of(page: dict[str, Any], stage: int) -> list[str]:
    return [item[ROW] for item in page["items"] if item["stage"] == stage]


def evaluated(server: LiveServer, job: str, **body: Any) -> Any:
    return server.admin.post(f"/api/sampling/jobs/{job}/evaluation", json=body)


def test_no_exception_in_stage_1_accepts(server: LiveServer, job: str) -> None:
    page = page_of(server, job)
    assert page["total"] == page["counts"]["open"] == page["stages"]["first"] == FIRST
    assert page["stages"]["decision"] is None
    assert enter(server, job, rows_of(page, 1)).status_code == 200
    assert page_of(server, job)["stages"] | {"decision": "accept"} == page_of(server, job)["stages"]
    found = evaluated(server, job).json()
    assert (found["kind"], found["decision"], found["second"]) == ("two_stage", "accept", None)
    assert found["conclusion"]["is_tolerable"]
    assert found["upper_limit"] < 0.05
    assert found["departure"] is None
    answer = server.admin.post(f"/api/sampling/jobs/{job}/review", json={"action": "submitted"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("second", "decision"), [(0, "accept"), (1, "reject")])
def test_one_exception_asks_for_stage_2(
    server: LiveServer, job: str, second: int, decision: str
) -> None:
    enter(server, job, rows_of(page_of(server, job), 1), exceptions=1)
    found = evaluated(server, job).json()
    assert (found["decision"], found["upper_limit"]) == ("continue", None)
    assert "examine its 55 rows" in found["conclusion"]["sentence"]
    page = page_of(server, job)
    assert (page["total"], page["counts"]["open"]) == (2 * FIRST, FIRST)
    refused = server.admin.post(f"/api/sampling/jobs/{job}/review", json={"action": "submitted"})
    assert_problem(refused, 409, "conflict")
    assert enter(server, job, rows_of(page, 2), exceptions=second).status_code == 200
    found = evaluated(server, job).json()
    assert (found["decision"], found["examined"]) == (decision, 2 * FIRST)
    assert found["conclusion"]["is_tolerable"] == (decision == "accept")
    assert (found["upper_limit"] < 0.05) == (decision == "accept")


def test_two_exceptions_in_stage_1_do_not_accept(server: LiveServer, job: str) -> None:
    enter(server, job, rows_of(page_of(server, job), 1), exceptions=2)
    found = evaluated(server, job).json()
    assert (found["decision"], found["conclusion"]["is_tolerable"]) == ("reject", False)
    assert page_of(server, job)["total"] == FIRST


def test_stage_2_is_locked_until_stage_1_asks_for_it(server: LiveServer, job: str) -> None:
    drawn = [row["_logical_row_id"] for row in server.rows(job)]
    refused = enter(server, job, drawn[FIRST : FIRST + 1])
    assert_problem(refused, 409, "stage_not_reached")
    assert "if these have 1 exception." in refused.text
    body = {ROW: drawn[60], "reason": "voided"}
    answer = server.admin.post(f"/api/sampling/jobs/{job}/replacements", json=body)
    assert_problem(answer, 409, "stage_not_reached")
    assert enter(server, job, drawn[: FIRST + 1]).status_code == 409


def test_a_replacement_is_of_neither_stage(server: LiveServer, job: str) -> None:
    drawn = [row["_logical_row_id"] for row in server.rows(job)]
    enter(server, job, drawn[:FIRST])
    body = {ROW: drawn[4], "reason": "voided"}
    made = server.admin.post(f"/api/sampling/jobs/{job}/replacements", json=body).json()
    assert made["replacement_row_id"] not in drawn
    assert page_of(server, job)["stages"]["decision"] is None
    assert page_of(server, job)["items"][-1]["stage"] == 1
    enter(server, job, [made["replacement_row_id"]], exceptions=1)
    assert page_of(server, job)["stages"]["decision"] == "continue"


def test_a_corrected_stage_1_decides_again(server: LiveServer, job: str) -> None:
    enter(server, job, rows_of(page_of(server, job), 1), exceptions=1)
    later = rows_of(page_of(server, job), 2)
    enter(server, job, later, exceptions=3)
    enter(server, job, rows_of(page_of(server, job), 1)[:1])
    found = evaluated(server, job).json()
    assert (found["decision"], found["examined"]) == ("accept", FIRST)
    assert "which the rule doesn't use" in found["caveats"][0]


def test_other_evaluations_are_refused_or_said_to_depart(server: LiveServer, job: str) -> None:
    enter(server, job, rows_of(page_of(server, job), 1))
    refused = evaluated(server, job, kind="attributes")
    assert_problem(refused, 422, "invalid_findings")
    assert "would take as one sample" in refused.text
    sequence = evaluated(server, job, kind="sequential", tolerable=0.05).json()
    departure = "Planned: two stages; evaluated with: stop when sure."
    assert sequence["departure"] == departure
    other = evaluated(server, job, tolerable=0.04, confidence=0.9).json()
    assert other["departure"] == (
        "Planned: tolerable 5 %, confidence 95 %; evaluated with: tolerable 4 %, confidence 90 %."
    )


def test_each_attribute_has_its_own_decision(server: LiveServer, job: str) -> None:
    path = f"/api/sampling/jobs/{job}"
    server.admin.put(f"{path}/attributes", json={"attributes": ["approved", "agrees", "in time"]})
    deviations = {0: ["approved"], 1: ["approved", "agrees"]}
    found = [
        {ROW: row, "outcome": "exception", "deviations": deviations[at]}
        if at in deviations
        else {ROW: row, "outcome": "ok"}
        for at, row in enumerate(rows_of(page_of(server, job), 1))
    ]
    server.admin.post(f"{path}/findings", json={"findings": found})
    answer = evaluated(server, job).json()
    assert answer["decision"] == "reject"
    shown = [(each["deviations"], each["is_tolerable"]) for each in answer["attributes"]]
    # One deviation would need a stage 2, which two exceptions in stage 1 leave out
    assert shown == [(2, False), (1, None), (0, True)]
    assert answer["attributes"][1]["upper_limit"] is None


def test_the_paper_has_the_rule(server: LiveServer, job: str) -> None:
    enter(server, job, rows_of(page_of(server, job), 1))
    paper = server.admin.get(f"/api/sampling/jobs/{job}/working-paper").text
    assert "55 rows, then 55; accept with 0 in stage 1, or 1 in both" in paper
    assert "0 exceptions in 55 rows" in paper
    assert "The rule accepts after stage 1" in paper
    assert "in two stages, 55 rows first (accept with 0, in both with 1)" in paper


def test_a_sample_without_stages_has_no_rule(server: LiveServer, dataset: int) -> None:
    draw = {"method": "random", "parameters": {"sample_size": 5}}
    plain = str(server.draw(dataset, {"rounds": [draw]})["id"])
    page = page_of(server, plain)
    assert page["stages"] is None
    enter(server, plain, [item[ROW] for item in page["items"]])
    assert "wasn't planned in two stages" in evaluated(server, plain, kind="two_stage").text


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"goal": {**GOAL, "first_stage": 20}}, ["goal", "first_stage"]),
        ({"goal": GOAL}, ["goal", "first_stage"]),
        ({"goal": {**GOAL, "accept": [1, 1], "first_stage": 5}}, ["goal", "accept"]),
        ({"goal": {"materiality": 0.05, "first_stage": 5}}, ["goal", "first_stage"]),
        ({"goal": {**GOAL, "first_stage": 5, "expected": 0.01}}, ["goal", "expected"]),
        (
            {"goal": {**GOAL, "first_stage": 5}, "selection": {"order_by": "id"}},
            ["selection", "order_by"],
        ),
        ({"goal": {**GOAL, "first_stage": 5}, "method": "systematic"}, ["goal", "first_stage"]),
    ],
)
def test_stages_that_do_not_fit_are_refused(
    server: LiveServer, dataset: int, change: dict[str, Any], loc: list[str]
) -> None:
    round_ = {"method": "random", "parameters": {"sample_size": 20}, **change}
    answer = server.admin.post(f"/api/sampling/datasets/{dataset}/jobs", json={"rounds": [round_]})
    assert answer.status_code == 422, answer.text
    assert ["body", "rounds", 0, *loc] in [error["loc"] for error in answer.json()["errors"]]
