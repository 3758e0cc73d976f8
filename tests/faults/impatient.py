"""A server that waits for a locked database for a second and a half rather than for thirty."""

from __future__ import annotations

from functools import partialmethod
from pathlib import Path

from storage.sqlite.database import Database
from tests.support.forked_process import run_jobsvc

PATIENCE_S = 1.5


def serve(data_dir: Path) -> None:
    """Serve on a free port."""
    Database.__init__ = partialmethod(  # type: ignore[method-assign, assignment]
        Database.__init__, busy_timeout_s=PATIENCE_S
    )
    run_jobsvc(["serve", "--port", "0", "--data-dir", str(data_dir)])
