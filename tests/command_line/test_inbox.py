"""``jobsvc inbox`` and ``samples``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command_line.conftest import Run

pytestmark = pytest.mark.usefixtures("serving")


def test_what_waits_and_the_samples_are_listed(run: Run, table: Path) -> None:
    run("import", str(table), "--dataset", "Sales")
    assert "Nothing waits for you." in run("inbox").stdout
    drawn = run("sample", "Sales", "--size", "3", "--seed", "7", "--json")
    job = json.loads(drawn.stdout)["id"]
    shown = run("samples", "Sales").stdout
    assert job[:8] in shown
    assert "0 of 3" not in shown
    row = json.loads(run("findings", job, "--json").stdout)["items"][0]["row_id"]
    run("findings", job, row, "exception")
    shown = run("inbox").stdout
    assert "Rows to examine" in shown
    assert "2 rows have no finding in the sample" in shown
    (entry,) = json.loads(run("inbox", "--json").stdout)["entries"]
    assert (entry["kind"], entry["count"], entry["job_id"]) == ("rows_to_examine", 2, job)
    shown = run("samples", "--review", "open").stdout
    assert "1 of 3" in shown
    assert "In progress" in shown
    assert "0 of 0 samples." in run("samples", "--review", "submitted").stdout
    refused = run("samples", "--review", "done", code=2)
    assert "'done' is not one of 'open', 'returned'" in refused.output
