"""Create and delete webhooks, set e-mail addresses, and send tests and deliveries again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal

from application.access import Caller
from contract.requests.accounts import MAX_EMAIL_LENGTH
from contract.requests.automation import EmailRequest, WebhookRequest
from contract.words import Action
from import_engine.sources.uris import InvalidUri, SourceUri, allowing_prefix, parse_uri
from service.settings import EMAIL_ADDRESS, Settings
from storage.accounts.audit_trail import ObjectType
from storage.accounts.users import User
from storage.errors import InvalidValue
from storage.notifications.receivers import (
    Delivery,
    Kind,
    NewWebhook,
    Receiver,
    add_webhook,
    enable_receiver,
    enqueue_test,
    get_webhook,
    put_email,
    remove_receiver,
    send_again,
)
from storage.sqlite.database import Transaction

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that every secret has
SECRET_BYTES = 32


def webhook_uri(
    text: str, prefixes: Sequence[SourceUri], loc: Sequence[str | int] = ()
) -> SourceUri:
    """Parse the URI of a receiver.

    Raises
    ------
    InvalidUri, UriNotAllowed
        It isn't a URI, has a query or a fragment, or no prefix of the setting allows it.
    """
    if "?" in text or "#" in text:
        raise InvalidUri(
            "The URL of a webhook has no query and no fragment, since lists and the audit trail "
            "show it. The receiver recognizes messages by their signature.",
            loc=loc,
        )
    uri = parse_uri(text, loc)
    allowing_prefix(
        uri,
        prefixes,
        setting="webhook_prefixes",
        if_empty="This server sends no webhooks. An administrator allows receivers in the setting "
        "webhook_prefixes.",
        loc=loc,
    )
    return uri


def email_address(settings: Settings, text: str, loc: Sequence[str | int] = ()) -> str:
    """Check an e-mail address of a receiver, and return it.

    Raises
    ------
    InvalidValue
        It isn't an address, or the settings don't allow it.
    """
    if not settings.smtp_server:
        raise InvalidValue(
            "This server sends no e-mails. An administrator names a mail server in the setting "
            "smtp_server.",
            loc=loc,
        )
    if domain_of(text, loc, settings.allowed_email_domains[0]) not in (
        settings.allowed_email_domains
    ):
        raise InvalidValue(
            "E-mails are sent to addresses of {domains} only. An administrator adds domains in the "
            "setting email_domains.",
            loc=loc,
            domains=", ".join(settings.allowed_email_domains),
        )
    return text


def domain_of(text: str, loc: Sequence[str | int] = (), example: str = "bank.example") -> str:
    """Return the domain of an e-mail address, in lower case; InvalidValue if it isn't one."""
    found = EMAIL_ADDRESS.fullmatch(text)
    if found is None or len(text) > MAX_EMAIL_LENGTH:
        raise InvalidValue(
            '"{address}" isn\'t an e-mail address, such as name@{domain}.',
            loc=loc,
            address=text,
            domain=example,
        )
    return found["domain"].lower()


_SENT: Mapping[tuple[Kind, str], Action] = {
    ("webhook", "tested"): "webhook_tested",
    ("webhook", "resent"): "webhook_resent",
    ("email", "tested"): "email_tested",
    ("email", "resent"): "email_resent",
}
Finder = Callable[[Transaction, User], Receiver]
"""Finds a receiver that a user may use."""


def webhook_by_id(webhook_id: int) -> Finder:
    """Find a webhook of the user, or any for an admin."""
    return lambda tx, user: get_webhook(tx, webhook_id, user)


def create(by: Caller, request: WebhookRequest) -> tuple[Receiver, str]:
    """Create a webhook; return it and its secret, which isn't shown again.

    Raises
    ------
    InvalidUri, UriNotAllowed
        The server sends nothing to this URI.
    NotFound
        The user can't read the dataset.
    Conflict
        The user has too many webhooks.
    """
    uri = webhook_uri(request.url, by.service.settings.allowed_webhooks, ("body", "url"))
    if request.dataset_id is not None:
        by.dataset(request.dataset_id, "read")
    events = tuple(dict.fromkeys(request.events))
    new = NewWebhook(str(uri), events, request.dataset_id, new_secret())
    with by.writing() as tx:
        webhook = add_webhook(tx, by.user, new, by.service.clock)
        _record(by, tx, "webhook_made", webhook, events=list(webhook.events))
    return webhook, new.secret


def enable(by: Caller, webhook_id: int) -> Receiver:
    """Enable a disabled webhook; raise Conflict if it isn't disabled."""
    with by.writing() as tx:
        webhook = get_webhook(tx, webhook_id, by.user_in(tx))
        enable_receiver(tx, webhook)
        _record(by, tx, "webhook_enabled", webhook)
        return get_webhook(tx, webhook_id, by.user)


def set_email(by: Caller, request: EmailRequest) -> Receiver:
    """Set the user's e-mail address and its events.

    Raises
    ------
    InvalidValue
        The server sends nothing to this address.
    """
    address = email_address(by.service.settings, request.address, ("body", "address"))
    events = tuple(dict.fromkeys(request.events))
    with by.writing() as tx:
        email = put_email(tx, by.user, address, events, by.service.clock)
        _record(by, tx, "email_set", email, events=list(email.events))
    by.service.wake_sender()
    return email


def remove(by: Caller, find: Finder, action: Literal["webhook_deleted", "email_removed"]) -> None:
    """Delete a receiver of the user, with its deliveries."""
    with by.writing() as tx:
        receiver = find(tx, by.user_in(tx))
        remove_receiver(tx, receiver)
        _record(by, tx, action, receiver)


def send_test(by: Caller, find: Finder) -> Delivery:
    """Send a test message.

    Raises
    ------
    Conflict, TooManyMessages
        The receiver is disabled; or the user requested too many messages.
    """
    return _send(by, find, "tested", enqueue_test)


def resend(by: Caller, find: Finder, delivery_id: int) -> Delivery:
    """Send a message of the log again, with its id; raise as :func:`send_test`."""
    return _send(by, find, "resent", partial(send_again, delivery_id=delivery_id))


def _send(
    by: Caller, find: Finder, step: Literal["tested", "resent"], enqueue: Callable[..., Delivery]
) -> Delivery:
    with by.writing() as tx:
        receiver = find(tx, by.user_in(tx))
        by.access.message_rates[receiver.kind].count(by.user.id)
        delivery = enqueue(tx, receiver, clock=by.service.clock)
        message_id = delivery.message_id if step == "resent" else None
        _record(by, tx, _SENT[receiver.kind, step], receiver, message_id=message_id)
    by.service.wake_sender()
    return delivery


def _record(
    by: Caller, tx: Transaction, action: Action, receiver: Receiver, **details: object
) -> None:
    """Record an action on a webhook, or on the e-mail address of the user."""
    if receiver.kind == "webhook":
        about: tuple[ObjectType, int] = ("webhook", receiver.id)
        details = {"url": receiver.address, **details}
    else:
        about, details = ("user", receiver.user_id), {"address": receiver.address, **details}
    by.audit(tx, action, dataset_id=receiver.dataset_id, about=about, **details)


def new_secret() -> str:
    """Return a new random secret: ``whsec_`` and base64."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the value of the header ``webhook-signature`` (Standard Webhooks 1.0, symmetric).

    It is ``v1,`` and the base64 of HMAC-SHA256 over the id, the time in seconds since 1970 and the
    body, joined by dots.
    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

    >>> signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
    ...           1614265330, b'{"test": 2432232314}')
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = b".".join((message_id.encode(), str(timestamp_s).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
