"""``jobsvc rm`` and ``bin``: delete, restore, and delete for good."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from command_line.connection import ApiClient
from command_line.options import LIMIT, OFFSET, YES, body_of, field_option, printed, target_options
from command_line.output import CommandFailed, confirm, one_line, page_of, print_line, utc_text

PREFIXES = ("", "smpl-", "expl-")
"""Of the refs of versions, samples and saved queries."""


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


def _kind(entry: dict[str, Any]) -> str:
    return "saved query" if entry["kind"] == "query" else str(entry["kind"])


def _print_deleted(answer: dict[str, Any]) -> None:
    print_line(
        f"The {_kind(answer)} {answer['name']} is in the bin until "
        f"{utc_text(answer['expires_at'])}.\n"
        f"Restore it: jobsvc bin restore {answer['bin_id']}{target_options()}"
    )


@click.command()
@click.argument("dataset")
@click.argument("name", required=False)
@YES
@printed(_print_deleted)
def rm(client: ApiClient, dataset: str, name: str | None, yes: bool) -> Any:
    """Put a sample, a version or a whole dataset into the bin.

    Without NAME it is the dataset.

    NAME is that of the sample or of the saved query, or a ref. What is in the bin can be restored
    for 30 days: jobsvc bin list

    \b
    jobsvc rm flights q1
    jobsvc rm flights
    """
    dataset_id = client.dataset_id(dataset)
    path = f"/api/datasets/{dataset_id}"
    if name is not None:
        path += f"/refs/{quote(_ref_of(client, dataset_id, name), safe='')}"
    else:
        confirm(f"Put the dataset {dataset} into the bin, with its samples and jobs?", yes)
    return client.delete(path)


@click.group("bin")
def bin_command() -> None:
    """List and restore what was deleted."""


@bin_command.command("list")
@click.option("--dataset", help="Name or id.")
@LIMIT
@OFFSET
@printed(
    page_of(
        "entries",
        {
            "id": "id",
            "kind": _kind,
            "name": "name",
            "purpose": lambda entry: one_line(entry["purpose"] or ""),
            "dataset": "dataset_name",
            "deleted by": "deleted_by",
            "deleted": "deleted_at",
            "until": "expires_at",
        },
    )
)
def list_entries(client: ApiClient, dataset: str | None, **page: Any) -> Any:
    """List what is in the bin, the latest deleted first."""
    dataset_id = None if dataset is None else client.dataset_id(dataset)
    return client.get("/api/bin", dataset_id=dataset_id, **page)


def _entry_id(client: ApiClient, entry: str, name: str | None) -> int:
    """The number of the only entry of a dataset, or of a name in it; a number is one itself."""
    if name is None and entry.isascii() and entry.isdigit():
        return int(entry)
    found = [
        each
        for each in client.all_of("/api/bin", "entries")
        if entry in (each["dataset_name"], str(each["dataset_id"]))
        and name in ((None,) if each["kind"] == "dataset" else (each["name"], each["ref_name"]))
    ]
    if len(found) == 1:
        return int(found[0]["id"])
    wanted = entry if name is None else f"{name} of {entry}"
    if not found:
        raise CommandFailed('"{wanted}" isn\'t in the bin: see jobsvc bin list.', wanted=wanted)
    raise CommandFailed(
        '"{wanted}" is in the bin {count} times. Give the number of one of: {entries}.',
        wanted=wanted,
        count=len(found),
        entries=", ".join(f"{each['id']} ({_kind(each)} {each['name']})" for each in found),
    )


@bin_command.command("restore")
@click.argument("entry", metavar="NUMBER|DATASET")
@click.argument("deleted", metavar="[NAME]", required=False)
@field_option("--name", help="Another name, if its own is in use.")
@printed("{message}.")
def restore(client: ApiClient, entry: str, deleted: str | None, **chosen: Any) -> Any:
    """Restore a sample, a saved query, a version or a dataset.

    NUMBER is that of jobsvc bin list. DATASET and NAME are those of jobsvc rm.

    \b
    jobsvc bin restore 3
    jobsvc bin restore flights q1
    jobsvc bin restore 3 --name q1-2
    """
    return client.post(f"/api/bin/{_entry_id(client, entry, deleted)}/restore", body_of(chosen))


@bin_command.command("delete")
@click.argument("entry_id", type=click.IntRange(1))
@YES
@printed("{message}.")
def delete(client: ApiClient, entry_id: int, yes: bool) -> Any:
    """Delete an entry of the bin for good; the next prune deletes its data.

    \b
    jobsvc bin delete 3
    """
    confirm("Delete it for good? It can't be restored.", yes)
    return client.delete(f"/api/bin/{entry_id}")
