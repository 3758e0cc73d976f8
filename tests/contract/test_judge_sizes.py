"""Sizes with a judge, and sizes by guessed rates."""

from __future__ import annotations

from math import ceil, sqrt
from typing import Any

import numpy as np
import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_estimates import drawn_anew
from tests.contract.test_pilots import asked, size
from tests.contract.test_sample_values import csv_of, send
from tests.support.live_server import LiveServer

ROWS = 4_000
RANDOM = np.random.default_rng(11)
SCORE = RANDOM.beta(0.5, 3.0, ROWS).round(6)
BAD = RANDOM.random(ROWS) < SCORE
DESIGN = {"method": "random", "parameters": {}}
SCORES = {"column": "score", "breaks": [0.1, 0.5], "labels": ["low", "middle", "high"]}
SHARE = {"statistic": "proportion", "column": "label", "value": True, "margin": 0.02}


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    number = server.new_dataset()
    lines = [f"{i},{SCORE[i]},{SCORE[i] > 0.5},{BAD[i]}" for i in range(ROWS)]
    server.import_text(number, "\n".join(["id,score,judge,is_bad", *lines]) + "\n")
    return number


@pytest.fixture(scope="module")
def pilot(server: LiveServer, dataset: int) -> str:
    job = drawn_anew(server, dataset, one("random", sample_size=400, seed=4))
    rows = [row | {"label": row["is_bad"]} for row in server.rows(job, limit=1000)]
    assert send(server, job, csv_of(rows, "id", "label"), "id").status_code == 200
    return job


def by_guess(**more: Any) -> dict[str, Any]:
    return {"method": "stratified", "parameters": {"strata_columns": [SCORES], **more}}


def test_a_guess_gives_both_sizes(server: LiveServer, dataset: int) -> None:
    goal = {"margin": 0.03, "judge": {"correlation": 0.8}}
    found = size(server, dataset, goal=goal, design=DESIGN)
    judge, alone = found["judge"], found["sample_size"]
    assert judge["people_alone"] == alone
    assert judge["with_judge"] == ceil(0.36 * alone / (1 - 0.64 * alone / ROWS))
    assert judge["effective_labels"] == pytest.approx(alone, rel=0.005)
    assert judge["effective_labels"] >= alone - 1
    assert judge["with_judge_low"] is None
    assert judge["round"]["parameters"] == {"sample_size": judge["with_judge"]}
    assert "judge" not in found["round"]["goal"]
    assert any("0.8 of judge and label is a guess" in note for note in found["notes"])


def test_a_pilot_gives_the_correlation_with_its_limits(
    server: LiveServer, dataset: int, pilot: str
) -> None:
    goal = {**SHARE, "judge": {"column": "score"}}
    found = size(server, dataset, goal=goal, design=DESIGN, pilot={"job_id": pilot})
    judge = found["judge"]
    assert judge["correlation_low"] < np.corrcoef(SCORE, BAD)[0, 1] < judge["correlation_high"]
    assert judge["pilot_labels"] == 400
    alone, left = judge["people_alone"], 1 - judge["correlation"] ** 2
    closed = left * alone / (1 - judge["correlation"] ** 2 * alone / ROWS)
    assert judge["with_judge"] == pytest.approx(closed, rel=0.01)
    assert judge["with_judge_low"] < judge["with_judge"] < judge["with_judge_high"] < alone


def test_a_judge_of_the_labels_kind_is_a_judge(
    server: LiveServer, dataset: int, pilot: str
) -> None:
    goal = {**SHARE, "judge": {"column": "judge"}}
    found = size(server, dataset, goal=goal, design=DESIGN, pilot={"job_id": pilot})
    rho = abs(np.corrcoef(SCORE > 0.5, BAD)[0, 1])
    assert found["judge"]["correlation_low"] < rho < found["judge"]["correlation_high"]


def test_strata_by_score_leave_less_to_the_judge(
    server: LiveServer, dataset: int, pilot: str
) -> None:
    goal = {**SHARE, "judge": {"column": "score"}}
    more = {"goal": goal, "pilot": {"job_id": pilot}}
    plain = size(server, dataset, design=DESIGN, **more)["judge"]
    strata = size(server, dataset, design=by_guess(), **more)["judge"]
    assert strata["correlation"] < plain["correlation"]
    best = size(server, dataset, design=by_guess(), allocation="optimal", **more)["judge"]
    assert best["with_judge"] < best["people_alone"] <= strata["people_alone"]
    assert sum(best["round"]["parameters"]["sizes"].values()) == best["with_judge"]


@pytest.mark.parametrize(
    ("judge", "place"),
    [
        ({}, "judge.correlation"),
        ({"column": "score", "correlation": 0.5}, "judge.correlation"),
        ({"correlation": 1}, "judge.correlation"),
        ({"correlation": -0.1}, "judge.correlation"),
        ({"column": "score"}, "column"),
    ],
)
def test_judges_that_are_refused(
    server: LiveServer, dataset: int, judge: dict[str, Any], place: str
) -> None:
    answer = asked(server, dataset, goal={"margin": 0.03, "judge": judge}, design=DESIGN)
    assert_problem(answer, 422, "invalid_request")
    assert answer.json()["errors"][0]["loc"] == ["body", "goal", *place.split(".")]


