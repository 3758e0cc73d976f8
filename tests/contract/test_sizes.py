"""Sizes for a precision over HTTP: every method, several goals, bands, and a finished sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_estimates import AMOUNTS, DESIGNS, ROWS, dataset, drawn
from tests.support.live_server import LiveServer

__all__ = ["dataset"]
KNOWN = np.array([amount for row, amount in enumerate(AMOUNTS) if row % 10], dtype=float)
MEAN = {"statistic": "mean", "column": "amount"}
SHARE = {"statistic": "proportion", "column": "city", "value": "Oslo"}
NOTHING, UNKNOWN = {"expression": "id < 0"}, {"expression": "town = 1"}
RANDOM = {"method": "random", "parameters": {}}
BY_CITY = {"method": "stratified", "parameters": {"strata_columns": ["city"]}}


def asked(server: LiveServer, dataset: int, route: str = "size", **body: Any) -> Any:
    return server.admin.post(f"/api/sampling/datasets/{dataset}/{route}", json=body)


def sized(server: LiveServer, dataset: int, **body: Any) -> dict[str, Any]:
    answer = asked(server, dataset, **body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_mean_needs_the_rows_of_its_true_deviation(server: LiveServer, dataset: int) -> None:
    found = sized(server, dataset, goal={**MEAN, "margin": 20}, design=RANDOM)
    (goal,) = found["goals"]
    assert goal["true_value"] == pytest.approx(KNOWN.mean())
    z = np.zeros(ROWS)
    z[: len(KNOWN)] = (KNOWN - KNOWN.mean()) / len(KNOWN)
    n = found["sample_size"]
    error = np.sqrt(ROWS * (ROWS / n - 1) * z.var(ddof=1))
    assert goal["standard_error"] == pytest.approx(error)
    assert 19.5 < goal["margin_of_error"] <= 20
    assert found["round"] == {
        "round_number": 1,
        "method": "random",
        "parameters": {"sample_size": n},
        "goal": {**MEAN, "margin": 20, "confidence": 0.95},
    }
    assert any("60 rows have no value" in note for note in found["notes"])
    curve = found["curve"]
    assert curve[-1] == {"sample_size": ROWS, "margin_of_error": 0}
    margins = [point["margin_of_error"] for point in curve]
    assert margins == sorted(margins, reverse=True)


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("goal", [{**MEAN, "relative_margin": 0.1}, {**SHARE, "margin": 0.06}])
def test_every_method_gives_a_round_that_can_be_drawn(
    server: LiveServer, dataset: int, name: str, goal: dict[str, Any]
) -> None:
    found = sized(server, dataset, goal=goal, design=DESIGNS[name])
    plan = server.admin.post(
        f"/api/sampling/datasets/{dataset}/plan", json={"rounds": [found["round"]]}
    ).json()
    assert plan["total_rows"] == found["sample_size"] or "cluster" in DESIGNS[name]["method"]
    assert 0 < found["sample_size"] <= ROWS
    limit = goal.get("margin") or goal["relative_margin"] * found["goals"][0]["true_value"]
    if any("Even all clusters miss the goal" in note for note in found["notes"]):
        assert DESIGNS[name]["parameters"].get("num_subclusters") is not None
    else:
        assert found["margin_of_error"] <= limit * (1 + 1e-9)
    job = drawn(server, dataset, found["round"])
    estimates = server.admin.post(
        f"/api/sampling/jobs/{job}/estimates",
        json={"statistics": [{key: goal[key] for key in goal if "margin" not in key}]},
    ).json()["estimates"]
    half = (estimates[0]["ci_high"] - estimates[0]["ci_low"]) / 2
    assert half < 2 * limit


def test_a_share_of_one_half_needs_no_column(server: LiveServer, dataset: int) -> None:
    """The textbook's sizes, with the n - 1 of an estimated variance."""
    for design in (RANDOM, {"method": "systematic", "parameters": {}}, BY_CITY):
        found = sized(server, dataset, goal={"margin": 0.05}, design=design)
        assert 233 <= found["sample_size"] <= 238
        plan = server.admin.post(
            f"/api/sampling/datasets/{dataset}/plan", json={"rounds": [found["round"]]}
        ).json()
        assert plan["rounds"][0]["margin_of_error"] == pytest.approx(found["margin_of_error"])


