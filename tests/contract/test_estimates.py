"""Estimates from samples over HTTP: the published formulas on real draws, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import pytest
from scipy.special import stdtrit

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ROWS = 600
CITIES = ("Oslo", "Lima", "Kyiv", "")
AMOUNTS = [(row * 37 % 101) + row % 4 * 100 for row in range(ROWS)]


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    """Columns id, city (a quarter has none), amount (none in every tenth row), size and shop."""
    dataset_id = server.new_dataset()
    lines = [
        f"{row},{CITIES[row % 4]},{AMOUNTS[row] if row % 10 else ''},{1 + row % 7},s{row // 20}"
        for row in range(ROWS)
    ]
    server.import_text(dataset_id, "\n".join(["id,city,amount,size,shop", *lines]) + "\n")
    return dataset_id


def drawn(server: LiveServer, dataset: int, *rounds: dict[str, Any]) -> str:
    """The id of a draw that tests share."""
    job = server.draw_once(dataset, {"rounds": list(rounds)})
    assert job["status"] == "completed", job
    return str(job["id"])


def drawn_anew(server: LiveServer, dataset: int, *rounds: dict[str, Any]) -> str:
    """The id of a draw of one test, which may change it."""
    job = server.draw(dataset, {"rounds": list(rounds)})
    assert job["status"] == "completed", job
    return str(job["id"])


def asked(server: LiveServer, job: str, body: dict[str, Any]) -> Any:
    return server.admin.post(f"/api/sampling/jobs/{job}/estimates", json=body)


def estimates(server: LiveServer, job: str, *statistics: Any, **more: Any) -> dict[str, Any]:
    answer = asked(server, job, {"statistics": list(statistics), **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


MEAN = {"statistic": "mean", "column": "amount"}
TOTAL = {"statistic": "total", "column": "amount"}
SHARE = {"statistic": "proportion", "column": "city", "value": "Oslo"}
COUNT = {"statistic": "count"}
DESIGNS = {
    "random": one("random", sample_size=120),
    "stratified": one("stratified", strata_columns=["city"], sample_size=120),
    "cluster": one("cluster", cluster_column="shop", num_clusters=15),
    "two stages": one("cluster", cluster_column="shop", num_clusters=15, samples_per_cluster=8),
    "systematic": one("systematic", interval=9),
    "sorted": one("systematic", sample_size=100, sort_columns=["city", "size"]),
    "weighted": one("weighted", weight_column="size", sample_size=120),
    "clusters in strata": one(
        "cluster",
        cluster_column="shop",
        num_clusters=7,
        strata_columns=[{"column": "id", "breaks": [240]}],
        samples_per_cluster=9,
    ),
    "clusters by size": one(
        "cluster",
        cluster_column="shop",
        num_clusters=8,
        strata_columns=[{"column": "id", "breaks": [240]}],
        cluster_probability="size",
        size_column="size",
        samples_per_cluster=9,
    ),
    "three stages": one(
        "cluster",
        cluster_column="shop",
        num_clusters=15,
        subcluster_column="city",
        num_subclusters=3,
        samples_per_cluster=3,
    ),
    "three stages by rows": one(
        "cluster",
        cluster_column="shop",
        num_clusters=14,
        cluster_probability="rows",
        subcluster_column="city",
        num_subclusters=3,
        samples_per_cluster=4,
    ),
    "points": one("weighted", weight_column="size", sample_size=120, selection="systematic"),
    "sorted points": one(
        "weighted",
        weight_column="size",
        sample_size=120,
        selection="systematic",
        sort_columns=["city", "shop"],
    ),
}
BY_UNITS = {
    "monetary_unit": one("monetary_unit", book_column="size", sample_size=120),
    "cells": one("monetary_unit", book_column="size", sample_size=120, selection="cell"),
}


@pytest.mark.parametrize("name", DESIGNS | BY_UNITS)
def test_every_design_estimates_near_the_truth(server: LiveServer, dataset: int, name: str) -> None:
    job = drawn(server, dataset, (DESIGNS | BY_UNITS)[name])
    median = {"statistic": "quantile", "column": "amount", "q": 0.5}
    ratio = {"statistic": "ratio", "column": "amount", "denominator": "size"}
    found = estimates(server, job, MEAN, TOTAL, SHARE, COUNT, median, ratio, true_values=True)
    truth = [amount for row, amount in enumerate(AMOUNTS) if row % 10]
    mean, total, _share, count, _, _ = found["estimates"]
    assert mean["true_value"] == pytest.approx(sum(truth) / len(truth))
    assert (total["true_value"], count["true_value"]) == (sum(truth), ROWS)
    for each in found["estimates"]:
        assert each["ci_low"] <= each["estimate"] <= each["ci_high"]
        width = max(4 * each["standard_error"], 1e-9 * each["estimate"])
        assert each["estimate"] == pytest.approx(each["true_value"], abs=width)
    assert found["design"]["N"] == ROWS
    assert mean["n_missing"] > 0
    assert any("without a value" in note for note in found["notes"])


def test_figures_are_those_of_the_rows_by_hand(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, one("random", sample_size=100))
    rows = server.rows(job, limit=1000)
    y = [row["amount"] for row in rows if row["amount"] is not None]
    (found,) = estimates(server, job, TOTAL)["estimates"]
    assert found["estimate"] == pytest.approx(sum(y) * 6)
    mean = sum(y) / 100
    squares = sum((value - mean) ** 2 for value in y) + (100 - len(y)) * mean**2
    variance = 36 * (1 - 1 / 6) * 100 / 99 * squares
    assert found["variance"] == pytest.approx(variance)
    assert (found["n"], found["n_missing"], found["df"]) == (len(y), 100 - len(y), len(y) - 1)


def test_two_random_rounds_are_one_sample(server: LiveServer, dataset: int) -> None:
    two = drawn(server, dataset, one("random", sample_size=60), one("random", sample_size=40))
    found = estimates(server, two, MEAN, COUNT)
    assert (found["design"]["n"], found["design"]["rounds"]) == (100, 2)
    assert found["estimates"][1]["estimate"] == pytest.approx(ROWS)
    assert "The 2 steps count as one random sample." in found["notes"]
    strata = one("stratified", strata_columns=["city"], samples_per_stratum=10)
    twice = estimates(server, drawn(server, dataset, strata, strata), COUNT)
    assert (twice["design"]["n"], twice["design"]["strata"], twice["design"]["df"]) == (80, 4, 76)


def test_other_rounds_are_combined(server: LiveServer, dataset: int) -> None:
    """All of one city, some of another by weight, and some of the rest."""
    rounds = [
        one("random", "city = 'Oslo'", sample_fraction=1.0),
        one("weighted", "city = 'Lima'", weight_column="size", sample_size=40),
        one("stratified", strata_columns=["city"], samples_per_stratum=30),
    ]
    job = drawn(server, dataset, *rounds)
    found = estimates(server, job, MEAN, TOTAL, COUNT, by=["city"], true_values=True)
    assert (found["design"]["method"], found["design"]["N"]) == ("rounds", ROWS)
    assert any("Des Raj" in note for note in found["notes"])
    assert any(note.startswith("Step 2: The variance is Hájek") for note in found["notes"])
    by_city = {each["group"]["city"]: each for each in found["estimates"][:4]}
    oslo = by_city["Oslo"]
    assert oslo["estimate"] == pytest.approx(oslo["true_value"])
    assert oslo["standard_error"] == pytest.approx(0, abs=1e-9)
    for each in found["estimates"]:
        assert each["estimate"] == pytest.approx(
            each["true_value"], abs=4 * each["standard_error"] + 1e-6
        )
    # Kyiv was drawn by the last round alone, as one stratum.
    assert by_city["Kyiv"]["df"] == by_city["Kyiv"]["n"] - 1
    one_filter = drawn(
        server,
        dataset,
        one("random", "city = 'Oslo'", sample_size=20),
        one("systematic", "city = 'Lima'", interval=7),
    )
    union = estimates(server, one_filter, COUNT, true_values=True)
    assert (union["design"]["N"], union["estimates"][0]["true_value"]) == (300, 300)
    assert union["estimates"][0]["estimate"] == pytest.approx(300)


def test_rounds_are_calibrated_like_one_sample(server: LiveServer, dataset: int) -> None:
    rounds = [DESIGNS["weighted"], one("random", sample_size=100)]
    job = drawn(server, dataset, *rounds)
    calibrate = {"method": "poststratify", "columns": ["city"]}
    found = estimates(server, job, COUNT, by=["city"], calibrate=calibrate)["estimates"]
    assert [each["estimate"] for each in found] == [pytest.approx(150)] * 4
    assert [each["standard_error"] for each in found] == [pytest.approx(0, abs=1e-6)] * 4
    old = server.draw(dataset, {"rounds": rounds, "draw_version": 1})
    notes = estimates(server, old["id"], MEAN)["notes"]
    assert any("draw version 1" in note for note in notes)


def test_a_column_that_a_round_left_out_has_no_estimate(server: LiveServer, dataset: int) -> None:
    first = one("random", sample_size=60)
    second = {**one("random", sample_size=40), "selection": {"columns": ["id", "city"]}}
    job = drawn(server, dataset, first, second)
    problem = asked(server, job, {"statistics": [MEAN]})
    assert_problem(problem, 422, "invalid_estimate")
    assert "Not every step selected" in problem.json()["detail"]
    filtered = {"statistics": [SHARE], "filters": {"expression": "amount > 3"}}
    assert_problem(asked(server, job, filtered), 422, "invalid_estimate")
    assert estimates(server, job, SHARE)["estimates"][0]["n_missing"] > 0


def test_a_filter_by_its_former_name_is_read(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, one("random", sample_size=60))
    expression = {"expression": "size > 2"}
    assert estimates(server, job, COUNT, where=expression) == estimates(
        server, job, COUNT, filters=expression
    )


def test_a_sample_of_a_residual_estimates_the_residual(server: LiveServer, dataset: int) -> None:
    first = server.draw(
        dataset, {"rounds": [one("random", sample_size=200)], "export_residual": True}
    )
    body = {
        "source_ref": first["output_summary"]["output_ref"],
        "table_key": "residual",
        "rounds": [
            one("random", sample_size=50),
            one("weighted", weight_column="size", sample_size=30),
        ],
    }
    second = server.draw(dataset, body)
    found = estimates(server, second["id"], COUNT, TOTAL, true_values=True)
    assert found["design"]["N"] == found["estimates"][0]["true_value"] == 400
    for each in found["estimates"]:
        assert each["estimate"] == pytest.approx(each["true_value"], rel=0.5)
    assert any("a sample or a residual" in note for note in found["notes"])


def test_groups_and_a_filter_are_domains(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, one("random", sample_size=200))
    found = estimates(
        server, job, COUNT, MEAN, by=["city"], filters={"expression": "size > 2"}, true_values=True
    )
    counts = found["estimates"][:4]
    assert [each["group"]["city"] for each in counts] == ["Kyiv", "Lima", "Oslo", None]
    assert [each["true_value"] for each in counts] == [
        sum(1 for row in range(ROWS) if row % 7 > 1 and CITIES[row % 4] == city)
        for city in ("Kyiv", "Lima", "Oslo", "")
    ]
    assert all(each["standard_error"] > 0 for each in counts)
    nothing = estimates(server, job, MEAN, TOTAL, filters={"expression": "size > 99"})
    assert [(each["estimate"], each["ci_low"]) for each in nothing["estimates"]] == [
        (None, None),
        (0, None),
    ]


def test_the_share_of_missing_values_counts_all_rows(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, one("random", sample_size=200))
    missing = {"statistic": "proportion", "column": "city", "value": None}
    share, missing_share = estimates(server, job, SHARE, missing, true_values=True)["estimates"]
    assert (share["true_value"], missing_share["true_value"]) == (pytest.approx(1 / 3), 0.25)
    assert missing_share["n"] == 200
    assert share["n"] == 200 - share["n_missing"]


def test_a_census_has_no_margin(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, one("random", sample_fraction=1.0))
    found = estimates(server, job, MEAN, SHARE, true_values=True)["estimates"]
    for each in found:
        assert each["standard_error"] == 0
        assert each["estimate"] == pytest.approx(each["true_value"])
        assert each["ci_low"] == each["ci_high"] == each["estimate"]


def test_estimates_of_a_drawn_table_say_what_they_refer_to(
    server: LiveServer, dataset: int
) -> None:
    first = server.draw(dataset, {"rounds": [one("random", sample_size=200)]})
    ref = first["output_summary"]["output_ref"]
    body = {"source_ref": ref, "table_key": "sample", "rounds": [one("random", sample_size=50)]}
    second = server.draw(dataset, body)
    found = estimates(server, second["id"], COUNT)
    assert found["design"]["N"] == 200
    assert any("itself a sample" in note for note in found["notes"])


def test_strata_without_a_row_and_lonely_ones(server: LiveServer, dataset: int) -> None:
    sizes = one("stratified", strata_columns=["city"], sizes={"Oslo": 20, "Lima": 1})
    job = drawn(server, dataset, sizes)
    assert_problem(asked(server, job, {"statistics": [MEAN]}), 422, "lonely_stratum")
    found = estimates(server, job, MEAN, variance={"lonely_stratum": "adjust"})
    assert (found["design"]["strata"], found["design"]["uncovered_rows"]) == (4, 300)
    assert any("strata with 300 rows" in note for note in found["notes"])


def test_uncovered_rows_are_in_no_figure(server: LiveServer, dataset: int) -> None:
    sizes = one("stratified", strata_columns=["city"], sizes={"Oslo": 20, "Lima": 20})
    job = drawn(server, dataset, sizes)
    found = estimates(server, job, MEAN, TOTAL, COUNT, true_values=True)
    assert (found["design"]["N"], found["design"]["uncovered_rows"]) == (300, 300)
    assert found["estimates"][2]["estimate"] == pytest.approx(300)
    assert found["estimates"][2]["standard_error"] == 0.0
    assert [each["true_value"] for each in found["estimates"]] == [None] * 3
    assert "The estimates are for 300 of the 600 rows of primary." in found["notes"]
    assert any("True values are those of all rows" in note for note in found["notes"])
    backtest = server.admin.get(f"/api/sampling/jobs/{job}/backtest").json()
    assert backtest["intervals"] == 0


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ({"statistics": [{"statistic": "mean", "column": "city"}]}, "invalid_estimate", "numbers"),
        ({"statistics": [{"statistic": "mean"}]}, "invalid_estimate", "needs a column"),
        ({"statistics": [{"statistic": "ratio", "column": "size"}]}, "invalid_estimate", "denomin"),
        (
            {"statistics": [{"statistic": "proportion", "column": "city"}]},
            "invalid_estimate",
            "needs a value",
        ),
        ({"statistics": [{"statistic": "mean", "column": "amuont"}]}, "unknown_column", "amount"),
        ({"statistics": [COUNT], "by": ["nothing"]}, "unknown_column", "nothing"),
        ({"statistics": [COUNT], "filters": {"expression": "size >"}}, "invalid_filter", ""),
        ({"statistics": []}, "invalid_request", ""),
        ({"statistics": [COUNT], "calibrate": {"method": "ratio"}}, "invalid_request", "columns"),
        ({"statistics": [COUNT], "confidence": 1}, "invalid_request", ""),
    ],
)
def test_what_does_not_fit_is_explained(
    server: LiveServer, dataset: int, body: dict[str, Any], code: str, says: str
) -> None:
    job = drawn(server, dataset, one("random", sample_size=10))
    answer = asked(server, job, body)
    assert_problem(answer, 422, code)
    assert says in answer.text


@pytest.fixture(scope="module")
def odd_table(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> int:
    """Columns id, large (38 digits), cents with fractions, and two named as in a draw."""
    path = tmp_path_factory.mktemp("odd") / "odd.parquet"
    duckdb.sql(
        "COPY (SELECT range AS id, CAST(repeat('9', 36) AS DECIMAL(38,2)) AS large, "
        "1.5::DOUBLE AS _design_weight, range % 2 AS _stratum, "
        "CAST(range % 9 / 1000 AS DOUBLE) AS cents FROM range(200)) "
        f"TO '{path}' (FORMAT parquet)"
    )
    dataset_id = server.new_dataset()
    server.import_text(dataset_id, path.read_bytes(), "odd.parquet")
    return dataset_id


def test_decimals_of_38_digits_have_a_true_total(server: LiveServer, odd_table: int) -> None:
    job = drawn(server, odd_table, one("random", sample_size=40))
    large = {"statistic": "total", "column": "large"}
    total = estimates(server, job, large, true_values=True)["estimates"][0]
    assert total["estimate"] == pytest.approx(200 * 1e36)
    assert total["true_value"] == pytest.approx(200 * 1e36)


def test_a_column_of_the_draw_is_not_that_of_the_table(server: LiveServer, odd_table: int) -> None:
    job = drawn(server, odd_table, one("random", sample_size=40))
    weight = {"statistic": "mean", "column": "_design_weight"}
    found = estimates(server, job, weight, true_values=True)
    assert found["estimates"][0]["estimate"] == 5
    assert found["estimates"][0]["true_value"] is None
    grouped = estimates(server, job, COUNT, by=["_stratum"], true_values=True)
    assert grouped["estimates"][0]["true_value"] is None
    assert any("is a column of the draw" in note for note in grouped["notes"])
    calibrate = {"method": "ratio", "columns": ["_design_weight"]}
    refused = asked(server, job, {"statistics": [COUNT], "calibrate": calibrate})
    assert_problem(refused, 422, "invalid_estimate", "is a column of the draw")


@pytest.mark.parametrize("selection", ["fixed_interval", "cell"])
def test_units_by_a_given_interval_add_up_to_the_book_value(
    server: LiveServer, dataset: int, selection: str
) -> None:
    """The interval selects 4 or 5 units, which is part of the estimate's error."""
    given = {"book_column": "size", "interval": 531, "selection": selection}
    total = {"statistic": "total", "column": "size"}
    numbers = set()
    for seed in range(8):
        job = drawn(server, dataset, one("monetary_unit", **(given | {"seed": seed})))
        found = estimates(server, job, total, true_values=True)
        (each,) = found["estimates"]
        assert each["estimate"] == pytest.approx(each["true_value"])
        numbers.add(found["design"]["n"])
    assert numbers == {4, 5}


