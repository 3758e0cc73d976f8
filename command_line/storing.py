"""``jobsvc storage`` and ``jobsvc prune``: how much there is, and removing what nothing needs."""

from __future__ import annotations

from typing import Any

import click

from command_line.api_client import ApiClient, Told
from command_line.connection import Target, connected
from command_line.failures import CommandFailed
from command_line.options import AS_JSON, with_target
from command_line.output import moment, print_json, print_table, progress_bar, say

CONFIRMATION = "prune"
PATH = "/api/admin/prune"
MAX_ID_LENGTH = 36
"""A job's. Hashes are longer, and shown by their first digits."""
KINDS = {
    "data_files": "data files",
    "log_entries": "entries of logs",
    "counts": "counts and profiles",
    "sign_in_links": "sign-in links",
    "idempotency_keys": "idempotency keys",
}
SETTINGS = {
    "keep_jobs_days": "ended jobs",
    "keep_logs_days": "entries of logs",
    "keep_unreachable_days": "what no ref reaches",
    "keep_uploads_days": "files of failed imports",
    "keep_counts_days": "counts and profiles that nobody uses",
}


@click.command()
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@AS_JSON
@with_target
def storage(target: Target, limit: int, as_json: bool) -> None:
    """Tell how much room everything takes, and which datasets are the largest.

    \b
    jobsvc storage
    """
    with connected(target, "jobsvc storage") as client:
        use = client.get("/api/admin/storage", limit=limit)
    if as_json:
        print_json(use)
        return
    print_table(
        ("kind", "files", "bytes"),
        [(_name(kind["kind"]), kind["files"], kind["size_bytes"]) for kind in use["kinds"]],
    )
    say(f"{use['size_bytes']:,} bytes; the disk has {use['free_bytes']:,} left.\n")
    print_table(
        ("dataset", "name", "removed", "commits", "files", "bytes"),
        [
            (
                str(one["dataset_id"]),
                one["name"],
                (one["removed_at"] or "")[:10],
                one["commits"],
                one["files"],
                one["size_bytes"],
            )
            for one in use["datasets"]
        ],
    )
    say(f"{len(use['datasets']):,} of {use['total']:,} datasets.")


@click.command()
@click.option("--dry-run", is_flag=True, help="Only tell what would go.")
@click.option("--yes", is_flag=True, help="Remove it without asking.")
@AS_JSON
@with_target
def prune(target: Target, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Remove what nothing needs any more; shows it and asks first.

    It goes by the server's settings keep_…_days. What a ref reaches always stays, and so does every
    job of a kept sample.

    \b
    jobsvc prune --dry-run
    jobsvc prune
    jobsvc prune --yes
    """
    if as_json and not dry_run and not yes:
        raise click.UsageError("With --json, give --dry-run or --yes.")
    with connected(target, "jobsvc prune") as client:
        found = client.post(PATH, {"dry_run": True})
        if not as_json:
            _tell_found(found)
        expected = _count(found)
        if dry_run or not (expected or as_json):
            if as_json:
                print_json(found)
            return
        if not yes:
            _confirm()
        with progress_bar("Pruning") as told:
            removed = _remove(client, expected, told)
    if as_json:
        print_json(removed)
    else:
        say(f"Removed: {_in_words(removed)}.")


def _confirm() -> None:
    say()
    question = f'This can\'t be undone. Type "{CONFIRMATION}" to remove it'
    if click.prompt(question, default="", show_default=False).strip() != CONFIRMATION:
        raise CommandFailed("Nothing was removed.")


def _remove(client: ApiClient, expected: int, told: Told) -> dict[str, Any]:
    """Ask until there is no more to do; returns all that went."""
    removed: dict[str, Any] | None = None
    while removed is None or not removed["complete"]:
        try:
            part = client.post(PATH, {"dry_run": False})
        except CommandFailed as failure:
            if removed is None:
                raise
            raise CommandFailed(
                f"{failure.message} Removed until then: {_in_words(removed)}."
            ) from None
        removed = part if removed is None else _together(removed, part)
        told(min(100 * _count(removed) / max(expected, 1), 100), _in_words(removed))
    return removed


def _together(one: dict[str, Any], next_one: dict[str, Any]) -> dict[str, Any]:
    """The answers of two calls as one."""
    kinds = [
        {
            "kind": before["kind"],
            "count": before["count"] + after["count"],
            "size_bytes": before["size_bytes"] + after["size_bytes"],
            "oldest": min(filter(None, (before["oldest"], after["oldest"])), default=None),
            "newest": max(filter(None, (before["newest"], after["newest"])), default=None),
            "examples": before["examples"] or after["examples"],
        }
        for before, after in zip(one["kinds"], next_one["kinds"], strict=True)
    ]
    return {**next_one, "kinds": kinds, "size_bytes": one["size_bytes"] + next_one["size_bytes"]}


def _tell_found(found: dict[str, Any]) -> None:
    for name, what in SETTINGS.items():
        days = found["keeps"][name]
        say(f"Keeps {what} " + (f"for {days:,} days." if days else "for ever."))
    say()
    going = [kind for kind in found["kinds"] if kind["count"]]
    if not going:
        say("There is nothing to remove.")
        return
    print_table(
        ("would go", "count", "bytes", "oldest", "newest"),
        [
            (
                _name(kind["kind"]),
                kind["count"],
                kind["size_bytes"],
                moment(kind["oldest"]),
                moment(kind["newest"]),
            )
            for kind in going
        ],
    )
    for kind in going:
        for one in kind["examples"]:
            say(f"  {_name(kind['kind'])}: {_example(one)}")
        more = kind["count"] - len(kind["examples"])
        if kind["examples"] and more:
            say(f"  … and {more:,} more {_name(kind['kind'])}")


def _example(one: dict[str, Any]) -> str:
    identity = one["id"][:12] if len(one["id"]) > MAX_ID_LENGTH else one["id"]
    parts = [identity, one["at"][:10]]
    if not one["name"].startswith(one["id"]):
        parts.append(f'"{one["name"]}"')
    if one["dataset_name"] not in (None, one["name"]):
        parts.append(f'dataset "{one["dataset_name"]}"')
    if one["size_bytes"]:
        parts.append(f"{one['size_bytes']:,} bytes")
    return ", ".join(parts)


def _count(answer: dict[str, Any]) -> int:
    return sum(kind["count"] for kind in answer["kinds"])


def _in_words(answer: dict[str, Any]) -> str:
    counts = [f"{_name(one['kind'])} {one['count']:,}" for one in answer["kinds"] if one["count"]]
    return f"{', '.join(counts) or 'nothing'}; {answer['size_bytes']:,} bytes of files"


def _name(kind: str) -> str:
    return KINDS.get(kind, kind)