def test_an_optimal_allocation_beats_the_proportional_one(server: LiveServer, dataset: int) -> None:
    goals = [{**MEAN, "margin": 3}, {"statistic": "total", "column": "size", "cv": 0.05}]
    optimal = sized(server, dataset, goals=goals, design=BY_CITY, allocation="optimal")
    plain = sized(server, dataset, goals=goals, design=BY_CITY)
    assert optimal["sample_size"] <= plain["sample_size"]
    sizes = optimal["round"]["parameters"]["sizes"]
    assert [stratum["label"] for stratum in optimal["strata"]] == list(sizes)
    assert all(goal["margin_of_error"] is not None for goal in optimal["goals"])
    assert sum(goal["is_binding"] for goal in optimal["goals"]) == 1
    job = drawn(server, dataset, optimal["round"])
    drawn_rows = server.admin.get(f"/api/jobs/{job}").json()["output_summary"]["total_sampled"]
    assert drawn_rows == optimal["sample_size"]


def test_each_group_reaches_the_goal(server: LiveServer, dataset: int) -> None:
    goal = {**MEAN, "margin": 10, "by": ["city"]}
    found = sized(server, dataset, goal=goal, design=BY_CITY, allocation="optimal")
    assert [each["group"]["city"] for each in found["goals"]] == ["Kyiv", "Lima", "Oslo", None]
    assert all(each["margin_of_error"] <= 10 for each in found["goals"])
    assert found["sample_size"] < sized(server, dataset, goal=goal, design=RANDOM)["sample_size"]


def test_costs_and_a_budget_move_the_rows(server: LiveServer, dataset: int) -> None:
    goal = {**MEAN, "margin": 5}
    common = {"goal": goal, "design": BY_CITY, "allocation": "optimal"}
    cheap = sized(server, dataset, **common, cost={"Oslo": 1})
    costly = sized(server, dataset, **common, cost={"Oslo": 25})
    rows = {
        name: {stratum["label"]: stratum["sample_size"] for stratum in found["strata"]}
        for name, found in (("cheap", cheap), ("costly", costly))
    }
    assert rows["costly"]["Oslo"] < rows["cheap"]["Oslo"]
    assert rows["costly"]["Lima"] > rows["cheap"]["Lima"]
    assert costly["cost"] == sum(
        stratum["cost"] * stratum["sample_size"] for stratum in costly["strata"]
    )
    spent = sized(server, dataset, **{**common, "goal": MEAN}, cost={"Oslo": 5}, budget=200)
    assert 195 < spent["cost"] <= 200


