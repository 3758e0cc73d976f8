"""Issued papers on several samples together. The newest one on a set of samples counts.

A paper never changes. A withdrawal is added to it, and its file stays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlencode

from contract.answers import Hidden
from contract.declarations import Help
from contract.words import MemberRole, ReviewState
from lazy_dataclasses import dataclass
from storage.accounts.users import User
from storage.audit.engagements import EngagementSample
from storage.errors import Conflict, NotFound
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import NEWEST, Records, all_rows, json_text, only, required, run

MAX_TOGETHER_ISSUED = 100
"""Issued papers on a sample and others."""


@dataclass(frozen=True)
class CombinedPaper:
    """An issued paper on several samples together; its file is in the store of data files."""

    id: int
    number: Annotated[int, Help("From 1, of the papers on the same samples.")]
    jobs: Annotated[list[str], Help("The jobs of the samples, sorted.")]
    samples: Annotated[list[str], Help("Their names, in the order of `jobs`.")]
    datasets: Annotated[list[int], Help("Their datasets, whose ledgers have an entry of it.")]
    request: Annotated[dict[str, Any], Help("What was given for the evaluation.")]
    format: str
    language: str
    review_state: Annotated[
        ReviewState, Help("Of the findings when it was issued: that of the sample least reviewed.")
    ]
    is_tolerable: bool | None
    conclusion: Annotated[str | None, Help("Null if nothing tolerable was given.")]
    evaluation_sha256: Annotated[str, Help("Of the canonical JSON of the evaluation's answer.")]
    sha256: Annotated[str, Help("Of the file.")]
    size_bytes: int
    user_id: Hidden[int]
    issued_at: str
    user_soeid: str
    withdrawn_at: str | None
    withdrawn_by: Hidden[int | None]
    reason: Annotated[str | None, Help("Why it was withdrawn.")]
    withdrawn_by_soeid: str | None

    @property
    def title(self) -> Annotated[str, Help("The names of the samples.")]:
        """The names of the samples."""
        return " + ".join(self.samples)

    @property
    def query(self) -> Annotated[str, Help("Of the page that evaluates these samples again.")]:
        """The query of the page that evaluates the samples as the paper does."""
        texts = {name: "true" if own is True else own for name, own in self.request.items()}
        # The page evaluates nothing without `tolerable`, which may be empty.
        return urlencode({"jobs": ",".join(self.jobs), "tolerable": "", **texts})


@dataclass(frozen=True)
class EngagementPaper(CombinedPaper):
    """The newest paper on several samples of an engagement, which the seal names."""

    is_deleted: Annotated[bool, Help("Whether one of its samples was deleted.")]
    is_ready: Annotated[bool, Help("Whether the findings of all its samples are approved.")]
    lacks: Annotated[
        str | None, Help("What is missing before the engagement can be sealed; null: nothing.")
    ]
    is_readable: Annotated[
        bool,
        Help(
            "Whether you can read all its datasets. Otherwise `request`, `is_tolerable` and "
            "`conclusion` are left out."
        ),
    ] = True

    def for_reader(self, *, reads: bool) -> EngagementPaper:
        """The paper as it is shown to who can, or can't, read all its datasets."""
        if reads:
            return self
        return replace(self, is_readable=False, request={}, is_tolerable=None, conclusion=None)


def _is(value: int | None) -> bool | None:
    return None if value is None else bool(value)


_PAPERS = Records(
    CombinedPaper,
    jobs=json.loads,
    samples=json.loads,
    datasets=json.loads,
    request=json.loads,
    is_tolerable=_is,
)


def list_combined_papers(tx: Transaction, job_id: str) -> list[CombinedPaper]:
    """Return the papers on a sample and others together, newest first."""
    return _PAPERS.all(tx, "list_combined_papers", job_id=job_id)


