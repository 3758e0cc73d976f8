"""Restore into an existing directory: complete or empty."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from storage.contents import BUILDING, DATABASE, PARTS
from storage.errors import Conflict, DamagedDatabase, DataDirectoryInUse
from storage.maintenance.backup import filled
from storage.maintenance.data_directory import DataDirectory, Owner
from storage.sqlite.database import Database

ME = Owner(4242, "jobsvc serve", "2025-07-07T00:00:00+00:00")
FILE = f"files/ab/{'ab' * 32}.parquet"


def put_parts(folder: Path) -> None:
    (folder / FILE).parent.mkdir(parents=True)
    (folder / FILE).write_text("rows")
    Database(folder / DATABASE).close()


def content(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir(mode=0o750)
    return made


def cut_short(root: Path, *, half_moved: bool) -> Path:
    """What a restore leaves that is killed before or between its two moves."""
    folder = root / f"{BUILDING}dead"
    put_parts(folder / PARTS)
    if half_moved:
        (folder / PARTS / "files").rename(root / "files")
    return folder


def test_restore_keeps_an_existing_directory(root: Path) -> None:
    before = root.stat()
    with filled(DataDirectory(root)) as parts:
        put_parts(parts)
        assert not (root / DATABASE).exists()
    assert content(root) == {FILE, DATABASE}
    assert (root.stat().st_ino, root.stat().st_mode) == (before.st_ino, before.st_mode)


def test_failed_restore_leaves_an_empty_directory(root: Path) -> None:
    with suppress(ZeroDivisionError), filled(DataDirectory(root)) as parts:
        put_parts(parts)
        raise ZeroDivisionError
    assert not list(root.iterdir())


def test_error_between_moves_leaves_an_empty_directory(root: Path) -> None:
    with pytest.raises(FileNotFoundError), filled(DataDirectory(root)) as parts:
        (parts / FILE).parent.mkdir(parents=True)  # and no database
    assert not list(root.iterdir())


@pytest.mark.parametrize("half_moved", [False, True])
def test_interrupted_restore_blocks_start_but_not_restore(root: Path, half_moved: bool) -> None:
    cut_short(root, half_moved=half_moved)
    directory = DataDirectory(root)
    with pytest.raises(DamagedDatabase, match="was interrupted"):
        directory.acquire(ME)
    with filled(directory) as parts:
        assert not (root / "files").exists()
        put_parts(parts)
    assert content(root) == {FILE, DATABASE}
    directory.acquire(ME)
    directory.release()


def test_start_clears_the_folder_of_a_finished_restore(
    root: Path,
) -> None:
    put_parts(root)
    (root / f"{BUILDING}dead" / PARTS).mkdir(parents=True)
    directory = DataDirectory(root)
    directory.acquire(ME)
    Database(directory.database_path).close()
    directory.release()
    assert not list(root.glob(f"{BUILDING}*"))
    assert content(root) == {FILE, DATABASE}


@pytest.mark.parametrize("left", ["nothing", "before the moves", "a table of somebody's"])
def test_restore_never_removes_other_files(root: Path, left: str) -> None:
    if left == "before the moves":
        cut_short(root, half_moved=False)
    elif left == "a table of somebody's":
        cut_short(root, half_moved=True)
        (root / "table.csv").write_text("id")
    (root / "files").mkdir(exist_ok=True)
    (root / "files" / "theirs").write_text("rows")
    with pytest.raises(Conflict, match="not empty"), filled(DataDirectory(root)):
        pass
    assert (root / "files" / "theirs").read_text() == "rows"


def test_second_concurrent_restore_is_refused(root: Path) -> None:
    with filled(DataDirectory(root)) as parts:
        put_parts(parts)
        with pytest.raises(DataDirectoryInUse), filled(DataDirectory(root)):
            pass
    assert content(root) == {FILE, DATABASE}


def test_second_restore_creating_the_directory_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "data"

    def restored(before_it_ends: Callable[[], None]) -> None:
        with filled(DataDirectory(root)) as parts:
            put_parts(parts)
            before_it_ends()

    def the_first() -> None:
        restored(lambda: None)
        (root / FILE).write_text("the first's")

    with pytest.raises(Conflict, match="not empty"):
        restored(the_first)
    assert (root / FILE).read_text() == "the first's"
    assert list(tmp_path.iterdir()) == [root]


def test_server_does_not_start_during_a_restore(root: Path) -> None:
    with filled(DataDirectory(root)) as parts:
        put_parts(parts)
        with pytest.raises(DataDirectoryInUse):
            DataDirectory(root).acquire(ME)
    assert content(root) == {FILE, DATABASE}
