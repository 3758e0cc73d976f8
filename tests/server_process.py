"""The real server as a process of its own, to be killed and started again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from storage.data_directory import DataDirectory

START_S = 60
URL = re.compile(r"jobsvc serves (http://\S+) from")


class ServerProcess:
    """``jobsvc serve`` on a free port, over a data directory."""

    def __init__(
        self, data_dir: Path, *, command: list[str] | None = None, **variables: object
    ) -> None:
        self.data_dir = data_dir
        given = {f"JOBSVC_{name.upper()}": str(value) for name, value in variables.items()}
        self._process = subprocess.Popen(
            [
                *(command or [sys.executable, "-m", "jobsvc"]),
                "serve",
                "--port",
                "0",
                "--data-dir",
                str(data_dir),
            ],
            env={**os.environ, "PYTHONUNBUFFERED": "1", **given},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=data_dir.parent,
        )
        self.output: list[str] = []
        self._clients: list[httpx.Client] = []
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._listening.wait(START_S) or not self.url:
            self.kill()
            raise AssertionError(f"the server did not start:\n{''.join(self.output)}")

    url = ""

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
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
        client = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {owner.token}"}, timeout=60
        )
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
        self._process.kill()
        self._wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, and don't wait."""
        self._process.send_signal(number)

    def terminate(self) -> int:
        """SIGTERM, and wait; returns the exit code."""
        self._process.send_signal(signal.SIGTERM)
        self._wait()
        return self._process.returncode

    def _wait(self) -> None:
        self._process.wait(60)
        self._reader.join(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

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
        if self._process.poll() is None:
            self.kill()
