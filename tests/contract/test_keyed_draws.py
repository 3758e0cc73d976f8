"""Draws in the order of row keys over HTTP: the order is settled, recorded and used everywhere."""

from __future__ import annotations

import json
import random
from typing import Any

import httpx
import pytest

from application.samples.replacements import draw_record
from storage.jobs.jobs import get_job
from storage.sqlite.clock import system_clock
from storage.versions.row_keys import set_row_key
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ROWS = 600
SEEDED = {"seed": 42}
METHODS: dict[str, dict[str, Any]] = {
    "random": {"sample_size": 30},
    "stratified": {"strata_columns": ["branch"], "sample_size": 30},
    "cluster": {"cluster_column": "branch", "num_clusters": 3, "samples_per_cluster": 5},
    "weighted": {"weight_column": "amount", "sample_size": 30},
}


def accounts(numbers: list[int]) -> str:
    lines = [f"A{at:05},{at % 7},{1 + at % 13}.25,{at}" for at in numbers]
    return "\n".join(["account,branch,amount,value", *lines]) + "\n"


def shuffled(seed: int, first: int = 0, stop: int = ROWS) -> list[int]:
    numbers = list(range(first, stop))
    random.Random(seed).shuffle(numbers)
    return numbers


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    """Two versions of a table: ``again`` has the rows of ``main`` in another order."""
    dataset_id = server.new_dataset()
    server.import_text(dataset_id, accounts(shuffled(1)))
    body = {"name": "again", "source_ref": "main"}
    answer = server.admin.post(f"/api/datasets/{dataset_id}/refs", json=body)
    assert answer.status_code == 200, answer.text
    server.import_text(dataset_id, accounts(shuffled(2)), ref="again")
    return dataset_id


def url(dataset: int, path: str) -> str:
    return f"/api/sampling/datasets/{dataset}/{path}"


def keyed(method: str = "random", **order: Any) -> dict[str, Any]:
    order = {"key": ["account"], **order}
    return {"method": method, "parameters": {**SEEDED, **METHODS[method]}, "order": order}


def refused(answer: httpx.Response, code: str, loc: list[str | int], *parts: str) -> None:
    """Check that a request is refused with this code, at this place of its body."""
    document = assert_problem(answer, 422, code, *parts)
    assert [error["loc"] for error in document["errors"]] == [["body", *loc]]


def drawn(server: LiveServer, job: dict[str, Any], column: str = "account") -> list[str]:
    return [row[column] for row in server.rows(job["id"], limit=1000)]


def declare(
    server: LiveServer, dataset: int, columns: list[str], duplicates: Any = "refuse"
) -> None:
    with server.service.database.write() as tx:
        set_row_key(tx, dataset, "primary", columns, duplicates, 1, system_clock)


@pytest.mark.parametrize("method", METHODS)
def test_two_versions_give_the_same_rows(server: LiveServer, dataset: int, method: str) -> None:
    first = server.draw(dataset, {"rounds": [keyed(method)]})
    again = server.draw(dataset, {"rounds": [keyed(method)], "source_ref": "again"})
    assert drawn(server, first) == drawn(server, again)
    (result,) = first["output_summary"]["rounds"]
    assert result["order_version"] == "jobsvc-order-2"
    (recorded,) = first["run_parameters"]["rounds"]
    assert recorded["order"] == {"key": ["account"], "start": "0", "duplicates": "refuse"}
    plain = {"rounds": [{**keyed(method), "order": None}]}
    assert drawn(server, server.draw(dataset, plain)) != drawn(server, first)


def test_a_round_without_a_key_takes_the_declared_one(server: LiveServer) -> None:
    dataset = server.new_named("declared keys", accounts(shuffled(3)))
    body = {"method": "random", "parameters": {"sample_size": 20, **SEEDED}, "order": {}}
    answer = server.admin.post(url(dataset, "jobs"), json=body)
    refused(answer, "no_row_key", ["rounds", 0, "order"], "key", "row key")
    declare(server, dataset, ["account"])
    job = server.draw(dataset, {**body, "order": {"start": 0.25}})
    (recorded,) = job["run_parameters"]["rounds"]
    assert recorded["order"] == {"key": ["account"], "start": "0.25", "duplicates": "refuse"}
    declare(server, dataset, ["value"], "number")
    (recorded,) = server.draw(dataset, body)["run_parameters"]["rounds"]
    assert recorded["order"] == {"key": ["value"], "start": "0", "duplicates": "number"}
    again = server.draw(dataset, {"rounds": job["run_parameters"]["rounds"]})
    assert drawn(server, again) == drawn(server, job)
    named = {**body, "order": {"key": ["ACCOUNT"]}}
    (recorded,) = server.draw(dataset, named)["run_parameters"]["rounds"]
    assert recorded["order"] == {"key": ["account"], "start": "0", "duplicates": "refuse"}


