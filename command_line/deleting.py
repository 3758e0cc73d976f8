"""``jobsvc rm`` and ``bin``: delete, restore, and delete for good."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from command_line.connection import ApiClient, Target, connected
from command_line.options import AS_JSON, field_option, with_target
from command_line.output import (
    CommandFailed,
    one_line,
    print_items,
    print_line,
    print_result,
    utc_text,
)

YES = click.option("--yes", is_flag=True, help="Don't ask for a confirmation.")
PREFIXES = ("", "smpl-", "expl-")
"""Of the refs of versions, samples and saved queries."""


@click.command()
@click.argument("dataset")
@click.argument("name", required=False)
@YES
@AS_JSON
@with_target
def rm(target: Target, dataset: str, name: str | None, yes: bool, as_json: bool) -> None:
    """Put a sample, a saved query or a version into the bin, or without NAME a whole dataset.

    NAME is that of the sample or of the saved query, or a ref. What is in the bin can be restored
    for 30 days: jobsvc bin list

    \b
    jobsvc rm flights q1
    jobsvc rm flights
    """
    with connected(target) as client:
        dataset_id = client.dataset_id(dataset)
        path = f"/api/datasets/{dataset_id}"
        if name is not None:
            path += f"/refs/{quote(_ref_of(client, dataset_id, name), safe='')}"
        elif not yes:
            _confirm(f"Put the dataset {dataset} into the bin, with its samples and jobs?")
        deleted = client.delete(path)
    print_result(deleted, as_json, lambda answer: _print_deleted(answer, target.options))


def _ref_of(client: ApiClient, dataset_id: int, name: str) -> str:
    """The only ref with this name, with or without a prefix."""
    refs = {ref["name"] for ref in client.all_of(f"/api/datasets/{dataset_id}/refs", "refs")}
    found = [prefix + name for prefix in PREFIXES if prefix + name in refs]
    if len(found) > 1:
        raise CommandFailed(
            'Several refs are named "{name}". Give one of: {refs}.',
            name=name,
            refs=", ".join(found),
        )
    return found[0] if found else name


def _confirm(question: str) -> None:
    if not click.confirm(question):
        raise CommandFailed("Nothing was deleted.")


def _print_deleted(answer: dict[str, Any], options: str) -> None:
    print_line(
        f"{answer['message']}. It is in the bin until {utc_text(answer['expires_at'])}.\n"
        f"Restore it: jobsvc bin restore {answer['bin_id']}{options}"
    )


@click.group("bin")
def bin_command() -> None:
    """List and restore what was deleted."""


@bin_command.command("list")
@click.option("--dataset", help="Name or id.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0, help="Entries to skip.")
@AS_JSON
@with_target
def list_entries(target: Target, dataset: str | None, as_json: bool, **page: Any) -> None:
    """List what is in the bin, the latest deleted first."""
    with connected(target) as client:
        dataset_id = None if dataset is None else client.dataset_id(dataset)
        found = client.get("/api/bin", dataset_id=dataset_id, **page)
    print_result(found, as_json, _print_entries)


def _print_entries(page: dict[str, Any]) -> None:
    print_items(
        page["entries"],
        {
            "id": lambda entry: str(entry["id"]),
            "kind": lambda entry: "saved query" if entry["kind"] == "query" else entry["kind"],
            "name": "name",
            "purpose": lambda entry: one_line(entry["purpose"] or ""),
            "dataset": "dataset_name",
            "deleted by": "deleted_by",
            "deleted": lambda entry: utc_text(entry["deleted_at"]),
            "until": lambda entry: utc_text(entry["expires_at"]),
        },
    )
    print_line(f"{len(page['entries']):,} of {page['total']:,} entries.")


@bin_command.command("restore")
@click.argument("entry_id", type=click.IntRange(1))
@field_option("--name", "name", help="Another name, if its own is in use.")
@AS_JSON
@with_target
def restore(target: Target, entry_id: int, name: str | None, as_json: bool) -> None:
    """Restore a sample, a saved query, a version or a dataset.

    \b
    jobsvc bin restore 3
    jobsvc bin restore 3 --name q1-2
    """
    with connected(target) as client:
        body = {} if name is None else {"name": name}
        restored = client.post(f"/api/bin/{entry_id}/restore", body)
    print_result(restored, as_json, lambda answer: print_line(f"{answer['message']}."))


@bin_command.command("delete")
@click.argument("entry_id", type=click.IntRange(1))
@YES
@AS_JSON
@with_target
def delete(target: Target, entry_id: int, yes: bool, as_json: bool) -> None:
    """Delete an entry of the bin for good; the next prune deletes its data.

    \b
    jobsvc bin delete 3
    """
    with connected(target) as client:
        if not yes:
            _confirm("Delete it for good? It can't be restored.")
        deleted = client.delete(f"/api/bin/{entry_id}")
    print_result(deleted, as_json, lambda answer: print_line(f"{answer['message']}."))