def test_rows_without_a_selected_unit_are_not_estimated(server: LiveServer) -> None:
    dataset = server.new_dataset()
    lines = ["1000000", *["1"] * 99]
    server.import_text(dataset, "\n".join(["amount", *lines]) + "\n")
    job = drawn(server, dataset, one("monetary_unit", book_column="amount", interval=1_000_000))
    refused = asked(server, job, {"statistics": [COUNT]})
    assert_problem(refused, 422, "unsupported_design", "with 99 in all")


def test_a_fixed_interval_says_when_its_intervals_can_fail(server: LiveServer) -> None:
    dataset = server.new_dataset()
    server.import_text(dataset, "\n".join(["amount", *["95", "5"] * 60]) + "\n")
    total, doubt = {"statistic": "total", "column": "amount"}, "95 % of the money"
    for more, said in (
        ({"selection": "fixed_interval"}, ["covers near"]),
        ({"selection": "fixed_interval", "order": "file"}, ["covers near", "depends on order"]),
        ({"selection": "cell", "order": "file"}, []),
        ({}, []),
    ):
        job = drawn(
            server, dataset, one("monetary_unit", book_column="amount", sample_size=60, **more)
        )
        notes = " ".join(estimates(server, job, total)["notes"])
        assert (doubt in notes) == ("covers near" in said), more
        assert ("nothing to do with errors" in notes) == ("depends on order" in said), more


