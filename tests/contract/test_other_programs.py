"""Rows as JSON Lines, rows needed by uploaded values, and hints on fields of a draw."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    """Columns id, region (four values) and amount (id / 4)."""
    return server.new_balanced_table(400)


def test_rows_are_downloaded_as_json_lines(server: LiveServer, dataset: int) -> None:
    job = server.draw(dataset, {"method": "random", "sample_size": 20, "seed": 1})
    path = f"/api/sampling/jobs/{job['id']}/data"
    answer = server.admin.get(path, params={"format": "jsonl", "order_by": "id"})
    assert answer.headers["Content-Type"].startswith("application/jsonl")
    assert ".jsonl" in answer.headers["Content-Disposition"]
    rows = [json.loads(line) for line in answer.text.splitlines()]
    expected = server.admin.get(path, params={"order_by": "id", "limit": 20}).json()["data"]
    assert rows == expected
    part = {"format": "jsonl", "columns": "id,region", "filters": "region = 'north'"}
    few = [json.loads(line) for line in server.admin.get(path, params=part).text.splitlines()]
    assert {tuple(row) for row in few} == {("id", "region")}
    assert {row["region"] for row in few} == {"north"}


def test_json_lines_are_as_exact_as_json(server: LiveServer) -> None:
    lines = "id,large,text,day\n1,9007199254740993,Ü “x”,2025-07-01\n2,,,\n"
    table = server.new_named("of json lines", lines)
    ref = server.admin.get(f"/api/datasets/{table}/refs/main/tables/primary/data").json()
    answer = server.admin.get(
        f"/api/datasets/{table}/refs/main/tables/primary/data", params={"format": "jsonl"}
    )
    assert [json.loads(line) for line in answer.text.splitlines()] == ref["data"]
    assert "9007199254740993" in answer.text
    assert "Ü “x”" in answer.text


def test_uploaded_values_say_how_many_more_rows_are_needed(
    server: LiveServer, dataset: int
) -> None:
    job = server.draw(dataset, {"method": "random", "sample_size": 40, "seed": 1})
    path = f"/api/sampling/jobs/{job['id']}"
    rows = server.admin.get(f"{path}/data", params={"limit": 40}).json()["data"]
    lines = [f"{row['_logical_row_id']},{row['id'] % 7}" for row in rows]
    content = "\n".join(["_logical_row_id,minutes", *lines])
    upload = server.admin.post(
        f"{path}/values", files={"file": ("minutes.csv", io.BytesIO(content.encode()))}
    )
    assert upload.status_code == 200, upload.text
    figure = {"statistic": "mean", "column": "minutes"}
    wanted = {**figure, "margin": 0.2, "values": upload.json()["number"]}
    found = server.admin.post(f"{path}/more-rows", json=wanted).json()
    assert found["needed_rows"] == found["row_count"] + found["more_rows"] > 40
    latest = server.admin.post(f"{path}/more-rows", json={**wanted, "values": "latest"}).json()
    assert latest == found
    # By the formula: n0 = (t s / e)², corrected for the finite population.
    body = {"statistics": [figure], "values": "latest"}
    (now,) = server.admin.post(f"{path}/estimates", json=body).json()["estimates"]
    spread = now["standard_error"] ** 2 / (1 / 40 - 1 / 400)
    assert found["needed_rows"] == pytest.approx(1 / (0.2**2 / (1.97**2 * spread) + 1 / 400), abs=2)
    table = server.admin.post(f"{path}/more-rows", json={**figure, "margin": 0.2})
    assert table.json()["code"] == "unknown_column"


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (
            {"rounds": [{"method": "random"}], "filter": "id > 3"},
            " Its place is `rounds[0].filters`.",
        ),
        ({"method": "random", "sample_size": 3, "filter": "id > 3"}, ""),
    ],
)
def test_a_filter_beside_the_rounds_is_hinted_at(
    server: LiveServer, dataset: int, body: dict[str, object], hint: str
) -> None:
    answer = server.admin.post(f"/api/sampling/datasets/{dataset}/jobs", json=body)
    assert answer.status_code == 422
    problem = next(one for one in answer.json()["errors"] if one["loc"][-1] == "filter")
    assert problem["msg"] == f'Unknown field. Did you mean "filters"?{hint}'


def test_the_total_of_the_size_is_exact_by_design(server: LiveServer, dataset: int) -> None:
    parameters = {"weight_column": "amount", "sample_size": 20, "seed": 1}
    job = server.draw(dataset, {"method": "weighted", "parameters": parameters})
    path = f"/api/sampling/jobs/{job['id']}/estimates"
    own = {"statistics": [{"statistic": "total", "column": "amount"}]}
    found = server.admin.post(path, json=own).json()
    assert found["estimates"][0]["standard_error"] == 0
    assert found["estimates"][0]["estimate"] == pytest.approx(sum(n / 4 for n in range(400)))
    assert any(note.startswith("The total of amount is exact") for note in found["notes"])
    other = {"statistics": [{"statistic": "mean", "column": "amount"}]}
    notes = server.admin.post(path, json=other).json()["notes"]
    assert not any(" is exact, so" in note for note in notes)


def test_a_key_of_numbers_matches_texts(server: LiveServer) -> None:
    """Of a Parquet file, whose columns have types that an option can't change."""
    table = server.new_named("with codes", "code,x\nA1,1\n2,2\n3,3\n")
    job = server.draw(table, {"method": "random", "sample_size": 3, "seed": 1})
    path = f"/api/sampling/jobs/{job['id']}/values"
    for codes in ([2, 3], ["2", "3"]):
        content = io.BytesIO()
        pq.write_table(pa.table({"code": codes, "minutes": [5, 6]}), content)
        answer = server.admin.post(
            path,
            files={"file": ("values.parquet", content.getvalue())},
            data={"key": json.dumps(["code"])},
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["row_count"] == 2
    missing = io.BytesIO()
    pq.write_table(pa.table({"code": [7], "minutes": [5]}), missing)
    answer = server.admin.post(
        path,
        files={"file": ("values.parquet", missing.getvalue())},
        data={"key": json.dumps(["code"])},
    )
    assert_problem(answer, 422, "invalid_row_file", "a key (code) that no sampled row has: 7")


def test_few_clusters_are_said_to_be_few(server: LiveServer) -> None:
    lines = "\n".join(f"{n},{n // 20},{n % 13}" for n in range(2_000))
    table = server.new_named("of clusters", f"id,shop,x\n{lines}\n")
    drawn = {"method": "cluster", "cluster_column": "shop", "num_clusters": 10, "seed": 1}
    job = server.draw(table, {"rounds": [{"method": drawn.pop("method"), "parameters": drawn}]})
    found = server.admin.get(f"/api/sampling/jobs/{job['id']}/comparison").json()
    assert found["outcome"] == "inconclusive"
    assert found["verdict"].startswith("Inconclusive: 10 clusters are too few.")
