"""Issued working papers: kept files, whose hashes the dataset's ledger has.

A paper states its own number; its hash is in the ledger alone, since no file can state its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from application.access import Caller
from application.audit.evaluation import SettledEvaluation
from application.audit.evaluation.parameters import kept_evaluation
from application.audit.findings import require_not_deleted
from application.audit.review import require_final_issuer
from application.audit.working_paper import evaluation_or_refusal, working_paper
from application.audit.working_paper.writing import paper_language, paper_letterhead, write_paper
from application.certificates.evaluation import stamp_of
from domain_errors import DomainError
from storage.audit.engagements import EngagementRecord, Member, engagement_of, list_members
from storage.audit.findings import Review, review_of
from storage.audit.papers import (
    FactsEntry,
    IssuedPaper,
    insert_issued_paper,
    list_facts,
    list_issued_papers,
)
from storage.certificates.canonical_json import digest_of
from storage.certificates.certificates import Stamp
from storage.certificates.ledger import append_entry
from storage.errors import Conflict
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction
from storage.versions.data_files import StoredFile

PaperFacts = tuple[FactsEntry | None, EngagementRecord | None, Sequence[Member]]
"""The sample's own facts, and those of its engagement."""
MAX_ISSUED = 100
"""Issued papers of a sample."""


def issue_paper(
    by: Caller,
    job: JobRecord,
    request: SettledEvaluation[Any],
    ending: str,
    asked: str | None = None,
) -> IssuedPaper:
    """Write a working paper, keep its file, and enter its hash in the ledger of the dataset.

    Before the sign-off, the paper says on its cover that it isn't signed off. In an engagement, a
    paper of approved findings is issued by a reviewer or partner who prepared none of them.

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
    QuotaExceeded
        The file would exceed a quota.
    EngagementClosed
        The sample is in a sealed or archived engagement.
    Forbidden
        The findings are approved, and the caller isn't such a person.
    """
    service = by.service
    by.dataset(job.dataset_id, "write")
    with service.database.read() as tx:
        require_final_issuer(tx, by.user, job.id)
        review, number, facts = review_of(tx, job.id), _next_number(tx, job), _facts(tx, job)
        stamp = stamp_of(tx, job)
    language = paper_language(service, job, asked)
    with service.scratch_file(f"paper.{ending}") as path, service.hold_files() as adopt:
        evaluated = _write(by, job, request, number, path, language)
        file = adopt(path, 0)
        service.quotas.measure(service.database, job.dataset_id, by.user.id)
        body = {
            "job_id": job.id,
            "number": number,
            "paper_number": (facts[0] and facts[0].facts.paper_number) or "",
            "format": ending,
            "language": language,
            "review_state": review.state,
            "evaluation_sha256": evaluated,
            "sha256": file.sha256,
        }
        with by.writing() as tx:
            _require_unchanged(tx, job, review, number, facts, stamp)
            return _keep(tx, by, job, file, body)


def _write(
    by: Caller,
    job: JobRecord,
    request: SettledEvaluation[Any],
    number: int,
    path: Path,
    language: str,
) -> str | None:
    """Write the paper's file; return the digest of its evaluation, None if that was refused."""
    service = by.service
    with by.reading():
        evaluation = evaluation_or_refusal(service, job, request)
        sections = working_paper(service, job, request, number, evaluation)
        write_paper(sections, path, path.suffix[1:], language, paper_letterhead(service, job))
    if isinstance(evaluation, DomainError):
        return None
    return digest_of(kept_evaluation(request, evaluation))


def _require_unchanged(
    tx: Transaction,
    job: JobRecord,
    review: Review,
    number: int,
    facts: PaperFacts,
    stamp: Stamp,
) -> None:
    """Require that nothing was written about the sample since the paper was begun."""
    review_of(tx, job.id).require_newest(review.newest_id)
    if _next_number(tx, job) != number:
        raise Conflict("Another paper of the sample was issued meanwhile. Issue it again.")
    now = _facts(tx, job)
    if now[0] != facts[0]:
        raise Conflict("Facts of the paper were entered meanwhile. Issue it again.")
    if now != facts:
        raise Conflict("The engagement of the sample changed meanwhile. Issue the paper again.")
    if stamp_of(tx, job) != stamp:
        raise Conflict("Findings of the sample changed meanwhile. Issue the paper again.")


def _keep(
    tx: Transaction, by: Caller, job: JobRecord, file: StoredFile, body: Mapping[str, Any]
) -> IssuedPaper:
    """Enter a paper in the ledger of the dataset and among those of the sample."""
    require_not_deleted(tx, job)
    require_final_issuer(tx, by.user, job.id)
    by.service.quotas.require_room(tx, job.dataset_id, by.user.id, [file])
    entry = append_entry(tx, job.dataset_id, "paper", by.user.soeid, body, by.service.clock)
    stored = {
        **body,
        "size_bytes": file.size_bytes,
        "ledger_number": entry.number,
        "user_id": by.user.id,
        "issued_at": entry.recorded_at,
    }
    insert_issued_paper(tx, job.dataset_id, stored)
    by.audit_of_job(
        tx, "paper_issued", job, number=body["number"], format=body["format"], sha256=file.sha256
    )
    return list_issued_papers(tx, job.id, limit=1)[0]


def _facts(tx: Transaction, job: JobRecord) -> PaperFacts:
    """The facts that count; the paper has them only if they still do when it is kept."""
    engagement = engagement_of(tx, job.id)
    team = [] if engagement is None else list_members(tx, engagement.id)
    return next(iter(list_facts(tx, job.id)), None), engagement, team


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
