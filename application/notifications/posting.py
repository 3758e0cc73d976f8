"""Send a message to a webhook once: a signed POST."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import httpx

from application.notifications.mail_texts import page_of
from application.notifications.registering import signature, webhook_uri
from import_engine.sources.exchange import Exchange, Overdue
from import_engine.sources.uris import SourceUri, UriNotAllowed, is_link_local
from service.settings import Settings
from storage.notifications.receivers import DeliveryOutcome, DueDelivery


def post(
    settings: Settings, client: httpx.Client, due: DueDelivery, now: datetime, exchange: Exchange
) -> DeliveryOutcome:
    """Send a delivery once, within the time limit of the exchange.

    Raises
    ------
    InvalidUri, UriNotAllowed
        The server sends nothing to this URI.
    """
    uri = webhook_uri(due.address, settings.allowed_webhooks)
    body = with_link(due.payload, settings).encode()
    try:
        status = exchange.run(lambda: _status_of(client, uri, due, body, now, exchange))
    except (httpx.TimeoutException, Overdue):
        return DeliveryOutcome(None, "The receiver didn't answer in time.")
    except httpx.HTTPError as error:
        return DeliveryOutcome(None, f"The connection failed ({type(error).__name__}).")
    if httpx.codes.is_success(status):
        return DeliveryOutcome(status, None)
    if httpx.codes.is_redirect(status):
        return DeliveryOutcome(
            status, "The receiver redirects to another address, which isn't followed."
        )
    problem = f"The receiver answered with status {status}."
    if status != httpx.codes.GONE:
        return DeliveryOutcome(status, problem)
    consequence = (
        "The webhook is disabled: it receives no messages. When the receiver is back, enable it on "
        f"its page or with `jobsvc webhook enable {due.receiver_id}`."
    )
    return DeliveryOutcome(status, f"{problem} {consequence}", is_gone=True)


def with_link(payload: str, settings: Settings) -> str:
    """Add the link to the event's page to a payload, as ``url``, if the server has a public URL.

    >>> with_link('{"data": {"webhook_id": 1}}', Settings(public_url="https://jobs.example.org"))
    '{"data": {"webhook_id": 1, "url": "https://jobs.example.org/account"}}'
    """
    url = settings.link(page_of(payload))
    if not url:
        return payload
    message = json.loads(payload)
    return json.dumps({**message, "data": {**message["data"], "url": url}}, ensure_ascii=False)


def _status_of(
    client: httpx.Client,
    uri: SourceUri,
    due: DueDelivery,
    body: bytes,
    now: datetime,
    exchange: Exchange,
) -> int:
    """Send the message and return the answer's status; the answer's body isn't read."""

    def check_peer(event: str, info: dict[str, Any]) -> None:
        exchange.trace(event, info)
        if event == "connection.connect_tcp.complete":  # before anything is sent
            connection = info["return_value"]
            if is_link_local(connection.get_extra_info("server_addr")[0]):
                connection.close()
                raise UriNotAllowed("The receiver's host has a link-local address.")

    timestamp_s = int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "jobsvc",
        "webhook-id": due.message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": signature(due.secret or "", due.message_id, timestamp_s, body),
    }
    with client.stream(
        "POST", str(uri), content=body, headers=headers, extensions={"trace": check_peer}
    ) as response:
        return response.status_code
