"""``jobsvc change``: figures of two samples, and the values that changed."""

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
def waves(served: LiveServer) -> tuple[str, str]:
    """Samples of two versions of a ledger, by one keyed order."""
    jobs = []
    dataset = served.new_dataset()
    for added in (0, 5):
        lines = [
            f"a{row:03},{row % 2},{100 + row % 9 + (added if row % 5 == 0 else 0)}"
            for row in range(added * 4, 400 + added * 6)
        ]
        served.import_text(dataset, "\n".join(["account,kind,amount", *lines]) + "\n")
        order = {"key": ["account"], "start": "0", "duplicates": "refuse"}
        parameters = {"sample_size": 80, "seed": 3}
        step = {"method": "random", "parameters": parameters, "order": order}
        jobs.append(str(served.draw(dataset, {"rounds": [step]})["id"]))
    return jobs[0], jobs[1]


def test_a_change_as_a_table_and_as_json(run: Run, waves: tuple[str, str]) -> None:
    first, second = (job[:8] for job in waves)
    shown = run("change", first, second, "--mean", "amount", "--count", "--by", "kind").stdout
    assert "mean of amount" in shown
    assert "in both samples" in shown
    assert "Rows are matched by account." in shown
    found = json.loads(run("change", first, second, "--mean", "amount", "--json").stdout)
    (figure,) = found["figures"]
    assert figure["change"]["estimate"] == pytest.approx(
        figure["second"]["estimate"] - figure["first"]["estimate"]
    )


def test_changed_values_are_listed_and_written(
    run: Run, waves: tuple[str, str], tmp_path: Path
) -> None:
    shown = run("change", *waves, "--rows").stdout
    assert "amount" in shown
    assert "values of" in shown
    file = tmp_path / "changed.csv"
    options = ("--key", "account", "--duplicates", "number", "--column", "amount")
    run("change", *waves, "--rows", *options, "--output", str(file))
    with file.open(encoding="utf-8-sig") as source:
        lines = list(csv.DictReader(source))
    assert lines
    assert all(float(line["new"]) == float(line["old"]) + 5 for line in lines)


def test_changed_values_of_an_upload_by_its_number(
    run: Run, served: LiveServer, waves: tuple[str, str], tmp_path: Path
) -> None:
    for at, job in enumerate(waves):
        lines = [f"{row['_logical_row_id']},{at}" for row in served.rows(job, limit=1000)]
        files = {"file": ("checked.csv", "\n".join(["_logical_row_id,checked", *lines]).encode())}
        assert served.admin.post(f"/api/sampling/jobs/{job}/values", files=files).is_success
    assert "checked" in run("change", *waves, "--rows", "--values", "1").stdout
    file = tmp_path / "checked.csv"
    options = ("--values", "1", "--column", "checked")
    run("change", *waves, "--rows", *options, "--output", str(file))
    with file.open(encoding="utf-8-sig") as source:
        assert {(line["old"], line["new"]) for line in csv.DictReader(source)} == {("0", "1")}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "Name a figure"),
        (("--mean", "amount", "--rows"), "can't be combined"),
        (("--mean", "amount", "--output", "x.csv"), "goes with --rows"),
        (("--mean", "amount", "--column", "kind"), "goes with --rows"),
        (("--rows", "--by", "kind"), "can't be combined"),
    ],
)
def test_options_that_do_not_fit(
    run: Run, waves: tuple[str, str], options: tuple[str, ...], says: str
) -> None:
    assert says in run("change", *waves, *options, code=2).output
