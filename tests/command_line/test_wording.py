"""What commands print: options by their names, values as they are, short ids, and how to go on."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from command_line.connection import ApiClient
from command_line.root import SECTIONS
from tests.command_line.conftest import Run
from tests.support.forked_process import jobsvc
from tests.support.live_server import LiveServer, write_csv

PAGE = (Path(__file__).parents[2] / "docs" / "CLI.md").read_text(encoding="utf-8")


def test_years_and_ids_have_no_thousands_separators(run: Run, tmp_path: Path) -> None:
    rows = "".join(f"{year},{10**6 + year}\n" for year in range(1952, 1952 + 1200))
    (tmp_path / "years.csv").write_text(f"year,id\n{rows}")
    run("import", str(tmp_path / "years.csv"), "--dataset", "Years")
    shown = run("profile", "Years").stdout
    assert re.search(r"^year .* 1,200 +1952 +3151 ", shown, re.MULTILINE)
    assert re.search(r"^id .* 1,200 +1001952 +1003151 ", shown, re.MULTILINE)
    strata = run("plan", "Years", "--method", "stratified", "--strata", "year", "--size", "1200")
    assert "\n1952 " in strata.stdout
    assert "1,952" not in strata.stdout
    assert "1952" in run("sql", "Years", "SELECT min(year) FROM data").stdout


def test_a_user_is_added_without_a_prompt(run: Run, created: Path) -> None:
    refused = run("user", "add", "a b", code=1)
    assert "Password" not in refused.output
    assert "has 1 to 64 letters of A to Z, digits and the characters . _ - @." in refused.stderr
    run("user", "add", "anna")
    taken = run("user", "add", "ANNA", code=1)
    assert 'A user "ANNA" exists already.' in taken.stderr


def test_an_import_makes_a_new_ref_as_its_help_shows(run: Run, tmp_path: Path) -> None:
    example = "--dataset sales --ref quarter3"
    assert example in run("import", "--help").stdout
    first = write_csv(tmp_path / "sales.csv", 20)
    new = run("import", str(first), *example.split(), code=1)
    assert "its first version goes to main. Leave out --ref." in new.stderr
    run("import", str(first), "--dataset", "sales")
    moved = run("import", str(write_csv(tmp_path / "q3.csv", 30)), *example.split())
    assert "ref quarter3" in moved.stdout
    assert "30" in run("sql", "sales", "SELECT count(*) FROM data", "--ref", "quarter3").stdout
    assert "20" in run("sql", "sales", "SELECT count(*) FROM data").stdout
    (tmp_path / "broken.csv").write_text("a,b\n1,2\n3,4,5\n")
    failed = run(
        "import", str(tmp_path / "broken.csv"), "--dataset", "sales", "--ref", "q4", code=1
    )
    assert 'The new ref "q4" was removed again.' in failed.stderr
    assert "Available: main, quarter3." in run("profile", "sales", "--ref", "q4", code=1).stderr


def test_ctrl_c_after_a_submission_names_the_job(
    server: LiveServer, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset_id = server.new_table(20)
    client = ApiClient(server.url, server.token, " --data-dir /srv/x")

    def submit_and_leave() -> None:
        body = {"method": "random", "parameters": {"sample_size": 3}}
        with client:
            client.post(f"/api/sampling/datasets/{dataset_id}/jobs", body)
            raise KeyboardInterrupt  # before the command has begun to wait

    with pytest.raises(SystemExit) as left:
        submit_and_leave()
    asked = {"run_type": "sampling", "limit": 1}
    (job,) = server.admin.get("/api/jobs", params=asked).json()["jobs"]
    assert left.value.code == 130
    output = capsys.readouterr().err
    assert f"jobsvc watch {job['id']} --data-dir /srv/x\n" in output
    assert f"jobsvc cancel {job['id']} --data-dir /srv/x\n" in output


def test_the_help_groups_all_commands_and_cuts_no_summary(run: Run) -> None:
    shown = run("--help").stdout
    page = re.findall(r"^## (.+)\n\n\| command", PAGE, re.MULTILINE)
    assert page[: len(SECTIONS)] == list(SECTIONS)
    for heading, section in SECTIONS.items():
        listed = shown.split(f"\n{heading}:\n")[1].split("\n\n")[0]
        assert re.findall(r"^  (\S+)", listed, re.MULTILINE) == list(section)
        assert "..." not in listed


def test_the_page_says_each_exit_code(run: Run, created: Path) -> None:
    """130 is tested where a job is waited for."""
    described = set(re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE))
    assert described == {"0", "1", "2", "3", "130"}
    run("jobs", code=0)
    run("sample", "none", "--size", "1", code=1)
    run("check", "--data-dir", str(created / "none"), code=1)
    run("jobs", "--limit", "0", code=2)
    assert jobsvc("serve", "--workers", "0").returncode == 2
    run("nonsense", code=2)
    run("jobs", "--data-dir", str(created / "none"), code=3)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = ("--port", str(taken.getsockname()[1]), "--data-dir", str(created))
        assert jobsvc("serve", *options).returncode == 3