def test_a_sample_and_a_residual_have_the_key_of_their_table(server: LiveServer) -> None:
    dataset = server.new_named("keys of samples", accounts(shuffled(4)))
    declare(server, dataset, ["account"])
    job = server.draw(dataset, {"rounds": [keyed()], "export_residual": True})
    output = job["output_summary"]["output_ref"] or job["output_commit_id"]
    for table_key, rows in (("sample", 30), ("residual", ROWS - 30)):
        body = {**keyed(), "order": {}, "source_ref": output, "table_key": table_key}
        plan = server.admin.post(url(dataset, "plan"), json=body).json()
        assert plan["source_rows"] == rows
        assert plan["rounds"][0]["order"]["key"] == ["account"]
        found = server.draw(dataset, body)
        assert found["run_parameters"]["rounds"][0]["order"]["key"] == ["account"]
    residual = set(drawn(server, found))
    assert len(residual) == 30
    assert not residual & set(drawn(server, job))


@pytest.mark.parametrize(
    ("change", "code", "loc", "words"),
    [
        ({"draw_version": 1}, "invalid_key", ["rounds", 0, "order"], "Draw version 1"),
        (
            {"order": {"key": ["account", "no"]}},
            "unknown_column",
            ["rounds", 0, "order", "key", 1],
            '"no"',
        ),
        (
            {"order": {"key": ["account", "Account"]}},
            "invalid_key",
            ["rounds", 0, "order", "key", 1],
            "twice",
        ),
        (
            {"method": "systematic", "order": {}},
            "invalid_key",
            ["rounds", 0, "order"],
            "no keyed order",
        ),
    ],
)
def test_a_wrong_order_is_refused_before_a_job(
    server: LiveServer,
    dataset: int,
    change: dict[str, Any],
    code: str,
    loc: list[str | int],
    words: str,
) -> None:
    body = {"method": "random", "parameters": {"sample_size": 9}, "order": {"key": ["account"]}}
    for path in ("jobs", "plan", "sample"):
        answer = server.admin.post(url(dataset, path), json={**body, **change})
        refused(answer, code, loc, words)


def test_a_method_along_the_table_says_what_to_use(server: LiveServer, dataset: int) -> None:
    body = {
        "method": "monetary_unit",
        "parameters": {"sample_size": 9, "book_column": "amount"},
        "order": {},
    }
    answer = server.admin.post(url(dataset, "plan"), json=body)
    refused(answer, "invalid_key", ["rounds", 0, "order"], "draw a weighted sample by the amount")


def test_a_key_with_faults_fails_the_job_with_examples(server: LiveServer) -> None:
    lines = [f"{'' if at in (3, 5) else f'K{at % 90}'},{at}" for at in range(100)]
    dataset = server.new_named("faulty keys", "\n".join(["account,value", *lines]) + "\n")
    job = server.draw(dataset, {"rounds": [{**keyed(), "selection": None}]})
    assert (job["status"], job["error_code"]) == ("failed", "key_missing")
    assert "2 rows, such as row 3, row 5" in job["error_message"]
    filled = "\n".join(["account,value", *(f"K{at % 90},{at}" for at in range(100))]) + "\n"
    server.import_text(dataset, filled)
    job = server.draw(dataset, {"rounds": [keyed()]})
    assert (job["status"], job["error_code"]) == ("failed", "key_not_unique")
    assert "20 rows share their key" in job["error_message"]
    assert "K0; K1; K2" in job["error_message"]
    answer = server.admin.post(url(dataset, "plan"), json={"rounds": [keyed()]})
    refused(answer, "key_not_unique", ["rounds", 0, "order", "key"])
    job = server.draw(dataset, {"rounds": [keyed(duplicates="number")]})
    assert job["status"] == "completed"


def test_rounds_filters_and_reserves_follow_the_keys(server: LiveServer, dataset: int) -> None:
    rounds = [
        {**keyed(), "filters": {"expression": "value < 300"}},
        keyed("stratified", start="0.5"),
        {"method": "random", "parameters": {**SEEDED, "sample_size": 4}},
    ]
    first = server.draw(dataset, {"rounds": rounds})
    again = server.draw(dataset, {"rounds": rounds, "source_ref": "again"})
    assert drawn(server, first)[:60] == drawn(server, again)[:60]
    assert drawn(server, first)[60:] != drawn(server, again)[60:]
    for number in (1, 2):
        query = {"limit": 3, "round": number}
        found = [
            [
                row["account"]
                for row in server.admin.get(
                    f"/api/sampling/jobs/{job['id']}/reserves", params=query
                ).json()["data"]
            ]
            for job in (first, again)
        ]
        assert found[0]
        assert found[0] == found[1]


