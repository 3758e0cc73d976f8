"""The head of a paper on several samples: for whom, by whom and when."""

from __future__ import annotations

from collections.abc import Sequence

from application.access import Caller
from application.audit.working_paper.requirements import NOT_GIVEN
from contract.words import MEMBER_ROLES, REVIEW_STATES
from domain_errors import Sentence
from presentation.content import Facts, Row, Table, moment_of
from storage.audit.engagements import engagement_of, list_members, named
from storage.audit.findings import preparers_of, review_of
from storage.audit.papers import list_facts
from storage.jobs.jobs import JobRecord
from storage.sqlite.clock import timestamp


def combined_facts(
    by: Caller, jobs: Sequence[JobRecord], issue: int | None = None
) -> tuple[Facts, list[str]]:
    """The facts that all samples share, and the references at the top of each page.

    ``issue`` is the number of an issued paper.

    They are those of the engagement of all samples, or else the client and period that the paper
    of each sample has.
    """
    with by.service.database.read() as tx:
        of_each = [engagement_of(tx, job.id) for job in jobs]
        shared = of_each[0] if all(each == of_each[0] for each in of_each) else None
        team = [] if shared is None else list_members(tx, shared.id)
        stated = {
            (engagement.client_name, engagement.period)
            if engagement is not None
            else next(
                ((own.facts.client_name, own.facts.period) for own in list_facts(tx, job.id)),
                (None, None),
            )
            for job, engagement in zip(jobs, of_each, strict=True)
        }
    client, period = next(iter(stated)) if len(stated) == 1 else (None, None)
    rows: list[Row] = [("Client", client or NOT_GIVEN), ("Period", period or NOT_GIVEN)]
    if shared is not None and shared.number:
        rows.append(("Number of the engagement", shared.number))
    rows += [(Sentence(MEMBER_ROLES[each.role]), each.full_name) for each in team]
    made_at = moment_of(timestamp(by.service.clock()))
    if issue is not None:
        rows.append(("Issue", issue))
    label = "Requested by" if issue is None else "Issued by"
    rows.append((label, named(by.user.id, by.user.soeid, team), made_at))
    number = "" if shared is None else shared.number
    return Facts("Engagement", rows), [each for each in (client, number) if each]


def people_table(by: Caller, jobs: Sequence[JobRecord]) -> Table:
    """Who prepared, signed off and approved the findings of each sample."""
    rows: list[Row] = []
    with by.service.database.read() as tx:
        for job in jobs:
            engagement, review = engagement_of(tx, job.id), review_of(tx, job.id)
            team = [] if engagement is None else list_members(tx, engagement.id)
            prepared = [named(*each, team) for each in preparers_of(tx, job.id).items()]
            signed = review.sign_off
            last = review.entries[-1] if review.state == "approved" else None
            rows.append(
                (
                    job.shown_name,
                    Sentence(REVIEW_STATES[review.state]),
                    "; ".join(prepared) or None,
                    None if signed is None else named(signed.user_id, signed.user_soeid, team),
                    None if last is None else named(last.user_id, last.user_soeid, team),
                    moment_of(review.entries[-1].at) if review.entries else None,
                )
            )
    header = ("Sample", "Review", "Prepared by", "Signed off by", "Approved by", "Time (UTC)")
    return Table("Preparation and review", header, rows)
