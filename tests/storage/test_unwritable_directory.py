"""A data directory that can't be written is checked and backed up, or the reason is named."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from storage.accounts.users import add_user
from storage.contents import DATABASE
from storage.errors import CannotOpenDatabase
from storage.maintenance.backup import back_up
from storage.maintenance.checking import check
from storage.maintenance.data_directory import DataDirectory
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database

NOBODY = 65534
"""A user to whom permissions apply, if the tests run as root."""


@contextmanager
def unwritable(root: Path) -> Iterator[None]:
    """Take the permission to write in a directory from this process."""
    is_root = os.geteuid() == 0
    if is_root:
        for path in (root, *root.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    root.chmod(0o500)
    if is_root:
        os.seteuid(NOBODY)
    try:
        with pytest.raises(PermissionError):
            (root / "new").touch()
        yield
    finally:
        if is_root:
            os.seteuid(0)
        root.chmod(0o700)


@pytest.fixture
def root(clock: Clock) -> Iterator[Path]:
    """A directory of a server that was stopped, below folders that anyone may enter."""
    folder = Path(mkdtemp(prefix="jobsvc-"))
    folder.chmod(0o777)
    made = folder / "data"
    made.mkdir(mode=0o700)
    database = Database(made / DATABASE)
    with database.write() as tx:
        add_user(tx, "bg54677", "analyst", None, clock)
    database.close()
    yield made
    shutil.rmtree(folder)


def log_of(root: Path) -> Path:
    return root / f"{DATABASE}-wal"


def ignore(done: float, what: str) -> None:
    pass


@pytest.mark.parametrize("log", ["missing", "empty"])
def test_a_directory_without_changes_in_the_log_is_checked(root: Path, log: str) -> None:
    if log == "empty":
        log_of(root).touch()
    before = sorted(root.iterdir())
    with unwritable(root):
        assert check(DataDirectory(root), ignore).faults == ()
        back_up(DataDirectory(root), root.parent / "backup.tar", ignore)
    assert sorted(root.iterdir()) == before


def test_changes_in_the_log_are_never_left_out(root: Path, clock: Clock) -> None:
    database = Database(root / DATABASE)
    with database.write() as tx:
        add_user(tx, "bg54678", "analyst", None, clock)
    copy = root.with_name("copy")
    copy.mkdir(mode=0o700)
    for path in (root / DATABASE, log_of(root)):
        shutil.copy(path, copy)
    database.close()
    assert log_of(copy).stat().st_size
    with unwritable(copy), pytest.raises(CannotOpenDatabase, match="can't be written"):
        check(DataDirectory(copy), ignore)
    assert check(DataDirectory(copy), ignore).faults == ()