def test_an_explanation_states_the_keys_place(server: LiveServer, dataset: int) -> None:
    job = server.draw(dataset, {"rounds": [keyed(start="0.25")]})
    place = {"columns": ["account"], "number": None, "start": "0.25"}
    ranks: dict[bool, list[int]] = {True: [], False: []}
    for number in range(40):
        query = {"column": "account", "value": f"A{number:05}"}
        answer = server.admin.get(f"/api/sampling/jobs/{job['id']}/lookup", params=query)
        (row,) = answer.json()["rows"]
        (verdict,) = row["rounds"]
        stated = verdict["key_place"]
        assert {name: stated[name] for name in place} == place
        assert stated["values"] == [f"A{number:05}"]
        assert stated["rank"] == str(verdict["rank"])
        assert f"its key A{number:05} has the digest {stated['digest']}" in verdict["reason"]
        assert "from 0.25" in verdict["reason"]
        ranks[row["drawn"]].append(int(stated["rank"]))
    assert max(ranks[True], default=0) < min(ranks[False])


def test_an_explanation_goes_from_the_start_of_its_stratum(
    server: LiveServer, dataset: int
) -> None:
    given = keyed("stratified", start="0.25", starts={"3": "0.75"})
    job = server.draw(dataset, {"rounds": [given]})
    for number, start in ((3, "0.75"), (4, "0.25")):
        query = {"column": "account", "value": f"A{number:05}"}
        answer = server.admin.get(f"/api/sampling/jobs/{job['id']}/lookup", params=query)
        (verdict,) = answer.json()["rows"][0]["rounds"]
        assert verdict["key_place"]["start"] == start
        assert verdict["key_place"]["rank"] == str(verdict["rank"])
        assert "starts" not in verdict["key_place"]


def test_numbered_duplicates_are_explained_by_their_numbers(server: LiveServer) -> None:
    lines = [f"K{at // 3},{at}" for at in range(60)]
    dataset = server.new_named("numbered keys", "\n".join(["account,value", *lines]) + "\n")
    job = server.draw(dataset, {"rounds": [keyed(duplicates="number")]})
    query = {"column": "account", "value": "K4"}
    answer = server.admin.get(f"/api/sampling/jobs/{job['id']}/lookup", params=query).json()
    places = [row["rounds"][0]["key_place"] for row in answer["rows"]]
    assert {place["number"] for place in places} == {None, 2, 3}
    assert len({place["digest"] for place in places}) == 3


def test_a_registered_plan_keeps_its_key(server: LiveServer) -> None:
    dataset = server.new_named("plans of keys", accounts(shuffled(5)))
    declare(server, dataset, ["account"])
    open_round = {"method": "random", "parameters": {"sample_size": 12}, "order": {"start": "0.5"}}
    body = {"rounds": [open_round], "commit": True}
    plan = server.admin.post(url(dataset, "plan"), json=body).json()["registered"]
    settled = {"key": ["account"], "start": "0.5", "duplicates": "refuse"}
    assert json.loads(plan["text"])["rounds"][0]["order"] == settled
    declare(server, dataset, ["value"])
    for given in ({}, {"rounds": [open_round]}):
        job = server.draw(dataset, {"plan_id": plan["plan_id"], "seed": 9, **given})
        assert job["run_parameters"]["rounds"][0]["order"] == settled
    moved = {**open_round, "order": {"start": "0.25"}}
    answer = server.admin.post(
        url(dataset, "jobs"), json={"plan_id": plan["plan_id"], "rounds": [moved]}
    )
    refused(answer, "invalid_value", ["rounds"])
    plain = {name: value for name, value in open_round.items() if name != "order"}
    answer = server.admin.post(
        url(dataset, "jobs"), json={"plan_id": plan["plan_id"], "rounds": [plain]}
    )
    refused(answer, "invalid_value", ["rounds"])


def test_a_template_and_a_schedule_repeat_the_order(server: LiveServer, dataset: int) -> None:
    job = server.draw(dataset, {"rounds": [keyed(start="0.75")]})
    recorded = job["run_parameters"]["rounds"][0]["order"]
    body = {"name": "keyed", "body": {"rounds": [{**keyed(), "order": recorded}]}}
    answer = server.admin.post("/api/sampling/templates", json=body)
    assert answer.status_code == 200, answer.text
    templates = server.admin.get("/api/sampling/templates").json()["templates"]
    (found,) = (each for each in templates if each["name"] == "keyed")
    assert found["body"]["rounds"][0]["order"] == recorded
    schedule = {"name": "keyed", "job_id": job["id"], "cron": "0 6 * * 1", "zone": "UTC"}
    answer = server.admin.post("/api/schedules", json=schedule)
    assert answer.status_code == 200, answer.text
    run = server.admin.post(f"/api/schedules/{answer.json()['id']}/run").json()
    repeated = server.finished(run["job_id"])
    assert repeated["run_parameters"]["rounds"][0]["order"] == recorded


