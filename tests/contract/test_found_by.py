"""Draws from the rows that audit tests found, and with them as a stratum."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.contract.problems import assert_problem
from tests.contract.test_certificates import certified, require_accepted
from tests.support.live_server import LiveServer

ROWS = 200
DOUBLED = range(0, ROWS, 20)
"""Invoices that are entered twice: 10 pairs, 20 rows."""


def ledger_lines() -> list[str]:
    lines = [f"{row},RE {row},{row % 7 + 1}.00" for row in range(ROWS)]
    lines += [f"{ROWS + row},RE {row},{row % 7 + 1}.00" for row in DOUBLED]
    return lines


def new_ledger(server: LiveServer, lines: list[str] | None = None) -> int:
    dataset = server.new_dataset()
    load(server, dataset, ledger_lines() if lines is None else lines)
    return dataset


def load(server: LiveServer, dataset: int, lines: list[str]) -> None:
    job = server.import_text(dataset, "\n".join(["entry,invoice,amount", *lines]) + "\n")
    assert job["status"] == "completed", job


def run_test(server: LiveServer, dataset: int, test: str = "duplicates", **body: Any) -> Any:
    given = {"columns": ["invoice"], **body} if test == "duplicates" else body
    answer = server.admin.post(f"/api/datasets/{dataset}/audit-tests/{test}", json=given)
    assert answer.status_code == 200, answer.text
    job = server.finished(answer.json()["job_id"])
    assert job["status"] == "completed", job
    return job


def body_of(filters: Any, size: int = 8, **parameters: Any) -> dict[str, Any]:
    step = {"method": "random", "parameters": {"sample_size": size, "seed": 4, **parameters}}
    return {"rounds": [step if filters is None else {**step, "filters": filters}]}


def plan(server: LiveServer, dataset: int, body: dict[str, Any]) -> httpx.Response:
    return server.admin.post(f"/api/sampling/datasets/{dataset}/plan", json=body)


def drawn(server: LiveServer, dataset: int, body: dict[str, Any]) -> dict[str, Any]:
    job = server.draw(dataset, body)
    assert job["status"] == "completed", job
    return job


def entries(server: LiveServer, job: dict[str, Any]) -> set[int]:
    return {row["entry"] for row in server.rows(job["id"], limit=1000)}


FOUND = {*DOUBLED, *(ROWS + row for row in DOUBLED)}


def test_a_draw_takes_found_rows_alone(server: LiveServer) -> None:
    dataset = new_ledger(server)
    test = run_test(server, dataset, output_name="twice")
    excluded = plan(server, dataset, body_of({"found_by": ["expl-twice"]})).json()["excluded"]
    assert excluded["found_by"] == [test["id"]]
    assert (excluded["found_rows"], excluded["remaining_rows"]) == (20, 20)
    assert (excluded["excluded_rows"], excluded["key"]) == (190, None)
    job = drawn(server, dataset, body_of({"found_by": [test["id"][:8]]}))
    assert entries(server, job) <= FOUND
    assert job["output_summary"]["source_rows"] == 20
    record = job["run_parameters"]["excluded"]
    assert record["filters"] == {"found_by": [test["id"]]}
    assert (record["found_by"], record["found_rows"]) == ([test["id"]], 20)
    warnings = certified(server, job["id"])["predicate"]["warnings"]
    told = f"The population lacks 190 rows that audit test {test['id'][:8]} did not find."
    assert any(each.startswith(told) for each in warnings)
    report = require_accepted(server, job["id"], dataset)
    (line,) = (x for x in report["checks"] if "left_out_by" in x["text"])
    assert f"the audit tests {test['id']} didn't find" in line["text"]


def test_other_rows_can_be_drawn_with_the_filters_beside_each_other(server: LiveServer) -> None:
    dataset = new_ledger(server)
    test = run_test(server, dataset)["id"]
    others = drawn(server, dataset, body_of({"not_found_by": [test]}, size=190))
    assert entries(server, others) == {*range(ROWS)} - FOUND
    assert len(entries(server, others)) == 190
    require_accepted(server, others["id"], dataset)
    first = drawn(server, dataset, body_of({"found_by": [test]}, size=5))
    filters = {"found_by": [test], "not_drawn_by": [first["id"]], "expression": "amount > 0"}
    rest = drawn(server, dataset, body_of(filters, size=15))
    assert entries(server, rest) == FOUND - entries(server, first)
    assert rest["run_parameters"]["excluded"]["filters"] == {
        "not_drawn_by": [first["id"]],
        "found_by": [test],
    }


def test_draws_without_the_filters_stay_as_they_were(server: LiveServer) -> None:
    dataset = new_ledger(server)
    before = drawn(server, dataset, body_of(None))
    run_test(server, dataset)
    after = drawn(server, dataset, {**body_of(None), "output_name": "after"})
    assert entries(server, before) == entries(server, after)
    assert "excluded" not in after["run_parameters"]


def test_found_rows_of_another_version_are_matched_by_key(server: LiveServer) -> None:
    dataset = new_ledger(server)
    test = run_test(server, dataset)["id"]
    load(server, dataset, [*reversed(ledger_lines()[5:]), "999,RE 999,1.00"])
    refused = plan(server, dataset, body_of({"found_by": [test]}))
    assert_problem(refused, 409, "conflict", "matched by position", "row key")
    assert refused.json()["errors"][0]["loc"][-2:] == ["filters", "found_by"]
    key = {"table_key": "primary", "columns": ["entry"]}
    assert server.admin.put(f"/api/datasets/{dataset}/row-key", json=key).status_code == 200
    excluded = plan(server, dataset, body_of({"found_by": [test]})).json()["excluded"]
    assert (excluded["key"], excluded["found_rows"]) == (["entry"], 19)  # entry 0 is gone
    job = drawn(server, dataset, body_of({"found_by": [test]}, size=19))
    assert entries(server, job) == FOUND - {0}
    require_accepted(server, job["id"], dataset)
    keyed = body_of({"found_by": [test]}, size=3)
    keyed["rounds"][0]["order"] = {}
    require_accepted(server, drawn(server, dataset, keyed)["id"], dataset)


def test_the_sample_code_draws_found_rows_again(server: LiveServer) -> None:
    dataset = new_ledger(server)
    test = run_test(server, dataset)["id"]
    job = drawn(server, dataset, body_of({"found_by": [test]}))
    copy = {**body_of(None), "source_ref": job["source_commit_id"], "output_name": "again"}
    assert entries(server, drawn(server, dataset, copy)) == entries(server, job)


@pytest.mark.parametrize("name", ["found_by", "not_found_by"])
def test_what_is_no_test_is_refused(server: LiveServer, name: str) -> None:
    dataset = new_ledger(server)
    sample = drawn(server, dataset, body_of(None))
    for given in ("00000000", "main", sample["id"]):
        refused = plan(server, dataset, body_of({name: [given]}))
        assert_problem(refused, 404, "not_found", "no audit test")
        assert refused.json()["errors"][0]["loc"][-2:] == [name, 0]
    assert plan(server, dataset, body_of({name: []})).status_code == 422


def test_a_test_that_found_no_row_gives_no_population(server: LiveServer) -> None:
    dataset = new_ledger(server, ledger_lines()[:ROWS])
    test = run_test(server, dataset)
    assert test["output_summary"]["rows"] == 0
    refused = plan(server, dataset, body_of({"found_by": [test["id"]]}))
    assert_problem(refused, 409, "conflict", "found no row of main")
    others = plan(server, dataset, body_of({"not_found_by": [test["id"]]})).json()
    assert others["source_rows"] == ROWS


def test_only_tests_whose_rows_are_gone_are_warned_of(server: LiveServer) -> None:
    dataset = new_ledger(server)
    test = run_test(server, dataset)["id"]
    load(server, dataset, ledger_lines()[:ROWS])
    key = {"table_key": "primary", "columns": ["entry"]}
    assert server.admin.put(f"/api/datasets/{dataset}/row-key", json=key).status_code == 200
    empty = run_test(server, dataset)["id"]
    filters = {"found_by": [test], "not_found_by": [empty]}
    job = drawn(server, dataset, body_of(filters))
    assert "without_match" not in job["run_parameters"]["excluded"]
    load(server, dataset, [f"{9 * ROWS + row},RE {row},1.00" for row in range(50)])
    job = drawn(server, dataset, body_of({"not_found_by": [test]}))
    assert job["run_parameters"]["excluded"]["without_match"] == ["not_found_by"]


def test_a_test_of_another_table_is_refused(server: LiveServer) -> None:
    dataset = new_ledger(server)
    test = run_test(server, dataset, output_name="t")
    body = {**body_of({"found_by": [test["id"]]}), "source_ref": "expl-t"}
    refused = plan(server, dataset, body)
    assert_problem(refused, 409, "conflict", 'of the table "primary", not of "result"')


def test_marked_rows_are_strata_of_one_evaluation(server: LiveServer) -> None:
    dataset = new_ledger(server)
    test = run_test(server, dataset, output_name="marked-twice", mark_rows=True)
    answer = server.admin.get(f"/api/exploration/jobs/{test['id']}/audit-test").json()
    assert answer["mark"] == "found"
    step = {
        "method": "stratified",
        "parameters": {
            "strata_columns": ["found"],
            "sizes": {"found": "all", "not found": 30},
            "seed": 9,
        },
    }
    body = {"source_ref": "expl-marked-twice", "table_key": "marked", "rounds": [step]}
    job = drawn(server, dataset, body)
    rows = server.rows(job["id"], limit=100)
    assert len(rows) == 50
    assert {row["entry"] for row in rows if row["found"] == "found"} == FOUND
    assert {row["_stratum"] for row in rows} == {"found", "not found"}
    require_accepted(server, job["id"], dataset)
    wanted = {"statistics": [{"statistic": "total", "column": "amount"}]}
    estimates = server.admin.post(f"/api/sampling/jobs/{job['id']}/estimates", json=wanted)
    assert estimates.status_code == 200, estimates.text


def test_all_rows_are_marked_in_their_order(server: LiveServer) -> None:
    lines = [f"{line},x{at}" for at, line in enumerate(ledger_lines())]
    dataset = server.new_dataset()
    text = "\n".join(["entry,invoice,amount,Found", *lines]) + "\n"
    assert server.import_text(dataset, text)["status"] == "completed"
    test = run_test(server, dataset, mark_rows=True)
    mark = server.admin.get(f"/api/exploration/jobs/{test['id']}/audit-test").json()["mark"]
    assert mark == "found_1"
    query = {
        "sql": "SELECT * FROM marked",
        "source_ref": test["output_summary"]["output_commit_id"],
        "limit": 300,
    }
    rows = server.admin.post(f"/api/exploration/datasets/{dataset}/query", json=query).json()
    assert [row["Found"] for row in rows["data"]] == [f"x{at}" for at in range(ROWS + 10)]
    assert {row["entry"] for row in rows["data"] if row[mark] == "found"} == FOUND


def test_left_out_rows_make_no_table_a_sample(server: LiveServer) -> None:
    dataset = new_ledger(server)
    test = run_test(server, dataset)
    found = drawn(server, dataset, body_of({"found_by": [test["id"]]}))
    assert not says_it_is_a_sample(server, found)
    whole = drawn(server, dataset, body_of(None, size=100))
    source = {"source_ref": whole["output_summary"]["output_ref"], "table_key": "sample"}
    first = drawn(server, dataset, body_of(None) | source)
    second = drawn(server, dataset, body_of({"not_drawn_by": [first["id"]]}) | source)
    for job in (first, second):
        assert says_it_is_a_sample(server, job)


def says_it_is_a_sample(server: LiveServer, job: dict[str, Any]) -> bool:
    """Whether the evaluation and the estimates say that the table is itself a sample."""
    path = f"/api/sampling/jobs/{job['id']}"
    items = server.admin.get(f"{path}/findings").json()["items"]
    outcomes = [{"row_id": item["row_id"], "outcome": "ok"} for item in items]
    assert server.admin.post(f"{path}/findings", json={"findings": outcomes}).is_success
    evaluation = server.admin.post(f"{path}/evaluation", json={"kind": "attributes"}).json()
    asked = {"statistics": [{"statistic": "count"}]}
    notes = server.admin.post(f"{path}/estimates", json=asked).json()["notes"]
    said = {
        any("itself a sample" in one for one in texts) for texts in (evaluation["caveats"], notes)
    }
    assert len(said) == 1, (evaluation["caveats"], notes)
    return said.pop()


def paper_of(server: LiveServer, job: dict[str, Any], language: str = "en") -> str:
    path = f"/api/sampling/jobs/{job['id']}/working-paper?format=html&language={language}"
    answer = server.admin.get(path)
    assert answer.status_code == 200, answer.text
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


@pytest.mark.parametrize("name", ["found_by", "not_found_by"])
def test_the_paper_states_the_population_and_its_test(server: LiveServer, name: str) -> None:
    dataset = new_ledger(server)
    test = run_test(server, dataset, output_name="doubled")
    job = drawn(server, dataset, body_of({name: ["expl-doubled"]}))
    text = paper_of(server, job)
    left_out = ROWS + len(DOUBLED) - len(FOUND) if name == "found_by" else len(FOUND)
    assert "All rows of the table" not in text
    assert f"Table {ROWS + len(DOUBLED)} Excluded rows {left_out}" in text
    for part in ("Audit test: Duplicates", test["id"], test["source_commit_id"], "expl-doubled"):
        assert part in text, part
    for language in ("de", "fr"):
        paper_of(server, job, language)


def test_other_samples_say_which_rows_they_lack(server: LiveServer) -> None:
    dataset = new_ledger(server)
    run_test(server, dataset, output_name="some")
    some = drawn(server, dataset, body_of({"found_by": ["expl-some"]}))
    row = server.rows(some["id"], limit=1)[0]["_logical_row_id"]
    path = f"/api/sampling/jobs/{some['id']}/findings"
    entered = server.admin.post(path, json={"findings": [{"row_id": row, "outcome": "ok"}]})
    assert entered.status_code == 200, entered.text
    text = paper_of(server, drawn(server, dataset, body_of(None)))
    assert f"the same table without {ROWS + len(DOUBLED) - len(FOUND)} rows" in text


def test_the_paper_of_marked_rows_names_their_test(server: LiveServer) -> None:
    dataset = new_ledger(server)
    test = run_test(server, dataset, output_name="with-marks", mark_rows=True)
    body = {"source_ref": "expl-with-marks", "table_key": "marked", **body_of(None)}
    text = paper_of(server, drawn(server, dataset, body))
    for part in ("Audit test: Duplicates", test["id"], test["source_commit_id"]):
        assert part in text, part