def test_amounts_that_round_to_0_are_not_in_the_population(
    server: LiveServer, odd_table: int
) -> None:
    job = drawn(server, odd_table, one("monetary_unit", book_column="cents", sample_size=10))
    found = estimates(server, job, COUNT, true_values=True)
    (count,) = found["estimates"]
    assert count["estimate"] == pytest.approx(count["true_value"])
    rows = f"{round(count['true_value'])} of the 200 rows of primary"
    assert f"The estimates are for {rows}: those with an amount above 0." in found["notes"]


@pytest.fixture(scope="module")
def shops(server: LiveServer) -> int:
    """Strata of 60 rows, and a very skewed value."""
    dataset_id = server.new_dataset()
    lines = [
        f"{row},{'abcd'[row // 60]},{row * 37 % 101},{2 ** (row * 7 % 31)}" for row in range(240)
    ]
    server.import_text(dataset_id, "\n".join(["id,shop,amount,size", *lines]) + "\n")
    return dataset_id


SHARE_OF_A = {"statistic": "proportion", "column": "shop", "value": "a"}
OF_SHOPS = one(
    "stratified", strata_columns=["shop"], sizes={"a": 2, "b": 3, "c": 5, "d": 10}, seed=1
)


def test_intervals_of_few_degrees_are_not_shown(server: LiveServer, shops: int) -> None:
    job = drawn(server, shops, OF_SHOPS)
    answer = estimates(server, job, MEAN, SHARE_OF_A, by=["shop"])
    found = answer["estimates"][:4]
    assert [each["df"] for each in found] == [1, 2, 4, 9]
    assert [each["ci_low"] is None for each in found] == [True, True, False, False]
    assert all(each["standard_error"] > 0 for each in found)
    assert answer["design"]["df"] == 16
    hidden, few = answer["warnings"]
    assert hidden == (
        "2 intervals are not shown, with fewer than 3 degrees of freedom (units with a value, less "
        "their strata): mean of amount, shop a (1); mean of amount, shop b (2). Set "
        "`minimum_degrees` to 0 to show them."
    )
    assert "mean of amount, shop c (4); mean of amount, shop d (9)" in few
    assert answer["notes"][:2] == answer["warnings"]
    # A share that all or no sampled rows have rests on no standard error.
    assert all(each["ci_low"] is not None for each in answer["estimates"][4:])
    shown = estimates(server, job, MEAN, by=["shop"], interval={"minimum_degrees": 0})
    for each in shown["estimates"]:
        half = float(stdtrit(each["df"], 0.975)) * each["standard_error"]
        assert each["ci_high"] - each["estimate"] == pytest.approx(half)
    (few,) = shown["warnings"]
    assert few.startswith("4 estimates have fewer than 10 degrees of freedom")
    strict = estimates(server, job, MEAN, by=["shop"], interval={"minimum_degrees": 10})
    assert [each["ci_low"] for each in strict["estimates"]] == [None] * 4
    refused = asked(server, job, {"statistics": [MEAN], "interval": {"minimum_degrees": -1}})
    assert_problem(refused, 422, "invalid_request")


