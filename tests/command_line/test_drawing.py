"""From a file to a sample and what is known of it: import, plan, sample, profile, explore, demo."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from tests.command_line.conftest import Run


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


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow"])
def test_the_files_ending_settles_its_format(
    run: Run, table: Path, tmp_path: Path, ending: str
) -> None:
    run("import", str(table), "--dataset", "Sales")
    output = tmp_path / f"out.{ending}"
    run("sample", "Sales", "--fraction", "0.1", "--output", str(output))
    assert output.stat().st_size > 0
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize(
    ("options", "drawn"),
    [
        (("--method", "systematic", "--interval", "70", "--start", "3"), 10),
        (("--method", "cluster", "--cluster", "kind", "--clusters", "2", "--per-cluster", "5"), 10),
        (("--method", "weighted", "--weight", "amount", "--size", "9"), 9),
        (("--method", "monetary_unit", "--book", "amount", "--size", "9"), 9),
        (
            (
                *("--method", "stratified", "--strata", "kind", "--size", "21"),
                *("--allocation", "neyman", "--allocation-column", "amount"),
            ),
            21,
        ),
        (("--size", "5", "--filter", "kind = 3 AND amount > 10", "--order-by", "amount"), 5),
    ],
)
def test_a_plan_matches_the_draw(
    run: Run, table: Path, options: tuple[str, ...], drawn: int
) -> None:
    run("import", str(table), "--dataset", "Sales")
    planned = run("plan", "Sales", *options)
    assert f"Would draw {drawn} of 700 rows" in planned.stdout
    assert "0 of 0 jobs." in run("jobs", "--run-type", "sampling").stdout
    sampled = run("sample", "Sales", *options, "--residual")
    assert f"Drew {drawn} of 700 rows" in sampled.stdout


def test_a_sample_is_drawn_by_bands_with_amounts(run: Run, table: Path) -> None:
    run("import", str(table), "--dataset", "Sales")
    options = (
        *("--method", "stratified", "--strata", "amount:10,1000", "--amount-column", "amount"),
        *("--size", ">=1000=all", "--size", "10 to < 1,000=5%", "--size", "<10=1"),
    )
    planned = json.loads(run("plan", "Sales", *options, "--json").stdout)
    bands = planned["rounds"][0]["strata"]
    assert [band["label"] for band in bands][:2] == ["< 10", "10 to < 1,000"]
    drawn = run("sample", "Sales", *options).stdout
    assert "10 to < 1,000" in drawn
    assert re.search(r"amount: [0-9,.]+ of [0-9,.]+, [0-9.]+%", drawn)


def test_coverage_names_both_amounts_of_its_percentage(run: Run, tmp_path: Path) -> None:
    (tmp_path / "signed.csv").write_text("amount\n3000\n-1000\n")
    run("import", "signed.csv", "--dataset", "Signed")
    options = ("--size", "1", "--seed", "1", "--amount-column", "amount")
    says = re.compile(
        r"amount without signs: ([0-9,]+) of 4,000, ([0-9.]+)%; with signs: (-?[0-9,]+) of 2,000\."
    )
    found = says.search(run("sample", "Signed", *options).stdout)
    assert found is not None
    absolute, share, signed = found.groups()
    assert {"3,000": "75.0", "1,000": "25.0"}[absolute] == share
    assert signed.removeprefix("-") == absolute


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        (("--size", "5%"), 35),
        (("--size", "1,000"), 700),
        (("--margin", "5%"), 249),
        (("--margin", "0.05"), 249),
        (("--margin", "0,05"), 249),
        (("--margin", "5,0%"), 249),
        (("--margin", "±5%"), 249),
        (("--size", "2,5%"), 18),
        (
            ("--method", "cluster", "--cluster", "kind", "--clusters", "7", "--percentage", "10%"),
            70,
        ),
    ],
)
def test_sizes_are_taken_as_people_write_them(
    run: Run, table: Path, options: tuple[str, ...], rows: int
) -> None:
    run("import", str(table), "--dataset", "Sales")
    assert f"Would draw {rows} of 700 rows" in run("plan", "Sales", *options).stdout


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--size", "some"), '"some" is no size'),
        (("--size", "5", "--size", "6"), 'Give one size, or "GROUP=SIZE" for each stratum.'),
        (("--size", "5", "--margin", "3%"), "--margin can't be combined with --size"),
        (("--size", "all"), '"all" is no size of a sample'),
        (("--size", "12,34"), '"12,34" is no size: give a number of rows such as 1,000'),
        (("--size", "1,000%"), "1,000% can be read in two ways"),
        (("--strata", "amount:10.000,100.000"), "Write 10000, or 10.0000 for decimals."),
        (("--strata", "amount:1.234,56"), "1.234 can be read in two ways"),
    ],
)
def test_unreadable_sizes_are_refused(
    run: Run, table: Path, options: tuple[str, ...], part: str
) -> None:
    run("import", str(table), "--dataset", "Sales")
    assert part in run("plan", "Sales", *options, code=2).stderr


@pytest.mark.parametrize("command", ["plan", "sample"])
@pytest.mark.parametrize(
    ("options", "code", "part"),
    [
        ((), 1, "--size: Missing: give --size or --fraction."),
        (("--size", "5", "--fraction", "0.5"), 1, "Give only one of --size and --fraction."),
        (("--method", "cluster", "--cluster", "kind"), 1, "Missing: give --clusters."),
        (("--fraction", "nan"), 2, "nan is not a finite number"),
        (("--margin", "three"), 2, '"three" is no number. Write it like 3, 2.5, 1,000'),
        (("--percentage", "inf"), 2, "inf is not a finite number"),
        (("--body", "nan.json"), 2, "it has no NaN"),
        (("--body", "sizeless.json"), 1, "parameters.sample_size: Missing"),
    ],
)
def test_a_refusal_names_what_was_typed(
    run: Run,
    table: Path,
    tmp_path: Path,
    command: str,
    options: tuple[str, ...],
    code: int,
    part: str,
) -> None:
    (tmp_path / "nan.json").write_text('{"method": "random", "sample_fraction": NaN}')
    (tmp_path / "sizeless.json").write_text('{"rounds": [{"method": "random", "parameters": {}}]}')
    run("import", str(table), "--dataset", "Sales")
    assert part in run(command, "Sales", *options, code=code).stderr


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
