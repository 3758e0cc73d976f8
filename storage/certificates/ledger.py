"""The ledger of a dataset: what was planned, drawn, replaced, deleted and issued, as a chain.

An entry is written in the transaction of what it records. Triggers refuse a gap, a change and a
deletion; entries outlive their dataset. docs/CERTIFICATE.md defines the entries.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from contract.declarations import Help
from lazy_dataclasses import dataclass
from storage.certificates.canonical_json import canonical_json, digest_of
from storage.errors import NotFound
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, all_rows, first, number, run

Kind = Literal[
    "plan",
    "draw",
    "replacement",
    "deletion",
    "restoration",
    "row_root",
    "paper",
    "evaluation",
    "review",
    "engagement",
    "combined_paper",
]
LEDGER_TYPE = "application/vnd.jobsvc.ledger+json"
"""The payload type of a ledger's signed head."""


@dataclass(frozen=True)
class LedgerEntry:
    """An entry; ``previous_digest`` is None in the first one of a dataset."""

    dataset_id: int
    number: Annotated[int, Help("From 1, without gaps.")]
    kind: Kind
    recorded_at: str
    actor: str
    body: Mapping[str, Any]
    previous_digest: Annotated[str | None, Help("Of the entry before.")]
    digest: Annotated[
        str, Help("The SHA-256 of the canonical JSON of the entry without its digest.")
    ]

    @property
    def computed_digest(self) -> str:
        """The SHA-256 of the canonical JSON of the entry without its digest."""
        return digest_of({name: value for name, value in vars(self).items() if name != "digest"})


_ENTRIES = Records(LedgerEntry, body=json.loads)


def append_entry(
    tx: Transaction, dataset_id: int, kind: Kind, actor: str, body: Mapping[str, Any], clock: Clock
) -> LedgerEntry:
    """Append an entry in the transaction of what it records."""
    last = first(tx, "last_ledger_entry", dataset_id=dataset_id)
    values: dict[str, Any] = {
        "dataset_id": dataset_id,
        "number": 1 if last is None else last["number"] + 1,
        "kind": kind,
        "recorded_at": timestamp(clock()),
        "actor": actor,
        "body": dict(body),
        "previous_digest": None if last is None else last["digest"],
    }
    entry = LedgerEntry(**values, digest=digest_of(values))
    run(tx, "insert_ledger_entry", **{**asdict(entry), "body": canonical_json(body)})
    return entry


def list_ledger(
    tx: Transaction, dataset_id: int, offset: int, limit: int
) -> tuple[list[LedgerEntry], int]:
    """Return a page of a dataset's entries, newest first, and their number."""
    return _ENTRIES.page(tx, "list_ledger", offset, limit, dataset_id=dataset_id)


def output_refs(tx: Transaction, entries: Sequence[LedgerEntry]) -> dict[str, str]:
    """Return the refs of the outputs of the entries' jobs, by job id."""
    jobs = json.dumps([each.body["job_id"] for each in entries if each.body.get("job_id")])
    return {row["id"]: row["ref"] for row in all_rows(tx, "output_refs_of_jobs", jobs=jobs)}


def whole_ledger(tx: Transaction, dataset_id: int) -> list[LedgerEntry]:
    """Return all entries of a dataset in their order."""
    return _ENTRIES.all(tx, "whole_ledger", dataset_id=dataset_id)


def draw_entry(tx: Transaction, dataset_id: int, job_id: str) -> LedgerEntry | None:
    """Return the entry of a job's draw; None if the draw is older than the ledger."""
    return _ENTRIES.first(tx, "ledger_entry_of_draw", dataset_id=dataset_id, job_id=job_id)


def entries_about(tx: Transaction, dataset_id: int, job_id: str, kind: Kind) -> list[LedgerEntry]:
    """Return the entries of a kind about a job, in their order."""
    about = {"dataset_id": dataset_id, "job_id": job_id, "kind": kind}
    return _ENTRIES.all(tx, "ledger_entries_about", **about)


def plan_entry(tx: Transaction, dataset_id: int, plan_id: str) -> LedgerEntry:
    """Return the entry of a plan; raise NotFound if the dataset has none of this id."""
    missing = NotFound('The dataset has no plan "{plan_id}".', plan_id=plan_id)
    of = {"dataset_id": dataset_id, "plan_id": plan_id}
    return _ENTRIES.get(tx, "ledger_entry_of_plan", missing, **of)


def list_plan_entries(
    tx: Transaction, dataset_id: int, offset: int, limit: int
) -> tuple[list[LedgerEntry], int]:
    """Return a page of the entries of a dataset's plans, newest first, and their number."""
    return _ENTRIES.page(tx, "list_plan_entries", offset, limit, dataset_id=dataset_id)


def count_draws_of_plans(
    tx: Transaction, dataset_id: int, digests: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Return how often some plans were registered and drawn, by their digests."""
    plans = json.dumps(digests)
    rows = all_rows(tx, "count_draws_of_plans", dataset_id=dataset_id, digests=plans)
    return {row["digest"]: (row["registrations"], row["draws"]) for row in rows}


def count_registrations(tx: Transaction, dataset_id: int, digest: str) -> int:
    """Return how often a plan of this digest was registered in a dataset."""
    return number(tx, "count_registrations", dataset_id=dataset_id, digest=digest)


def count_unrecorded_draws(tx: Transaction, dataset_id: int) -> int:
    """Return the number of finished draws without an entry: those from before the ledger."""
    return number(tx, "count_unrecorded_draws", dataset_id=dataset_id)


def chain_faults(entries: Iterable[LedgerEntry]) -> Iterator[str]:
    """Yield a sentence for each fault of a dataset's whole ledger, given in its order."""
    expected, previous = 1, None
    for entry in entries:
        name = f"entry {entry.number} of the ledger of dataset {entry.dataset_id}"
        if entry.number != expected:
            yield f"{name} has the place of entry {expected}"
        if entry.previous_digest != previous:
            yield f"{name} doesn't follow the entry before it"
        if entry.computed_digest != entry.digest:
            yield f"{name} isn't what its digest says"
        expected, previous = entry.number + 1, entry.digest


def all_ledger_faults(connection: sqlite3.Connection, statement: str) -> tuple[int, list[str]]:
    """Return the number of entries that a statement selects, and the faults of their chains."""
    ledgers: dict[int, list[LedgerEntry]] = {}
    cursor = connection.execute(statement)
    names = [column[0] for column in cursor.description]
    for values in cursor:
        entry = _ENTRIES.of(dict(zip(names, values, strict=True)))
        ledgers.setdefault(entry.dataset_id, []).append(entry)
    faults = [fault for entries in ledgers.values() for fault in chain_faults(entries)]
    return sum(map(len, ledgers.values())), faults
