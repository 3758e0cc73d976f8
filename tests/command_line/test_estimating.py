"""``jobsvc estimate``: figures of the population from a sample."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.command_line.conftest import Run
from tests.support.live_server import LiveServer, csv_text


@pytest.fixture
def data_dir(served: LiveServer) -> Path:
    return served.service.directory.root


@pytest.fixture(scope="module")
def sample(served: LiveServer) -> str:
    """A sample of 200 of 700 rows."""
    sales = served.new_named("Sales", csv_text(700))
    body = {"method": "random", "parameters": {"sample_size": 200, "seed": 7}}
    return str(served.draw(sales, body)["id"])


def test_estimates_as_a_table_and_as_json(run: Run, sample: str) -> None:
    shown = run("estimate", sample[:8], "--mean", "amount", "--count", "--true-values").stdout
    assert "mean of amount" in shown
    assert "95 % confidence intervals." in shown
    assert "The estimates are for the 700 rows of primary." in shown
    options = ("--total", "amount", "--quantile", "amount:0.5", "--by", "kind", "--json")
    found = json.loads(run("estimate", sample, *options, "--confidence", "0.9").stdout)
    assert found["confidence"] == 0.9
    assert {each["statistic"] for each in found["estimates"]} == {"total", "quantile"}
    assert all(each["ci_low"] <= each["estimate"] for each in found["estimates"])


def test_contrasts_are_a_table_of_their_own(run: Run, sample: str) -> None:
    kinds = json.loads(run("estimate", sample, "--count", "--by", "kind", "--json").stdout)
    first, second = (each["group"]["kind"] for each in kinds["estimates"][:2])
    shown = run("estimate", sample, "--mean", "amount", "--contrast", f"kind={first}:{second}")
    assert f"mean of amount, {first} less {second}" in shown.stdout
    assert "p value" in shown.stdout
    wrong = run("estimate", sample, "--mean", "amount", "--contrast", "kind", code=2)
    assert "COLUMN=FIRST:SECOND" in wrong.output


def test_a_share_has_a_typed_value(run: Run, sample: str) -> None:
    rows = json.loads(run("estimate", sample, "--share", "kind=", "--json").stdout)
    assert rows["estimates"][0]["value"] is None
    assert rows["estimates"][0]["estimate"] == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "Name a figure"),
        (("--share", "kind"), "COLUMN=VALUE"),
        (("--ratio", "amount"), "COLUMN/COLUMN"),
        (("--quantile", "amount"), "COLUMN:Q"),
    ],
)
def test_what_is_missing_is_said(
    run: Run, sample: str, options: tuple[str, ...], says: str
) -> None:
    assert says in run("estimate", sample, *options, code=2).output


def test_a_refusal_names_the_option(run: Run, sample: str) -> None:
    refused = run("estimate", sample, "--count", "--by", "colour", code=1).output
    assert 'no column "colour"' in refused


def test_the_design_as_facts_weights_and_code(run: Run, sample: str, tmp_path: Path) -> None:
    assert json.loads(run("design", sample).stdout)["n"] == 200
    weights, code = tmp_path / "weights.csv", tmp_path / "design.R"
    options = ("--replicates", "bootstrap", "--count", "20")
    run("design", sample[:8], "--output", str(weights), *options)
    lines = list(csv.DictReader(weights.read_text("utf-8").splitlines()))
    assert len(lines) == 200
    assert sum(float(line["weight"]) for line in lines) == pytest.approx(700)
    assert "replicate_20" in lines[0]
    run("design", sample[:8], "--output", str(code))
    assert "library(survey)" in code.read_text("utf-8")
    wrong = run("design", sample, "--output", str(tmp_path / "design.txt"), code=2).output
    assert ".parquet" in wrong
    few = run(
        "design", sample, "--output", str(code), "--replicates", "bootstrap", "--count", "1", code=1
    ).output
    assert "--count" in few


def test_a_calibration_shows_the_margin_without_it(run: Run, sample: str) -> None:
    options = ("--total", "amount", "--calibrate", "ratio", "--known", "id")
    shown = run("estimate", sample, *options).stdout
    assert "uncalibrated margin" in shown
    assert "Calibrated by ratio to the exact totals of id in the table." in shown
    assert "The interval is 100 % narrower than without calibration." in shown
    assert "go together" in run("estimate", sample, "--count", "--known", "id", code=2).output
    refused = run("estimate", sample, "--count", "--calibrate", "ratio", "--known", "x", code=1)
    assert 'no column "x"' in refused.output


def test_values_of_a_file_are_stored_and_estimated(run: Run, sample: str, tmp_path: Path) -> None:
    run("fetch", sample, "--output", str(tmp_path / "s.csv"))
    lines = (tmp_path / "s.csv").read_text("utf-8-sig").splitlines()
    place = lines[0].split(",").index("id")
    ids = [line.split(",")[place] for line in lines[1:]]
    file = tmp_path / "results.csv"
    file.write_text("\n".join(["id;found", *(f"{one};1,5" for one in ids[:-5])]), "utf-8")
    preview = run("values", sample, str(file), "--key", "id", "--preview").stdout
    assert "195 of 195 rows of the file match by id; 5 sampled rows aren't in it." in preview
    assert "Stored as upload 1" in run("values", sample, str(file), "--key", "id").stdout
    assert "results.csv" in run("values", sample).stdout
    options = ("estimate", sample, "--mean", "found", "--json")
    by_file = json.loads(run(*options, "--values", str(file), "--key", "id").stdout)
    by_number = json.loads(run(*options, "--values", "1").stdout)
    assert by_file == by_number
    assert json.loads(run(*options, "--values", "latest").stdout) == by_number
    (found,) = by_file["estimates"]
    assert (found["estimate"], found["n"], found["n_missing"]) == (1.5, 195, 5)
    assert "no file" in run(*options, "--values", "nothing.csv", code=2).output
    assert "_logical_row_id" in run("values", sample, str(file), code=1).output


def test_a_back_test_counts_the_intervals(run: Run, sample: str) -> None:
    shown = run("backtest", sample, "--confidence", "0.9").stdout
    assert "mean of amount" in shown
    assert "intervals hold the true value; of many, 90 % do." in shown
    found = json.loads(run("backtest", sample, "--json").stdout)
    assert found["intervals"] == len(found["figures"]) > 0
    assert "--confidence" in run("backtest", sample, "--confidence", "1", code=1).output


def test_findings_are_estimated(run: Run, sample: str) -> None:
    row = json.loads(run("findings", sample, "--json").stdout)["items"][0]["row_id"]
    run("findings", sample, row, "exception", "--audit-value", "0")
    options = ("--values", "findings", "--book", "amount", "--total", "misstatement")
    shown = run("estimate", sample, *options).stdout
    assert "total of misstatement" in shown
    assert "199 of 200 drawn rows have no finding" in shown
    options = ("--values", "findings", "--book", "amount", "--share", "is_exception=true", "--json")
    (share,) = json.loads(run("estimate", sample, *options).stdout)["estimates"]
    assert share["estimate"] == 1


def test_a_judge_shows_people_both_and_its_bias(run: Run, sample: str) -> None:
    shown = run("estimate", sample, "--mean", "amount", "--judge", "id").stdout
    for words in ("people alone", "both", "id alone", "bias of id"):
        assert words in shown
    found = json.loads(
        run("estimate", sample, "--mean", "amount", "--judge", "id", "--json").stdout
    )
    assert found["calibration"]["method"] == "judge"
    options = ("--judge", "id", "--calibrate", "ratio", "--known", "id")
    assert (
        "can't be combined" in run("estimate", sample, "--mean", "amount", *options, code=2).output
    )


def test_the_code_of_a_judge_is_r_alone(run: Run, sample: str, tmp_path: Path) -> None:
    code = tmp_path / "design.R"
    run("design", sample, "--judge", "id", "--output", str(code))
    assert "judged <- calibrate(" in code.read_text("utf-8")
    for output in (("--output", str(tmp_path / "design.py")), ()):
        assert (
            "needs the format r" in run("design", sample, "--judge", "id", *output, code=1).output
        )
