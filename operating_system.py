"""Differences between operating systems: locks, syncs, limits of processes, signals.

Linux is the reference: each function does there what its first sentence says. Differences of macOS
and Windows are named. Modules that only some systems have are loaded here alone, when needed.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

IS_WINDOWS = sys.platform == "win32"
Identity = tuple[int, int]
"""The device and the inode of a file or folder."""
LOCK_NAME = ".jobsvc-lock"
"""The file that is locked in place of a folder on Windows."""


def limit_blas_threads() -> None:
    """Let numpy and scipy use one thread for linear algebra; call it before they are loaded.

    The matrices are small: OpenBLAS's other threads only spin, on a busy machine for longer than
    the work takes. A result doesn't depend on the number of cores either. An administrator's own
    OPENBLAS_NUM_THREADS stays.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def memory_limit_bytes() -> int | None:
    """Return the limit of this process's address space (``ulimit -v``); None if it has none."""
    if sys.platform == "win32":
        return None
    else:  # noqa: RET505 - mypy reads only one branch
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        return None if limit == resource.RLIM_INFINITY else limit


_NO_MEMORY_SIGNS = ("can't start new thread", "failed to map segment", "Cannot allocate memory")


def lacks_memory(error: BaseException | None) -> bool:
    """Whether the system gave no memory or no thread, here or in an error that was handled."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        if (
            isinstance(error, MemoryError)
            or type(error).__name__ == "OutOfMemoryException"  # DuckDB's, which may not load
            or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
            or any(sign in str(error) for sign in _NO_MEMORY_SIGNS)
        ):
            return True
        seen.append(error)
        error = error.__cause__ or error.__context__
    return False


def lock_file(path: Path, *, shared: bool = False, wait: bool = False) -> int:
    """Lock a file, which is created if needed; closing the returned descriptor unlocks it.

    On Windows every lock is exclusive.

    Raises
    ------
    BlockingIOError
        Another process holds the lock, and ``wait`` is false.
    """
    if sys.platform == "win32":
        return _lock_on_windows(path, wait=wait)
    else:  # noqa: RET505 - mypy reads only one branch
        return _lock(path, os.O_RDONLY | os.O_CREAT, shared=shared, wait=wait)


def lock_folder(path: Path) -> int:
    """Lock a folder; closing the returned descriptor unlocks it.

    On Windows the lock is one of a file in the folder.

    Raises
    ------
    BlockingIOError
        Another process holds the lock.
    NotADirectoryError, FileNotFoundError
        It isn't a folder.
    """
    if sys.platform == "win32":
        if not path.is_dir():
            raise NotADirectoryError(path)
        return _lock_on_windows(path / LOCK_NAME, wait=False)
    else:  # noqa: RET505 - mypy reads only one branch
        # Without O_NONBLOCK, opening a pipe of that name would block.
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK
        return _lock(path, flags, shared=False, wait=False)


if sys.platform == "win32":
    import msvcrt

    RETRY_S = 0.1

    def _lock_on_windows(path: Path, *, wait: bool) -> int:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOINHERIT | os.O_BINARY)
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except OSError:
                if not wait:
                    os.close(descriptor)
                    raise BlockingIOError from None
                time.sleep(RETRY_S)
            else:
                return descriptor

else:

    def _lock(path: Path, flags: int, *, shared: bool, wait: bool) -> int:
        import fcntl

        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def is_own(descriptor: int) -> bool:
    """Whether an open file belongs to this process's user; always on Windows."""
    if sys.platform == "win32":
        return True
    return os.fstat(descriptor).st_uid == os.geteuid()


