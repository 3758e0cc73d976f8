"""Checks find every kind of damage, and name it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from service.settings import Settings
from tests.command_line.conftest import Run, stored
from tests.support.live_server import live_server


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


@pytest.fixture
def replaced(run: Run, filled: Path) -> tuple[str, list[str]]:
    """The job of a sample in which two rows were replaced, and the rows that went out."""
    with live_server(Settings(data_dir=filled, memory_mb=256, stop_grace_s=0)):
        jobs = json.loads(run("jobs", "--json").stdout)["jobs"]
        (sample,) = (each["id"] for each in jobs if each["run_type"] == "sampling")
        items = json.loads(run("findings", sample, "--json").stdout)["items"]
        rows = [item["row_id"] for item in items[:2]]
        for row in rows:
            run("replace", sample, row, "--reason", "no purchase")
    assert "0 faults" in run("check").stdout
    return sample, rows


def changed(data_dir: Path, *statements: str) -> None:
    with closing(sqlite3.connect(data_dir / "jobsvc.sqlite3")) as connection, connection:
        guards = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        for text in statements:
            connection.execute(text)
        for _, sql in guards:
            connection.execute(sql)


REPLACEMENT_DAMAGE = {
    "deleted": ("DELETE FROM replacements WHERE id = 2", 0, 1),
    "another row": ("UPDATE replacements SET replacement_id = 'primary:0' WHERE id = 2", 1, 1),
    "another reason": ("UPDATE replacements SET reason = 'too hard' WHERE id = 2", 1, 1),
    "another author": (
        "UPDATE ledger_entries SET actor = 'zz00001' WHERE kind = 'replacement' AND number = 3",
        1,
        1,
    ),
    "invented": (
        "INSERT INTO replacements (job_id, row_id, replacement_id, reason, user_id, at)"
        " SELECT job_id, 'primary:498', 'primary:499', reason, user_id, at FROM replacements"
        " WHERE id = 1",
        1,
        0,
    ),
}


@pytest.mark.parametrize("damage", REPLACEMENT_DAMAGE)
def test_replacements_are_compared_with_the_ledger(
    run: Run, filled: Path, replaced: tuple[str, list[str]], damage: str
) -> None:
    statement, unrecorded, missing = REPLACEMENT_DAMAGE[damage]
    changed(filled, statement)
    found = run("check", code=1).stdout
    assert found.count(f"of job {replaced[0]}: the ledger has no such entry") == unrecorded
    said = f"entry 3 of the ledger of dataset 1: the sample of job {replaced[0]} has no such "
    assert found.count(f"{said}replacement") == missing


def test_replacements_from_before_the_ledger_are_no_fault(
    run: Run, filled: Path, replaced: tuple[str, list[str]]
) -> None:
    early = "UPDATE replacements SET at = '2020-01-01T00:00:00.000000+00:00'"
    changed(filled, early, "DELETE FROM ledger_entries WHERE number > 1")
    assert "0 faults" in run("check").stdout
    changed(filled, "DELETE FROM ledger_entries")
    assert "0 faults" in run("check").stdout


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
