"""The questions of a sample, its queue and the answers, over HTTP."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import openpyxl
import pytest

from application.review.readings import readings_in
from command_line.reviewing import review_next
from command_line.root import SECTIONS
from http_api.routes.reviewing import next_one
from service.sampling_parameters import seeded_rounds
from service.service import RecentResults
from service.tables.drawn_rows import drawn_row_ids
from storage.audit.reviewing import RESERVED_MINUTES
from storage.jobs.jobs import get_job
from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ROWS = 10
IS_BAD = {"name": "is_bad", "type": "yes_no", "text": "Is it bad?"}


def url(job: str, path: str) -> str:
    return f"/api/sampling/jobs/{job}/{path}"


@pytest.fixture
def dataset(server: LiveServer) -> int:
    return server.new_balanced_table(400)


@pytest.fixture
def job(server: LiveServer, dataset: int) -> str:
    return str(server.draw(dataset, {"rounds": [one("random", sample_size=ROWS)]})["id"])


def asked(server: LiveServer, job: str, **body: Any) -> dict[str, Any]:
    answer = server.admin.put(url(job, "questions"), json={"questions": [IS_BAD], **body})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def reviewer(server: LiveServer, job: str, role: Any = "viewer") -> httpx.Client:
    """A user who may only answer the questions of the sample."""
    client, user = server.new_user(role)
    answer = server.admin.put(url(job, "reviewers"), json={"reviewers": [user["soeid"]]})
    assert answer.status_code == 200, answer.text
    return client


def next_row(client: httpx.Client, job: str, task: str = "read") -> dict[str, Any]:
    answer = client.post(url(job, "review-queue/next"), json={"task": task})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def answered(client: httpx.Client, job: str, row: str, **body: Any) -> httpx.Response:
    given = {} if "outcome" in body else {"answers": {"is_bad": True}}
    return client.post(url(job, "answers"), json={"row_id": row, **given, **body})


def answer_all(client: httpx.Client, job: str, value: bool = True) -> list[str]:
    """Answer until the queue has no row; return the rows in their order."""
    rows = []
    while (row := next_row(client, job)["row"]) is not None:
        answer = answered(client, job, row["row_id"], answers={"is_bad": value})
        assert answer.status_code == 200, answer.text
        rows.append(row["row_id"])
    return rows


def listed(server: LiveServer, job: str) -> list[dict[str, Any]]:
    return list(server.admin.get(url(job, "answers")).json()["rows"])


def test_questions_are_chosen_and_read(server: LiveServer, job: str) -> None:
    choice = {"name": "kind", "type": "choice", "text": "Which?", "choices": ["a", "b"]}
    found = asked(server, job, questions=[IS_BAD, choice], hidden=["AMOUNT"], second_readings="20%")
    assert [each["name"] for each in found["questions"]] == ["is_bad", "kind"]
    assert (found["hidden"], found["shown"]) == (["amount"], ["id", "region"])
    assert (found["second_readings"], found["is_audit"]) == (0.2, False)
    assert server.admin.get(url(job, "questions")).json() == found


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"questions": [IS_BAD, {**IS_BAD, "name": "IS_BAD"}]}, ["body", "questions", 1, "name"]),
        ({"questions": [{**IS_BAD, "name": "Region"}]}, ["body", "questions", 0, "name"]),
        ({"questions": [{**IS_BAD, "name": "_x"}]}, ["body", "questions", 0, "name"]),
        ({"questions": [{**IS_BAD, "choices": ["a", "b"]}]}, ["body", "questions", 0, "choices"]),
        (
            {"questions": [{**IS_BAD, "type": "choice", "choices": ["a", "A"]}]},
            ["body", "questions", 0, "choices"],
        ),
        ({"questions": [{**IS_BAD, "type": "date"}]}, ["body", "questions", 0, "type"]),
        ({"hidden": ["judge"]}, ["body", "hidden", 0]),
        ({"hidden": ["amount"], "shown": ["id", "amount"]}, ["body", "shown", 1]),
        ({"hidden": ["id", "region", "amount"]}, ["body", "hidden"]),
        ({"second_readings": 1.5}, ["body", "second_readings"]),
        ({"reviewers": ["nobody0"]}, ["body", "reviewers", 0]),
    ],
)
def test_questions_that_do_not_fit_are_refused_with_the_field(
    server: LiveServer, job: str, body: dict[str, Any], loc: list[str | int]
) -> None:
    answer = server.admin.put(url(job, "questions"), json=body)
    assert answer.status_code in (404, 422), answer.text
    assert answer.json()["errors"][0]["loc"] == loc, answer.text


def test_questions_stay_after_the_first_entry(server: LiveServer, job: str) -> None:
    asked(server, job)
    answered(server.admin, job, next_row(server.admin, job)["row"]["row_id"])
    asked(server, job)
    other = {"questions": [{**IS_BAD, "text": "Bad?"}]}
    assert_problem(server.admin.put(url(job, "questions"), json=other), 409, "conflict")
    for field, value in (("hidden", ["amount"]), ("second_readings", 0.5)):
        body = {"questions": [IS_BAD], field: value}
        refused = server.admin.put(url(job, "questions"), json=body)
        assert refused.json()["errors"][0]["loc"] == ["body", field]
    chosen = server.admin.put(url(job, "attributes"), json={"attributes": ["approved"]})
    assert_problem(chosen, 409, "conflict")


def test_a_random_sample_is_answered_in_the_order_of_the_draw(server: LiveServer, job: str) -> None:
    asked(server, job)
    drawn = [row["_logical_row_id"] for row in server.rows(job)]
    assert answer_all(server.admin, job) == drawn
    end = next_row(server.admin, job)
    assert (end["row"], end["reason"]) == (None, "All rows are answered.")
    assert end["progress"]["answered"] == end["progress"]["mine"] == ROWS


def test_a_stratified_sample_is_answered_in_a_random_order(
    server: LiveServer, dataset: int
) -> None:
    """By the SHA-256 of the purpose, the seed and the row id."""
    rounds = [one("stratified", strata_columns=["region"], sample_size=40)]
    job = str(server.draw(dataset, {"rounds": rounds})["id"])
    asked(server, job)
    drawn = server.rows(job)
    order = answer_all(server.admin, job)
    with server.service.database.read() as tx:
        parameters = get_job(tx, job).run_parameters
    (seed,) = [each["effective_seed"] for each in seeded_rounds(parameters)]

    def digest(row_id: str) -> str:
        text = json.dumps(["review-queue", seed, row_id], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    assert order == sorted((row["_logical_row_id"] for row in drawn), key=digest)
    region = {row["_logical_row_id"]: row["region"] for row in drawn}
    assert len({region[row] for row in order[:10]}) == 4  # the draw has one stratum after another


def test_the_texts_say_how_long_a_row_is_reserved() -> None:
    texts = (next_one.__doc__, review_next.help, SECTIONS["Reviews"]["review-next"][1])
    for text in texts:
        assert f"for {RESERVED_MINUTES} minutes" in (text or "")


def test_a_row_stays_reserved_until_its_time_is_over(server: LiveServer, job: str) -> None:
    asked(server, job)
    ann, bob = reviewer(server, job), reviewer(server, job)
    first = next_row(ann, job)["row"]
    until = datetime.fromisoformat(first["reserved_until"])
    left = until - datetime.now(until.tzinfo)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    assert next_row(ann, job)["row"]["row_id"] == first["row_id"]
    assert next_row(bob, job)["row"]["row_id"] != first["row_id"]
    with server.service.database.write() as tx:
        tx.execute("UPDATE reservations SET until = '2026-01-01'")
    again = next_row(bob, job)["row"]["row_id"]
    assert again != first["row_id"]  # the own row is renewed
    assert bob.post(url(job, "review-queue/release")).json() == {"job_id": job, "released": True}
    assert next_row(bob, job)["row"]["row_id"] == first["row_id"]
    assert_problem(answered(ann, job, first["row_id"]), 409, "row_not_reserved")


def test_an_answer_after_the_time_counts_if_nobody_took_the_row(
    server: LiveServer, job: str
) -> None:
    asked(server, job)
    ann = reviewer(server, job)
    row = next_row(ann, job)["row"]["row_id"]
    with server.service.database.write() as tx:
        tx.execute("UPDATE reservations SET until = '2026-01-01'")
    assert answered(ann, job, row).status_code == 200


def test_many_reviewers_never_get_the_same_row(server: LiveServer, job: str) -> None:
    asked(server, job)
    clients = [reviewer(server, job) for _ in range(4)]

    def work(client: httpx.Client) -> list[str]:
        return answer_all(client, job)

    with ThreadPoolExecutor(len(clients)) as pool:
        rows = [row for found in pool.map(work, clients) for row in found]
    assert sorted(rows) == sorted(set(rows))
    assert len(rows) == ROWS
    assert all(row["first"]["entries"] == 1 for row in listed(server, job))


def test_nobody_else_gets_a_reading_while_second_readings_become_due(
    server: LiveServer, job: str
) -> None:
    asked(server, job, second_readings=1)
    clients = [reviewer(server, job) for _ in range(4)]

    def work(client: httpx.Client) -> None:
        answer_all(client, job)

    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(work, clients))
    for client in clients:  # the last row of one may have waited for another's first reading
        work(client)
    for row in listed(server, job):
        assert row["first"]["user_soeid"] != row["second"]["user_soeid"]
        assert row["second"]["entries"] == 2, row


def test_readings_in_memory_are_those_of_the_database(server: LiveServer, job: str) -> None:
    asked(server, job, second_readings=0.5)
    ann, bob, cy = (reviewer(server, job) for _ in range(3))

    def compare() -> None:
        anew = replace(server.service, results=RecentResults())
        with server.service.database.read() as tx:
            found = get_job(tx, job)
            drawn_row_ids(anew, found)
            kept, read = (readings_in(tx, each, found) for each in (server.service, anew))
        assert kept.by_row == read.by_row
        assert list(kept.state.findings.items()) == list(read.state.findings.items())
        assert (kept.open_rows, kept.differing) == (read.open_rows, read.differing)
        assert (kept.decided, kept.places) == (read.decided, read.places)
        for user_id, rows in read.given_by.items():
            assert list(kept.given_by[user_id]) == list(rows)

    rows = answer_all(ann, job)
    compare()
    answer_all(bob, job, value=False)
    compare()
    assert answered(ann, job, rows[0], answers={"is_bad": False}).status_code == 200
    compare()
    while (row := next_row(cy, job, "decide")["row"]) is not None:
        answered(cy, job, row["row_id"], answers={"is_bad": False})
        compare()
    assert answered(ann, job, rows[-1], outcome="not_examinable").status_code in (200, 409)
    compare()


def test_second_readings_are_by_another_person_and_differences_decided(
    server: LiveServer, job: str
) -> None:
    found = asked(server, job, second_readings=0.25)
    assert found["second_readings"] == 0.25
    ann, bob, cy = (reviewer(server, job) for _ in range(3))
    answer_all(ann, job)
    end = next_row(ann, job)
    assert end["reason"].startswith("The rest needs another person")
    assert (end["progress"]["second_due"], end["progress"]["second_answered"]) == (3, 0)
    given = []
    while (row := next_row(bob, job)["row"]) is not None:
        assert row["task"] == "reading"
        assert row["readings"] == []
        value = len(given) > 0  # the first one differs
        answered(bob, job, row["row_id"], answers={"is_bad": value}, note="mine")
        given.append(row["row_id"])
    assert len(given) == 3
    for client in (ann, bob):
        assert next_row(client, job, "decide")["row"] is None
    submitted = server.admin.post(url(job, "review"), json={"action": "submitted"})
    assert_problem(submitted, 409, "conflict")
    assert "Have a third person decide" in submitted.json()["detail"]
    decision = next_row(cy, job, "decide")
    row = decision["row"]
    assert row["task"] == "decision"
    assert row["row_id"] == given[0]
    assert [each["answers"] for each in row["readings"]] == [{"is_bad": True}, {"is_bad": False}]
    assert answered(cy, job, row["row_id"], answers={"is_bad": False}).status_code == 200
    late = answered(ann, job, given[0])
    assert_problem(late, 409, "row_decided")
    assert late.json()["errors"][0]["loc"] == ["body", "answers", 0, "row_id"]
    (decided,) = [each for each in listed(server, job) if each["decision"]]
    assert (decided["counts"], decided["differs"]) == ("decision", False)
    assert decided["decision"]["answers"] == {"is_bad": False}
    review = server.admin.post(url(job, "review"), json={"action": "submitted"})
    assert review.status_code == 200, review.text
    locked = cy.post(url(job, "review-queue/next"), json={})
    assert_problem(locked, 409, "findings_locked")


def test_nobody_gives_two_readings_of_a_row(server: LiveServer, job: str) -> None:
    asked(server, job, second_readings=1)
    row = next_row(server.admin, job)["row"]["row_id"]
    answered(server.admin, job, row)
    second = answered(server.admin, job, row, reading="second")
    assert_problem(second, 409, "own_reading")
    assert second.json()["errors"][0]["loc"] == ["body", "answers", 0, "row_id"]


def test_a_correction_is_a_new_entry(server: LiveServer, job: str) -> None:
    asked(server, job)
    ann = reviewer(server, job)
    row = next_row(ann, job)["row"]["row_id"]
    (first,) = answered(ann, job, row).json()["ids"]
    stale = answered(ann, job, row, answers={"is_bad": False}, previous_id=0)
    assert_problem(stale, 409, "finding_changed")
    assert stale.json()["errors"][0]["loc"] == ["body", "answers", 0, "previous_id"]
    corrected = answered(ann, job, row, answers={"is_bad": False}, previous_id=first)
    assert corrected.status_code == 200, corrected.text
    (mine,) = ann.get(url(job, "review-queue/mine")).json()["entries"]
    assert (mine["row_id"], mine["answers"]) == (row, {"is_bad": False})
    (entry,) = [each["first"] for each in listed(server, job) if each["first"]]
    assert (entry["entries"], entry["answers"]) == (2, {"is_bad": False})
    other = answered(server.admin, job, entry["row_id"])
    assert_problem(other, 409, "row_answered")


ALL_TYPES = [
    IS_BAD,
    {"name": "kind", "type": "choice", "text": "?", "choices": ["a", "b"], "required": False},
    {"name": "score", "type": "number", "text": "?", "required": False},
    {"name": "loss", "type": "amount", "text": "?", "required": False},
    {"name": "why", "type": "text", "text": "?", "required": False},
]


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"is_bad": 1}, "is_bad"),
        ({"is_bad": "yes"}, "is_bad"),
        ({}, "is_bad"),
        ({"is_bad": None}, "is_bad"),
        ({"is_bad": True, "kind": "c"}, "kind"),
        ({"is_bad": True, "score": "1"}, "score"),
        ({"is_bad": True, "score": True}, "score"),
        ({"is_bad": True, "score": 10**400}, "score"),
        ({"is_bad": True, "loss": "1,5"}, "loss"),
        ({"is_bad": True, "loss": "NaN"}, "loss"),
        ({"is_bad": True, "loss": True}, "loss"),
        ({"is_bad": True, "why": "x" * 2001}, "why"),
        ({"is_bad": True, "why": 1}, "why"),
        ({"is_bad": True, "whatever": 1}, "whatever"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_with_its_field(
    server: LiveServer, job: str, answers: Mapping[str, Any], field: str
) -> None:
    asked(server, job, questions=ALL_TYPES)
    row = next_row(server.admin, job)["row"]["row_id"]
    answer = answered(server.admin, job, row, answers=answers)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["loc"] == ["body", "answers", 0, "answers", field]


def test_answers_are_stored_exactly_and_leave_as_files(server: LiveServer, job: str) -> None:
    asked(server, job, questions=ALL_TYPES)
    row = next_row(server.admin, job)["row"]["row_id"]
    given = {"is_bad": False, "kind": "b", "score": 2.5, "loss": "-12.50", "why": "=1+1"}
    assert answered(server.admin, job, row, answers=given, note="n").status_code == 200
    (entry,) = [each["first"] for each in listed(server, job) if each["first"]]
    assert entry["answers"] == given
    assert entry["outcome"] is None
    text = server.admin.get(url(job, "answers"), params={"format": "csv"}).content
    lines = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"))))
    assert len(lines) == ROWS
    (line,) = [each for each in lines if each["Counts"]]
    assert {name: line[name] for name in given} == {
        "is_bad": "false",
        "kind": "b",
        "score": "2.5",
        "loss": "-12.50",
        "why": "'=1+1",
    }
    assert (line["Counts"], line["note"], line["First reading note"]) == ("First reading", "n", "n")
    jsonl = server.admin.get(url(job, "answers"), params={"format": "jsonl"}).text.splitlines()
    (found,) = [each for each in map(json.loads, jsonl) if each["_readings"]]
    assert {name: found[name] for name in given} == given
    workbook = server.admin.get(url(job, "answers"), params={"format": "xlsx"})
    cells = list(openpyxl.load_workbook(io.BytesIO(workbook.content)).active.values)
    values = dict(zip(cells[0], next(each for each in cells[1:] if each[2]), strict=True))
    assert {name: values[name] for name in given} == {**given, "is_bad": "false", "loss": -12.5}


def test_a_row_can_be_unjudgeable_or_outside(server: LiveServer, job: str) -> None:
    asked(server, job)
    row = next_row(server.admin, job)["row"]["row_id"]
    assert answered(server.admin, job, row, outcome="not_examinable").status_code == 200
    row = next_row(server.admin, job)["row"]["row_id"]
    assert answered(server.admin, job, row, outcome="not_applicable").status_code == 200
    row = next_row(server.admin, job)["row"]["row_id"]
    ok = answered(server.admin, job, row, outcome="ok")
    assert ok.json()["errors"][0]["loc"] == ["body", "answers", 0, "outcome"]
    both = answered(server.admin, job, row, outcome="not_examinable", answers={"is_bad": True})
    assert both.json()["errors"][0]["loc"] == ["body", "answers", 0, "answers"]


def test_estimates_read_the_answers_that_count(server: LiveServer, job: str) -> None:
    asked(server, job, questions=ALL_TYPES)
    body = {
        "values": "answers",
        "statistics": [{"statistic": "proportion", "column": "is_bad", "value": True}],
    }
    none = server.admin.post(url(job, "estimates"), json=body)
    assert none.status_code == 422
    rows = [row["_logical_row_id"] for row in server.rows(job)]
    for place, row in enumerate(rows[:8]):
        answered(server.admin, job, row, answers={"is_bad": place < 2, "loss": "10.10"})
    answered(server.admin, job, rows[8], outcome="not_examinable")
    found = server.admin.post(url(job, "estimates"), json=body)
    assert found.status_code == 200, found.text
    assert found.json()["estimates"][0]["estimate"] == pytest.approx(0.25)
    notes = " ".join(found.json()["notes"])
    assert "1 drawn row couldn’t be judged" in notes
    assert "1 of 10 drawn rows have no answer" in notes
    total = {"values": "answers", "statistics": [{"statistic": "mean", "column": "loss"}]}
    mean = server.admin.post(url(job, "estimates"), json=total).json()
    assert mean["estimates"][0]["estimate"] == pytest.approx(10.10)


def test_an_audit_refuses_answers_as_findings_and_their_evaluation(
    server: LiveServer, job: str
) -> None:
    asked(server, job)
    row = next_row(server.admin, job)["row"]["row_id"]
    entered = server.admin.post(url(job, "findings"), json={"row_id": row, "outcome": "ok"})
    assert_problem(entered, 409, "own_questions")
    answer_all(server.admin, job)
    evaluated = server.admin.post(url(job, "evaluation"), json={"kind": "attributes"})
    assert evaluated.status_code == 422
    assert "questions of its own" in evaluated.json()["detail"]
    paper = server.admin.get(url(job, "working-paper"))
    assert paper.status_code == 200, paper.text


def test_findings_can_be_entered_blind_by_the_queue(server: LiveServer, job: str) -> None:
    server.admin.put(url(job, "attributes"), json={"attributes": ["approved"]})
    found = asked(server, job, questions=[], hidden=["amount"], second_readings=1)
    assert found["is_audit"]
    assert [each["name"] for each in found["questions"]] == ["audit_value", "approved"]
    ann, bob = reviewer(server, job), reviewer(server, job)
    row = next_row(ann, job)["row"]["row_id"]
    missing = answered(ann, job, row, answers={})
    assert missing.json()["errors"][0]["loc"] == ["body", "answers", 0, "outcome"]
    given = {"outcome": "exception", "answers": {"approved": True, "audit_value": "3.10"}}
    assert answered(ann, job, row, **given).status_code == 200
    assert answered(bob, job, next_row(bob, job)["row"]["row_id"], outcome="ok").status_code == 200
    items = server.admin.get(url(job, "findings")).json()["items"]
    first = next(each["finding"] for each in items if each["finding"])
    assert first["deviations"] == ["approved"]
    assert (first["outcome"], first["audit_value"]) == ("exception", "3.10")


def test_a_continued_sample_takes_questions_and_answers_along(
    server: LiveServer, dataset: int, job: str
) -> None:
    asked(server, job, hidden=["amount"])
    answer_all(server.admin, job)
    more = server.draw(dataset, {"rounds": [one("random", sample_size=ROWS + 5)]})["id"]
    found = server.admin.get(url(more, "questions")).json()
    assert ([each["name"] for each in found["questions"]], found["hidden"]) == (
        ["is_bad"],
        ["amount"],
    )
    assert server.admin.get(url(more, "review-queue")).json()["progress"]["answered"] == ROWS


def test_a_hidden_book_value_is_not_disclosed(server: LiveServer, dataset: int) -> None:
    rounds = [one("monetary_unit", book_column="amount", sample_size=5)]
    job = str(server.draw(dataset, {"rounds": rounds})["id"])
    books = {str(row["amount"]) for row in server.rows(job)}
    asked(server, job, questions=[], hidden=["amount"])
    ann = reviewer(server, job)
    row = next_row(ann, job)["row"]
    assert "amount" not in row["data"]
    given = {"outcome": "ok", "answers": {"audit_value": "1.23"}}
    refused = answered(ann, job, row["row_id"], **given)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["loc"] == ["body", "answers", 0, "answers", "audit_value"]
    assert not any(book in refused.text for book in books)


def test_findings_of_a_file_are_refused_beside_questions(server: LiveServer, job: str) -> None:
    asked(server, job)
    row = server.rows(job)[0]["_logical_row_id"]
    file = {"file": ("list.csv", f"_logical_row_id,outcome\n{row},ok\n".encode())}
    assert_problem(server.admin.post(url(job, "findings"), files=file), 409, "own_questions")
    replaced = server.admin.post(url(job, "replacements"), json={"row_id": row, "reason": "x"})
    assert_problem(replaced, 409, "own_questions")
    assert server.admin.get(url(job, "findings")).json()["counts"]["open"] == ROWS


def test_a_finding_can_not_be_entered_by_the_second_reader(server: LiveServer, job: str) -> None:
    asked(server, job, questions=[], second_readings=1)
    ann = reviewer(server, job)
    row = server.rows(job)[0]["_logical_row_id"]
    answered(ann, job, next_row(ann, job)["row"]["row_id"], outcome="ok")
    second = answered(server.admin, job, row, outcome="exception", reading="second")
    assert second.status_code == 200, second.text
    entered = server.admin.post(url(job, "findings"), json={"row_id": row, "outcome": "ok"})
    assert_problem(entered, 409, "own_reading")
    items = server.admin.get(url(job, "findings")).json()["items"]
    assert items[0]["finding"]["outcome"] == "ok"  # a second reading doesn't count


def test_submitting_needs_all_answers_and_second_readings(server: LiveServer, job: str) -> None:
    asked(server, job, second_readings=0.1)
    submit = {"action": "submitted"}
    first = server.admin.post(url(job, "review"), json=submit)
    assert "10 rows have no answer" in first.json()["detail"]
    answer_all(server.admin, job)
    second = server.admin.post(url(job, "review"), json=submit)
    assert "1 row lacks the second reading" in second.json()["detail"]
    answer_all(reviewer(server, job), job)
    assert server.admin.post(url(job, "review"), json=submit).status_code == 200
    signer, user = server.new_user("analyst")
    dataset = server.admin.get(f"/api/jobs/{job}").json()["dataset_id"]
    body = {"user_id": user["id"], "permission": "write"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=body)
    signed = signer.post(url(job, "review"), json={"action": "signed_off"})
    assert signed.json()["state"] == "signed_off", signed.text
