"""What the routes of webhooks and of e-mail addresses share."""

from __future__ import annotations

from collections.abc import Sequence

from marshmallow import validate

from application.notifications.registering import Finder
from http_api.access import caller, service
from http_api.schemas.contract import Listing, list_schema, listed
from http_api.schemas.fields import BoundedList, StrictString
from storage.notifications.receivers import EVENTS, Delivery, list_deliveries


def events_field(default: Sequence[str]) -> BoundedList:
    """The events of a receiver, with those that it gets unless the request names others."""
    return BoundedList(
        StrictString(validate=validate.OneOf(EVENTS)),
        least=1,
        most=len(EVENTS),
        load_default=list(default),
        description="Its events.",
    )


DeliveryList = list_schema("deliveries", Delivery)


def page_of_deliveries(find: Finder, query: dict[str, int]) -> Listing:
    """A page of the messages to a receiver of the caller, newest first."""
    with service().database.read() as tx:
        receiver = find(tx, caller().user)
        found = list_deliveries(tx, receiver, query["offset"], query["limit"])
    return listed(found, query)
