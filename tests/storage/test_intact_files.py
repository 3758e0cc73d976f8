"""Seals of data files: a write breaks the seal, and a correct hash restores it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import threading
from pathlib import Path

import pytest

from storage.versions.data_files import ALWAYS_HASHED_BYTES, IntactFiles, seal

CONTENT = bytes(range(256)) * 16
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sealed file."""
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    with path.open("rb") as file:
        seal(file.fileno(), path, SHA256)
    return path


def problem(path: Path, always_hashed_bytes: int = 0) -> str | None:
    """What a process that never saw the file finds wrong with it."""
    return IntactFiles(always_hashed_bytes).problem(path, SHA256, len(CONTENT))


def change_and_hide(path: Path) -> None:
    """Change the content, and put the time back."""
    modified_ns = path.stat().st_mtime_ns
    path.write_bytes(CONTENT[::-1])
    os.utime(path, ns=(modified_ns, modified_ns))


def test_seal_keeps_the_second_of_the_time(path: Path) -> None:
    before = path.stat().st_mtime_ns
    with path.open("rb") as file:
        seal(file.fileno(), path, "f" * 64)
    assert path.stat().st_mtime_ns // 1_000_000_000 == before // 1_000_000_000
    assert path.stat().st_mtime_ns != before


def test_only_small_sealed_files_are_hashed(path: Path) -> None:
    change_and_hide(path)
    assert problem(path) is None
    assert problem(path, always_hashed_bytes=len(CONTENT)) == (
        "is damaged: its content has changed"
    )
    assert ALWAYS_HASHED_BYTES > 0


def test_written_file_is_hashed(path: Path) -> None:
    path.write_bytes(CONTENT[::-1])
    assert problem(path) == "is damaged: its content has changed"


def test_change_after_the_first_use_is_detected(path: Path) -> None:
    files = IntactFiles(always_hashed_bytes=len(CONTENT))
    assert files.problem(path, SHA256, len(CONTENT)) is None
    change_and_hide(path)
    assert files.problem(path, SHA256, len(CONTENT)) is not None
    path.write_bytes(CONTENT)
    assert files.problem(path, SHA256, len(CONTENT)) is None


def test_copy_without_times_is_hashed_once_and_sealed(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copyfile(path, copy)
    assert problem(copy) is None
    change_and_hide(copy)
    assert problem(copy) is None  # by the seal


def test_seal_survives_an_archive(path: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "archive", "x:") as archive:
        archive.add(path, "file")
    with tarfile.open(tmp_path / "archive") as archive:
        archive.extractall(tmp_path / "again", filter="data")
    change_and_hide(tmp_path / "again" / "file")
    assert problem(tmp_path / "again" / "file") is None


def test_unreadable_file_is_reported(path: Path) -> None:
    assert problem(path.with_name("none")) == "is missing"
    path.with_name("loop").symlink_to("loop")
    assert problem(path.with_name("loop")) == "can't be read (Too many levels of symbolic links)"
    assert problem(path.parent) == "is damaged: its size has changed"


def test_concurrent_checks_have_the_same_result(path: Path) -> None:
    files = IntactFiles(always_hashed_bytes=len(CONTENT))
    for content, expected in ((CONTENT, None), (CONTENT[::-1], "is damaged")):
        path.write_bytes(content)
        found: list[str | None] = []
        asking = [
            threading.Thread(
                target=lambda: found.append(files.problem(path, SHA256, len(CONTENT)))  # noqa: B023
            )
            for _ in range(8)
        ]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        assert len(found) == 8
        for one in found:
            assert one == expected or (expected and one and one.startswith(expected))


def test_files_beyond_the_cache_are_checked_again(tmp_path: Path) -> None:
    files = IntactFiles(max_cached_results=3)
    for number in range(10):
        content = bytes([number]) * 100
        path = tmp_path / f"{number}"
        path.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        for _ in range(2):
            assert files.problem(path, sha256, len(content)) is None
            assert files.problem(path, SHA256, len(content)) is not None