@pytest.mark.parametrize(
    ("body", "code", "loc", "part"),
    [
        ({"goal": {**MEAN, "margin": 0}}, "invalid_request", ["goal", "margin"], "greater"),
        ({"goal": {**MEAN, "margin": 401}}, "invalid_goal", ["goal", "margin"], "whole range"),
        ({"goal": {**SHARE, "margin": 1}}, "invalid_goal", ["goal", "margin"], "0.03"),
        ({"goal": {**MEAN}}, "invalid_goal", ["goal", "margin"], "Give one of"),
        ({"goals": [{**MEAN, "margin": 1, "cv": 0.1}]}, "invalid_goal", ["goals", 0, "cv"], "one"),
        ({}, "invalid_request", ["goal"], "Missing"),
        (
            {"goal": {"statistic": "mean", "column": "city", "margin": 1}},
            "invalid_estimate",
            ["goal", "column"],
            "numbers",
        ),
        (
            {"goal": {"statistic": "mean", "column": "amont", "margin": 1}},
            "unknown_column",
            ["goal", "column"],
            "amount",
        ),
        ({"goal": {"column": "amount", "margin": 1}}, "invalid_request", ["goal", "statistic"], ""),
        ({"goal": {**MEAN, "margin": 5, "by": ["town"]}}, "unknown_column", ["goal", "by", 0], ""),
        ({"goal": {**MEAN, "margin": 5}, "budget": 10}, "invalid_goal", ["budget"], "optimal"),
        (
            {"goal": {**MEAN, "margin": 5}, "allocation": "optimal"},
            "invalid_goal",
            ["allocation"],
            "stratified",
        ),
        (
            {
                "goal": {**MEAN, "margin": 5},
                "design": BY_CITY,
                "allocation": "optimal",
                "budget": 3,
            },
            "invalid_goal",
            ["budget"],
            "too small",
        ),
        (
            {
                "goal": {**MEAN, "margin": 5},
                "design": BY_CITY,
                "allocation": "optimal",
                "cost": {"Rome": 3},
            },
            "unknown_stratum",
            ["cost", "Rome"],
            "Oslo",
        ),
        (
            {
                "goal": {**MEAN, "margin": 5},
                "design": {**RANDOM, "filters": {"expression": "id < 0"}},
            },
            "invalid_goal",
            ["design", "filters"],
            "No row",
        ),
        (
            {"goal": {"margin": 0.1}, "design": one("cluster", cluster_column="shop")},
            "invalid_parameter",
            ["design", "method"],
            "column",
        ),
        (
            {
                "goal": {**MEAN, "margin": 5},
                "design": one("monetary_unit", book_column="size", sample_size=5),
            },
            "invalid_parameter",
            ["design", "method"],
            "monetary_unit",
        ),
    ],
)
def test_goals_that_cannot_be_planned_are_refused(
    server: LiveServer, dataset: int, body: dict[str, Any], code: str, loc: list[Any], part: str
) -> None:
    answer = asked(server, dataset, **{"design": RANDOM, **body})
    assert_problem(answer, 422, code)
    errors = {tuple(error["loc"]): error["msg"] for error in answer.json()["errors"]}
    assert ("body", *loc) in errors, errors
    assert part in errors[("body", *loc)]


def test_a_constant_column_needs_the_fewest_rows(server: LiveServer) -> None:
    dataset = server.new_dataset()
    server.import_text(dataset, "id,fee,none\n" + "".join(f"{row},7,\n" for row in range(50)))
    goal = {"statistic": "mean", "column": "fee", "margin": 0.5}
    found = sized(server, dataset, goal=goal, design=RANDOM)
    assert found["sample_size"] == 2
    assert any("does not vary" in note for note in found["notes"])
    answer = asked(server, dataset, "strata", column="fee", sample_size=20)
    assert_problem(answer, 422, "invalid_strata_columns")
    small = sized(server, dataset, goal={**goal, "column": "id", "margin": 0.1}, design=RANDOM)
    assert small["sample_size"] in (49, 50)
    assert small["notes"]


@pytest.mark.parametrize("rule", ["cumulative_root", "geometric"])
def test_suggested_bands_are_ready_to_draw(server: LiveServer, dataset: int, rule: str) -> None:
    body = {"column": "amount", "bands": 4, "rule": rule, "sample_size": 100}
    answer = asked(server, dataset, "strata", **body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["breaks"] == sorted(found["breaks"])
    assert len(found["breaks"]) == 3
    assert found["sample_size"] <= 100
    job = drawn(server, dataset, found["round"])
    (summary,) = server.admin.get(f"/api/jobs/{job}").json()["output_summary"]["rounds"]
    assert summary["rows_sampled"] == found["sample_size"]
    if found["take_all"] is not None:
        (last,) = [each for each in summary["strata"] if each["label"] == found["take_all"]]
        assert last["rows"] == last["sampled"]


def test_bands_for_a_goal_need_fewer_rows_than_random_ones(
    server: LiveServer, dataset: int
) -> None:
    goal = {"statistic": "total", "relative_margin": 0.05, "column": "amount"}
    answer = asked(server, dataset, "strata", column="amount", goal=goal)
    assert answer.status_code == 200, answer.text
    plain = sized(server, dataset, goal=goal, design=RANDOM)
    assert answer.json()["sample_size"] < plain["sample_size"] / 2


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"column": "city", "sample_size": 50}, ["column"]),
        ({"column": "amount", "sample_size": 5}, ["sample_size"]),
        ({"column": "amount"}, ["sample_size"]),
        ({"column": "amount", "sample_size": 50, "bands": 1}, ["bands"]),
        (
            {"column": "amount", "sample_size": 50, "filters": {"expression": "town = 1"}},
            ["filters"],
        ),
    ],
)
def test_wrong_bands_are_refused(
    server: LiveServer, dataset: int, body: dict[str, Any], loc: list[Any]
) -> None:
    answer = asked(server, dataset, "strata", **body)
    assert answer.status_code == 422, answer.text
    assert ["body", *loc] in [error["loc"][: len(loc) + 1] for error in answer.json()["errors"]]


