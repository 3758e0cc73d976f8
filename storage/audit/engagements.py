"""Engagements: client, period, team, datasets and samples of one audit, and their seal.

Guarantees that a sample is in one engagement at most, and that nothing of a sealed or
archived engagement changes: its state is read in the transaction of the change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Literal

from contract.answers import Hidden
from contract.declarations import Help
from contract.words import (
    EngagementFilter,
    EngagementState,
    HiddenEngagement,
    MemberRole,
    ReviewState,
    state_after,
)
from domain_errors import Sentence
from lazy_dataclasses import dataclass
from storage.accounts.users import User
from storage.errors import Conflict, NotFound
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import NEWEST, Records, all_rows, first, only, required, run, run_each

MAX_MEMBERS = 100
"""Members of an engagement."""
MAX_DATASETS = 100
"""Datasets of an engagement."""


class EngagementClosed(Conflict):
    """The engagement is sealed, archived or deleted, so that nothing of it changes."""


class EngagementSealed(EngagementClosed):
    """The engagement is sealed."""

    code = "engagement_sealed"


@dataclass(frozen=True)
class EngagementRecord:
    """An engagement."""

    id: int
    client_name: Annotated[str, Help("The audited entity.")]
    period_from: Annotated[str, Help("The first day of the audited period.")]
    period_to: Annotated[str, Help("The last day of the audited period.")]
    number: Annotated[str, Help("The firm's reference; empty without one.")]
    user_id: Hidden[int]
    user_soeid: Annotated[str, Help("Who created it, and manages it.")]
    created_at: str
    changed_at: Hidden[str]
    seal: Hidden[str | None]
    seal_sha256: Annotated[
        str | None, Help("The SHA-256 of the seal; null while the engagement is open.")
    ]
    sealed_at: str | None
    sealed_by: Hidden[int | None]
    sealed_by_soeid: str | None
    hidden_as: Annotated[
        HiddenEngagement | None,
        Help("`archived` or `deleted`: the list has it by this state only."),
    ]
    hidden_at: Annotated[str | None, Help("When it was archived or deleted.")]
    hidden_by_soeid: str | None

    @property
    def state(self) -> Annotated[EngagementState, Help("`open` or `sealed`.")]:
        """Whether it is open or sealed."""
        return "open" if self.seal is None else "sealed"

    @property
    def is_closed(self) -> bool:
        """Whether it is sealed or archived, so that nothing of it changes."""
        return self.seal is not None or self.hidden_as is not None

    @property
    def period(self) -> Annotated[str, Help("As working papers state it.")]:
        """The period as working papers state it."""
        first, last = (date.fromisoformat(day) for day in (self.period_from, self.period_to))
        return Sentence("{first} to {last}", first=first, last=last)

    @property
    def title(self) -> str:
        """The number, the client and the period."""
        return f"{self.number + ', ' if self.number else ''}{self.client_name}, {self.period}"

    def require_open(self) -> None:
        """Raise EngagementSealed if it is sealed, EngagementClosed if archived or deleted."""
        if self.seal is not None:
            raise EngagementSealed(
                "The engagement {engagement} is sealed by {person}, and nothing of it changes. "
                "Another reviewer or partner, who prepared none of its samples, can unseal it.",
                engagement=str(self.id),
                person=self.sealed_by_soeid,
            )
        self.require_listed()

    def require_listed(self) -> None:
        """Raise EngagementClosed if it is archived or deleted."""
        if self.hidden_as is not None:
            raise EngagementClosed(
                "The engagement {engagement} is {state}. {undo} it first.",
                engagement=str(self.id),
                state=self.hidden_as,
                undo="Unarchive" if self.hidden_as == "archived" else "Restore",
            )


_ENGAGEMENTS = Records(EngagementRecord)


def add_engagement(
    tx: Transaction, facts: Mapping[str, str], user_id: int, clock: Clock
) -> EngagementRecord:
    """Add an engagement with its client, dates and number."""
    row = only(tx, "insert_engagement", **facts, user_id=user_id, created_at=timestamp(clock()))
    return get_engagement(tx, row["id"])


def get_engagement(tx: Transaction, engagement_id: int) -> EngagementRecord:
    """Return an engagement, without a check of rights."""
    missing = NotFound("Engagement {engagement} not found.", engagement=str(engagement_id))
    return _ENGAGEMENTS.get(tx, "engagement_by_id", missing, id=engagement_id)


_SOUGHT = "(instr(casefold(client_name), casefold(:q)) OR instr(casefold(number), casefold(:q)))"
_STATES: Mapping[EngagementFilter | None, str] = {
    None: "hidden_engagements.state IS NULL",
    "open": "hidden_engagements.state IS NULL AND seal IS NULL",
    "sealed": "hidden_engagements.state IS NULL AND seal IS NOT NULL",
    "archived": "hidden_engagements.state = 'archived'",
    "deleted": "hidden_engagements.state = 'deleted'",
}
_OWN = (
    "engagements.id IN (SELECT engagement_id FROM engagement_members WHERE user_id = :user_id "
    "UNION ALL SELECT id FROM engagements AS own WHERE own.user_id = :user_id)"
)


def list_engagements(
    tx: Transaction,
    viewer: User,
    offset: int,
    limit: int,
    q: str | None = None,
    state: EngagementFilter | None = None,
) -> tuple[list[EngagementRecord], int]:
    """Return a page of the engagements that a user can see, newest first, and their number.

    They are those of which the user is a member or the creator; an administrator sees all. Without
    a state they are those that are neither archived nor deleted.
    """
    conditions = [
        _STATES[state],
        *((_SOUGHT,) if q is not None else ()),
        *(() if viewer.is_admin else (_OWN,)),
    ]
    where = {"where": f"WHERE {' AND '.join(conditions)}"}
    return _ENGAGEMENTS.page(tx, "list_engagements", offset, limit, where, user_id=viewer.id, q=q)


def engagements_of_number(
    tx: Transaction, number: str, but: int, limit: int
) -> list[EngagementRecord]:
    """Return other engagements with the same number in any case; none for an empty number."""
    found = all_rows(tx, "engagements_of_number", number=number, id=but, limit=limit)
    return [get_engagement(tx, row["id"]) for row in found]


def hide_engagement(
    tx: Transaction, engagement_id: int, state: HiddenEngagement, user_id: int, clock: Clock
) -> None:
    """Archive or delete an engagement; a deleted one has no members, datasets and samples."""
    own, parts = {"engagement_id": engagement_id}, "{}"
    if state == "deleted":
        parts = only(tx, "parts_of_engagement", **own)["parts"]
        run_each(tx, _DELETED_PARTS, **own)
    values = {"state": state, "parts": parts, "user_id": user_id, "at": timestamp(clock())}
    run(tx, "hide_engagement", **own, **values)


_DELETED_PARTS = (
    *("delete_members_of_engagement", "delete_datasets_of_engagement"),
    "delete_samples_of_engagement",
)


def unhide_engagement(tx: Transaction, engagement_id: int) -> list[str]:
    """List an archived or deleted engagement again, with its members, datasets and samples.

    Returns
    -------
    list of str
        The jobs of samples of a deleted one that aren't in it again: they are in another
        engagement, their findings are submitted or signed off, or they were deleted for good.
    """
    own = {"engagement_id": engagement_id}
    run_each(tx, ("restore_members", "restore_datasets", "restore_samples"), **own)
    left_out = [row["job_id"] for row in all_rows(tx, "left_out_samples", **own)]
    run(tx, "unhide_engagement", **own)
    return left_out


def approved_engagements(
    tx: Transaction, user: User, roles: Sequence[MemberRole], limit: int, before: int = NEWEST
) -> list[int]:
    """Return the ids of the newest open engagements before an id, whose samples are all approved.

    The user has one of the roles in them, and prepared none of their samples.
    """
    params = {"user_id": user.id, "roles": json.dumps(roles), "limit": limit, "before": before}
    return [row["id"] for row in all_rows(tx, "approved_engagements", **params)]


def change_engagement(tx: Transaction, engagement_id: int, facts: Mapping[str, str | None]) -> None:
    """Change client, dates or number of an engagement; None leaves one as it is."""
    run(tx, "update_engagement", id=engagement_id, **facts)


def note_change(tx: Transaction, engagement_id: int, clock: Clock) -> None:
    """Note that facts or the team changed, so that earlier papers state others."""
    run(tx, "note_engagement_change", id=engagement_id, at=timestamp(clock()))


@dataclass(frozen=True)
class Member:
    """A member of an engagement's team."""

    engagement_id: Hidden[int]
    user_id: Hidden[int]
    user_soeid: str
    full_name: str
    role: MemberRole
    at: Annotated[str, Help("When the user became a member.")]


