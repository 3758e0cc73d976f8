"""``jobsvc split``: parts, their check, files, and the command that a request becomes."""

from __future__ import annotations

import csv
import json
import shlex
from pathlib import Path

import pytest

from application.request_code.forms import ApiRequest
from application.request_code.texts import request_code
from tests.command_line.conftest import Run

pytestmark = pytest.mark.usefixtures("serving")


@pytest.fixture
def items(run: Run, tmp_path: Path) -> str:
    file = tmp_path / "items.csv"
    rows = (f"{row},u{row % 37},{'ab'[row % 2]}" for row in range(600))
    file.write_text("\n".join(["id,user,label", *rows]) + "\n", encoding="utf-8")
    run("import", str(file), "--dataset", "items")
    return "items"


def test_a_split_prints_shares_and_what_was_checked(run: Run, items: str, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    parts = ("--part", "train=80%", "--part", "test=0.2")
    done = run(
        "split",
        items,
        *parts,
        *("--group", "user", "--strata", "label", "--seed", "7"),
        "--key",
        "id",
        "--output",
        str(folder),
    )
    assert "Drew 600 of 600 rows" in done.stdout
    assert "0 keys in two parts; 0 groups in two parts." in done.stdout
    assert "largest group" in done.stdout
    users = {}
    for name in ("train", "test"):
        with (folder / f"{name}.csv").open(newline="") as file:
            users[name] = [row["user"] for row in csv.DictReader(file)]
    assert sum(map(len, users.values())) == 600
    assert not set(users["train"]) & set(users["test"])
    exact = run("split", items, *parts, "--key", "id", "--exact", "--seed", "7", "--json")
    division = json.loads(exact.stdout)["output_summary"]["rounds"][0]["division"]
    assert [part["rows"] for part in division["parts"]] == [480, 120]
    planned = run("plan", items, "--method", "split", *parts, "--group", "user", "--seed", "7")
    assert "asked" in planned.stdout


def test_faults_are_said_in_options(run: Run, items: str) -> None:
    for words, code, text in (
        ((), 2, "Give the parts"),
        (("--part", "train"), 2, "must be a name, = and a value"),
        (("--part", "a=0.5", "--part", "a=0.5"), 2, '"a" is given twice'),
        (("--part", "a=0.5", "--part", "b=0.4", "--key", "id"), 1, "add up to 0.9, not to 1"),
        (("--part", "a=0.5", "--part", "b=0.5"), 1, "has no row key"),
    ):
        failed = run("split", items, *words, code=code)
        assert text in failed.stderr, failed.stderr


def test_a_request_becomes_a_command_that_gives_it(run: Run, items: str) -> None:
    body = {
        "rounds": [
            {
                "method": "split",
                "parameters": {
                    "parts": {"train": 0.75, "test": 0.25},
                    "group": "user",
                    "strata_columns": ["label"],
                    "exact": True,
                    "seed": 3,
                },
            }
        ]
    }
    request = ApiRequest("/api/sampling/datasets/1/jobs", body)
    code = request_code(request, "http://s", lambda _: items)
    assert code.command is not None
    done = run(*shlex.split(code.command.replace("\\\n", " "))[1:], "--json")
    (given,) = json.loads(done.stdout)["run_parameters"]["rounds"]
    assert given["parameters"] == body["rounds"][0]["parameters"]
    assert code.command.startswith("jobsvc split")
    assert "dataset.split(" in code.python
