"""Datasets, rows, versions, the bin, the search, and rows in line, on the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.command_line.conftest import Run
from tests.support.live_server import LiveServer, write_csv


@pytest.fixture
def served(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> LiveServer:
    """Commands use a running server, which is faster than one for each."""
    monkeypatch.setenv("JOBSVC_SERVER", server.url)
    monkeypatch.setenv("JOBSVC_TOKEN", server.token)
    return server


@pytest.fixture
def name(run: Run, served: LiveServer, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The name of a dataset of 50 rows with the sample q1 of 5 rows, named by the test."""
    dataset = f"Sales {request.node.name}"
    run("import", str(write_csv(tmp_path / "t.csv", 50)), "--dataset", dataset)
    run("sample", dataset, "--size", "5", "--name", "q1", "--seed", "1")
    return dataset


def of(run: Run, *arguments: str) -> dict[str, Any]:
    return dict(json.loads(run(*arguments, "--json").stdout))


def test_datasets_and_their_versions_are_listed(run: Run, name: str) -> None:
    listed = run("datasets", "--search", name)
    assert name in listed.stdout
    assert "admin" in listed.stdout
    assert "1 of 1 datasets." in listed.stdout
    assert of(run, "datasets", "--search", name)["total"] == 1
    shown = run("history", name).stdout
    assert "Import t.csv" in shown
    assert "primary (50 rows)" in shown
    assert of(run, "history", name, "--ref", "smpl-q1")["total"] == 2


def test_rows_are_filtered_sorted_and_written(run: Run, name: str, tmp_path: Path) -> None:
    query = ("rows", name, "--filter", "kind = 3", "--order-by", "id", "--desc")
    shown = run(*query, "--column", "id", "--limit", "2")
    assert shown.stdout.split() == ["id", "45", "38"]
    assert "2 of 7 rows." in shown.stderr
    assert of(run, *query)["total"] == 7
    run(*query, "--output", str(tmp_path / "three.csv"))
    assert (tmp_path / "three.csv").read_text().count("\n") == 8
    refused = run("rows", name, "--filter", "knd = 3", code=1)
    assert 'Did you mean "kind"' in refused.stderr


def test_a_sample_is_deleted_and_restored(run: Run, name: str) -> None:
    deleted = run("rm", name, "q1").stdout
    command = deleted.splitlines()[-1].removeprefix("Restore it: jobsvc ").split()
    listed = run("bin", "list", "--dataset", name).stdout
    assert "1 of 1 entries." in listed
    assert " q1 " in listed
    run("sample", name, "--size", "5", "--name", "q1", "--seed", "2")
    taken = run(*command, code=1)
    assert 'such as "q1-2"' in taken.stderr
    assert "Restored q1-2." in run(*command, "--name", "q1-2").stdout
    assert of(run, "bin", "list", "--dataset", name)["total"] == 0
    assert "not found" in run("rm", name, "q7", code=1).stderr


def test_a_sample_is_restored_by_its_name(run: Run, name: str) -> None:
    run("sample", name, "--size", "5", "--name", "q5", "--seed", "2")
    assert run("rm", name, "q5").stdout.startswith("The sample q5 is in the bin until ")
    assert "isn't in the bin" in run("bin", "restore", name, "q6", code=1).stderr
    assert "Restored q5." in run("bin", "restore", name, "q5").stdout
    run("rm", name, "q5")
    run("sample", name, "--size", "5", "--name", "q5", "--seed", "3")
    run("rm", name, "q5")
    assert "is in the bin 2 times" in run("bin", "restore", name, "q5", code=1).stderr


def test_a_dataset_is_deleted_for_good_after_a_question(run: Run, name: str) -> None:
    kept = run("rm", name, given="n\n", code=1)
    assert "Nothing was deleted." in kept.stderr
    entry = of(run, "rm", name, "--yes")["bin_id"]
    assert of(run, "datasets", "--search", name)["total"] == 0
    assert "Nothing was deleted." in run("bin", "delete", str(entry), given="n\n", code=1).stderr
    run("bin", "delete", str(entry), "--yes")
    assert "no entry" in run("bin", "restore", str(entry), code=1).stderr


def test_samples_are_found_by_name_and_jobs_show_it(run: Run, name: str) -> None:
    found = [hit for hit in of(run, "search", "q1")["results"] if hit["dataset_name"] == name]
    assert [hit["kind"] for hit in found] == ["sample"]
    assert "Random sample of 5 rows" in run("search", "q1", "--limit", "50").stdout
    listed = run("jobs", "--dataset", name, "--run-type", "sampling").stdout
    assert " q1 " in listed
    assert f"Random sample of 5 rows from {name}" in run("jobs", found[0]["job_id"]).stdout


def test_rows_in_line_are_shown_and_explained(run: Run, name: str) -> None:
    job = of(run, "jobs", "--dataset", name, "--run-type", "sampling")["jobs"][0]["id"]
    (reserve,) = of(run, "reserves", job, "--limit", "1")["data"]
    assert str(reserve["id"]) in run("reserves", job[:8], "--limit", "1").stdout
    by_id = run("why", job[:8], f"primary:{reserve['id']}").stdout
    assert "It is 6th in line; the first 5 of 50 rows were drawn." in by_id
    by_value = run("why", job[:8], str(reserve["id"]), "--column", "id").stdout
    assert by_value == by_id
    assert len(of(run, "why", job, "3", "--column", "kind")["rows"]) == 7
    refused = run("why", job, "3", "--column", "knd", code=1)
    assert 'Did you mean "kind"' in refused.stderr
    assert "No row" in run("why", job, "99", "--column", "id").stdout


def test_the_shell_completes_commands_and_options() -> None:
    def completed(words: str, place: int) -> str:
        environment = {
            **os.environ,
            "_JOBSVC_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(place),
        }
        command = [sys.executable, "-c", "import jobsvc; jobsvc.main()"]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        ).stdout

    assert "plain,history" in completed("jobsvc hi", 1)
    assert "plain,--column" in completed("jobsvc why --co", 2)


def test_users_see_their_own_quota(
    run: Run, served: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, user = served.new_user()
    monkeypatch.setenv("JOBSVC_TOKEN", client.headers["Authorization"].split()[1])
    assert "used, no quota." in run("quota", "user", user["soeid"].upper()).stdout
    refused = run("quota", "user", "admin00", code=1)
    assert "role admin" in refused.stderr
