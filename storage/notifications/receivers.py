"""Receivers of messages (webhooks and e-mail addresses), the outbox, and the log of the attempts.

Triggers of ``schema.sql`` put a delivery into the outbox in the transaction of its event, so that
neither exists without the other. An attempt's outcome is stored after the attempt: a crash between
the two repeats the attempt with the same message id.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Annotated, Literal, get_args

from contract.answers import Hidden, Named
from contract.declarations import Help
from lazy_dataclasses import dataclass
from storage.accounts.users import User
from storage.errors import Conflict, NotFound
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, first, json_tuple, number, only, run

Kind = Literal["webhook", "email"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MAX_WEBHOOKS = 20
"""Webhooks of a user."""
KEPT_DELIVERIES = 1000
"""Deliveries to a receiver in its log, besides those that wait."""


@dataclass(frozen=True)
class Receiver:
    """A webhook, without its secret, or the e-mail address of a user.

    Parameters
    ----------
    dataset_id : int or None
        It receives events of all jobs of this dataset; None: of the user's own jobs.
    address : str
        The URL of a webhook, or the e-mail address.
    disabled_at : str or None
        When the receiver of a webhook answered 410; nothing is sent since.
    """

    id: int
    user_id: int
    user_soeid: str
    kind: Hidden[Kind]
    dataset_id: Annotated[
        int | None, Help("Null: it receives events of your jobs in all datasets.")
    ]
    address: Annotated[str, Named("url")]
    events: tuple[str, ...]
    created_at: str
    disabled_at: Annotated[
        str | None, Help("When the receiver answered 410; nothing is sent until it is enabled.")
    ]

    @property
    def enabled(self) -> Annotated[bool, Help("False until it is enabled again.")]:
        """Whether messages are sent to it."""
        return self.disabled_at is None


_RECEIVERS = Records(Receiver, events=json_tuple)


@dataclass(frozen=True)
class NewWebhook:
    """The fields of a webhook that a user sets, and its secret."""

    url: str
    events: tuple[str, ...]
    dataset_id: int | None
    secret: str


@dataclass(frozen=True)
class Delivery:
    """A delivery in the log of a receiver, with its latest attempt.

    ``next_attempt_at`` is None once it was delivered or given up.
    """

    id: int
    message_id: Annotated[
        str,
        Help(
            "The header `webhook-id`, or the local part of the `Message-ID`; the same in each "
            "attempt."
        ),
    ]
    receiver_id: Hidden[int]
    event: str
    payload: Annotated[
        str,
        Help("The event as JSON; to webhooks it is the body, with `url` if the server has a link."),
    ]
    created_at: str
    attempts: int
    attempted_at: str | None
    response_status: Annotated[int | None, Help("Of the latest attempt; null without an answer.")]
    problem: Annotated[str | None, Help("Of the latest attempt.")]
    next_attempt_at: str | None
    delivered_at: str | None

    @property
    def state(self) -> Annotated[str, Help("`waiting`, `delivered` or `failed`.")]:
        """``delivered``, ``waiting`` for an attempt, or ``failed`` for good."""
        if self.delivered_at is not None:
            return "delivered"
        return "failed" if self.next_attempt_at is None else "waiting"


_DELIVERIES = Records(Delivery)


@dataclass(frozen=True)
class DueDelivery:
    """A delivery to attempt, with what signs it; ``attempts`` counts those before.

    Parameters
    ----------
    secret : str or None
        Signs the messages of a webhook.
    host : str
        Scheme, host and port of a webhook.
    """

    id: int
    message_id: str
    receiver_id: int
    kind: Kind
    event: str
    payload: str
    attempts: int
    address: str
    secret: str | None
    user_id: int
    dataset_id: int | None
    host: str


@dataclass(frozen=True)
class Occupied:
    """What the attempts of a kind that run hold.

    Parameters
    ----------
    receivers : collection of int
        Those to which an attempt runs.
    users, hosts : collection
        Those that hold their whole share.
    running : mapping
        The number of attempts of each user.
    served, reached : mapping
        The number of the latest attempt of each user, and to each receiver, counted over all.
    """

    receivers: Collection[int] = ()
    users: Collection[int] = ()
    hosts: Collection[str] = ()
    running: Mapping[int, int] = field(default_factory=dict)
    served: Mapping[int, int] = field(default_factory=dict)
    reached: Mapping[int, int] = field(default_factory=dict)

    def parameters(self) -> dict[str, str]:
        """The parameters of the statements."""
        return {
            "receivers": json.dumps(list(self.receivers)),
            "users": json.dumps(list(self.users)),
            "hosts": json.dumps(list(self.hosts)),
        }


@dataclass(frozen=True)
class WaitingDeliveries:
    """The deliveries of a kind that wait for an attempt, and when the oldest was created."""

    kind: Kind
    waiting: int
    oldest: str


def add_webhook(tx: Transaction, user: User, new: NewWebhook, clock: Clock) -> Receiver:
    """Add a webhook of a user; raise Conflict if the user has ``MAX_WEBHOOKS``."""
    if number(tx, "count_webhooks", user_id=user.id) >= MAX_WEBHOOKS:
        raise Conflict("You have {most} webhooks, the limit. Delete one first.", most=MAX_WEBHOOKS)
    row = only(
        tx,
        "insert_receiver",
        user_id=user.id,
        kind="webhook",
        dataset_id=new.dataset_id,
        address=new.url,
        events=json.dumps(new.events),
        secret=new.secret,
        now=timestamp(clock()),
    )
    return get_webhook(tx, row["id"], user)


def get_webhook(tx: Transaction, webhook_id: int, user: User) -> Receiver:
    """Return a webhook of a user, or any for an admin."""
    missing = NotFound("Webhook {webhook} not found.", webhook=str(webhook_id))
    webhook = {"kind": "webhook", "id": webhook_id, "user_id": None if user.is_admin else user.id}
    return _RECEIVERS.get(tx, "list_receivers", missing, **webhook)


def list_webhooks(tx: Transaction, user: User) -> list[Receiver]:
    """Return the webhooks of a user, or all for an admin, oldest first."""
    owner = None if user.is_admin else user.id
    return _RECEIVERS.all(tx, "list_receivers", kind="webhook", id=None, user_id=owner)


def put_email(
    tx: Transaction, user: User, address: str, events: Sequence[str], clock: Clock
) -> Receiver:
    """Set the e-mail address of a user and its events."""
    known, values = find_email(tx, user), {"address": address, "events": json.dumps(events)}
    if known is not None:
        run(tx, "update_receiver", id=known.id, **values)
    else:
        others = {"kind": "email", "dataset_id": None, "secret": None, "now": timestamp(clock())}
        run(tx, "insert_receiver", user_id=user.id, **others, **values)
    return get_email(tx, user)


def find_email(tx: Transaction, user: User) -> Receiver | None:
    """Return the e-mail address of a user; None if they have set none."""
    return _RECEIVERS.first(tx, "list_receivers", kind="email", id=None, user_id=user.id)


def get_email(tx: Transaction, user: User) -> Receiver:
    """Return the e-mail address of a user, or raise NotFound."""
    missing = NotFound("You have set no e-mail address.")
    return _RECEIVERS.get(tx, "list_receivers", missing, kind="email", id=None, user_id=user.id)


def remove_receiver(tx: Transaction, receiver: Receiver) -> None:
    """Delete a receiver with its deliveries."""
    run(tx, "delete_deliveries", id=receiver.id)
    run(tx, "delete_receiver", id=receiver.id)


def disable_receiver(tx: Transaction, receiver_id: int, clock: Clock) -> bool:
    """Send nothing to a receiver any more; return whether it was enabled."""
    run(tx, "give_up_deliveries", receiver_id=receiver_id)
    return first(tx, "disable_receiver", id=receiver_id, now=timestamp(clock())) is not None


def enable_receiver(tx: Transaction, receiver: Receiver) -> None:
    """Send to a receiver again; raise Conflict if it isn't disabled."""
    if receiver.disabled_at is None:
        raise Conflict("The webhook isn't disabled.")
    run(tx, "enable_receiver", id=receiver.id)


