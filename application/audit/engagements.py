"""Engagements: who creates, sees and manages one, its team, datasets and samples.

Who creates an engagement manages it, and so does an administrator. Members see it. Other people
who read a dataset see of it what a sample states: client, period, number and team in its working
paper, and in refusals the id and who sealed it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from application.access import Caller
from application.administration.grantees import find_member
from contract.declarations import Help
from contract.requests.engagements import (
    EngagementChangeRequest,
    EngagementDatasetRequest,
    EngagementMemberRequest,
    EngagementRequest,
    require_order,
)
from contract.words import EngagementAction, Level
from domain_errors import Sentence
from lazy_dataclasses import dataclass
from storage.accounts.datasets import get_dataset, put_permission, reads_all
from storage.accounts.users import User, find_user
from storage.audit.combined_papers import EngagementPaper, engagement_papers, issued_together
from storage.audit.engagements import (
    EngagementDataset,
    EngagementRecord,
    EngagementSample,
    Member,
    SealEntry,
    add_engagement,
    add_engagement_dataset,
    assign_sample,
    change_engagement,
    engagement_of,
    engagements_of_number,
    get_engagement,
    hide_engagement,
    list_engagement_datasets,
    list_engagement_samples,
    list_members,
    member_of,
    note_change,
    put_member,
    remove_engagement_dataset,
    remove_member,
    sealings_of,
    unassign_sample,
    unhide_engagement,
)
from storage.audit.findings import review_of
from storage.errors import Conflict, Forbidden, InvalidValue, NotFound
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction

MAX_LISTED = 50
"""What an engagement lacks, its sealings, and others of its number, at most, in answers."""
MEMBER_LEVEL: Level = "write"
"""The right in datasets that each role needs: findings are entered and reviewed with it."""


@dataclass(frozen=True)
class RightGiven:
    """A right in a dataset that a member gets."""

    dataset_id: int
    dataset_name: str
    user_soeid: str
    before: Annotated[Level | None, Help("The right until now; null: none.")]
    permission: Level


@dataclass(frozen=True)
class ShownEngagement(EngagementRecord):
    """An engagement with its team and datasets."""

    team: Annotated[list[Member], Help("Partners, reviewers, then preparers.")]
    datasets: list[EngagementDataset]
    samples: Annotated[int, Help("Samples that aren't deleted.")]
    approved: Annotated[int, Help("Those whose findings are approved.")]
    ready: Annotated[int, Help("Those that lack nothing before the engagement can be sealed.")]
    missing: Annotated[
        list[str], Help("What is missing before the engagement can be sealed; 50 at most.")
    ]
    sealings: Annotated[
        list[SealEntry],
        Help("When it was sealed and unsealed, by whom and why; 50 at most, newest first."),
    ]
    may_manage: Annotated[bool, Help("Whether I may change it.")]
    notices: Annotated[list[str], Help("Other engagements with the same number.")]


@dataclass(frozen=True)
class ChangedEngagement(ShownEngagement):
    """A changed engagement, with the rights in datasets that members got or would get."""

    rights: Annotated[list[RightGiven], Help("Rights that are given; in a preview, would be.")]


@dataclass(frozen=True)
class RestoredEngagement(ShownEngagement):
    """A restored engagement, with the samples that aren't in it again."""

    left_out: Annotated[
        list[str],
        Help(
            "The jobs of samples that aren't in it again: they are in another engagement, their "
            "findings are submitted or signed off, or they were deleted for good."
        ),
    ]


def readable_engagement(tx: Transaction, user: User, engagement_id: int) -> EngagementRecord:
    """Return an engagement that a user can see, else raise the NotFound of a missing one."""
    engagement = get_engagement(tx, engagement_id)
    if may_read(tx, user, engagement):
        return engagement
    raise NotFound("Engagement {engagement} not found.", engagement=str(engagement_id))


def may_read(tx: Transaction, user: User, engagement: EngagementRecord) -> bool:
    """Whether a user manages an engagement or is a member of it."""
    return _manages(user, engagement) or member_of(tx, engagement.id, user.id) is not None


def _manages(user: User, engagement: EngagementRecord) -> bool:
    return user.is_admin or user.id == engagement.user_id


