"""Audit entries for reads of rows.

Guarantees that no row is sent before its read is recorded. A user's views of one table with one
token are recorded once an hour, all other reads each time.
"""

from __future__ import annotations

from typing import Any

from application.access import RowSource
from http_api.auth.access import caller
from storage.accounts.audit import MAX_SQL_LENGTH

MAX_COLUMNS_LENGTH = 1000


def audit_view(source: RowSource, what: str = "rows") -> None:
    """Record a view of rows, unless it was recorded within the last hour."""
    caller().audit_view(source, what)


def audit_download(source: RowSource, query: dict[str, Any]) -> None:
    """Record a download of rows."""
    caller().audit_read(
        "rows_downloaded",
        source,
        format=query["format"],
        columns=query["columns"][:MAX_COLUMNS_LENGTH] if "columns" in query else None,
        offset=query["offset"],
        limit=query.get("limit"),
    )


def audit_draw(dataset_id: int, drawn: dict[str, Any]) -> None:
    """Record a draw whose rows are in the response."""
    caller().audit_read(
        "drawn_at_once",
        RowSource(dataset_id, drawn["commit_id"], drawn["table_key"]),
        method=drawn["metadata"]["method"],
        seed=drawn["metadata"]["seed"],
        rows=len(drawn["data"]),
    )


def audit_query(dataset_id: int, sql: str, found: dict[str, Any]) -> None:
    """Record a SQL query whose rows are in the response."""
    with caller().writing() as tx:
        caller().audit(
            tx,
            "queried_at_once",
            dataset_id=dataset_id,
            commit_id=found["commit_id"],
            sql=sql[:MAX_SQL_LENGTH],
            rows=len(found["data"]),
        )
