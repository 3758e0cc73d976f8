"""Temporary folders and the removal of leftovers."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from storage.contents import BUILDING
from storage.maintenance.durable import temporary_folder


def test_temporary_folder_is_deleted_after_errors(tmp_path: Path) -> None:
    with temporary_folder(tmp_path) as folder:
        assert folder.parent == tmp_path
        (folder / "part").write_text("half")
    with suppress(ZeroDivisionError), temporary_folder(tmp_path):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_only_folders_of_killed_processes_are_removed(tmp_path: Path) -> None:
    dead = tmp_path / f"{BUILDING}dead"
    dead.mkdir()
    (dead / "part").write_text("half")
    with temporary_folder(tmp_path) as first, temporary_folder(tmp_path) as second:
        assert sorted(tmp_path.iterdir()) == sorted([first, second])
    assert not list(tmp_path.iterdir())


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["file", "link", "broken link", "pipe"])
def test_files_with_the_name_of_a_folder_are_kept(tmp_path: Path, kind: str) -> None:
    elsewhere, place = tmp_path / "elsewhere", tmp_path / "place"
    elsewhere.mkdir()
    (elsewhere / "theirs").write_text("by its owner")
    place.mkdir()
    stray = place / f"{BUILDING}stray"
    if kind == "file":
        stray.write_text("somebody's")
    elif kind == "pipe":
        os.mkfifo(stray)
    else:
        stray.symlink_to(elsewhere if kind == "link" else tmp_path / "nothing")
    before = stray.lstat()
    with temporary_folder(place) as folder:
        assert sorted(place.iterdir()) == sorted([stray, folder])
    assert stray.lstat() == before
    assert (elsewhere / "theirs").read_text() == "by its owner"


def test_folder_of_another_user_is_kept(tmp_path: Path) -> None:
    theirs = tmp_path / f"{BUILDING}theirs"
    theirs.mkdir()
    if os.geteuid() == 0:
        os.chown(theirs, 12345, 12345)
    else:
        theirs.chmod(0)  # like one that isn't ours to read
    with temporary_folder(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == [theirs]


def test_concurrent_processes_get_their_own_folders(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from storage.maintenance.durable import temporary_folder\n"
        "for _ in range(300):\n"
        "    with temporary_folder(Path(sys.argv[1])) as folder:\n"
        "        (folder / 'part').write_text('whole')\n"
        "        assert (folder / 'part').read_text() == 'whole'"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    builders = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for builder in builders:
        _, errors = builder.communicate(timeout=60)
        assert builder.returncode == 0, errors
    assert not list(tmp_path.iterdir())
