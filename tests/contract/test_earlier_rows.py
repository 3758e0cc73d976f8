"""The filters ``new_since`` and ``not_drawn_by`` of draws over HTTP."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.lifecycle import original_request, same_request
from storage.jobs.jobs import get_job
from storage.versions.manifests import get_commit, insert_commit
from storage.versions.refs import get_ref
from tests.contract.problems import assert_problem
from tests.contract.test_certificates import certified, require_accepted
from tests.support.live_server import LiveServer
from tests.support.nightly import amount

HEADER = "document,part,amount"


@dataclass
class Ledger:
    """A table of documents in several versions; main has the newest."""

    server: LiveServer
    dataset_id: int

    @classmethod
    def new(cls, server: LiveServer, *versions: Sequence[str]) -> Ledger:
        made = cls(server, server.new_dataset())
        for version in versions:
            made.load(version)
        return made

    def load(self, lines: Sequence[str], header: str = HEADER) -> str:
        """Import a version; its commit."""
        job = self.server.import_text(self.dataset_id, "\n".join([header, *lines]) + "\n")
        assert job["status"] == "completed", job
        return newest(self)

    def declare(self, *columns: str, duplicates: str = "refuse") -> None:
        body = {"table_key": "primary", "columns": columns, "duplicates": duplicates}
        answer = self.server.admin.put(f"/api/datasets/{self.dataset_id}/row-key", json=body)
        assert answer.status_code == 200, answer.text

    def post(self, path: str, filters: Any, **step: Any) -> httpx.Response:
        return self.server.admin.post(
            f"/api/sampling/datasets/{self.dataset_id}/{path}", json=body_of(filters, **step)
        )

    def plan(self, filters: Any, **step: Any) -> dict[str, Any]:
        answer = self.post("plan", filters, **step)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def draw(self, filters: Any = None, **step: Any) -> dict[str, Any]:
        job = self.server.draw(self.dataset_id, body_of(filters, **step))
        assert job["status"] == "completed", job
        return job

    def documents(self, job: dict[str, Any]) -> list[str]:
        rows = self.server.rows(job["id"], limit=1000)
        return [row["document"] for row in rows]

    def body(self, job: dict[str, Any]) -> dict[str, Any]:
        """The request that draws the same rows again, in a new sample."""
        with self.server.service.database.read() as tx:
            return {**same_request(get_job(tx, job["id"])), "output_name": f"again-{job['id'][:8]}"}


def body_of(filters: Any, size: int = 5, **step: Any) -> dict[str, Any]:
    step = {"method": "random", "parameters": {"sample_size": size, "seed": 3}, **step}
    outside = {name: step.pop(name) for name in ("source_ref", "output_name") if name in step}
    step |= {} if filters is None else {"filters": filters}
    return {"rounds": [step], **outside}


def lines_of(documents: Sequence[int]) -> list[str]:
    return [f"D{each},{each % 3},{each * 7 % 11}" for each in documents]


def shuffled(numbers: Sequence[int], seed: int) -> list[int]:
    return random.Random(seed).sample(list(numbers), len(numbers))


@pytest.fixture
def ledger(server: LiveServer) -> Ledger:
    """Documents 0 to 39, then 5 to 59 in another order, with the declared key."""
    made = Ledger.new(server, lines_of(range(40)), lines_of(shuffled(range(5, 60), 1)))
    made.declare("document")
    return made


def first_version(ledger: Ledger) -> str:
    service = ledger.server.service
    with service.database.read() as tx:
        newest = get_ref(tx, ledger.dataset_id, "main").commit_id
        assert newest is not None
        parent = get_commit(tx, ledger.dataset_id, newest).manifest.parent_id
    assert parent is not None
    return parent


def test_thirty_of_2000_new_postings_among_40_duplicates(server: LiveServer) -> None:
    """The postings of a period come again, shuffled, with those of the next one."""
    rng = random.Random(1)
    old = [f"{each},{each % 9},{rng.randrange(1, 99_999) / 100}" for each in range(29_960)]
    old += rng.sample(old, 40)
    new = [f"{each},{each % 9},{rng.randrange(1, 99_999) / 100}" for each in range(50_000, 52_000)]
    ledger = Ledger(server, server.new_dataset())
    before = ledger.load(rng.sample(old, len(old)))
    first = ledger.draw(None, size=80)
    ledger.load(rng.sample(old + new, len(old) + len(new)))
    order = {"key": ["document"]}
    refused = ledger.post("plan", {"new_since": before}, order=order)
    assert_problem(
        refused, 422, "key_not_unique", "80 rows share their key", "(duplicates: number)"
    )
    ledger.declare("document", duplicates="number")
    plan = ledger.plan({"new_since": before, "not_drawn_by": [first["id"][:8]]}, size=30)
    found = plan["excluded"]
    assert (found["source_rows"], found["new_rows"], found["undrawn_rows"]) == (
        32_000,
        2000,
        31_920,
    )
    assert (found["excluded_rows"], found["remaining_rows"]) == (30_000, 2000)
    assert plan["rounds"][0]["eligible_rows"] == plan["source_rows"] == 2000
    job = ledger.draw({"new_since": before}, size=30, order={})
    drawn = ledger.documents(job)
    assert len(set(drawn)) == 30
    assert min(drawn) >= 50_000  # type: ignore[type-var]
    assert job["output_summary"]["source_rows"] == 2000


def test_a_draw_of_new_rows_is_recorded_certified_and_repeated(ledger: Ledger) -> None:
    server, before = ledger.server, first_version(ledger)
    first = ledger.draw(None, size=8)
    asked = {"new_since": before[:10], "not_drawn_by": [first["id"][:9].upper().lower()]}
    job = ledger.draw({"expression": "amount >= 0", **asked})
    new = {f"D{each}" for each in range(40, 60)} - set(ledger.documents(first))
    assert set(ledger.documents(job)) <= new
    record = job["run_parameters"]["excluded"]
    assert (record["new_since"], record["job_ids"]) == (before, [first["id"]])
    assert record["filters"] == {"new_since": before[:10], "not_drawn_by": [first["id"]]}
    assert (record["key"], record["rows"]) == (["document"], 55 - len(new))
    assert job["run_parameters"]["rounds"][0]["filters"] == {"expression": "amount >= 0"}
    with server.service.database.read() as tx:
        stored = get_job(tx, job["id"])
    assert original_request(stored)["rounds"][0]["filters"] == {
        "expression": "amount >= 0",
        **record["filters"],
    }
    require_accepted(server, job["id"], ledger.dataset_id)
    statement = certified(server, job["id"])["predicate"]
    assert statement["population"]["rows"] == len(new)
    assert f'"new_since":"{before}"' in statement["population"]["manifest"]
    assert "isn't shown by the certificate" in statement["warnings"][-1]
    path = f"/api/sampling/jobs/{job['id']}"
    notes = server.admin.post(f"{path}/estimates", json={"statistics": [{"statistic": "count"}]})
    (count,) = notes.json()["estimates"]
    assert (count["estimate"], len(new)) == (len(new), len(new))
    assert any("The population is the table without" in each for each in notes.json()["notes"])
    paper = server.admin.get(f"{path}/working-paper", params={"format": "html"}).text
    assert f"{55 - len(new)} rows that version {before[:12]} or 1 earlier sample has" in paper
    ledger.load(lines_of(range(100)))
    answer = server.admin.delete(
        f"/api/datasets/{ledger.dataset_id}/refs/smpl-{first['output_name']}"
    )
    assert answer.status_code == 200, answer.text
    again = server.draw(ledger.dataset_id, ledger.body(job))
    assert server.rows(again["id"]) == server.rows(job["id"])
    assert again["run_parameters"]["excluded"]["new_since"] == before


@pytest.mark.parametrize("method", ["random", "stratified", "systematic", "monetary_unit"])
def test_methods_and_rounds_draw_from_the_same_new_rows(ledger: Ledger, method: str) -> None:
    parameters: dict[str, Any] = {"sample_size": 4, "seed": 1}
    parameters |= {"strata_columns": ["part"]} if method == "stratified" else {}
    parameters |= {"book_column": "amount"} if method == "monetary_unit" else {}
    filters = {"new_since": first_version(ledger)}
    step = {"method": method, "parameters": parameters, "filters": filters}
    job = ledger.server.draw(ledger.dataset_id, {"rounds": [step, step], "allow_empty": True})
    assert job["status"] == "completed", job
    assert set(ledger.documents(job)) <= {f"D{each}" for each in range(40, 60)}
    assert len(set(ledger.documents(job))) == len(ledger.documents(job))
    other = {**step, "filters": {"expression": "amount > 0"}}
    answer = ledger.server.admin.post(
        f"/api/sampling/datasets/{ledger.dataset_id}/plan", json={"rounds": [step, other]}
    )
    problem = assert_problem(answer, 422, "invalid_value", "alike in every round")
    assert problem["errors"][0]["loc"] == ["body", "rounds", 1, "filters"]


def test_keyed_draws_of_new_rows_are_those_of_every_order(server: LiveServer) -> None:
    """The seeds of keyed draws don't depend on where the excluded rows stand."""
    drawn = []
    for seed in (1, 2):
        ledger = Ledger.new(server, lines_of(shuffled(range(30), seed)))
        first = ledger.draw(None, size=6, order={"key": ["document"]})
        before = ledger.load(lines_of(shuffled(range(30), seed + 10)))
        ledger.load(lines_of(shuffled(range(seed, 90), seed + 20)))  # some documents leave
        filters = {"new_since": before, "not_drawn_by": [first["id"]]}
        job = ledger.draw(filters, order={"key": ["document"]})
        assert job["run_parameters"]["source_draw"] is not None
        require_accepted(server, job["id"], ledger.dataset_id)
        drawn.append(ledger.documents(job))
        again = server.draw(ledger.dataset_id, ledger.body(job))
        assert ledger.documents(again) == drawn[-1]
    assert drawn[0] == drawn[1]


