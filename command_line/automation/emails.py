"""``jobsvc email``: the e-mail address for messages about jobs and reviews."""

from __future__ import annotations

from typing import Any

import click

from command_line.automation.deliveries import print_deliveries, send_test
from command_line.connection import ApiClient
from command_line.options import LIMIT, OFFSET, YES, field_option, printed, with_client
from command_line.output import confirm, print_line
from storage.notifications.receivers import EVENTS

PATH = "/api/users/me/email"


@click.group()
def email() -> None:
    """Set your e-mail address, choose its messages, and list them."""


def _print_email(found: dict[str, Any]) -> None:
    print_line(f"{found['address']} receives {', '.join(found['events'])}.")


@email.command("show")
@printed(_print_email)
def show_email(client: ApiClient) -> Any:
    """Show your e-mail address and its events."""
    return client.get(PATH)


@email.command("set")
@click.argument("address")
@field_option(
    "--event",
    "events",
    "events",
    multiple=True,
    type=click.Choice(EVENTS),
    help="An event to send; may be repeated [default: all but job.completed].",
)
@with_client
def set_email(client: ApiClient, address: str, events: tuple[str, ...]) -> None:
    """Set your e-mail address and its events.

    \b
    jobsvc email set an12345@bank.example
    jobsvc email set an12345@bank.example --event schedule.failed --event review.requested
    """
    body: dict[str, Any] = {"address": address}
    if events:
        body["events"] = events
    _print_email(client.put(PATH, body))


@email.command("remove")
@YES
@with_client
def remove_email(client: ApiClient, yes: bool) -> None:
    """Remove your e-mail address; messages that wait aren't sent."""
    if not yes:
        confirm("Remove your e-mail address? Messages that wait aren't sent.")
    client.delete(PATH)
    print_line("Your e-mail address was removed.")


@email.command("test")
@with_client
def test_email(client: ApiClient) -> None:
    """Send a test message, and wait for the attempt."""
    send_test(client, PATH)


@email.command("deliveries")
@LIMIT
@OFFSET
@printed(print_deliveries)
def list_deliveries(client: ApiClient, **page: int) -> Any:
    """List the messages to your e-mail address, newest first."""
    return client.get(f"{PATH}/deliveries", **page)["deliveries"]


@email.command("send-again")
@click.argument("delivery_id", metavar="DELIVERY", type=click.IntRange(1))
@with_client
def send_again(client: ApiClient, delivery_id: int) -> None:
    """Send a message again."""
    client.post(f"{PATH}/deliveries/{delivery_id}/send-again", {})
    print_line(f"Delivery {delivery_id} is sent again.")
