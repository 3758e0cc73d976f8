"""Certificates of clusters in strata, by size and in three stages, which a stranger draws again."""

from __future__ import annotations

from itertools import product
from typing import Any

import duckdb
import pytest

from tests.contract.draw_requests import one
from tests.contract.test_certificates import certified, require_accepted
from tests.support.live_server import LiveServer

SCHOOLS = 30
COLUMNS = """
    i AS id, 'school ' || (i % 30) AS school,
    CASE WHEN i % 30 < 10 THEN NULL WHEN i % 30 < 24 THEN 'no"rth' ELSE 'south' END AS region,
    CAST(100 + i % 30 AS INTEGER) AS code,
    CAST(i // 30 * 7919 % 4 AS TINYINT) AS class,
    CASE WHEN i % 30 IN (3, 12) OR i % 11 = 0 THEN NULL
      ELSE CAST((i * 7919 % 1009) / 8.0 AS DECIMAL(12, 3)) END AS pupils,
    CASE WHEN i % 17 = 0 THEN CAST('NaN' AS DOUBLE) WHEN i % 19 = 0 THEN NULL
      WHEN i % 5 = 0 THEN (2 * (i % 7) + 1) / 2e6 ELSE (i % 13) / 7.0 END AS score,
    CAST((i % 23) / 10.0 AS FLOAT) AS ratio,
    CAST(1e9 * (i % 9) AS HUGEINT) * 1000000000000000000 AS large
"""
ROWS = "range(600) AS r(i) WHERE i % 30 > 0 OR i < 200"
"""School 0 has fewer rows than the others."""