def test_without_a_key_rows_have_their_positions(server: LiveServer) -> None:
    ledger = Ledger.new(server, lines_of(range(30)))
    first = ledger.draw(None, size=10)
    second = ledger.draw({"not_drawn_by": [first["id"]]}, size=30)
    assert set(ledger.documents(second)) == {f"D{at}" for at in range(30)} - set(
        ledger.documents(first)
    )
    third = ledger.post("plan", {"not_drawn_by": [first["id"], second["id"]]})
    assert third.json()["excluded"]["remaining_rows"] == 0
    assert third.json()["warning_templates"][-1]["code"] == "empty_sample"
    before, later = newest(ledger), ledger.load(lines_of(range(30, 50)))
    for filters, named in (
        ({"new_since": before}, f"version {before[:20]}"),
        ({"not_drawn_by": [first["id"]]}, "sample"),
    ):
        refused = assert_problem(
            ledger.post("plan", filters), 409, "conflict", "by position", named
        )
        assert refused["errors"][0]["loc"][:4] == ["body", "rounds", 0, "filters"]
    append(ledger, before, later)
    found = ledger.plan({"new_since": before, "not_drawn_by": [first["id"]]})["excluded"]
    assert (found["key"], found["source_rows"], found["remaining_rows"]) == (None, 50, 20)
    job = ledger.draw({"new_since": before}, size=20)
    assert set(ledger.documents(job)) == {f"D{at}" for at in range(30, 50)}
    assert (
        "by position"
        in ledger.server.admin.get(
            f"/api/sampling/jobs/{job['id']}/working-paper", params={"format": "html"}
        ).text
    )