def test_a_judge_needs_a_pilot_and_one_that_varies(
    server: LiveServer, dataset: int, pilot: str
) -> None:
    known = {"statistic": "proportion", "column": "is_bad", "value": True, "margin": 0.02}
    without = asked(server, dataset, goal={**known, "judge": {"column": "score"}}, design=DESIGN)
    assert without.json()["errors"][0]["loc"] == ["body", "goal", "judge", "column"]
    goal = {**SHARE, "judge": {"column": "_design_weight"}}
    constant = asked(server, dataset, goal=goal, design=DESIGN, pilot={"job_id": pilot})
    assert "says too little of the correlation" in constant.text
    weighted = {"method": "weighted", "parameters": {"weight_column": "score"}}
    goal = {**known, "judge": {"correlation": 0.5}}
    assert "not weighted" in asked(server, dataset, goal=goal, design=weighted).text


def test_a_recall_is_planned_by_mean_scores(server: LiveServer, dataset: int) -> None:
    design = by_guess(allocation="recall", rate_column="score", flagged=["high"])
    goal = {"statistic": "recall", "margin": 0.1}
    found = size(server, dataset, goal=goal, design=design)
    (figure,) = found["goals"]
    strata = [SCORE < 0.1, (SCORE >= 0.1) & (SCORE < 0.5), SCORE >= 0.5]
    rows = np.array([own.sum() for own in strata])
    rates = np.array([SCORE[own].mean() for own in strata])
    recall = rows[2] * rates[2] / (rows * rates).sum()
    assert figure["estimate"] == pytest.approx(recall)
    assert figure["true_value"] is None
    assert figure["margin_of_error"] <= 0.1
    drawn = np.array([each["sample_size"] for each in found["strata"]])
    squares = (np.array([0, 0, 1]) - recall) ** 2 * rates * (1 - rates) * rows / (rows - 1)
    variance = (rows**2 * squares * (1 / drawn - 1 / rows)).sum() / (rows * rates).sum() ** 2
    assert figure["standard_error"] == pytest.approx(sqrt(variance))
    assert any("are guesses (the means of score)" in note for note in found["notes"])
    job = drawn_anew(server, dataset, {**found["round"], "parameters": found["parameters"]})
    assert len(server.rows(job, limit=1000)) == found["sample_size"]


def test_a_recall_needs_flagged_strata(server: LiveServer, dataset: int) -> None:
    goal = {"statistic": "recall", "margin": 0.1}
    for design in (DESIGN, by_guess(), by_guess(allocation="neyman", rate_column="score")):
        answer = asked(server, dataset, goal=goal, design=design)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["loc"] == ["body", "goal", "statistic"]


def test_given_rates_plan_the_share_that_they_make(server: LiveServer, dataset: int) -> None:
    rates = {"low": 0.0, "middle": 0.2, "high": 0.5}
    design = by_guess(allocation="neyman", rates=rates)
    found = size(server, dataset, goal={"margin": 0.02}, design=design)
    rows = {each["label"]: each["row_count"] for each in found["strata"]}
    share = sum(rows[label] * rate for label, rate in rates.items()) / ROWS
    assert found["goals"][0]["estimate"] == pytest.approx(share)
    assert {each["label"]: each["sample_size"] for each in found["strata"]}["low"] == 2


def test_bands_of_a_probability_name_the_allocation(server: LiveServer, dataset: int) -> None:
    body = {"column": "score", "bands": 4, "sample_size": 200}
    answer = server.admin.post(f"/api/sampling/datasets/{dataset}/strata", json=body)
    assert answer.status_code == 200, answer.text
    assert any(
        "`allocation` neyman with `rate_column` score" in note for note in answer.json()["notes"]
    )


def test_a_plan_reads_a_judge_as_the_estimate_does(server: LiveServer) -> None:
    number = server.new_dataset()
    classes = (SCORE * 4).astype(int)
    truth = np.where(RANDOM.random(ROWS) < 0.8, classes, RANDOM.integers(0, 4, ROWS))
    lines = [f"{i},{classes[i]},{SCORE[i] > 0.5},{truth[i]},{SCORE[i]}" for i in range(ROWS)]
    server.import_text(number, "\n".join(["id,judge,says,truth,score", *lines]) + "\n")
    job = drawn_anew(server, number, one("random", sample_size=400, seed=4))
    rows = [row | {"label": row["truth"]} for row in server.rows(job, limit=1000)]
    assert send(server, job, csv_of(rows, "id", "label"), "id").status_code == 200

    def planned(judge: str, **more: Any) -> float:
        goal = {"column": "label", "margin": 0.05, **more, "judge": {"column": judge}}
        found = size(server, number, goal=goal, design=DESIGN, pilot={"job_id": job})
        return float(found["judge"]["correlation"])

    labels, opinions = (np.array([row[name] for row in rows]) for name in ("label", "judge"))
    share = planned("judge", statistic="proportion", value=1)
    assert share == pytest.approx(abs(np.corrcoef(labels == 1, opinions == 1)[0, 1]))
    says = np.array([row["says"] for row in rows])
    assert planned("says", statistic="mean") == pytest.approx(np.corrcoef(labels, says)[0, 1])
    goal = {"statistic": "proportion", "column": "label", "value": 3, "margin": 0.05}
    goal["judge"] = {"column": "score"}
    answer = asked(server, number, goal=goal, design=DESIGN, pilot={"job_id": job})
    assert_problem(answer, 422, "invalid_goal", "a probability of true or 1, and not of 3")
