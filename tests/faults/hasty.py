"""A server that gives slow clients up after two seconds rather than after twenty to a hundred."""

from __future__ import annotations

from pathlib import Path

from waitress.adjustments import Adjustments

from http_api.server import request_limits
from tests.forked_process import run_jobsvc

PATIENCE_S = 2.0


def serve(data_dir: Path) -> None:
    """Serve on a free port."""
    request_limits.HEADERS_WITHIN_S = request_limits.BODY_WITHIN_S = PATIENCE_S
    Adjustments.channel_timeout = int(PATIENCE_S)
    run_jobsvc(["serve", "--port", "0", "--data-dir", str(data_dir)])
