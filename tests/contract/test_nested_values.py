"""Nested values are the same JSON text in every answer."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, NoReturn

import duckdb
import pytest

from tests.contract.exploring import query
from tests.support.live_server import LiveServer

VALUE = "{'a': 'nan'::DOUBLE, 'b': ['-inf'::DOUBLE, 0.1], 'c': 'say \"NaN\"'}"
PARSED = {"a": "NaN", "b": ["-Infinity", 0.1], "c": 'say "NaN"'}


def refuse(word: str) -> NoReturn:
    raise AssertionError(f"{word} isn't JSON")


def parsed(cell: Any) -> Any:
    return json.loads(cell, parse_constant=refuse)


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    path = tmp_path / "made.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS id, {VALUE} AS s) TO '{path}' (FORMAT parquet)")
    return path.read_bytes()


def test_nested_numbers_that_are_not_finite_are_texts_in_every_answer(
    server: LiveServer, content: bytes
) -> None:
    file = {"file": ("file.parquet", content)}
    (look,) = server.admin.post("/api/datasets/preview", files=file).json()["tables"]
    dataset = server.new_dataset()
    server.import_text(dataset, content, "file.parquet")
    path = f"/api/datasets/{dataset}/refs/main/tables/primary/data"
    page = server.admin.get(path).json()["data"]
    downloaded = server.admin.get(path, params={"format": "csv"}).text
    rounds = [{"method": "random", "parameters": {"sample_size": 1}}]
    drawn = server.rows(server.draw(dataset, {"rounds": rounds})["id"])
    lines = list(csv.DictReader(downloaded.splitlines()))
    cells = [rows[0]["s"] for rows in (look["data"], page, lines, drawn)]
    assert len(set(cells)) == 1
    assert parsed(cells[0]) == PARSED


def test_nested_values_of_a_query_are_as_those_of_a_table(server: LiveServer) -> None:
    dataset = server.new_table(3)
    sql = f"SELECT {VALUE} AS s"
    (row,) = query(server, dataset, sql).json()["data"]
    job = server.explore(dataset, {"sql": sql})
    (stored,) = server.admin.get(f"/api/exploration/jobs/{job['id']}/result").json()["data"]
    assert parsed(row["s"]) == PARSED
    assert stored["s"] == row["s"]


LOG = [
    {
        "id": 7,
        "messages": [{"role": "user", "content": "<b>Where</b> is my order?\nIt is late."}],
        "judge": {"label": "bad", "score": 0.93, "flags": {"tone": True}},
    },
    {"id": 8, "messages": [], "judge": {"label": "=good", "score": 1}, "note": "[sic]"},
]


def lines_of(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def imported_log(server: LiveServer, options: dict[str, Any]) -> int:
    dataset = server.new_dataset()
    answer = server.admin.post(
        f"/api/datasets/{dataset}/refs/main/import",
        files={"file": ("log.jsonl", lines_of(LOG).encode())},
        data={"options": json.dumps(options)},
    )
    assert answer.status_code == 200, answer.text
    assert server.finished(answer.json()["job_id"])["status"] == "completed"
    return dataset


def test_a_preview_asks_about_objects_and_shows_their_columns(server: LiveServer) -> None:
    file = {"file": ("log.jsonl", lines_of(LOG).encode())}
    (asked,) = server.admin.post("/api/datasets/preview", files=file).json()["tables"]
    (question,) = asked["questions"]
    assert question["code"] == "nested_values"
    options = {"options": json.dumps(question["choices"][1]["options"])}
    answer = server.admin.post("/api/datasets/preview", files=file, data=options)
    (table,) = answer.json()["tables"]
    assert [(column["name"], column["type"]) for column in table["columns"]] == [
        ("id", "BIGINT"),
        ("messages", "VARCHAR"),
        ("judge.label", "VARCHAR"),
        ("judge.score", "DOUBLE"),
        ("judge.flags.tone", "BOOLEAN"),
        ("note", "VARCHAR"),
    ]
    assert (
        'The objects of "judge" are columns of their keys: "label", "score", "flags".'
        in (table["notes"])
    )
    assert not table["questions"]


def test_nested_json_lines_come_back_as_they_went_in(server: LiveServer) -> None:
    dataset = imported_log(server, {})
    path = f"/api/datasets/{dataset}/refs/main/tables/primary/data"
    answer = server.admin.get(path, params={"format": "jsonl", "nested": "true"})
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert [{key: value for key, value in row.items() if value is not None} for row in rows] == [
        LOG[0],
        {**LOG[1], "note": "[sic]"},
    ]
    plain = server.admin.get(path, params={"format": "jsonl"}).text.splitlines()
    assert isinstance(json.loads(plain[0])["judge"], str)


def test_an_unknown_word_for_objects_is_refused(server: LiveServer) -> None:
    file = {"file": ("log.jsonl", lines_of(LOG).encode())}
    options = {"options": json.dumps({"nested": "flat"})}
    answer = server.admin.post("/api/datasets/preview", files=file, data=options)
    assert answer.status_code == 422
    assert "text, columns" in answer.text
