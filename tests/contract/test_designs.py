"""Bands, sizes for a margin of error, and amounts over HTTP."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from tests.support.live_server import LiveServer

BANDED: dict[str, Any] = {
    "method": "stratified",
    "parameters": {
        "strata_columns": [{"column": "amount", "breaks": [10, 100, 490]}],
        "sizes": {">=490": "all", "100 to < 490": "5%", "10to<100": 20, "<10": 100},
        "seed": 3,
    },
    "amount_column": "amount",
}
DESIGN = {"method": "random", "parameters": {}}


def path_of(dataset_id: int, route: str) -> str:
    return f"/api/sampling/datasets/{dataset_id}/{route}"


def test_a_banded_sample_is_what_its_plan_says(server: LiveServer, dataset_id: int) -> None:
    plan = server.admin.post(path_of(dataset_id, "plan"), json=BANDED).json()
    job = server.draw(dataset_id, BANDED)
    (planned,), (drawn,) = plan["rounds"], job["output_summary"]["rounds"]
    figures = [(band["label"], band["requested"], band["rows"]) for band in drawn["strata"]]
    assert figures == [
        ("< 10", 100, 40),
        ("10 to < 100", 20, 360),
        ("100 to < 490", 78, 1560),
        ("≥ 490", 40, 40),
    ]
    assert [band["sampled"] for band in drawn["strata"]] == [40, 20, 78, 40]
    assert [band["allocated"] for band in planned["strata"]] == [40, 20, 78, 40]
    assert planned["uncovered_rows"] == drawn["uncovered_rows"] == 0
    assert planned["amount"]["total"] == drawn["amount"]["total"]
    last = [one["strata"][-1]["amount"] for one in (planned, drawn)]
    assert last[0] == last[1]
    assert job["output_summary"]["amount"] == drawn["amount"]
    assert 0 < drawn["amount"]["coverage"] < 1
    assert job["run_parameters"]["amount_column"] == "amount"
    rows = server.admin.get(f"/api/sampling/jobs/{job['id']}/data", params={"limit": 1000}).json()[
        "data"
    ]
    total = sum(Decimal(str(row["amount"])) for row in rows)
    assert Decimal(drawn["amount"]["drawn"]) == total
    assert {row["_stratum"] for row in rows} == {band["label"] for band in drawn["strata"]}
    reserves = server.admin.get(f"/api/sampling/jobs/{job['id']}/reserves").json()["data"]
    assert {row["_stratum"] for row in reserves} == {"10 to < 100", "100 to < 490"}


def test_the_representativeness_check_takes_bands(server: LiveServer, dataset_id: int) -> None:
    job = server.draw(dataset_id, BANDED)
    path = f"/api/sampling/jobs/{job['id']}/comparison"
    deadline = time.monotonic() + 20
    while (answer := server.admin.get(path)).status_code == 409:
        assert time.monotonic() < deadline
    assert answer.status_code == 200, answer.text
    assert answer.json()["strata"][0]["reached"] == 4


@pytest.mark.parametrize(
    ("parameters", "loc", "part"),
    [
        (
            {"strata_columns": [{"column": "city", "breaks": [1]}]},
            [0, "column"],
            "numbers or dates",
        ),
        ({"strata_columns": [{"column": "amount", "breaks": [5, 1]}]}, [0, "breaks", 1], "ascend"),
        ({"strata_columns": [{"column": "amount"}]}, [0, "breaks"], "required"),
        ({"strata_columns": [{"column": "amount", "break": [1]}]}, [0, "break"], "breaks"),
        ({"strata_columns": [{"column": "amount", "breaks": [True]}]}, [0, "breaks", 0], "number"),
        ({"strata_columns": [7]}, [0], "text"),
    ],
)
def test_wrong_bands_are_reported_at_their_place(
    server: LiveServer, dataset_id: int, parameters: dict[str, Any], loc: list[Any], part: str
) -> None:
    body = {"method": "stratified", "parameters": {**parameters, "sample_size": 5}}
    answer = server.admin.post(path_of(dataset_id, "jobs"), json=body)
    errors = answer.json()["errors"]
    assert answer.status_code == 422
    place = ["body", "rounds", 0, "parameters", "strata_columns", *loc]
    assert place in [error["loc"] for error in errors]
    assert part in " ".join(error["msg"] for error in errors)


@pytest.mark.parametrize("size", [None, "none", 1.5, True, -1, "120%"])
def test_wrong_sizes_are_reported_at_their_group(
    server: LiveServer, dataset_id: int, size: object
) -> None:
    parameters = {"strata_columns": ["city"], "sizes": {"Oslo": size}}
    body = {"method": "stratified", "parameters": parameters}
    answer = server.admin.post(path_of(dataset_id, "plan"), json=body)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["loc"][:6] == ["body", "rounds", 0, "parameters", "sizes", "Oslo"]
    assert "null" not in error["msg"] or "all" in error["msg"]


def test_a_margin_of_error_gives_a_size(server: LiveServer, dataset_id: int) -> None:
    request = {"goal": {"margin": 0.03}, "design": DESIGN}
    found = server.admin.post(path_of(dataset_id, "size"), json=request).json()
    expected = {
        "sample_size": 697,
        "margin_of_error": pytest.approx(0.03, abs=1e-4),
        "confidence": 0.95,
        "eligible_rows": 2000,
        "parameters": {"sample_size": 697},
    }
    assert {name: found[name] for name in expected} == expected
    by_city = {
        "method": "stratified",
        "parameters": {"strata_columns": ["city"], "sample_fraction": 0.5, "seed": 1},
        "filters": {"expression": "id < 1000"},
    }
    request = {"goal": {"margin": 0.05, "confidence": 0.9}, "design": by_city}
    found = server.admin.post(path_of(dataset_id, "size"), json=request).json()
    assert found["eligible_rows"] == 1000
    design = {**by_city, "parameters": found["parameters"]}
    plan = server.admin.post(path_of(dataset_id, "plan"), json=design).json()
    assert plan["total_rows"] == found["sample_size"]
    assert found["parameters"] == {
        "strata_columns": ["city"],
        "seed": 1,
        "sample_size": found["sample_size"],
        "min_per_stratum": 1,
    }


def test_a_draw_records_the_goal_of_its_size(server: LiveServer, dataset_id: int) -> None:
    goal = {"margin": 0.05, "confidence": 0.9}
    sized = {"method": "random", "parameters": {"sample_size": 241, "seed": 1}, "goal": goal}
    job = server.draw(dataset_id, {"rounds": [sized]})
    assert job["run_parameters"]["rounds"][0]["goal"] == goal
    without = server.draw(dataset_id, {key: sized[key] for key in ("method", "parameters")})
    assert "goal" not in without["run_parameters"]["rounds"][0]
    assert server.rows(job["id"], limit=300) == server.rows(without["id"], limit=300)
    half = server.draw(dataset_id, {**sized, "goal": {"margin": 0.05}})
    assert half["run_parameters"]["rounds"][0]["goal"]["confidence"] == 0.95


def test_a_goal_needs_a_method_with_a_margin(server: LiveServer, dataset_id: int) -> None:
    weighted = {
        "method": "weighted",
        "parameters": {"weight_column": "amount", "sample_size": 5},
        "goal": {"margin": 0.05},
    }
    answer = server.admin.post(path_of(dataset_id, "jobs"), json=weighted)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["loc"]) == (422, ["body", "rounds", 0, "goal", "column"])


@pytest.mark.parametrize(
    ("goal", "design", "loc"),
    [
        ({"margin": 0}, DESIGN, ["body", "goal", "margin"]),
        ({"margin": 1.5}, DESIGN, ["body", "goal", "margin"]),
        ({"margin": 0.1, "confidence": 1}, DESIGN, ["body", "goal", "confidence"]),
        ({}, DESIGN, ["body", "goal", "margin"]),
        (
            {"margin": 0.1},
            {"method": "weighted", "parameters": {"weight_column": "amount"}},
            ["body", "design", "method"],
        ),
        (
            {"margin": 0.1},
            {"method": "stratified", "parameters": {"strata_columns": ["town"]}},
            ["body", "design", "parameters", "strata_columns", 0],
        ),
    ],
)
def test_goals_that_give_no_size_are_refused(
    server: LiveServer, dataset_id: int, goal: object, design: object, loc: list[Any]
) -> None:
    body = {"goal": goal, "design": design}
    answer = server.admin.post(path_of(dataset_id, "size"), json=body)
    assert answer.status_code == 422
    assert loc in [error["loc"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(("column", "part"), [("city", "numbers"), ("amont", '"amount"')])
def test_an_amount_column_that_is_none_is_refused(
    server: LiveServer, dataset_id: int, column: str, part: str
) -> None:
    body = {"method": "random", "sample_size": 5, "amount_column": column}
    for route in ("jobs", "plan", "sample"):
        answer = server.admin.post(path_of(dataset_id, route), json=body)
        assert answer.status_code == 422
        assert part in answer.json()["detail"]
        assert answer.json()["errors"][0]["loc"] == ["body", "amount_column"]


def bands(server: LiveServer, dataset_id: int, **query: Any) -> Any:
    path = f"/api/datasets/{dataset_id}/refs/main/tables/primary/bands"
    return server.admin.get(path, params=query)


def test_bands_have_rows_and_sums(server: LiveServer, dataset_id: int) -> None:
    found = bands(server, dataset_id, column="amount", breaks="100,490").json()
    parts = found["bands"]
    amounts = [Decimal(at) / 4 for at in range(2000)]
    low = [one for one in amounts if one < 100]
    assert (parts[0]["label"], parts[0]["row_count"]) == ("< 100", len(low))
    assert Decimal(parts[0]["sum"]) == sum(low)
    assert parts[-1]["cumulated_row_count"] == 2000
    assert Decimal(parts[-1]["cumulated_sum"]) == sum(amounts)
    assert [(one["low"], one["high"]) for one in parts] == [
        (None, "100"),
        ("100", "490"),
        ("490", None),
    ]
    assert sum(one["row_count"] for one in found["bins"]) == 2000
    assert found["missing"] == {"label": "Missing", "row_count": 0, "sum": "0.00"}
    only = bands(server, dataset_id, column="amount", filters="id < 10").json()
    assert (only["row_count"], only["bands"]) == (10, [])
    of_ids = bands(server, dataset_id, column="id", amount_column="amount").json()
    assert Decimal(of_ids["bins"][-1]["cumulated_sum"]) == sum(amounts)


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ({"column": "city"}, "numbers or dates"),
        ({"column": "amount", "breaks": "5,2"}, "ascend"),
        ({"column": "amount", "breaks": "x"}, "such as 1000"),
        ({"column": "none"}, "no column"),
        ({"column": "amount", "amount_column": "city"}, "numbers"),
        ({}, "required"),
    ],
)
def test_bands_that_cannot_be_are_refused(
    server: LiveServer, dataset_id: int, query: dict[str, str], part: str
) -> None:
    answer = bands(server, dataset_id, **query)
    assert answer.status_code == 422, answer.text
    assert part in answer.text


def test_skewed_amounts_and_dates_have_bins(server: LiveServer) -> None:
    csv = "day,amount\n" + "\n".join(
        f"2025-{1 + at % 12:02}-01,{'' if at == 5 else round(1.05**at - 20, 2)}"
        for at in range(300)
    )
    dataset = server.new_dataset()
    server.import_text(dataset, csv)
    found = bands(server, dataset, column="amount").json()
    edges = [one["low"] for one in found["bins"]]
    assert {"0", "100", "200", "500", "1000"} <= set(edges)
    assert sum(one["row_count"] for one in found["bins"]) == 299
    assert found["missing"]["row_count"] == 1
    days = bands(server, dataset, column="day", amount_column="amount").json()
    assert [one["row_count"] for one in days["bins"]][1:13] == [25] * 12


def test_a_name_may_have_spaces(server: LiveServer, dataset_id: int) -> None:
    body = {"method": "random", "sample_size": 5, "output_name": "Q1  review "}
    plan = server.admin.post(path_of(dataset_id, "plan"), json=body).json()
    assert plan["output_ref"] == "smpl-Q1-review"
    job = server.draw(dataset_id, body)
    assert job["output_summary"]["output_ref"] == "smpl-Q1-review"
