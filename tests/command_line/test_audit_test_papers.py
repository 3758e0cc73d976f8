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
    planned = run("plan", dataset, "--size", "5", "--found-by", "expl-twice").stdout
    assert f"Of 210 rows: 190 left out, 20 found by audit test {test[:8]}." in planned
    drawn = json.loads(run("sample", dataset, "--size", "5", "--found-by", test, "--json").stdout)
    assert drawn["output_summary"]["source_rows"] == 20


def test_the_column_of_marks_is_named(run: Run, served: LiveServer) -> None:
    dataset = served.new_dataset()
    served.import_text(dataset, "invoice,found\na,1\na,2\n")
    said = run("test", "duplicates", str(dataset), "--column", "invoice", "--mark").stdout
    assert "Marked rows: table marked, column found_1." in said
