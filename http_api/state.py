"""The state of one server, shared by all requests; the app factory builds it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from flask import current_app

if TYPE_CHECKING:
    from http_api.auth.read_auditing import RecordedViews
    from http_api.server.metrics import Metrics
    from http_api.server.versioned_cache import VersionedCache
    from http_api.server.work_limits import WorkLimits
    from job_runner.service import Service
    from storage.accounts.tokens import TokenHolder
    from storage.maintenance.health import WriteProbe

EXTENSION = "jobsvc"


ReportRenderer = Callable[[dict[str, Any]], tuple[str, str]]
"""Renders a report's JSON as a self-contained HTML page with its content security policy."""


@dataclass(frozen=True)
class ServerState:
    """The state that all requests of one server share.

    Parameters
    ----------
    token_holders : VersionedCache of TokenHolder
        Cache of tokens, for one database version.
    recorded_views : RecordedViews
        Recently audited views of rows.
    render_report : ReportRenderer
        Renders a report's JSON as HTML; ``web_ui`` provides it.
    instance_id : str
        Random for each start: database versions count from 0 again.
    """

    service: Service
    metrics: Metrics
    work_limits: WorkLimits
    write_probe: WriteProbe
    token_holders: VersionedCache[TokenHolder]
    recorded_views: RecordedViews
    render_report: ReportRenderer
    instance_id: str = field(default_factory=lambda: secrets.token_hex(8))


def state() -> ServerState:
    """Return the state of the server that answers this request."""
    return cast(ServerState, current_app.extensions[EXTENSION])
