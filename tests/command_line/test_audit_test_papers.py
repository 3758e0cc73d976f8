"""``jobsvc test paper``, and draws from the rows that a test found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command_line.conftest import Run
from tests.contract.test_found_by import new_ledger, run_test
from tests.support.live_server import LiveServer


@pytest.fixture
def data_dir(served: LiveServer) -> Path:
    return served.service.settings.data_dir


def test_a_paper_is_written_and_found_rows_are_drawn(
    run: Run, served: LiveServer, tmp_path: Path
) -> None:
    dataset = str(new_ledger(served))
    test = run_test(served, int(dataset), output_name="twice")["id"]
    for ending, start in (("html", b"<!doctype html>"), ("xlsx", b"PK")):
        path = tmp_path / f"paper.{ending}"
        run("test", "paper", test, "--output", str(path), "--language", "de")
        assert path.read_bytes().startswith(start)
    path = tmp_path / "by-ref.html"
    run("test", "paper", "expl-twice", "--dataset", dataset, "--output", str(path))
    assert b"expl-twice" in path.read_bytes()
    refused = run("test", "paper", "expl-twice", "--output", str(path), code=2).stderr
    assert "A ref needs --dataset." in refused
    planned = run("plan", dataset, "--size", "5", "--found-by", "expl-twice").stdout
    assert f"Of 210 rows: 190 left out, 20 found by audit test {test[:8]}." in planned
    drawn = json.loads(run("sample", dataset, "--size", "5", "--found-by", test, "--json").stdout)
    assert drawn["output_summary"]["source_rows"] == 20


def test_the_column_of_marks_is_named(run: Run, served: LiveServer) -> None:
    dataset = served.new_dataset()
    served.import_text(dataset, "invoice,found\na,1\na,2\n")
    said = run("test", "duplicates", str(dataset), "--column", "invoice", "--mark").stdout
    assert "Marked rows: table marked, column found_1." in said


def test_amounts_have_separators_and_datasets_names(run: Run, served: LiveServer) -> None:
    dataset, other = served.new_dataset(), served.new_dataset()
    served.import_text(dataset, "invoice,posted,amount\n1001,2025-12-31,2760465.58\n1003,,1\n")
    served.import_text(other, "invoice\n1003\n")
    name = served.admin.get(f"/api/datasets/{other}").json()["name"]
    given = ("--column", "invoice", "--other-dataset", name, "--amount-column", "amount")
    said = run("test", "unmatched", str(dataset), *given).stdout
    assert "Amount of the found rows of this table     2,760,465.58" in said
    said = run("test", "gaps", str(dataset), "--number-column", "invoice").stdout
    assert " 1002 1002 1 " in " ".join(said.split())
    days = ("--posting-column", "posted", "--document-column", "posted", "--days", "2")
    said = run("test", "cutoff", str(dataset), *days, "--cutoff", "31.12.2025").stdout
    assert "Posted on   Days after the last day" in said