def sync_file(path: Path) -> None:
    """Sync a file's content to disk."""
    # Windows syncs only what is open for writing, and a stored file is read-only.
    if sys.platform == "win32" and not os.access(path, os.W_OK):
        return
    _sync(path, os.O_RDWR if IS_WINDOWS else os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Sync a folder's names to disk; Windows makes them durable itself."""
    if not IS_WINDOWS:
        _sync(path, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_content(descriptor: int) -> None:
    """Sync an open file's data without its times; with them on macOS and Windows."""
    if sys.platform == "linux":
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


def set_modified(descriptor: int, path: Path, accessed_ns: int, modified_ns: int) -> None:
    """Set the times of an open file; on Windows by its path."""
    target = path if IS_WINDOWS else descriptor
    os.utime(target, ns=(accessed_ns, modified_ns))


def replace_with_same(written: Path, final: Path) -> None:
    """Rename a finished file to its final name, which may exist with the same content.

    Windows refuses to replace a file that somebody reads, so there the existing one stays.
    """
    if IS_WINDOWS and final.exists():
        written.unlink()
    else:
        written.replace(final)


def remove(path: Path) -> bool:
    """Remove a file; False if it must stay, since Windows doesn't remove a file that is read."""
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        if not IS_WINDOWS:
            raise
        return False
    return True


if sys.platform == "win32":
    _position_lock = threading.Lock()

    def read_at(descriptor: int, size_bytes: int, start: int) -> bytes:
        """Read bytes of an open file; its position stays."""
        with _position_lock:
            position = os.lseek(descriptor, 0, os.SEEK_CUR)
            os.lseek(descriptor, start, os.SEEK_SET)
            try:
                return os.read(descriptor, size_bytes)
            finally:
                os.lseek(descriptor, position, os.SEEK_SET)

    def open_below(folder: Path, names: Sequence[str]) -> int:
        """Open a file below a folder, which may be a link; links below it are refused.

        Raises
        ------
        OSError
            It doesn't exist, isn't a file, or can't be read.
        """
        return os.open(_path_below(folder, names), os.O_RDONLY | os.O_BINARY | os.O_NOINHERIT)

    def open_in(folder: int, name: str) -> int:
        """Windows opens files by their paths only."""
        raise OSError(errno.ENOTSUP, "no folder is open", name)

    def entries_below(folder: Path, names: Sequence[str]) -> Iterator[os.DirEntry[str]]:
        """Yield the entries of a folder below a folder; links below it are refused.

        Raises
        ------
        OSError
            It doesn't exist, isn't a folder, or can't be read.
        """
        with os.scandir(_path_below(folder, names)) as entries:
            yield from entries

    def _path_below(folder: Path, names: Sequence[str]) -> Path:
        path = folder
        for name in names:
            path /= name
            if path.lstat().st_file_attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT:
                raise OSError(errno.ELOOP, "is a link", str(path))
        return path

else:

    def read_at(descriptor: int, size_bytes: int, start: int) -> bytes:
        """Read bytes of an open file; its position stays."""
        return os.pread(descriptor, size_bytes, start)

    def open_below(folder: Path, names: Sequence[str]) -> int:
        """Open a file or folder below a folder, which may be a link; links below it are refused.

        Raises
        ------
        OSError
            It doesn't exist, or can't be read.
        """
        # Without O_NONBLOCK, opening a pipe would block.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(folder, flags)
        for name in names:
            parent = descriptor
            try:
                descriptor = os.open(name, flags | os.O_NOFOLLOW, dir_fd=parent)
            finally:
                os.close(parent)
        return descriptor

    def open_in(folder: int, name: str) -> int:
        """Open a file of an open folder; a link is refused.

        Raises
        ------
        OSError
            It doesn't exist, or can't be read.
        """
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
        return os.open(name, flags, dir_fd=folder)

    def entries_below(folder: Path, names: Sequence[str]) -> Iterator[os.DirEntry[str]]:
        """Yield the entries of a folder below a folder; links below it are refused.

        Raises
        ------
        OSError
            It doesn't exist, isn't a folder, or can't be read.
        """
        descriptor = open_below(folder, names)
        try:
            with os.scandir(descriptor) as entries:
                yield from entries
        finally:
            os.close(descriptor)


def real_path(descriptor: int, path: Path) -> Path:
    """The path of an open file or folder without links; outside Linux that of ``path``."""
    if sys.platform == "linux":
        return Path(f"/proc/self/fd/{descriptor}").readlink()
    return path.resolve()


class PrivateFolder:
    """A folder of which nothing may be read, by whatever link or mount it is reached; thread-safe.

    A path is in it by its name, or if the path or a folder above it is the folder or something
    directly in it, by device and inode: so mounts of the folder and of its own folders are
    recognized, and hard links of its own files.

    Parameters
    ----------
    refresh_s : float
        How long the list of what is in the folder is used at most; it is read again as soon as a
        name in the folder was added or removed.
    """

    def __init__(self, path: Path, refresh_s: float = 1.0) -> None:
        self.path = path
        self._refresh_s = refresh_s
        self._inside: tuple[object, float, str, frozenset[Identity]] | None = None

    def contains(self, path: Path, *, is_real: bool = False) -> bool:
        """Whether a path is the folder or lies in it; ``is_real`` if it goes through no link."""
        real = str(path if is_real else path.resolve())
        name, inside = self._known()
        if real == name or real.startswith(name.rstrip(os.sep) + os.sep):
            return True
        return any(_identity(each) in inside for each in (path, *path.parents))

    def has(self, descriptor: int) -> bool:
        """Whether an open file is the folder, or one directly in it."""
        status = os.fstat(descriptor)
        return (status.st_dev, status.st_ino) in self._known()[1]

    def _known(self) -> tuple[str, frozenset[Identity]]:
        """The path without links, and the identities of the folder and of what is in it."""
        try:
            status = self.path.stat()
        except OSError:
            return str(self.path.resolve()), frozenset()
        version = (status.st_dev, status.st_ino, status.st_mtime_ns)
        known, now = self._inside, time.monotonic()
        if known is None or known[0] != version or now - known[1] > self._refresh_s:
            identities: set[Identity | None] = {(status.st_dev, status.st_ino)}
            with suppress(OSError):
                identities |= {_identity(each) for each in self.path.iterdir()}
            inside = frozenset(each for each in identities if each is not None)
            known = self._inside = version, now, str(self.path.resolve()), inside
        return known[2], known[3]


def _identity(path: Path) -> Identity | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def stop_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that stop a server; one of them comes from a closed terminal."""
    if sys.platform == "win32":
        return signal.SIGTERM, signal.SIGINT, signal.SIGBREAK
    return signal.SIGTERM, signal.SIGINT, signal.SIGHUP


MAX_OPEN_FILES_ON_WINDOWS = 512
"""The number of connections that ``select``, with which the server waits, takes on Windows."""


def raise_open_files(wanted: int) -> int:
    """Raise this process's limit of open files if it is lower; return how many it may open."""
    if sys.platform == "win32":
        return min(wanted, MAX_OPEN_FILES_ON_WINDOWS)
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    possible = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < possible:
        resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
    return possible


def lower_thread_priority(niceness: int) -> None:
    """Lower the priority of this thread, where threads have one of their own: on Linux."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


def child_options(environment: Mapping[str, str], descriptors: Sequence[int]) -> dict[str, Any]:
    """Return the options of ``Popen`` for a child that Ctrl-C doesn't reach.

    The child keeps the given open files. Windows has no such thing.
    """
    if sys.platform == "win32":
        if descriptors:
            raise OSError("Windows passes no open files to a process")
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        root = {"SYSTEMROOT": os.environ["SYSTEMROOT"]}  # without which no socket opens
        return {"env": {**root, **environment}, "creationflags": flags}
    return {
        "env": dict(environment),
        "cwd": "/",
        "start_new_session": True,
        "pass_fds": descriptors,
    }


KILL_DELAY_S = 5
"""Time between the signal of the limit of processor time, by which the parent knows the cause, and
the end of the process."""
CPU_EXIT_CODE = 152
"""How a process ends on Windows that exceeds its processor time; elsewhere a signal ends it."""
CHECK_S = 0.5


def limit_this_process(memory_bytes: int, cpu_s: int | None, niceness: int) -> None:
    """Limit the memory and the processor time of this process, and lower its priority.

    Limits are only lowered. Windows has no limit of memory for a running process, so DuckDB's own
    is the only one there; a thread ends the process that exceeds its processor time.
    """
    if sys.platform == "win32":
        if cpu_s is not None:
            threading.Thread(target=_end_after, args=(cpu_s,), daemon=True).start()
        return
    import resource

    def lower(limit: int, soft: int, hard: int) -> None:
        _, allowed = resource.getrlimit(limit)
        if allowed != resource.RLIM_INFINITY:
            hard = min(hard, allowed)
        resource.setrlimit(limit, (min(soft, hard), hard))

    lower(resource.RLIMIT_DATA, memory_bytes, memory_bytes)
    lower(resource.RLIMIT_CORE, 0, 0)
    if cpu_s is not None:
        lower(resource.RLIMIT_CPU, cpu_s, cpu_s + KILL_DELAY_S)
    os.nice(niceness)


def _end_after(cpu_s: int) -> None:
    while time.process_time() < cpu_s:
        time.sleep(CHECK_S)
    os._exit(CPU_EXIT_CODE)


def ended_by_cpu_limit(returncode: int) -> bool:
    """Whether a child's exit code says that it exceeded its processor time."""
    if sys.platform == "win32":
        return returncode == CPU_EXIT_CODE
    return returncode == -signal.SIGXCPU


def ended_by_memory_limit(returncode: int) -> bool:
    """Whether a child's exit code says that an allocation failed; never on Windows."""
    if sys.platform == "win32":
        return False
    return returncode in (-signal.SIGKILL, -signal.SIGABRT)


M_ARENA_MAX = -8  # of glibc's malloc.h
ALLOCATOR_SETTINGS = ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")
"""Environment variables by which an administrator limits the arenas of glibc's allocator."""


def limit_arenas() -> bool:
    """Allow one arena a core, at least two; False where no limit can be set (see mallopt(3)).

    Each arena of glibc's allocator retains the memory that its threads freed, and glibc makes up to
    eight arenas a core: a server's threads would hold many times the memory of the largest query.
    """
    if any(name in os.environ for name in ALLOCATOR_SETTINGS):
        return False
    import ctypes  # only servers limit arenas

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_ARENA_MAX, max(os.cpu_count() or 1, 2)))