def issued_together(tx: Transaction, engagement_id: int) -> set[str]:
    """Return the samples of an engagement with papers on them and others, withdrawn or not."""
    rows = all_rows(tx, "samples_issued_together", engagement_id=engagement_id)
    return {row["job_id"] for row in rows}


def combined_paper(tx: Transaction, paper_id: int) -> CombinedPaper:
    """Return a paper on several samples, without a check of rights; raise NotFound."""
    missing = NotFound("There is no paper {paper} on several samples.", paper=str(paper_id))
    return _PAPERS.get(tx, "combined_paper_by_id", missing, id=paper_id)


def next_combined_number(tx: Transaction, jobs: Sequence[str]) -> int:
    """Return the number of the next paper on samples by their sorted jobs; or raise Conflict."""
    found = [list_combined_papers(tx, job_id) for job_id in jobs]
    if max(map(len, found)) >= MAX_TOGETHER_ISSUED:
        raise Conflict(
            "A sample has {count} issued papers with others, and no more are kept.",
            count=MAX_TOGETHER_ISSUED,
        )
    return 1 + sum(each.jobs == list(jobs) for each in found[0])


def insert_combined_paper(tx: Transaction, paper: Mapping[str, Any]) -> int:
    """Insert a paper with the values of :class:`CombinedPaper`; return its id."""
    listed = ("jobs", "samples", "datasets", "request")
    values = {**paper, **{name: json_text(paper[name]) for name in listed}}
    paper_id = int(only(tx, "insert_combined_paper", **values)["id"])
    run(tx, "insert_combined_paper_samples", paper_id=paper_id, jobs=values["jobs"])
    return paper_id


def withdraw_combined_paper(
    tx: Transaction, paper_id: int, reason: str, user_id: int, clock: Clock
) -> None:
    """Withdraw a paper; raise Conflict if it was withdrawn."""
    values = {"reason": reason, "withdrawn_by": user_id, "withdrawn_at": timestamp(clock())}
    gone = Conflict("The paper was withdrawn already.")
    required(tx, "withdraw_combined_paper", gone, id=paper_id, **values)


def engagements_with_papers(
    tx: Transaction, user: User, roles: Sequence[MemberRole], limit: int, before: int = NEWEST
) -> list[int]:
    """Return the newest open engagements before an id with papers on several of their samples.

    The user has one of the roles in them.
    """
    params = {"user_id": user.id, "roles": json.dumps(roles), "limit": limit, "before": before}
    return [row["id"] for row in all_rows(tx, "engagements_with_combined_papers", **params)]


def engagement_papers(
    tx: Transaction, engagement_id: int, samples: Sequence[EngagementSample]
) -> list[EngagementPaper]:
    """Return the newest paper on each set of an engagement's samples, but for withdrawn ones.

    Parameters
    ----------
    samples : sequence of EngagementSample
        Those of the engagement.
    """
    by_job = {each.job_id: each for each in samples}
    rows = all_rows(tx, "engagement_combined_papers", engagement_id=engagement_id)
    found = []
    for paper in map(_PAPERS.of, rows):
        parts = [by_job[job_id] for job_id in paper.jobs if job_id in by_job]
        if len(parts) == len(paper.jobs):
            is_deleted = any(each.is_deleted for each in parts)
            is_ready = all(each.review_state == "approved" for each in parts)
            lacks = None if is_deleted else _lacks(paper, parts, is_ready=is_ready)
            found.append(
                EngagementPaper(
                    **vars(paper), is_deleted=is_deleted, is_ready=is_ready, lacks=lacks
                )
            )
    return found


def _lacks(
    paper: CombinedPaper, parts: Sequence[EngagementSample], *, is_ready: bool
) -> str | None:
    if not is_ready:
        return "The findings of its samples aren't all approved."
    if paper.issued_at < max(each.reviewed_at or "" for each in parts):
        return "No paper on these samples together was issued since their approval."
    if paper.issued_at < parts[0].changed_at:
        return "Its paper is older than the last change of the facts or the team."
    return None
