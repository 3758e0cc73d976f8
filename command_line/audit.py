"""``jobsvc audit``: the activity of users."""

from __future__ import annotations

from typing import Any

import click

from command_line.api_client import ApiClient
from command_line.connection import Target, connected
from command_line.options import AS_JSON, with_target
from command_line.output import print_json, print_line, print_table, utc_text
from storage.accounts.audit import ACTIONS

COMMIT_DIGITS = 64


@click.command("audit")
@click.option("--user", "user_soeid", metavar="SOEID", help="The user who acted.")
@click.option("--action", type=click.Choice(ACTIONS), multiple=True, help="May be repeated.")
@click.option("--dataset", help="Name or id; the id for one that was removed.")
@click.option("--object", "object_id", help="A job, a ref, a table, or a token's or user's id.")
@click.option("--after", metavar="TIME", help="At this time or later, such as 2025-07-07.")
@click.option("--before", metavar="TIME", help="Before this time.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0, help="Entries to skip.")
@AS_JSON
@with_target
def audit_command(target: Target, dataset: str | None, as_json: bool, **given: Any) -> None:
    """List the activity of users, newest first (admins only).

    \b
    jobsvc audit --user bg54677 --after 2025-07-07
    jobsvc audit --action rows_downloaded --dataset Sales --json
    """
    with connected(target, "jobsvc audit") as client:
        dataset_id = None if dataset is None else _dataset_id(client, dataset)
        page = client.get("/api/admin/audit", dataset_id=dataset_id, **given)
    if as_json:
        print_json(page)
        return
    print_table(
        ("at", "user", "action", "dataset", "object", "from", "token", "details"),
        [_cells(entry) for entry in page["entries"]],
    )
    print_line(f"{len(page['entries']):,} of {page['total']:,} entries.")


def _dataset_id(client: ApiClient, name_or_id: str) -> int:
    """Resolve a name; an id is used as it is, since a removed dataset has no name."""
    return int(name_or_id) if name_or_id.isdecimal() else client.dataset_id(name_or_id)


def _cells(entry: dict[str, Any]) -> tuple[str, ...]:
    about = f"{entry['object_type']} {entry['object_id']}" if entry["object_type"] else ""
    return (
        utc_text(entry["at"]),
        entry["user_soeid"],
        entry["action"],
        str(entry["dataset_id"] or ""),
        about,
        entry["client_address"] or "",
        entry["token_name"] or "",
        ", ".join(f"{name}={_short(value)}" for name, value in entry["details"].items()),
    )


def _short(value: Any) -> str:
    """Shorten a commit id to its first digits."""
    text = str(value)
    return text[:12] if len(text) == COMMIT_DIGITS and text.isalnum() else text
