"""After a draw: reserves, why a row, downloads, histories, values for menus."""

from __future__ import annotations

import csv
import io
from typing import Any

import fastexcel
import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer


@pytest.fixture(scope="module")
def dataset_id(server: LiveServer) -> int:
    return server.new_table(1000)


@pytest.fixture(scope="module")
def job(server: LiveServer, dataset_id: int) -> dict[str, Any]:
    """Ten rows of each city with an id from 100 on."""
    body = {
        "rounds": [
            {
                "method": "stratified",
                "parameters": {"strata_columns": ["city"], "samples_per_stratum": 10, "seed": 3},
                "filters": {"expression": "id >= 100"},
            }
        ]
    }
    return server.draw(dataset_id, body)


def test_reserves_are_the_next_rows_of_each_stratum(
    server: LiveServer, dataset_id: int, job: dict[str, Any]
) -> None:
    path = f"/api/sampling/jobs/{job['id']}/reserves"
    reserves = server.admin.get(path, params={"limit": 2}).json()
    assert len(reserves["data"]) == 8
    larger = server.draw(
        dataset_id,
        {
            "rounds": [
                {
                    "method": "stratified",
                    "parameters": {
                        "strata_columns": ["city"],
                        "samples_per_stratum": 12,
                        "seed": 3,
                    },
                    "filters": {"expression": "id >= 100"},
                }
            ]
        },
    )
    drawn = {row["id"] for row in server.rows(job["id"], limit=1000)}
    more = {row["id"] for row in server.rows(larger["id"], limit=1000)}
    assert {row["id"] for row in reserves["data"]} == more - drawn
    assert_problem(server.admin.get(f"{path}?round=2"), 404, "not_found", "no round 2")
    assert_problem(server.admin.get(f"{path}?limit=0"), 422, "invalid_request", "limit")


def test_reserves_are_of_drawn_groups_only(server: LiveServer) -> None:
    dataset = server.new_balanced_table(40)
    one_each = {"strata_columns": ["region"], "samples_per_stratum": 1}
    each = server.draw(dataset, {"method": "stratified", "parameters": one_each})
    strata = each["output_summary"]["rounds"][0]["strata"]
    whole, part, *_ = (stratum["label"] for stratum in strata)
    sizes = {whole: "all", part: 1}
    body = {
        "rounds": [
            {"method": "stratified", "parameters": {"strata_columns": ["region"], "sizes": sizes}}
        ]
    }
    job = server.draw(dataset, body)["id"]
    found = server.admin.get(f"/api/sampling/jobs/{job}/reserves").json()
    assert {row["_stratum"] for row in found["data"]} == {part}
    assert found["groups_without_rows"] == [whole]


def test_a_drawn_row_tells_its_rank_probability_and_weight(
    server: LiveServer, job: dict[str, Any]
) -> None:
    row = server.rows(job["id"])[0]
    path = f"/api/sampling/jobs/{job['id']}/rows/{row['_logical_row_id']}"
    why = server.admin.get(path).json()
    assert (why["drawn"], why["round_number"]) == (True, 1)
    assert why["inclusion_probability"] == row["_inclusion_probability"]
    assert why["design_weight"] == row["_design_weight"]
    assert why["rounds"][0]["outcome"] == "drawn"
    assert why["rounds"][0]["rank"] <= why["rounds"][0]["last_rank"]


def test_a_row_that_was_not_drawn_tells_why_not(server: LiveServer, job: dict[str, Any]) -> None:
    path = f"/api/sampling/jobs/{job['id']}/rows"
    filtered = server.admin.get(f"{path}/primary:50").json()
    assert not filtered["drawn"]
    assert filtered["rounds"][0]["outcome"] == "filtered_out"
    drawn = {row["id"] for row in server.rows(job["id"], limit=1000)}
    other = next(number for number in range(100, 1000) if number not in drawn)
    beyond = server.admin.get(f"{path}/primary:{other}").json()["rounds"][0]
    assert beyond["outcome"] == "beyond_the_last"
    assert beyond["rank"] > beyond["last_rank"]
    assert_problem(server.admin.get(f"{path}/primary:1000"), 404, "not_found", "999")
    for odd in ("sample:5", "primary:x", "primary", "primary:-1"):
        assert_problem(server.admin.get(f"{path}/{odd}"), 422, "invalid_value", "primary:17")


