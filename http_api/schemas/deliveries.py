"""Responses with the log of the messages to a receiver."""

from __future__ import annotations

from apiflask import Schema

from http_api.schemas import out
from http_api.schemas.base import PageOut


class DeliveryOut(Schema):
    id = out.integer()
    message_id = out.string(
        "The header `webhook-id`, or the local part of the `Message-ID`; the same in each attempt."
    )
    event = out.string()
    payload = out.string("The event as JSON; to webhooks it is the body.")
    state = out.string("`waiting`, `delivered` or `failed`.")
    created_at = out.string()
    attempts = out.integer()
    attempted_at = out.string(null=True)
    response_status = out.integer("Of the latest attempt; null without an answer.", null=True)
    problem = out.string("Of the latest attempt.", null=True)
    next_attempt_at = out.string(null=True)
    delivered_at = out.string(null=True)


class DeliveriesOut(PageOut):
    deliveries = out.list_of(DeliveryOut)