def test_a_note_names_a_few_groups_of_many(server: LiveServer, shops: int) -> None:
    job = drawn(server, shops, one("random", sample_size=60, seed=3))
    notes = estimates(server, job, TOTAL, by=["amount"])["notes"]
    assert all(len(note) < 600 for note in notes)
    assert any(re.search(r"; and \d+ more\.", note) for note in notes)


def test_skewed_values_say_how_many_rows_they_need(server: LiveServer, shops: int) -> None:
    job = drawn(server, shops, one("random", sample_size=60, seed=3))
    size = {"statistic": "total", "column": "size"}
    ratio = {"statistic": "ratio", "column": "size", "denominator": "amount"}
    (note,) = estimates(server, job, size, ratio, MEAN)["warnings"]
    assert note.startswith("The values of 2 estimates are skewed")
    assert re.search(r"total of size \((\d+) rows, not 60\); size by amount \(\d+ rows", note)
    assert "Take large values whole, stratify by bands" in note
    assert estimates(server, job, MEAN)["warnings"] == []


def test_equal_sampled_values_are_not_certain(server: LiveServer, shops: int) -> None:
    job = drawn(server, shops, one("random", sample_size=120, seed=3))
    mean, where = {"statistic": "mean", "column": "size"}, {"expression": "size = 1024"}
    found = estimates(server, job, mean, filters=where)
    assert found["estimates"][0]["n"] > 1
    (warning,) = found["warnings"]
    assert "a standard error of 0 only because the sampled values are equal" in warning


