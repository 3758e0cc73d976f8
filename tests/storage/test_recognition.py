"""A directory that isn't ours is refused, and nothing in it is changed."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.contents import DATABASE, LOST_AND_FOUND
from storage.errors import (
    DamagedDatabase,
    ForeignDirectory,
    NoDataDirectory,
)
from storage.maintenance.data_directory import DataDirectory, Owner
from storage.sqlite.database import Database

ME = Owner(4242, "jobsvc serve", "2025-07-07T00:00:00+00:00")
FOLDERS = ("files", "uploads", "scratch", "spill", "counts")


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else b""
        for path in root.rglob("*")
    }


def refused(root: Path, kind: type[Exception], part: str, *, create: bool = True) -> None:
    before = contents(root)
    with pytest.raises(kind, match=part):
        DataDirectory(root).acquire(ME, create=create)
    assert contents(root) == before


@pytest.mark.parametrize(
    "path",
    [
        *(f"{folder}/theirs.txt" for folder in FOLDERS),
        "files/ab/theirs.txt",
        "scratch/deep/theirs.txt",
        "counts/theirs.part",
        "theirs.txt",
        ".hidden",
        "owner.json.d/theirs",
        "uploads.txt",
    ],
)
def test_a_directory_of_others_is_left_as_it_is(tmp_path: Path, path: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("somebody's")
    refused(tmp_path, ForeignDirectory, "holds .*no database of jobsvc")


def test_a_file_with_the_name_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "uploads").write_text("somebody's")
    refused(tmp_path, ForeignDirectory, "'uploads'")


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        connection.execute("CREATE TABLE jobs (id)")
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "theirs").write_text("somebody's")
    refused(tmp_path, ForeignDirectory, "another program")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_text("no database at all")
    (tmp_path / "spill").mkdir()
    (tmp_path / "spill" / "theirs").write_text("somebody's")
    refused(tmp_path, DamagedDatabase, "damaged")


def test_finding_a_database_of_ours_writes_no_file(tmp_path: Path) -> None:
    Database(tmp_path / DATABASE).close()
    directory = DataDirectory(tmp_path)
    directory.acquire(ME)
    directory.release()
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [DATABASE]


def test_tables_that_are_in_the_log_alone_are_found(tmp_path: Path) -> None:
    database = Database(tmp_path / DATABASE)
    shutil.copytree(tmp_path, tmp_path / "killed")  # as a kill leaves it: nothing is checkpointed
    database.close()
    directory = DataDirectory(tmp_path / "killed")
    directory.acquire(ME, create=False)
    directory.release()


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("ours", [True, False])
def test_a_link_in_place_of_a_folder_is_refused(tmp_path: Path, folder: str, ours: bool) -> None:
    elsewhere, root = tmp_path / "elsewhere", tmp_path / "data"
    elsewhere.mkdir()
    root.mkdir()
    (elsewhere / "theirs.part").write_text("somebody's")
    if ours:
        Database(root / DATABASE).close()
    (root / folder).symlink_to(elsewhere)
    refused(root, ForeignDirectory, "symbolic link")
    assert (elsewhere / "theirs.part").read_text() == "somebody's"


def test_only_a_creating_command_makes_a_directory(tmp_path: Path) -> None:
    missing, empty = tmp_path / "missing", tmp_path / "empty"
    empty.mkdir()
    for root in (missing, empty):
        with pytest.raises(NoDataDirectory, match="No data directory at"):
            DataDirectory(root).acquire(ME, create=False)
    assert not missing.exists()
    assert not list(empty.iterdir())
    for root in (missing, empty):
        directory = DataDirectory(root)
        directory.acquire(ME)
        Database(directory.database_path).close()
        directory.release()
        directory.acquire(ME, create=False)
        directory.release()


def test_a_first_start_that_was_killed_is_begun_again(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    (tmp_path / LOST_AND_FOUND).mkdir()
    directory.acquire(ME)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    directory.release()
    directory.write_owner(ME)  # as when the process dies: the note and the folders stay
    directory.acquire(ME)
    directory.release()