def newest(ledger: Ledger) -> str:
    with ledger.server.service.database.read() as tx:
        found = get_ref(tx, ledger.dataset_id, "main").commit_id
    assert found is not None
    return found


def append(ledger: Ledger, before: str, later: str) -> None:
    """Publish a version that begins with the files of one and goes on with those of another."""
    with ledger.server.service.database.write() as tx:
        first, second = (
            get_commit(tx, ledger.dataset_id, each).manifest for each in (before, later)
        )
        (table,), (more,) = first.tables, second.tables
        joined = replace(table, files=(*table.files, *more.files))
        user_id = tx.execute("SELECT author_id FROM commits WHERE id = ?", [later]).fetchone()[0]
        commit = insert_commit(
            tx, user_id, replace(second, parent_id=later, message="appended", tables=(joined,))
        )
        tx.execute(
            "UPDATE refs SET commit_id = ? WHERE dataset_id = ? AND name = 'main'",
            [commit.id, ledger.dataset_id],
        )


@pytest.mark.parametrize(
    ("filters", "status", "code", "part", "loc"),
    [
        ({"new_since": "nothing"}, 404, "not_found", "nothing", ["new_since"]),
        ({"new_since": ""}, 422, "invalid_request", "at least 1", ["new_since"]),
        ({"not_drawn_by": []}, 422, "invalid_request", "Length", ["not_drawn_by"]),
        ({"not_drawn_by": [""]}, 422, "invalid_request", "at least 1", ["not_drawn_by", 0]),
        ({"not_drawn_by": "917f045a"}, 422, "invalid_request", "list", ["not_drawn_by"]),
        ({"not_drawn_by": ["917f045a"]}, 404, "not_found", "no draw", ["not_drawn_by", 0]),
        ({"not_drawn_by": [None]}, 422, "invalid_request", "Give a value", ["not_drawn_by", 0]),
        ({"drawn_by": ["917f045a"]}, 422, "invalid_request", "", []),
        ({}, 422, "invalid_request", "", []),
    ],
)
def test_refused_filters(
    ledger: Ledger, filters: Any, status: int, code: str, part: str, loc: list[Any]
) -> None:
    for path in ("plan", "jobs", "sample"):
        problem = assert_problem(ledger.post(path, filters), status, code, part)
        found = problem["errors"][0]["loc"]
        assert found[: 4 + len(loc)] == ["body", "rounds", 0, "filters", *loc]


