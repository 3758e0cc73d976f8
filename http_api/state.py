"""The state of one server, shared by all requests; the app factory builds it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, cast

from flask import Response, current_app

from lazy_dataclasses import dataclass
from service.service import LruCache
from service.tables.reports import JobReport

if TYPE_CHECKING:
    from application.access import Access
    from http_api.server.metrics import Metrics
    from storage.maintenance.health import WriteProbe

EXTENSION = "jobsvc"
MAX_BODY_BYTES = 100_000
"""The largest body in memory: a list of 100 jobs takes about half of it."""


ReportRenderer = Callable[[JobReport], tuple[str, str]]
"""Renders a report's JSON as a self-contained HTML page with its content security policy."""


ProblemPage = Callable[[int, str, str], Response | None]
"""Renders an error by its status, code and sentence as a page; None for a problem document."""


@dataclass(frozen=True)
class ServerState:
    """The state that all requests of one server share.

    Parameters
    ----------
    access : Access
        Tokens, work limits and recorded views, which the pages use, too.
    render_report : ReportRenderer
        Renders a report's JSON as HTML; ``web_ui`` provides it.
    problem_page : ProblemPage
        Renders an error of a page; ``web_ui`` provides it.
    instance_id : str
        Random for each start: database versions count from 0 again.
    bodies : LruCache
        Recent bodies of jobs and lists of jobs, by ETag.
    """

    access: Access
    metrics: Metrics
    write_probe: WriteProbe
    render_report: ReportRenderer
    problem_page: ProblemPage
    instance_id: str = field(default_factory=lambda: secrets.token_hex(8))
    bodies: LruCache[str, bytes] = field(
        default_factory=lambda: LruCache(200, fits=lambda body: len(body) <= MAX_BODY_BYTES)
    )


def state() -> ServerState:
    """Return the state of the server that answers this request."""
    return cast(ServerState, current_app.extensions[EXTENSION])
