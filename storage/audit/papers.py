"""Working papers: the facts that people enter for them, and the issued files.

Neither ever changes: later facts are a new entry, and a later paper has the next number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from contract.answers import Hidden
from contract.declarations import Help
from contract.requests.papers import PaperFactsRequest
from contract.words import ReviewState
from lazy_dataclasses import dataclass
from storage.audit.findings import require_open
from storage.errors import NotFound
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, json_text, run


@dataclass(frozen=True)
class FactsEntry:
    """Facts of a sample's working paper, as they were from this entry on."""

    id: int
    job_id: str
    facts: PaperFactsRequest
    user_id: Hidden[int]
    at: str
    user_soeid: str


def _facts_of_body(text: str) -> PaperFactsRequest:
    body = json.loads(text)
    if "assertions" in body:
        body["assertions"] = tuple(body["assertions"])
    return PaperFactsRequest(**body)


_FACTS = Records(FactsEntry, facts=_facts_of_body)


def list_facts(tx: Transaction, job_id: str) -> list[FactsEntry]:
    """Return the entered facts of a sample's paper, newest first."""
    return _FACTS.all(tx, "list_paper_facts", job_id=job_id)


def newest_facts_beside(tx: Transaction, dataset_id: int, job_id: str) -> FactsEntry | None:
    """Return the newest facts that were entered for another sample of a dataset."""
    return _FACTS.first(tx, "paper_facts_of_dataset", dataset_id=dataset_id, job_id=job_id)


def enter_facts(
    tx: Transaction, job_id: str, user_id: int, facts: PaperFactsRequest, clock: Clock
) -> None:
    """Enter the facts of a sample's paper.

    Raises
    ------
    FindingsLocked
        The review is submitted or signed off.
    """
    require_open(tx, job_id)
    body = json_text(facts.given())
    run(tx, "insert_paper_facts", job_id=job_id, body=body, user_id=user_id, at=timestamp(clock()))


@dataclass(frozen=True)
class IssuedPaper:
    """An issued working paper; its file is in the store of data files."""

    job_id: str
    number: Annotated[int, Help("From 1, in the order in which they were issued.")]
    paper_number: Annotated[str, Help("The firm's reference; empty without one.")]
    format: str
    language: str
    review_state: Annotated[ReviewState, Help("Of the findings when it was issued.")]
    evaluation_sha256: Annotated[
        str | None,
        Help(
            "The SHA-256 of the canonical JSON of what a sign-off of its evaluation keeps; null "
            "if nothing was evaluated."
        ),
    ]
    sha256: Annotated[str, Help("Of the file.")]
    size_bytes: int
    ledger_number: Annotated[int, Help("The entry of the dataset's ledger.")]
    user_id: Hidden[int]
    issued_at: str
    user_soeid: str
    has_other_evaluation: Annotated[
        bool,
        Help(
            "Whether it was issued after a sign-off, and has another evaluation than the one that "
            "is signed off now."
        ),
    ]


_PAPERS = Records(IssuedPaper, has_other_evaluation=bool)


def list_issued_papers(tx: Transaction, job_id: str, limit: int = -1) -> list[IssuedPaper]:
    """Return the issued papers of a sample, newest first; below 0 there is no limit."""
    return _PAPERS.all(tx, "list_issued_papers", job_id=job_id, limit=limit)


def newest_paper(tx: Transaction, job_id: str) -> IssuedPaper | None:
    """Return the newest issued paper of a sample; None: there is none."""
    return next(iter(list_issued_papers(tx, job_id, limit=1)), None)


def insert_issued_paper(tx: Transaction, dataset_id: int, paper: Mapping[str, Any]) -> None:
    """Insert an issued paper; its values are those of :class:`IssuedPaper`."""
    run(tx, "insert_issued_paper", dataset_id=dataset_id, **paper)


def issued_paper(tx: Transaction, job_id: str, number: int) -> IssuedPaper:
    """Return an issued paper; raise NotFound if the sample has none of this number."""
    for paper in list_issued_papers(tx, job_id):
        if paper.number == number:
            return paper
    raise NotFound("The sample has no issued paper {number}.", number=number)
