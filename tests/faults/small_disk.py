"""A small disk that can be filled, in whatever way the machine allows.

Root mounts one. Where nobody may, as in a container, ``/dev/shm`` is a small disk already. Anyone
else gets a namespace in which they are root: there the module's tests run once more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

SIZE_BYTES = 48 * 1024**2
SHARED = Path("/dev/shm")
MAX_SHARED_BYTES = 256 * 1024**2


class NoSmallDisk(Exception):
    """This process may not have one; a process in a namespace of its own may."""


@dataclass(frozen=True)
class SmallDisk:
    """A directory on a file system of its own."""

    root: Path

    @property
    def _ballast(self) -> Path:
        return self.root / "ballast"

    def free_bytes(self) -> int:
        """What an ordinary file can still take."""
        room = os.statvfs(self.root)
        return room.f_bavail * room.f_frsize

    def fill(self, leave_bytes: int = 0) -> None:
        """Take all room but so much, also while others write."""
        self.make_room()
        with self._ballast.open("wb") as file:
            while (spare_bytes := self.free_bytes() - leave_bytes) > 0:
                with suppress(OSError):  # somebody was faster
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), spare_bytes)

    def make_room(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(place: Path) -> Iterator[SmallDisk]:
    """A small disk, gone afterwards.

    Raises
    ------
    NoSmallDisk
        Mounting isn't possible, and there is no small disk.
    """
    mounted = place / "disk"
    mounted.mkdir()
    options = f"size={SIZE_BYTES}"
    mount = ["mount", "-t", "tmpfs", "-o", options, "jobsvc-tests", str(mounted)]
    if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        try:
            yield SmallDisk(mounted)
        finally:
            subprocess.run(["umount", "--lazy", str(mounted)], check=True)
        return
    if not SHARED.is_dir() or shutil.disk_usage(SHARED).total > MAX_SHARED_BYTES:
        raise NoSmallDisk
    shared = Path(mkdtemp(prefix="jobsvc-tests-", dir=SHARED))
    try:
        yield SmallDisk(shared)
    finally:
        shutil.rmtree(shared)


def run_in_a_namespace(module: str) -> bool:
    """Run a module's tests as the root of a new namespace, who may mount.

    False where the system allows nobody a namespace.
    """
    command = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
        return False
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", module]
    done = subprocess.run([*command, *tests], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout, done.stdout
    return True
