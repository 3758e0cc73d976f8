"""What the system refuses is one line, whatever it says of the file."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from command_line.failures import one_line_errors
from command_line.output import CommandFailed
from operating_system import lacks_memory


@pytest.mark.parametrize(
    ("error", "output"),
    [
        (OSError(5, "Input/output error", "a.tar"), "Input/output error: a.tar"),
        (OSError(5, "Input/output error", Path("a.tar")), "Input/output error: a.tar"),
        (OSError(5, "Input/output error", os.fsencode("ä.tar")), "Input/output error: ä.tar"),
        (OSError(5, "Input/output error", 7), "Input/output error: 7"),
        (OSError(5, "Input/output error"), "Input/output error"),
        (OSError("cannot read from it"), "cannot read from it"),
        (OSError(), "OSError"),
    ],
    ids=str,
)
def test_a_system_error_is_one_line(error: OSError, output: str) -> None:
    with pytest.raises(CommandFailed) as failed, one_line_errors():
        raise error
    assert failed.value.format_message() == output


@pytest.mark.parametrize("limit_mib", [100, 260, 600])
def test_a_small_address_space_is_one_line(tmp_path: Path, limit_mib: int) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit_mib << 20, limit_mib << 20))

    answer = subprocess.run(
        [sys.executable, "-m", "jobsvc", "serve", "--data-dir", str(tmp_path / "data"), "--port=0"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
        timeout=120,
    )
    assert answer.returncode not in (0, None)
    assert len(answer.stderr.splitlines()) == 1, answer.stderr
    # OpenBLAS ends the process itself, with a line of its own.
    assert f"limited to {limit_mib} MiB" in answer.stderr or "allocat" in answer.stderr


def test_a_missing_thread_counts_also_behind_a_failed_cleanup() -> None:
    cleanup = RuntimeError("cannot join thread before it is started")
    assert not lacks_memory(cleanup)
    cleanup.__context__ = RuntimeError("can't start new thread")
    assert lacks_memory(cleanup)
