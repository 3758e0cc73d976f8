"""A server process that stops or dies at a named point of its own work.

A point lies before or after each durable step: a sync, a link, a rename, a removal, a commit. The
process prints the points' names, and stops at each until it is continued, or dies at one. Only the
standard library and ``Database.write`` are wrapped.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any

import httpx

import composition_root
from storage.maintenance.data_directory import DataDirectory
from storage.sqlite.database import Database, Transaction
from tests.faults.history import Books
from tests.faults.server_state import wait_until_idle
from tests.support.forked_process import run_jobsvc

ROOT = Path(composition_root.__file__).parent
LASTING = ("fsync", "fdatasync", "link", "replace", "rename", "unlink", "remove", "rmdir")
OFTEN = 2
"""How often a point of one function counts; later rounds of a loop are alike."""
TIMED = "attempt._record_progress"
"""Progress is recorded by the clock, so only the first time is a point."""
WRAPPERS = ("authority.write_as", "access.writing")
"""Functions that open a transaction for their callers; a point has the caller's name."""
EACH = "each"
"""Instead of the name of a point to die at: stop at each."""
NO_COMPARISON = {"compare_samples": False}
"""A comparison is a background task that may be dropped at any moment, so it has no points."""


class KillPoints:
    """Prints each point, and stops there if wanted, or dies at one.

    Parameters
    ----------
    fatal : str or None
        The name of the point to die at, or a pattern; ``EACH`` stops the process at each point,
        None just prints the names.
    """

    def __init__(self, fatal: str | None) -> None:
        self._fatal = fatal
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def reach(self, when: str, step: str) -> None:
        """Be at a point."""
        name = f"{when} {step} in {_callers()}"
        with self._lock:
            self._seen[name] += 1
            if self._seen[name] > (1 if TIMED in name else OFTEN):
                return
            name = f"{name}, {self._seen[name]}"
            if self._fatal in (None, EACH):
                write_note(point=name)
                if self._fatal == EACH:
                    # Sent to this thread, so that it stops before it returns from the call.
                    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
            elif fnmatchcase(name, self._fatal):
                os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """Put the points around every lasting step of this process."""
        for step in LASTING:
            setattr(os, step, self._around(step, getattr(os, step)))
        original = Database.write
        points = self

        @contextmanager
        def write(database: Database, **given: Any) -> Iterator[Transaction]:
            with original(database, **given) as tx:
                yield tx
                points.reach("before", "commit")
            points.reach("after", "commit")

        Database.write = write  # type: ignore[method-assign, assignment]

    def _around(self, step: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def pointed(*given: Any, **named: Any) -> Any:
            self.reach("before", step)
            done = original(*given, **named)
            self.reach("after", step)
            return done

        return pointed


def _callers() -> str:
    """The product's two innermost functions on the stack, the caller first."""
    names: list[str] = []
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and len(names) < 2:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / "tests"):
            name = f"{path.stem}.{frame.f_code.co_name}"
            if name not in WRAPPERS:
                names.append(name)
            if names == [TIMED]:
                break
        frame = frame.f_back
    return " > ".join(reversed(names)) or "a library"


def write_note(**note: str) -> None:
    """Write a note that outlives the process."""
    os.write(1, f"note {json.dumps(note)}\n".encode())  # whole, whatever other threads write


def serve(data_dir: Path, fatal: str | None, books: Books) -> None:
    """Serve until the books' requests are answered and their jobs have ended."""
    KillPoints(fatal).install()
    threading.Thread(target=_use, args=(data_dir, books), daemon=True).start()
    run_jobsvc(["serve", "--port", "0", "--data-dir", str(data_dir)], NO_COMPARISON)


def command(fatal: str | None, *arguments: str, **parts: Any) -> None:
    """Run any other command, with other parts of its server."""
    KillPoints(fatal).install()
    run_jobsvc(arguments, **parts)


def _use(data_dir: Path, books: Books) -> None:
    try:
        with _own_client(data_dir) as client:
            for one in books.send_unanswered(client):
                write_note(key=one.key, job_id=one.job_id or "")
            wait_until_idle(client, books.dataset_id)
    except BaseException as error:
        write_note(failure=repr(error))
        raise
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def _own_client(data_dir: Path) -> httpx.Client:
    directory = DataDirectory(data_dir)
    while (owner := directory.owner()) is None or owner.pid != os.getpid() or owner.url is None:
        time.sleep(0.002)
    headers = {"Authorization": f"Bearer {owner.token}"}
    # No TLS here: without verify=False the certificate authorities would be loaded.
    return httpx.Client(base_url=owner.url, headers=headers, timeout=60, verify=False)
