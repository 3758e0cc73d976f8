"""A Spark cluster of one master, two workers and a Connect server, each a process of its own.

Spark comes with the package pyspark, which is installed once for each version in the user's cache.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import platformdirs

VERSIONS = {"4": "4.3.0", "3.5": "3.5.9"}
TOKEN = "a token of the tests"
STARTED_WITHIN_S = 240
PR_SET_PDEATHSIG = 1
HEAP = "640m"
JAVA = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData"}
"""For processes that end before a slower compiler and parallel collectors would pay off."""
UNLIKE_OURS = {
    "spark.sql.session.timeZone": "America/New_York",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.files.ignoreCorruptFiles": "true",
    "spark.sql.files.ignoreMissingFiles": "true",
    "spark.sql.files.maxPartitionBytes": "64k",
    "spark.sql.shuffle.partitions": "3",
}
"""Settings of the server that a draw must not depend on, and many partitions for small files."""


def spark_home(version: str) -> Path:
    """The folder of a Spark distribution, installed if it is missing."""
    cache = Path(platformdirs.user_cache_dir("jobsvc-tests"))
    cache.mkdir(parents=True, exist_ok=True)
    home = cache / f"pyspark-{VERSIONS[version]}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            part = home.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            arguments = ["install", "--quiet", "--no-deps", "--target", str(part)]
            subprocess.run([*_pip(), *arguments, f"pyspark=={VERSIONS[version]}"], check=True)
            part.rename(home)
    return home / "pyspark"


def _pip() -> list[str]:
    found = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True)
    return [sys.executable, "-m", "pip"] if found.returncode == 0 else ["uv", "pip"]


def _end_with_parent() -> None:
    """Let the kernel kill the process if this one is killed before it can."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class SparkCluster:
    """Starts the processes; each is the leader of a process group, which is killed at the end."""

    def __init__(
        self,
        home: Path,
        folder: Path,
        settings: Mapping[str, str] = UNLIKE_OURS,
        java: Mapping[str, str] = JAVA,
    ) -> None:
        self._home, self._folder, self._settings, self._java = home, folder, settings, java
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._master_port, self.port = free_port(), free_port()
        self.remote = f"sc://localhost:{self.port}"
        try:
            self._start("master", "org.apache.spark.deploy.master.Master", "--host", "localhost",
                        "--port", str(self._master_port), "--webui-port", "0")  # fmt: skip
            self._wait_for("master", "Bound MasterWebUI|Starting Spark master")
            for name in ("worker-1", "worker-2"):
                self.start_worker(name)
            self.start_connect()
        except BaseException:
            self.stop()
            raise

    def start_worker(self, name: str) -> None:
        self._start(name, "org.apache.spark.deploy.worker.Worker", "--cores", "1", "--memory", "1g",
                    "--host", "localhost", "--webui-port", "0",
                    "--work-dir", str(self._folder / name),
                    f"spark://localhost:{self._master_port}")  # fmt: skip

    def start_connect(self) -> None:
        """Start the Connect server, and wait until it listens."""
        settings = {
            "spark.executor.memory": HEAP,
            "spark.executor.cores": "1",
            "spark.driver.memory": HEAP,
            "spark.driver.host": "localhost",
            "spark.ui.enabled": "false",
            "spark.connect.grpc.binding.address": "localhost",
            "spark.connect.grpc.binding.port": str(self.port),
            "spark.connect.authenticate.token": TOKEN,
            "spark.connect.progress.reportInterval": "200ms",
            "spark.task.maxFailures": "8",
            **self._settings,
        }
        given = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
        command = [str(self._home / "bin" / "spark-submit"), "--master",
                   f"spark://localhost:{self._master_port}", *given, "--class",
                   "org.apache.spark.sql.connect.service.SparkConnectServer",
                   "spark-internal"]  # fmt: skip
        self._run("connect", command)
        self._wait_for("connect", "Spark Connect server started")

    @property
    def process_ids(self) -> list[int]:
        """The processes that were started; executors are children of the workers."""
        return [process.pid for process in self._processes.values()]

    def kill(self, name: str) -> None:
        """Send SIGKILL to a process and those that it started."""
        process = self._processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text(errors="replace")

    def _start(self, name: str, kind: str, *arguments: str) -> None:
        self._run(name, [str(self._home / "bin" / "spark-class"), kind, *arguments])

    def _run(self, name: str, command: list[str]) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._variables(HEAP if name == "connect" else "256m"),
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    def _variables(self, heap: str) -> Mapping[str, str]:
        return {
            **os.environ,
            **self._java,
            "SPARK_HOME": str(self._home),
            "SPARK_LOCAL_HOSTNAME": "localhost",
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_DIRS": str(self._folder / "local"),
            "SPARK_DAEMON_MEMORY": heap,
        }

    def _wait_for(self, name: str, pattern: str) -> None:
        end = time.monotonic() + STARTED_WITHIN_S
        while not re.search(pattern, self.log(name)):
            if self._processes[name].poll() is not None or time.monotonic() > end:
                raise AssertionError(f"{name} has not started:\n{self.log(name)[-4000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        for name in list(self._processes):
            self.kill(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
