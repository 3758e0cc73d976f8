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