def _managed(
    tx: Transaction, by: Caller, engagement_id: int, *, must_be_open: bool = True
) -> EngagementRecord:
    """Return an engagement that the caller manages, by default only an open one.

    Raises
    ------
    NotFound
        There is none that the caller can see.
    Forbidden
        The caller is a member who doesn't manage it.
    EngagementClosed
        It is sealed, archived or deleted.
    """
    user = by.user_in(tx)
    engagement = readable_engagement(tx, user, engagement_id)
    if not _manages(user, engagement) or user.role_name == "viewer":
        raise Forbidden(
            "Only {creator}, who created the engagement, or an administrator can change it.",
            creator=engagement.user_soeid,
        )
    if must_be_open:
        engagement.require_open()
    return engagement


def shown_engagement(tx: Transaction, by: Caller, engagement_id: int) -> ShownEngagement:
    """Return an engagement with its team, datasets and what is missing before it can be sealed."""
    engagement = readable_engagement(tx, by.user, engagement_id)
    listed = list_engagement_samples(tx, engagement_id)
    papers = engagement_papers(tx, engagement_id, listed)
    samples = [each for each in listed if not each.is_deleted]
    return ShownEngagement(
        **vars(engagement),
        team=list_members(tx, engagement_id),
        datasets=list_engagement_datasets(tx, engagement_id),
        samples=len(samples),
        approved=sum(each.review_state == "approved" for each in samples),
        ready=sum(each.lacks is None for each in samples),
        missing=missing_for_seal(samples, papers)[:MAX_LISTED],
        sealings=sealings_of(tx, engagement_id, MAX_LISTED),
        may_manage=_manages(by.user, engagement) and by.user.role_name != "viewer",
        notices=_notices(tx, by.user, engagement),
    )


def _notices(tx: Transaction, user: User, engagement: EngagementRecord) -> list[str]:
    """Other engagements with the same number; those that the user can't see without a name."""
    others = engagements_of_number(tx, engagement.number, engagement.id, MAX_LISTED)
    sentences = [
        Sentence(
            "Engagement {id} has this number, too: {title}.", id=str(other.id), title=other.title
        )
        if may_read(tx, user, other)
        else Sentence("An engagement that you can't see has this number, too.")
        for other in others
    ]
    return list(dict.fromkeys(sentences))


def shown(by: Caller, engagement_id: int) -> ShownEngagement:
    """Return an engagement as it is now; no write lasts for what is read of all its samples."""
    with by.service.database.read() as tx:
        return shown_engagement(tx, by, engagement_id)


def missing_for_seal(
    samples: Sequence[EngagementSample], papers: Sequence[EngagementPaper]
) -> list[str]:
    """What is missing before an engagement with these samples and papers can be sealed.

    The papers are those on several of the samples together.
    """
    if not any(not each.is_deleted for each in samples):
        return ["The engagement has no sample."]
    missing = [f"{each.name}: {each.lacks}" for each in samples if each.lacks is not None]
    return missing + [f"{each.title}: {each.lacks}" for each in papers if each.lacks is not None]


def create_engagement(by: Caller, given: EngagementRequest) -> ShownEngagement:
    """Create an engagement, as an analyst or an administrator."""
    by.require_role("admin", "analyst")
    with by.writing() as tx:
        facts = {name: (value or "").strip() for name, value in vars(given).items()}
        made = add_engagement(tx, facts, by.user.id, by.service.clock)
        audit_engagement(tx, by, "engagement_made", made)
    return shown(by, made.id)


def change_facts(by: Caller, engagement_id: int, given: EngagementChangeRequest) -> ShownEngagement:
    """Change client, dates or number of an engagement; what isn't given stays.

    Raises
    ------
    NotFound, Forbidden, EngagementClosed
        See :func:`_managed`.
    RefusedField
        The period would end before it begins.
    """
    with by.writing() as tx:
        before = _managed(tx, by, engagement_id)
        facts = {
            name: None if value is None else value.strip() for name, value in vars(given).items()
        }
        require_order(given.period_from or before.period_from, given.period_to or before.period_to)
        change_engagement(tx, engagement_id, facts)
        after = get_engagement(tx, engagement_id)
        changed = [name for name in facts if getattr(before, name) != getattr(after, name)]
        if changed:
            note_change(tx, engagement_id, by.service.clock)
            audit_engagement(tx, by, "engagement_changed", after, fields=", ".join(changed))
    return shown(by, engagement_id)


