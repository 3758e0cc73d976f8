"""The walk through of docs/ENGAGEMENTS.md, each block by its person against a real server."""

from __future__ import annotations

import shlex
from pathlib import Path

import openpyxl
import pytest

from application.demo_data import write_demo_file
from storage.accounts.tokens import issue_token
from storage.accounts.users import add_user
from tests.command_line.conftest import Run
from tests.documented_commands import EXAMPLE_JOBS, ROOT, SHELLS, blocks, commands
from tests.support.live_server import DAY, LiveServer

PEOPLE = ("owner", "anna", "ben", "carla", "owner")
"""Whose commands each block of the page has, in its order."""


def tokens(server: LiveServer) -> dict[str, str]:
    """The tokens of the people, who are new users but for the owner."""
    found = {"owner": server.token}
    clock = server.service.clock
    with server.service.database.write() as tx:
        for name in PEOPLE[1:-1]:
            user = add_user(tx, name, "analyst", None, clock)
            found[name], _ = issue_token(
                tx, user.id, kind="session", name="", scope="write", lifetime=DAY, clock=clock
            )
    return found


def fill_in(path: Path) -> None:
    """Fill in an entry list: no row has an exception."""
    book = openpyxl.load_workbook(path)
    sheet = book.active
    column = [cell.value for cell in sheet[1]].index("outcome") + 1
    for row in range(2, sheet.max_row + 1):
        sheet.cell(row, column).value = "ok"
    book.save(path)


def test_the_walk_through_runs(
    served: LiveServer, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_demo_file(tmp_path / "payables.csv")
    dataset = served.new_dataset()
    served.admin.patch(f"/api/datasets/{dataset}", json={"name": "payables"})
    served.import_text(dataset, (tmp_path / "payables.csv").read_bytes(), "payables.csv")
    secrets, job = tokens(served), ""
    monkeypatch.setenv("JOBSVC_SERVER", served.url)
    page = ROOT / "docs" / "ENGAGEMENTS.md"
    shown = [each for each in blocks(page) if each.language in SHELLS]
    for person, block in zip(PEOPLE, shown, strict=True):
        monkeypatch.setenv("JOBSVC_TOKEN", secrets[person])
        for command in commands(block):
            words = shlex.split(EXAMPLE_JOBS.sub(job[:8], command.text))
            assert words[0] == "jobsvc"
            if "--file" in words:
                fill_in(tmp_path / words[words.index("--file") + 1])
            printed = run(*words[1:]).stdout
            if words[2:3] == ["create"] and person == "owner" and job:
                assert "Notice: Engagement 1 has this number, too: E-7, ACME Ltd" in printed
            if words[1] == "sample":
                assert "Part of engagement 1, ACME Ltd." in printed
                samples = served.admin.get("/api/engagements/1/samples").json()["samples"]
                job = samples[0]["job_id"]
    assert served.admin.get("/api/engagements/1").json()["state"] == "sealed"
    assert (tmp_path / "seal.json").read_bytes() == served.admin.get(
        "/api/engagements/1/seal"
    ).content
    cover = (tmp_path / "paper.html").read_text(encoding="utf-8")
    for text in ("ACME Ltd", "2025-01-01 to 2025-12-31", "Anna Meier", "Ben Okafor (ben)"):
        assert text in cover
    assert "Approved by" in cover
    assert "Carla Rossi (carla)" in cover


def test_members_datasets_and_samples_are_shown_and_removed(
    served: LiveServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBSVC_SERVER", served.url)
    monkeypatch.setenv("JOBSVC_TOKEN", served.token)
    _, user = served.new_user()
    dataset = str(served.new_table(20))
    days = ("--from", "2024-01-01", "--to", "2024-12-31")
    made = run("engagements", "create", "--client", "Beta", *days).stdout
    number = made.split()[1].rstrip(":")
    assert "The engagement has no sample." in made
    assert "Beta Ltd" in run("engagements", "change", number, "--client", "Beta Ltd").stdout
    run("engagements", "dataset", number, dataset)
    named = ("--name", "A B", "--role", "reviewer")
    shown = run("engagements", "member", number, user["soeid"], *named, "--preview").stdout
    assert shown.startswith("A preview: nothing was changed.")
    given = run("engagements", "member", number, user["soeid"], *named).stdout
    assert f"{user['soeid']} gets the right write" in given
    assert "Reviewer: A B" in given
    drawn = served.draw(int(dataset), {"method": "random", "sample_size": 3})["id"]
    assert "The findings aren't approved." in run("engagements", "samples", number).stdout
    for what, name in (("dataset", dataset), ("member", user["soeid"])):
        wrong = ("engagements", what, number, name, "--remove", "--preview")
        assert "can't be combined" in run(*wrong, code=2).output
    assert "A B" in run("engagements", "show", number).stdout
    for what, name in (("sample", drawn), ("dataset", dataset), ("member", user["soeid"])):
        shown = run("engagements", what, number, name, "--remove").stdout
    assert "0 samples" in shown
    assert "A B" not in shown
    assert "Beta Ltd" in run("engagements", "list", "--q", "beta").stdout
    wrong = ("--client", "X", "--from", "2025-13-01", "--to", "2025-12-31")
    assert "--from" in run("engagements", "create", *wrong, code=1).output
    assert "--name and --role" in run("engagements", "member", number, "x", code=2).output
