"""Drawing over HTTP: the guide's requests, older spellings, and the columns of a drawn row."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import pytest

from sampling_engine import DRAW_VERSION
from tests.contract.draw_requests import RANDOM
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ADDED = {
    "_logical_row_id",
    "_sampling_round",
    "_sampling_method",
    "_selection_order",
    "_stratum",
    "_inclusion_probability",
    "_design_weight",
}


def test_the_answer_to_a_new_job_is_the_guides(server: LiveServer, dataset_id: int) -> None:
    path = f"/api/sampling/datasets/{dataset_id}/jobs"
    answer = server.admin.post(path, json={"source_ref": "main", "table_key": "primary", **RANDOM})
    body = answer.json()
    assert body.pop("job_id")
    assert body == {"status": "pending", "message": "Sampling job created with 1 rounds"}


def test_the_drawn_rows_carry_their_probability_and_weight(
    server: LiveServer, dataset_id: int
) -> None:
    job = server.draw(dataset_id, RANDOM)
    summary = job["output_summary"]
    assert summary["total_sampled"] == 10
    assert (summary["source_rows"], summary["residual_rows"]) == (2000, 1990)
    assert summary["output_ref"] == f"smpl-{job['id'][:8]}"
    assert summary["methods_used"] == ["random"]
    answer = server.admin.get(f"/api/sampling/jobs/{job['id']}/data").json()
    assert answer["total"] == 10
    assert answer["metadata"]["sampling_summary"]["total_sampled"] == 10
    for order, row in enumerate(answer["data"], start=1):
        assert set(row) == {"id", "city", "amount"} | ADDED
        assert row["_logical_row_id"] == f"primary:{row['id']}"
        assert row["_selection_order"] == order
        assert row["_inclusion_probability"] == 10 / 2000
        assert row["_design_weight"] == 200
    commit = server.admin.get(f"/api/datasets/{dataset_id}/commits/{summary['output_ref']}").json()
    assert commit["parent_commit_id"] == job["source_commit_id"]
    assert [table["table_key"] for table in commit["tables"]] == ["primary"]


def test_a_recorded_seed_draws_the_same_rows_again(server: LiveServer, dataset_id: int) -> None:
    first = server.draw(dataset_id, RANDOM)
    seed = first["run_parameters"]["rounds"][0]["parameters"]["seed"]
    assert isinstance(seed, int)
    assert first["run_parameters"]["draw_version"] == DRAW_VERSION
    again = copy.deepcopy(RANDOM)
    again["rounds"][0]["parameters"]["seed"] = seed  # type: ignore[index]
    second = server.draw(dataset_id, again)
    other = server.draw(dataset_id, RANDOM)

    def ids(job: dict[str, Any]) -> list[int]:
        return [row["id"] for row in server.rows(job["id"])]

    assert ids(first) == ids(second) != ids(other)


def test_zero_and_texts_are_seeds_of_their_own(server: LiveServer, dataset_id: int) -> None:
    def ids(seed: object) -> list[int]:
        job = server.draw(dataset_id, {"method": "random", "sample_size": 5, "seed": seed})
        assert job["run_parameters"]["rounds"][0]["parameters"]["seed"] == seed
        return [row["id"] for row in server.rows(job["id"])]

    drawn = [ids(0), ids("dice 6 3 1 5"), ids(1)]
    assert drawn[0] == ids(0)
    assert len({tuple(one) for one in drawn}) == 3


def test_a_stratified_draw_sums_to_exactly_n_with_null_as_a_stratum(
    server: LiveServer, dataset_id: int
) -> None:
    job = server.draw(
        dataset_id,
        {
            "rounds": [
                {
                    "method": "stratified",
                    "parameters": {"strata_columns": ["city"], "sample_size": 101, "seed": 3},
                }
            ]
        },
    )
    (result,) = job["output_summary"]["rounds"]
    assert [one["key"]["city"] for one in result["strata"]] == ["Kyiv", "Lima", "Oslo", None]
    assert sum(one["sampled"] for one in result["strata"]) == 101
    rows = server.rows(job["id"], limit=1000)
    drawn = Counter(row["city"] for row in rows)
    assert drawn == {one["key"]["city"]: one["sampled"] for one in result["strata"]}
    assert abs(sum(row["_design_weight"] for row in rows) - 2000) < 1e-6


def test_rounds_never_draw_a_row_twice(server: LiveServer, dataset_id: int) -> None:
    one = {"method": "random", "parameters": {"sample_size": 700, "seed": 5}}
    job = server.draw(dataset_id, {"rounds": [one, one], "output_name": "twice"})
    assert job["output_summary"]["output_ref"] == "smpl-twice"
    rows = server.rows(job["id"], limit=1000) + server.rows(job["id"], limit=1000, offset=1000)
    assert len({row["id"] for row in rows}) == 1400
    assert [row["_sampling_round"] for row in rows] == [1] * 700 + [2] * 700
    again = server.admin.post(
        f"/api/sampling/datasets/{dataset_id}/jobs", json={**RANDOM, "output_name": "twice"}
    )
    assert_problem(again, 409, "conflict", "smpl-twice")


@pytest.mark.parametrize(
    "body",
    [
        {"method": "random", "parameters": {"sample_size": 5, "seed": 9}},
        {"method": "random", "sample_size": 5, "seed": 9},
        {"method": "random", "sample_size": 5, "random_seed": 9},
        {"rounds": [{"method": "random", "sample_size": 5, "parameters": {"random_seed": 9}}]},
        {"rounds": [{"method": "reservoir", "parameters": {"sample_size": 5, "seed": 9}}]},
    ],
)
def test_older_spellings_mean_the_same_draw(
    server: LiveServer, dataset_id: int, body: dict[str, Any]
) -> None:
    plain = {"rounds": [{"method": "random", "parameters": {"sample_size": 5, "seed": 9}}]}
    expected = [row["id"] for row in server.rows(server.draw(dataset_id, plain)["id"])]
    assert [row["id"] for row in server.rows(server.draw(dataset_id, body)["id"])] == expected


def test_stratify_columns_is_an_older_name(server: LiveServer, dataset_id: int) -> None:
    parameters = {"stratify_columns": ["city"], "samples_per_stratum": 2}
    job = server.draw(dataset_id, {"method": "stratified", "parameters": parameters})
    assert job["output_summary"]["total_sampled"] == 8


def test_a_size_above_the_table_gives_every_row_and_says_so(
    server: LiveServer, dataset_id: int
) -> None:
    job = server.draw(dataset_id, {"method": "random", "sample_size": 5000})
    assert job["output_summary"]["total_sampled"] == 2000
    assert job["output_summary"]["rounds"][0]["warnings"]


def test_rows_of_an_unfinished_or_other_job_are_not_there(
    server: LiveServer, dataset_id: int
) -> None:
    failed = server.import_text(server.new_dataset(), b"\x00", "x.parquet")
    answer = server.admin.get(f"/api/sampling/jobs/{failed['id']}/data")
    assert_problem(answer, 404, "not_found", "import")
    job = server.draw(dataset_id, RANDOM)
    path = f"/api/sampling/jobs/{job['id']}/data"
    assert_problem(server.admin.get(f"{path}?table_key=x"), 404, "not_found", "primary")
    assert_problem(server.admin.get(f"{path}?columns=x"), 422, "unknown_column", "id, city")
    for key in ("primary", "sample"):
        assert server.admin.get(path, params={"table_key": key}).json()["total"] == 10


def test_the_methods_describe_themselves(server: LiveServer, dataset_id: int) -> None:
    answer = server.admin.get(f"/api/sampling/datasets/{dataset_id}/sampling-methods").json()
    assert [method["name"] for method in answer["methods"]][:3] == [
        "random",
        "reservoir",
        "stratified",
    ]
    for method in answer["methods"]:
        for parameter in method["parameters"]:
            assert set(parameter) == {"name", "type", "required", "description"}