def test_an_equal_request_is_the_same_job_until_the_key_changes(server: LiveServer) -> None:
    dataset = server.new_named("equal keyed requests", accounts(shuffled(6)))
    declare(server, dataset, ["account"])
    body = {"rounds": [{**keyed(), "order": {}}], "output_name": "same"}
    first = server.draw(dataset, body)
    assert server.draw(dataset, body)["id"] == first["id"]
    declare(server, dataset, ["value"])
    answer = server.admin.post(url(dataset, "jobs"), json=body)
    assert answer.status_code == 409, answer.text


def test_the_record_of_files_states_the_order(server: LiveServer, dataset: int) -> None:
    plain = {"method": "random", "parameters": {**SEEDED, "sample_size": 4}}
    both = server.draw(dataset, {"rounds": [keyed(), plain]})
    one = server.draw(dataset, {"rounds": [keyed()]})
    with server.service.database.read() as tx:
        records = [draw_record(get_job(tx, job["id"], with_position=False)) for job in (both, one)]
    assert [record["order_version"] for record in records] == [None, "jobsvc-order-2"]
    assert [given.get("order_version") for given in records[0]["rounds"]] == [
        "jobsvc-order-2",
        None,
    ]
    design = server.admin.get(f"/api/sampling/jobs/{both['id']}/design").json()
    assert [step["order_version"] for step in design["steps"]] == [
        "jobsvc-order-2",
        "jobsvc-order-1",
    ]


def test_more_rows_of_a_keyed_sample_are_drawn_in_its_order(
    server: LiveServer, dataset: int
) -> None:
    small = server.draw(dataset, {"rounds": [keyed()]})
    larger = keyed()
    larger["parameters"] = {**SEEDED, "sample_size": 55}
    large = server.draw(dataset, {"rounds": [larger], "source_ref": "again"})
    assert set(drawn(server, small)) < set(drawn(server, large))


def test_a_draw_at_once_states_its_order(server: LiveServer, dataset: int) -> None:
    answer = server.admin.post(url(dataset, "sample"), json=keyed())
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["metadata"]["order"]["key"] == ["account"]
    assert found["metadata"]["order_version"] == "jobsvc-order-2"
    job = server.draw(dataset, {"rounds": [keyed()]})
    assert [row["account"] for row in found["data"]] == drawn(server, job)


@pytest.mark.parametrize(
    ("start", "recorded"),
    [("-0", "0"), ("0.250", "0.25"), (0.5, "0.5"), ("0.123456789012345678", None)],
)
def test_a_start_is_recorded_as_plain_digits(
    server: LiveServer, dataset: int, start: str | float, recorded: str | None
) -> None:
    job = server.draw(dataset, {"rounds": [keyed(start=start)]})
    assert job["run_parameters"]["rounds"][0]["order"]["start"] == (recorded or start)


@pytest.mark.parametrize("start", ["1", "-0.1", "0.1234567890123456789", "1e-19", True])
def test_other_starts_are_refused(server: LiveServer, dataset: int, start: Any) -> None:
    body = {"rounds": [keyed(start=start)]}
    answer = server.admin.post(url(dataset, "jobs"), json=body)
    assert_problem(answer, 422, "invalid_request")
    assert answer.json()["errors"][0]["loc"] == ["body", "rounds", 0, "order", "start"]


def test_clusters_by_their_own_value_name_no_rows(server: LiveServer) -> None:
    """Rows are matched by the declared key then, and not by the value of their cluster."""
    dataset = server.new_dataset()
    server.import_text(dataset, accounts(shuffled(1)))
    declare(server, dataset, ["account"])
    method = {"cluster_column": "branch", "num_clusters": 2, "seed": 1}
    clusters = {"method": "cluster", "parameters": method, "order": {"key": ["Branch"]}}
    job = server.draw(dataset, {"rounds": [clusters]})
    server.import_text(dataset, accounts(shuffled(2, 10, ROWS + 10)))
    now = server.admin.get(f"/api/sampling/jobs/{job['id']}/rows?as_of=main&limit=1000").json()
    assert now["metadata"]["key"] == ["account"]
    assert now["metadata"]["changed"] == 0
    later = server.draw(dataset, {"rounds": [clusters]})
    change = server.admin.post(
        f"/api/sampling/jobs/{job['id']}/change",
        json={"with_job": later["id"], "statistics": [{"statistic": "mean", "column": "value"}]},
    )
    assert change.status_code == 200, change.text
    rest = {"method": "random", "parameters": {"sample_size": 9, "seed": 1}}
    filtered = {**rest, "filters": {"not_drawn_by": [job["id"]]}}
    left = server.draw(dataset, {"rounds": [filtered]})
    assert left["run_parameters"]["excluded"]["key"] == ["account"]
