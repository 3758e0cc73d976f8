"""A server whose wall clock can be set while it runs: every reading is shifted.

Shifted are the product's clock and ``time.time``, by which waitress would close idle connections;
the monotonic clock goes on as it does on a machine whose clock is set.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from storage.sqlite.clock import system_clock
from tests.support.forked_process import run_jobsvc

SHIFT = "shift"
"""The name of the file, next to the data directory, with the shift in seconds."""

PATIENCE_S = 2


def set_clock(data_dir: Path, shift: timedelta) -> None:
    """Set a running server's clock off by so much."""
    new = data_dir.with_name("new shift")
    new.write_text(str(shift.total_seconds()))
    new.replace(data_dir.with_name(SHIFT))


def serve(data_dir: Path, **limits: Any) -> None:
    """Serve on a free port by the shifted clock."""
    true_time = time.time

    def shift_s() -> float:
        try:
            return float(data_dir.with_name(SHIFT).read_text())
        except FileNotFoundError:
            return 0.0

    def shifted_clock() -> datetime:
        return system_clock() + timedelta(seconds=shift_s())

    time.time = lambda: true_time() + shift_s()  # type: ignore[assignment]
    arguments = ["serve", "--port", "0", "--data-dir", str(data_dir)]
    run_jobsvc(arguments, limits, clock=shifted_clock)


def serve_with_little_patience(data_dir: Path) -> None:
    """Close connections that are idle for longer than :data:`PATIENCE_S`."""
    serve(data_dir, idle_s=PATIENCE_S)
