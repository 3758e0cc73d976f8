"""Routes of the user's e-mail address and of the log of its messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from application.notifications import registering
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.automation.receivers import DeliveryList, events_field, page_of_deliveries
from http_api.schemas.base import MessageOut, PageQuery, StrictSchema, text
from http_api.schemas.contract import Listing
from service.settings import MAX_EMAIL_LENGTH
from storage.notifications.receivers import Delivery, Receiver, get_email

blueprint = SignedInBlueprint("emails", __name__, url_prefix="/api/users/me/email", tag="E-mail")


@dataclass(frozen=True)
class Email:
    """An e-mail address and its events."""

    address: str
    events: list[str]
    created_at: str


class EmailIn(StrictSchema):
    address = text(
        1,
        MAX_EMAIL_LENGTH,
        required=True,
        description="Of a domain of the setting `email_domains`.",
    )
    events = events_field(registering.USUAL_EMAIL_EVENTS)


@blueprint.get("", output=Email)
def email() -> Receiver:
    """My e-mail address and its events; 404 if I have set none."""
    with service().database.read() as tx:
        return get_email(tx, caller().user)


@blueprint.put("", body=EmailIn, output=Email)
def put_email(given: dict[str, Any]) -> Receiver:
    """Set my e-mail address and its events.

    They are about my own jobs and schedules, and reviews that I may do.
    """
    return registering.set_email(caller(), given["address"], given["events"])


@blueprint.delete("", output=MessageOut)
def delete_email() -> dict[str, str]:
    """Delete my e-mail address with its messages."""
    registering.remove_email(caller())
    return {"message": "E-mail address deleted"}


@blueprint.get("/deliveries", query=PageQuery, output=DeliveryList)
def deliveries(query: dict[str, int]) -> Listing:
    """The messages to my e-mail address, newest first, with the latest attempt of each."""
    return page_of_deliveries(get_email, query)


@blueprint.post("/test", output=Delivery)
def send_test() -> Delivery:
    """Send a test message; the log shows what became of it."""
    return registering.send_test(caller(), get_email)


@blueprint.post("/deliveries/<int:delivery_id>/send-again", output=Delivery)
def send_again(delivery_id: int) -> Delivery:
    """Send a message again, with the same id."""
    return registering.resend(caller(), get_email, delivery_id)
