"""Sampled values that are all alike give a margin of 0, which says nothing about other rows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_estimates import asked, drawn, estimates
from tests.support.live_server import LiveServer

ALIKE = "all alike, which doesn't show that the other rows are"
TOTAL = {"statistic": "total", "column": "error"}
COUNT = {"statistic": "count"}


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    """An error of 500 in 2 of 400 rows that no draw of these tests has; the region repeats."""
    dataset_id = server.new_dataset()
    lines = [f"{row},{'ABCDE'[row % 5]},{500 if row in (3, 7) else 0}" for row in range(400)]
    server.import_text(dataset_id, "\n".join(["id,region,error", *lines]) + "\n")
    return dataset_id


def without_errors(server: LiveServer, dataset: int, method: str, **parameters: Any) -> str:
    for seed in range(50):
        job = drawn(server, dataset, one(method, **parameters | {"seed": seed}))
        if not any(row["error"] for row in server.rows(job, limit=400)):
            return job
    raise AssertionError("every draw has an error")


def test_a_margin_of_0_is_noted(server: LiveServer, dataset: int) -> None:
    job = without_errors(server, dataset, "random", sample_size=40)
    found = estimates(server, job, TOTAL, true_values=True)
    (total,) = found["estimates"]
    assert (total["ci_low"], total["ci_high"], total["true_value"]) == (0, 0, 1000)
    assert any(ALIKE in note for note in found["notes"])
    assert not any(ALIKE in note for note in estimates(server, job, COUNT)["notes"])


def test_a_systematic_sample_of_one_group_is_noted(server: LiveServer, dataset: int) -> None:
    job = without_errors(server, dataset, "systematic", interval=10)
    found = estimates(server, job, COUNT, by=["region"], true_values=True)
    (count,) = found["estimates"]
    assert (count["ci_low"], count["ci_high"], count["true_value"]) == (400, 400, 80)
    assert any(ALIKE in note for note in found["notes"])


def test_all_rows_need_no_note(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, one("random", sample_size=400))
    answer = asked(server, job, {"statistics": [TOTAL], "by": ["region"]})
    assert not any(ALIKE in note for note in answer.json()["notes"])


def test_equal_values_dont_say_how_many_rows_are_needed(server: LiveServer, dataset: int) -> None:
    job = without_errors(server, dataset, "random", sample_size=40)
    path = f"/api/sampling/jobs/{job}/more-rows"
    by_sample = server.admin.post(path, json={**TOTAL, "margin": 100})
    assert_problem(by_sample, 422, "invalid_goal")
    assert "don't vary" in by_sample.json()["detail"]
    by_frame = server.admin.post(path, json={**TOTAL, "margin": 100, "basis": "frame"}).json()
    assert by_frame["more_rows"] > 300


def test_a_rare_share_is_not_said_to_be_precise(server: LiveServer, dataset: int) -> None:
    share = {"statistic": "proportion", "column": "id", "value": 17}
    for seed in range(50):
        job = drawn(server, dataset, one("random", sample_size=100, seed=seed))
        if any(row["id"] == 17 for row in server.rows(job, limit=400)):
            break
    (found,) = estimates(server, job, share)["estimates"]
    assert found["estimate"] == 0.01
    half = (found["ci_high"] - found["ci_low"]) / 2
    path = f"/api/sampling/jobs/{job}/more-rows"
    below, above = (
        server.admin.post(path, json={**share, "margin": margin}).json()
        for margin in (0.98 * half, 1.02 * half)
    )
    assert "wider than wanted" in below["notes"][-1]
    assert above["notes"][-1] == "The sample reaches this precision already."


def test_bands_of_equal_values_have_sizes(server: LiveServer, dataset: int) -> None:
    body = {"column": "error", "bands": 3, "sample_size": 100}
    answer = server.admin.post(f"/api/sampling/datasets/{dataset}/strata", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["sample_size"] == sum(each["sample_size"] for each in found["strata"]) == 100
    assert all(0 < each["sample_size"] <= each["row_count"] for each in found["strata"])
