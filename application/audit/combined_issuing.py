"""Issued papers on several samples together, whose hash the ledger of each dataset has.

The paper is kept as a sample's own paper is. If all samples are in one engagement, its seal names
the newest paper on them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from application.access import Caller
from application.audit.combined_evaluation import CombinedEvaluation, as_json, evaluate_together
from application.audit.combined_paper import combined_facts, people_table
from application.audit.combined_sheet import combined_section
from application.audit.findings import require_not_deleted
from application.audit.paper_template import letterhead_of, template_language
from application.audit.review import require_final_issuer
from application.audit.working_paper.writing import write_paper
from application.certificates.evaluation import stamp_of
from contract.declarations import declared
from contract.requests.evaluate import CombinedEvaluationRequest, IssueCombinedPaperRequest
from contract.words import REVIEW_STATES, Action, ReviewState
from lazy_dataclasses import dataclass
from storage.accounts.datasets import unwritable_datasets
from storage.accounts.users import User
from storage.audit.combined_papers import (
    CombinedPaper,
    combined_paper,
    insert_combined_paper,
    list_combined_papers,
    next_combined_number,
    withdraw_combined_paper,
)
from storage.audit.engagements import engagement_of, list_members
from storage.audit.findings import review_of
from storage.audit.papers import list_facts
from storage.certificates.canonical_json import digest_of
from storage.certificates.ledger import append_entry
from storage.errors import Conflict, Forbidden, NotFound
from storage.jobs.jobs import JobRecord, get_job
from storage.sqlite.clock import timestamp
from storage.sqlite.database import Transaction


@dataclass(frozen=True)
class _Begun:
    """What a paper states beside its figures, and numbers that change with them.

    The paper is kept only if this is the same then.
    """

    number: int
    states: Sequence[ReviewState]
    stated: Sequence[Any]


def issue_together(
    by: Caller, jobs: Sequence[JobRecord], given: IssueCombinedPaperRequest
) -> CombinedPaper:
    """Write a paper on several samples, keep its file, and enter its hash in their ledgers.

    A reviewer or partner of the engagement who prepared none issues those of approved findings.

    Raises
    ------
    InvalidFindings
        The samples can't be evaluated together.
    Conflict
        Meanwhile another paper was issued, or findings, facts or the engagement changed; a sample
        has too many papers, or was deleted.
    QuotaExceeded
        The file would exceed a quota.
    EngagementClosed, Forbidden
        A sample is in a sealed or archived engagement; or its findings are approved, and the caller
        isn't such a person, or can't write one of the datasets.
    """
    service = by.service
    jobs = sorted(jobs, key=lambda job: job.id)
    datasets = sorted({job.dataset_id for job in jobs})
    for dataset_id in datasets:
        by.dataset(dataset_id, "write")
    with service.database.read() as tx:
        _require_issuer(tx, by, jobs)
        begun = _begun(tx, jobs)
    language = given.language or template_language(service) or "en"
    with service.scratch_file(f"paper.{given.format}") as path, service.hold_files() as adopt:
        with by.reading():
            found = evaluate_together(service, jobs, given)
        write_combined(by, jobs, found, path, language, begun.number)
        file = adopt(path, 0)
        for dataset_id in datasets:
            service.quotas.measure(service.database, dataset_id, by.user.id)
        paper = {
            **_stated(jobs, given, found, begun),
            "language": language,
            "sha256": file.sha256,
            "size_bytes": file.size_bytes,
            "user_id": by.user.id,
            "issued_at": timestamp(service.clock()),
        }
        with by.writing() as tx:
            for dataset_id in datasets:
                service.quotas.require_room(tx, dataset_id, by.user.id, [file])
            _require_issuer(tx, by, jobs)
            if _begun(tx, jobs) != begun:
                raise Conflict(
                    "Findings, facts, papers or the engagement of a sample changed meanwhile. "
                    "Issue the paper again."
                )
            kept = combined_paper(tx, insert_combined_paper(tx, paper))
            _record(tx, by, kept, "issued")
            return kept


def _stated(
    jobs: Sequence[JobRecord],
    given: IssueCombinedPaperRequest,
    found: CombinedEvaluation,
    begun: _Begun,
) -> dict[str, Any]:
    """What is kept of a paper beside its file."""
    return {
        "number": begun.number,
        "jobs": [job.id for job in jobs],
        "samples": [job.shown_name for job in jobs],
        "datasets": sorted({job.dataset_id for job in jobs}),
        "request": _parameters(given),
        "format": given.format,
        "review_state": next(each for each in REVIEW_STATES if each in begun.states),
        "is_tolerable": found.conclusion and found.conclusion.is_tolerable,
        "conclusion": found.conclusion and found.conclusion.sentence,
        "evaluation_sha256": digest_of(json.loads(json.dumps(as_json(found)))),
    }


def write_combined(
    by: Caller,
    jobs: Sequence[JobRecord],
    found: CombinedEvaluation,
    path: Path,
    language: str,
    number: int | None = None,
) -> None:
    """Write a paper on several samples; ``number`` is that of an issued one."""
    section = combined_section(as_json(found))
    facts, running = combined_facts(by, jobs, number)
    section = replace(section, blocks=[facts, people_table(by, jobs), *section.blocks])
    look = letterhead_of(by.service, running)
    write_paper([section], path, path.suffix[1:], language, look)


def withdraw_together(by: Caller, paper_id: int, reason: str) -> CombinedPaper:
    """Withdraw a paper on several samples, so that no seal needs or names it; its file stays.

    One of findings that were approved is withdrawn by who may issue such a paper, even if they
    were reopened.

    Raises
    ------
    NotFound, Conflict
        There is no such paper that the caller can read; or it was withdrawn.
    EngagementClosed, Forbidden
        As for :func:`issue_together`.
    """
    paper = readable_paper(by, paper_id)
    for dataset_id in paper.datasets:
        by.dataset(dataset_id, "write")
    with by.writing() as tx:
        for job_id in paper.jobs:
            require_final_issuer(tx, by.user, job_id, paper.review_state)
        withdraw_combined_paper(tx, paper_id, reason.strip(), by.user.id, by.service.clock)
        _record(tx, by, paper, "withdrawn")
        return combined_paper(tx, paper_id)


def readable_paper(by: Caller, paper_id: int) -> CombinedPaper:
    """Return a paper on several samples, if the caller can read all their datasets; NotFound."""
    with by.service.database.read() as tx:
        paper = combined_paper(tx, paper_id)
    if not _may_read(by, paper):
        raise NotFound("There is no paper {paper} on several samples.", paper=str(paper_id))
    return paper


def readable_papers(by: Caller, job_id: str) -> list[CombinedPaper]:
    """Return the papers on a sample and others whose datasets the caller can read, newest first."""
    with by.service.database.read() as tx:
        papers = list_combined_papers(tx, job_id)
    return [each for each in papers if _may_read(by, each)]


def _may_read(by: Caller, paper: CombinedPaper) -> bool:
    with suppress(NotFound):
        for dataset_id in paper.datasets:
            by.dataset(dataset_id, "read")
        return True
    return False


def may_issue(
    tx: Transaction,
    user: User,
    job_ids: Sequence[str],
    dataset_ids: Sequence[int],
    issued: ReviewState | None = None,
) -> bool:
    """Whether a user can issue a paper on samples of datasets, or withdraw one of this state."""
    with suppress(Conflict, Forbidden):
        for job_id in job_ids:
            require_final_issuer(tx, user, job_id, issued)
        return not unwritable_datasets(tx, user, dataset_ids)
    return False


def _require_issuer(tx: Transaction, by: Caller, jobs: Sequence[JobRecord]) -> None:
    for job in jobs:
        require_not_deleted(tx, job)
        require_final_issuer(tx, by.user, job.id)


def _begun(tx: Transaction, jobs: Sequence[JobRecord]) -> _Begun:
    stated: list[Any] = []
    for job in jobs:
        engagement = engagement_of(tx, job.id)
        team = [] if engagement is None else list_members(tx, engagement.id)
        stated.append((engagement, team, list_facts(tx, job.id)[:1], stamp_of(tx, job)))
    states = [review_of(tx, job.id).state for job in jobs]
    return _Begun(next_combined_number(tx, [job.id for job in jobs]), states, stated)


def _parameters(given: CombinedEvaluationRequest) -> dict[str, Any]:
    """The given fields of an evaluation, but for its samples."""
    names = [each.name for each in declared(CombinedEvaluationRequest) if each.name != "jobs"]
    values = {name: getattr(given, name) for name in names}
    if given.tolerable is not None:
        values["tolerable"] = f"{given.tolerable:f}"
    return {name: value for name, value in values.items() if value not in (None, False, "")}


def _record(tx: Transaction, by: Caller, paper: CombinedPaper, step: str) -> None:
    """Enter a step in the ledger and the audit trail of each dataset."""
    body = {
        "paper_id": paper.id,
        "step": step,
        "job_ids": paper.jobs,
        "review_state": paper.review_state,
        "evaluation_sha256": paper.evaluation_sha256,
        "sha256": paper.sha256,
    }
    for dataset_id in paper.datasets:
        append_entry(tx, dataset_id, "combined_paper", by.user.soeid, body, by.service.clock)
    action: Action = "combined_paper_issued" if step == "issued" else "combined_paper_withdrawn"
    first_jobs: dict[int, str] = {}
    for job_id in reversed(paper.jobs):
        with suppress(NotFound):  # the sample was pruned
            first_jobs[get_job(tx, job_id).dataset_id] = job_id
    for dataset_id in paper.datasets:
        job = first_jobs.get(dataset_id)
        by.audit(
            tx,
            action,
            dataset_id=dataset_id,
            about=None if job is None else ("job", job),
            title=paper.title,
            sha256=paper.sha256,
        )
