"""Requests of engagements: client, period, team, datasets and samples of one audit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from contract.declarations import Help, Option, RefusedField, Request, Title
from contract.fields import Bounds, Choice, Count, Flag, Name, Text
from contract.requests.accounts import SOEID
from contract.requests.findings import MAX_NOTE
from contract.requests.pages import PageRequest
from contract.words import MEMBER_ROLES, EngagementFilter, MemberRole

MAX_CLIENT = 200
_DATE, _NUMBER = Text(10, 10), Name(0, 100)
_PREVIEW = Help("Answer with the rights in datasets that would be given, and change nothing.")


def ordered_dates(given: Mapping[str, Any]) -> None:
    """Both dates exist, and the first isn't after the last."""
    for name in ("period_from", "period_to"):
        if name in given:
            _require_date(name, given[name])
    if "period_from" in given and "period_to" in given:
        require_order(given["period_from"], given["period_to"])


def _require_date(name: str, text: str) -> None:
    try:
        is_date = date.fromisoformat(text).isoformat() == text
    except ValueError:
        is_date = False
    if not is_date:
        raise RefusedField(name, "Give a date such as 2025-12-31.")


def require_order(period_from: str, period_to: str) -> None:
    """Raise RefusedField if the last day is before the first."""
    if period_to < period_from:
        raise RefusedField("period_to", "The period ends before it begins.")


class EngagementRequest(Request):
    """An engagement to create."""

    rules = (ordered_dates,)

    client_name: Annotated[
        str, Name(most=MAX_CLIENT), Option("--client"), Title("Client"), Help("The audited entity.")
    ]
    period_from: Annotated[
        str,
        _DATE,
        Option("--from"),
        Title("First day"),
        Help("Of the audited period, such as 2025-01-01."),
    ]
    period_to: Annotated[
        str,
        _DATE,
        Option("--to"),
        Title("Last day"),
        Help("Of the audited period, such as 2025-12-31."),
    ]
    number: Annotated[str | None, _NUMBER, Help("The firm's reference of the engagement.")] = None


class EngagementChangeRequest(Request):
    """Other facts of an engagement; what isn't given stays as it is."""

    rules = (ordered_dates,)

    client_name: Annotated[
        str | None, Name(most=MAX_CLIENT), Option("--client"), Help("The audited entity.")
    ] = None
    period_from: Annotated[
        str | None, _DATE, Option("--from"), Help("The first day of the audited period.")
    ] = None
    period_to: Annotated[
        str | None, _DATE, Option("--to"), Help("The last day of the audited period.")
    ] = None
    number: Annotated[str | None, _NUMBER, Help("The firm's reference.")] = None


class EngagementsRequest(PageRequest):
    """The engagements that the user can see."""

    q: Annotated[
        str | None, Text(1, 100), Help("Part of the client or the number, in any case.")
    ] = None
    state: Annotated[
        EngagementFilter | None,
        Choice.of(EngagementFilter),
        Help("Without one, those that are neither archived nor deleted."),
    ] = None


class EngagementMemberRequest(Request):
    """A member to add, or another name or role of one."""

    user_soeid: Annotated[str, SOEID, Option(None), Title("User")]
    full_name: Annotated[
        str,
        Name(most=200),
        Option("--name"),
        Help("The full name, as working papers have it."),
    ]
    role: Annotated[
        MemberRole,
        Choice(MEMBER_ROLES),
        Help(
            "A `preparer` enters and submits findings, a `reviewer` or `partner` signs them off, "
            "a `partner` approves."
        ),
    ]
    preview: Annotated[bool, Flag(), _PREVIEW] = False


class EngagementDatasetRequest(Request):
    """A dataset to add."""

    dataset_id: Annotated[int, Count(Bounds(1)), Option(None), Title("Dataset")]
    preview: Annotated[bool, Flag(), _PREVIEW] = False


class EngagementDatasetRemovalRequest(Request):
    """A dataset to remove."""

    dataset_id: Annotated[int, Count(Bounds(1)), Option(None)]


class EngagementSampleRequest(Request):
    """A sample to assign or to remove."""

    job_id: Annotated[str, Text(8, 36), Option(None), Title("Sample"), Help("Its job.")]


class UnsealRequest(Request):
    """Why an engagement is unsealed."""

    reason: Annotated[str, Name(most=MAX_NOTE)]
