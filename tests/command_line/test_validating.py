"""The command ``validate`` prints counts, writes the report, and fails if a number differs."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from application.validation import calculations
from tests.command_line.conftest import Run


def test_the_report_is_written_without_a_data_directory(
    run: Run, data_dir: Path, tmp_path: Path
) -> None:
    printed = run("validate", "--output", "report.html").stdout
    assert "none differs otherwise." in printed
    assert "Report written to report.html" in printed
    assert "Not validated" in (tmp_path / "report.html").read_text("utf-8")
    run("validate", "--output", "report.xlsx")
    assert zipfile.is_zipfile(tmp_path / "report.xlsx")
    assert not list(data_dir.glob("*"))


def test_a_number_that_differs_fails_the_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {**calculations.FUNCTIONS, "factor": lambda **_: {"size": 1.0}}
    monkeypatch.setattr("application.validation.comparing.FUNCTIONS", wrong)
    found = json.loads(run("validate", "--json", code=1).stdout)
    assert found["differ"] > 0
    (source,) = (each for each in found["sources"] if each["name"] == "aicpa")
    first = next(each for each in source["not_agreeing"] if each["result"] == "differs")
    assert (first["published"], first["computed"]) == (3.0, 1.0)
    assert "differ." in run("validate", code=1).stdout


def test_other_files_are_refused(run: Run) -> None:
    refused = run("validate", "--output", "report.pdf", code=2).stderr
    assert "report.pdf doesn't end with .html or .xlsx" in refused
