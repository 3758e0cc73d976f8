"""The review of a sample's findings: submitted, returned or signed off by another person.

Guarantees that nobody who prepared the findings of a signed-off sample reopens or deletes it: the
person who signed it off does, or another owner of its dataset. The bin uses it, too.

In an engagement the roles of its members count instead of who owns the dataset: preparers submit,
reviewers and partners sign off, and a partner who did neither approves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from typing import Any

from application.access import Caller
from application.audit.evaluation import evaluate, request_of
from application.audit.evaluation.parameters import kept_evaluation
from application.audit.findings import missing_details, require_not_deleted, rows_to_replace
from application.audit.items import needs_audit_values
from application.audit.stages import rows_to_examine
from application.audit.state import AuditState, audit_state, drawn_row_ids, state_of
from application.identity.named_rows import rows_named
from application.review.readings import Readings, readings_in
from contract.requests.evaluate import EvaluationRequest
from contract.requests.findings import ReviewRequest
from contract.words import Level, MemberRole, ReviewAction, ReviewState
from domain_errors import DomainError
from lazy_dataclasses import dataclass
from storage.accounts.users import User
from storage.audit.engagements import engagement_of, list_members, require_not_closed
from storage.audit.findings import (
    Review,
    ReviewEntry,
    enter_review,
    preparers_of,
    review_of,
)
from storage.certificates.canonical_json import digest_of
from storage.certificates.ledger import append_entry
from storage.errors import Conflict, Forbidden, InvalidValue
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction


class DetailsMissing(Conflict):
    """Findings lack a cause, or an audit value or a replacement that the evaluation needs."""

    code = "details_missing"


def review(by: Caller, job: JobRecord, step: ReviewRequest) -> Review:
    """Take a step of a sample's review.

    The preparer submits or withdraws; another person, who entered nothing, returns or signs off;
    who signed off, or an owner of the dataset who prepared nothing, reopens. A sign-off keeps the
    evaluation that was reviewed, by default that of the plan if it is possible. Findings of an
    engagement are then approved by a partner who neither prepared nor signed off.

    Raises
    ------
    ReviewChanged
        There is a newer step than ``previous_id``, or one was taken during the evaluation.
    Conflict
        The sample was deleted; the step doesn't follow the review's state, or rows have no finding.
    DetailsMissing
        Findings lack a cause, an audit value or a replacement, and the submission doesn't leave
        them out.
    Forbidden
        The reviewer, or who reopens, prepared the findings; or the level is too low; or the role in
        the engagement doesn't have this step.
    EngagementClosed
        The sample is in a sealed or archived engagement.
    InvalidValue
        The step needs a note, or keeps no evaluation.
    InvalidFindings
        The evaluation to keep isn't possible.
    """
    with rows_named(by.service, job):
        return _review(by, job, step)


def _review(by: Caller, job: JobRecord, step: ReviewRequest) -> Review:
    action, note, previous_id = step.action, step.note, step.previous_id
    level = by.dataset(job.dataset_id, "write").level
    if action in ("returned", "reopened") and not (note and note.strip()):
        raise InvalidValue("Give the reason in `note`.", loc=("body", "note"))
    if action != "signed_off" and step.evaluation is not None:
        raise InvalidValue("Only a sign-off keeps an evaluation.", loc=("body", "evaluation"))
    if action != "submitted" and step.accept_missing is not None:
        raise InvalidValue("`accept_missing` is of submissions.", loc=("body", "accept_missing"))
    with by.reading():
        drawn = drawn_row_ids(by.service, job)
        by_amounts = needs_audit_values(by.service, job)
        to_replace: Set[str] = frozenset()
        if action == "submitted" and step.accept_missing is not None:
            to_replace = rows_to_replace(by.service, job, audit_state(by.service, job))
    kept = None
    if action == "signed_off":
        kept, evaluated_id = _evaluation_to_keep(by, job, step.evaluation)
        previous_id = evaluated_id if previous_id is None else previous_id
    with by.writing() as tx:
        require_not_deleted(tx, job)
        now = review_of(tx, job.id)
        _require_step(now, action)
        if previous_id is not None:
            now.require_newest(previous_id)
        missing = None
        if action == "submitted":
            state, items = _require_findings(tx, job, drawn)
            lacks = missing_details(state, by_amounts=by_amounts, to_replace=to_replace)
            _require_details(items, lacks, step)
            missing = len(lacks) or None
            _require_readings(readings_in(tx, by.service, job))
        persons = _require_person(tx, by.user, level, job.id, action)
        enter_review(tx, job.id, by.user.id, action, note, by.service.clock, kept)
        if action in ("signed_off", "approved", "reopened"):
            _enter_in_ledger(tx, by, job, action, kept)
        by.audit_of_job(
            tx,
            "findings_reviewed",
            job,
            step=action.replace("_", " "),
            note=note or None,
            missing=missing,
            **persons,
        )
        reviewed = review_of(tx, job.id)
    by.service.wake_sender()
    return reviewed


def _enter_in_ledger(
    tx: Transaction,
    by: Caller,
    job: JobRecord,
    action: ReviewAction,
    kept: Mapping[str, Any] | None,
) -> None:
    """Enter a step in the ledger: a sign-off, an approval or a reopening.

    Certificates from before it are superseded.
    """
    body = {
        "job_id": job.id,
        "step": action,
        "evaluation_sha256": None if kept is None else digest_of(kept),
    }
    append_entry(tx, job.dataset_id, "review", by.user.soeid, body, by.service.clock)


def _evaluation_to_keep(
    by: Caller, job: JobRecord, given: EvaluationRequest | None
) -> tuple[Mapping[str, Any] | None, int]:
    """What a sign-off keeps, and the newest step of the review that it is of.

    It is None if no evaluation was given, and that of the plan isn't possible. Nothing is entered
    between a submission and the next step, so what is evaluated is what is signed off if that step
    is still the newest then.
    """
    with by.service.database.read() as tx:
        now = review_of(tx, job.id)
    _require_step(now, "signed_off")
    request = request_of(by.service, job, now, given or EvaluationRequest())
    try:
        with by.reading():
            return kept_evaluation(request, evaluate(by.service, job, request)), now.newest_id
    except DomainError as error:
        if given is None:
            return None, now.newest_id
        error.loc = ("body", "evaluation", *error.loc[1:])
        raise


_STATES_BEFORE: Mapping[ReviewAction, Sequence[ReviewState]] = {
    "submitted": ("open",),
    "withdrawn": ("submitted",),
    "returned": ("submitted",),
    "signed_off": ("submitted",),
    "approved": ("signed_off",),
    "reopened": ("signed_off", "approved"),
}
_STATE_WORDS = {
    "open": "open",
    "submitted": "submitted for review",
    "signed_off": "signed off",
    "approved": "approved",
}
REVIEWING: tuple[MemberRole, ...] = ("reviewer", "partner")
ROLES: Mapping[ReviewAction, tuple[MemberRole, ...]] = {
    "submitted": ("preparer",),
    "withdrawn": ("preparer",),
    "returned": REVIEWING,
    "signed_off": REVIEWING,
    "approved": ("partner",),
}
"""The roles that take a step in an engagement; for a reopening see :class:`SignOff`."""


def _require_step(now: Review, action: ReviewAction) -> None:
    if now.state not in _STATES_BEFORE[action]:
        raise Conflict(
            "The findings are {state}. Only findings that are {needed} can be {step}.",
            state=_STATE_WORDS[now.state],
            needed=" or ".join(_STATE_WORDS[each] for each in _STATES_BEFORE[action]),
            step=action.replace("_", " "),
        )


def _require_readings(found: Readings) -> None:
    """Raise Conflict if rows lack the second reading that is due, or a decision."""
    lacking = [row for row in found.row_ids if row in found.due and found.of(row).second is None]
    if lacking:
        raise Conflict(
            "{count} {count|row lacks|rows lack} the second reading that is due, the first is "
            "{row_id}. Have another person answer them, then submit.",
            count=len(lacking),
            row_id=lacking[0],
        )
    if differing := [row_id for row_id in found.row_ids if found.differ(row_id)]:
        raise Conflict(
            "{count} {count|row has|rows have} two readings that differ, the first is {row_id}. "
            "Have a third person decide, then submit.",
            count=len(differing),
            row_id=differing[0],
        )


def _require_findings(
    tx: Transaction, job: JobRecord, drawn: Mapping[str, tuple[int, str | None]]
) -> tuple[AuditState, Sequence[str]]:
    """Require a finding of each row; return the findings and the rows in their order."""
    state = state_of(tx, job)
    own = state.questions.questions
    examined = list(drawn) if own else rows_to_examine(job, list(drawn), state)
    replacements = [each.replacement_id for each in state.replacements]
    items = [*examined, *replacements]
    missing = [row_id for row_id in items if row_id not in state.findings]
    if missing and own:
        raise Conflict(
            "{count} {count|row has|rows have} no answer, the first is {row_id}. Answer all rows, "
            "then submit.",
            count=len(missing),
            row_id=missing[0],
        )
    if missing:
        raise Conflict(
            "{count} {count|row has|rows have} no finding, the first is {row_id}. Enter findings "
            "for all rows, "
            "then submit.",
            count=len(missing),
            row_id=missing[0],
        )
    return state, items


def is_preparer(by: Caller, job: JobRecord) -> bool:
    """Whether the caller prepared the findings or the paper, so that another person reviews."""
    with by.service.database.read() as tx:
        return by.user.id in preparers_of(tx, job.id)


def steps_of(tx: Transaction, user: User, level: Level | None, job_id: str) -> list[ReviewAction]:
    """The steps that a user with a level in the dataset may take in a sample's review now."""
    if level not in ("write", "admin") or user.role_name == "viewer":
        return []
    state = review_of(tx, job_id).state
    steps = []
    for action, before in _STATES_BEFORE.items():
        if state in before:
            with suppress(Conflict, Forbidden):
                require_not_closed(tx, job_id)
                _require_person(tx, user, level, job_id, action)
                steps.append(action)
    return steps