def test_a_difference_keeps_the_degrees_of_its_group(server: LiveServer, shops: int) -> None:
    job = drawn(server, shops, OF_SHOPS)
    known = {"method": "difference", "columns": ["id"]}
    found = estimates(server, job, MEAN, by=["shop"], calibrate=known)["estimates"]
    assert [each["df"] for each in found] == [1, 2, 4, 9]
    assert [each["ci_low"] is None for each in found] == [True, True, False, False]
    assert [each["uncalibrated"]["ci_low"] is None for each in found] == [True, True, False, False]


def test_the_share_of_an_unknown_value_is_refused(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, one("random", sample_size=120))
    typed = {"statistic": "proportion", "column": "city", "value": "oslo "}
    answer = asked(server, job, {"statistics": [MEAN, typed]})
    found = 'No row of the table has the value "oslo " in "city". Did you mean "Oslo"?'
    problem = assert_problem(answer, 422, "invalid_estimate", found)
    assert problem["errors"][0]["loc"] == ["body", "statistics", 1, "value"]
    number = {"statistic": "proportion", "column": "size", "value": 70}
    answer = asked(server, job, {"statistics": [number]})
    assert_problem(answer, 422, "invalid_estimate", "Available: 7, 6, 5, 4, 3.")
    goal = {"statistic": "proportion", "column": "city", "value": "Osla", "margin": 0.05}
    body = {"goal": goal, "design": {"method": "random", "parameters": {}}}
    answer = server.admin.post(f"/api/sampling/datasets/{dataset}/size", json=body)
    assert_problem(answer, 422, "invalid_goal", 'Did you mean "Oslo"?')


