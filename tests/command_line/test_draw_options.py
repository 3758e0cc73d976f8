"""Plans and draws of a server that runs: options, sizes as people write them, refusals."""

from __future__ import annotations

import json
import re
from pathlib import Path

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


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow"])
def test_the_files_ending_settles_its_format(
    run: Run, sales: str, tmp_path: Path, ending: str
) -> None:
    output = tmp_path / f"out.{ending}"
    run("sample", sales, "--fraction", "0.1", "--output", str(output))
    assert output.stat().st_size > 0
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize(
    ("options", "drawn"),
    [
        (("--method", "systematic", "--interval", "70", "--start", "3"), 10),
        (("--method", "cluster", "--cluster", "kind", "--clusters", "2", "--per-cluster", "5"), 10),
        (("--method", "weighted", "--weight", "amount", "--size", "9"), 9),
        (("--method", "monetary_unit", "--book", "amount", "--size", "9", "--seed", "4"), 9),
        (
            (
                *("--method", "stratified", "--strata", "kind", "--size", "21"),
                *("--allocation", "neyman", "--allocation-column", "amount"),
            ),
            21,
        ),
        (("--size", "5", "--filter", "kind = 3 AND amount > 10", "--order-by", "amount"), 5),
        (("--size", "5", "--key", "id", "--start", "0,25", "--duplicates", "number"), 5),
    ],
)
def test_a_plan_matches_the_draw(
    run: Run, sales: str, options: tuple[str, ...], drawn: int
) -> None:
    before = run("jobs", "--json").stdout
    planned = run("plan", sales, *options)
    assert f"Would draw {drawn} of 700 rows" in planned.stdout
    assert "Read by DuckDB (the server has no Spark): 1 file." in planned.stdout
    assert run("jobs", "--json").stdout == before, "a plan is no job"
    sampled = run("sample", sales, *options, "--residual")
    assert f"Drew {drawn} of 700 rows" in sampled.stdout


def test_a_sample_is_drawn_by_bands_with_amounts(run: Run, sales: str) -> None:
    options = (
        *("--method", "stratified", "--strata", "amount:10,1000", "--amount-column", "amount"),
        *("--size", ">=1000=all", "--size", "10 to < 1,000=5%", "--size", "<10=1"),
    )
    planned = json.loads(run("plan", sales, *options, "--json").stdout)
    bands = planned["rounds"][0]["strata"]
    assert [band["label"] for band in bands][:2] == ["< 10", "10 to < 1,000"]
    plan = run("plan", sales, *options).stdout
    assert "amount expected" in plan
    assert "Expected: amount: " in plan
    drawn = run("sample", sales, *options).stdout
    assert "10 to < 1,000" in drawn
    assert "amount drawn" in drawn
    assert "xpected" not in drawn
    assert re.search(r"amount: [0-9,.]+ of [0-9,.]+, [0-9.]+ %", drawn)


def test_coverage_names_both_amounts_of_its_percentage(run: Run, tmp_path: Path) -> None:
    (tmp_path / "signed.csv").write_text("amount\n3000\n-1000\n")
    run("import", "signed.csv", "--dataset", "Signed")
    options = ("--size", "1", "--seed", "1", "--amount-column", "amount")
    says = re.compile(
        r"amount without signs: ([0-9,]+) of 4,000, ([0-9.]+) %; with signs: (-?[0-9,]+) of 2,000\."
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
    run: Run, sales: str, options: tuple[str, ...], rows: int
) -> None:
    assert f"Would draw {rows} of 700 rows" in run("plan", sales, *options).stdout


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--size", "some"), '"some" is no size'),
        (("--size", "5", "--size", "6"), 'Give one size, or "GROUP=SIZE" for each stratum.'),
        (("--size", "5", "--margin", "3%"), "--margin can't be combined with --size"),
        (("--size", "all"), '"all" is no size of a sample'),
        (("--size", "12,34"), '"12,34" is no size: give a number of rows such as 1,000'),
        (("--size", "1,000%"), "1,000% can be read in two ways"),
        (("--size", "1.000"), "1.000 can be read in two ways. Write 1000, or 1.0000"),
        (("--size", "north=1.000"), "1.000 can be read in two ways"),
        (("--size", "-5"), '"-5" is no size'),
        (("--strata", "amount:10.000,100.000"), "Write 10000, or 10.0000 for decimals."),
        (("--strata", "amount:1.234,56"), "1.234 can be read in two ways"),
    ],
)
def test_unreadable_sizes_are_refused(
    run: Run, sales: str, options: tuple[str, ...], part: str
) -> None:
    assert part in run("plan", sales, *options, code=2).stderr


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
    sales: str,
    tmp_path: Path,
    command: str,
    options: tuple[str, ...],
    code: int,
    part: str,
) -> None:
    (tmp_path / "nan.json").write_text('{"method": "random", "sample_fraction": NaN}')
    (tmp_path / "sizeless.json").write_text('{"rounds": [{"method": "random", "parameters": {}}]}')
    assert part in run(command, sales, *options, code=code).stderr


def test_a_keyed_draw_takes_the_row_key_or_says_how_to_name_one(run: Run, sales: str) -> None:
    refused = run("sample", sales, "--size", "5", "--keyed", code=1)
    assert "has no row key. Name the columns that identify a row as the --key" in refused.stderr
    keyed = ("--key", "id", "--seed", "4", "--json")
    first = json.loads(run("sample", sales, "--size", "5", *keyed).stdout)
    assert first["run_parameters"]["rounds"][0]["order"] == {
        "key": ["id"],
        "start": "0",
        "duplicates": "refuse",
    }
    systematic = ("--method", "systematic", "--interval", "9")
    refused = run("plan", sales, *systematic, "--key", "id", code=1)
    assert "draw a random or a stratified sample" in refused.stderr
    refused = run(
        "plan",
        sales,
        "--method",
        "monetary_unit",
        "--book",
        "amount",
        "--size",
        "9",
        "--keyed",
        code=1,
    )
    assert "draw a weighted sample by the amount" in refused.stderr
    assert "Would draw" in run("plan", sales, *systematic, "--start", "3").stdout