_MEMBERS = Records(Member)


def list_members(tx: Transaction, engagement_id: int) -> list[Member]:
    """Return the members of an engagement: partners, then reviewers, then preparers."""
    return _MEMBERS.all(tx, "list_engagement_members", engagement_id=engagement_id)


def named(user_id: int, soeid: str, team: Sequence[Member]) -> str:
    """Return the full name of a member with the user name, or of others the user name."""
    names = [each.full_name for each in team if each.user_id == user_id]
    return f"{names[0]} ({soeid})" if names else soeid


def member_of(tx: Transaction, engagement_id: int, user_id: int) -> Member | None:
    """Return a user's membership in an engagement; None if the user is no member."""
    members = list_members(tx, engagement_id)
    return next((each for each in members if each.user_id == user_id), None)


def put_member(
    tx: Transaction,
    engagement_id: int,
    user_id: int,
    full_name: str,
    role: MemberRole,
    clock: Clock,
) -> None:
    """Add a member, or change name and role of one; raise Conflict for too many."""
    members = list_members(tx, engagement_id)
    now = member_of(tx, engagement_id, user_id)
    if now is None and len(members) >= MAX_MEMBERS:
        raise Conflict("The engagement has {most} members, the limit.", most=MAX_MEMBERS)
    values = {"full_name": full_name, "role": role, "at": timestamp(clock())}
    run(tx, "put_engagement_member", engagement_id=engagement_id, user_id=user_id, **values)
    if now is None or (now.full_name, now.role) != (full_name, role):
        note_change(tx, engagement_id, clock)


