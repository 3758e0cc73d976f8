"""Answers from files: CSV, XLSX, JSON Lines and exports of Label Studio."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import pytest
import xlsxwriter

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ROW = "_logical_row_id"
DRAWN = 6
QUESTIONS = [
    {"name": "is_bad", "type": "yes_no", "text": "Is it bad?"},
    {"name": "kind", "type": "choice", "text": "Which?", "choices": ["rude", "=wrong", "late"],
     "required": False},
    {"name": "loss", "type": "amount", "text": "How much?", "required": False},
    {"name": "score", "type": "number", "text": "How bad?", "required": False},
    {"name": "why", "type": "text", "text": "Why?", "required": False},
]  # fmt: skip


def url(job: str, path: str) -> str:
    return f"/api/sampling/jobs/{job}/{path}"


@pytest.fixture
def dataset(server: LiveServer) -> int:
    """Texts with a key of leading zeros, and a judge."""
    dataset_id = server.new_dataset()
    lines = [f"{row:04d},text {row},{row % 2}" for row in range(100)]
    server.import_text(dataset_id, "\n".join(["ticket,body,judge", *lines]) + "\n")
    return dataset_id


@pytest.fixture
def job(server: LiveServer, dataset: int) -> str:
    job = str(server.draw(dataset, {"rounds": [one("random", sample_size=DRAWN)]})["id"])
    body = {"questions": QUESTIONS, "hidden": ["judge"], "second_readings": 0.5}
    answer = server.admin.put(url(job, "questions"), json=body)
    assert answer.status_code == 200, answer.text
    return job


def tickets(server: LiveServer, job: str) -> list[str]:
    return [row["ticket"] for row in server.rows(job)]


def ids(server: LiveServer, job: str) -> list[str]:
    return [row[ROW] for row in server.rows(job)]


def send(
    client: httpx.Client,
    job: str,
    content: bytes | str,
    name: str = "labels.csv",
    *,
    preview: bool = False,
    **fields: str,
) -> httpx.Response:
    data = content.encode() if isinstance(content, str) else content
    path = url(job, "answers/preview" if preview else "answers")
    return client.post(path, files={"file": (name, data)}, data=fields)


def first_answers(server: LiveServer, job: str) -> list[Any]:
    rows = server.admin.get(url(job, "answers")).json()["rows"]
    return [row["first"] and row["first"]["answers"] for row in rows]


KEY = {"key": json.dumps(["ticket"])}


def test_a_csv_file_is_previewed_and_entered(server: LiveServer, job: str) -> None:
    keys = tickets(server, job)
    text = "\n".join(
        [
            "ticket,is_bad,kind,loss,score,why,note,outcome",
            f'{keys[0]},Yes,rude,"1.234,50",2.5,=1+1,,',
            f"{keys[1]},FALSE,,,,,seen twice,",
            f"{keys[2]},1,'=wrong,12,-3,,,",
            f"{keys[3]},,,,,,,Can't be judged",
            f"{keys[4]},,,,,,,",
        ]
    )
    preview = send(server.admin, job, text, preview=True, **KEY)
    assert preview.status_code == 200, preview.text
    found = preview.json()
    assert found["problem"] is None, found["lines"]
    assert (found["new"], found["empty"], found["missing"]) == (4, 1, 1)
    assert first_answers(server, job) == [None] * DRAWN
    entered = send(server.admin, job, text, **KEY)
    assert entered.status_code == 200, entered.text
    assert len(entered.json()["ids"]) == 4
    assert entered.json()["progress"]["answered"] == 4
    assert first_answers(server, job) == [
        {"is_bad": True, "kind": "rude", "loss": "1234.50", "score": 2.5, "why": "=1+1"},
        {"is_bad": False},
        {"is_bad": True, "kind": "=wrong", "loss": "12", "score": -3},
        {},
        None,
        None,
    ]
    again = send(server.admin, job, text, **KEY).json()
    assert (again["ids"], again["file"]["unchanged"]) == ([], 4)


def test_amounts_are_read_as_written(server: LiveServer, job: str) -> None:
    keys = tickets(server, job)
    text = f"ticket,is_bad,loss,score\n{keys[0]},yes,1.234,1.234\n{keys[1]},no,12.5,NA\n"
    found = send(server.admin, job, text, preview=True, **KEY).json()
    problem = '"1.234" can be read in two ways. Write 1234 or 1.2340.'
    assert [line["problem"] for line in found["lines"]] == [problem, None]
    long = "12345678901234567890.12"
    text = f"ticket,is_bad,loss,score\n{keys[0]},yes,{long},1.2340\n{keys[1]},no,1e3,NA\n"
    entered = send(server.admin, job, text, **KEY)
    assert entered.status_code == 200, entered.text
    assert first_answers(server, job)[:2] == [
        {"is_bad": True, "loss": long, "score": 1.234},
        {"is_bad": False, "loss": "1000"},
    ]


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (
            "ja,,,,,,",
            '"ja" doesn\'t answer "is_bad". Write one of: true, yes, y, 1, false, no, n, 0.',
        ),
        ("2,,,,,,", '"2" doesn\'t answer "is_bad"'),
        ("yes,polite,,,,,", '"polite" is no answer to "kind"'),
        ("yes,,five,,,,", '"five" isn\'t an amount'),
        ("yes,,,NaN,,,", "isn't an amount"),
        (",rude,,,,,", 'The question "is_bad" needs an answer.'),
        ("yes,,,,,,exception", "isn't an outcome"),
        ("yes,,,,,,not_applicable", "has no answers"),
        (",,,,,only a note,", "neither an answer nor an outcome"),
    ],
)
def test_a_line_that_answers_nothing_is_named(
    server: LiveServer, job: str, cells: str, sentence: str
) -> None:
    keys = tickets(server, job)
    text = "\n".join(
        [
            "ticket,is_bad,kind,loss,score,why,note,outcome",
            f"{keys[0]},yes,,,,,,",
            f"{keys[1]},{cells}",
        ]
    )
    found = send(server.admin, job, text, preview=True, **KEY).json()
    (refused,) = [line for line in found["lines"] if line["action"] == "refused"]
    assert refused["line"] == 3
    assert sentence in refused["problem"]
    answer = send(server.admin, job, text, **KEY)
    assert_problem(answer, 422, "invalid_row_file")
    assert "Row 3" in answer.text
    assert first_answers(server, job) == [None] * DRAWN


def test_a_workbook_and_json_lines_enter_the_same(server: LiveServer, job: str) -> None:
    keys = tickets(server, job)
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["ticket", "is_bad", "loss", "score"])
        sheet.write_row(1, 0, [keys[0], True, 0.1, 7])
        sheet.write_row(2, 0, [keys[1], 0, 1234.5, 0])
    entered = send(server.admin, job, buffer.getvalue(), "labels.xlsx", **KEY)
    assert entered.status_code == 200, entered.text
    lines = [
        {"ticket": keys[0], "is_bad": True, "loss": "0.1", "score": 7},
        {"ticket": keys[1], "is_bad": False, "loss": 1234.5, "score": 0},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    again = send(server.admin, job, text, "labels.jsonl", **KEY)
    assert again.status_code == 200, again.text
    assert again.json()["file"]["unchanged"] == 2
    assert first_answers(server, job)[:2] == [
        {"is_bad": True, "loss": "0.1", "score": 7},
        {"is_bad": False, "loss": "1234.5", "score": 0},
    ]


def test_another_person_enters_second_readings(server: LiveServer, job: str) -> None:
    keys = tickets(server, job)
    text = f"ticket,is_bad\n{keys[0]},yes\n"
    assert send(server.admin, job, text, **KEY).status_code == 200
    own = send(server.admin, job, text, reading="second", preview=True, **KEY).json()
    assert "another person" in own["lines"][0]["problem"].lower()
    other, _ = server.new_user("admin")
    no = f"ticket,is_bad\n{keys[0]},no\n"
    changed = send(other, job, no, preview=True, **KEY).json()
    assert "Another person gave the first reading" in changed["lines"][0]["problem"]
    entered = send(other, job, no, reading="second", **KEY)
    assert entered.status_code == 200, entered.text
    assert entered.json()["progress"]["differences"] == 1
    third, _ = server.new_user("admin")
    decided = send(third, job, no, reading="decision", **KEY)
    assert decided.status_code == 200, decided.text
    late = send(server.admin, job, f"ticket,is_bad\n{keys[0]},yes\n", preview=True, **KEY).json()
    assert late["refused"] == 1
    assert_problem(send(third, job, no, reading="third", **KEY), 422, "invalid_request")


def test_a_file_needs_the_right_write(server: LiveServer, job: str) -> None:
    client, user = server.new_user("viewer")
    server.admin.put(url(job, "reviewers"), json={"reviewers": [user["soeid"]]})
    text = f"ticket,is_bad\n{tickets(server, job)[0]},yes\n"
    for preview in (True, False):
        answer = send(client, job, text, preview=preview, **KEY)
        assert answer.status_code in (403, 404), answer.text
        assert "ticket" not in answer.text


def test_files_without_answers_are_refused(server: LiveServer, job: str) -> None:
    keys = tickets(server, job)
    other = send(server.admin, job, f"ticket,verdict\n{keys[0]},yes\n", preview=True, **KEY)
    assert_problem(other, 422, "invalid_row_file")
    assert "is_bad" in other.text
    unknown = send(server.admin, job, "ticket,is_bad\n9999,yes\n", preview=True, **KEY).json()
    assert unknown["refused"] == 1
    twice = f"ticket,is_bad\n{keys[0]},yes\n{keys[0]},no\n"
    assert send(server.admin, job, twice, preview=True, **KEY).json()["refused"] == 2


def test_findings_of_an_audit_come_by_the_same_route(server: LiveServer, dataset: int) -> None:
    plain = str(server.draw(dataset, {"rounds": [one("random", sample_size=3)]})["id"])
    text = f"ticket,outcome\n{tickets(server, plain)[0]},ok\n"
    assert send(server.admin, plain, text, **KEY).status_code == 200
    assert_problem(send(server.admin, plain, text, reading="second", **KEY), 422, "invalid_value")


def test_findings_of_a_sample_with_questions_are_refused(server: LiveServer, job: str) -> None:
    text = f"ticket,outcome\n{tickets(server, job)[0]},ok\n"
    answer = server.admin.post(url(job, "findings"), files={"file": ("f.csv", text)}, data=KEY)
    assert_problem(answer, 409, "own_questions")


def result(name: str, kind: str, value: Any) -> dict[str, Any]:
    key = "text" if kind == "textarea" else kind
    return {"id": "x", "from_name": name, "to_name": "column_0", "type": kind,
            "origin": "manual", "value": {key: value}}  # fmt: skip


def annotation(by: Any, at: str, *results: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": 1, "completed_by": by, "created_at": at, "was_cancelled": False,
            "ground_truth": False, "lead_time": 4.2, "result": list(results), **more}  # fmt: skip


ANN, BOB = {"id": 1, "email": "ann@example.org", "first_name": ""}, 7


def exported(rows: list[str]) -> str:
    """A project's JSON export: two annotators, a skipped task, an empty one, other controls."""
    bad = result("is_bad", "choices", ["Yes"])
    tasks = [
        [
            annotation(BOB, "2026-02-02T10:00:00Z", result("is_bad", "choices", ["No"])),
            annotation(
                ANN, "2026-02-01T10:00:00Z", bad, result("kind", "choices", ["rude"]),
                result("loss", "number", 12.5), result("score", "rating", 4),
                result("why", "textarea", ["first line", "second"]),
                result("note", "textarea", ["odd"]), result("spans", "labels", ["PER"]),
            ),
        ],
        [annotation(ANN, "2026-02-01T10:01:00Z", was_cancelled=True)],
        [],
        [annotation(ANN, "2026-02-01T10:02:00Z", bad), annotation(ANN, "2026-02-03T10:02:00Z",
            result("is_bad", "choices", ["No"]))],
    ]  # fmt: skip
    return json.dumps(
        [
            {"id": at, "data": {ROW: row, "body": "text", "é": None}, "annotations": given,
             "predictions": [], "drafts": [], "project": 3}
            for at, (row, given) in enumerate(zip(rows, tasks, strict=False))
        ]
    )  # fmt: skip


