"""The audit trail: who did what, when, from where and with which token.

An entry is written in the transaction of its action and contains no secret. Triggers prevent
changes and deletions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from contract.answers import Hidden
from contract.declarations import Help
from contract.requests.administration import EntriesRequest
from contract.words import Action
from lazy_dataclasses import dataclass
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, chosen_filters, first, json_text, run

MAX_SQL_LENGTH = 2000
"""Maximum length of an SQL statement in an entry."""

ObjectType = Literal[
    "user",
    "group",
    "invitation",
    "connection",
    "token",
    "ref",
    "job",
    "table",
    "signing_key",
    "plan",
    "webhook",
    "schedule",
    "panel",
    "engagement",
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
    user_soeid: Annotated[str, Help("At the time of the entry.")]
    dataset_id: int | None
    object_type: str | None
    object_id: str | None
    client_address: str | None
    request_id: str | None
    token_id: int | None
    token_kind: str | None
    token_name: str | None
    details: dict[str, Any]
    dataset_name: Annotated[str | None, Help("Its present name.")]
    output_ref: Hidden[str | None]


_ENTRIES = Records(Entry, details=json.loads)


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
        details=json_text(dict(details or {})),
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
    "action": "action IN (SELECT value FROM json_each(:action))",
    "dataset_id": "audit_log.dataset_id = :dataset_id",
    "object_id": "object_id = :object_id",
    "created_after": "at >= :created_after",
    "created_before": "at < :created_before",
}


def list_entries(
    tx: Transaction, filters: EntriesRequest, offset: int, limit: int
) -> tuple[list[Entry], int]:
    """Return a page of the entries that match every filter, newest first, and their total."""
    params = {k: value for k, value in chosen_filters(filters).items() if k in _CONDITIONS}
    conditions = " AND ".join(_CONDITIONS[name] for name in params)
    where = f"WHERE {conditions}" if conditions else ""
    return _ENTRIES.page(tx, "list_audit_entries", offset, limit, {"where": where}, **params)


def last_time_of(tx: Transaction, action: Action) -> str | None:
    """Return the time of the newest entry of an action; None if there is none."""
    row = first(tx, "last_audit_entry", action=action)
    return None if row is None else str(row["at"])