def remove_member(tx: Transaction, engagement_id: int, user: User, clock: Clock) -> None:
    """Remove a member; raise NotFound if the user is none."""
    missing = NotFound(
        '"{user}" is no member of the engagement.', loc=("body", "user_soeid"), user=user.soeid
    )
    member = {"engagement_id": engagement_id, "user_id": user.id}
    required(tx, "delete_engagement_member", missing, **member)
    note_change(tx, engagement_id, clock)


@dataclass(frozen=True)
class EngagementDataset:
    """A dataset of an engagement."""

    dataset_id: int
    dataset_name: str
    is_deleted: bool


_DATASETS = Records(EngagementDataset, is_deleted=bool)


def list_engagement_datasets(tx: Transaction, engagement_id: int) -> list[EngagementDataset]:
    """Return the datasets of an engagement by name."""
    return _DATASETS.all(tx, "list_engagement_datasets", engagement_id=engagement_id)


def add_engagement_dataset(
    tx: Transaction, engagement_id: int, dataset_id: int, clock: Clock
) -> bool:
    """Add a dataset; False if the engagement has it. Raise Conflict for too many."""
    if len(list_engagement_datasets(tx, engagement_id)) >= MAX_DATASETS:
        raise Conflict("The engagement has {most} datasets, the limit.", most=MAX_DATASETS)
    entry = {"engagement_id": engagement_id, "dataset_id": dataset_id, "at": timestamp(clock())}
    return first(tx, "insert_engagement_dataset", **entry) is not None