def archive(by: Caller, engagement_id: int) -> ShownEngagement:
    """Archive an engagement that is sealed or lacks nothing: nothing of it changes, no draw joins.

    Raises
    ------
    NotFound, Forbidden
        See :func:`_managed`.
    Conflict
        It isn't finished, or is archived or deleted.
    """
    with by.writing() as tx:
        engagement = _managed(tx, by, engagement_id, must_be_open=False)
        engagement.require_listed()
        samples = list_engagement_samples(tx, engagement_id)
        missing = missing_for_seal(samples, engagement_papers(tx, engagement_id, samples))
        if engagement.state == "open" and missing:
            raise Conflict(
                "Only a sealed engagement, or one that lacks nothing, can be archived. {first}",
                first=missing[0],
            )
        hide_engagement(tx, engagement_id, "archived", by.user.id, by.service.clock)
        audit_engagement(tx, by, "engagement_archived", engagement)
    return shown(by, engagement_id)


def unarchive(by: Caller, engagement_id: int) -> ShownEngagement:
    """Take an engagement out of the archive; raise Conflict if it isn't archived."""
    with by.writing() as tx:
        engagement = _managed(tx, by, engagement_id, must_be_open=False)
        if engagement.hidden_as != "archived":
            raise Conflict("The engagement isn't archived.")
        unhide_engagement(tx, engagement_id)
        audit_engagement(tx, by, "engagement_unarchived", engagement)
    return shown(by, engagement_id)


def delete(by: Caller, engagement_id: int) -> ShownEngagement:
    """Delete an open engagement without issued papers; its samples stay, without an engagement.

    Raises
    ------
    NotFound, Forbidden, EngagementClosed
        See :func:`_managed`.
    Conflict
        See :func:`require_deletable`.
    """
    with by.writing() as tx:
        engagement = _managed(tx, by, engagement_id)
        require_deletable(tx, engagement_id, list_engagement_samples(tx, engagement_id))
        hide_engagement(tx, engagement_id, "deleted", by.user.id, by.service.clock)
        audit_engagement(tx, by, "engagement_deleted", engagement)
    return shown(by, engagement_id)


def require_deletable(
    tx: Transaction, engagement_id: int, samples: Sequence[EngagementSample]
) -> None:
    """Require an engagement that nothing of its samples keeps from being deleted.

    Raises
    ------
    Conflict
        A paper of a sample was issued, alone or with other samples, even if it was withdrawn; or
        its findings are submitted, signed off or approved.
    """
    together = issued_together(tx, engagement_id)
    for sample in samples:
        if sample.paper is not None or sample.job_id in together:
            raise Conflict(
                "A working paper on the sample {sample} was issued, so the engagement can't "
                "be deleted. Archive it when it is finished.",
                sample=sample.name,
            )
        if sample.review_state != "open":
            raise Conflict(
                "The findings of the sample {sample} are submitted or signed off, so the "
                "engagement can't be deleted. Withdraw or reopen them first.",
                sample=sample.name,
            )


def restore(by: Caller, engagement_id: int) -> RestoredEngagement:
    """Restore a deleted engagement with its team, samples, and datasets not deleted for good.

    Members keep the rights in datasets that they have now; none is given.

    Raises
    ------
    NotFound, Forbidden
        See :func:`_managed`.
    Conflict
        It isn't deleted.
    """
    with by.writing() as tx:
        engagement = _managed(tx, by, engagement_id, must_be_open=False)
        if engagement.hidden_as != "deleted":
            raise Conflict("The engagement isn't deleted.")
        left_out = unhide_engagement(tx, engagement_id)
        audit_engagement(tx, by, "engagement_restored", engagement, left_out=left_out)
    return RestoredEngagement(**vars(shown(by, engagement_id)), left_out=left_out)


