"""The audit trail: who did what, when, from where and with which token.

An entry is written in the transaction of its action and contains no secret. Triggers prevent
changes and deletions.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import first, page, run

Action = Literal[
    "signed_in",
    "sign_in_failed",
    "signed_out",
    "password_set",
    "password_changed",
    "sign_in_link_made",
    "token_made",
    "token_ended",
    "user_added",
    "user_changed",
    "user_removed",
    "account_linked",
    "permission_given",
    "permission_taken",
    "dataset_made",
    "dataset_changed",
    "dataset_removed",
    "dataset_restored",
    "dataset_purged",
    "ref_made",
    "ref_deleted",
    "ref_restored",
    "ref_purged",
    "import_asked",
    "draw_asked",
    "profile_asked",
    "exploration_asked",
    "job_retried",
    "job_cancelled",
    "drawn_at_once",
    "queried_at_once",
    "rows_downloaded",
    "rows_viewed",
    "values_uploaded",
    "pruned",
    "job_dismissed",
    "dismissal_undone",
    "backup_asked",
    "backup_made",
    "connection_made",
    "connection_changed",
    "connection_deleted",
    "email_set",
    "email_removed",
    "email_tested",
    "email_resent",
    "webhook_made",
    "webhook_deleted",
    "webhook_tested",
    "webhook_resent",
    "webhook_disabled",
    "webhook_enabled",
    "schedule_made",
    "schedule_changed",
    "schedule_deleted",
    "schedule_run",
    "group_made",
    "group_renamed",
    "group_deleted",
    "group_member_added",
    "group_member_removed",
    "findings_entered",
    "row_replaced",
    "findings_reviewed",
    "attributes_chosen",
    "conclusion_entered",
    "signing_key_rotated",
    "plan_registered",
]
ACTIONS: tuple[Action, ...] = get_args(Action)
MAX_SQL_LENGTH = 2000
"""Maximum length of an SQL statement in an entry."""

ObjectType = Literal[
    "user",
    "group",
    "connection",
    "token",
    "ref",
    "job",
    "table",
    "signing_key",
    "plan",
    "webhook",
    "schedule",
]


@dataclass(frozen=True)
class Origin:
    """The source of a request; all None for the service itself or a local command."""

    client_address: str | None = None
    request_id: str | None = None
    token_id: int | None = None
    token_kind: str | None = None
    token_name: str | None = None


THIS_PROCESS = Origin()


@dataclass(frozen=True)
class Entry:
    """One action. ``user_soeid`` is the SOEID at that time; ``details`` depend on the action.

    ``dataset_name`` is the present name; ``output_ref`` is the ref of the job's result.
    """

    id: int
    at: str
    action: str
    user_id: int | None
    user_soeid: str
    dataset_id: int | None
    object_type: str | None
    object_id: str | None
    client_address: str | None
    request_id: str | None
    token_id: int | None
    token_kind: str | None
    token_name: str | None
    details: dict[str, Any]
    dataset_name: str | None
    output_ref: str | None


@dataclass(frozen=True)
class AuditFilters:
    """Filters of a list of entries, joined by AND; None doesn't filter."""

    user_id: int | None = None
    user_soeid: str | None = None
    actions: tuple[str, ...] | None = None
    dataset_id: int | None = None
    object_id: str | None = None
    after: str | None = None
    before: str | None = None


def record(
    tx: Transaction,
    clock: Clock,
    action: Action,
    *,
    user_id: int | None,
    origin: Origin,
    user_soeid: str | None = None,
    dataset_id: int | None = None,
    about: tuple[ObjectType, object] | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Insert an entry.

    Parameters
    ----------
    user_id : int or None
        The acting user; None for the service itself and for a failed sign-in.
    user_soeid : str or None
        By default the current SOEID of ``user_id``.
    about : (object type, id) or None
        The object of the action, in addition to the dataset.
    details : mapping or None
        More facts about the action, as small JSON without secrets.
    """
    kind, identity = about or (None, None)
    run(
        tx,
        "insert_audit_entry",
        at=timestamp(clock()),
        action=action,
        user_id=user_id,
        user_soeid=user_soeid,
        dataset_id=dataset_id,
        object_type=kind,
        object_id=None if identity is None else str(identity),
        **vars(origin),
        details=json.dumps(dict(details or {}), ensure_ascii=False),
    )


def record_of_service(
    tx: Transaction,
    clock: Clock,
    action: Action,
    about: tuple[ObjectType, object],
    details: Mapping[str, Any],
) -> None:
    """Insert an entry of an action of the service itself; see :func:`record`."""
    record(tx, clock, action, user_id=None, origin=THIS_PROCESS, about=about, details=details)


_CONDITIONS = {
    "user_id": "audit_log.user_id = :user_id",
    "user_soeid": "user_soeid = :user_soeid COLLATE NOCASE",
    "actions": "action IN (SELECT value FROM json_each(:actions))",
    "dataset_id": "audit_log.dataset_id = :dataset_id",
    "object_id": "object_id = :object_id",
    "after": "at >= :after",
    "before": "at < :before",
}


def list_entries(
    tx: Transaction, filters: AuditFilters, offset: int, limit: int
) -> tuple[list[Entry], int]:
    """Return a page of the entries that match every filter, newest first, and their total."""
    params = {
        field.name: value
        for field in fields(filters)
        if (value := getattr(filters, field.name)) is not None
    }
    conditions = " AND ".join(_CONDITIONS[name] for name in params)
    where = f"WHERE {conditions}" if conditions else ""
    if filters.actions is not None:
        params["actions"] = json.dumps(filters.actions)
    rows, total = page(tx, "list_audit_entries", offset, limit, {"where": where}, **params)
    return [_entry(row) for row in rows], total


def last_time_of(tx: Transaction, action: Action) -> str | None:
    """Return the time of the newest entry of an action; None if there is none."""
    row = first(tx, "last_audit_entry", action=action)
    return None if row is None else str(row["at"])


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(**{**dict(row), "details": json.loads(row["details"])})
