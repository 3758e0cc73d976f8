"""Routes of webhooks and of the log of their deliveries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from application.notifications import registering
from contract.declarations import Help
from contract.requests.importing import MAX_URI_LENGTH
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.automation.receivers import DeliveryList, events_field, page_of_deliveries
from http_api.schemas.base import MessageOut, PageQuery, StrictSchema, text
from http_api.schemas.contract import Listing, list_schema, page_of
from http_api.schemas.fields import StrictInteger
from storage.notifications.receivers import EVENTS, Delivery, Receiver, list_webhooks

blueprint = SignedInBlueprint("webhooks", __name__, url_prefix="/api/webhooks", tag="Webhooks")


@dataclass(frozen=True)
class CreatedWebhook(Receiver):
    """A webhook that was made, with its secret."""

    secret: Annotated[str, Help("Signs each message; shown only here.")]


class WebhookIn(StrictSchema):
    url = text(
        1,
        MAX_URI_LENGTH,
        required=True,
        description="The receiver: a URI under the setting `webhook_prefixes`.",
    )
    events = events_field(EVENTS)
    dataset_id = StrictInteger(
        description="Send events of all jobs of this dataset, instead of your own in all datasets."
    )


@blueprint.get("", query=PageQuery, output=list_schema("webhooks", Receiver))
def webhooks(query: dict[str, int]) -> Listing:
    """My webhooks, oldest first; all for admins."""
    with service().database.read() as tx:
        found = list_webhooks(tx, caller().user)
    return page_of(found, query)


@blueprint.post("", body=WebhookIn, output=CreatedWebhook)
def create_webhook(given: dict[str, Any]) -> CreatedWebhook:
    """Create a webhook.

    The secret that signs its messages is in this response alone: save it in the receiver.
    """
    made, secret = registering.create(
        caller(), given["url"], given["events"], given.get("dataset_id")
    )
    return CreatedWebhook(**vars(made), secret=secret)


@blueprint.delete("/<int:webhook_id>", output=MessageOut)
def delete_webhook(webhook_id: int) -> dict[str, str]:
    """Delete a webhook with its deliveries."""
    registering.delete(caller(), webhook_id)
    return {"message": "Webhook deleted"}


@blueprint.post("/<int:webhook_id>/enable", output=Receiver)
def enable_webhook(webhook_id: int) -> Receiver:
    """Enable a disabled webhook; messages that were given up can be sent again."""
    return registering.enable(caller(), webhook_id)


@blueprint.get("/<int:webhook_id>/deliveries", query=PageQuery, output=DeliveryList)
def deliveries(webhook_id: int, query: dict[str, int]) -> Listing:
    """The messages of a webhook, newest first, with the latest attempt of each."""
    return page_of_deliveries(registering.webhook_by_id(webhook_id), query)


@blueprint.post("/<int:webhook_id>/test", output=Delivery)
def send_test(webhook_id: int) -> Delivery:
    """Send a test message; the log of deliveries shows what became of it."""
    return registering.send_test(caller(), registering.webhook_by_id(webhook_id))


@blueprint.post("/<int:webhook_id>/deliveries/<int:delivery_id>/send-again", output=Delivery)
def send_again(webhook_id: int, delivery_id: int) -> Delivery:
    """Send a message again, with the same id."""
    return registering.resend(caller(), registering.webhook_by_id(webhook_id), delivery_id)