def set_member(by: Caller, engagement_id: int, given: EngagementMemberRequest) -> ChangedEngagement:
    """Add a member, or change the name and role of one.

    The member gets the right `write` in the datasets of the engagement where it is lacking; a right
    is never lowered. A preview changes nothing.

    Raises
    ------
    NotFound
        There is no such user, or no engagement that the caller can see.
    InvalidValue
        The user's role lets them only read.
    Forbidden
        The caller doesn't manage the engagement, or a right is lacking in a dataset that the caller
        doesn't own.
    """
    with by.service.database.read() if given.preview else by.writing() as tx:
        engagement = _managed(tx, by, engagement_id)
        user = find_member(tx, given.user_soeid, "user_soeid")
        if user.role_name == "viewer":
            raise InvalidValue(
                '"{user}" has the role viewer and can only read. An administrator can change the '
                "role; then add the member.",
                loc=("body", "user_soeid"),
                user=user.soeid,
            )
        datasets = list_engagement_datasets(tx, engagement_id)
        rights = _lacking(
            tx, by, [user], [each.dataset_id for each in datasets if not each.is_deleted]
        )
        if not given.preview:
            name = given.full_name.strip()
            put_member(tx, engagement_id, user.id, name, given.role, by.service.clock)
            audit_engagement(
                tx,
                by,
                "engagement_member_added",
                engagement,
                soeid=user.soeid,
                full_name=name,
                role=given.role,
            )
            _give(tx, by, rights)
    return ChangedEngagement(**vars(shown(by, engagement_id)), rights=rights)


def end_member(by: Caller, engagement_id: int, name: str) -> ShownEngagement:
    """Remove a member; rights in datasets stay, and so does what the member did."""
    with by.writing() as tx:
        engagement = _managed(tx, by, engagement_id)
        user = find_member(tx, name, "user_soeid")
        remove_member(tx, engagement_id, user, by.service.clock)
        audit_engagement(tx, by, "engagement_member_removed", engagement, soeid=user.soeid)
    return shown(by, engagement_id)


def add_dataset(
    by: Caller, engagement_id: int, given: EngagementDatasetRequest
) -> ChangedEngagement:
    """Add a dataset that the caller owns; members get the right `write` where it is lacking.

    Later draws from it join the engagement if it is in no other open one.
    """
    by.dataset(given.dataset_id, "admin")
    with by.service.database.read() if given.preview else by.writing() as tx:
        engagement = _managed(tx, by, engagement_id)
        people = _active(tx, engagement_id)
        rights = _lacking(tx, by, people, [given.dataset_id])
        if not given.preview:
            if add_engagement_dataset(tx, engagement_id, given.dataset_id, by.service.clock):
                audit_engagement(
                    tx,
                    by,
                    "engagement_dataset_added",
                    engagement,
                    dataset_id=given.dataset_id,
                )
            _give(tx, by, rights)
    return ChangedEngagement(**vars(shown(by, engagement_id)), rights=rights)


def _active(tx: Transaction, engagement_id: int) -> list[User]:
    """The members who are still users."""
    users = [find_user(tx, each.user_soeid) for each in list_members(tx, engagement_id)]
    return [each for each in users if each is not None]


def end_dataset(by: Caller, engagement_id: int, dataset_id: int) -> ShownEngagement:
    """Remove a dataset; its samples stay in the engagement, and rights stay as they are."""
    with by.writing() as tx:
        engagement = _managed(tx, by, engagement_id)
        remove_engagement_dataset(tx, engagement_id, dataset_id)
        audit_engagement(tx, by, "engagement_dataset_removed", engagement, dataset_id=dataset_id)
    return shown(by, engagement_id)


