"""The store of data files, the files lock and the owner of a data directory."""

from __future__ import annotations

import hashlib
import stat
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from storage.errors import DataDirectoryInUse, FilesInUse, StaleJob
from storage.maintenance.data_directory import DataDirectory, FilesLock, Owner
from storage.sqlite.database import Database
from storage.versions.data_files import DataFiles, StoredFile

ME = Owner(4242, "jobsvc serve", "2025-07-07T00:00:00+00:00", "http://127.0.0.1:8000")


def test_stored_file_has_its_hash_as_name_and_is_read_only(tmp_path: Path) -> None:
    written = tmp_path / "rows"
    written.write_bytes(b"some rows")
    store = DataFiles(tmp_path / "files")
    (tmp_path / "files").mkdir()
    with store.hold(lambda hashes: set()) as adopt:
        file = adopt(written, 7)
    path = store.path(file.sha256)
    assert file.sha256 == hashlib.sha256(b"some rows").hexdigest()
    assert (file.rows, file.size_bytes) == (7, 9)
    assert path.read_bytes() == b"some rows"
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert not written.exists()


def test_equal_files_are_stored_once_and_sweep_keeps_them(
    tmp_path: Path,
) -> None:
    store = DataFiles(tmp_path / "files")
    (tmp_path / "files").mkdir()
    files = []
    for content in (b"one", b"one", b"two"):
        written = tmp_path / "rows"
        written.write_bytes(content)
        with store.hold(lambda hashes: set()) as adopt:
            files.append(adopt(written, 1))
    assert files[0] == files[1]
    assert store.sweep({files[0].sha256}) == 1
    assert store.path(files[0].sha256).exists()
    assert not store.path(files[2].sha256).exists()


def stored(store: DataFiles, folder: Path, content: bytes) -> StoredFile:
    written = folder / "rows"
    written.write_bytes(content)
    with store.hold(lambda hashes: set()) as adopt:
        return adopt(written, 1)


def test_held_file_is_not_removed_before_the_job_ends(
    tmp_path: Path,
) -> None:
    store = DataFiles(tmp_path / "files")
    (tmp_path / "files").mkdir()
    file = stored(store, tmp_path, b"one")
    with store.hold(lambda hashes: set()) as adopt:
        (tmp_path / "again").write_bytes(b"one")
        assert adopt(tmp_path / "again", 1) == file
        with store.hold(lambda hashes: set()) as other:
            (tmp_path / "again").write_bytes(b"one")
            other(tmp_path / "again", 1)
        assert store.remove_orphans([file.sha256], lambda hashes: set()) == []
        assert store.path(file.sha256).exists()
    assert store.remove_orphans([file.sha256], lambda hashes: {file.sha256}) == []
    assert store.remove_orphans([file.sha256], lambda hashes: set()) == [file.sha256]
    assert not store.path(file.sha256).exists()


def test_failed_block_removes_only_what_it_brought(tmp_path: Path) -> None:
    store = DataFiles(tmp_path / "files")
    (tmp_path / "files").mkdir()
    earlier = stored(store, tmp_path, b"earlier")
    committed: set[str] = set()

    def hold_again(other: str | None, *, fails: bool) -> set[str]:
        """Store three files, another job one of them, and return which are left."""
        with suppress(StaleJob), store.hold(lambda hashes: committed) as adopt:
            for content in (b"earlier", b"new", b"shared"):
                (tmp_path / "again").write_bytes(content)
                adopt(tmp_path / "again", 1)
            if other is not None:
                committed.add(stored(store, tmp_path, other.encode()).sha256)
            if fails:
                raise StaleJob("superseded")
        return {path.stem for path in store.orphans(set())}

    assert hold_again(None, fails=True) == {earlier.sha256}
    assert hold_again("shared", fails=True) == {earlier.sha256, *committed}
    assert len(hold_again(None, fails=False)) == 3
    assert len(hold_again(None, fails=True)) == 3


def test_concurrent_storing_and_removal_keep_files_whole(tmp_path: Path) -> None:
    store = DataFiles(tmp_path / "files")
    (tmp_path / "files").mkdir()
    file = stored(store, tmp_path, b"one")
    over = threading.Event()

    def remove() -> None:
        while not over.is_set():
            store.remove_orphans([file.sha256], lambda hashes: set())

    remover = threading.Thread(target=remove)
    remover.start()
    try:
        for _ in range(200):
            (tmp_path / "again").write_bytes(b"one")
            with store.hold(lambda hashes: set()) as adopt:
                assert adopt(tmp_path / "again", 1) == file
                assert store.path(file.sha256).read_bytes() == b"one"
    finally:
        over.set()
        remover.join(10)


def test_files_are_removed_only_without_readers(tmp_path: Path) -> None:
    here, elsewhere = (FilesLock(tmp_path / "files.lock") for _ in range(2))
    with (
        here.reading(),
        elsewhere.reading(),
        pytest.raises(FilesInUse, match="backup"),
        here.removing(),
    ):
        pass
    with here.removing(), pytest.raises(FilesInUse), elsewhere.removing():
        pass
    with here.removing():
        pass


def test_lock_of_a_killed_process_is_released(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from storage.maintenance.data_directory import FilesLock\n"
        "with FilesLock(Path(sys.argv[1])).reading():\n"
        "    print('reading', flush=True); time.sleep(60)"
    )
    path = tmp_path / "files.lock"
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        with pytest.raises(FilesInUse), FilesLock(path).removing():
            pass
        reader.kill()
    with FilesLock(path).removing():
        pass


def test_second_process_sees_the_owner_of_the_directory(tmp_path: Path) -> None:
    holder = DataDirectory(tmp_path / "data")
    holder.acquire(ME)
    program = (
        "import sys; from pathlib import Path\n"
        "from storage.maintenance.data_directory import DataDirectory, Owner\n"
        "DataDirectory(Path(sys.argv[1])).acquire(Owner(1, 'x', 'now'))"
    )
    second = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "data")],
        capture_output=True,
        text=True,
        check=False,
    )
    holder.release()
    assert second.returncode == 1
    assert "DataDirectoryInUse" in second.stderr
    for part in ("process 4242", "jobsvc serve", "http://127.0.0.1:8000", "--data-dir"):
        assert part in second.stderr


def test_released_directory_can_be_locked_again(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "data")
    directory.acquire(replace(ME, url=None))
    with pytest.raises(DataDirectoryInUse, match="Wait until it has started or ended"):
        DataDirectory(tmp_path / "data").acquire(ME)
    directory.release()
    assert directory.owner() is None
    again = DataDirectory(tmp_path / "data")
    again.acquire(ME)
    again.release()


def test_owner_file_is_private(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "data")
    directory.acquire(ME)
    note = directory.root / "owner.json"
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.root.stat().st_mode) == 0o700
    assert directory.owner() == ME
    directory.release()


def test_locking_clears_scratch_but_not_uploads(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "data")
    directory.acquire(ME)
    Database(directory.database_path).close()
    for place in (directory.scratch_dir, directory.spill_dir, directory.uploads_dir):
        (place / "left").write_text("behind")
    directory.release()
    directory.acquire(ME)
    assert not list(directory.scratch_dir.iterdir())
    assert not list(directory.spill_dir.iterdir())
    directory.sweep_uploads({"left"})
    assert directory.upload_path("left").exists()
    directory.sweep_uploads(set())
    assert not directory.upload_path("left").exists()
    directory.release()
