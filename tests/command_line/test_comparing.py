"""``jobsvc compare``: what changed, the rows that differ, files, failures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.command_line.conftest import Run
from tests.support.live_server import LiveServer


@pytest.fixture
def data_dir(served: LiveServer) -> Path:
    return served.service.directory.root


@pytest.fixture(scope="module")
def ledger(served: LiveServer) -> tuple[str, str]:
    """The name of a dataset with two versions, and the commit of the first."""
    lines = [f"{row // 4},{row % 4},{'EUR' if row else 'USD'},{row + 0.5}" for row in range(200)]
    dataset = served.new_named("Ledger", "\n".join(["doc,line,unit,amount", *lines]))
    first = served.admin.get(f"/api/datasets/{dataset}/refs/main").json()["commit_id"]
    lines[5] = "1,1,EUR,99.5"
    lines = ["doc,line,unit,amount,note", *(f"{x},n" for x in lines[1:]), "90,0,EUR,1,"]
    assert served.import_text(dataset, "\n".join(lines))["status"] == "completed"
    return "Ledger", first


def test_what_changed_is_printed_with_a_key_to_use(run: Run, ledger: tuple[str, str]) -> None:
    shown = run("compare", *ledger, "main").stdout
    assert "Columns added: note." in shown
    assert 'Values no longer in unit: "USD".' in shown
    assert f"jobsvc compare Ledger {ledger[1]} main --key doc --key line" in shown
    found = json.loads(run("compare", *ledger, "main", "--json").stdout)
    assert found["only_in_other"] == ["note"]


def test_rows_that_differ_are_printed_and_written(
    run: Run, ledger: tuple[str, str], tmp_path: Path
) -> None:
    keys = ("--key", "doc", "--key", "LINE")
    output = tmp_path / "changes.csv"
    shown = run("compare", *ledger, "main", *keys, "--limit", "2", "--output", str(output))
    assert "1 added, 1 removed, 1 changed in 1 cells, 198 unchanged" in shown.stdout
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert ["changed", "1", "1", "amount:", "5.5", "→", "99.5"] in lines
    assert "the first 2 of 3 rows" in shown.stderr
    with output.open(newline="") as file:
        kinds = [row["_change"] for row in csv.DictReader(file)]
    assert kinds == ["removed", "changed", "added"]
    named = run("compare", *ledger, "main", *keys, "--name", "diff", "--limit", "0")
    assert "ref expl-diff" in named.stdout
    job = json.loads(run("compare", *ledger, "main", *keys, "--json").stdout)
    assert job["output_summary"]["row_diff"]["keys"] == ["doc", "line"]
    fetched = tmp_path / "fetched.csv"
    run("fetch", job["id"], "--output", str(fetched))
    assert fetched.read_text() == output.read_text()


def test_rows_of_equal_keys_are_matched(run: Run, ledger: tuple[str, str]) -> None:
    how = ("--key", "doc", "--duplicates", "number", "--limit", "1")
    shown = run("compare", *ledger, "main", *how).stdout
    assert "1 added, 1 removed, 1 changed in 1 cells, 198 unchanged" in shown
    assert "50 keys with several rows, 200 before and 199 now, such as 0, 1, 10:" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (("main", "nope"), 1, "nope"),
        (("main", "main", "--key", "dok"), 1, 'There is no column "dok". Did you mean "doc"?'),
        (("main", "main", "--key", "doc"), 1, "Add a column, or set --duplicates to number"),
        (("main", "main", "--output", "x.csv"), 2, "require --rows or --key"),
        (("main", "main", "--table", "nope"), 1, "nope"),
    ],
)
def test_an_error_names_its_cause(
    run: Run, ledger: tuple[str, str], arguments: tuple[str, ...], code: int, part: str
) -> None:
    failed = run("compare", ledger[0], *arguments, code=code)
    assert part in failed.stderr
