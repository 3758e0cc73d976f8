"""``jobsvc size``, ``bands`` and ``more-rows``: a table, and the command that draws the sample."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.command_line.conftest import Run
from tests.support.live_server import LiveServer, csv_text


@pytest.fixture
def data_dir(served: LiveServer) -> Path:
    return served.service.directory.root


@pytest.fixture(scope="module")
def sales(served: LiveServer) -> str:
    served.new_named("Sales", csv_text(700))
    return "Sales"


def drawn_rows(run: Run, output: str) -> int:
    """Run the command that the output ends with."""
    words = shlex.split(output.strip().splitlines()[-1])
    assert words[:3] == ["jobsvc", "sample", "Sales"]
    job = json.loads(run(*words[1:], "--json").stdout)
    return int(job["output_summary"]["total_sampled"])


def size_of(output: str) -> int:
    return int(output.split()[1].replace(",", ""))


@pytest.mark.parametrize(
    "options",
    [
        ("--margin", "5%"),
        ("--mean", "amount", "--relative-margin", "10%"),
        ("--total", "amount", "--cv", "5%", "--method", "systematic"),
        ("--share", "kind=3", "--margin", "0.04", "--method", "stratified", "--strata", "kind"),
        ("--mean", "amount", "--margin", "15", "--method", "stratified", "--strata",
         "amount:100,300", "--strata", "kind", "--optimal", "--filter", "amount > 5"),
        ("--mean", "amount", "--margin", "20", "--method", "weighted", "--weight", "amount"),
        ("--margin", "5%", "--key", "id", "--start", "0.25", "--duplicates", "number"),
    ],
)  # fmt: skip
def test_the_printed_command_draws_the_size(run: Run, sales: str, options: tuple[str, ...]) -> None:
    output = run("size", sales, *options).stdout
    assert "margin" in output
    assert drawn_rows(run, output) == size_of(output)


def test_a_pilot_sizes_a_column_that_the_table_lacks(
    run: Run, served: LiveServer, sales: str, tmp_path: Path
) -> None:
    job = json.loads(run("sample", sales, "--size", "60", "--seed", "4", "--json").stdout)["id"]
    minutes = [f"{row['id']},{row['id'] * 7919 % 13}" for row in served.rows(job, limit=60)]
    file = tmp_path / "minutes.csv"
    file.write_text("\n".join(["id,minutes", *minutes]))
    run("values", job, str(file), "--key", "id")
    options = ("--mean", "minutes", "--margin", "0.5", "--pilot", job[:8])
    output = run("size", sales, *options).stdout
    assert "true value" not in output
    assert "The relative standard error of the variance" in output
    assert drawn_rows(run, output) == size_of(output)
    assert run("size", sales, *options, "--values", "1").stdout == output


def selected(job: dict[str, Any]) -> int:
    """The rows of a draw, or its monetary units: several may lie in one row."""
    summary = job["output_summary"]
    money = summary["rounds"][0].get("monetary_unit")
    if money is None:
        return int(summary["total_sampled"])
    return int(money["units"] + money["take_all"]["rows"])


@pytest.mark.parametrize(
    "options",
    [
        ("--materiality", "5%", "--expected", "1%"),
        ("--materiality", "5%", "--method", "monetary_unit", "--book", "amount"),
        ("--materiality", "9,000", "--method", "monetary_unit", "--book", "amount"),
    ],
)
def test_the_printed_command_draws_an_audit_sample(
    run: Run, sales: str, options: tuple[str, ...]
) -> None:
    output = run("size", sales, *options).stdout
    assert "upper limit" in output
    assert ("interval" in output) == ("--book" in options)
    words = shlex.split(output.strip().splitlines()[-1])
    job = json.loads(run(*words[1:], "--json").stdout)
    assert selected(job) == size_of(output)
    goal = job["run_parameters"]["rounds"][0]["goal"]
    wanted = 9000 if "9,000" in options else 0.05
    expected = {"expected": 0.01} if "--expected" in options else {}
    likelihood = "poisson" if "--book" in options else "hypergeometric"
    assert goal == {
        "materiality": wanted,
        **expected,
        "confidence": 0.95,
        "likelihood": likelihood,
    }
    assert ("chance to pass" in output) == ("--expected" in options)
    without = [
        word for at, word in enumerate(words) if "--size" not in words[max(at - 1, 0) : at + 1]
    ]
    again = json.loads(run(*without[1:], "--json").stdout)
    assert again["run_parameters"]["rounds"][0]["goal"] == goal
    assert selected(again) == size_of(output)
    assert "needs --materiality" in run("sample", sales, "--expected", "1%", code=2).stderr


def test_bands_are_suggested_with_a_command(run: Run, sales: str) -> None:
    output = run("bands", sales, "amount", "--bands", "4", "--size", "60").stdout
    assert size_of(output) <= 60
    assert drawn_rows(run, output) == size_of(output)
    goal = run("bands", sales, "amount", "--rule", "geometric", "--relative-margin", "2%").stdout
    assert "total of amount" in goal


def test_a_sample_says_how_many_more_rows_it_needs(run: Run, sales: str) -> None:
    drawn = json.loads(run("sample", sales, "--size", "60", "--seed", "7", "--json").stdout)
    job = str(drawn["id"])[:8]
    output = run("more-rows", job, "--mean", "amount", "--relative-margin", "8%").stdout
    needed = int(output.split(" in all")[0].split()[-1].replace(",", ""))
    words = shlex.split(output.strip().splitlines()[-1])
    assert words[words.index("--seed") + 1] == "7"
    larger = json.loads(run(*words[1:], "--json").stdout)
    assert larger["output_summary"]["total_sampled"] == needed > 60
    enough = run("more-rows", job, "--share", "kind=3", "--margin", "50%", "--true-variance").stdout
    assert "reaches this precision already" in enough
    assert "Name one figure" in run("more-rows", job, "--margin", "5", code=2).output


@pytest.mark.parametrize(
    ("command", "options", "says"),
    [
        ("size", ("--mean", "amount", "--margin", "0"), "greater than 0"),
        ("size", ("--mean", "kinds", "--margin", "1"), '"kind"'),
        ("size", ("--mean", "amount"), "--margin"),
        (
            *("size", ("--margin", "±3%", "--method", "cluster", "--cluster", "kind")),
            "add a --mean, --total or --share of a column",
        ),
        ("bands", ("amount", "--margin", "3 percent"), "no number. Write it like 3"),
        ("size", ("--mean", "amount", "--margin", "5", "--cost", "a"), "GROUP=COST"),
        ("bands", ("amount",), "--size"),
        ("bands", ("kinds", "--size", "50"), '"kind"'),
    ],
)
def test_what_gives_no_size_is_refused(
    run: Run, sales: str, command: str, options: tuple[str, ...], says: str
) -> None:
    code = 2 if "GROUP" in says or says == "--size" or "no number" in says else 1
    assert says in run(command, sales, *options, code=code).output