def assign(by: Caller, engagement_id: int, job: JobRecord) -> ShownEngagement:
    """Assign a sample whose findings are open, from a dataset of the engagement.

    Raises
    ------
    Conflict
        It is in an engagement, its dataset isn't one of the engagement, or its findings are
        submitted or signed off.
    """
    by.dataset(job.dataset_id, "write")
    with by.writing() as tx:
        engagement = _managed(tx, by, engagement_id)
        other = engagement_of(tx, job.id)
        if other is not None:
            raise Conflict(
                "The sample is in the engagement {engagement} already.", engagement=str(other.id)
            )
        datasets = list_engagement_datasets(tx, engagement_id)
        if job.dataset_id not in [each.dataset_id for each in datasets]:
            raise Conflict(
                "The sample is of dataset {dataset}, which the engagement doesn't have. Add the "
                "dataset first.",
                loc=("body", "job_id"),
                dataset=str(job.dataset_id),
            )
        _require_open_findings(tx, job)
        assign_sample(tx, engagement_id, job.id, by.service.clock)
        _audit_sample(tx, by, "engagement_sample_added", engagement, job)
    return shown(by, engagement_id)


def unassign(by: Caller, engagement_id: int, job: JobRecord) -> ShownEngagement:
    """Remove a sample whose findings are open from an engagement."""
    by.dataset(job.dataset_id, "write")
    with by.writing() as tx:
        engagement = _managed(tx, by, engagement_id)
        _require_open_findings(tx, job)
        unassign_sample(tx, engagement_id, job.id)
        _audit_sample(tx, by, "engagement_sample_removed", engagement, job)
    return shown(by, engagement_id)


def _require_open_findings(tx: Transaction, job: JobRecord) -> None:
    """Each step of a review is taken under the rules of one engagement, or of none."""
    if review_of(tx, job.id).state != "open":
        raise Conflict(
            "The findings of the sample are submitted or signed off. Withdraw or reopen them first."
        )


def _lacking(
    tx: Transaction, by: Caller, people: Sequence[User], dataset_ids: Sequence[int]
) -> list[RightGiven]:
    """The rights that members lack in datasets.

    Raises
    ------
    Forbidden
        The caller doesn't own one of these datasets.
    """
    lacking = []
    for dataset_id in dataset_ids:
        owned = None
        for user in people:
            before = _level(tx, dataset_id, user)
            if before not in (None, "read"):
                continue
            owned = owned or get_dataset(tx, dataset_id, by.user_in(tx))
            if not owned.allows("admin"):
                raise Forbidden(
                    "{user} needs the right {level} in dataset {dataset}. Only an owner of the "
                    "dataset can give it.",
                    user=user.soeid,
                    level=MEMBER_LEVEL,
                    dataset=owned.name,
                )
            lacking.append(RightGiven(dataset_id, owned.name, user.soeid, before, MEMBER_LEVEL))
    return lacking


def _level(tx: Transaction, dataset_id: int, user: User) -> Level | None:
    """A user's level in a dataset; None without one."""
    try:
        return get_dataset(tx, dataset_id, user).level
    except NotFound:
        return None


def _give(tx: Transaction, by: Caller, rights: Sequence[RightGiven]) -> None:
    for right in rights:
        user = find_member(tx, right.user_soeid, "user_soeid")
        put_permission(tx, right.dataset_id, user.id, right.permission)
        by.audit(
            tx,
            "permission_given",
            dataset_id=right.dataset_id,
            about=("user", user.id),
            soeid=user.soeid,
            permission=right.permission,
        )


def audit_engagement(
    tx: Transaction,
    by: Caller,
    action: EngagementAction,
    engagement: EngagementRecord,
    dataset_id: int | None = None,
    **details: Any,
) -> None:
    """Add an entry about an engagement to the audit trail."""
    by.audit(
        tx,
        action,
        dataset_id=dataset_id,
        about=("engagement", engagement.id),
        client=engagement.client_name,
        **details,
    )


def _audit_sample(
    tx: Transaction,
    by: Caller,
    action: EngagementAction,
    engagement: EngagementRecord,
    job: JobRecord,
) -> None:
    sample = job.shown_name
    audit_engagement(
        tx, by, action, engagement, dataset_id=job.dataset_id, sample=sample, job_id=job.id
    )


def papers_for(
    tx: Transaction, user: User, engagement_id: int, samples: Sequence[EngagementSample]
) -> list[EngagementPaper]:
    """The newest papers on several samples, as a member who may not read all datasets sees them."""
    papers = engagement_papers(tx, engagement_id, samples)
    return [each.for_reader(reads=reads_all(tx, user, each.datasets)) for each in papers]
