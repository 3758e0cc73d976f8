"""The seal of an engagement: what it consisted of, in canonical JSON, with a digest in the ledgers.

Guarantees that an engagement is sealed only if the findings of each sample are approved and a paper
was issued since, and that another person than who sealed it unseals it. Both may write each dataset
whose ledger gets the entry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal

from application.access import Caller
from application.audit.engagements import (
    MEMBER_LEVEL,
    ShownEngagement,
    audit_engagement,
    missing_for_seal,
    readable_engagement,
    shown,
)
from application.audit.review import REVIEWING
from contract.declarations import Help
from contract.words import MemberRole
from lazy_dataclasses import dataclass
from storage.accounts.datasets import reads_all, unwritable_datasets
from storage.accounts.users import User
from storage.audit.combined_papers import EngagementPaper, engagement_papers
from storage.audit.engagements import (
    EngagementRecord,
    EngagementSample,
    ledgers_of_engagement,
    list_engagement_datasets,
    list_engagement_samples,
    list_members,
    member_of,
    prepared_sample,
    seal_engagement,
    unseal_engagement,
)
from storage.certificates.canonical_json import canonical_json, digest_of
from storage.certificates.ledger import append_entry
from storage.errors import Conflict, Forbidden, NotFound
from storage.sqlite.clock import timestamp
from storage.sqlite.database import Transaction


@dataclass(frozen=True)
class Seal:
    """What a seal states; the ledgers have the SHA-256 of its canonical JSON."""

    engagement: Annotated[dict[str, Any], Help("Id, client, dates and number.")]
    team: Annotated[list[dict[str, Any]], Help("User, full name and role of each member.")]
    datasets: list[dict[str, Any]]
    samples: Annotated[
        list[dict[str, Any]],
        Help("With the SHA-256 of the newest paper, and whether the sample was deleted."),
    ]
    combined_papers: Annotated[
        list[dict[str, Any]],
        Help(
            "The newest paper on each set of samples together, with its SHA-256. Seals of older "
            "versions don't have it."
        ),
    ]
    sealed_by: str
    sealed_at: Annotated[str, Help("When. Seals of older versions don't have it.")]


SealingStep = Literal["seal", "unseal"]
_ROLES: Mapping[SealingStep, tuple[MemberRole, ...]] = {"seal": ("partner",), "unseal": REVIEWING}


class NotReady(Conflict):
    """Something is missing before the engagement can be sealed."""

    code = "engagement_not_ready"


def seal(by: Caller, engagement_id: int) -> ShownEngagement:
    """Seal an engagement, as a partner who prepared none of its samples.

    Each dataset's ledger gets an entry of the kind `engagement` with the digest of the seal.

    Raises
    ------
    NotFound
        There is no engagement that the caller can see.
    EngagementClosed
        It is sealed, archived or deleted.
    Forbidden
        The caller is no partner of it, prepared a sample, or can't write one of its datasets.
    NotReady
        A sample isn't approved or has no paper since, or several together have none; or there is
        no sample.
    """
    with by.writing() as tx:
        user = by.user_in(tx)
        engagement = readable_engagement(tx, user, engagement_id)
        engagement.require_open()
        _require_person(tx, user, engagement, "seal")
        samples = list_engagement_samples(tx, engagement_id)
        papers = engagement_papers(tx, engagement_id, samples)
        if missing := missing_for_seal(samples, papers):
            raise NotReady(
                "The engagement can't be sealed: {count} {count|item is|items are} missing. "
                "{first}",
                count=len(missing),
                first=missing[0],
            )
        at = timestamp(by.service.clock())
        body = vars(seal_of(tx, by, engagement, samples, papers, at))
        text, sha256 = canonical_json(body), digest_of(body)
        seal_engagement(tx, engagement_id, text, sha256, by.user.id, at)
        _record(tx, by, engagement_id, "sealed", sha256)
        audit_engagement(tx, by, "engagement_sealed", engagement, seal_sha256=sha256)
    return shown(by, engagement_id)


def unseal(by: Caller, engagement_id: int, reason: str) -> ShownEngagement:
    """Unseal an engagement, as a reviewer or partner who neither sealed it nor prepared a sample.

    Raises
    ------
    NotFound, Conflict
        There is no engagement that the caller can see; or it isn't sealed, or is archived.
    Forbidden
        The caller is no such person.
    """
    with by.writing() as tx:
        user = by.user_in(tx)
        engagement = readable_engagement(tx, user, engagement_id)
        if engagement.seal_sha256 is None:
            raise Conflict("The engagement isn't sealed.")
        engagement.require_listed()
        _require_person(tx, user, engagement, "unseal")
        unseal_engagement(tx, engagement_id)
        _record(tx, by, engagement_id, "unsealed", engagement.seal_sha256)
        audit_engagement(tx, by, "engagement_unsealed", engagement, reason=reason.strip())
    return shown(by, engagement_id)


def seal_text(by: Caller, engagement_id: int) -> str:
    """The canonical JSON of a seal, whose SHA-256 the ledgers have.

    Raises
    ------
    NotFound
        There is no engagement that the caller can see, or it isn't sealed.
    Forbidden
        It states conclusions on samples whose datasets the caller can't all read.
    """
    with by.service.database.read() as tx:
        found = readable_engagement(tx, by.user, engagement_id).seal
        if found is None:
            raise NotFound("The engagement isn't sealed.")
        if not reads_seal(tx, by.user, found):
            raise Forbidden(
                "The seal states conclusions on several samples, and you can't read all their "
                "datasets."
            )
    return found


def reads_seal(tx: Transaction, user: User, text: str) -> bool:
    """Whether a user can read all datasets of whose samples together a seal states conclusions."""
    seal = json.loads(text)
    together = {job for paper in seal.get("combined_papers", []) for job in paper["jobs"]}
    ids = {each["dataset_id"] for each in seal["samples"] if each["job_id"] in together}
    return reads_all(tx, user, ids)


def seal_of(
    tx: Transaction,
    by: Caller,
    engagement: EngagementRecord,
    samples: list[EngagementSample],
    papers: list[EngagementPaper],
    at: str,
) -> Seal:
    """What a seal states: facts, team, datasets, samples and papers with their hashes."""
    names = ("id", "client_name", "period_from", "period_to", "number")
    of_samples = (
        *("job_id", "name", "dataset_id", "is_deleted", "review_state", "signed_sha256"),
        *("paper", "paper_sha256"),
    )
    of_papers = (
        *("id", "jobs", "samples", "is_deleted", "review_state", "is_tolerable", "conclusion"),
        *("evaluation_sha256", "sha256"),
    )
    return Seal(
        engagement={name: getattr(engagement, name) for name in names},
        team=[
            {"user": each.user_soeid, "full_name": each.full_name, "role": each.role}
            for each in list_members(tx, engagement.id)
        ],
        datasets=[
            {"dataset_id": each.dataset_id, "name": each.dataset_name}
            for each in list_engagement_datasets(tx, engagement.id)
        ],
        samples=[{name: getattr(each, name) for name in of_samples} for each in samples],
        combined_papers=[{name: getattr(each, name) for name in of_papers} for each in papers],
        sealed_by=by.user.soeid,
        sealed_at=at,
    )


def may_take(tx: Transaction, user: User, engagement: EngagementRecord, step: SealingStep) -> bool:
    """Whether a user is a person who can seal or unseal an engagement, as far as rights go."""
    with suppress(Forbidden):
        _require_person(tx, user, engagement, step)
        return True
    return False


def _require_person(
    tx: Transaction, user: User, engagement: EngagementRecord, step: SealingStep
) -> None:
    member = member_of(tx, engagement.id, user.id)
    if member is None or member.role not in _ROLES[step]:
        raise Forbidden(
            "Only a partner of the engagement can seal it."
            if step == "seal"
            else "Only a reviewer or partner of the engagement can unseal it."
        )
    ledgers = ledgers_of_engagement(tx, engagement.id)
    if unwritable := unwritable_datasets(tx, user, ledgers):
        raise Forbidden(
            "You need the right {level} in dataset {dataset} to seal or unseal the engagement.",
            level=MEMBER_LEVEL,
            dataset=unwritable[0],
        )
    if (prepared := prepared_sample(tx, engagement.id, user.id)) is not None:
        raise Forbidden(
            "Another person must seal or unseal the engagement: you prepared its sample {sample}.",
            sample=prepared,
        )
    if step == "unseal" and engagement.sealed_by == user.id:
        raise Forbidden("Another person must unseal the engagement: you sealed it.")


def _record(tx: Transaction, by: Caller, engagement_id: int, step: str, sha256: str) -> None:
    """Enter a step in the ledger of each dataset of the engagement or of one of its samples."""
    body = {"engagement_id": engagement_id, "step": step, "seal_sha256": sha256}
    for dataset_id in ledgers_of_engagement(tx, engagement_id):
        append_entry(tx, dataset_id, "engagement", by.user.soeid, body, by.service.clock)
