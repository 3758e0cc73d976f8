"""Issued working papers: kept files, whose hashes the dataset's ledger has.

A paper states its own number; its hash is in the ledger alone, since no file can state its own.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from application.access import Caller
from application.audit.evaluation import SettledEvaluation
from application.audit.evaluation.parameters import kept_evaluation
from application.audit.findings import require_not_deleted
from application.audit.state import AuditState, state_of
from application.audit.working_paper import evaluation_or_refusal, working_paper
from application.audit.working_paper.writing import paper_language, paper_letterhead, write_paper
from domain_errors import DomainError
from storage.audit.attachments import Attachment, attachments_of
from storage.audit.findings import review_of
from storage.audit.papers import (
    FactsEntry,
    IssuedPaper,
    insert_issued_paper,
    list_facts,
    list_issued_papers,
)
from storage.certificates.canonical_json import digest_of
from storage.certificates.ledger import append_entry
from storage.errors import Conflict
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction

MAX_ISSUED = 100
"""Issued papers of a sample; each is kept as a whole."""


def issue_paper(
    by: Caller,
    job: JobRecord,
    request: SettledEvaluation[Any],
    ending: str,
    asked: str | None = None,
) -> IssuedPaper:
    """Write a working paper, keep its file, and enter its hash in the ledger of the dataset.

    Before the sign-off, the paper says on its cover that it isn't signed off.

    Parameters
    ----------
    ending : {"html", "xlsx"}
    asked : str, optional
        The language; by default that of the facts or the template.

    Raises
    ------
    Conflict
        Meanwhile another paper was issued, or findings, facts or attachments changed; the sample
        has ``MAX_ISSUED`` papers, or was deleted.
    ReviewChanged
        A step of the review was taken meanwhile.
    """
    by.dataset(job.dataset_id, "write")
    with by.service.database.read() as tx:
        review, number = review_of(tx, job.id), _next_number(tx, job)
        written = _written(tx, job)
    language = paper_language(by.service, job, asked)
    with by.reading():
        evaluation = evaluation_or_refusal(by.service, job, request)
        sections = working_paper(by.service, job, request, number, evaluation)
        with tempfile.TemporaryDirectory(dir=by.service.directory.scratch_dir) as folder:
            path = Path(folder) / f"paper.{ending}"
            letterhead = paper_letterhead(by.service, job)
            write_paper(sections, path, ending, language, letterhead)
            content = path.read_bytes()
    kept = None
    if not isinstance(evaluation, DomainError):
        kept = digest_of(kept_evaluation(request, evaluation))
    facts = written.facts
    body = {
        "job_id": job.id,
        "number": number,
        "paper_number": (facts[0].facts.paper_number if facts else None) or "",
        "format": ending,
        "language": language,
        "review_state": review.state,
        "evaluation_sha256": kept,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    with by.writing() as tx:
        require_not_deleted(tx, job)
        review_of(tx, job.id).require_newest(review.newest_id)
        if _next_number(tx, job) != number:
            raise Conflict("Another paper of the sample was issued meanwhile. Issue it again.")
        if _written(tx, job) != written:
            raise Conflict("Findings of the sample changed meanwhile. Issue the paper again.")
        clock = by.service.clock
        entry = append_entry(tx, job.dataset_id, "paper", by.user.soeid, body, clock)
        stored = {
            **body,
            "ledger_number": entry.number,
            "user_id": by.user.id,
            "issued_at": entry.recorded_at,
        }
        insert_issued_paper(tx, stored, content)
        by.audit(
            tx,
            "paper_issued",
            dataset_id=job.dataset_id,
            about=("job", job.id),
            number=number,
            format=ending,
            sha256=body["sha256"],
        )
        return list_issued_papers(tx, job.id)[0]


class _Written(NamedTuple):
    """What people wrote about a sample: sheets that read it apart agree if it didn't change."""

    state: AuditState
    facts: list[FactsEntry]
    attachments: list[Attachment]


def _written(tx: Transaction, job: JobRecord) -> _Written:
    return _Written(state_of(tx, job), list_facts(tx, job.id), attachments_of(tx, job.id))


def _next_number(tx: Transaction, job: JobRecord) -> int:
    """The number of the next paper.

    Raises
    ------
    Conflict
        The sample has as many papers as are kept.
    """
    issued = list_issued_papers(tx, job.id)
    if len(issued) >= MAX_ISSUED:
        raise Conflict(
            "The sample has {count} issued working papers, and no more are kept.",
            count=len(issued),
        )
    return len(issued) + 1