def test_annotations_of_label_studio_are_readings(server: LiveServer, job: str) -> None:
    text = exported(ids(server, job))
    preview = send(server.admin, job, text, "project-3.json", preview=True).json()
    assert preview["problem"] is None, preview
    assert (preview["new"], preview["empty"]) == (3, 1)
    assert preview["notes"][:2] == [
        "1 task has a second annotator. Another person can enter these answers from the same file "
        "as the second reading.",
        '"spans" answers no question of the sample; 1 result weren\'t read.',
    ]
    assert send(server.admin, job, text, "project-3.json").status_code == 200
    rows = server.admin.get(url(job, "answers")).json()["rows"]
    first = rows[0]["first"]
    assert first["answers"] == {
        "is_bad": True, "kind": "rude", "loss": "12.5", "score": 4, "why": "first line\nsecond"
    }  # fmt: skip
    assert first["note"] == "odd; Annotator: ann@example.org"
    assert rows[1]["first"]["outcome"] == "not_examinable"
    assert rows[2]["first"] is None
    assert rows[3]["first"]["answers"] == {"is_bad": False}
    other, _ = server.new_user("admin")
    second = send(other, job, text, "project-3.json", reading="second")
    assert second.status_code == 200, second.text
    row = server.admin.get(url(job, "answers")).json()["rows"][0]
    assert (row["second"]["answers"], row["second"]["note"]) == ({"is_bad": False}, "Annotator: 7")
    assert row["differs"]


