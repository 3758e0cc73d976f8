"""Draws that cannot be: each is refused, and the fault said to be where it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.draw_requests import RANDOM, one_round, random_with, stratified_with
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

SIZE_LOC = ["body", "rounds", 0, "parameters", "sample_size"]


@pytest.mark.parametrize(
    ("body", "loc", "parts"),
    [
        ({}, ["body", "rounds"], ["rounds"]),
        ({"rounds": []}, ["body", "rounds"], ["rounds"]),
        ({"rounds": [RANDOM["rounds"][0]] * 21}, ["body", "rounds"], ["20"]),
        ({"rounds": ["random"]}, ["body", "rounds", 0], ["object", "random"]),
        (random_with(), SIZE_LOC, ["sample_size", "sample_fraction"]),
        ({"rounds": [{"method": "random"}]}, ["body", "rounds", 0, "parameters"], ["parameters"]),
        (random_with(sample_size="1000"), SIZE_LOC, ["whole number", '"1000"']),
        (random_with(sample_size=5.7), SIZE_LOC, ["whole number", "5.7"]),
        (random_with(sample_size=True), SIZE_LOC, ["whole number", "true"]),
        (random_with(sample_size=0), SIZE_LOC, ["1"]),
        (random_with(sample_size=2**70), SIZE_LOC, ["64 bits"]),
        (random_with(sample_size=None), SIZE_LOC, ["missing", "sample_fraction"]),
        (
            random_with(sample_size=5, sample_fraction=0.5),
            ["body", "rounds", 0, "parameters", "sample_fraction"],
            ["only one"],
        ),
        (
            random_with(sample_fraction=1.5),
            ["body", "rounds", 0, "parameters", "sample_fraction"],
            ["1"],
        ),
        (
            random_with(sampel_size=5),
            ["body", "rounds", 0, "parameters", "sampel_size"],
            ["sampel_size", 'Did you mean "sample_size"'],
        ),
        (
            random_with(sample_size=5, seed=[1]),
            ["body", "rounds", 0, "parameters", "seed"],
            ["whole number or a text"],
        ),
        (
            {"rounds": [{"method": "randon", "parameters": {}}]},
            ["body", "rounds", 0, "method"],
            ["randon", "random, reservoir, stratified"],
        ),
        (
            {"rounds": [{"parameters": {"sample_size": 1}}]},
            ["body", "rounds", 0, "method"],
            ["random, reservoir, stratified"],
        ),
        (
            {"rounds": [{**RANDOM["rounds"][0], "round_number": 2}]},  # type: ignore[dict-item]
            ["body", "rounds", 0, "round_number"],
            ["Must be 1"],
        ),
        (
            stratified_with(sample_size=5),
            ["body", "rounds", 0, "parameters", "strata_columns"],
            ["strata_columns"],
        ),
        (
            stratified_with(sample_size=5, strata_columns=["town"]),
            ["body", "rounds", 0, "parameters", "strata_columns"],
            ['"town"', "id, city, amount"],
        ),
        (
            stratified_with(sample_size=5, strata_columns="city"),
            ["body", "rounds", 0, "parameters", "strata_columns"],
            ["list"],
        ),
        ({**RANDOM, "sourceref": "main"}, ["body", "sourceref"], ['Did you mean "source_ref"']),
        ({**RANDOM, "output_name": "a/b"}, ["body", "output_name"], ["smpl-a/b"]),
    ],
)
def test_a_draw_that_cannot_be_is_refused_where_it_is_wrong(
    server: LiveServer, dataset_id: int, body: dict[str, Any], loc: list[Any], parts: list[str]
) -> None:
    answer = server.admin.post(f"/api/sampling/datasets/{dataset_id}/jobs", json=body)
    document = assert_problem(answer, 422, answer.json().get("code", ""))
    places = [error["loc"][: len(loc)] for error in document["errors"]]
    assert loc in places, document["errors"]
    for part in parts:
        assert part.lower() in str(document["errors"]).replace('\\"', '"').lower(), document


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ({**RANDOM, "source_ref": "mian"}, ['"mian"', "main"]),
        ({**RANDOM, "table_key": "primry"}, ['"primry"', "primary"]),
    ],
)
def test_a_ref_or_table_that_is_not_there_names_the_choices(
    server: LiveServer, dataset_id: int, body: dict[str, Any], parts: list[str]
) -> None:
    answer = server.admin.post(f"/api/sampling/datasets/{dataset_id}/jobs", json=body)
    assert_problem(answer, 404, "not_found", *parts)


@pytest.mark.parametrize(
    ("filters", "loc", "parts"),
    [
        ({"expression": "idd > 5"}, ["expression"], ['"idd"', "id, city, amount"]),
        ({"expression": "id >> 5"}, ["expression"], ["at character 4", ">^>"]),
        ({"expression": "city = 5"}, ["expression"], ["city", "VARCHAR"]),
        ({"expression": "id > 'abc'"}, ["expression"], ["id", "BIGINT"]),
        ({"expression": "(SELECT 1) = 1"}, ["expression"], []),
        ({"expression": "1=1; DROP TABLE x"}, ["expression"], []),
        ({"expression": ""}, ["expression"], []),
        ({"expresion": "id > 5"}, ["expresion"], []),
        (
            [{"column": "id", "operator": "~", "value": 1}],
            ["conditions", 0, "operator"],
            ["between"],
        ),
        ([{"column": "x", "operator": "=", "value": 1}], ["conditions", 0, "column"], ["amount"]),
        ("id > 5", [], ["object or a list"]),
    ],
)
def test_a_filter_that_cannot_be_is_refused_where_it_is_wrong(
    server: LiveServer, dataset_id: int, filters: Any, loc: list[Any], parts: list[str]
) -> None:
    body = one_round("random", {"sample_size": 5}, filters=filters)
    answer = server.admin.post(f"/api/sampling/datasets/{dataset_id}/jobs", json=body)
    document = assert_problem(answer, 422, answer.json()["code"])
    place = ["body", "rounds", 0, "filters", *loc]
    assert place in [error["loc"][: len(place)] for error in document["errors"]], document
    for part in parts:
        assert part in document["detail"].replace('\\"', '"'), document["detail"]


@pytest.mark.parametrize(
    ("method", "parameters", "parts"),
    [
        ("systematic", {}, ["interval or sample_size"]),
        ("systematic", {"interval": 5, "sample_size": 5}, ["only one"]),
        ("systematic", {"interval": 5, "start": 6}, ["start"]),
        ("cluster", {"cluster_column": "city"}, ["num_clusters"]),
        ("cluster", {"num_clusters": 2}, ["cluster_column"]),
        (
            "cluster",
            {
                "cluster_column": "city",
                "num_clusters": 2,
                "samples_per_cluster": 1,
                "sample_percentage": 1,
            },
            ["only one"],
        ),
        ("weighted", {"sample_size": 5}, ["weight_column"]),
        ("weighted", {"sample_size": 5, "weight_column": "city"}, ["city", "VARCHAR"]),
        (
            "stratified",
            {"strata_columns": ["city"], "sample_size": 5, "allocation": "neyman"},
            ["allocation_column"],
        ),
        ("stratified", {"strata_columns": ["city"], "sizes": {}}, ["sizes"]),
        (
            "stratified",
            {"strata_columns": ["city"], "sample_size": 5, "allocation": "even"},
            ["proportional, equal, neyman, optimal"],
        ),
    ],
)
def test_parameters_that_cannot_be_are_refused(
    server: LiveServer, dataset_id: int, method: str, parameters: dict[str, Any], parts: list[str]
) -> None:
    body = one_round(method, parameters)
    answer = server.admin.post(f"/api/sampling/datasets/{dataset_id}/jobs", json=body)
    document = assert_problem(answer, 422, answer.json()["code"])
    for part in parts:
        assert part in document["detail"], document["detail"]
    assert document["errors"][0]["loc"][:4] == ["body", "rounds", 0, "parameters"]