@pytest.fixture(scope="module")
def dataset(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> int:
    path = tmp_path_factory.mktemp("schools") / "schools.parquet"
    duckdb.sql(f"COPY (SELECT {COLUMNS} FROM {ROWS} ORDER BY hash(i)) TO '{path}'")
    found = server.new_dataset()
    done = server.import_text(found, path.read_bytes(), "schools.parquet")
    assert done["status"] == "completed", done
    return found


def clusters(where: str | None = None, **parameters: Any) -> dict[str, Any]:
    given = {"cluster_column": "school", "num_clusters": 3, **parameters}
    return one("cluster", where, **given) if where else one("cluster", **given)


def keyed(round_: dict[str, Any], key: str = "id", start: str = "0.4") -> dict[str, Any]:
    return {**round_, "order": {"key": [key], "start": start, "duplicates": "refuse"}}


BANDS = {"column": "code", "breaks": [105, 120]}
IN_STRATA: dict[str, Any] = {"strata_columns": ["region"]}
BY_ROWS: dict[str, Any] = {"cluster_probability": "rows"}
STAGED: dict[str, Any] = {"subcluster_column": "class", "num_subclusters": 2}


def by_column(name: str) -> dict[str, Any]:
    return {"cluster_probability": "size", "size_column": name}


DESIGNS: dict[str, dict[str, Any]] = {
    "strata": {**IN_STRATA, "samples_per_cluster": 4},
    "two strata columns": {"strata_columns": ["region", BANDS], "num_clusters": 2},
    "all of some strata": {**IN_STRATA, "num_clusters": 8, "sample_percentage": 12.5},
    "proportional": {**IN_STRATA, "cluster_allocation": "proportional", "num_clusters": 11},
    "rows": {**BY_ROWS, "num_clusters": 7, "samples_per_cluster": 5},
    "rows in strata": {**BY_ROWS, **IN_STRATA, "samples_per_cluster": 5},
    "decimals": {**by_column("pupils"), "num_clusters": 6},
    "doubles in strata": {**by_column("score"), **IN_STRATA, "num_clusters": 4},
    "floats": {**by_column("ratio"), "num_clusters": 9},
    "large sizes": {**by_column("large"), **IN_STRATA, "samples_per_cluster": 2},
    "certain clusters": {**by_column("pupils"), **IN_STRATA, "num_clusters": 13},
    "names in another case": {
        **by_column("Pupils"),
        "cluster_column": "School",
        "strata_columns": ["REGION"],
        "subcluster_column": "Class",
        "num_subclusters": 3,
    },
    "three stages": {**STAGED, "num_clusters": 6},
    "three stages of all": {**STAGED, **IN_STRATA, **BY_ROWS, "samples_per_cluster": 2},
    "three stages by size": {**STAGED, **by_column("pupils"), "sample_percentage": 40},
}


def accepted(server: LiveServer, dataset: int, rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Draw, let the shipped verifier check all, and return the predicate."""
    job = server.draw(dataset, {"rounds": rounds})
    assert job["status"] == "completed", job
    report = require_accepted(server, job["id"], dataset)
    return {**certified(server, job["id"])["predicate"], "levels": report["levels"], "job": job}


@pytest.mark.parametrize(("name", "is_keyed"), list(product(DESIGNS, [False, True])))
def test_a_stranger_draws_the_same_clusters(
    server: LiveServer, dataset: int, name: str, is_keyed: bool
) -> None:
    plain = clusters(**DESIGNS[name])
    found = accepted(server, dataset, [keyed(plain) if is_keyed else plain])
    assert "L1" in found["levels"]
    (stated,) = found["rounds"]
    facts = stated["facts"]
    drawn = [each for each in facts["first_stage"] if each["drawn"]]
    assert len(drawn) == facts["drawn"]
    keys = [set(each["key"].items()) for each in drawn]
    for group in facts["groups"]:
        inside = any(key <= set(group["key"].items()) for key in keys)
        assert bool(group["sampled"]) <= inside


@pytest.mark.parametrize(
    "design",
    [IN_STRATA, {**IN_STRATA, **by_column("pupils")}, {"cluster_column": "SCHOOL"}, STAGED],
)
def test_the_clusters_alone_may_have_keys(
    server: LiveServer, dataset: int, design: dict[str, Any]
) -> None:
    found = accepted(server, dataset, [keyed(clusters(**design), "school")])
    assert found["rounds"][0]["reserves"] == "none"


def test_filters_rounds_and_a_stratum_that_is_used_up(server: LiveServer, dataset: int) -> None:
    """The strata's numbers count those whose rows an earlier round drew."""
    sizes = {'"no""rth"': "all", "south": 3}
    rounds = [
        one("stratified", strata_columns=["region"], sizes=sizes),
        clusters("id > 50", **IN_STRATA, **by_column("pupils"), num_clusters=2),
        clusters(**IN_STRATA, **STAGED, **BY_ROWS, num_clusters=2, samples_per_cluster=1),
    ]
    found = accepted(server, dataset, rounds)
    second = found["rounds"][1]["facts"]["first_stage"]
    assert {each["stratum"] for each in second} == {1, 2}


def test_a_version_without_drawn_rows_is_drawn_again(server: LiveServer, dataset: int) -> None:
    body = {"rounds": [clusters(**IN_STRATA)], "export_residual": True, "output_name": "schools"}
    server.draw(dataset, body)
    body = {
        "rounds": [clusters(**IN_STRATA, **by_column("score"), samples_per_cluster=3)],
        "source_ref": "smpl-schools",
        "table_key": "residual",
    }
    job = server.draw(dataset, body)
    require_accepted(server, job["id"], dataset)


def test_replacements_come_from_the_drawn_subcluster(server: LiveServer, dataset: int) -> None:
    design = {**STAGED, **IN_STRATA, **BY_ROWS, "samples_per_cluster": 1}
    found = accepted(server, dataset, [clusters(**design)])
    job = found["job"]["id"]
    path = f"/api/sampling/jobs/{job}/replacements"
    row = f"primary:{found['rounds'][0]['ordinals'][0]}"
    answer = server.admin.post(path, json={"row_id": row, "reason": "closed"})
    assert answer.status_code == 200, answer.text
    require_accepted(server, job, dataset)


@pytest.mark.parametrize("stages", [{}, {"subcluster_column": "half", "num_subclusters": 1}])
def test_many_clusters_are_stated_by_their_hash(
    server: LiveServer, tmp_path_factory: pytest.TempPathFactory, stages: dict[str, Any]
) -> None:
    """Groups are many in both cases, clusters in the first one alone."""
    rows = 10_001 if not stages else 9_000
    path = tmp_path_factory.mktemp("many") / "many.parquet"
    columns = "i % 9000 AS school, i % 2 AS region, i % 9 AS pupils, CAST(j AS VARCHAR) AS half"
    if not stages:
        columns = columns.replace("i % 9000", "i")
    source = f"range({rows}) AS r(i), range({1 + len(stages) // 2}) AS s(j)"
    duckdb.sql(f"COPY (SELECT {columns} FROM {source}) TO '{path}'")
    dataset = server.new_dataset()
    server.import_text(dataset, path.read_bytes(), "many.parquet")
    design = {**by_column("pupils"), **IN_STRATA, **stages, "num_clusters": 20}
    found = accepted(server, dataset, [clusters(**design)])
    facts = found["rounds"][0]["facts"]
    assert facts["groups"] is None
    assert (facts["first_stage"] is None) is (not stages)


def test_nothing_to_draw_is_certified(server: LiveServer, dataset: int) -> None:
    rounds = [clusters("id > 5000", **IN_STRATA, **BY_ROWS)]
    job = server.draw(dataset, {"rounds": rounds, "allow_empty": True})
    assert certified(server, job["id"])["predicate"]["rounds"][0]["facts"]["first_stage"] == []
    require_accepted(server, job["id"], dataset)