def test_annotations_that_are_left_out_are_counted(server: LiveServer, job: str) -> None:
    row = ids(server, job)[0]

    def said(by: Any, at: str, word: str, **more: Any) -> dict[str, Any]:
        return annotation(by, at, result("is_bad", "choices", [word]), **more)

    given = [
        *(said(None, "2026-01-02", "Yes"), said(None, "2026-01-01", "No")),
        *(said(ANN, "2026-01-03", "Yes"), said(ANN, "2026-01-04", "No")),
        said(BOB, "2026-01-06", "Yes", ground_truth=True),
        said(ANN, "2026-01-05", "No", ground_truth=True),
    ]
    text = json.dumps([{"data": {ROW: row}, "annotations": given}])
    found = send(server.admin, job, text, "p.json", preview=True).json()
    assert found["new"] == 1, found
    left = [note for note in found["notes"] if note.startswith("Left out: 1 older annotation ")]
    assert [note.split()[5] for note in left] == ["without", "by", "marked"]


def test_values_that_cannot_be_stored_are_refused(server: LiveServer, job: str) -> None:
    row = ids(server, job)[0]
    bad = result("is_bad", "choices", ["Yes"])
    given = annotation(ANN, "2026", bad, result("why", "textarea", ["a\x00b"]))
    text = json.dumps([{"data": {ROW: row}, "annotations": [given]}])
    found = send(server.admin, job, text, "p.json", preview=True).json()
    assert "holds the character U+0000" in found["lines"][0]["problem"], found
    assert send(server.admin, job, text, "p.json").status_code == 422
    long = f"{ROW},is_bad,score\n{row},yes,{'9' * 6000}\n"
    found = send(server.admin, job, long, "long.csv", preview=True).json()
    assert "finite number" in found["lines"][0]["problem"], found