def test_filters_of_rows_name_no_draws(ledger: Ledger) -> None:
    """An estimate or a list of rows has no earlier draws."""
    job = ledger.draw(None)
    for path, body in (
        (f"jobs/{job['id']}/estimates", {"statistics": [{"statistic": "count"}]}),
        (f"datasets/{ledger.dataset_id}/filters", {}),
    ):
        body = {**body, "filters": {"not_drawn_by": [job["id"]]}}
        assert_problem(
            ledger.server.admin.post(f"/api/sampling/{path}", json=body), 422, "invalid_request"
        )


def test_draws_without_rows_to_exclude_are_refused(ledger: Ledger) -> None:
    server = ledger.server
    other = Ledger.new(server, lines_of(range(9)))
    elsewhere = other.draw(None, size=2)
    refused = ledger.post("plan", {"not_drawn_by": [elsewhere["id"]]})
    assert_problem(refused, 404, "not_found", "no draw")
    failed = server.draw(ledger.dataset_id, body_of({"expression": "amount > 999"}))
    assert failed["status"] == "failed"
    refused = ledger.post("plan", {"not_drawn_by": [failed["id"]]})
    assert_problem(refused, 409, "conflict", "is failed and has no sample")
    query = server.explore(ledger.dataset_id, {"sql": "SELECT 1 AS x", "output_name": "one"})
    refused = ledger.post("plan", {"not_drawn_by": [query["id"]]})
    assert_problem(refused, 404, "not_found", "no draw")
    of_sample = ledger.draw(None, size=20, output_name="twenty")
    nested = ledger.draw(None, size=2, source_ref="smpl-twenty")
    refused = ledger.post("plan", {"not_drawn_by": [nested["id"]]})
    assert_problem(refused, 409, "conflict", "from the table")
    ref = f"smpl-{of_sample['output_name']}"
    path = f"/api/datasets/{ledger.dataset_id}/refs/{ref}"
    assert server.admin.delete(path).status_code == 200
    refused = ledger.post("jobs", {"not_drawn_by": [of_sample["id"]]})
    problem = assert_problem(refused, 409, "conflict", "was deleted. Restore it")
    assert problem["errors"][0]["loc"] == ["body", "rounds", 0, "filters", "not_drawn_by", 0]


