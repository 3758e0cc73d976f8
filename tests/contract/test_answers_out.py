"""Answers as files, as a table of the dataset, and as a project of Label Studio."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from xml.etree import ElementTree

import pytest
from openpyxl import load_workbook

from tests.contract.draw_requests import one
from tests.contract.exploring import query
from tests.contract.problems import assert_problem
from tests.contract.test_answer_files import DRAWN, QUESTIONS, ROW, ids, send, tickets, url
from tests.support.live_server import LiveServer


@pytest.fixture
def dataset(server: LiveServer) -> int:
    """Texts with a row key, a judge, and a column whose name isn't one of Label Studio's."""
    dataset_id = server.new_dataset()
    lines = [f"{row:04d},text {row},{row % 2},PLANTED-{row}" for row in range(60)]
    server.import_text(dataset_id, "\n".join(["ticket,the text,judge.label,secret", *lines]) + "\n")
    body = {"columns": ["ticket"]}
    path = f"/api/datasets/{dataset_id}/row-key"
    assert server.admin.put(path, json=body).status_code == 200
    return dataset_id


@pytest.fixture
def job(server: LiveServer, dataset: int) -> str:
    body = {"rounds": [one("random", sample_size=DRAWN)], "output_name": f"week {dataset}"}
    job = str(server.draw(dataset, body)["id"])
    chosen = {"questions": QUESTIONS, "hidden": ["secret"], "second_readings": 1}
    assert server.admin.put(url(job, "questions"), json=chosen).status_code == 200
    return job


@pytest.fixture
def answered(server: LiveServer, job: str) -> list[str]:
    """The keys; the first row's readings differ and are decided, the third can't be judged."""
    keys = tickets(server, job)
    lines = [
        "ticket,is_bad,kind,loss,why,note,outcome",
        f"{keys[0]},yes,=wrong,1.2340,=1+1,n,",
        f"{keys[1]},no,,,,,",
        f"{keys[2]},,,,,,Can't be judged",
    ]
    assert send(server.admin, job, "\n".join(lines)).status_code == 200
    for reading, word in (("second", "no"), ("decision", "no")):
        other, _ = server.new_user("admin")
        text = f"ticket,is_bad\n{keys[0]},{word}\n"
        assert send(other, job, text, reading=reading).status_code == 200
    return keys


def download(server: LiveServer, job: str, kind: str) -> bytes:
    answer = server.admin.get(url(job, "answers"), params={"format": kind})
    assert answer.status_code == 200, answer.text
    assert "attachment" in answer.headers["content-disposition"]
    return answer.content


def test_a_download_has_a_line_a_row_with_its_key_first(
    server: LiveServer, job: str, answered: list[str]
) -> None:
    lines = list(csv.DictReader(io.StringIO(download(server, job, "csv").decode("utf-8-sig"))))
    assert len(lines) == DRAWN
    assert list(lines[0])[:8] == [
        "ticket", ROW, "is_bad", "kind", "loss", "score", "why", "outcome"
    ]  # fmt: skip
    first = lines[0]
    assert (first["ticket"], first["is_bad"], first["Counts"]) == (answered[0], "false", "Decision")
    assert first["First reading: kind"] == "'=wrong"
    assert first["First reading: loss"] == "1.2340"
    assert first["First reading: why"] == "'=1+1"
    assert first["Second reading: is_bad"] == "false"
    assert first["Second reading by"] != first["First reading by"] != first["Decision by"]
    assert lines[2]["outcome"] == "Can’t be judged"
    assert lines[5]["First reading at"] == ""


def test_a_download_that_is_sent_back_enters_nothing(
    server: LiveServer, job: str, answered: list[str]
) -> None:
    for kind in ("csv", "xlsx", "jsonl"):
        found = send(server.admin, job, download(server, job, kind), f"a.{kind}", preview=True)
        assert found.status_code == 200, found.text
        counts = {name: found.json()[name] for name in ("refused", "changed", "new", "unchanged")}
        assert counts == {"refused": 0, "changed": 0, "new": 0, "unchanged": 3}, found.json()


def test_a_stale_download_is_refused(server: LiveServer, job: str) -> None:
    keys = tickets(server, job)
    text = download(server, job, "csv").decode("utf-8-sig").replace(f"{keys[0]},", f"{keys[0]},", 1)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert send(server.admin, job, f"ticket,is_bad\n{keys[0]},no\n").status_code == 200
    rows[0] |= {"is_bad": "yes", "_entry_id": "0"}
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    found = send(server.admin, job, out.getvalue(), preview=True).json()
    assert "after the list was written" in found["lines"][0]["problem"]


def test_a_workbook_of_answers_can_be_filled_in(
    server: LiveServer, job: str, answered: list[str]
) -> None:
    (sheet,) = load_workbook(io.BytesIO(download(server, job, "xlsx"))).worksheets
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0][:3] == ("ticket", ROW, "is_bad")
    assert rows[1][0] == answered[0]
    assert len(rows) == DRAWN + 1
    formulas = [each.formula1 for each in sheet.data_validations.dataValidation]
    assert '"true,false"' in formulas


def test_json_lines_have_readings_as_objects(
    server: LiveServer, job: str, answered: list[str]
) -> None:
    row = json.loads(download(server, job, "jsonl").decode().splitlines()[0])
    assert (row["ticket"], row["is_bad"], row["_counts"]) == (answered[0], False, "decision")
    assert row["_readings"]["first"]["answers"]["loss"] == "1.2340"
    assert set(row["_readings"]) == {"first", "second", "decision"}


def made_table(server: LiveServer, job: str, **body: Any) -> dict[str, Any]:
    answer = server.admin.post(url(job, "answers/table"), json=body)
    assert answer.status_code == 200, answer.text
    made = server.finished(answer.json()["job_id"])
    assert made["status"] == "completed", made
    return made


def test_answers_become_a_table_that_joins_with_its_source(
    server: LiveServer, dataset: int, job: str, answered: list[str]
) -> None:
    made = made_table(server, job, output_name="labels")
    columns = {each["name"]: each["type"] for each in made["output_summary"]["columns"]}
    assert columns == {
        "ticket": "VARCHAR",
        "row_id": "VARCHAR",
        "is_bad": "BOOLEAN",
        "kind": "VARCHAR",
        "loss": "DECIMAL(38,2)",
        "score": "DOUBLE",
        "why": "VARCHAR",
        "outcome": "VARCHAR",
        "note": "VARCHAR",
        "reading": "VARCHAR",
        "readings": "BIGINT",
        "_inclusion_probability": "DOUBLE",
        "_design_weight": "DOUBLE",
    }
    sql = (
        'SELECT p."the text" AS t, is_bad, reading, readings, _design_weight AS w '
        "FROM data p JOIN labels USING (ticket) ORDER BY readings DESC NULLS LAST, t"
    )
    body = {"sql": sql, "with_tables": ["labels=expl-labels"]}
    answer = server.admin.post(f"/api/exploration/datasets/{dataset}/query", json=body)
    assert answer.status_code == 200, answer.text
    rows = answer.json()["data"]
    assert len(rows) == DRAWN
    assert rows[0] == {
        "t": f"text {int(answered[0])}",
        "is_bad": False,
        "reading": "decision",
        "readings": 3,
        "w": 10,
    }


def test_a_table_of_answers_names_readers_only_if_asked(
    server: LiveServer, job: str, answered: list[str]
) -> None:
    plain = made_table(server, job)
    assert "entered_by" not in [each["name"] for each in plain["output_summary"]["columns"]]
    named = made_table(server, job, with_readers=True, output_name="with readers")
    assert "entered_by" in [each["name"] for each in named["output_summary"]["columns"]]


def test_the_same_answers_make_one_table(server: LiveServer, job: str, answered: list[str]) -> None:
    made = made_table(server, job, output_name="labels")
    assert made_table(server, job, output_name="labels")["id"] == made["id"]
    assert send(server.admin, job, f"ticket,is_bad\n{answered[4]},no\n").status_code == 200
    again = server.admin.post(url(job, "answers/table"), json={"output_name": "labels"})
    assert again.status_code == 409, again.text


def test_a_table_needs_questions_and_the_right_write(
    server: LiveServer, dataset: int, job: str
) -> None:
    plain = str(server.draw(dataset, {"rounds": [one("random", sample_size=3, seed=6)]})["id"])
    assert_problem(server.admin.post(url(plain, "answers/table"), json={}), 409, "conflict")
    client, user = server.new_user("viewer")
    server.admin.put(url(job, "reviewers"), json={"reviewers": [user["soeid"]]})
    assert client.post(url(job, "answers/table"), json={}).status_code in (403, 404)


def test_answers_are_read_in_sql(
    server: LiveServer, dataset: int, job: str, answered: list[str]
) -> None:
    name = server.finished(job)["output_name"]
    body = {"sql": "SELECT count(*) FILTER (is_bad) AS bad, count(*) AS n FROM answers",
            "source_ref": f"smpl-{name}", "with_tables": ["answers"]}  # fmt: skip
    answer = server.admin.post(f"/api/exploration/datasets/{dataset}/query", json=body)
    assert answer.json()["data"] == [{"bad": 0, "n": 3}], answer.text
    assert query(server, dataset, "SELECT 1 AS one").status_code == 200


def test_tasks_of_label_studio_hide_columns_and_fit_their_interface(
    server: LiveServer, job: str
) -> None:
    text = download(server, job, "label_studio").decode()
    tasks = json.loads(text)
    assert sorted(task["data"][ROW] for task in tasks) == sorted(ids(server, job))
    assert set(tasks[0]) == {"data"}
    assert set(tasks[0]["data"]) == {ROW, "ticket", "the_text", "judge_label"}
    interface = server.admin.get(url(job, "questions"), params={"format": "label_studio"})
    assert interface.headers["content-type"].startswith("application/xml")
    assert "PLANTED" not in text + interface.text
    assert "secret" not in text + interface.text
    view = ElementTree.fromstring(interface.text)
    shown = {each.get("value", "").removeprefix("$") for each in view.iter("Text")}
    assert shown == set(tasks[0]["data"]) - {ROW}
    controls = {each.get("name"): each for each in view if each.get("toName")}
    assert list(controls) == [*(each["name"] for each in QUESTIONS), "note"]
    assert {each.get("toName") for each in controls.values()} == {"column_0"}
    assert [each.get("value") for each in controls["kind"]] == QUESTIONS[1]["choices"]
    assert (controls["is_bad"].get("required"), controls["kind"].get("required")) == (
        "true",
        "false",
    )


def test_conversations_are_paragraphs_in_label_studio(server: LiveServer) -> None:
    dataset_id = server.new_dataset()
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    rows = [
        {"chat": turns, "calls": [{**turns[0], "tool": "x"}], "some": turns},
        {"chat": None, "calls": turns, "some": "text"},
    ]
    server.import_text(dataset_id, "\n".join(map(json.dumps, rows)) + "\n", name="chats.jsonl")
    job = str(server.draw(dataset_id, {"rounds": [one("random", sample_size=2)]})["id"])
    assert server.admin.put(url(job, "questions"), json={"questions": QUESTIONS}).is_success
    tasks = [task["data"] for task in json.loads(download(server, job, "label_studio"))]
    assert sorted((task["chat"] for task in tasks), key=len) == [[], turns]
    assert all(isinstance(task[name], str) for task in tasks for name in ("calls", "some"))
    text = server.admin.get(url(job, "questions"), params={"format": "label_studio"}).text
    view = ElementTree.fromstring(text)
    (shown,) = view.iter("Paragraphs")
    assert (shown.get("value"), shown.get("nameKey"), shown.get("textKey")) == (
        "$chat",
        "role",
        "content",
    )
    assert len([*view.iter("Text")]) == 2


def test_names_and_texts_are_escaped_in_the_interface(server: LiveServer, dataset: int) -> None:
    job = str(server.draw(dataset, {"rounds": [one("random", sample_size=3)]})["id"])
    asked = [{"name": 'a"<b>&', "type": "choice", "text": "<Choices>", "choices": ['"', "<x/>"]}]
    assert server.admin.put(url(job, "questions"), json={"questions": asked}).status_code == 200
    text = server.admin.get(url(job, "questions"), params={"format": "label_studio"}).text
    (control,) = ElementTree.fromstring(text).iter("Choices")
    assert control.get("name") == 'a"<b>&'
    assert [each.get("value") for each in control] == ['"', "<x/>"]


def test_an_audit_has_no_interface_of_label_studio(server: LiveServer, dataset: int) -> None:
    job = str(server.draw(dataset, {"rounds": [one("random", sample_size=3)]})["id"])
    answer = server.admin.get(url(job, "questions"), params={"format": "label_studio"})
    assert_problem(answer, 422, "invalid_value")
