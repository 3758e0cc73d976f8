"""Looking up rows of a sample's source by a value: drawn, or which place in line."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader


@pytest.fixture(scope="module")
def job(server: LiveServer) -> dict[str, Any]:
    """A stratified sample of 12 of 40 rows; every fourth row is of one city."""
    dataset_id = server.new_dataset()
    cities = ("Oslo", "Lima", "Kyiv", "")
    lines = [
        f"{row},{cities[row % 4]},{row * 250.5},2025-01-{row % 28 + 1:02}" for row in range(40)
    ]
    server.import_text(dataset_id, "\n".join(["id,city,amount,day", *lines]) + "\n")
    parameters = {"strata_columns": ["city"], "samples_per_stratum": 3, "seed": 1}
    return server.draw(dataset_id, {"method": "stratified", "parameters": parameters})


def look_up(server: LiveServer, job: dict[str, Any], **query: Any) -> dict[str, Any]:
    answer = server.admin.get(f"/api/sampling/jobs/{job['id']}/lookup", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def ids_of(found: dict[str, Any]) -> list[str]:
    return [row["row_id"] for row in found["rows"]]


def test_rows_with_a_value_are_drawn_or_in_line(server: LiveServer, job: dict[str, Any]) -> None:
    found = look_up(server, job, column="city", value="Oslo", limit=50)
    assert ids_of(found) == [f"primary:{row}" for row in range(0, 40, 4)]
    places = {row["rounds"][0]["nth_in_line"]: row["drawn"] for row in found["rows"]}
    assert places == {place: place <= 3 for place in range(1, 11)}
    assert {row["rounds"][0]["line_rows"] for row in found["rows"]} == {10}
    drawn = {row["row_id"] for row in found["rows"] if row["drawn"]}
    sample = server.rows(job["id"], filters="city = 'Oslo'")
    assert drawn == {row["_logical_row_id"] for row in sample}


def test_the_next_in_line_are_the_replacements(server: LiveServer, job: dict[str, Any]) -> None:
    path = f"/api/sampling/jobs/{job['id']}/reserves"
    first = server.admin.get(path, params={"limit": 1}).json()["data"]
    for reserve in first:
        (row,) = look_up(server, job, value=reserve["_logical_row_id"])["rows"]
        assert row["rounds"][0]["nth_in_line"] == 4


@pytest.mark.parametrize(
    ("column", "value", "row"),
    [
        ("id", "17", "primary:17"),
        ("amount", "4,258.5", "primary:17"),
        ("day", "2025-01-18", "primary:17"),
        (None, "primary:17", "primary:17"),
        (None, "17", "primary:17"),
    ],
)
def test_a_value_is_read_as_people_write_it(
    server: LiveServer, job: dict[str, Any], column: str | None, value: str, row: str
) -> None:
    query = {"value": value} if column is None else {"value": value, "column": column}
    found = look_up(server, job, **query)
    assert ids_of(found) == [row]
    assert found["rows"][0]["data"] == {
        "id": 17,
        "city": "Lima",
        "amount": 4258.5,
        "day": "2025-01-18",
    }


def test_the_number_of_rows_is_bounded(server: LiveServer, job: dict[str, Any]) -> None:
    found = look_up(server, job, column="city", value="Lima", limit=2)
    assert ids_of(found) == ["primary:1", "primary:5"]
    assert found["has_more"]
    assert look_up(server, job, column="city", value="Rome") == {
        "job_id": job["id"],
        "table_key": "primary",
        "columns": ["id", "city", "amount", "day"],
        "rows": [],
        "has_more": False,
        "similar_value": None,
    }


@pytest.mark.parametrize(
    ("query", "status", "code", "part"),
    [
        ({"column": "cty", "value": "Oslo"}, 422, "unknown_column", 'Did you mean "city"'),
        ({"column": "id", "value": "seven"}, 422, "invalid_filter", "a number, for example 18"),
        ({"column": "day", "value": "18.01.2025"}, 422, "invalid_filter", "2025-01-18"),
        ({"value": "other:1"}, 422, "invalid_value", "primary:17"),
        ({"value": "017"}, 422, "invalid_value", "primary:17"),
        ({"value": "017"}, 422, "invalid_value", 'name the column, such as "id"'),
        ({"value": "primary:40"}, 404, "not_found", "the last is 39"),
        ({"column": "id"}, 422, None, "value"),
    ],
)
def test_what_cannot_be_looked_up_is_refused(
    server: LiveServer,
    job: dict[str, Any],
    query: dict[str, str],
    status: int,
    code: str | None,
    part: str,
) -> None:
    answer = server.admin.get(f"/api/sampling/jobs/{job['id']}/lookup", params=query)
    assert answer.status_code == status, answer.text
    assert part in answer.text.replace('\\"', '"')
    if code is not None:
        assert_problem(answer, status, code)


def test_leading_zeros_belong_to_a_voucher(server: LiveServer) -> None:
    reader = Reader(server)
    dataset_id = server.new_dataset(reader.api)
    lines = [f"{row % 3},{row:06}" for row in range(30)]
    content = "\n".join(["shop,voucher", *lines]) + "\n"
    server.import_text(dataset_id, content, client=reader.api)
    path = f"/api/sampling/datasets/{dataset_id}/jobs"
    body = {"method": "random", "parameters": {"sample_size": 5}}
    job = reader.api.post(path, json=body).json()
    job_id = job["job_id"]
    server.finished(job_id)
    assert (
        look_up(server, {"id": job_id}, column="voucher", value="17")["similar_value"] == "000017"
    )
    page = reader.page(f"/jobs/{job_id}", tab="why", column="voucher", value="17")
    assert "Did you mean" in page
    page = reader.page(f"/jobs/{job_id}", tab="why", column="voucher", value="000017")
    assert "<strong>voucher 000017</strong>" in page
    report = reader.api.post(f"/api/profiling/datasets/{dataset_id}/jobs", json={}).json()
    server.finished(report["job_id"])
    assert "<option selected>voucher" in reader.page(f"/jobs/{job_id}", tab="why")