def enqueue_test(tx: Transaction, receiver: Receiver, clock: Clock) -> Delivery:
    """Put a test message into the outbox; raise Conflict if the receiver is disabled."""
    _require_enabled(receiver)
    now, event = timestamp(clock()), f"{receiver.kind}.test"
    data = {f"{receiver.kind}_id": receiver.id}
    row = only(
        tx,
        "insert_delivery",
        message_id=f"msg_{secrets.token_hex(16)}",
        receiver_id=receiver.id,
        event=event,
        payload=json.dumps({"type": event, "timestamp": now, "data": data}),
        now=now,
    )
    return get_delivery(tx, receiver, row["id"])


def send_again(tx: Transaction, receiver: Receiver, delivery_id: int, clock: Clock) -> Delivery:
    """Start the attempts of a delivery again, with its message id.

    Raises
    ------
    NotFound, Conflict
        The receiver has no such delivery, or is disabled.
    """
    get_delivery(tx, receiver, delivery_id)
    _require_enabled(receiver)
    run(tx, "send_again", id=delivery_id, receiver_id=receiver.id, now=timestamp(clock()))
    return get_delivery(tx, receiver, delivery_id)


def get_delivery(tx: Transaction, receiver: Receiver, delivery_id: int) -> Delivery:
    """Return a delivery to a receiver."""
    missing = NotFound("Delivery {delivery} not found.", delivery=str(delivery_id))
    return _DELIVERIES.get(tx, "delivery_by_id", missing, receiver_id=receiver.id, id=delivery_id)