def test_a_key_that_does_not_hold_is_named_with_its_version(server: LiveServer) -> None:
    ledger = Ledger.new(server, ["A,1,1", "A,2,2", "B,1,3"])
    first = ledger.draw(None, size=3)
    repeated = newest(ledger)
    missing = ledger.load(["A,1,1", ",2,2"])
    without = ledger.load(["1,1"], header="part,amount")
    ledger.load(["A,1,1", "B,2,2", "C,3,3"])
    ledger.declare("document")
    for version, code, part in (
        (repeated, "key_not_unique", f"{repeated[:20]} ({repeated[:8]}): The key document"),
        (missing, "key_missing", "document is missing in 1 row"),
        (without, "invalid_key", 'has no column "document"'),
    ):
        problem = assert_problem(ledger.post("plan", {"new_since": version}), 422, code, part)
        assert problem["errors"][0]["loc"] == ["body", "rounds", 0, "filters", "new_since"]
    assert ledger.plan({"not_drawn_by": [first["id"]]})["excluded"]["remaining_rows"] == 1
    ledger.declare("document", duplicates="number")
    found = ledger.plan({"new_since": repeated})["excluded"]
    assert (found["new_rows"], found["duplicates"]) == (1, "number")
    numbered = {"key": ["document"], "duplicates": "number"}
    ledger.load(["A,1,1", "A,2,2", "A,3,9", "B,1,3"])
    found = ledger.plan({"not_drawn_by": [first["id"]]}, order=numbered)["excluded"]
    assert (found["source_rows"], found["remaining_rows"]) == (4, 1)
    two = [
        {
            "method": "random",
            "parameters": {"sample_size": 1},
            "order": {"key": [key]},
            "filters": {"new_since": repeated},
        }
        for key in ("document", "amount")
    ]
    answer = server.admin.post(
        f"/api/sampling/datasets/{ledger.dataset_id}/plan", json={"rounds": two}
    )
    assert_problem(answer, 422, "invalid_value", "by one key")


def test_samples_without_the_key_and_replacements_are_excluded(ledger: Ledger) -> None:
    server = ledger.server
    first = ledger.draw(None, size=4, selection={"columns": ["amount"]})
    row = server.rows(first["id"])[0]["_logical_row_id"]
    path = f"/api/sampling/jobs/{first['id']}/replacements"
    answer = server.admin.post(path, json={"row_id": row, "reason": "voided"})
    assert answer.status_code == 200, answer.text
    ledger.load(lines_of(range(70)))
    found = ledger.plan({"not_drawn_by": [first["id"], first["id"][:8]]})["excluded"]
    assert (found["excluded_rows"], len(found["samples"])) == (5, 1)


def test_a_registered_plan_fixes_its_rows(ledger: Ledger) -> None:
    server = ledger.server
    first = ledger.draw(None, size=8)
    step = {"method": "random", "parameters": {"sample_size": 5}}
    step["filters"] = {"not_drawn_by": [first["id"]], "expression": "part = 1"}
    path = f"/api/sampling/datasets/{ledger.dataset_id}"
    answer = server.admin.post(f"{path}/plan", json={"rounds": [step], "commit": True})
    assert answer.status_code == 200, answer.text
    plan = answer.json()["registered"]
    ledger.load(lines_of(range(9)))
    job = server.draw(ledger.dataset_id, {"plan_id": plan["plan_id"], "seed": 4})
    assert job["status"] == "completed", job
    assert not set(ledger.documents(job)) & set(ledger.documents(first))
    assert job["run_parameters"]["excluded"]["job_ids"] == [first["id"]]
    assert job["run_parameters"]["rounds"][0]["filters"] == {"expression": "part = 1"}
    require_accepted(server, job["id"], ledger.dataset_id)


