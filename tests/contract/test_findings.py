"""Findings, replacements and their review over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ROW = "row_id"


@pytest.fixture
def dataset(server: LiveServer) -> int:
    return server.new_balanced_table(400)


@pytest.fixture
def job(server: LiveServer, dataset: int) -> str:
    """A stratified sample of 12 rows."""
    made = server.draw(
        dataset, {"rounds": [one("stratified", strata_columns=["region"], sample_size=12)]}
    )
    return str(made["id"])


@pytest.fixture
def reviewer(server: LiveServer, dataset: int) -> httpx.Client:
    client, user = server.new_user("analyst")
    answer = server.admin.put(
        f"/api/datasets/{dataset}/permissions", json={"user_id": user["id"], "permission": "write"}
    )
    assert answer.status_code == 200, answer.text
    return client


def url(job: str, path: str) -> str:
    return f"/api/sampling/jobs/{job}/{path}"


def items(server: LiveServer, job: str, **query: int) -> dict[str, Any]:
    answer = server.admin.get(url(job, "findings"), params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def entered(server: LiveServer, job: str, *findings: dict[str, Any]) -> httpx.Response:
    return server.admin.post(url(job, "findings"), json={"findings": list(findings)})


def all_ok(server: LiveServer, job: str) -> None:
    rows = [item[ROW] for item in items(server, job)["items"] if item["finding"] is None]
    answer = entered(server, job, *({ROW: row, "outcome": "ok"} for row in rows))
    assert answer.status_code == 200, answer.text


def stepped(client: httpx.Client, job: str, action: str, note: str = "") -> httpx.Response:
    return client.post(url(job, "review"), json={"action": action, "note": note})


def test_the_items_are_the_drawn_rows_in_their_order(server: LiveServer, job: str) -> None:
    found = items(server, job)
    drawn = server.rows(job)
    assert [item[ROW] for item in found["items"]] == [row["_logical_row_id"] for row in drawn]
    assert found["columns"] == ["id", "region", "amount"]
    assert found["items"][3]["data"] == {name: drawn[3][name] for name in found["columns"]}
    assert found["counts"] == {
        **dict.fromkeys(
            ("ok", "exception", "not_applicable", "not_examinable", "replaced", "missing"), 0
        ),
        "items": 12,
        "open": 12,
    }
    assert found["review"] == {"state": "open", "entries": []}
    part = items(server, job, offset=10, limit=5)
    assert [item[ROW] for item in part["items"]] == [row["_logical_row_id"] for row in drawn[10:]]


def test_a_correction_is_a_new_entry_and_the_newest_counts(server: LiveServer, job: str) -> None:
    first = items(server, job)["items"][0][ROW]
    wrong = {ROW: first, "outcome": "exception", "audit_value": "12.50", "note": "invoice missing"}
    answer = server.admin.post(url(job, "findings"), json=wrong)
    assert answer.status_code == 200, answer.text
    assert entered(server, job, {ROW: first, "outcome": "ok"}).status_code == 200
    found = items(server, job)["items"][0]["finding"]
    assert (found["outcome"], found["audit_value"], found["entries"]) == ("ok", None, 2)
    history = server.admin.get(url(job, "findings/history"), params={"row": first}).json()
    assert [entry["outcome"] for entry in history["findings"]] == ["ok", "exception"]
    assert history["findings"][1]["audit_value"] == "12.50"
    assert history["findings"][1]["note"] == "invoice missing"
    assert history["total"] == 2


@pytest.mark.parametrize(
    ("change", "status", "loc"),
    [
        ({ROW: "primary:99999"}, 404, ["body", "findings", 1, ROW]),
        ({"audit_value": "12,5"}, 422, ["body", "findings", 1, "audit_value"]),
        ({"audit_value": "NaN"}, 422, ["body", "findings", 1, "audit_value"]),
        ({"audit_value": "1e400"}, 422, ["body", "findings", 1, "audit_value"]),
        ({"outcome": "fine"}, 422, ["body", "findings", 1, "outcome"]),
        ({"note": "x" * 2001}, 422, ["body", "findings", 1, "note"]),
        ({"audit_values": "1"}, 422, ["body", "findings", 1, "audit_values"]),
    ],
)
def test_an_invalid_finding_enters_none(
    server: LiveServer, job: str, change: dict[str, Any], status: int, loc: list[Any]
) -> None:
    rows = [item[ROW] for item in items(server, job)["items"]]
    wrong = {ROW: rows[1], "outcome": "ok", **change}
    answer = entered(server, job, {ROW: rows[0], "outcome": "ok"}, wrong)
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["loc"] == loc
    assert items(server, job)["counts"]["open"] == 12


def test_a_bare_row_number_gets_the_row_id_as_a_hint(server: LiveServer, job: str) -> None:
    row = items(server, job)["items"][0][ROW]
    hint = f'Did you mean "{row}"?'
    number = row.rpartition(":")[2]
    assert_problem(entered(server, job, {ROW: number, "outcome": "ok"}), 404, "not_found", hint)
    replace = {ROW: number, "reason": "lost"}
    answer = server.admin.post(url(job, "replacements"), json=replace)
    assert_problem(answer, 404, "not_found", hint)


def test_an_unknown_field_is_refused_with_the_names_in_json(server: LiveServer, job: str) -> None:
    body = {"findings": [{"row": "primary:1", "outcome": "ok"}]}
    answer = server.admin.post(f"/api/sampling/jobs/{job}/findings", json=body)
    assert_problem(answer, 422, "invalid_request", 'Did you mean "row_id"?')


def test_the_name_of_an_earlier_version_is_read(server: LiveServer, job: str) -> None:
    rows = [item[ROW] for item in items(server, job)["items"]]
    assert entered(server, job, {"_logical_row_id": rows[0], "outcome": "ok"}).status_code == 200
    single = {"_logical_row_id": rows[1], "outcome": "ok"}
    assert server.admin.post(url(job, "findings"), json=single).status_code == 200
    history = server.admin.get(url(job, "findings/history"), params={"row": rows[1]}).json()
    assert [each[ROW] for each in history["findings"]] == [rows[1]]


def test_two_findings_about_a_row_are_refused(server: LiveServer, job: str) -> None:
    row = items(server, job)["items"][0][ROW]
    answer = entered(server, job, *({ROW: row, "outcome": each} for each in ("ok", "exception")))
    assert_problem(answer, 422, "invalid_value", f"Two findings are about row {row}")
    assert answer.json()["errors"][0]["loc"] == ["body", "findings", 1, ROW]


def test_a_replaced_row_gets_no_finding(server: LiveServer, job: str) -> None:
    row = items(server, job)["items"][0][ROW]
    body = {ROW: row, "reason": "not a purchase"}
    new = server.admin.post(url(job, "replacements"), json=body).json()["replacement_row_id"]
    answer = entered(server, job, {ROW: row, "outcome": "ok"})
    assert_problem(answer, 409, "row_replaced", f"Row {row} was replaced by {new}")
    assert items(server, job)["items"][0]["finding"]["entries"] == 1


def test_an_entry_over_an_unseen_one_is_refused(server: LiveServer, job: str) -> None:
    row = items(server, job)["items"][0][ROW]
    ids = entered(server, job, {ROW: row, "outcome": "ok", "previous_id": 0}).json()["ids"]
    late = entered(server, job, {ROW: row, "outcome": "exception", "previous_id": 0})
    assert_problem(late, 409, "finding_changed")
    seen = {ROW: row, "outcome": "exception", "previous_id": ids[0]}
    assert entered(server, job, seen).status_code == 200


def test_two_people_who_enter_at_once_lose_nothing(
    server: LiveServer, job: str, reviewer: httpx.Client
) -> None:
    rows = [item[ROW] for item in items(server, job)["items"]]

    def enter(turn: int) -> int:
        client = (server.admin, reviewer)[turn % 2]
        body = {ROW: rows[turn % 12], "outcome": "ok", "note": str(turn)}
        return client.post(url(job, "findings"), json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(enter, range(48))) == {200}
    history = server.admin.get(url(job, "findings/history")).json()["findings"]
    assert sorted(int(entry["note"]) for entry in history) == list(range(48))


def test_a_row_is_replaced_by_the_next_of_its_group(server: LiveServer, job: str) -> None:
    first = items(server, job)["items"][0]
    reserves = server.admin.get(url(job, "reserves")).json()["data"]
    line = [row["_logical_row_id"] for row in reserves if row["region"] == first["data"]["region"]]
    replace = {ROW: first[ROW], "reason": "not a purchase"}
    answer = server.admin.post(url(job, "replacements"), json=replace)
    assert answer.status_code == 200, answer.text
    assert answer.json()["replacement_row_id"] == line[0]
    again = server.admin.post(url(job, "replacements"), json=replace)
    assert_problem(again, 409, "conflict")
    second = {ROW: line[0], "reason": "not a purchase, either"}
    assert (
        server.admin.post(url(job, "replacements"), json=second).json()["replacement_row_id"]
        == (line[1])
    )
    found = items(server, job)
    assert found["total"] == 14
    assert [item["replaces"] for item in found["items"][12:]] == [first[ROW], line[0]]
    assert found["items"][12]["data"]["region"] == first["data"]["region"]
    assert found["items"][0]["replaced_by"] == line[0]
    assert found["items"][0]["finding"]["outcome"] == "not_applicable"
    assert found["items"][0]["finding"]["note"] == "not a purchase"
    assert found["counts"]["open"] == 12
    listed = server.admin.get(url(job, "replacements")).json()["replacements"]
    assert [each["replacement_row_id"] for each in listed] == line[:2]
    assert items(server, job, offset=13, limit=1)["items"][0][ROW] == line[1]
    body = {"statistics": [{"statistic": "count"}]}
    answer = server.admin.post(f"/api/sampling/jobs/{job}/estimates", json=body)
    assert "2 rows were replaced; estimates use the drawn rows." in answer.json()["notes"]


def test_a_row_that_can_not_be_examined_is_not_replaced(server: LiveServer, job: str) -> None:
    row = items(server, job)["items"][0][ROW]
    assert entered(server, job, {ROW: row, "outcome": "not_examinable"}).status_code == 200
    body = {ROW: row, "reason": "lost"}
    assert_problem(server.admin.post(url(job, "replacements"), json=body), 409, "conflict")
    assert entered(server, job, {ROW: row, "outcome": "not_applicable"}).status_code == 200
    assert server.admin.post(url(job, "replacements"), json=body).status_code == 200


def test_replacements_end_with_the_group(server: LiveServer) -> None:
    dataset = server.new_balanced_table(12)
    draw = one("stratified", strata_columns=["region"], samples_per_stratum=2)
    job = str(server.draw(dataset, {"rounds": [draw]})["id"])
    rows = [item[ROW] for item in items(server, job)["items"] if item["data"]["region"] == "east"]
    for row, status in zip(rows, (200, 409), strict=True):
        body = {ROW: row, "reason": "none"}
        assert server.admin.post(url(job, "replacements"), json=body).status_code == status


def test_concurrent_replacements_take_different_rows(server: LiveServer, dataset: int) -> None:
    job = str(server.draw(dataset, {"rounds": [one("random", sample_size=8)]})["id"])
    rows = [item[ROW] for item in items(server, job)["items"]]

    def replace(row: str) -> str:
        body = {ROW: row, "reason": "no document"}
        answer = server.admin.post(url(job, "replacements"), json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["replacement_row_id"])

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(replace, rows))
    reserves = server.admin.get(url(job, "reserves")).json()["data"]
    assert sorted(made) == sorted(row["_logical_row_id"] for row in reserves[:8])


def test_systematic_rounds_have_no_replacement(server: LiveServer, dataset: int) -> None:
    job = str(server.draw(dataset, {"rounds": [one("systematic", interval=50)]})["id"])
    row = items(server, job)["items"][0][ROW]
    answer = server.admin.post(url(job, "replacements"), json={ROW: row, "reason": "none"})
    assert_problem(answer, 422, "no_reserves")


def test_a_review_needs_all_findings_and_another_person(
    server: LiveServer, job: str, reviewer: httpx.Client
) -> None:
    assert_problem(stepped(server.admin, job, "submitted"), 409, "conflict")
    assert_problem(stepped(reviewer, job, "signed_off"), 409, "conflict")
    all_ok(server, job)
    assert stepped(server.admin, job, "submitted").status_code == 200
    row = items(server, job)["items"][0][ROW]
    change = {ROW: row, "outcome": "exception"}
    assert_problem(entered(server, job, change), 409, "findings_locked")
    replace = server.admin.post(url(job, "replacements"), json={ROW: row, "reason": "none"})
    assert_problem(replace, 409, "findings_locked")
    assert_problem(stepped(server.admin, job, "signed_off"), 403, "forbidden")
    assert_problem(stepped(reviewer, job, "returned"), 422, "invalid_value")
    assert stepped(reviewer, job, "returned", "the first is wrong").json()["state"] == "open"
    assert entered(server, job, change).status_code == 200
    assert stepped(server.admin, job, "submitted").json()["state"] == "submitted"
    assert stepped(server.admin, job, "withdrawn").json()["state"] == "open"
    assert stepped(server.admin, job, "submitted").status_code == 200
    signed = stepped(reviewer, job, "signed_off", "agreed")
    assert signed.json()["state"] == "signed_off"
    assert [entry["action"] for entry in signed.json()["entries"]] == [
        *("submitted", "returned", "submitted", "withdrawn", "submitted", "signed_off")
    ]
    assert_problem(entered(server, job, change), 409, "findings_locked")
    assert_problem(stepped(server.admin, job, "reopened", "a new document"), 403, "forbidden")
    assert_problem(stepped(reviewer, job, "reopened"), 422, "invalid_value")
    assert stepped(reviewer, job, "reopened", "a new document").json()["state"] == "open"


def test_a_reviewer_entered_no_finding(
    server: LiveServer, job: str, reviewer: httpx.Client
) -> None:
    row = items(server, job)["items"][0][ROW]
    body = {ROW: row, "outcome": "ok"}
    assert reviewer.post(url(job, "findings"), json=body).status_code == 200
    all_ok(server, job)
    assert stepped(server.admin, job, "submitted").status_code == 200
    assert_problem(stepped(reviewer, job, "signed_off"), 403, "forbidden")


def test_jobs_without_a_sample_have_no_findings(server: LiveServer, dataset: int) -> None:
    query = server.explore(dataset, {"sql": "SELECT 1 AS one"})
    assert server.admin.get(url(query["id"], "findings")).status_code == 404


def test_findings_of_a_deleted_sample_are_locked_until_it_is_restored(
    server: LiveServer, dataset: int
) -> None:
    made = server.draw(
        dataset, {"method": "random", "parameters": {"sample_size": 1}, "output_name": "binned"}
    )
    job = str(made["id"])
    (row,) = (item[ROW] for item in items(server, job)["items"])
    ref = f"/api/datasets/{dataset}/refs/smpl-binned"
    entry = server.admin.delete(ref).json()["bin_id"]
    finding = {ROW: row, "outcome": "ok"}
    replaced = server.admin.post(url(job, "replacements"), json={ROW: row, "reason": "lost"})
    refused = (entered(server, job, finding), stepped(server.admin, job, "submitted"), replaced)
    for answer in refused:
        assert_problem(answer, 409, "sample_deleted", "Restore it from the bin")
    assert items(server, job)["counts"]["open"] == 1
    server.admin.post(f"/api/bin/{entry}/restore", json={"name": "binned-2"})
    assert entered(server, job, finding).status_code == 200
