"""Routes of webhooks, of the user's e-mail address, and of the logs of their messages."""

from __future__ import annotations

from typing import Annotated

from application.notifications import registering
from application.notifications.registering import Finder, webhook_by_id
from contract.declarations import Help
from contract.requests.automation import EmailRequest, WebhookChangeRequest, WebhookRequest
from contract.requests.pages import PageRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.schemas.base import MessageOut
from http_api.schemas.contract import Listing, list_schema, listed, page_of
from lazy_dataclasses import dataclass
from storage.notifications.receivers import (
    Delivery,
    Receiver,
    get_email,
    list_deliveries,
    list_webhooks,
)

blueprint = SignedInBlueprint("webhooks", "Webhooks", "/api/webhooks")
email_blueprint = SignedInBlueprint("emails", "E-mail", "/api/users/me/email")
DeliveryList = list_schema("deliveries", Delivery)


@dataclass(frozen=True)
class CreatedWebhook(Receiver):
    """A webhook that was made, with its secret."""

    secret: Annotated[str, Help("Signs each message; shown only here.")]


@dataclass(frozen=True)
class Email:
    """An e-mail address and its events."""

    address: str
    events: list[str]
    created_at: str


@blueprint.get("", output=list_schema("webhooks", Receiver))
def webhooks(query: PageRequest) -> Listing:
    """My webhooks, oldest first; all for admins."""
    with service().database.read() as tx:
        return page_of(list_webhooks(tx, caller().user), query)


@blueprint.post("")
def create_webhook(given: WebhookRequest) -> CreatedWebhook:
    """Create a webhook.

    The secret that signs its messages is in this response alone: save it in the receiver.
    """
    webhook, secret = registering.create(caller(), given)
    return CreatedWebhook(**vars(webhook), secret=secret)


@blueprint.delete("/<int:webhook_id>", output=MessageOut)
def delete_webhook(webhook_id: int) -> dict[str, str]:
    """Delete a webhook with its deliveries."""
    registering.remove(caller(), webhook_by_id(webhook_id), "webhook_deleted")
    return {"message": "Webhook deleted"}


@blueprint.patch("/<int:webhook_id>")
def change_webhook(webhook_id: int, given: WebhookChangeRequest) -> Receiver:
    """Enable a disabled webhook; messages that were given up can be sent again."""
    return registering.enable(caller(), webhook_id)


@blueprint.get("/<int:webhook_id>/deliveries", output=DeliveryList)
def deliveries(webhook_id: int, query: PageRequest) -> Listing:
    """The messages of a webhook, newest first, with the latest attempt of each."""
    return _deliveries(webhook_by_id(webhook_id), query)


@blueprint.post("/<int:webhook_id>/test")
def send_test(webhook_id: int) -> Delivery:
    """Send a test message; the log of deliveries shows what became of it."""
    return registering.send_test(caller(), webhook_by_id(webhook_id))


@blueprint.post("/<int:webhook_id>/deliveries/<int:delivery_id>/send-again")
def send_again(webhook_id: int, delivery_id: int) -> Delivery:
    """Send a message again, with the same id."""
    return registering.resend(caller(), webhook_by_id(webhook_id), delivery_id)


@email_blueprint.get("", output=Email)
def email() -> Receiver:
    """My e-mail address and its events; 404 if I have set none."""
    with service().database.read() as tx:
        return get_email(tx, caller().user)


@email_blueprint.put("", output=Email)
def put_email(given: EmailRequest) -> Receiver:
    """Set my e-mail address and its events.

    They are about my own jobs and schedules, and reviews that I may do.
    """
    return registering.set_email(caller(), given)


@email_blueprint.delete("", output=MessageOut)
def delete_email() -> dict[str, str]:
    """Delete my e-mail address with its messages."""
    registering.remove(caller(), get_email, "email_removed")
    return {"message": "E-mail address deleted"}


@email_blueprint.get("/deliveries", output=DeliveryList)
def email_deliveries(query: PageRequest) -> Listing:
    """The messages to my e-mail address, newest first, with the latest attempt of each."""
    return _deliveries(get_email, query)


@email_blueprint.post("/test")
def send_test_email() -> Delivery:
    """Send a test message; the log shows what became of it."""
    return registering.send_test(caller(), get_email)


@email_blueprint.post("/deliveries/<int:delivery_id>/send-again")
def send_email_again(delivery_id: int) -> Delivery:
    """Send a message again, with the same id."""
    return registering.resend(caller(), get_email, delivery_id)


def _deliveries(find: Finder, query: PageRequest) -> Listing:
    """A page of the messages to a receiver of the caller, newest first."""
    with service().database.read() as tx:
        receiver = find(tx, caller().user)
        return listed(list_deliveries(tx, receiver, query.offset, query.limit), query)