def test_a_stratum_that_one_step_skips_is_covered_by_another(
    server: LiveServer, dataset: int
) -> None:
    """Shops of 20 rows: 25 rows, in proportion to what is left of 30 shops, skip some."""
    by_shop = one("stratified", strata_columns=["shop"], sample_size=25)
    job = drawn(server, dataset, one("random", sample_size=200), by_shop)
    found = estimates(server, job, COUNT, variance={"lonely_stratum": "adjust"}, true_values=True)
    assert (found["design"]["N"], found["design"]["uncovered_rows"]) == (ROWS, 0)
    assert found["estimates"][0]["true_value"] == ROWS
    assert any("other steps may cover them" in note for note in found["notes"])
    assert any("have the weight 0" in note for note in found["notes"])


def test_one_row_of_every_cluster_has_a_margin(server: LiveServer, dataset: int) -> None:
    """All clusters were drawn, so the rows alone are left to chance."""
    job = drawn(
        server,
        dataset,
        one("cluster", cluster_column="shop", num_clusters=30, samples_per_cluster=1),
    )
    found = estimates(server, job, TOTAL)
    (total,) = found["estimates"]
    assert total["standard_error"] > 0
    assert total["ci_low"] < total["ci_high"]
    notes = " ".join([*found["warnings"], *found["notes"]])
    assert "one row of several, which doesn't show the variance inside" in notes
    assert "with replacement: on the safe side" in notes
    assert "counts as 0" not in notes
    assert "margin of 0" not in notes
    assert "sampled values are equal" not in notes


def test_a_certain_cluster_with_one_row_is_refused_by_name(
    server: LiveServer, dataset: int
) -> None:
    of_cities = one(
        "cluster",
        cluster_column="CITY",
        num_clusters=4,
        samples_per_cluster=1,
        cluster_probability="rows",
    )
    job = drawn(server, dataset, of_cities)
    path = f"/api/sampling/jobs/{job}/estimates"
    refused = server.admin.post(path, json={"statistics": [TOTAL]})
    assert_problem(refused, 422, "lonely_stratum")
    assert "4 clusters were drawn with certainty" in refused.text
    assert "Lima" in refused.text
    assert "None" not in refused.text
    found = estimates(server, job, TOTAL, variance={"lonely_stratum": "adjust"})
    assert found["estimates"][0]["standard_error"] > 0
    assert any("the variance is a substitute (adjust)" in note for note in found["notes"])