def more(server: LiveServer, job: str, **body: Any) -> Any:
    return server.admin.post(f"/api/sampling/jobs/{job}/more-rows", json=body)


@pytest.mark.parametrize("basis", ["sample", "frame"])
@pytest.mark.parametrize("name", DESIGNS)
def test_a_sample_says_how_many_more_rows_it_needs(
    server: LiveServer, dataset: int, name: str, basis: str
) -> None:
    job = drawn(server, dataset, DESIGNS[name])
    answer = more(server, job, **MEAN, relative_margin=0.02, basis=basis)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    if name == "cluster":  # clusters are alike, so the sample is large enough
        assert found["more_rows"] == 0
        assert all(each["margin_of_error"] <= 0.02 * each["estimate"] for each in found["groups"])
        return
    assert found["needed_rows"] == found["row_count"] + found["more_rows"] > found["row_count"]
    if name == "stratified":  # each stratum has a variance
        assert found["round"]["parameters"]["min_per_stratum"] == 2
    larger = drawn(server, dataset, found["round"])
    estimates = server.admin.post(
        f"/api/sampling/jobs/{larger}/estimates", json={"statistics": [MEAN]}
    ).json()["estimates"][0]
    half = (estimates["ci_high"] - estimates["ci_low"]) / 2
    if found["needed_clusters"] == 30:  # all clusters, and still some rows of each
        assert any("All rows must be drawn" in note for note in found["notes"])
    else:
        assert half <= 0.02 * estimates["estimate"] * 1.35
    if found["includes_sample"]:
        before, after = (
            {row["id"] for row in server.rows(each, limit=1000)} for each in (job, larger)
        )
        assert before <= after
    nested = ("random", "cluster", "two stages", "clusters in strata", "three stages")
    assert found["includes_sample"] is (name in nested)


def test_a_sample_that_is_large_enough_needs_no_more(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, DESIGNS["random"])
    found = more(server, job, **MEAN, margin=100).json()
    assert found["more_rows"] == 0
    assert found["round"] is None
    by_city = more(server, job, **MEAN, margin=20, by=["city"]).json()
    assert len(by_city["groups"]) == 4
    whole = more(server, job, **MEAN, margin=0.001).json()
    assert whole["needed_rows"] == ROWS
    assert_problem(more(server, job, **MEAN), 422, "invalid_goal")
    assert_problem(
        more(server, job, statistic="count", margin=5, basis="frame"), 422, "invalid_goal"
    )
    mixed = drawn(server, dataset, DESIGNS["random"], DESIGNS["systematic"])
    assert_problem(more(server, mixed, **MEAN, margin=1), 422, "unsupported_design")


def test_a_rare_share_may_have_a_wider_interval(server: LiveServer, dataset: int) -> None:
    def notes(column: str, value: str | int, margin: float) -> str:
        goal = {"statistic": "proportion", "column": column, "value": value, "margin": margin}
        return " ".join(sized(server, dataset, goal=goal, design=RANDOM)["notes"])

    assert "close to 0 or 1" in notes("id", 7, 0.1)
    assert "close to 0 or 1" not in notes("city", "Oslo", 0.1)


def test_a_sample_of_one_kind_does_not_say_what_its_share_needs(
    server: LiveServer, dataset: int
) -> None:
    job = drawn(server, dataset, one("random", sample_size=50))
    drawn_ids = {row["id"] for row in server.rows(job)}
    absent = next(number for number in range(ROWS) if number not in drawn_ids)
    share = {"statistic": "proportion", "column": "id", "value": absent}
    refused = more(server, job, **share, margin=0.01)
    assert_problem(refused, 422, "invalid_goal", "of one kind")
    assert more(server, job, **share, margin=0.1).json()["more_rows"] == 0


