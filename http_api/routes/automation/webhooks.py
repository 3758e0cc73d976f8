"""Routes of webhooks and of the log of their deliveries."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from marshmallow import fields

from application.job_submission import MAX_URI_LENGTH
from application.notifications import registering
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.automation.receivers import events_field, page_of_deliveries
from http_api.schemas import out
from http_api.schemas.base import MessageOut, PageOut, PageQuery, StrictSchema, page_of, text
from http_api.schemas.deliveries import DeliveriesOut, DeliveryOut
from http_api.schemas.fields import StrictInteger
from storage.notifications.receivers import EVENTS, list_webhooks

blueprint = SignedInBlueprint("webhooks", __name__, url_prefix="/api/webhooks", tag="Webhooks")


class WebhookOut(Schema):
    id = out.integer()
    user_id = out.integer()
    user_soeid = out.string()
    dataset_id = out.integer("Null: it receives events of your jobs in all datasets.", null=True)
    url = out.string(attribute="address")
    events = out.list_of(fields.String())
    created_at = out.string()
    disabled_at = out.string(
        "When the receiver answered 410; nothing is sent until it is enabled.", null=True
    )


class NewWebhookOut(WebhookOut):
    secret = out.string("Signs each message; shown only here.")


class WebhooksOut(PageOut):
    webhooks = out.list_of(WebhookOut)


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


@blueprint.get("", query=PageQuery, output=WebhooksOut)
def webhooks(query: dict[str, int]) -> dict[str, Any]:
    """My webhooks, oldest first; all for admins."""
    with service().database.read() as tx:
        found = list_webhooks(tx, caller().user)
    return page_of("webhooks", found, query)


@blueprint.post("", body=WebhookIn, output=NewWebhookOut)
def create_webhook(given: dict[str, Any]) -> dict[str, Any]:
    """Create a webhook.

    The secret that signs its messages is in this response alone: save it in the receiver.
    """
    made, secret = registering.create(
        caller(), given["url"], given["events"], given.get("dataset_id")
    )
    return {**vars(made), "secret": secret}


@blueprint.delete("/<int:webhook_id>", output=MessageOut)
def delete_webhook(webhook_id: int) -> dict[str, str]:
    """Delete a webhook with its deliveries."""
    registering.delete(caller(), webhook_id)
    return {"message": "Webhook deleted"}


@blueprint.post("/<int:webhook_id>/enable", output=WebhookOut)
def enable_webhook(webhook_id: int) -> Any:
    """Enable a disabled webhook; messages that were given up can be sent again."""
    return registering.enable(caller(), webhook_id)


@blueprint.get("/<int:webhook_id>/deliveries", query=PageQuery, output=DeliveriesOut)
def deliveries(webhook_id: int, query: dict[str, int]) -> dict[str, Any]:
    """The messages of a webhook, newest first, with the latest attempt of each."""
    return page_of_deliveries(registering.webhook_by_id(webhook_id), query)


@blueprint.post("/<int:webhook_id>/test", output=DeliveryOut)
def send_test(webhook_id: int) -> Any:
    """Send a test message; the log of deliveries shows what became of it."""
    return registering.send_test(caller(), registering.webhook_by_id(webhook_id))


@blueprint.post("/<int:webhook_id>/deliveries/<int:delivery_id>/send-again", output=DeliveryOut)
def send_again(webhook_id: int, delivery_id: int) -> Any:
    """Send a message again, with the same id."""
    return registering.resend(caller(), registering.webhook_by_id(webhook_id), delivery_id)
