"""``jobsvc serve --reload`` restarts after a change of the sources."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from command_line import reloading
from tests.command_line.conftest import Run

PROGRAM = """
import sys
from pathlib import Path
from command_line import reloading
reloading.LOOK_S = 0.02
reloading.serve_reloading(sys.argv[2:], Path(sys.argv[1]))
"""


@pytest.mark.parametrize("option", ["--reload", "--debug"])
def test_development_listens_on_loopback_alone(run: Run, option: str, tmp_path: Path) -> None:
    done = run("serve", option, "--host", "0.0.0.0", "--data-dir", str(tmp_path / "data"), code=2)
    assert "listen on 127.0.0.1" in done.output
    assert not (tmp_path / "data").exists()


def test_an_installed_package_has_no_sources(tmp_path: Path) -> None:
    with pytest.raises(reloading.click.UsageError, match="needs the sources"):
        reloading.serve_reloading([], tmp_path)


def test_a_changed_source_restarts_the_server(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").touch()
    source = tmp_path / "source.py"
    source.touch()
    arguments = ["--debug", "--port=0", f"--data-dir={tmp_path / 'data'}"]
    starts, restarts = 0, 0
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, tmp_path, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        text=True,
        start_new_session=True,
    ) as process:
        watchdog = threading.Timer(100, os.killpg, (process.pid, signal.SIGKILL))
        watchdog.start()
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("jobsvc serves"):
                starts += 1
                if starts == 1:
                    os.utime(source, ns=(1, 1))
                else:
                    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            restarts += "the server restarts" in line
        assert process.wait() == 0
        watchdog.cancel()
    assert (starts, restarts) == (2, 1)