def remove_engagement_dataset(tx: Transaction, engagement_id: int, dataset_id: int) -> None:
    """Remove a dataset; its samples stay. Raise NotFound if the engagement doesn't have it."""
    missing = NotFound(
        "The engagement doesn't have dataset {dataset}.",
        loc=("body", "dataset_id"),
        dataset=str(dataset_id),
    )
    dataset = {"engagement_id": engagement_id, "dataset_id": dataset_id}
    required(tx, "delete_engagement_dataset", missing, **dataset)


@dataclass(frozen=True)
class EngagementSample:
    """A sample of an engagement, with its review and its newest issued paper."""

    job_id: str
    dataset_id: int
    dataset_name: str
    output_ref: str
    status: Annotated[str, Help("Of its job; failed draws aren't listed.")]
    is_deleted: bool
    review_state: ReviewState
    reviewed_at: Annotated[str | None, Help("The newest step of the review.")]
    signed_sha256: Annotated[
        str | None,
        Help("The SHA-256 of the canonical JSON of the evaluation that a sign-off keeps."),
    ]
    paper: Annotated[int | None, Help("The number of the newest issued paper.")]
    paper_number: Annotated[str | None, Help("The firm's reference of this paper.")]
    paper_sha256: str | None
    paper_state: Annotated[ReviewState | None, Help("The review's state when it was issued.")]
    evaluation_sha256: Annotated[str | None, Help("Of the paper's evaluation.")]
    issued_at: str | None
    changed_at: Hidden[str]

    @property
    def name(self) -> Annotated[str, Help("Of the sample.")]:
        """The name of the sample."""
        return self.output_ref.removeprefix("smpl-")

    @property
    def lacks(
        self,
    ) -> Annotated[str | None, Help("What is missing before the engagement can be sealed.")]:
        """What is missing before the engagement can be sealed; None: nothing."""
        if self.is_deleted:
            return None
        if self.status != "completed":
            return "The draw hasn't ended."
        if self.review_state != "approved":
            return "The findings aren't approved."
        if self.paper is None or self.paper_state != "approved" or self._is_paper_older:
            return "No paper was issued since the approval."
        if (self.issued_at or "") < self.changed_at:
            return "The newest paper is older than the last change of the facts or the team."
        if self.signed_sha256 is None and self.evaluation_sha256 is not None:
            return "The newest paper has an evaluation, and the sign-off keeps none."
        if self.evaluation_sha256 != self.signed_sha256:
            return "The newest paper has another evaluation than the one that was signed off."
        return None

    @property
    def _is_paper_older(self) -> bool:
        return (self.issued_at or "") < (self.reviewed_at or "")


_SAMPLES = Records(EngagementSample, is_deleted=bool, review_state=state_after)


def list_engagement_samples(tx: Transaction, engagement_id: int) -> list[EngagementSample]:
    """Return the samples of an engagement whose draws didn't fail, the first drawn first."""
    return _SAMPLES.all(tx, "list_engagement_samples", engagement_id=engagement_id)


@dataclass(frozen=True)
class AssignableSample:
    """A sample that can be assigned to an engagement."""

    job_id: str
    output_ref: str
    dataset_name: str

    @property
    def name(self) -> str:
        """The name of the sample."""
        return self.output_ref.removeprefix("smpl-")


def assignable_samples(
    tx: Transaction, engagement_id: int, user: User, limit: int
) -> list[AssignableSample]:
    """Return the newest samples that a user can assign: of its datasets, open, in no engagement."""
    values = {"user_id": user.id, "sees_all": user.is_admin, "limit": limit}
    return Records(AssignableSample).all(
        tx, "assignable_samples", engagement_id=engagement_id, **values
    )