def _require_person(
    tx: Transaction, user: User, level: Level | None, job_id: str, action: ReviewAction
) -> dict[str, Any]:
    """Require that a user may take a step; return what the audit trail says of other persons."""
    if action == "reopened":
        return require_second_person(tx, user, level, [job_id])
    _require_role(tx, user, job_id, action)
    if action in ("returned", "signed_off", "approved"):
        _require_another_person(tx, user, job_id)
    if action == "approved":
        signers = {each.user_id for each in review_of(tx, job_id).entries if _signs(each)}
        if user.id in signers:
            raise Forbidden("Another partner must approve the findings: you signed them off.")
    return {}


def _signs(entry: ReviewEntry) -> bool:
    return entry.action == "signed_off"


def _require_role(tx: Transaction, user: User, job_id: str, action: ReviewAction) -> None:
    """Require the role that a step needs, if the sample is in an engagement."""
    roles = _roles_of(tx, job_id)
    if roles is None:
        if action == "approved":
            raise Conflict("Only the findings of samples in an engagement are approved.")
        return
    if user.id not in roles:
        raise Forbidden(
            "The sample is in an engagement of which you are no member. A {roles} takes this step.",
            roles=" or a ".join(ROLES[action]),
        )
    if roles[user.id] not in ROLES[action]:
        raise Forbidden(
            "The sample is in an engagement, in which a {roles} takes this step; you are {role}.",
            roles=" or a ".join(ROLES[action]),
            role=roles[user.id],
        )


