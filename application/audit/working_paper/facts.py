"""The facts of a working paper: what people enter, what the sample gives, what is missing.

The newest entry counts. Nothing is taken from another sample unless an entry is made: the first one
takes over the names of the newest other sample of the dataset, so that they are typed once. In an
engagement, its client, period and people stand where the sample has no entry of its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Annotated, Any

from application.access import Caller
from application.audit.findings import require_entries
from application.audit.fitting import is_sized_by_errors
from application.audit.planned import planned_goal, size_of_job
from application.audit.state import AuditState
from application.audit.working_paper.requirements import MissingFact, missing_facts
from application.reconciling import completeness_of
from application.samples.facts import errors_of_goal, goal_text, method_title
from contract.answers import Hidden
from contract.declarations import Help, declared
from contract.requests.papers import PaperFactsRequest
from contract.words import MemberRole
from domain_errors import InvalidRequest, Sentence
from lazy_dataclasses import dataclass
from service.service import Service
from storage.accounts.names import unsafe_character
from storage.audit.engagements import EngagementRecord, Member, engagement_of, list_members
from storage.audit.findings import preparers_of
from storage.audit.papers import FactsEntry, enter_facts, list_facts, newest_facts_beside
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction

CARRIED = (
    *("client_name", "period", "preparer", "preparer_role", "reviewer", "reviewer_role"),
    "language",
)
"""The facts that the first entry takes over from another sample; in an engagement the language."""
TREATMENT = Sentence(
    "A row that can’t be examined counts as an exception; its audit value is 0 unless another one "
    "was entered (ISA 530 ¶11). No exception is set aside as an anomaly: all are projected."
)
REASON = "The size follows from the plan that was recorded with the draw: {goal}. Method: {method}."
UNSAFE_FACT = (
    "A fact can't hold control characters or marks that change the direction of text, such as "
    "{character}."
)
NO_FACTS = PaperFactsRequest()


@dataclass(frozen=True)
class SamplePaperFacts:
    """The facts of a sample's working paper."""

    job_id: str
    facts: Annotated[PaperFactsRequest, Help("As entered; null where nothing was given.")]
    defaults: Annotated[
        PaperFactsRequest, Help("What the paper states where nothing was given; null: nothing.")
    ]
    suggested: Annotated[
        PaperFactsRequest,
        Help("Before the first entry: what it takes over unless it gives them itself."),
    ]
    suggested_from: Annotated[
        str | None, Help("The sample whose facts are suggested; null if there is none.")
    ]
    engagement: Hidden[EngagementRecord | None]
    team: Hidden[Sequence[Member]]
    missing: Annotated[Sequence[MissingFact], Help("What the paper doesn't state yet.")]
    entries: Annotated[Sequence[FactsEntry], Help("All entries, the newest first.")]

    @property
    def engagement_id(self) -> Annotated[int | None, Help("Of the sample; null: in none.")]:
        """The engagement of the sample."""
        return None if self.engagement is None else self.engagement.id

    @property
    def stated(self) -> PaperFactsRequest:
        """What the paper states."""
        return _filled(self.facts, self.defaults)


def paper_facts(service: Service, job: JobRecord, state: AuditState) -> SamplePaperFacts:
    """Read the facts of a sample's working paper."""
    with service.database.read() as tx:
        entries = list_facts(tx, job.id)
        beside = None if entries else newest_facts_beside(tx, job.dataset_id, job.id)
        engagement = engagement_of(tx, job.id)
        team = [] if engagement is None else list_members(tx, engagement.id)
        prepared = preparers_of(tx, job.id).keys()
    facts = entries[0].facts if entries else NO_FACTS
    defaults = _defaults(job)
    if engagement is not None:
        signed = state.review.sign_off
        defaults = replace(
            defaults,
            client_name=engagement.client_name,
            period=engagement.period,
            preparer=_names(team, "preparer", prepared),
            reviewer=_names(team, "reviewer", () if signed is None else (signed.user_id,)),
        )
    return SamplePaperFacts(
        job_id=job.id,
        facts=facts,
        defaults=defaults,
        suggested=NO_FACTS if beside is None else _carried(beside.facts, engagement),
        suggested_from=None if beside is None or engagement is not None else beside.job_id,
        engagement=engagement,
        team=team,
        missing=missing_facts(
            _filled(facts, defaults), state, is_reconciled=completeness_of(service, job).is_compared
        ),
        entries=entries,
    )


