"""How far the examination of each sample is, in lists and for the users for whom it waits.

Triggers of ``schema.sql`` count in the transaction of each entry, so that no list reads findings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from contract.words import ListedReviewState, ReviewAction
from lazy_dataclasses import dataclass
from storage.accounts.users import User
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, statement

WaitingFor = Literal["examination", "review"]
"""Why a sample waits for a user."""
STATES_AFTER: Mapping[str, ListedReviewState] = {
    "": "open",
    "submitted": "submitted",
    "withdrawn": "open",
    "returned": "returned",
    "signed_off": "signed_off",
    "reopened": "open",
}
"""The state of a review by its newest step; the empty text is that of no step."""
REVIEWED_SAMPLES = (
    "last_action IN (SELECT value FROM json_each(:review_actions))"
    " AND (last_action <> '' OR is_audit = 1 OR examined > 0)"
)
"""The condition of samples that are examined, or are to be, by the last steps of their reviews."""
_OPEN_ACTIONS = "last_action IN ('', 'withdrawn', 'returned', 'reopened')"
_WAITING: Mapping[WaitingFor, str] = {
    "examination": f"sample_progress.user_id = :user_id AND is_audit = 1 AND {_OPEN_ACTIONS}",
    "review": "last_action = 'submitted' AND NOT EXISTS (SELECT 1 FROM sample_preparers AS own"
    " WHERE own.job_id = sample_progress.job_id AND own.user_id = :user_id)",
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
        It was drawn for a materiality, or has a finding of an audit.
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
        return STATES_AFTER[self.last_action]

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
    tx: Transaction, user: User, what: WaitingFor, limit: int
) -> list[SampleProgress]:
    """Return the newest samples that wait for a user who may write."""
    if user.role_name == "viewer":
        return []
    sql = statement("waiting_samples", condition=_WAITING[what])
    params = {"user_id": user.id, "sees_all": user.is_admin, "limit": limit}
    return [_PROGRESS.of(row) for row in tx.execute(sql, params)]