def test_more_rows_count_the_degrees_of_a_group(server: LiveServer, dataset: int) -> None:
    """Few rows of a group have a wide interval, by the same t as its estimate."""
    job = drawn(server, dataset, one("random", sample_size=40))
    by_city = {"by": ["city"], "filters": {"expression": "size > 4"}}
    answer = more(server, job, **MEAN, relative_margin=0.5, **by_city)
    assert answer.status_code == 200, answer.text
    shown = server.admin.post(
        f"/api/sampling/jobs/{job}/estimates",
        json={"statistics": [MEAN], "interval": {"minimum_degrees": 0}, **by_city},
    ).json()["estimates"]
    for each, estimated in zip(answer.json()["groups"], shown, strict=True):
        half = (estimated["ci_high"] - estimated["ci_low"]) / 2
        assert each["margin_of_error"] == pytest.approx(half)
        if estimated["df"] < 3:
            assert each["more"] > 0
        elif each["more"] == 0:
            assert half <= 0.5 * estimated["estimate"]


def test_groups_are_planned_by_their_own_degrees(server: LiveServer, dataset: int) -> None:
    goal = {**MEAN, "relative_margin": 0.5}
    design = {"method": "random", "parameters": {}}
    whole = sized(server, dataset, goal=goal, design=design)
    groups = sized(server, dataset, goal={**goal, "by": ["city", "size"]}, design=design)
    assert whole["sample_size"] >= 4
    # The smallest of 28 groups has some 21 of 600 rows, of which four are to be drawn.
    assert groups["sample_size"] * 22 / 600 >= 4


def test_a_keyed_design_keeps_its_order(server: LiveServer) -> None:
    """Earlier rows are matched by the key of the order, not by position in another version."""
    made = server.new_dataset()
    lines = [f"k{row:03},{row * row % 977}" for row in range(300)]
    order = {"key": ["code"], "start": "0.5", "duplicates": "number"}
    server.import_text(made, "\n".join(["code,amount", *lines]) + "\n")
    earlier = server.draw(made, {"rounds": [{**one("random", sample_size=100), "order": order}]})
    server.import_text(made, "\n".join(["code,amount", *reversed(lines)]) + "\n")
    filters = {"not_drawn_by": [earlier["id"]]}
    goal = {**MEAN, "relative_margin": 0.2}
    design = {**RANDOM, "order": order, "filters": filters}
    found = sized(server, made, goal=goal, design=design)
    assert found["eligible_rows"] == 200
    assert found["round"]["order"] == order
    assert found["round"]["filters"] == filters
    by_position = asked(server, made, goal=goal, design={**RANDOM, "filters": filters})
    assert by_position.status_code == 409
    bands = {"column": "amount", "bands": 3, "sample_size": 60, "filters": filters, "order": order}
    suggested = asked(server, made, "strata", **bands).json()
    assert suggested["round"]["order"] == order
    assert drawn(server, made, suggested["round"])
    unknown = asked(server, made, "strata", **{**bands, "order": {"key": ["nothing"]}})
    assert_problem(unknown, 422, "unknown_column")
    assert unknown.json()["errors"][0]["loc"][:3] == ["body", "order", "key"]


@pytest.mark.parametrize(
    ("more", "note"),
    [
        (
            {"cluster_column": "shop"},
            "between whole clusters as if they were drawn with replacement",
        ),
        (
            {"cluster_column": "city", "cluster_probability": "rows"},
            "4 clusters are drawn with certainty, or alone in a stratum, and give one row",
        ),
    ],
)
def test_a_plan_of_one_row_of_each_cluster_says_how_it_is_measured(
    server: LiveServer, dataset: int, more: dict[str, Any], note: str
) -> None:
    design = one("cluster", samples_per_cluster=1, **more)
    found = sized(server, dataset, goal={**MEAN, "margin": 1}, design=design)
    assert any(note in each for each in found["notes"]), found["notes"]
