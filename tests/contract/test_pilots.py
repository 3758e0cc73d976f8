"""A size by a pilot: the plan of values that the table lacks, and what is refused."""

from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_estimates import drawn_anew
from tests.contract.test_sample_values import csv_of, send
from tests.support.live_server import LiveServer

ROWS = 600
RANDOM = np.random.default_rng(5)
AMOUNT = RANDOM.lognormal(3, 0.6, ROWS).round(2)
REGION = ["north", "north", "north", "south", "south", "west"] * (ROWS // 6)
KIND = ["a", "b", "c", "d"] * (ROWS // 4)
BY_REGION = {"method": "stratified", "parameters": {"strata_columns": ["region"]}}
DESIGNS: dict[str, dict[str, Any]] = {
    "random": {"design": {"method": "random", "parameters": {}}},
    "systematic": {"design": {"method": "systematic", "parameters": {}}},
    "proportional": {"design": BY_REGION},
    "optimal": {"design": BY_REGION, "allocation": "optimal"},
    "filtered": {
        "design": {
            "method": "random",
            "parameters": {},
            "filters": {"conditions": [{"column": "region", "operator": "!=", "value": "west"}]},
        }
    },
}
MEAN = {"statistic": "mean", "relative_margin": 0.05}
TOTAL = {"statistic": "total", "relative_margin": 0.1, "by": ["region"]}


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    number = server.new_dataset()
    rows = zip(range(ROWS), REGION, KIND, AMOUNT, strict=True)
    lines = [f"{i},{region},{kind},{amount}" for i, region, kind, amount in rows]
    server.import_text(number, "\n".join(["id,region,kind,amount", *lines]) + "\n")
    return number


def pilot_of(server: LiveServer, dataset: int, round_: dict[str, Any], count: int = ROWS) -> str:
    """A sample with its amounts and kinds uploaded as `measured` and `label`."""
    job = drawn_anew(server, dataset, round_)
    rows = [
        row | {"measured": row["amount"], "label": row["kind"]}
        for row in server.rows(job, limit=1000)[:count]
    ]
    assert send(server, job, csv_of(rows, "id", "measured", "label"), "id").status_code == 200
    return job


@pytest.fixture(scope="module")
def census(server: LiveServer, dataset: int) -> str:
    return pilot_of(server, dataset, one("random", sample_size=ROWS, seed=3))


@pytest.fixture(scope="module")
def pilot(server: LiveServer, dataset: int) -> str:
    return pilot_of(server, dataset, one("random", sample_size=80, seed=4))


def asked(server: LiveServer, dataset: int, **body: Any) -> httpx.Response:
    return server.admin.post(f"/api/sampling/datasets/{dataset}/size", json=body)


def size(server: LiveServer, dataset: int, **body: Any) -> dict[str, Any]:
    answer = asked(server, dataset, **body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("name", DESIGNS)
def test_a_pilot_of_all_rows_gives_the_size_of_the_table(
    server: LiveServer, dataset: int, census: str, name: str
) -> None:
    """No estimate is left, so the plan is that of the same values in the table."""
    share = {"statistic": "proportion", "value": "b", "margin": 0.05}
    for goal, own, uploaded in (
        (MEAN, "amount", "measured"),
        (TOTAL, "amount", "measured"),
        (share, "kind", "label"),
    ):
        exact = size(server, dataset, goal={**goal, "column": own}, **DESIGNS[name])
        found = size(
            server,
            dataset,
            goal={**goal, "column": uploaded},
            pilot={"job_id": census},
            **DESIGNS[name],
        )
        assert found["sample_size"] == exact["sample_size"]
        assert found["parameters"] == exact["parameters"]
        for planned, known in zip(found["goals"], exact["goals"], strict=True):
            assert (planned["true_value"], known["estimate"]) == (None, None)
            assert planned["estimate"] == pytest.approx(known["true_value"])
            assert planned["row_count"] == known["row_count"]
            assert planned["standard_error"] == pytest.approx(known["standard_error"])
            assert planned["variance_error"] == pytest.approx(0)
        if name in ("proportional", "optimal"):
            assert [each["standard_deviation"] for each in found["strata"]] == pytest.approx(
                [each["standard_deviation"] for each in exact["strata"]]
            )


def test_the_answer_names_the_pilot_and_its_uncertainty(
    server: LiveServer, dataset: int, pilot: str
) -> None:
    goal = {**MEAN, "column": "measured"}
    found = size(server, dataset, goal=goal, pilot={"job_id": pilot[:8]}, **DESIGNS["random"])
    assert found["pilot"] == {"job_id": pilot, "values": 1, "row_count": 80, "pooled_strata": 0}
    notes = " ".join(found["notes"])
    assert f"Planned by the pilot {pilot[:8]}, 80 rows" in notes
    error = found["goals"][0]["variance_error"]
    assert 0.1 < error < 0.5
    assert f"the variance that the pilot estimates is {error:.0%}" in notes
    assert "goal" not in found["round"]
    job = server.draw(dataset, {"rounds": [found["round"]]})
    assert job["output_summary"]["total_sampled"] == found["sample_size"]


def test_groups_may_be_labels_of_the_upload(server: LiveServer, dataset: int, census: str) -> None:
    goal = {"statistic": "mean", "column": "amount", "relative_margin": 0.2}
    exact = size(server, dataset, goal={**goal, "by": ["kind"]}, **DESIGNS["optimal"])
    found = size(
        server,
        dataset,
        goal={**goal, "by": ["label"]},
        pilot={"job_id": census},
        **DESIGNS["optimal"],
    )
    assert found["sample_size"] == exact["sample_size"]
    assert [each["group"] for each in found["goals"]] == [{"label": kind} for kind in "abcd"]


def test_small_strata_have_the_pooled_variance(server: LiveServer, dataset: int) -> None:
    sizes = {"north": 30, "south": 30, "west": 1}
    own = one("stratified", strata_columns=["region"], sizes=sizes, seed=2)
    few = pilot_of(server, dataset, own)
    goal = {**MEAN, "column": "measured"}
    found = size(server, dataset, goal=goal, pilot={"job_id": few}, **DESIGNS["optimal"])
    assert found["pilot"]["pooled_strata"] == 1
    assert any("1 stratum has fewer than two rows of the pilot" in note for note in found["notes"])
    west = next(each for each in found["strata"] if each["label"] == "west")
    assert west["sample_size"] > 2
    assert found["goals"][0]["variance_error"] is None


def test_a_column_of_the_table_stays_exact(server: LiveServer, dataset: int, pilot: str) -> None:
    goals = [{**MEAN, "column": name} for name in ("amount", "measured")]
    found = size(server, dataset, goals=goals, pilot={"job_id": pilot}, **DESIGNS["random"])
    assert [each["true_value"] is None for each in found["goals"]] == [False, True]
    assert any("amount is a column of the table" in note for note in found["notes"])


def test_a_pilot_says_what_its_rows_cannot(server: LiveServer, dataset: int, pilot: str) -> None:
    goal = {**MEAN, "column": "measured"}
    by_id = {"method": "stratified", "parameters": {"strata_columns": ["id"]}}
    body = {"goal": goal, "pilot": {"job_id": pilot}, "design": by_id}
    problem = assert_problem(asked(server, dataset, **body), 422, "invalid_goal")
    assert "No stratum of the design has two rows" in str(problem)
    other = server.new_dataset()
    server.import_text(other, "region,amount\n" + "".join(f"{n % 3},{n}\n" for n in range(90)))
    by_region = {"method": "stratified", "parameters": {"strata_columns": ["region"]}}
    body = {"goal": goal, "pilot": {"job_id": pilot}, "design": by_region}
    problem = assert_problem(asked(server, other, **body), 422, "invalid_goal")
    assert "is VARCHAR in the pilot and BIGINT in the table" in str(problem)


def test_rows_that_the_upload_lacks_have_no_value(server: LiveServer, dataset: int) -> None:
    half = pilot_of(server, dataset, one("random", sample_size=80, seed=4), count=40)
    goal = {**MEAN, "column": "measured"}
    found = size(server, dataset, goal=goal, pilot={"job_id": half}, **DESIGNS["random"])
    assert found["goals"][0]["row_count"] == ROWS / 2
    assert any("40 of 80 sampled rows aren't in the upload" in note for note in found["notes"])


def test_what_a_pilot_cannot_plan_is_refused(server: LiveServer, dataset: int, pilot: str) -> None:
    goal = {**MEAN, "column": "measured"}
    by = {"pilot": {"job_id": pilot}, **DESIGNS["random"]}
    cluster = {"method": "cluster", "parameters": {"cluster_column": "kind"}}
    bare = drawn_anew(server, dataset, one("random", sample_size=5, seed=4))
    cases: list[tuple[dict[str, Any], int, str, list[str | int]]] = [
        (
            {"goal": goal, **by, "design": cluster},
            422,
            "A pilot plans random, systematic",
            ["pilot"],
        ),
        ({"goal": {**goal, "column": "none"}, **by}, 422, "none", ["goal", "column"]),
        ({"goal": {**goal, "by": ["none"]}, **by}, 422, "none", ["goal", "by", 0]),
        ({"goal": goal, **by, "pilot": {"job_id": "none"}}, 404, "not found", ["pilot", "job_id"]),
        ({"goal": goal, **by, "pilot": {"job_id": bare}}, 404, "no upload", ["pilot", "values"]),
        ({"goal": {"materiality": 0.03}, **by}, 422, "by a pilot", ["pilot"]),
    ]
    for body, status, sentence, loc in cases:
        answer = asked(server, dataset, **body)
        problem = assert_problem(answer, status, answer.json()["code"])
        assert sentence in str(problem), problem
        if "errors" in problem:
            assert problem["errors"][0]["loc"] == ["body", *loc]


def test_a_pilot_of_another_dataset_needs_its_rights(
    server: LiveServer, dataset: int, pilot: str
) -> None:
    other, (client, user) = server.new_dataset(), server.new_user()
    lines = [f"{i},{region}" for i, region in zip(range(300), REGION, strict=False)]
    server.import_text(other, "\n".join(["id,region", *lines]) + "\n")
    body = {"goal": {**MEAN, "column": "measured"}, "pilot": {"job_id": pilot}}
    found = size(server, other, **body, **DESIGNS["proportional"])
    assert found["eligible_rows"] == 300
    assert any("another version or dataset" in note for note in found["notes"])
    allowed = {"user_id": user["id"], "permission": "read"}
    granted = server.admin.put(f"/api/datasets/{other}/permissions", json=allowed)
    assert granted.status_code == 200, granted.text
    path = f"/api/sampling/datasets/{other}/size"
    answer = client.post(path, json={**body, **DESIGNS["proportional"]})
    problem = assert_problem(answer, 404, "not_found")
    assert pilot in problem["detail"]


def test_points_at_distances_have_a_note(server: LiveServer, dataset: int) -> None:
    goal = {**MEAN, "column": "id"}
    for selection, has_note in (("pareto", False), ("systematic", True)):
        parameters = {"weight_column": "amount", "selection": selection}
        design = {"method": "weighted", "parameters": parameters}
        notes = size(server, dataset, goal=goal, design=design)["notes"]
        assert any("Points at equal distances" in note for note in notes) == has_note


def test_equal_values_plan_nothing(server: LiveServer, dataset: int) -> None:
    job = drawn_anew(server, dataset, one("random", sample_size=20, seed=4))
    rows = [row | {"measured": 7} for row in server.rows(job, limit=100)]
    assert send(server, job, csv_of(rows, "id", "measured"), "id").status_code == 200
    goal = {"statistic": "mean", "column": "measured", "margin": 1}
    answer = asked(server, dataset, goal=goal, pilot={"job_id": job}, **DESIGNS["random"])
    problem = assert_problem(answer, 422, "invalid_goal")
    assert "The pilot's values of measured don't vary" in problem["detail"]
