"""Which directory a command works on: a wrong one is refused, and nothing in it is changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.contents import DATABASE
from tests.command_line.conftest import Run
from tests.storage.test_recognition import contents
from tests.support.forked_process import jobsvc

NOT_CREATING = [
    ("jobs",),
    ("storage",),
    ("user", "list"),
    ("sample", "Sales", "--size", "1"),
    ("sql", "Sales", "SELECT 1"),
    ("prune", "--yes"),
    ("check",),
    ("backup", "b.tar"),
]


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for folder in ("uploads", "scratch", "spill", "files/ab"):
        (root / folder).mkdir(parents=True)
        (root / folder / "kept.txt").write_text("somebody's")
    return root


def test_an_empty_setting_is_refused(
    run: Run, foreign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(foreign)
    monkeypatch.chdir(foreign)
    for empty in ("", " "):
        monkeypatch.setenv("JOBSVC_DATA_DIR", empty)
        assert "JOBSVC_DATA_DIR is empty" in run("jobs", code=2).stderr
        served = jobsvc("serve", "--port", "0", variables={"JOBSVC_DATA_DIR": empty})
        assert (served.returncode, "JOBSVC_DATA_DIR is empty" in served.output) == (2, True)
    assert "empty" in run("jobs", "--data-dir", "", code=2).stderr
    assert contents(foreign) == before


def test_a_directory_of_others_is_left_as_it_is(
    run: Run, foreign: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(foreign)
    monkeypatch.chdir(foreign)
    served = jobsvc("serve", "--port", "0", "--data-dir", str(foreign))
    assert (served.returncode, "no database of jobsvc" in served.output) == (3, True)
    for arguments in (("import", str(table), "--dataset", "x"), ("jobs",)):
        refused = run(*arguments, "--data-dir", ".", code=3)
        assert "no database of jobsvc" in refused.stderr
    assert contents(foreign) == before


@pytest.mark.parametrize("arguments", NOT_CREATING, ids=" ".join)
def test_a_mistyped_directory_is_not_created(
    run: Run, data_dir: Path, arguments: tuple[str, ...]
) -> None:
    offline = arguments[0] in ("check", "backup")
    refused = run(*arguments, code=1 if offline else 3)
    assert ("No database at" if offline else "No data directory at") in refused.stderr
    assert not data_dir.exists()


def test_a_changed_schema_is_refused(run: Run, created: Path) -> None:
    with closing(sqlite3.connect(created / DATABASE)) as connection:
        connection.execute("DROP TRIGGER audit_log_never_shrinks")
    refused = run("jobs", code=3)
    assert 'the trigger "audit_log_never_shrinks" is missing' in refused.stderr
