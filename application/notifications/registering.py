"""Create and delete webhooks, and send tests and deliveries again."""

from __future__ import annotations

from collections.abc import Sequence

from application.access import Caller
from application.notifications.signing import new_secret
from import_engine.sources.uris import SourceUri, UriNotAllowed, parse_uri
from storage.jobs.receivers import (
    Delivery,
    NewWebhook,
    Receiver,
    add_webhook,
    enable_receiver,
    enqueue_test,
    get_webhook,
    remove_receiver,
    send_again,
)


def webhook_uri(
    text: str, prefixes: Sequence[SourceUri], loc: Sequence[str | int] = ()
) -> SourceUri:
    """Parse the URI of a receiver.

    Raises
    ------
    InvalidUri, UriNotAllowed
        It isn't a URI, or no prefix of the setting allows it.
    """
    uri = parse_uri(text, loc)
    if not prefixes:
        raise UriNotAllowed(
            "This server sends no webhooks. An administrator allows receivers in the setting "
            "webhook_prefixes.",
            loc=loc,
        )
    if not any(uri.is_under(prefix) for prefix in prefixes):
        raise UriNotAllowed(
            "The URI is under none of the allowed prefixes: {prefixes}. An administrator adds "
            "prefixes in the setting webhook_prefixes.",
            loc=loc,
            prefixes=", ".join(map(str, prefixes)),
        )
    return uri


def create(
    by: Caller, url: str, events: Sequence[str], dataset_id: int | None
) -> tuple[Receiver, str]:
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
    uri = webhook_uri(url, by.service.settings.allowed_webhooks, ("body", "url"))
    if dataset_id is not None:
        by.dataset(dataset_id, "read")
    new = NewWebhook(str(uri), tuple(dict.fromkeys(events)), dataset_id, new_secret())
    with by.writing() as tx:
        made = add_webhook(tx, by.user, new, by.service.clock)
        by.audit(
            tx,
            "webhook_made",
            dataset_id=dataset_id,
            about=("webhook", made.id),
            url=made.address,
            events=list(made.events),
        )
    return made, new.secret


def delete(by: Caller, webhook_id: int) -> None:
    """Delete one of the user's webhooks, or any as an admin, with its deliveries."""
    with by.writing() as tx:
        webhook = get_webhook(tx, webhook_id, by.user_in(tx))
        remove_receiver(tx, webhook)
        by.audit(
            tx,
            "webhook_deleted",
            dataset_id=webhook.dataset_id,
            about=("webhook", webhook.id),
            url=webhook.address,
        )


def enable(by: Caller, webhook_id: int) -> Receiver:
    """Enable a disabled webhook; raise Conflict if it isn't disabled."""
    with by.writing() as tx:
        webhook = get_webhook(tx, webhook_id, by.user_in(tx))
        enable_receiver(tx, webhook)
        by.audit(tx, "webhook_enabled", about=("webhook", webhook.id), url=webhook.address)
        return get_webhook(tx, webhook_id, by.user)


def send_test(by: Caller, webhook_id: int) -> Delivery:
    """Send a message of the type ``webhook.test``; raise Conflict if the webhook is disabled."""
    with by.writing() as tx:
        webhook = get_webhook(tx, webhook_id, by.user_in(tx))
        delivery = enqueue_test(tx, webhook, by.service.clock)
        by.audit(tx, "webhook_tested", about=("webhook", webhook.id), url=webhook.address)
    by.service.wake_sender()
    return delivery


def resend(by: Caller, webhook_id: int, delivery_id: int) -> Delivery:
    """Send a message of the log again, with its id; raise Conflict if the webhook is disabled."""
    with by.writing() as tx:
        webhook = get_webhook(tx, webhook_id, by.user_in(tx))
        delivery = send_again(tx, webhook, delivery_id, by.service.clock)
        by.audit(
            tx,
            "webhook_resent",
            about=("webhook", webhook.id),
            url=webhook.address,
            message_id=delivery.message_id,
        )
    by.service.wake_sender()
    return delivery
