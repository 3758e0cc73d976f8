"""The log of the messages to a webhook or an e-mail address, as commands show it."""

from __future__ import annotations

import time
from typing import Any

from command_line.connection import ApiClient
from command_line.output import CommandFailed, print_items, print_line, utc_text

ATTEMPT_S = 30.0
"""How long a test waits for the attempt."""


def send_test(client: ApiClient, path: str) -> None:
    """Send a test message to the receiver at a path of the API, and wait for the attempt."""
    sent = client.post(f"{path}/test", {})
    end = time.monotonic() + ATTEMPT_S
    while time.monotonic() < end:
        found = client.get(f"{path}/deliveries", limit=20)["deliveries"]
        now = next((one for one in found if one["id"] == sent["id"]), sent)
        if now["problem"] is not None:
            raise CommandFailed("{problem}", problem=now["problem"])
        if now["state"] == "delivered":
            print_line(f"Delivered: status {now['response_status']}.")
            return
        time.sleep(0.1)
    raise CommandFailed("The server has not sent the message yet. List the deliveries later.")


def print_deliveries(found: list[dict[str, Any]]) -> None:
    """Print messages with the latest attempt of each."""
    print_items(
        found,
        {
            "id": lambda one: str(one["id"]),
            "event": "event",
            "created": lambda one: utc_text(one["created_at"]),
            "state": "state",
            "attempts": lambda one: str(one["attempts"]),
            "status": lambda one: str(one["response_status"] or ""),
            "problem": lambda one: one["problem"] or "",
            "next attempt": lambda one: utc_text(one["next_attempt_at"]),
        },
    )
