"""Webhooks, the outbox of their deliveries, and the log of the attempts.

Triggers of ``schema.sql`` put a delivery into the outbox in the transaction of its event, so that
neither exists without the other. An attempt's outcome is stored after the attempt: a crash between
the two repeats the attempt with the same message id.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from storage.accounts.users import User
from storage.errors import Conflict, NotFound
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import all_rows, first, number, only, page, run

EVENTS = ("job.completed", "job.failed", "sample.reviewed")
TEST_EVENT = "webhook.test"
MAX_WEBHOOKS = 20
"""Webhooks of a user."""
KEPT_DELIVERIES = 1000
"""Deliveries of a webhook in its log, besides those that wait."""


@dataclass(frozen=True)
class Webhook:
    """A webhook, without its secret.

    Parameters
    ----------
    dataset_id : int or None
        It hears of all jobs of this dataset; None: of the user's own jobs.
    disabled_at : str or None
        When the receiver answered 410, after which nothing is sent.
    """

    id: int
    user_id: int
    user_soeid: str
    dataset_id: int | None
    url: str
    events: tuple[str, ...]
    created_at: str
    disabled_at: str | None


@dataclass(frozen=True)
class NewWebhook:
    """What a user says about a webhook, and its secret."""

    url: str
    events: tuple[str, ...]
    dataset_id: int | None
    secret: str


@dataclass(frozen=True)
class Delivery:
    """A delivery in the log of a webhook, with its latest attempt.

    ``next_attempt_at`` is None once it was delivered or given up.
    """

    id: int
    message_id: str
    webhook_id: int
    event: str
    payload: str
    created_at: str
    attempts: int
    attempted_at: str | None
    response_status: int | None
    problem: str | None
    next_attempt_at: str | None
    delivered_at: str | None

    @property
    def state(self) -> str:
        """``delivered``, ``waiting`` for an attempt, or ``failed`` for good."""
        if self.delivered_at is not None:
            return "delivered"
        return "failed" if self.next_attempt_at is None else "waiting"


@dataclass(frozen=True)
class DueDelivery:
    """A delivery to attempt, with what signs it; ``attempts`` counts those before."""

    id: int
    message_id: str
    webhook_id: int
    event: str
    payload: str
    attempts: int
    url: str
    secret: str
    user_id: int
    dataset_id: int | None


def add_webhook(tx: Transaction, user: User, new: NewWebhook, clock: Clock) -> Webhook:
    """Add a webhook of a user; raise Conflict if the user has ``MAX_WEBHOOKS``."""
    if number(tx, "count_webhooks", user_id=user.id) >= MAX_WEBHOOKS:
        raise Conflict("You have {most} webhooks, the limit. Delete one first.", most=MAX_WEBHOOKS)
    row = only(
        tx,
        "insert_webhook",
        user_id=user.id,
        dataset_id=new.dataset_id,
        url=new.url,
        events=json.dumps(new.events),
        secret=new.secret,
        now=timestamp(clock()),
    )
    return get_webhook(tx, row["id"], user)


def get_webhook(tx: Transaction, webhook_id: int, user: User) -> Webhook:
    """Return a webhook of a user, or any for an admin."""
    rows = all_rows(tx, "list_webhooks", id=webhook_id, user_id=_owner(user))
    if not rows:
        raise NotFound("Webhook {webhook} not found.", webhook=str(webhook_id))
    return _webhook(rows[0])


def list_webhooks(tx: Transaction, user: User) -> list[Webhook]:
    """Return the webhooks of a user, or all for an admin, oldest first."""
    return [_webhook(row) for row in all_rows(tx, "list_webhooks", id=None, user_id=_owner(user))]


def remove_webhook(tx: Transaction, webhook: Webhook) -> None:
    """Delete a webhook with its deliveries."""
    run(tx, "delete_deliveries", id=webhook.id)
    run(tx, "delete_webhook", id=webhook.id)


def disable_webhook(tx: Transaction, webhook_id: int, clock: Clock) -> bool:
    """Send nothing to a webhook any more; return whether it was enabled."""
    run(tx, "give_up_deliveries", webhook_id=webhook_id)
    return first(tx, "disable_webhook", id=webhook_id, now=timestamp(clock())) is not None


def enqueue_test(tx: Transaction, webhook: Webhook, clock: Clock) -> Delivery:
    """Put a test message into the outbox; raise Conflict if the webhook is disabled."""
    _require_enabled(webhook)
    now = timestamp(clock())
    row = only(
        tx,
        "insert_delivery",
        message_id=f"msg_{secrets.token_hex(16)}",
        webhook_id=webhook.id,
        event=TEST_EVENT,
        payload=json.dumps(
            {"type": TEST_EVENT, "timestamp": now, "data": {"webhook_id": webhook.id}}
        ),
        now=now,
    )
    return get_delivery(tx, webhook, row["id"])


def send_again(tx: Transaction, webhook: Webhook, delivery_id: int, clock: Clock) -> Delivery:
    """Start the attempts of a delivery again, with its message id.

    Raises
    ------
    NotFound, Conflict
        The webhook has no such delivery, or is disabled.
    """
    get_delivery(tx, webhook, delivery_id)
    _require_enabled(webhook)
    run(tx, "send_again", id=delivery_id, webhook_id=webhook.id, now=timestamp(clock()))
    return get_delivery(tx, webhook, delivery_id)


def get_delivery(tx: Transaction, webhook: Webhook, delivery_id: int) -> Delivery:
    """Return a delivery of a webhook."""
    row = first(tx, "delivery_by_id", webhook_id=webhook.id, id=delivery_id)
    if row is None:
        raise NotFound("Delivery {delivery} not found.", delivery=str(delivery_id))
    return Delivery(**dict(row))


def list_deliveries(
    tx: Transaction, webhook: Webhook, offset: int, limit: int
) -> tuple[list[Delivery], int]:
    """Return a page of a webhook's deliveries, newest first, and their number."""
    rows, total = page(tx, "list_deliveries", offset, limit, webhook_id=webhook.id)
    return [Delivery(**dict(row)) for row in rows], total


