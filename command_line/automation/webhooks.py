"""``jobsvc webhook``: receivers of signed messages about jobs."""

from __future__ import annotations

from typing import Any

import click

from command_line.automation.deliveries import print_deliveries, send_test
from command_line.connection import ApiClient
from command_line.options import LIMIT, OFFSET, YES, field_option, printed, with_client
from command_line.output import confirm, print_items, print_line
from storage.notifications.receivers import EVENTS

WEBHOOK = click.argument("webhook_id", metavar="ID", type=click.IntRange(1))


@click.group()
def webhook() -> None:
    """Create, test and remove webhooks, and list their messages."""


def _print_webhooks(found: list[dict[str, Any]]) -> None:
    print_items(
        found,
        {
            "id": lambda one: str(one["id"]),
            "url": "url",
            "user": "user_soeid",
            "jobs": lambda one: (
                "own jobs" if one["dataset_id"] is None else f"dataset {one['dataset_id']}"
            ),
            "events": lambda one: ", ".join(one["events"]),
            "state": lambda one: "disabled" if one["disabled_at"] else "active",
        },
    )


@webhook.command("list")
@printed(_print_webhooks)
def list_webhooks(client: ApiClient) -> Any:
    """List your webhooks; all, if you are an admin."""
    return client.all_of("/api/webhooks", "webhooks")


@webhook.command("add")
@click.argument("url")
@click.option("--dataset", metavar="NAME", help="Send events of all jobs of this dataset.")
@field_option(
    "--event",
    "events",
    "events",
    multiple=True,
    type=click.Choice(EVENTS),
    help="An event to send; may be repeated [default: all].",
)
@with_client
def add_webhook(client: ApiClient, url: str, dataset: str | None, events: tuple[str, ...]) -> None:
    """Create a webhook under the setting webhook_prefixes, and print its secret.

    The secret signs the messages. It isn't shown again.

    \b
    jobsvc webhook add https://hooks.example.org/jobsvc
    jobsvc webhook add https://hooks.example.org/jobsvc --dataset ledger --event job.failed
    """
    body: dict[str, Any] = {"url": url}
    if dataset is not None:
        body["dataset_id"] = client.dataset_id(dataset)
    if events:
        body["events"] = events
    made = client.post("/api/webhooks", body)
    print_line(f"Webhook {made['id']} was created. Its secret, shown only once:")
    print_line(made["secret"])


@webhook.command("remove")
@WEBHOOK
@YES
@with_client
def remove_webhook(client: ApiClient, webhook_id: int, yes: bool) -> None:
    """Remove a webhook; messages that wait aren't sent."""
    if not yes:
        confirm(f"Remove the webhook {webhook_id}? Messages that wait aren't sent.")
    client.delete(f"/api/webhooks/{webhook_id}")
    print_line(f"Webhook {webhook_id} was removed.")


@webhook.command("enable")
@WEBHOOK
@with_client
def enable_webhook(client: ApiClient, webhook_id: int) -> None:
    """Enable a webhook that was disabled since its receiver answered 410."""
    client.post(f"/api/webhooks/{webhook_id}/enable", {})
    print_line(f"Webhook {webhook_id} is enabled. It receives new events.")


@webhook.command("test")
@WEBHOOK
@with_client
def test_webhook(client: ApiClient, webhook_id: int) -> None:
    """Send a test message, and wait for the attempt."""
    send_test(client, f"/api/webhooks/{webhook_id}")


@webhook.command("deliveries")
@WEBHOOK
@LIMIT
@OFFSET
@printed(print_deliveries)
def list_deliveries(client: ApiClient, webhook_id: int, **page: int) -> Any:
    """List the messages of a webhook, newest first."""
    return client.get(f"/api/webhooks/{webhook_id}/deliveries", **page)["deliveries"]


@webhook.command("send-again")
@WEBHOOK
@click.argument("delivery_id", metavar="DELIVERY", type=click.IntRange(1))
@with_client
def send_again(client: ApiClient, webhook_id: int, delivery_id: int) -> None:
    """Send a message again, with the same id."""
    client.post(f"/api/webhooks/{webhook_id}/deliveries/{delivery_id}/send-again", {})
    print_line(f"Delivery {delivery_id} is sent again.")