def list_deliveries(
    tx: Transaction, receiver: Receiver, offset: int, limit: int
) -> tuple[list[Delivery], int]:
    """Return a page of a receiver's deliveries, newest first, and their number."""
    return _DELIVERIES.page(tx, "list_deliveries", offset, limit, receiver_id=receiver.id)


def count_waiting_deliveries(tx: Transaction) -> list[WaitingDeliveries]:
    """Count the deliveries of each kind that wait; a kind without any is left out."""
    return Records(WaitingDeliveries).all(tx, "count_waiting_deliveries")


def due_delivery(
    tx: Transaction, kind: Kind, now: datetime, latest: datetime, occupied: Occupied
) -> DueDelivery | None:
    """Return the due delivery of the user whose turn it is, or None.

    Parameters
    ----------
    latest : datetime
        The latest time that an attempt can be postponed to: one beyond it is due, too, since the
        clock was set back.
    occupied : Occupied
        No delivery to these receivers and hosts, or of these users, is returned.
    """
    return Records(DueDelivery).first(
        tx,
        "due_delivery",
        kind=kind,
        now=timestamp(now),
        latest=timestamp(latest),
        running=json.dumps(dict(occupied.running)),
        served=json.dumps(dict(occupied.served)),
        reached=json.dumps(dict(occupied.reached)),
        **occupied.parameters(),
    )


def next_delivery(tx: Transaction, kind: Kind, occupied: Occupied) -> datetime | None:
    """Return when the next attempt is due, without what is occupied."""
    at = only(tx, "next_delivery", kind=kind, **occupied.parameters())["at"]
    return None if at is None else datetime.fromisoformat(at)


@dataclass(frozen=True)
class DeliveryOutcome:
    """The end of an attempt: delivered if there is no problem.

    Parameters
    ----------
    status : int or None
        Of the receiver's answer, by HTTP or SMTP; None without an answer.
    is_gone : bool
        Whether the receiver wants no more messages.
    """

    status: int | None
    problem: str | None
    may_retry: bool = True
    is_gone: bool = False


def end_attempt(
    tx: Transaction,
    due: DueDelivery,
    outcome: DeliveryOutcome,
    now: datetime,
    next_at: datetime | None,
) -> None:
    """Store the outcome of an attempt, and when to try again; None is never."""
    run(
        tx,
        "end_attempt",
        id=due.id,
        now=timestamp(now),
        response_status=outcome.status,
        problem=outcome.problem,
        next_attempt_at=None if next_at is None else timestamp(next_at),
        delivered_at=timestamp(now) if outcome.problem is None else None,
    )
    run(tx, "forget_deliveries", receiver_id=due.receiver_id, kept=KEPT_DELIVERIES)


def _require_enabled(receiver: Receiver) -> None:
    if receiver.disabled_at is not None:
        raise Conflict("The receiver answered 410, so the webhook is disabled. Enable it first.")
