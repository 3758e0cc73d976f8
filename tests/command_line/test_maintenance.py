"""Checks find every kind of damage, and name it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.command_line.conftest import Run, stored


def test_a_sound_directory_has_no_faults(run: Run, filled: Path) -> None:
    assert "2 commits, 3 files" in run("check").stdout
    findings = json.loads(run("check", "--json").stdout)
    assert findings["faults"] == []


@pytest.mark.parametrize("damage", ["missing", "cut", "flipped", "manifest", "ledger"])
def test_damage_is_found_and_named(run: Run, filled: Path, damage: str) -> None:
    path = stored(filled)[-1]
    path.chmod(0o600)
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[:-1])
    elif damage == "flipped":
        path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    elif damage == "ledger":
        connection = sqlite3.connect(filled / "jobsvc.sqlite3")
        connection.execute("DROP TRIGGER ledger_entries_never_change")
        connection.execute("UPDATE ledger_entries SET actor = 'somebody'")
        connection.commit()
        connection.close()
    else:
        connection = sqlite3.connect(filled / "jobsvc.sqlite3")
        connection.execute("DROP TRIGGER commits_never_change")
        connection.execute("UPDATE commits SET manifest = json_set(manifest, '$.message', 'x')")
        connection.commit()
        connection.close()
    found = run("check", code=1)
    assert "0 faults" not in found.stdout
    named = {
        "manifest": "manifest is not what its id says",
        "ledger": "entry 1 of the ledger of dataset 1 isn't what its digest says",
    }.get(damage, path.stem)
    assert named in found.stdout


def test_a_job_on_a_damaged_file_fails_with_a_clear_error(run: Run, filled: Path) -> None:
    for path in stored(filled):
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-50])
    failed = run("sample", "Sales", "--size", "5", code=1)
    assert "damaged" in failed.stderr
    assert "jobsvc check" in failed.stderr
    for path in stored(filled):
        path.unlink()
    assert "missing" in run("sample", "Sales", "--size", "5", code=1).stderr


def test_an_empty_place_has_nothing_to_check(run: Run) -> None:
    assert "No database" in run("check", code=1).stderr
