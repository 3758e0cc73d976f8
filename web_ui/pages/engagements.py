"""The list of engagements, and the page of one: facts, team, datasets, samples and the seal."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import get_args

from flask import Response

from application.audit.engagements import papers_for, require_deletable, shown_engagement
from application.audit.sealing import may_take
from contract.requests.evaluate import MAX_TOGETHER
from contract.words import MEMBER_ROLES, REVIEW_STATES, EngagementFilter
from storage.accounts.datasets import DatasetFilters, list_datasets
from storage.audit.engagements import (
    assignable_samples,
    list_engagement_samples,
    list_engagements,
)
from storage.errors import Conflict
from web_ui.shell import ListQuery, blueprint, caller, service, show

STATES: tuple[EngagementFilter, ...] = get_args(EngagementFilter)
MAX_OFFERED = 500
"""Datasets that the form offers, the last changed first, and samples, the newest first."""


@blueprint.get("/engagements")
def engagements() -> Response:
    """List the engagements that the user can see, newest first."""
    query = ListQuery()
    q, state = query.text("q"), query.choice("state", STATES)
    with service().database.read() as tx:
        found, total = list_engagements(tx, caller().user, query.offset, query.limit, q, state)
    return show(
        "engagements.html",
        engagements=found,
        page=query.page(total),
        problem=query.problem,
        q=q or "",
        state=state,
        states=STATES,
        can_create=caller().user.role_name != "viewer",
    )


@blueprint.get("/engagements/<int:engagement_id>")
def engagement(engagement_id: int) -> Response:
    """Show an engagement."""
    me, query = caller().user, ListQuery()
    with service().database.read() as tx:
        found = shown_engagement(tx, caller(), engagement_id)
        samples = list_engagement_samples(tx, engagement_id)
        combined = papers_for(tx, me, engagement_id, samples)
        owned, assignable = [], []
        is_open = found.state == "open" and found.hidden_as is None
        if found.may_manage and is_open:
            assignable = assignable_samples(tx, engagement_id, me, MAX_OFFERED)
            offered, _ = list_datasets(tx, me, DatasetFilters(), offset=0, limit=MAX_OFFERED)
            present = {each.dataset_id for each in found.datasets}
            owned = [each for each in offered if each.allows("admin") and each.id not in present]
        may_delete = False
        with suppress(Conflict):
            require_deletable(tx, engagement_id, samples)
            may_delete = found.may_manage and is_open
        may_step = found.hidden_as is None and may_take(
            tx, me, found, "seal" if is_open else "unseal"
        )
    return show(
        "engagement.html",
        engagement=found,
        name_of={each.user_soeid: each.full_name for each in found.team},
        samples=samples[query.offset : query.offset + query.limit],
        page=query.page(len(samples)),
        combined=combined,
        together=[
            each.job_id for each in samples if each.status == "completed" and not each.is_deleted
        ],
        most_together=MAX_TOGETHER,
        counts=Counter(each.review_state for each in samples if not each.is_deleted),
        owned=owned,
        assignable=assignable,
        roles=MEMBER_ROLES,
        states=REVIEW_STATES,
        may_change=found.may_manage and is_open,
        may_seal=is_open and may_step and not found.missing,
        may_unseal=not is_open and may_step,
        may_archive=found.may_manage
        and found.hidden_as is None
        and not (is_open and found.missing),
        may_delete=may_delete,
    )
