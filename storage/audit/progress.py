"""How far the examination of each sample is, in lists and for the users for whom it waits.

Triggers of ``schema.sql`` count in the transaction of each entry, so that no list reads findings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from contract.words import (
    ListedReviewState,
    MemberRole,
    ReviewAction,
    listed_state_after,
    state_after,
)
from lazy_dataclasses import dataclass
from storage.accounts.users import User
from storage.sqlite.database import Transaction
from storage.sqlite.queries import NEWEST, Records, statement

WaitingFor = Literal["examination", "review", "approval", "paper"]
"""Why a sample waits for a user."""
REVIEWED_SAMPLES = (
    "last_action IN (SELECT value FROM json_each(:review_actions))"
    " AND (last_action <> '' OR is_audit = 1 OR examined > 0)"
)
"""The condition of samples that are examined, or are to be, by the last steps of their reviews."""
_OPEN = "last_action IN ('', 'withdrawn', 'returned', 'reopened')"
_NOT_PREPARED = (
    "NOT EXISTS (SELECT 1 FROM sample_preparers AS own"
    " WHERE own.job_id = sample_progress.job_id AND own.user_id = :user_id)"
)
_OF_MEMBER = (
    "SELECT job_seq FROM engagement_members"
    " CROSS JOIN engagements ON engagements.id = engagement_id AND seal IS NULL"
    " CROSS JOIN engagement_samples USING (engagement_id)"
    " CROSS JOIN sample_progress USING (job_id)"
    " WHERE engagement_members.user_id = :user_id"
)
"""The samples of a user's open engagements; SQLite doesn't reorder a CROSS JOIN."""
_SIGNED = (
    "SELECT kept_sha256(evaluation) FROM reviews"
    " WHERE reviews.job_id = jobs.id AND action = 'signed_off' ORDER BY id DESC LIMIT 1"
)
"""The SHA-256 of the evaluation that the newest sign-off keeps; NULL: it keeps none."""
_CONTINUED = (
    "last_action = '' AND EXISTS (SELECT 1 FROM jobs AS later"
    " JOIN sample_progress AS progress ON progress.job_seq = later.seq"
    " JOIN refs ON refs.dataset_id = later.dataset_id AND refs.commit_id = later.output_commit_id"
    " WHERE later.output_summary ->> '$.continues.job_id' = sample_progress.job_id"
    " AND progress.drawn > 0 AND progress.examined - progress.replaced >= progress.drawn)"
)
"""Samples whose findings came along to another one, of whose rows each has a finding."""
_WAITING: Mapping[WaitingFor, str] = {
    "examination": "job_seq IN (SELECT job_seq FROM sample_progress"
    f" WHERE user_id = :user_id AND is_audit = 1 AND {_OPEN}"
    f" UNION ALL {_OF_MEMBER} AND {_OPEN}) AND NOT ({_CONTINUED})",
    "review": f"last_action = 'submitted' AND {_NOT_PREPARED}",
    "approval": f"job_seq IN ({_OF_MEMBER} AND last_action = 'signed_off') AND {_NOT_PREPARED}"
    " AND NOT EXISTS (SELECT 1 FROM reviews WHERE reviews.job_id = sample_progress.job_id"
    " AND reviews.user_id = :user_id AND action = 'signed_off')",
    "paper": f"job_seq IN ({_OF_MEMBER} AND last_action = 'approved') AND {_NOT_PREPARED}"
    " AND NOT EXISTS (SELECT 1 FROM issued_papers WHERE issued_papers.job_id = jobs.id"
    " AND issued_papers.number = (SELECT max(number) FROM issued_papers AS others"
    " WHERE others.job_id = jobs.id)"
    " AND issued_papers.review_state = 'approved' "
    " AND issued_at >= max(last_at, engagements.changed_at)"
    f" AND evaluation_sha256 IS ({_SIGNED}))",
}


@dataclass(frozen=True)
class SampleProgress:
    """The counts of a sample's rows, and the newest step of its review.

    Parameters
    ----------
    drawn, replaced : int
        Rows; each replaced row and its replacement are items.
    examined : int
        Items with a finding or an answer that counts.
    exceptions, not_examinable : int
        Of these.
    last_action : str
        Empty without a step.
    is_audit : bool
        It was drawn for a materiality, joined an engagement, or has a finding of an audit.
    """

    job_seq: int
    job_id: str
    drawn: int
    replaced: int
    examined: int
    exceptions: int
    not_examinable: int
    last_action: ReviewAction | Literal[""]
    last_at: str | None
    is_audit: bool

    @property
    def review_state(self) -> ListedReviewState:
        """The state of the review."""
        return listed_state_after(self.last_action or None)

    @property
    def is_open(self) -> bool:
        """Whether entries about rows can be made, as far as the review goes."""
        return state_after(self.last_action or None) == "open"

    @property
    def has_begun(self) -> bool:
        """Whether somebody examines the sample, or is to examine it."""
        return self.is_audit or self.examined > 0 or self.last_action != ""


_PROGRESS = Records(SampleProgress, is_audit=bool)


def progress_of(tx: Transaction, job_ids: Sequence[str]) -> dict[str, SampleProgress]:
    """Return how far some samples are, by the ids of their jobs."""
    found = _PROGRESS.all(tx, "progress_of_jobs", jobs=json.dumps(job_ids))
    return {each.job_id: each for each in found}


def waiting_samples(
    tx: Transaction,
    user: User,
    what: WaitingFor,
    roles: Sequence[MemberRole],
    limit: int,
    before: int = NEWEST,
) -> list[SampleProgress]:
    """Return the newest samples before a ``job_seq`` that wait for a user who may write.

    Those of an engagement wait for its members with one of the roles.
    """
    if user.role_name == "viewer":
        return []
    sql = statement("waiting_samples", condition=_WAITING[what])
    params = {"user_id": user.id, "sees_all": user.is_admin, "limit": limit}
    rows = tx.execute(sql, {**params, "before": before, "roles": json.dumps(roles)})
    return [_PROGRESS.of(row) for row in rows]
