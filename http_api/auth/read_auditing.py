"""Which reads of rows the audit trail tells of.

Every download, draw at once and query at once is told. Pages, reserves and values of columns are
told once an hour for each user, token and table: an interface that pages through a table is one
reader, and a thousand entries would hide the others. Invariant: no row leaves before its read is
written down.
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
from storage.accounts.audit import MAX_SQL_LENGTH

TOLD_AGAIN_AFTER_S = 3600
MAX_KEPT = 4_000
MAX_COLUMNS_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class RowSource:
    """Whose rows are read: a commit's table, and the job that made it where one is asked for."""

    dataset_id: int
    commit_id: str
    table_key: str
    job_id: str | None = None


class SeenViews:
    """What was told within the last hour; kept in memory, so a restart tells it again."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._told: OrderedDict[Hashable, float] = OrderedDict()

    def is_known(self, key: Hashable) -> bool:
        """Whether this view was told within the hour."""
        with self._lock:
            told = self._told.get(key)
        return told is not None and self._monotonic() - told < TOLD_AGAIN_AFTER_S

    def keep(self, key: Hashable) -> None:
        """Note that this view was told now; the oldest are forgotten first."""
        with self._lock:
            self._told.pop(key, None)
            self._told[key] = self._monotonic()
            while len(self._told) > MAX_KEPT:
                self._told.popitem(last=False)


def tell_view(source: RowSource, what: str = "rows") -> None:
    """Tell of a view of rows, unless it was told within the hour."""
    seen = state().seen_views
    key = (holder().user.id, holder().token_id, source, what)
    if seen.is_known(key):
        return
    with writing() as tx:
        audit(
            tx,
            "rows_viewed",
            dataset_id=source.dataset_id,
            about=("table", source.table_key),
            commit_id=source.commit_id,
            job_id=source.job_id,
            what=what,
        )
    seen.keep(key)


def tell_download(source: RowSource, query: dict[str, Any]) -> None:
    """Tell of a file with rows."""
    with writing() as tx:
        audit(
            tx,
            "rows_downloaded",
            dataset_id=source.dataset_id,
            about=("table", source.table_key),
            commit_id=source.commit_id,
            job_id=source.job_id,
            format=query["format"],
            columns=query["columns"][:MAX_COLUMNS_LENGTH] if "columns" in query else None,
            offset=query["offset"],
            limit=query.get("limit"),
        )


def tell_draw_at_once(dataset_id: int, drawn: dict[str, Any]) -> None:
    """Tell of rows that were drawn and sent at once."""
    with writing() as tx:
        audit(
            tx,
            "drawn_at_once",
            dataset_id=dataset_id,
            about=("table", drawn["table_key"]),
            commit_id=drawn["commit_id"],
            method=drawn["metadata"]["method"],
            seed=drawn["metadata"]["seed"],
            rows=len(drawn["data"]),
        )


def tell_query_at_once(dataset_id: int, sql: str, found: dict[str, Any]) -> None:
    """Tell of a query whose rows were sent at once."""
    with writing() as tx:
        audit(
            tx,
            "queried_at_once",
            dataset_id=dataset_id,
            commit_id=found["commit_id"],
            sql=sql[:MAX_SQL_LENGTH],
            rows=len(found["data"]),
        )