def _roles_of(tx: Transaction, job_id: str) -> dict[int, MemberRole] | None:
    """The roles of the members of a sample's engagement, by user id; None if it is in none."""
    engagement = engagement_of(tx, job_id)
    if engagement is None:
        return None
    return {each.user_id: each.role for each in list_members(tx, engagement.id)}


def require_final_issuer(
    tx: Transaction, user: User, job_id: str, issued: ReviewState | None = None
) -> None:
    """Require another person than the preparers to issue a paper of approved findings.

    Parameters
    ----------
    issued : ReviewState, optional
        The state of the findings in a paper to withdraw.

    Raises
    ------
    EngagementClosed
        The sample is in a sealed or archived engagement.
    Forbidden
        The findings are approved, and the user prepared them or is no reviewer or partner.
    """
    require_not_closed(tx, job_id)
    if "approved" not in (issued, review_of(tx, job_id).state):
        return
    roles = _roles_of(tx, job_id)
    if roles is not None and roles.get(user.id) not in REVIEWING:
        raise Forbidden(
            "The paper is one of approved findings. A reviewer or partner of the engagement, who "
            "prepared none of them, issues or withdraws it."
        )
    _require_another_person(tx, user, job_id)


def _require_another_person(tx: Transaction, user: User, job_id: str) -> None:
    if user.id in preparers_of(tx, job_id):
        raise Forbidden(
            "Another person must review the findings: you entered or submitted some of them, "
            "chose the tested attributes, replaced rows, wrote the conclusion, entered facts "
            "of the working paper, or attached or removed files."
        )


