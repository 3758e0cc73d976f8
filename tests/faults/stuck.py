"""A server whose imports never end and never ask whether they should, and that waits little."""

from __future__ import annotations

import threading
from pathlib import Path

from job_runner.attempt import JobContext
from job_runner.handlers import HANDLERS
from storage.jobs.kinds import IMPORT
from storage.jobs.publishing import Outcome
from tests.support.forked_process import run_jobsvc

ENDS_WITHIN_S = 2.0


def serve(data_dir: Path) -> None:
    """Serve on a free port."""
    handlers = {**HANDLERS, IMPORT: _never_end}
    arguments = ["serve", "--port", "0", "--data-dir", str(data_dir)]
    run_jobsvc(arguments, extra_stop_s=ENDS_WITHIN_S, handlers=handlers)


def _never_end(_: JobContext) -> Outcome:
    threading.Event().wait()
    raise AssertionError
