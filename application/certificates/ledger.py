"""The ledger of a dataset as a page and as a signed file, and what its entries mean."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import islice
from types import MappingProxyType
from typing import Annotated

from contract.declarations import Help
from contract.requests.pages import PageRequest
from domain_errors import DomainError, Sentence, render
from lazy_dataclasses import dataclass
from service.service import Service
from service.tables.row_names import NO_NAMES, names_of_job
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
from storage.jobs.jobs import JobRecord, get_job
from storage.sqlite.clock import timestamp
from storage.versions.refs import output_name_of

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "plan": "{actor} registered a plan before its draw",
        "draw": "{actor} drew {rows} {rows|row|rows} of table {table_key}",
        "replacement": "{actor} replaced {row_out} by {row_in}: {reason}",
        "deletion": "{actor} deleted a sample",
        "restoration": "{actor} restored a sample",
        "row_root": "{actor} built row proofs of table {table_key}",
        "evaluation": "{actor} issued certificate {issue} of the evaluation of a sample",
        "paper": "{actor} issued working paper {number} of a sample as {format}",
        "signed_off": "{actor} signed off the findings of a sample",
        "approved": "{actor} approved the findings of a sample",
        "reopened": "{actor} reopened the findings of a sample",
        "issued": "{actor} issued paper {paper_id} on several samples together",
        "withdrawn": "{actor} withdrew paper {paper_id} on several samples together",
        "sealed": "{actor} sealed the engagement {engagement_id}",
        "unsealed": "{actor} unsealed the engagement {engagement_id}",
    }
)
"""The sentence of each kind of entry, of ``STEPPED`` ones by the step; the names in braces
are the actor and members of its body."""

STEPPED = ("review", "engagement", "combined_paper")

MAX_LISTED = 10
"""Plans that were registered several times, and entries of one, that sentences list."""


@dataclass(frozen=True)
class ShownLedgerEntry(LedgerEntry):
    """An entry with its sentence."""

    sentence: str
    sample: Annotated[str | None, Help("The name of the sample, if there is one.")]


@dataclass(frozen=True)
class LedgerPage:
    """A page of a ledger, with a check of the whole one."""

    entries: Annotated[list[ShownLedgerEntry], Help("The newest first.")]
    total: int
    offset: int
    limit: int
    is_intact: Annotated[
        bool, Help("Whether every entry has its digest and follows the one before.")
    ]
    faults: Annotated[list[str], Help("A sentence for each break of the chain.")]
    records_since: Annotated[str | None, Help("The time of the first entry.")]
    unrecorded_draws: Annotated[int, Help("Draws that are older than the ledger.")]


def ledger_page(service: Service, dataset_id: int, page: PageRequest) -> LedgerPage:
    """Return a page of a dataset's ledger."""
    with service.database.read() as tx:
        entries, total = list_ledger(tx, dataset_id, page.offset, page.limit)
        whole = whole_ledger(tx, dataset_id)
        unrecorded = count_unrecorded_draws(tx, dataset_id)
        refs = output_refs(tx, entries)
    names = {job_id: name for job_id, ref in refs.items() if (name := output_name_of(ref))}
    rows = _replaced_rows(service, entries)
    shown = [
        ShownLedgerEntry(
            **vars(entry),
            sentence=render(
                SENTENCES[entry.body["step"] if entry.kind in STEPPED else entry.kind],
                {**entry.body, **rows.get(entry.number, {}), "actor": entry.actor},
            ),
            sample=names.get(entry.body.get("job_id", "")),
        )
        for entry in entries
    ]
    faults = list(chain_faults(whole))
    since = whole[0].recorded_at if whole else None
    return LedgerPage(shown, total, page.offset, page.limit, not faults, faults, since, unrecorded)


