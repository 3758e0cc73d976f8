"""``jobsvc ledger``: what was planned, drawn, replaced and deleted in a dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from command_line.connection import ApiClient, Target, connected
from command_line.options import AS_JSON, OFFSET, with_target
from command_line.output import (
    CommandFailed,
    output_file,
    print_items,
    print_line,
    print_result,
    utc_text,
)
from storage.certificates.canonical_json import canonical_json
from storage.certificates.envelopes import verified_payload
from storage.certificates.ledger import LEDGER_TYPE, LedgerEntry, chain_faults


@click.command()
@click.argument("dataset")
@click.option("--check", is_flag=True, help="Recompute all digests; exit code 1 if one is wrong.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the whole ledger with a signed head to this file.",
)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@OFFSET
@AS_JSON
@with_target
def ledger(
    target: Target,
    dataset: str,
    check: bool,
    output: Path | None,
    limit: int,
    offset: int,
    as_json: bool,
) -> None:
    """List the ledger of a dataset.

    It has plans, draws, replacements and deletions, newest first.

    \b
    jobsvc ledger sales
    jobsvc ledger sales --check --output ledger.json
    """
    with connected(target) as client:
        path = f"/api/datasets/{client.dataset_id(dataset)}/ledger"
        if output is None and not check:
            print_result(client.get(path, limit=limit, offset=offset), as_json, _print_page)
            return
        whole = client.get(path, format="json")
        faults = _faults(client, whole) if check else []
    write_ledger(whole, output)
    for fault in faults:
        print_line(f"{fault[:1].upper()}{fault[1:]}.")
    if faults:
        raise SystemExit(CommandFailed.exit_code)
    if check:
        count = len(whole["entries"])
        print_line(f"{count:,} {'entry' if count == 1 else 'entries'} checked; no fault.")


def write_ledger(whole: dict[str, Any], output: Path | None) -> None:
    """Write a whole ledger to a file, if there is one to write."""
    with output_file(output) as file:
        if file is not None:
            file.write(json.dumps(whole, ensure_ascii=False, indent=1).encode())


def _print_page(page: dict[str, Any]) -> None:
    print_items(
        page["entries"],
        {
            "number": "number",
            "recorded": lambda entry: utc_text(entry["recorded_at"]),
            "kind": "kind",
            "sample": lambda entry: entry["sample"] or "",
            "entry": "sentence",
            "digest": lambda entry: entry["digest"][:12],
        },
    )
    print_line(f"{len(page['entries']):,} of {page['total']:,} entries.")
    if page["unrecorded_draws"]:
        print_line(f"{page['unrecorded_draws']:,} draws are older than the ledger.")


def _faults(client: ApiClient, whole: dict[str, Any]) -> list[str]:
    """Sentences on what is wrong with a whole ledger, by the server's public keys."""
    entries = [LedgerEntry(**each) for each in whole["entries"]]
    faults = list(chain_faults(entries))
    if not entries:
        return faults
    keys = client.all_of("/api/signing-keys", "keys")
    head, last = whole["head"], entries[-1]
    payload = verified_payload(head, {each["key_id"]: each["public_key"] for each in keys})
    if payload is None or head["payloadType"] != LEDGER_TYPE:
        return [*faults, "the head of the ledger isn't signed by a key of the server"]
    signed = json.loads(payload)
    expected = {
        "dataset_id": last.dataset_id,
        "number": last.number,
        "digest": last.digest,
        "signed_at": signed.get("signed_at"),
    }
    if payload.decode() != canonical_json(expected):
        faults.append("the signed head isn't the last entry of the ledger")
    return faults
