"""From a file to a sample and what is known of it: import, plan, sample, profile, explore, demo."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any

import pytest

import application.comparing
import command_line.sampling
from tests.command_line.conftest import Run

pytestmark = pytest.mark.usefixtures("serving")


def test_a_file_is_imported_and_a_sample_drawn_and_written(
    run: Run, table: Path, tmp_path: Path
) -> None:
    imported = run("import", str(table), "--dataset", "Sales", "--message", "First")
    assert 'Dataset "Sales" (id 1), ref main' in imported.stdout
    assert "700" in imported.stdout
    output = tmp_path / "sample.csv"
    drawn = run(
        *("sample", "sales", "--method", "stratified", "--strata", "kind", "--size", "70"),
        *("--seed", "7", "--name", "q1", "--output", str(output)),
    )
    assert "Drew 70 of 700 rows" in drawn.stdout
    assert "smpl-q1" in drawn.stdout
    assert "requested" in drawn.stdout
    assert "Inconclusive: the sample is too small. None of 3 columns differs" in drawn.stdout
    with output.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 70
    assert {row["_design_weight"] for row in rows} == {"10.0"}
    again = run("sample", "1", "--size", "70", "--seed", "7", "--purpose", "Cut-off", "--json")
    job = json.loads(again.stdout)
    assert job["purpose"] == job["run_parameters"]["commit_message"] == "Cut-off"
    assert job["output_summary"]["total_sampled"] == 70
    assert job["output_summary"]["comparison"]["outcome"] == "inconclusive"
    assert job["run_parameters"]["rounds"][0]["parameters"]["seed"] == 7


def test_several_rounds_come_from_a_file(run: Run, table: Path, tmp_path: Path) -> None:
    run("import", str(table), "--dataset", "Sales")
    one = {"method": "random", "parameters": {"sample_size": 10, "seed": 42}}
    body = tmp_path / "rounds.json"
    body.write_text(json.dumps({"rounds": [one, one]}))
    output = tmp_path / "out.xlsx"
    drawn = run("sample", "Sales", "--body", str(body), "--name", "two", "--output", str(output))
    assert "Drew 20 of 700 rows" in drawn.stdout
    assert "smpl-two" in drawn.stdout
    assert "Round 1: random, seed 42." in drawn.stdout
    assert "Round 2: random, seed 42, effective seed '42:round-2'." in drawn.stdout
    assert drawn.stdout.count("can't be added up over rounds") == 1
    planned = run("plan", "Sales", "--body", str(body)).stdout
    assert planned.count("can't be added up over rounds") == 1
    assert output.stat().st_size > 0
    body.write_text("[1]")
    assert "no JSON object" in run("plan", "Sales", "--body", str(body), code=2).stderr
    body.write_text("{")
    assert "is not JSON" in run("plan", "Sales", "--body", str(body), code=2).stderr


def test_a_report_is_printed_and_written_as_html(run: Run, table: Path, tmp_path: Path) -> None:
    run("import", str(table), "--dataset", "explored")
    target = tmp_path / "report.html"
    output = run("explore", "explored", "--html", str(target))
    assert "Alerts: " in output.output
    assert str(target) in output.output
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    as_json = json.loads(run("explore", "explored", "--compare", "main", "--json").output)
    assert as_json["overview"]["table_key"] == "primary"
    assert as_json["comparison"]["verdict"] == "Equal. 700 rows and 3 columns are the same."


def test_a_profile_is_printed_with_alerts_and_hints(run: Run, table: Path) -> None:
    run("import", str(table), "--dataset", "profiled")
    output = run("profile", "profiled")
    assert "alerts" in output.output
    assert "\nInfo: id: " in output.output
    hint = "\nkind would serve as strata: "
    assert hint in output.output
    assert hint in run("plan", "profiled", "--method", "random", "--size", "9").output
    as_json = json.loads(run("profile", "profiled", "--json").output)
    assert as_json["columns"][0]["nulls"]["accuracy"] == {"kind": "exact"}


def test_a_draw_says_where_its_late_verdict_will_be(
    run: Run, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = application.comparing.compare_sample

    def compare_slowly(*arguments: Any) -> dict[str, Any]:
        time.sleep(0.5)
        return compare(*arguments)

    monkeypatch.setattr(application.comparing, "compare_sample", compare_slowly)
    monkeypatch.setattr(application.comparing, "WAIT_S", 0.01)
    run("import", str(table), "--dataset", "Sales")
    draw = ("sample", "sales", "--size", "70")
    assert "Inconclusive: the sample is too small." in run(*draw).stdout
    monkeypatch.setattr(command_line.sampling, "COMPARISON_LIMIT_S", 0.0)
    late = run(*draw).stdout
    assert "The sample isn't compared with its population yet." in late
    assert "/comparison" in late
