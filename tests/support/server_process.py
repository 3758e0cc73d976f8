"""The real server as a process of its own, to be killed and started again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from signal import Signals
from types import TracebackType
from typing import Self

import httpx

from service.settings import ServiceLimits
from storage.maintenance.data_directory import DataDirectory
from tests.support.forked_process import ForkedProcess, run_jobsvc

START_S = 60
LIMITS = {item.name for item in fields(ServiceLimits)}
URL = re.compile(r"jobsvc serves (http://\S+) from")


class ServerProcess:
    """``jobsvc serve`` on a free port, over a data directory.

    Parameters
    ----------
    command : list of str, optional
        What ``jobsvc`` is, if it isn't the module.
    options : sequence of str
        More of the command line.
    forked : bool
        Fork it from a process that has imported the product already: for tests that start many.
    work : callable, optional
        What the forked process does with the data directory, if not just to serve it.
    settings : object
        Settings by their names; limits for a forked process alone.
    """

    url = ""

    def __init__(
        self,
        data_dir: Path,
        *,
        command: list[str] | None = None,
        options: Sequence[str] = (),
        forked: bool = False,
        work: Callable[[Path], None] | None = None,
        **settings: object,
    ) -> None:
        self.data_dir = data_dir
        self.exit_code: int | None = None
        self.output: list[str] = []
        self._clients: list[httpx.Client] = []
        self._listening = threading.Event()
        arguments = ["serve", "--port", "0", "--data-dir", str(data_dir), *options]
        limits = {name: settings.pop(name) for name in LIMITS.intersection(settings)}
        assert forked or not limits, "a variable sets no limit"
        given = {f"JOBSVC_{name.upper()}": str(value) for name, value in settings.items()}
        if forked:
            self._process: ForkedProcess | subprocess.Popen[bytes] = (
                ForkedProcess(work, data_dir, variables=given)
                if work
                else ForkedProcess(run_jobsvc, arguments, limits, variables=given)
            )
            output = self._process.output()
        else:
            output, writing = os.pipe()
            self._process = subprocess.Popen(
                [*(command or [sys.executable, "-m", "jobsvc"]), *arguments],
                env={**os.environ, "PYTHONUNBUFFERED": "1", **given},
                stdout=writing,
                stderr=writing,
                cwd=data_dir.parent,
            )
            os.close(writing)
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, args=(output,), daemon=True)
        self._reader.start()
        if not self._listening.wait(START_S) or not self.url:
            self.kill()
            raise AssertionError(f"the server did not start:\n{''.join(self.output)}")

    def _read(self, output: int) -> None:
        with os.fdopen(output, encoding="utf-8") as lines:
            for line in lines:
                self.output.append(line)
                found = URL.search(line)
                if found:
                    self.url = found[1]
                    self._listening.set()
        self._listening.set()

    def client(self) -> httpx.Client:
        """A client with the operator's token, from the owner's note."""
        owner = DataDirectory(self.data_dir).owner()
        assert owner is not None
        headers = {"Authorization": f"Bearer {owner.token}"}
        # No TLS here: without verify=False each client would load the certificate authorities.
        client = httpx.Client(base_url=self.url, headers=headers, timeout=60, verify=False)
        self._clients.append(client)
        return client

    def wait_for(self, text: str) -> list[str]:
        """The output so far, once it holds ``text``."""
        end = time.monotonic() + START_S
        while text not in "".join(self.output):
            assert time.monotonic() < end, "".join(self.output)
            time.sleep(0.01)
        return list(self.output)

    def kill(self) -> None:
        """SIGKILL, and wait."""
        self._end(Signals.SIGKILL)

    def signal(self, number: Signals) -> None:
        """Send a signal, and don't wait."""
        os.kill(self.pid, number)

    def terminate(self) -> int:
        """SIGTERM, and wait; returns the exit code."""
        return self._end(Signals.SIGTERM)

    def wait(self) -> int:
        """Wait for its end; returns the exit code."""
        return self._end(None)

    def _end(self, sent: Signals | None) -> int:
        if self.exit_code is None:
            if sent is not None:
                os.kill(self.pid, sent)
            self.exit_code = self._process.wait(START_S)
            self._reader.join(10)
        return self.exit_code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for client in self._clients:
            client.close()
        self.kill()
        if error is not None:
            print(f"the server ended with {self.exit_code}; it wrote:", *self.output[-100:])