def test_two_choices_of_label_studio_are_refused(server: LiveServer, job: str) -> None:
    row = ids(server, job)[0]
    given = annotation(ANN, "2026", result("is_bad", "choices", ["Yes", "No"]))
    text = json.dumps([{"data": {ROW: row}, "annotations": [given]}])
    found = send(server.admin, job, text, "p.json", preview=True).json()
    assert '"Yes, No" doesn\'t answer "is_bad"' in found["lines"][0]["problem"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[{"annotations": [], "data": {}}]', "Task 1 has no `_logical_row_id`"),
        ('[{"annotations": 3, "data": {"_logical_row_id": "x:1"}}]', "has no `annotations`"),
        ('[{"annotations": [], ', "isn't valid JSON"),
        ('[{"annotations": [{"completed_by": ' + "9" * 6000 + "}]}]", "more than 4,300 digits"),
        ('[{"annotations": [{"result": [' + "[" * 20_000, "isn't a JSON text"),
    ],
)
def test_broken_exports_are_refused(server: LiveServer, job: str, text: str, sentence: str) -> None:
    answer = send(server.admin, job, text, "p.json", preview=True)
    assert_problem(answer, 422, "invalid_row_file")
    assert sentence in answer.text


def test_the_compact_exports_of_label_studio_are_files_with_a_key(
    server: LiveServer, job: str
) -> None:
    rows = ids(server, job)
    compact = [
        {ROW: rows[0], "id": 1, "body": "text", "is_bad": "Yes", "kind": "late", "score": 3,
         "annotator": 1, "annotation_id": 9, "created_at": "2026-02-01T10:00:00Z",
         "updated_at": "2026-02-01T10:00:00Z", "lead_time": 2.5},
    ]  # fmt: skip
    assert send(server.admin, job, json.dumps(compact), "min.json").status_code == 200
    assert first_answers(server, job)[0] == {"is_bad": True, "kind": "late", "score": 3}
    text = (
        f'"annotation_id","annotator","body","is_bad","lead_time","{ROW}"\n'
        f'9,"a@example.org","line 1\nline 2","No",1.5,"{rows[1]}"\n'
    )
    assert send(server.admin, job, text, "project.csv").status_code == 200
    assert first_answers(server, job)[1] == {"is_bad": False}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\xff\xfe" + "ticket,is_bad\n".encode("utf-16-le")[:-1], "a.csv"),
        (b"PK\x03\x04 truncated", "a.xlsx"),
        (b"", "a.csv"),
        (b'{"ticket": "0001", "is_bad": ', "a.jsonl"),
        (b"\x00" * 100, "a.csv"),
        (b"PAR1", "a.parquet"),
    ],
)
def test_damaged_files_are_refused(server: LiveServer, job: str, content: bytes, name: str) -> None:
    answer = send(server.admin, job, content, name, preview=True, **KEY)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] in ("unreadable_file", "invalid_row_file"), answer.text
