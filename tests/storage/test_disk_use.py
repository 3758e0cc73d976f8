"""Disk use of the data directory, and checks for a full disk."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.errors import NotWritable
from storage.maintenance.data_directory import DataDirectory, Owner
from storage.maintenance.disk_use import DiskUseMeter
from storage.maintenance.health import DiskFull, WriteProbe, check_room, check_writable
from storage.sqlite.database import Database
from storage.sqlite.schema import migrate


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[DataDirectory]:
    made = DataDirectory(tmp_path / "data")
    made.acquire(Owner(1, "tests", "now"))
    yield made
    made.release()


def test_each_part_has_the_bytes_of_its_files(directory: DataDirectory) -> None:
    (directory.files_dir / "ab").mkdir()
    (directory.files_dir / "ab" / "ab1.parquet").write_bytes(b"x" * 1000)
    (directory.files_dir / "cd1.parquet").write_bytes(b"x" * 10)
    (directory.uploads_dir / "job-1").write_bytes(b"x" * 300)
    (directory.scratch_dir / "link").symlink_to(directory.files_dir)
    directory.database_path.write_bytes(b"x" * 40)
    use = DiskUseMeter(directory).measure()
    link_bytes = (directory.scratch_dir / "link").lstat().st_size
    assert use.part_bytes == {
        "files": 1010,
        "uploads": 300,
        "scratch": link_bytes,
        "spill": 0,
        "counts": 0,
    }
    assert use.sqlite_bytes == {"database": 40, "wal": 0}
    assert 0 < use.free_bytes <= use.disk_bytes


def test_data_file_sizes_are_cached(
    directory: DataDirectory,
) -> None:
    now = [0.0]
    meter = DiskUseMeter(directory, lambda: now[0], cache_s=7.0)
    assert meter.measure().part_bytes["files"] == 0
    (directory.files_dir / "ab1.parquet").write_bytes(b"x" * 10)
    (directory.uploads_dir / "job-1").write_bytes(b"x" * 20)
    parts = meter.measure().part_bytes
    assert (parts["files"], parts["uploads"]) == (0, 20)
    now[0] = 7.0
    assert meter.measure().part_bytes["files"] == 10


def test_slow_sums_are_cached_longer(directory: DataDirectory) -> None:
    times = iter([0.0, 10.0, 499.0, 500.0, 500.0])  # the first sum took 10 seconds
    meter = DiskUseMeter(directory, lambda: next(times))
    meter.measure()
    (directory.files_dir / "ab1.parquet").write_bytes(b"x" * 10)
    assert meter.measure().part_bytes["files"] == 0
    assert meter.measure().part_bytes["files"] == 10


def test_part_deleted_meanwhile_counts_zero(directory: DataDirectory) -> None:
    directory.counts_dir.rmdir()
    assert DiskUseMeter(directory).measure().part_bytes["counts"] == 0


def test_too_little_disk_space_is_refused(directory: DataDirectory) -> None:
    check_room(directory, 0)
    check_room(directory, 1)
    with pytest.raises(DiskFull, match="1,000,000,000 MiB must stay free"):
        check_room(directory, 10**9)
    needed = "and the import needs 1,099,511,627,777 MiB; 0 MiB"
    with pytest.raises(DiskFull, match=needed):
        check_room(directory, 0, coming_bytes=2**60 + 1)


def test_unwritable_database_is_reported(tmp_path: Path) -> None:
    database = Database(tmp_path / "jobsvc.sqlite3", busy_timeout_s=0.01)
    check_writable(database)
    other = sqlite3.connect(tmp_path / "jobsvc.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(NotWritable, match="locked"):
        check_writable(database)
    other.execute("ROLLBACK")
    check_writable(database)
    migrate(other)  # the check left the schema's version as it was
    other.close()
    database.close()


def test_health_checks_share_one_write(
    tmp_path: Path,
) -> None:
    database = Database(tmp_path / "jobsvc.sqlite3", busy_timeout_s=0.01)
    now, versions = [100.0], [database.version]
    probe = WriteProbe(lambda: check_writable(database), lambda: now[0], valid_s=3.0)
    for _ in range(50):
        probe.check()
    versions.append(database.version)
    other = sqlite3.connect(tmp_path / "jobsvc.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    probe.check()
    now[0] += 3.0
    for _ in range(2):
        now[0] += 0.01
        with pytest.raises(NotWritable, match="locked"):
            probe.check()
    other.execute("ROLLBACK")
    now[0] += 0.01
    probe.check()
    assert versions[1] - versions[0] == 2  # twice for each transaction
    other.close()
    database.close()


def test_concurrent_health_checks_share_a_failure() -> None:
    checks, begun, go_on = [], threading.Event(), threading.Event()

    def failing() -> None:
        checks.append(1)
        begun.set()
        assert go_on.wait(30)
        raise NotWritable("The database can't be written: it is locked.")

    ticks = iter(range(10**6))
    second = threading.Event()

    def clock() -> float:
        tick = float(next(ticks))
        if checks:
            second.set()
        return tick

    probe = WriteProbe(failing, clock)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(probe.check)
        assert begun.wait(30)
        late = pool.submit(probe.check)
        assert second.wait(30)
        go_on.set()
        for check in (first, late):
            with pytest.raises(NotWritable, match="locked"):
                check.result()
    assert len(checks) == 1