def _replaced_rows(service: Service, entries: Sequence[LedgerEntry]) -> dict[int, dict[str, str]]:
    """The names of the rows of replacements, by the numbers of their entries."""
    ordinals = ("ordinal_out", "ordinal_in")
    of_jobs: dict[str, list[LedgerEntry]] = {}
    for entry in entries:
        if entry.kind == "replacement":
            of_jobs.setdefault(entry.body["job_id"], []).append(entry)
    found: dict[int, dict[str, str]] = {}
    for job_id, replacements in of_jobs.items():
        names, key = NO_NAMES, ""
        with suppress(DomainError):  # the job was pruned
            with service.database.read() as tx:
                job = get_job(tx, job_id)
            key = job.run_parameters["table_key"]
            ids = [f"{key}:{one.body[each]}" for one in replacements for each in ordinals]
            names = names_of_job(service, job, ids)
        for one in replacements:
            found[one.number] = {
                each.replace("ordinal", "row"): names.of(row_id)
                if names.has(row_id := f"{key}:{one.body[each]}")
                else f"row {one.body[each]}"
                for each in ordinals
            }
    return found


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


def draws_beside(service: Service, job: JobRecord) -> list[str]:
    """Sentences on what the ledger shows beside a draw: other draws and plans of its table.

    Those of other versions of the table are counted apart: an import of the same rows makes a new
    version, whose own counts begin at 0.

    Several registrations of one plan are tries for a better seed, if only one of them is drawn.
    """
    parameters = job.run_parameters
    key = parameters["table_key"]
    with service.database.read() as tx:
        entries = whole_ledger(tx, job.dataset_id)
    draws = [each.body for each in entries if each.kind == "draw"]
    versions = [
        body["population_commit_id"]
        for body in draws
        if body["table_key"] == key and body["job_id"] != job.id
    ]
    others = versions.count(str(job.source_commit_id))
    plans: dict[str, list[int]] = {}
    elsewhere = 0
    for entry in entries:
        if entry.kind == "plan":
            content = json.loads(entry.body["text"])
            if content["table_key"] == key and content["commit_id"] == job.source_commit_id:
                plans.setdefault(entry.body["digest"], []).append(entry.number)
            elif content["table_key"] == key:
                elsewhere += 1
    drawn = Counter(body["plan_digest"] for body in draws)
    return [
        Sentence(
            "The ledger has {draws} {draws|other draw|other draws} from this version of the table, "
            "and {elsewhere} from other versions of it. Previews of draws aren’t in it.",
            draws=others,
            elsewhere=len(versions) - others,
        ),
        *_plan_sentences(plans, elsewhere, drawn),
    ]


def _plan_sentences(
    plans: Mapping[str, Sequence[int]], elsewhere: int, drawn: Counter[str]
) -> Iterator[str]:
    """Sentences on plans of a version of a table: each digest has the numbers of its entries.

    ``elsewhere`` counts the plans of other versions.
    """
    never = sum(max(len(numbers) - drawn[digest], 0) for digest, numbers in plans.items())
    undrawn = ", of which at least {never} never drawn" if never else ""
    yield Sentence(
        "It has {plans} {plans|registered plan|registered plans} of this version of the table"
        + undrawn
        + ", and {elsewhere} of other versions of it.",
        plans=sum(map(len, plans.values())),
        never=never,
        elsewhere=elsewhere,
    )
    repeated = {digest: numbers for digest, numbers in plans.items() if len(numbers) > 1}
    for digest, numbers in islice(repeated.items(), MAX_LISTED):
        listed = ", ".join(map(str, numbers[:MAX_LISTED]))
        more = " …" if len(numbers) > MAX_LISTED else ""
        yield Sentence(
            "One plan (digest {digest}) was registered {times} times, by the entries {entries}, "
            "and drawn {drawn} {drawn|time|times}: each registration has another seed, so somebody "
            "may have chosen among them.",
            digest=digest[:16],
            times=len(numbers),
            entries=listed + more,
            drawn=drawn[digest],
        )
    if len(repeated) > MAX_LISTED:
        text = "And {plans} more plans were registered several times."
        yield Sentence(text, plans=len(repeated) - MAX_LISTED)
