"""``jobsvc sql``: shown rows, written and stored results, failures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.command_line.conftest import Run
from tests.support.live_server import LiveServer, csv_text

BY_KIND = "SELECT kind, count(*) AS n, sum(amount) AS total FROM data GROUP BY kind ORDER BY kind"


@pytest.fixture
def data_dir(served: LiveServer) -> Path:
    return served.service.directory.root


@pytest.fixture(scope="module")
def sales(served: LiveServer) -> str:
    served.new_named("Sales", csv_text(14_000))
    return "Sales"


def test_rows_are_shown_as_a_table_and_as_json(run: Run, sales: str) -> None:
    before = run("jobs", "--json").stdout
    shown = run("sql", sales, BY_KIND)
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert lines[:2] == [["kind", "n", "total"], ["0", "2000", "6,996,500"]]
    found = json.loads(run("sql", "1", "-", "--json", given=BY_KIND).stdout)
    assert found["data"][0] == {"kind": 0, "n": 2000, "total": 6996500.0}
    assert found["has_more"] is False
    first = run("sql", sales, "SELECT id, [id] AS l, repeat('x', 99) FROM data", "--limit", "2")
    assert len(first.stdout.splitlines()) == 3
    assert "x" * 59 + "…" in first.stdout
    assert "the first 2 rows" in first.stderr
    assert "JSON text" in first.stderr
    assert run("jobs", "--json").stdout == before, "no job was made"


def test_a_result_is_written_and_stored(run: Run, sales: str, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    result = run("sql", sales, BY_KIND, "--output", str(output), "--name", "kinds")
    assert "7 rows, 3 columns" in result.stdout
    assert "ref expl-kinds" in result.stdout
    with output.open(newline="") as file:
        assert [row["n"] for row in csv.DictReader(file)] == ["2000"] * 7
    again = run("sql", sales, "SELECT sum(n) AS n FROM result", "--ref", "expl-kinds", "--json")
    assert json.loads(again.stdout)["data"] == [{"n": 14_000}]
    job = json.loads(run("sql", sales, "SELECT 1", "--output", str(output), "--json").stdout)
    assert (job["output_summary"]["rows"], job["output_summary"]["output_ref"]) == (1, None)


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (("SELEC 1",), 1, 'Line 1, column 1: syntax error at or near "SELEC"'),
        (("SELECT * FROM '/etc/passwd'",), 1, "no table"),
        (("SELECT 1", "--ref", "nope"), 1, "nope"),
        (("-- of all\nSELECT nope FROM data",), 1, "Line 2, column 8"),
        (("SELECT 1", "--limit", "0"), 2, "limit"),
        (("SELECT 1", "--output", "rows.txt"), 2, ".parquet"),
        (("SELECT kind::DATE FROM data", "--name", "x"), 1, "failed: Line 1, column 12"),
    ],
)
def test_an_sql_error_is_one_line(
    run: Run, sales: str, arguments: tuple[str, ...], code: int, part: str
) -> None:
    failed = run("sql", sales, *arguments, code=code)
    assert part in failed.stderr
    assert not failed.stdout