def _require_details(
    items: Sequence[str], lacks: Mapping[str, Sequence[str]], step: ReviewRequest
) -> None:
    """Refuse findings that lack something, unless the step leaves it out."""
    if not lacks or step.accept_missing is None:
        return
    loc = ("body", "accept_missing")
    if not step.accept_missing:
        rows = [(place, row_id) for place, row_id in enumerate(items) if row_id in lacks]
        error = DetailsMissing(
            "{count} {count|finding lacks|findings lack} a cause, an audit value or a "
            "replacement. Enter them, or set `accept_missing` and give the reason in `note`.",
            loc=loc,
            count=len(lacks),
        )
        error.causes = [
            DetailsMissing(
                "Row {row_id} has no {lacks}.",
                loc=loc,
                row_id=row_id,
                lacks=" and no ".join(lacks[row_id]),
                place=place,
                count=len(lacks),
            )
            for place, row_id in rows
        ]
        raise error
    if not (step.note and step.note.strip()):
        raise InvalidValue(
            "Give in `note` the reason why causes, audit values or replacements are left out.",
            loc=("body", "note"),
        )


@dataclass(frozen=True)
class SignOff:
    """The sign-off of a sample, and the names of those who prepared its findings, by user id.

    ``roles`` are those of the members of the engagement; None if the sample is in none.
    """

    entry: ReviewEntry
    preparers: Mapping[int, str]
    roles: Mapping[int, MemberRole] | None
    is_approved: bool

    def may_be_undone_by(self, user: User, level: Level | None) -> bool:
        """Whether a user with a level in the dataset may reopen or delete the sample."""
        if user.id in self.preparers:
            return False
        if self.roles is not None:
            undoing = ("partner",) if self.is_approved else REVIEWING
            return level in ("write", "admin") and self.roles.get(user.id) in undoing
        return level == "admin" or (level == "write" and user.id == self.entry.user_id)


_APPROVED = (
    "The findings of sample {job_id} are approved. In its engagement only a partner can reopen or "
    "delete it, and nobody who prepared its findings ({preparers})."
)
_SIGNED_OFF = (
    "The findings of sample {job_id} are signed off. In its engagement only a reviewer or partner "
    "can reopen or delete it, and nobody who prepared its findings ({preparers})."
)


def sign_off_of(tx: Transaction, job_id: str) -> SignOff | None:
    """Return the sign-off of a sample; None if it isn't signed off."""
    review = review_of(tx, job_id)
    if review.sign_off is None:
        return None
    is_approved = review.state == "approved"
    return SignOff(review.sign_off, preparers_of(tx, job_id), _roles_of(tx, job_id), is_approved)


def require_second_person(
    tx: Transaction, user: User, level: Level | None, job_ids: Iterable[str]
) -> dict[str, Any]:
    """Require that a user may undo the sign-offs of samples.

    Returns
    -------
    dict
        Who prepared and who signed off, for the audit trail; empty if nothing is signed off.

    Raises
    ------
    Forbidden
        The user prepared one of them, or neither signed it off nor owns the dataset; in an
        engagement, is no reviewer or partner, or of an approved one no partner.
    EngagementClosed
        One of them is in a sealed or archived engagement.
    """
    job_ids = list(job_ids)
    for job_id in job_ids:
        require_not_closed(tx, job_id)
    found = [each for each in (sign_off_of(tx, job_id) for job_id in job_ids) if each is not None]
    for sign_off in found:
        if not sign_off.may_be_undone_by(user, level) and sign_off.roles is not None:
            raise Forbidden(
                _APPROVED if sign_off.is_approved else _SIGNED_OFF,
                job_id=sign_off.entry.job_id,
                preparers=", ".join(sign_off.preparers.values()),
            )
        if not sign_off.may_be_undone_by(user, level):
            raise Forbidden(
                "Sample {job_id} was signed off by {reviewer}. Only {reviewer} or an owner of the "
                "dataset can reopen or delete it, and nobody who entered or submitted its "
                "findings ({preparers}).",
                job_id=sign_off.entry.job_id,
                reviewer=sign_off.entry.user_soeid,
                preparers=", ".join(sign_off.preparers.values()),
            )
    if not found:
        return {}
    return {
        "prepared_by": sorted({name for each in found for name in each.preparers.values()}),
        "signed_off_by": sorted({each.entry.user_soeid for each in found}),
    }


def may_undo_sign_offs(
    tx: Transaction, user: User, level: Level | None, job_ids: Iterable[str]
) -> bool:
    """Whether a user with a level in the dataset may reopen or delete all of the samples."""
    try:
        require_second_person(tx, user, level, job_ids)
    except (Conflict, Forbidden):
        return False
    return True