def enter_paper_facts(by: Caller, job: JobRecord, given: PaperFactsRequest) -> None:
    """Enter facts of a sample's working paper; those that aren't given stay as they are.

    The first entry takes over names, client and period of the newest other sample of the dataset.

    Raises
    ------
    SampleDeleted, FindingsLocked
        Nothing can be entered.
    InvalidRequest
        A text has a control character, or a mark that changes its direction.
    """
    by.dataset(job.dataset_id, "write")
    entered = {name: _checked(name, value) for name, value in given.given().items()}
    with by.writing() as tx:
        require_entries(tx, job)
        present = _present(tx, by, job)
        kept = {**present.given(), **entered}
        body: dict[str, Any] = {name: value for name, value in kept.items() if value}
        if "assertions" in body:
            body["assertions"] = tuple(body["assertions"])
        enter_facts(tx, job.id, by.user.id, PaperFactsRequest(**body), by.service.clock)
        by.audit_of_job(tx, "paper_facts_entered", job, fields=", ".join(entered))


def _checked(name: str, value: Any) -> Any:
    """A fact without blanks around it; each item of a list once."""
    if not isinstance(value, str):
        return list(dict.fromkeys(value))
    if (character := unsafe_character(re.sub(r"[\t\r\n]", "", value))) is not None:
        raise InvalidRequest(UNSAFE_FACT, character=character, loc=("body", name))
    return value.strip()


def _present(tx: Transaction, by: Caller, job: JobRecord) -> PaperFactsRequest:
    """The facts before an entry: the newest ones, or those that the first entry takes over."""
    if entries := list_facts(tx, job.id):
        return entries[0].facts
    beside = newest_facts_beside(tx, job.dataset_id, job.id)
    engagement = engagement_of(tx, job.id)
    carried = NO_FACTS if beside is None else _carried(beside.facts, engagement)
    if engagement is not None:
        return carried
    return _filled(carried, PaperFactsRequest(preparer=by.user.soeid))


def _carried(facts: PaperFactsRequest, engagement: EngagementRecord | None) -> PaperFactsRequest:
    """What an entry takes over: in an engagement its own facts stand for those of a sample."""
    names = CARRIED if engagement is None else ("language",)
    return PaperFactsRequest(**{name: getattr(facts, name) for name in names})


def _names(team: Sequence[Member], role: MemberRole, acted: Collection[int]) -> str | None:
    """The full names of the members who prepared, or signed off, the sample, whatever their role.

    Before anyone did, the names of all members of the role; None if there is none.
    """
    acting = [each.full_name for each in team if each.user_id in acted]
    return ", ".join(acting or [each.full_name for each in team if each.role == role]) or None


def _defaults(job: JobRecord) -> PaperFactsRequest:
    """What a sample's record gives by itself."""
    goal = planned_goal(job.run_parameters)
    reason, expected = None, None
    if goal is not None and is_sized_by_errors(job.run_parameters["rounds"]):
        expected = errors_of_goal(goal, "expected") if "accept" not in goal else None
        size = size_of_job(job)
        if size is not None and size.drawn == size.needed:
            method = method_title(job.run_parameters["rounds"][0]["method"])
            reason = Sentence(REASON, goal=goal_text(goal), method=Sentence(method))
    return PaperFactsRequest(treatment=TREATMENT, design_reason=reason, expected=expected)


def _filled(facts: PaperFactsRequest, others: PaperFactsRequest) -> PaperFactsRequest:
    """Facts, with others where nothing was given."""
    lacking = {
        each.name: getattr(others, each.name)
        for each in declared(PaperFactsRequest)
        if not getattr(facts, each.name)
    }
    return replace(facts, **lacking)
