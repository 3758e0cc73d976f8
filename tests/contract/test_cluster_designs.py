"""Clusters in strata, by size and in three stages over HTTP: plans, facts, reserves, refusals."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_estimates import COUNT, DESIGNS, dataset, drawn, estimates
from tests.support.live_server import LiveServer

__all__ = ["dataset"]

STRATA = [{"column": "id", "breaks": [240]}]
STAGED = ("clusters in strata", "clusters by size", "three stages", "three stages by rows")


def plan(server: LiveServer, dataset: int, **parameters: Any) -> Any:
    rounds = [one("cluster", cluster_column="shop", **parameters)]
    return server.admin.post(f"/api/sampling/datasets/{dataset}/plan", json={"rounds": rounds})


def test_a_plan_has_the_rows_of_the_drawn_clusters(server: LiveServer, dataset: int) -> None:
    found = plan(server, dataset, num_clusters=7, strata_columns=STRATA).json()
    assert found["total_rows"] == 14 * 20
    (step,) = found["rounds"]
    assert step["clusters_count"] == 30
    assert len(step["clusters"]) == 14
    assert set(step["clusters"][0]["key"]) == {"id", "shop"}


def test_a_cluster_in_two_strata_is_refused_with_an_example(
    server: LiveServer, dataset: int
) -> None:
    answer = plan(server, dataset, num_clusters=2, strata_columns=["city"])
    problem = assert_problem(answer, 422, "cluster_in_two_strata")
    assert 'The cluster "s0" of the column "shop" has rows in 4 strata' in str(problem)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"cluster_probability": "size"}, "size_column"),
        ({"size_column": "size"}, "size_column"),
        ({"subcluster_column": "city"}, "num_subclusters"),
        ({"num_subclusters": 2}, "subcluster_column"),
        ({"cluster_allocation": "proportional"}, "cluster_allocation"),
        ({"subcluster_column": "shop", "num_subclusters": 2}, "subcluster_column"),
        ({"strata_columns": ["shop"]}, "strata_columns"),
        ({"cluster_probability": "size", "size_column": "city"}, "size_column"),
    ],
)
def test_what_does_not_go_together_is_refused(
    server: LiveServer, dataset: int, parameters: dict[str, Any], field: str
) -> None:
    answer = plan(server, dataset, num_clusters=3, **parameters)
    assert answer.status_code == 422, answer.text
    locs = [error["loc"] for error in answer.json()["errors"]]
    assert any(field in loc for loc in locs), locs


@pytest.mark.parametrize("name", STAGED)
def test_the_design_has_its_stages(server: LiveServer, dataset: int, name: str) -> None:
    job = drawn(server, dataset, DESIGNS[name])
    path = f"/api/sampling/jobs/{job}/design"
    facts = server.admin.get(path).json()
    given = DESIGNS[name]["parameters"]
    in_strata = "strata_columns" in given
    assert (facts["strata"], facts["steps"][0]["strata"]) == ((2, 2) if in_strata else (None, None))
    assert facts["clusters"] == facts["steps"][0]["clusters"] == 30
    assert facts["clusters_drawn"] == given["num_clusters"] * (2 if in_strata else 1)
    assert facts["df"] == facts["clusters_drawn"] - (2 if in_strata else 1)
    text = server.admin.get(path, params={"format": "csv"}).text
    rows = list(csv.DictReader(io.StringIO(text)))
    for row in rows:
        probability = float(row["stage1_probability"])
        for stage in (2, 3):
            if row.get(f"stage{stage}_units"):
                probability *= int(row[f"stage{stage}_drawn"]) / int(row[f"stage{stage}_units"])
        assert float(row["weight"]) == pytest.approx(1 / probability)
    assert len({row["psu"] for row in rows}) == facts["clusters_drawn"]
    assert any(row["stage3_units"] for row in rows) if "subcluster" in rows[0] else in_strata


def test_rows_by_clusters_of_equal_size_have_equal_weights(
    server: LiveServer, dataset: int
) -> None:
    job = drawn(server, dataset, DESIGNS["three stages by rows"])
    assert {row["_design_weight"] for row in server.rows(job, limit=1000)} == {600 / (14 * 12)}
    (found,) = estimates(server, job, COUNT)["estimates"]
    assert found["estimate"] == pytest.approx(600)


@pytest.mark.parametrize("name", STAGED)
def test_why_a_row_is_drawn_or_not(server: LiveServer, dataset: int, name: str) -> None:
    job = drawn(server, dataset, DESIGNS[name])
    ids = {row["_logical_row_id"] for row in server.rows(job, limit=1000)}
    reasons = {}
    for row in range(0, 600, 7):
        row_id = f"primary:{row}"
        answer = server.admin.get(f"/api/sampling/jobs/{job}/rows/{row_id}")
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found["drawn"] is (row_id in ids)
        verdict = found["rounds"][0]
        reasons[verdict["outcome"]] = verdict["reason"]
    assert "Chances: its cluster " in reasons["drawn"]
    assert "drawn of" in reasons["cluster_not_drawn"]


@pytest.mark.parametrize("name", STAGED)
def test_reserves_are_the_next_rows_of_the_drawn_clusters(
    server: LiveServer, dataset: int, name: str
) -> None:
    job = drawn(server, dataset, DESIGNS[name])
    answer = server.admin.get(f"/api/sampling/jobs/{job}/reserves", params={"limit": 1})
    assert answer.status_code == 200, answer.text
    groups = {row["_stratum"] for row in server.rows(job, limit=1000)}
    assert {row["_stratum"] for row in answer.json()["data"]} <= groups


def test_joint_probabilities_say_whether_they_are_exact(server: LiveServer, dataset: int) -> None:
    pairs = {"pairs": [["primary:0", "primary:1"], ["primary:0", "primary:599"]]}
    for name, approximate in (("clusters in strata", False), ("clusters by size", True)):
        job = drawn(server, dataset, DESIGNS[name])
        answer = server.admin.post(f"/api/sampling/jobs/{job}/joint-probabilities", json=pairs)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found["approximate"] is approximate
        inside, apart = (pair["joint_probability"] for pair in found["pairs"])
        assert inside > apart > 0
    # 7 of 12 shops, 9 of 20 rows; the other stratum has 7 of 18.
    job = drawn(server, dataset, DESIGNS["clusters in strata"])
    found = server.admin.post(f"/api/sampling/jobs/{job}/joint-probabilities", json=pairs).json()
    inside, apart = (pair["joint_probability"] for pair in found["pairs"])
    assert inside == pytest.approx(7 / 12 * 9 * 8 / (20 * 19))
    assert apart == pytest.approx(7 / 12 * 7 / 18 * (9 / 20) ** 2)


def test_a_panel_draws_no_stages(server: LiveServer, dataset: int) -> None:
    given = {**DESIGNS["three stages"], "order": {"key": ["id"]}}
    body = {"name": "by stages", "round": given, "rotation": "25%"}
    path = f"/api/sampling/datasets/{dataset}/panels"
    problem = assert_problem(server.admin.post(path, json=body), 422, "invalid_value")
    assert "a panel draws them with equal chances, in one or two stages. Leave out" in str(problem)
    assert problem["errors"][0]["loc"] == ["body", "round", "parameters"]
