"""The seeds of later rounds and of draws from samples, in every response about a draw."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from storage.jobs.jobs import cancel_job, get_job
from storage.jobs.submission import NewJob, insert_job
from tests.support.live_server import LiveServer

SIZE = {"sample_size": 40, "seed": 42}
RANDOM = {"method": "random", "parameters": SIZE}
FILTERED = {**RANDOM, "filters": {"expression": "id >= 500"}}
FIRST = {"rounds": [RANDOM, FILTERED], "export_residual": True}
KNOWN_TEXT = (
    '{"rounds":[{"effective_seed":"42","filters":null,"method":"random",'
    '"parameters":{"sample_size":10}}],"source_rows":2000}'
)


@pytest.fixture(scope="module")
def first(server: LiveServer, dataset_id: int) -> dict[str, Any]:
    """A draw of two rounds by one seed, with its residual."""
    return server.draw(dataset_id, FIRST)


def digest_of(job: dict[str, Any]) -> str:
    """The digest as docs/SAMPLING.md has an outsider compute it."""
    summary, parameters = job["output_summary"], job["run_parameters"]
    rounds = [
        {
            "effective_seed": account["effective_seed"],
            "filters": given.get("filters"),
            "method": given["method"],
            "parameters": {k: v for k, v in given["parameters"].items() if k != "seed"},
        }
        for given, account in zip(parameters["rounds"], summary["rounds"], strict=True)
    ]
    draw = {"rounds": rounds, "source_rows": summary["source_rows"]}
    text = json.dumps(draw, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def seeds_of(job: dict[str, Any]) -> list[str]:
    return [one["effective_seed"] for one in job["output_summary"]["rounds"]]


def ids(server: LiveServer, job: dict[str, Any]) -> list[Any]:
    return [row["_logical_row_id"] for row in server.rows(job["id"], limit=1000)]


def test_a_later_round_has_a_seed_of_its_own(first: dict[str, Any]) -> None:
    assert seeds_of(first) == ["42", "42:round-2"]
    assert [one["seed"] for one in first["output_summary"]["rounds"]] == [42, 42]


def test_an_outsider_can_compute_the_digest(server: LiveServer, dataset_id: int) -> None:
    body = {"method": "random", "parameters": {"sample_size": 10, "seed": 42}}
    job = server.draw(dataset_id, body)
    digest = hashlib.sha256(KNOWN_TEXT.encode()).hexdigest()[:16]
    assert digest == digest_of(job) == "28e6b5efc2194b02"
    again = server.draw(dataset_id, {**body, "source_ref": job["output_summary"]["output_ref"]})
    assert seeds_of(again) == [f"42:from-{digest}"]


@pytest.mark.parametrize("table_key", ["primary", "sample", "residual"])
def test_every_answer_tells_the_seed_of_a_sample(
    server: LiveServer, dataset_id: int, first: dict[str, Any], table_key: str
) -> None:
    source = {"source_ref": first["output_summary"]["output_ref"], "table_key": table_key}
    body = {**source, "rounds": [RANDOM]}
    expected = [f"42:from-{digest_of(first)}"]
    at_once = server.admin.post(f"/api/sampling/datasets/{dataset_id}/sample", json=body).json()
    assert at_once["metadata"]["effective_seed"] == expected[0]
    body["rounds"] = [RANDOM, RANDOM]
    expected.append(f"{expected[0]}:round-2")
    plan = server.admin.post(f"/api/sampling/datasets/{dataset_id}/plan", json=body).json()
    assert [one["effective_seed"] for one in plan["rounds"]] == expected
    job = server.draw(dataset_id, body)
    assert seeds_of(job) == expected
    rows = server.rows(job["id"], limit=1000)
    assert [row["_logical_row_id"] for row in at_once["data"]] == ids(server, job)[:40]
    assert {row["_sampling_round"] for row in rows} == {1, 2}
    why = server.admin.get(f"/api/sampling/jobs/{job['id']}/rows/{ids(server, job)[-1]}").json()
    assert [one["effective_seed"] for one in why["rounds"]] == expected
    history = server.admin.get(f"/api/sampling/datasets/{dataset_id}/history").json()["jobs"]
    (entry,) = [one for one in history if one["id"] == job["id"]]
    assert [one["effective_seed"] for one in entry["rounds"]] == expected
    assert [one["seed"] for one in entry["rounds"]] == [42, 42]


def test_reserves_of_a_later_round_are_its_next_rows(
    server: LiveServer, dataset_id: int, first: dict[str, Any]
) -> None:
    larger = {**FILTERED, "parameters": {"sample_size": 45, "seed": 42}}
    job = server.draw(dataset_id, {"rounds": [RANDOM, larger]})
    path = f"/api/sampling/jobs/{first['id']}/reserves"
    reserves = server.admin.get(path, params={"round": 2, "limit": 5}).json()["data"]
    assert [row["_logical_row_id"] for row in reserves] == ids(server, job)[-5:]


def test_a_ref_and_a_query_keep_the_draw_of_a_sample(
    server: LiveServer, dataset_id: int, first: dict[str, Any]
) -> None:
    sample = first["output_summary"]["output_ref"]
    server.admin.post(
        f"/api/datasets/{dataset_id}/refs", json={"name": "examined", "source_ref": sample}
    )
    expected = [f"42:from-{digest_of(first)}"]
    body = {"method": "random", "parameters": SIZE}
    drawn = server.draw(dataset_id, {**body, "source_ref": "examined", "table_key": "primary"})
    assert seeds_of(drawn) == expected
    source = "examined"
    for _ in range(2):
        table = "sample" if source == "examined" else "result"
        query = {"sql": f"SELECT * FROM {table} WHERE id < 1500", "source_ref": source}
        found = server.explore(dataset_id, query)
        assert found["status"] == "completed", found
        source = found["output_summary"]["output_commit_id"]
        assert seeds_of(server.draw(dataset_id, {**body, "source_ref": source})) == expected


def test_an_import_and_a_query_of_it_keep_the_seed(server: LiveServer) -> None:
    dataset = server.new_table(100)
    sample = server.draw(dataset, {"rounds": [RANDOM]})["output_summary"]["output_ref"]
    given = {"name": "copy", "source_ref": sample}
    assert server.admin.post(f"/api/datasets/{dataset}/refs", json=given).status_code == 200
    server.import_text(dataset, "id\n" + "\n".join(map(str, range(90))), ref="copy")
    body = {"method": "random", "parameters": SIZE}
    assert seeds_of(server.draw(dataset, {**body, "source_ref": "copy"})) == ["42"]
    found = server.explore(dataset, {"sql": "SELECT * FROM data"})
    source = found["output_summary"]["output_commit_id"]
    assert seeds_of(server.draw(dataset, {**body, "source_ref": source})) == ["42"]


def test_the_digest_is_the_same_for_other_files(server: LiveServer) -> None:
    body = {"method": "random", "parameters": SIZE}
    seeds = set()
    for name in ("id", "number"):
        dataset = server.new_dataset()
        server.import_text(dataset, f"{name}\n" + "\n".join(map(str, range(300))))
        sample = server.draw(dataset, {**body, "output_name": f"of_{name}"})
        again = server.draw(dataset, {**body, "source_ref": sample["output_summary"]["output_ref"]})
        seeds.update(seeds_of(again))
    assert len(seeds) == 1


def retried(
    server: LiveServer, like: dict[str, Any], source: str, parameters: dict[str, Any]
) -> dict[str, Any]:
    """The retry of a job that was cancelled before it started."""
    service, job_id = server.service, server.service.new_id()
    with service.database.write() as tx:
        made_by = get_job(tx, like["id"])
        new = NewJob(job_id, "sampling", made_by.dataset_id, made_by.user_id, source, parameters)
        insert_job(tx, new, service.clock, 100)
        cancel_job(tx, job_id, made_by.user_soeid, service.clock)
    answer = server.admin.post(f"/api/jobs/{job_id}/retry").json()
    return server.finished(answer["job_id"])


def test_a_retry_of_a_draw_from_a_sample_draws_its_rows(
    server: LiveServer, dataset_id: int, first: dict[str, Any]
) -> None:
    source = first["output_summary"]["output_commit_id"]
    body = {"source_ref": source, "table_key": "residual", "rounds": [RANDOM, RANDOM]}
    job = server.draw(dataset_id, body)
    again = retried(server, first, source, {**job["run_parameters"], "output_ref": "smpl-again"})
    assert seeds_of(again) == seeds_of(job)
    assert ids(server, again) == ids(server, job)


def test_a_job_without_a_draw_version_is_repeated_by_the_first(
    server: LiveServer, dataset_id: int, first: dict[str, Any]
) -> None:
    source = first["output_summary"]["output_commit_id"]
    rounds = [{**RANDOM, "round_number": number} for number in (1, 2)]
    old = {**first["run_parameters"], "rounds": rounds, "table_key": "sample"}
    old["output_ref"] = "smpl-old"
    del old["draw_version"], old["source_draw"]
    repeated = retried(server, first, source, old)
    assert seeds_of(repeated) == ["42", "42"]
    asked = {"source_ref": source, "table_key": "sample", "rounds": rounds}
    by_version = server.draw(dataset_id, {**asked, "draw_version": 1})
    assert ids(server, by_version) == ids(server, repeated)
    assert ids(server, server.draw(dataset_id, asked)) != ids(server, repeated)
    path = f"/api/sampling/jobs/{repeated['id']}/rows/{ids(server, repeated)[-1]}"
    assert [one["effective_seed"] for one in server.admin.get(path).json()["rounds"]] == ["42"] * 2


def test_a_job_records_where_each_seed_is_from(
    server: LiveServer, dataset_id: int, first: dict[str, Any]
) -> None:
    unseeded = {"method": "random", "parameters": {"sample_size": 5, "seed": None}}
    job = server.draw(dataset_id, {"rounds": [RANDOM, unseeded]})
    parameters = job["run_parameters"]
    assert parameters["seed_origins"] == ["chosen", "entropy"]
    source = first["source_commit_id"]
    again = retried(server, job, source, {**parameters, "output_ref": "smpl-seeds"})
    assert again["run_parameters"]["seed_origins"] == ["chosen", "entropy"]
    del parameters["seed_origins"]
    old = retried(server, job, source, {**parameters, "output_ref": "smpl-no-origins"})
    history = server.admin.get(f"/api/sampling/datasets/{dataset_id}/history").json()["jobs"]
    origins = {each["id"]: [one["seed_origin"] for one in each["rounds"]] for each in history}
    assert origins[job["id"]] == ["chosen", "entropy"]
    assert origins[old["id"]] == [None, None]


def test_a_plan_and_a_summary_warn_of_several_rounds(
    server: LiveServer, dataset_id: int, first: dict[str, Any]
) -> None:
    (warning,) = first["output_summary"]["warnings"]
    assert "can't be added up over rounds" in warning
    path = f"/api/sampling/datasets/{dataset_id}/plan"
    assert server.admin.post(path, json=FIRST).json()["warnings"] == [warning]
    assert server.admin.post(path, json={"rounds": [RANDOM]}).json()["warnings"] == []
    old = server.admin.post(path, json={"rounds": [RANDOM], "draw_version": 1}).json()
    assert "draw_version" in old["warnings"][0]
