"""Audit entries for reads of rows.

Guarantees that no row is sent before its read is recorded. A user's views of one table with one
token are recorded once an hour, all other reads each time. Used by routes and pages.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from http_api.auth.access import holder, writing
from http_api.auth.auditing import audit
from http_api.state import state
from storage.accounts.audit import MAX_SQL_LENGTH, Action

MAX_COLUMNS_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class RowSource:
    """The table whose rows are read, and the job that made it if the request names a job."""

    dataset_id: int
    commit_id: str
    table_key: str
    job_id: str | None = None


class RecordedViews:
    """Recently audited views, in memory: after a restart each view is recorded again.

    Parameters
    ----------
    monotonic : callable
        The clock, in seconds.
    lifetime_s : float
        A view is recorded again after this time.
    max_views : int
        Beyond this number the oldest view is dropped.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        lifetime_s: float = 3600,
        max_views: int = 4_000,
    ) -> None:
        self._monotonic = monotonic
        self._lifetime_s = lifetime_s
        self._max_views = max_views
        self._lock = threading.Lock()
        self._recorded: OrderedDict[Hashable, float] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        """Whether this view was recorded within the lifetime."""
        with self._lock:
            recorded_at = self._recorded.get(key)
        return recorded_at is not None and self._monotonic() - recorded_at < self._lifetime_s

    def add(self, key: Hashable) -> None:
        """Note that this view is recorded now."""
        with self._lock:
            self._recorded.pop(key, None)
            self._recorded[key] = self._monotonic()
            while len(self._recorded) > self._max_views:
                self._recorded.popitem(last=False)


def audit_view(source: RowSource, what: str = "rows") -> None:
    """Record a view of rows, unless it was recorded within the last hour."""
    views = state().recorded_views
    key = (holder().user.id, holder().token_id, source, what)
    if key not in views:
        _audit_read("rows_viewed", source, what=what)
        views.add(key)


def audit_download(source: RowSource, query: dict[str, Any]) -> None:
    """Record a download of rows."""
    _audit_read(
        "rows_downloaded",
        source,
        format=query["format"],
        columns=query["columns"][:MAX_COLUMNS_LENGTH] if "columns" in query else None,
        offset=query["offset"],
        limit=query.get("limit"),
    )


def audit_draw(dataset_id: int, drawn: dict[str, Any]) -> None:
    """Record a draw whose rows are in the response."""
    _audit_read(
        "drawn_at_once",
        RowSource(dataset_id, drawn["commit_id"], drawn["table_key"]),
        method=drawn["metadata"]["method"],
        seed=drawn["metadata"]["seed"],
        rows=len(drawn["data"]),
    )


def audit_query(dataset_id: int, sql: str, found: dict[str, Any]) -> None:
    """Record a SQL query whose rows are in the response."""
    with writing() as tx:
        audit(
            tx,
            "queried_at_once",
            dataset_id=dataset_id,
            commit_id=found["commit_id"],
            sql=sql[:MAX_SQL_LENGTH],
            rows=len(found["data"]),
        )


def _audit_read(action: Action, source: RowSource, **details: Any) -> None:
    with writing() as tx:
        audit(
            tx,
            action,
            dataset_id=source.dataset_id,
            about=("table", source.table_key),
            commit_id=source.commit_id,
            job_id=source.job_id,
            **details,
        )
