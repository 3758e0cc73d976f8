"""The ledger of a dataset as a page and as a signed file, and what its entries mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

from domain_errors import render
from job_runner.service import Service
from storage.certificates.canonical_json import canonical_json
from storage.certificates.envelopes import sign_payload
from storage.certificates.ledger import (
    LEDGER_TYPE,
    LedgerEntry,
    chain_faults,
    count_unrecorded_draws,
    list_ledger,
    output_refs,
    whole_ledger,
)
from storage.sqlite.clock import timestamp
from storage.versions.refs import output_name_of

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "plan": "{actor} registered a plan before its draw",
        "draw": "{actor} drew {rows} {rows|row|rows} of table {table_key}",
        "replacement": "{actor} replaced row {ordinal_out} by row {ordinal_in}: {reason}",
        "deletion": "{actor} deleted a sample",
        "restoration": "{actor} restored a sample",
        "row_root": "{actor} built row proofs of table {table_key}",
    }
)
"""The sentence of each kind of entry; the names in braces are the actor and members of its body."""


@dataclass(frozen=True)
class LedgerPage:
    """A page of a ledger, newest entry first, with a check of the whole one.

    ``faults`` are sentences on breaks of the chain. ``records_since`` is the time of the first
    entry. ``unrecorded_draws`` counts the draws from before the ledger. ``names`` are those of the
    samples by job id; deleted ones have none.
    """

    entries: list[LedgerEntry]
    total: int
    faults: list[str]
    records_since: str | None
    unrecorded_draws: int
    names: Mapping[str, str]


def ledger_page(service: Service, dataset_id: int, offset: int, limit: int) -> LedgerPage:
    """Return a page of a dataset's ledger."""
    with service.database.read() as tx:
        entries, total = list_ledger(tx, dataset_id, offset, limit)
        whole = whole_ledger(tx, dataset_id)
        unrecorded = count_unrecorded_draws(tx, dataset_id)
        refs = output_refs(tx, entries)
    names = {job_id: name for job_id, ref in refs.items() if (name := output_name_of(ref))}
    since = whole[0].recorded_at if whole else None
    return LedgerPage(entries, total, list(chain_faults(whole)), since, unrecorded, names)


def sentence_of(entry: LedgerEntry) -> str:
    """A ledger entry as a sentence."""
    return render(SENTENCES[entry.kind], {**entry.body, "actor": entry.actor})


def ledger_file(service: Service, dataset_id: int) -> bytes:
    """A dataset's whole ledger as a file: its entries, and their head with a signature.

    The head is null for a ledger without entries.
    """
    with service.database.read() as tx:
        entries = whole_ledger(tx, dataset_id)
    head = None
    if entries:
        last = entries[-1]
        signed = {
            "dataset_id": dataset_id,
            "number": last.number,
            "digest": last.digest,
            "signed_at": timestamp(service.clock()),
        }
        key = service.signing_keys.current()
        head = sign_payload(key, canonical_json(signed).encode(), LEDGER_TYPE)
    content = {"entries": [asdict(entry) for entry in entries], "head": head}
    return json.dumps(content, ensure_ascii=False, indent=1).encode()
