"""A backup made while a server works is whole; a restore makes a directory of it, or nothing."""

from __future__ import annotations

import errno
import io
import os
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from storage.maintenance.backup import back_up
from storage.maintenance.data_directory import DataDirectory
from storage.sqlite.clock import system_clock, timestamp
from tests.command_line.conftest import Run, stored
from tests.support.forked_process import ForkedProcess, run_jobsvc
from tests.support.live_server import LiveServer


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
    archive, before = tmp_path / "backup.tar", timestamp(system_clock())
    root = str(server.service.directory.root)
    run("backup", str(archive), "--data-dir", root)
    assert archive.stat().st_mode & 0o777 == 0o600
    last = server.admin.get("/api/admin/overview").json()["last_backup_at"]
    assert before < last < timestamp(system_clock())
    server.admin.get("/api/admin/backup")
    assert server.admin.get("/api/admin/overview").json()["last_backup_at"] > last
    run("restore", str(archive), "--data-dir", str(tmp_path / "again"))


def test_nothing_is_overwritten(run: Run, filled: Path, tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar"
    run("backup", str(archive))
    assert "already" in run("backup", str(archive), code=1).stderr
    assert "not empty" in run("restore", str(archive), code=1).stderr
    assert "0 faults" in run("check").stdout


@pytest.mark.parametrize(
    "place", ["data", "data/uploads", "data/files/ab", "link", "link/uploads", "uploads link", "."]
)
def test_a_backup_into_the_data_directory_itself_is_refused(
    run: Run, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (filled / "files" / "ab").mkdir(exist_ok=True)
    (tmp_path / "link").symlink_to(filled)
    (tmp_path / "uploads link").symlink_to(filled / "uploads")
    before = sorted(filled.rglob("*"))
    monkeypatch.chdir(filled if place == "." else tmp_path)
    target = Path(place) / "monday.tar"
    for given in (str(filled), str(tmp_path / "link")):
        refused = run("backup", str(target), "--data-dir", given, code=1)
        output = [line for line in refused.stderr.splitlines() if line.startswith("Error")]
        assert f"{target} would be in the data directory {filled}" in output[0]
    assert sorted(filled.rglob("*")) == before


def test_a_backup_may_share_the_data_directorys_parent(run: Run, filled: Path) -> None:
    run("backup", f"{filled}.tar")
    run("backup", str(filled / ".." / "tuesday.tar"))


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
    tarfile.open(archive, "w").close()
    refused = run("restore", str(archive), "--data-dir", str(again), code=1)
    assert "holds no database" in refused.stderr
    damaged = bytearray(whole)
    place = whole.index(b"PAR1") + 50
    damaged[place] ^= 1
    archive.write_bytes(bytes(damaged))
    failed = run("restore", str(archive), "--data-dir", str(again), code=1)
    assert "damaged" in failed.stderr
    assert not again.exists()


def test_what_no_backup_holds_is_refused_and_leaves_nothing(
    run: Run, filled: Path, tmp_path: Path
) -> None:
    archive, place = tmp_path / "backup.tar", tmp_path / "place"
    place.mkdir()
    run("backup", str(archive))
    whole = archive.read_bytes()
    for name in (
        "owner.json",
        "jobsvc.sqlite3-wal",
        "files.lock",
        "uploads/incoming-1",
        f"files/ab/{'cd' * 32}.parquet",
        f"files/ab/{'ab' * 32}.parquet.part",
        "../outside",
        f"{place}/outside",
        "jobsvc.sqlite3",
    ):
        archive.write_bytes(whole)
        with tarfile.open(archive, "a") as more:
            more.addfile(tarfile.TarInfo(name))
        refused = run("restore", str(archive), "--data-dir", str(place / "again"), code=1).stderr
        output = [line for line in refused.splitlines() if line.startswith("Error")]
        assert f"{archive} isn't a backup of jobsvc: it holds '{name}'" in output[0]
        assert not list(place.iterdir())


def test_a_backup_with_an_unknown_data_file_is_refused(
    run: Run, filled: Path, tmp_path: Path
) -> None:
    archive, place = tmp_path / "backup.tar", tmp_path / "place"
    run("backup", str(archive))
    name, junk = f"files/ab/{'ab' * 32}.parquet", b"junk"
    with tarfile.open(archive, "a") as more:
        stray = tarfile.TarInfo(name)
        stray.size = len(junk)
        more.addfile(stray, io.BytesIO(junk))
    for there in (False, True):
        if there:
            place.mkdir()
        refused = run("restore", str(archive), "--data-dir", str(place), code=1)
        output = [line for line in refused.stderr.splitlines() if line.startswith("Error")]
        assert output == [
            f"Error: {archive} isn't a backup of jobsvc: it holds '{name}', which its database "
            "doesn't reference."
        ]
        assert "Restored" not in refused.stdout
        assert not place.exists() or not list(place.iterdir())
    assert not list(tmp_path.glob(".*"))


def test_a_database_that_can_name_no_data_files_is_refused(
    run: Run, filled: Path, tmp_path: Path
) -> None:
    other, archive = tmp_path / "other.sqlite3", tmp_path / "backup.tar"
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE commits (dataset_id, id, manifest)")
    with tarfile.open(archive, "w") as made:
        made.add(other, "jobsvc.sqlite3")
    again = tmp_path / "again"
    refused = run("restore", str(archive), "--data-dir", str(again), code=3)
    assert "has no schema version" in refused.stderr
    assert not again.exists()


def test_concurrent_backups_to_the_same_name_conflict(
    run: Run, filled: Path, tmp_path: Path
) -> None:
    for number in range(5):
        place = tmp_path / f"{number}"
        place.mkdir()
        archive = place / "backup.tar"
        given = ("backup", str(archive), "--data-dir", str(filled))
        both = [ForkedProcess(run_jobsvc, given) for _ in range(2)]
        output = sorted(one.written() for one in both)
        assert sorted(one.wait(30) for one in both) == [0, 1], output
        assert any("A file of that name exists" in text for text in output)
        assert list(place.iterdir()) == [archive]
    run("restore", str(archive), "--data-dir", str(tmp_path / "again"))


def without_links(source: object, target: object, **options: object) -> None:
    """What the system says on FAT; a disk of that kind can't be had everywhere."""
    raise PermissionError(errno.EPERM, "Operation not permitted", source, None, target)


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("kind", ["file", "link to nothing"])
def test_a_backup_never_overwrites_a_new_file(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool, kind: str
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    archive = place / "backup.tar"
    if not links:
        monkeypatch.setattr(os, "link", without_links)

    def take_the_name(done: float, what: str) -> None:
        if done < 1:
            return
        if kind == "file":
            archive.write_text("another's")
        else:
            archive.symlink_to("nothing")

    with pytest.raises(FileExistsError, match="of that name exists already") as refused:
        back_up(DataDirectory(filled), archive, take_the_name)
    assert refused.value.filename == str(archive)
    assert list(place.iterdir()) == [archive]
    assert archive.is_symlink() or archive.read_text() == "another's"


def test_a_backup_can_be_made_where_files_have_no_links(
    run: Run, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    archive = place / "backup.tar"
    with monkeypatch.context() as on_fat:
        on_fat.setattr(os, "link", without_links)
        run("backup", str(archive))
        assert "already" in run("backup", str(archive), code=1).stderr
    assert list(place.iterdir()) == [archive]
    assert archive.stat().st_mode & 0o777 == 0o600
    run("restore", str(archive), "--data-dir", str(tmp_path / "again"))