def test_a_workbook_holds_the_rows(server: LiveServer, job: dict[str, Any]) -> None:
    answer = server.admin.get(f"/api/sampling/jobs/{job['id']}/data?format=xlsx")
    assert answer.status_code == 200
    sheet = fastexcel.read_excel(answer.content).load_sheet(0)
    assert sheet.height == 40
    assert sheet.available_columns()[0].name == "id"


def test_a_csv_can_be_made_safe_for_spreadsheets(server: LiveServer) -> None:
    dataset = server.new_dataset()
    text = "name,n\n=1+1,-1\n+x,2\n-y,3\n@z,4\nplain,5\n"
    assert server.import_text(dataset, text)["status"] == "completed"
    path = f"/api/datasets/{dataset}/refs/main/tables/primary/data?format=csv"

    def names(query: str) -> list[str]:
        body = server.admin.get(path + query).text
        return [row["name"] for row in csv.DictReader(io.StringIO(body))]

    assert names("") == ["=1+1", "+x", "-y", "@z", "plain"]
    assert names("&formula_safe=true") == ["'=1+1", "'+x", "'-y", "'@z", "plain"]
    answer = server.admin.get(path + "&formula_safe=yes")
    assert_problem(answer, 422, "invalid_request", "true or false")


def test_histories_tell_the_draws_of_a_dataset_and_of_a_user(
    server: LiveServer, dataset_id: int, job: dict[str, Any]
) -> None:
    history = server.admin.get(f"/api/sampling/datasets/{dataset_id}/history").json()
    mine = [one for one in history["jobs"] if one["id"] == job["id"]]
    assert mine[0]["methods"] == ["stratified"]
    assert (mine[0]["source_ref"], mine[0]["total_sampled"]) == ("main", 40)
    path = f"/api/sampling/datasets/{dataset_id}/history"
    assert server.admin.get(path, params={"ref_name": "other"}).json()["total"] == 0
    assert server.admin.get(path, params={"status": "failed"}).json()["total"] == 0
    assert server.admin.get(path, params={"start_date": "2999-01-01"}).json()["total"] == 0
    me = server.admin.get("/api/users/me").json()
    for whose in ("me", str(me["id"])):
        own = server.admin.get(f"/api/sampling/users/{whose}/history?limit=1000").json()
        assert job["id"] in [one["id"] for one in own["jobs"]]
    stranger, _ = server.new_user()
    assert stranger.get("/api/sampling/users/me/history").json()["total"] == 0
    answer = stranger.get(f"/api/sampling/users/{me['id']}/history")
    assert_problem(answer, 403, "forbidden", "admin")
    assert_problem(server.admin.get("/api/sampling/users/x/history"), 404, "not_found")


def test_values_of_columns_fill_menus(server: LiveServer, dataset_id: int) -> None:
    path = f"/api/sampling/datasets/{dataset_id}/column-samples"
    body = {"columns": ["city", "id", "primary:city"], "sample_size": 3}
    answer = server.admin.post(path, json=body).json()
    assert answer["samples"]["city"] == ["Kyiv", "Lima", "Oslo"]
    assert answer["samples"]["primary:city"] == ["Kyiv", "Lima", "Oslo"]
    assert answer["metadata"]["city"] == {"type": "VARCHAR", "complete": True, "has_nulls": True}
    assert answer["metadata"]["id"]["complete"] is False
    assert len(answer["samples"]["id"]) == 3
    wrong = server.admin.post(path, json={"columns": ["town"]})
    assert_problem(wrong, 422, "unknown_column", '"town"', "city")


def test_operators_are_listed_with_the_methods(server: LiveServer, dataset_id: int) -> None:
    answer = server.admin.get(f"/api/sampling/datasets/{dataset_id}/sampling-methods").json()
    assert {method["name"] for method in answer["methods"]} == {
        "random",
        "reservoir",
        "stratified",
        "systematic",
        "cluster",
        "weighted",
        "monetary_unit",
        "split",
    }
    operators = "> >= < <= = != in not_in between like ilike not_like is_null is_not_null"
    assert answer["supported_operators"] == operators.split()
