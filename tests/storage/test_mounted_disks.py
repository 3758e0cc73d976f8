"""``lost+found`` in a mounted disk is ignored and never removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.contents import DATABASE, LOST_AND_FOUND
from storage.errors import Conflict
from storage.maintenance.backup import filled
from storage.maintenance.data_directory import DataDirectory, Owner
from storage.maintenance.disk_use import DiskUseMeter
from storage.sqlite.database import Database

ME = Owner(4242, "jobsvc serve", "2025-07-07T00:00:00+00:00")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A disk as it is mounted first."""
    made = tmp_path / "data"
    (made / LOST_AND_FOUND).mkdir(mode=0o700, parents=True)
    return made


def fill(root: Path) -> None:
    with filled(DataDirectory(root)) as parts:
        (parts / "files").mkdir()
        (parts / DATABASE).write_text("a database")


def facts(folder: Path) -> tuple[int, ...]:
    """A folder and its state; a listing may change its time of access, which isn't one of them."""
    found = folder.stat()
    return found.st_mode, found.st_ino, found.st_uid, found.st_gid, found.st_mtime_ns


def test_restore_to_a_new_disk_keeps_lost_and_found(root: Path) -> None:
    before = facts(root / LOST_AND_FOUND)
    fill(root)
    assert {path.name for path in root.iterdir()} == {LOST_AND_FOUND, "files", DATABASE}
    assert facts(root / LOST_AND_FOUND) == before


def test_failed_restore_leaves_a_new_disk_unchanged(root: Path) -> None:
    with pytest.raises(FileNotFoundError), filled(DataDirectory(root)) as parts:
        (parts / "files").mkdir()  # and no database
    assert [path.name for path in root.iterdir()] == [LOST_AND_FOUND]


@pytest.mark.parametrize("kind", ["file", "link", "found something", "elsewhere"])
def test_restore_refuses_a_disk_with_other_entries(root: Path, kind: str) -> None:
    own = root / LOST_AND_FOUND
    if kind == "found something":
        (own / "#12").write_text("rows")
    elif kind == "elsewhere":
        own.rename(root / "found")
    else:
        own.rmdir()
        own.write_text("") if kind == "file" else own.symlink_to(root.parent)
    before = sorted(root.rglob("*"))
    with pytest.raises(Conflict, match="not empty"):
        fill(root)
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize("part", ["uploads", "scratch", "spill", "counts", "files", "."])
def test_start_ignores_lost_and_found(tmp_path: Path, part: str) -> None:
    directory = DataDirectory(tmp_path / "data")
    own = directory.root / part / LOST_AND_FOUND
    own.mkdir(mode=0o700, parents=True)
    (own / "#12").write_bytes(b"x" * 1000)
    directory.acquire(ME)
    directory.sweep_uploads(set())
    assert directory.uploads() == []
    assert set(DiskUseMeter(directory).measure().part_bytes.values()) == {0}
    directory.release()
    assert (own / "#12").read_bytes() == b"x" * 1000


def test_start_clears_scratch_without_following_links(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "theirs").write_text("by its owner")
    directory = DataDirectory(tmp_path / "data")
    (directory.scratch_dir / "job-1" / "inside").mkdir(parents=True)
    (directory.scratch_dir / "link").symlink_to(elsewhere)
    (directory.scratch_dir / "file").write_text("left")
    Database(directory.database_path).close()
    directory.acquire(ME)
    directory.release()
    assert not list(directory.scratch_dir.iterdir())
    assert (elsewhere / "theirs").read_text() == "by its owner"
