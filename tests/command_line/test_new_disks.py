"""A new disk whose ``lost+found`` is not for us to read is worked on like any directory."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Sequence
from pathlib import Path

from storage.contents import LOST_AND_FOUND
from tests.command_line.conftest import Run
from tests.support.forked_process import ForkedProcess, run_jobsvc

OF_THIS_PROCESS = struct.pack("Ii", 0x20080522, 0)  # the header of capset(2), its third version
NONE = bytes(24)


def run_jobsvc_without_privileges(arguments: Sequence[str]) -> None:
    """Be the command of a user, also root's, who may read only what its mode says."""
    assert ctypes.CDLL(None).capset(OF_THIS_PROCESS, NONE) == 0
    run_jobsvc(arguments)


def run_to_its_end(*arguments: str) -> str:
    process = ForkedProcess(run_jobsvc_without_privileges, arguments)
    output = process.written()
    assert process.wait(60) == 0, output
    return output


def put_lost_and_found(folder: Path) -> Path:
    made = folder / LOST_AND_FOUND
    made.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(made, 12345, 12345)
    else:
        made.chmod(0)
    return made


def test_commands_skip_an_unreadable_lost_and_found(run: Run, filled: Path, tmp_path: Path) -> None:
    archive, disk = tmp_path / "backup.tar", tmp_path / "disk"
    run("backup", str(archive))
    disk.mkdir()
    own = [put_lost_and_found(disk)]
    on_it = ("--data-dir", str(disk))
    assert "2 commits and 3 files" in run_to_its_end("restore", str(archive), *on_it)
    run_to_its_end("storage", *on_it)  # a start makes the folders that further disks may be in
    parts = ("files", "uploads", "scratch", "spill", "counts")
    own += [put_lost_and_found(disk / part) for part in parts]
    for folder in own:
        os.utime(folder, (0, 0))  # older than any stray that a prune leaves alone
    assert "data files" in run_to_its_end("storage", *on_it)
    assert "Nothing to remove" in run_to_its_end("prune", "--yes", *on_it)
    assert "0 faults" in run_to_its_end("check", *on_it)
    assert all(folder.is_dir() for folder in own)