def test_sizes_bands_and_templates_take_the_filters(ledger: Ledger) -> None:
    server, filters = ledger.server, {"new_since": first_version(ledger)}
    path = f"/api/sampling/datasets/{ledger.dataset_id}"
    design = {"method": "random", "parameters": {}, "filters": filters}
    for goal, rows in (({"margin": 0.05}, 20), ({"materiality": 0.5}, 20)):
        answer = server.admin.post(f"{path}/size", json={"goal": goal, "design": design})
        assert answer.status_code == 200, answer.text
        assert answer.json()["eligible_rows"] == rows
        assert answer.json()["round"]["filters"] == filters
    bands = {"column": "amount", "bands": 2, "sample_size": 8, "filters": filters}
    answer = server.admin.post(f"{path}/strata", json=bands)
    assert answer.status_code == 200, answer.text
    assert answer.json()["eligible_rows"] == 20
    assert answer.json()["round"]["filters"] == filters
    refused = server.admin.post(
        f"{path}/size",
        json={"goal": {"margin": 0.1}, "design": {**design, "filters": {"new_since": "none"}}},
    )
    problem = assert_problem(refused, 404, "not_found")
    assert problem["errors"][0]["loc"] == ["body", "design", "filters", "new_since"]
    body = {"name": f"new rows {ledger.dataset_id}", "body": body_of(filters)}
    answer = server.admin.post("/api/sampling/templates", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["body"]["rounds"][0]["filters"] == filters


def test_a_schedule_repeats_the_filters(ledger: Ledger) -> None:
    server, before = ledger.server, first_version(ledger)
    first = ledger.draw({"new_since": before}, size=3)
    body = {"job_id": first["id"], "name": f"weekly {ledger.dataset_id}", "cron": "0 6 * * MON"}
    answer = server.admin.post("/api/schedules", json={**body, "exclude_drawn_by": ["document"]})
    assert answer.status_code == 200, answer.text
    schedule = answer.json()
    assert schedule["request"]["rounds"][0]["filters"] == {"new_since": before}
    found = server.admin.get(f"/api/schedules/{schedule['id']}/exclusion").json()
    assert (found["new_rows"], found["undrawn_rows"], found["remaining_rows"]) == (20, 52, 17)
    run = server.admin.post(f"/api/schedules/{schedule['id']}/run").json()
    job = server.finished(run["job_id"])
    drawn = set(ledger.documents(job))
    assert drawn <= {f"D{each}" for each in range(40, 60)} - set(ledger.documents(first))
    assert job["run_parameters"]["excluded"]["new_since"] == before
    assert server.admin.delete(f"/api/schedules/{schedule['id']}").status_code == 200


def test_equal_requests_are_one_job(ledger: Ledger) -> None:
    first = ledger.draw(None, size=4)
    before = first_version(ledger)
    filters = [
        {"new_since": before, "not_drawn_by": [first["id"]]},
        {"new_since": before[:9], "not_drawn_by": [first["id"][:8]]},
    ]
    jobs = [ledger.draw(each, output_name="twice") for each in filters]
    assert jobs[0]["id"] == jobs[1]["id"]
    other = ledger.post("jobs", {"new_since": before}, output_name="twice")
    assert_problem(other, 409, "conflict")


keys = st.lists(st.integers(0, 12), max_size=12)


def numbered(documents: Sequence[int]) -> list[tuple[int, int]]:
    """Each document with its number among the equal ones before it."""
    return [(each, documents[:at].count(each)) for at, each in enumerate(documents)]


@settings(
    max_examples=amount(6, 60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(keys, keys, st.lists(st.integers(1, 6), max_size=3), st.integers(0, 99))
def test_the_population_is_the_difference_of_keys(
    server: LiveServer, before: list[int], present: list[int], sizes: list[int], seed: int
) -> None:
    """Equal keys are numbered: a third row of a key is new where there were two."""
    before, present = [99, *before], shuffled([98, *present], seed)
    old, rows = numbered(before), set(numbered(present))
    ledger = Ledger(server, server.new_dataset())
    commit = ledger.load(lines_of(before))
    ledger.declare("document", duplicates="number")
    jobs: list[dict[str, Any]] = []
    drawn: set[tuple[int, int]] = set()
    for at, size in enumerate(sizes):
        filters = {"not_drawn_by": [job["id"] for job in jobs]} if jobs else None
        parameters = {"sample_size": size, "seed": seed + at}
        body = {**body_of(filters, parameters=parameters), "allow_empty": True}
        jobs.append(server.draw(ledger.dataset_id, body))
        ids = [row["_logical_row_id"] for row in server.rows(jobs[-1]["id"])]
        found = {old[int(each.rpartition(":")[2])] for each in ids}
        assert not found & drawn
        drawn |= found
    ledger.load(lines_of(present))
    for filters, left_out in (
        ({"new_since": commit}, set(old)),
        ({"not_drawn_by": [job["id"] for job in jobs]}, drawn),
        ({"new_since": commit, "not_drawn_by": [job["id"] for job in jobs]}, set(old)),
    ):
        filters = {name: value for name, value in filters.items() if value}
        if not filters:
            continue
        body = {**body_of(filters, size=100), "allow_empty": True}
        job = server.draw(ledger.dataset_id, body)
        expected = sorted(f"D{each}" for each, _ in rows - left_out)
        assert sorted(ledger.documents(job)) == expected
        record = job["run_parameters"]["excluded"]
        assert record["rows"] == len(rows & left_out)
        assert record["drawn_rows"] == (len(rows & drawn) if "not_drawn_by" in filters else 0)
