"""Jobs, users, tokens and the audit trail; which server does the work; and how a command fails."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import command
from storage.maintenance.data_directory import DataDirectory
from tests.command_line.conftest import Run, paths_of
from tests.support.live_server import PASSWORD, LiveServer


@pytest.mark.usefixtures("serving")
def test_jobs_are_listed_and_shown(run: Run, table: Path) -> None:
    run("import", str(table), "--dataset", "Sales")
    listed = run("jobs", "--run-type", "import", "--dataset", "Sales")
    assert "completed" in listed.stdout
    assert "1 of 1 jobs." in listed.stdout
    page = json.loads(run("jobs", "--json").stdout)
    shown = json.loads(run("jobs", page["jobs"][0]["id"], "--json").stdout)
    assert shown["run_parameters"]["file_name"] == "sales 2024.csv"


def test_users_are_added_and_tokens_made(run: Run, created: Path) -> None:
    added = run("user", "add", "bg54677", "--role", "viewer", "--password-stdin", given=PASSWORD)
    assert "bg54677 (viewer)" in added.stdout
    invited = run("user", "add", "anna.b@example.org").stdout
    assert "anna.b@example.org (analyst)" in invited
    assert "/sign-in?code=" in invited
    listed = run("user", "list").stdout
    assert "active" in listed
    assert "invited" in listed
    token = run("token", "create", "BG54677", "--scope", "read").stdout
    assert len(token.strip()) > 40
    assert token.count("\n") == 1


@pytest.mark.usefixtures("serving")
def test_tokens_are_listed_and_ended(run: Run) -> None:
    run("user", "add", "bg54677")
    run("token", "create", "bg54677", "--name", "nightly")
    run("token", "create", "bg54677", "--name", "metrics", "--expires-in-days", "never")
    assert "nightly" not in run("token", "list").stdout
    listed = json.loads(run("token", "list", "bg54677", "--json").stdout)
    assert [(token["name"], token["expires_at"] is None) for token in listed] == [
        ("metrics", True),
        ("nightly", False),
    ]
    assert re.search(r"bg54677 +nightly +write .* never ", run("token", "list", "--all").stdout)
    ids = [str(token["id"]) for token in listed]
    assert f"Token {ids[1]} has ended." in run("token", "end", *ids, "--yes").stdout
    assert "There is no token" in run("token", "end", *ids, "--yes", code=1).stderr
    assert "nightly" not in run("token", "list", "--all").stdout
    run("token", "list", "bg54677", "--all", code=2)


@pytest.mark.usefixtures("serving")
def test_a_group_gets_access_to_a_dataset(run: Run, table: Path) -> None:
    run("import", str(table), "--dataset", "Sales")
    for name in ("anna", "ben"):
        run("user", "add", name)
    assert "Auditors: anna." in run("group", "create", "Auditors", "anna").stdout
    assert "Auditors: anna, ben." in run("group", "add", "auditors", "ben").stdout
    assert "Auditors: ben." in run("group", "remove", "Auditors", "anna").stdout
    assert "Checkers: ben." in run("group", "rename", "Auditors", "Checkers").stdout
    shown = run("access", "Sales", "--grant", "Checkers", "write", "--grant", "anna", "read").stdout
    assert re.search(r"Checkers +group +write", shown)
    assert re.search(r"anna +user +read", shown)
    assert "anna" not in run("access", "Sales", "--revoke", "anna").stdout
    assert "has no access" in run("access", "Sales", "--revoke", "anna", code=1).stderr
    assert "ben" in run("group", "show", "Checkers").stdout
    run("group", "delete", "Checkers", "--yes")
    assert "Checkers" not in run("group", "list").stdout
    assert "viewer" in run("user", "role", "anna", "viewer").stdout
    run("user", "remove", "anna", "--yes")
    assert "anna" not in run("user", "list").stdout


@pytest.mark.usefixtures("serving")
def test_what_was_done_is_listed(run: Run, table: Path) -> None:
    run("import", str(table), "--dataset", "Sales")
    run("user", "add", "bg54677", "--password-stdin", given=PASSWORD)
    run("user", "link", "bg54677")
    run("token", "create", "bg54677")
    run("sample", "Sales", "--size", "5", "--output", "s.csv")
    page = json.loads(run("audit", "--json", "--user", "ADMIN00").stdout)
    assert [entry["action"] for entry in page["entries"]] == [
        "rows_viewed",  # by the comparison
        "rows_downloaded",
        "draw_asked",
        "token_made",
        "sign_in_link_made",
        "user_added",
        "import_asked",
        "dataset_made",
    ]
    assert {entry["token_kind"] for entry in page["entries"]} == {"operator"}
    shown = run("audit", "--dataset", "sales", "--action", "import_asked", "--limit", "1").stdout
    assert "file_name=sales 2024.csv" in shown
    assert "1 of 1 entries." in shown
    assert "0 of 0 entries." in run("audit", "--dataset", "77").stdout
    assert "import_asked" in run("audit", "--action", "import", code=2).stderr


def test_a_lost_password_is_mended_with_a_link(run: Run, created: Path) -> None:
    run("user", "add", "bg54677", "--password-stdin", given=PASSWORD)
    link = run("user", "link", "bg54677").stdout.strip()
    assert link.startswith("/sign-in?code=")  # no server runs


def test_the_first_user_is_added_before_the_first_start(run: Run, data_dir: Path) -> None:
    added = run("user", "add", "admin01", "--role", "admin", "--password-stdin", given=PASSWORD)
    assert "User admin01 (admin) has the id 2." in added.stdout
    refused = run("user", "add", "x", "--data-dir", str(data_dir / "typo"), code=3)
    assert "No data directory at" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (("sample", "Sales", "--size", "0"), 1, "--size"),
        (("sample", "Sales", "--size", "5", "--output", "x.xls"), 2, ".csv, .parquet, .arrow"),
        (("sample", "Sales", "--method", "lucky"), 2, "random"),
        (("sample", "Sals", "--size", "5"), 1, 'There is no dataset "Sals". Available: Sales'),
        (("sample", "Sales"), 1, "--size or --fraction"),
        (("sample", "Sales", "--size", "5", "--ref", "mian"), 1, "Available: main"),
        (
            ("sample", "Sales", "--method", "stratified", "--strata", "knd", "--size", "5"),
            1,
            'Did you mean "kind"',
        ),
        (("import", "missing.csv", "--dataset", "x"), 2, "missing.csv"),
        (("import", "broken.csv", "--dataset", "x"), 1, "Line 3"),
        (("jobs", "none"), 2, "neither a job id"),
        (("jobs", "--status", "done"), 2, "completed"),
        (("user", "add", "a b"), 1, "1 to 64 letters of A to Z, digits and the characters . _ - @"),
        (("token", "create", "nobody0"), 1, 'User "nobody0" not found.'),
        (("jobs", "--server", "http://127.0.0.1:9"), 2, "JOBSVC_TOKEN"),
    ],
)
def test_a_failure_is_one_line_with_the_cause(
    run: Run, table: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, part: str
) -> None:
    (tmp_path / "broken.csv").write_text("a,b\n1,2\n3,4,5\n")
    run("import", str(table), "--dataset", "Sales")
    failed = run(*arguments, given=PASSWORD, code=code)
    assert part in failed.stderr.replace("\n", " ")
    assert "Traceback" not in failed.stderr


def test_a_running_server_does_the_work(
    run: Run, server: LiveServer, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBSVC_DATA_DIR", str(server.service.directory.root))
    run("import", str(table), "--dataset", "by the command line")
    found = server.admin.get("/api/datasets", params={"name": "by the command line"}).json()
    assert found["total"] == 1


def test_a_server_elsewhere_does_the_work_with_a_token(
    run: Run, server: LiveServer, table: Path, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    monkeypatch.setenv("JOBSVC_TOKEN", server.token)
    run("import", str(table), "--dataset", "from afar", "--server", server.url)
    assert not data_dir.exists()
    monkeypatch.setenv("JOBSVC_TOKEN", "wrong")
    failed = run("jobs", "--server", server.url, code=1)
    assert "Sign in first" in failed.stderr


def test_an_unreachable_server_is_reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBSVC_TOKEN", "x")
    failed = run("jobs", "--server", "http://127.0.0.1:9", code=3)
    assert "can't be reached" in failed.stderr


def test_the_note_of_a_killed_server_misleads_nobody(run: Run, created: Path) -> None:
    note = {"pid": 1, "command": "x", "started_at": "", "url": "http://127.0.0.1:9", "token": "x"}
    (created / "owner.json").write_text(json.dumps(note))
    assert "0 of 0 jobs." in run("jobs").stdout
    assert DataDirectory(created).owner() is None


def test_every_command_explains_itself_with_an_example(run: Run) -> None:
    for path in paths_of(command):
        text = run(*path, "--help").stdout
        assert "Usage: " in text
        assert path[-1] == "list" or f"jobsvc {' '.join(path)}" in text, path
        assert "CONVERT" not in text, "an option shows the name of the function that reads it"


def test_client_commands_import_no_server_modules() -> None:
    asked = (
        "import sys, jobsvc\n"
        "jobsvc.command.main(['jobs', '--help'], standalone_mode=False)\n"
        "print(sorted({'flask', 'marshmallow', 'numpy', 'sqlglot', 'waitress'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "[]"