def due_deliveries(
    tx: Transaction, now: datetime, latest: datetime, busy: Collection[int], limit: int
) -> list[DueDelivery]:
    """Return the oldest due delivery of each webhook that isn't busy.

    Parameters
    ----------
    latest : datetime
        The latest time that an attempt can be postponed to: one beyond it is due, too, since the
        clock was set back.
    busy : collection of int
        The webhooks to which a thread sends.
    """
    rows = all_rows(
        tx,
        "due_deliveries",
        now=timestamp(now),
        latest=timestamp(latest),
        busy=json.dumps(list(busy)),
        limit=limit,
    )
    names = DueDelivery.__dataclass_fields__
    return [DueDelivery(**{name: row[name] for name in names}) for row in rows]


def next_delivery(tx: Transaction, busy: Collection[int]) -> datetime | None:
    """Return when the next attempt of a webhook that isn't busy is due."""
    at = only(tx, "next_delivery", busy=json.dumps(list(busy)))["at"]
    return None if at is None else datetime.fromisoformat(at)


def end_attempt(
    tx: Transaction,
    due: DueDelivery,
    now: datetime,
    *,
    status: int | None,
    problem: str | None,
    next_at: datetime | None,
) -> None:
    """Store the outcome of an attempt, which succeeded if there is no problem.

    Parameters
    ----------
    status : int or None
        The HTTP status of the answer; None without an answer.
    next_at : datetime or None
        When to try again; None is never.
    """
    run(
        tx,
        "end_attempt",
        id=due.id,
        now=timestamp(now),
        response_status=status,
        problem=problem,
        next_attempt_at=None if next_at is None else timestamp(next_at),
        delivered_at=timestamp(now) if problem is None else None,
    )
    run(tx, "forget_deliveries", webhook_id=due.webhook_id, kept=KEPT_DELIVERIES)


def _require_enabled(webhook: Webhook) -> None:
    if webhook.disabled_at is not None:
        raise Conflict("The receiver answered 410, so the webhook is disabled. Create a new one.")


def _owner(user: User) -> int | None:
    return None if user.role_name == "admin" else user.id


def _webhook(row: sqlite3.Row) -> Webhook:
    fields = dict(row)
    return Webhook(**{**fields, "events": tuple(json.loads(fields["events"]))})
