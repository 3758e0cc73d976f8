"""Certificates of keyed draws over HTTP: a stranger computes the keys and draws the same rows."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_certificates import certified, file_of, require_accepted
from tests.support.live_server import LiveServer

ROWS = 300
COLUMNS = """
    'ACC-' || lpad(CAST(i * 7919 % 1009 AS VARCHAR), 5, '0') AS account,
    CAST(i // 4 AS INTEGER) AS document, CAST(i % 4 AS TINYINT) AS line,
    CAST(1000.5 - i * 0.25 AS DECIMAL(12,4)) AS exact, CAST(i AS DECIMAL(20,0)) AS whole,
    CAST((i - 20) / 1000.0 AS DECIMAL(3,3)) AS small,
    DATE '1999-12-25' + CAST(i AS INTEGER) AS day,
    TIMESTAMP '2025-06-30 23:58:59.5' + INTERVAL (i * 501) MILLISECOND AS at,
    TIMESTAMPTZ '2025-07-01 00:00:00+02' + INTERVAL (i) SECOND AS zoned,
    TIME '00:00:00' + INTERVAL (i * 250) MILLISECOND AS clock,
    i % 2 = 0 AS even,
    CASE i WHEN 7 THEN '' WHEN 8 THEN 'a,"b"' WHEN 9 THEN e'two\\nlines' WHEN 10 THEN 'NULL'
      ELSE 'Müller ' || i END AS odd,
    CASE WHEN i % 11 = 0 THEN NULL ELSE ['north', 'south', 'we"st'][1 + i % 3] END AS region,
    'club ' || (i % 13) AS club,
    CAST(1 + i % 29 AS DECIMAL(12,2)) AS amount,
    CASE WHEN i % 3 = 0 THEN CAST('-0.0' AS DOUBLE) ELSE i / 8 END AS score,
    'K' || (i // 2) AS pair
"""


@pytest.fixture(scope="module")
def dataset(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> int:
    path = tmp_path_factory.mktemp("keyed") / "ledger.parquet"
    rows = f"SELECT {COLUMNS} FROM range({ROWS}) AS r(i) ORDER BY hash(i)"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Tokyo'")
        connection.execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet)")
    found = server.new_dataset()
    assert server.import_text(found, path.read_bytes(), "ledger.parquet")["status"] == "completed"
    return found


@pytest.fixture(scope="module")
def twice(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> int:
    """The table with the lines of a document that occur twice."""
    path = tmp_path_factory.mktemp("twice") / "ledger.parquet"
    rows = f"SELECT {COLUMNS} FROM range({ROWS}) AS r(i)"
    again = f"SELECT * FROM ({rows}) UNION ALL SELECT * FROM ({rows}) WHERE document IN (3, 9, 60)"
    duckdb.sql(f"COPY ({again}) TO '{path}' (FORMAT parquet)")
    found = server.new_dataset()
    assert server.import_text(found, path.read_bytes(), "ledger.parquet")["status"] == "completed"
    return found


def keyed(key: list[str], start: str = "0", duplicates: str = "refuse") -> dict[str, Any]:
    return {"order": {"key": key, "start": start, "duplicates": duplicates}}


def accepted(server: LiveServer, dataset: int, rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Draw, let the shipped verifier check all, and return the predicate."""
    job = server.draw(dataset, {"rounds": rounds})
    assert job["status"] == "completed", job
    report = require_accepted(server, job["id"], dataset)
    predicate = certified(server, job["id"])["predicate"]
    return {**predicate, "levels": report["levels"], "job_id": job["id"]}


KEYS = [
    ["account"],
    ["document", "line"],
    ["exact"],
    ["whole"],
    ["small"],
    ["day"],
    ["at"],
    ["zoned"],
    ["clock"],
    ["odd"],
    ["even", "club", "pair", "account"],
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_keys_of_all_types_are_drawn_again(
    server: LiveServer, dataset: int, key: list[str]
) -> None:
    found = accepted(server, dataset, [{**one("random", sample_size=25), **keyed(key, "0.3")}])
    (stated,) = found["rounds"]
    manifest = json.loads(found["population"]["manifest"])
    types = {each["name"]: each["type"] for each in manifest["tables"][0]["columns"]}
    assert stated["order"] == {
        "order_version": "jobsvc-order-2",
        "key": [{"name": name, "type": types[name]} for name in key],
        "start": "0.3",
        "duplicates": "refuse",
    }
    assert found["engine"]["order_version"] == "jobsvc-order-2"
    assert set(found["data"]["columns"]) == set(key)
    assert "L1" in found["levels"]


STAGES = {"cluster_column": "club", "num_clusters": 4}
DRAWS: dict[str, list[dict[str, Any]]] = {
    "filter": [{**one("random", "amount > 3", sample_size=20), **keyed(["account"])}],
    "stratified": [
        {
            **one("stratified", strata_columns=["region"], sample_size=40),
            **keyed(["document", "line"], "0.75"),
        }
    ],
    "starts of strata": [
        {
            **one("stratified", strata_columns=["region"], sample_size=40),
            "order": {
                **keyed(["account"], "0.1")["order"],
                "starts": {"north": "0.5", 'we"st': "0.75", "NULL": "0.9", "gone": "0.2"},
            },
        }
    ],
    "clusters": [{**one("cluster", **STAGES), **keyed(["club"], "0.5")}],
    "clusters by row keys": [{**one("cluster", **STAGES), **keyed(["account"])}],
    "two stages": [{**one("cluster", **STAGES, samples_per_cluster=3), **keyed(["account"])}],
    "weighted": [
        {**one("weighted", weight_column="amount", sample_size=60), **keyed(["account"], "0.9")}
    ],
    "rounds": [
        {**one("random", sample_size=15), **keyed(["account"])},
        {**one("stratified", strata_columns=["region"], sample_size=15), **keyed(["odd"])},
        one("random", sample_size=10),
        {**one("weighted", weight_column="amount", sample_size=10), **keyed(["account"])},
    ],
}


@pytest.mark.parametrize("name", DRAWS)
def test_methods_are_drawn_again(server: LiveServer, dataset: int, name: str) -> None:
    found = accepted(server, dataset, DRAWS[name])
    orders = [stated.get("order", {}).get("key") for stated in found["rounds"]]
    assert [order is None for order in orders] == ["order" not in each for each in DRAWS[name]]


def test_equal_keys_are_numbered_by_the_texts_of_their_rows(
    server: LiveServer, dataset: int
) -> None:
    numbered = keyed(["pair"], "0.1", "number")
    found = accepted(server, dataset, [{**one("random", "amount > 3", sample_size=80), **numbered}])
    assert "L1" not in found["levels"]
    header, *lines = file_of(server, found["job_id"], "data").decode().split("\n")
    assert header == "ordinal,present,pass_1,row,pair"
    assert any("-0.0" in line for line in lines)


def test_rows_that_are_equal_in_all_columns_are_drawn_again(server: LiveServer, twice: int) -> None:
    rounds = [
        {**one("stratified", strata_columns=["even"], sample_size=60), **numbered}
        for numbered in (keyed(["account"], duplicates="number"), keyed(["pair"], "0.2", "number"))
    ]
    found = accepted(server, twice, rounds)
    lines = file_of(server, found["job_id"], "data").decode().split("\n")
    assert lines[0] == "ordinal,present,row,account,even,pair"


def test_left_out_rows_need_no_key_of_their_own(server: LiveServer, dataset: int) -> None:
    first = {**one("random", sample_size=30), **keyed(["account"])}
    body = {"rounds": [first], "export_residual": True, "output_name": "keyed"}
    server.draw(dataset, body)
    rounds = [{**one("random", sample_size=12), **keyed(["account"], "0.5")}]
    body = {"rounds": rounds, "source_ref": "smpl-keyed", "table_key": "residual"}
    job = server.draw(dataset, body)
    require_accepted(server, job["id"], dataset)


REPLACED = ("filter", "stratified", "starts of strata", "two stages", "weighted", "numbered")


@pytest.mark.parametrize("name", REPLACED)
def test_replacements_are_the_next_rows_by_key(server: LiveServer, dataset: int, name: str) -> None:
    numbered = {**one("random", sample_size=9), **keyed(["pair"], "0.6", "number")}
    rounds = [numbered] if name == "numbered" else DRAWS[name]
    job = server.draw(dataset, {"rounds": rounds})
    rows = certified(server, job["id"])["predicate"]["rounds"][0]["ordinals"]
    path = f"/api/sampling/jobs/{job['id']}/replacements"
    for row in (rows[0], rows[-1]):
        body = {"row_id": f"primary:{row}", "reason": "no document"}
        assert server.admin.post(path, json=body).status_code < 300
    predicate = certified(server, job["id"])["predicate"]
    assert len(predicate["replacements"]) == 2
    require_accepted(server, job["id"], dataset)


def test_rows_of_an_earlier_draw_are_left_out_by_their_keys(
    server: LiveServer, dataset: int
) -> None:
    first = server.draw(
        dataset, {"rounds": [{**one("random", sample_size=30), **keyed(["account"])}]}
    )
    each = {**one("random", sample_size=12), **keyed(["account"])}
    job = server.draw(dataset, {"rounds": [{**each, "filters": {"not_drawn_by": [first["id"]]}}]})
    assert job["status"] == "completed", job
    report = require_accepted(server, job["id"], dataset)
    (line,) = (x for x in report["checks"] if "left_out_by" in x["text"])
    assert line["status"] == "claimed"
    assert line["text"].startswith("which 30 rows the table lacks: by the manifest's left_out_by")
    assert line["text"].endswith(f"those of the draw {first['id']}, by account")


def planned(server: LiveServer, dataset: int) -> dict[str, Any]:
    """A draw of a registered plan by dice; the plan states key and start."""
    each = {"method": "random", "parameters": {"sample_size": 20}, **keyed(["account"], "0.25")}
    path = f"/api/sampling/datasets/{dataset}/plan"
    answer = server.admin.post(path, json={"rounds": [each], "commit": True})
    assert answer.status_code == 200, answer.text
    plan = answer.json()["registered"]
    assert json.loads(plan["text"])["rounds"][0]["order"] == each["order"]
    dice = {"digits": "31415926535897932384", "witnesses": ["A. Turing"]}
    return server.draw(dataset, {"plan_id": plan["plan_id"], "seed": {"dice": dice}})


def test_a_plan_fixes_key_and_start(server: LiveServer, dataset: int) -> None:
    job = planned(server, dataset)
    assert job["status"] == "completed", job
    require_accepted(server, job["id"], dataset, "L4")


def test_a_certificate_by_positions_has_no_order(server: LiveServer, dataset: int) -> None:
    found = accepted(server, dataset, [one("random", sample_size=5)])
    assert found["engine"]["order_version"] == "jobsvc-order-1"
    assert "order" not in found["rounds"][0]


def test_clusters_of_floats_have_no_keyed_order(server: LiveServer, dataset: int) -> None:
    clusters = {"cluster_column": "score", "num_clusters": 2}
    body = {"rounds": [{**one("cluster", **clusters), **keyed(["account"])}]}
    answer = server.admin.post(f"/api/sampling/datasets/{dataset}/jobs", json=body)
    assert_problem(answer, 422, "invalid_key", 'the column "score" is DOUBLE')