def prepared_sample(tx: Transaction, engagement_id: int, user_id: int) -> str | None:
    """Return the name of the first sample of an engagement that a user prepared; None: none."""
    row = first(tx, "prepared_sample", engagement_id=engagement_id, user_id=user_id)
    return None if row is None else str(row["output_ref"]).removeprefix("smpl-")


def ledgers_of_engagement(tx: Transaction, engagement_id: int) -> list[int]:
    """Return the ids of the datasets of an engagement and of its samples."""
    rows = all_rows(tx, "ledgers_of_engagement", engagement_id=engagement_id)
    return [row["dataset_id"] for row in rows]


def engagement_of(tx: Transaction, job_id: str) -> EngagementRecord | None:
    """Return the engagement of a sample; None if it is in none."""
    row = first(tx, "engagement_of_sample", job_id=job_id)
    return None if row is None else get_engagement(tx, row["engagement_id"])


def require_not_closed(tx: Transaction, job_id: str) -> None:
    """Raise EngagementClosed if a sample is one of a sealed or archived engagement."""
    engagement = engagement_of(tx, job_id)
    if engagement is not None:
        engagement.require_open()


def require_table_not_closed(
    tx: Transaction, dataset_id: int, commit_id: str, table_key: str
) -> None:
    """Raise EngagementClosed if a sample of such an engagement was drawn from a table."""
    table = {"dataset_id": dataset_id, "commit_id": commit_id, "table_key": table_key}
    for row in all_rows(tx, "engagements_of_table", **table):
        get_engagement(tx, row["engagement_id"]).require_open()


def assign_sample(tx: Transaction, engagement_id: int, job_id: str, clock: Clock) -> None:
    """Assign a sample to an engagement; the caller has checked that it is in none."""
    at = timestamp(clock())
    run(tx, "insert_engagement_sample", engagement_id=engagement_id, job_id=job_id, at=at)


def unassign_sample(tx: Transaction, engagement_id: int, job_id: str) -> None:
    """Remove a sample from an engagement; raise NotFound if it isn't one of it."""
    missing = NotFound("Sample {job} isn't in the engagement.", loc=("body", "job_id"), job=job_id)
    sample = {"engagement_id": engagement_id, "job_id": job_id}
    required(tx, "delete_engagement_sample", missing, **sample)


def seal_engagement(
    tx: Transaction, engagement_id: int, seal: str, sha256: str, user_id: int, at: str
) -> None:
    """Keep the seal of an engagement, which states its time, too."""
    values = {"seal": seal, "seal_sha256": sha256, "sealed_by": user_id, "sealed_at": at}
    run(tx, "seal_engagement", id=engagement_id, **values)


@dataclass(frozen=True)
class SealEntry:
    """One sealing or unsealing of an engagement, by the audit trail."""

    step: Annotated[Literal["sealed", "unsealed"], Help("What was done.")]
    at: str
    user_soeid: str
    seal_sha256: Annotated[str | None, Help("The SHA-256 of the seal; null of `unsealed`.")]
    reason: Annotated[str | None, Help("Why it was unsealed; null of `sealed`.")]


def sealings_of(tx: Transaction, engagement_id: int, limit: int) -> list[SealEntry]:
    """Return when an engagement was sealed and unsealed, the newest first."""
    values = {"engagement_id": str(engagement_id), "limit": limit}
    return Records(SealEntry).all(tx, "sealings_of_engagement", **values)


def unseal_engagement(tx: Transaction, engagement_id: int) -> None:
    """Open a sealed engagement; the ledgers and the audit trail keep its seal's digest."""
    names: Sequence[str] = ("seal", "seal_sha256", "sealed_by", "sealed_at")
    run(tx, "seal_engagement", id=engagement_id, **dict.fromkeys(names))
