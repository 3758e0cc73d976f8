"""Checks find every kind of damage; a backup made while a server works is whole."""

from __future__ import annotations

import json
import sqlite3
import tarfile
from pathlib import Path

import pytest

from tests.command_line.conftest import Run
from tests.live_server import LiveServer, write_csv


@pytest.fixture
def filled(run: Run, tmp_path: Path, data_dir: Path) -> Path:
    """A data directory with a table, a sample and a residual."""
    table = write_csv(tmp_path / "table.csv", 500)
    run("import", str(table), "--dataset", "Sales")
    run("sample", "Sales", "--size", "10", "--residual", "--name", "q1", "--seed", "4")
    return data_dir


def stored(data_dir: Path) -> list[Path]:
    return sorted((data_dir / "files").glob("??/*.parquet"), key=lambda path: path.stat().st_size)


def test_a_sound_directory_has_no_faults(run: Run, filled: Path) -> None:
    assert "2 commits, 3 files" in run("check").stdout
    findings = json.loads(run("check", "--json").stdout)
    assert findings["faults"] == []


@pytest.mark.parametrize("damage", ["missing", "cut", "flipped", "manifest"])
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
    else:
        connection = sqlite3.connect(filled / "jobsvc.sqlite3")
        connection.execute("DROP TRIGGER commits_never_change")
        connection.execute("UPDATE commits SET manifest = json_set(manifest, '$.message', 'x')")
        connection.commit()
        connection.close()
    found = run("check", code=1)
    assert "0 faults" not in found.stdout
    named = "manifest is not what its id says" if damage == "manifest" else path.stem
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


def test_a_restored_backup_is_the_same(run: Run, filled: Path, tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar"
    assert "3 data files" in run("backup", str(archive)).stdout
    again = tmp_path / "again"
    restored = run("restore", str(archive), "--data-dir", str(again))
    assert "2 commits and 3 files" in restored.stdout
    assert [path.name for path in stored(again)] == [path.name for path in stored(filled)]
    options = ("--size", "10", "--seed", "4", "--ref", "main")
    rows = []
    for place in (filled, again):
        output = tmp_path / f"{place.name}.csv"
        run("sample", "Sales", *options, "--data-dir", str(place), "--output", str(output))
        rows.append(output.read_text())
    assert rows[0] == rows[1]


def test_a_backup_is_made_while_a_server_runs(run: Run, server: LiveServer, tmp_path: Path) -> None:
    server.new_table(100)
    archive = tmp_path / "backup.tar"
    root = str(server.service.directory.root)
    run("backup", str(archive), "--data-dir", root)
    assert archive.stat().st_mode & 0o777 == 0o600
    run("restore", str(archive), "--data-dir", str(tmp_path / "again"))


def test_nothing_is_overwritten(run: Run, filled: Path, tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar"
    run("backup", str(archive))
    assert "already" in run("backup", str(archive), code=1).stderr
    assert "not empty" in run("restore", str(archive), code=1).stderr
    assert "0 faults" in run("check").stdout


def test_a_file_that_is_no_backup_is_refused_and_leaves_nothing(
    run: Run, filled: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "backup.tar"
    run("backup", str(archive))
    whole = archive.read_bytes()
    again = tmp_path / "again"
    for content in (b"no archive", whole[: len(whole) // 2], b""):
        archive.write_bytes(content)
        run("restore", str(archive), "--data-dir", str(again), code=1)
        assert not again.exists()
    with tarfile.open(archive, "w") as other:
        other.add(__file__, "other.py")
    assert (
        "holds no database" in run("restore", str(archive), "--data-dir", str(again), code=1).stderr
    )
    damaged = bytearray(whole)
    place = whole.index(b"PAR1") + 50
    damaged[place] ^= 1
    archive.write_bytes(bytes(damaged))
    failed = run("restore", str(archive), "--data-dir", str(again), code=1)
    assert "damaged" in failed.stderr
    assert not again.exists()


def test_an_empty_place_has_nothing_to_check(run: Run) -> None:
    assert "no database" in run("check", code=1).stderr
