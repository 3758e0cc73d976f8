"""Requests of the audit trail, pruning, the bin and the search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from contract.declarations import Help, Option, RefusedField, Request
from contract.fields import Bounds, Choice, Count, Flag, Items, Name, Text, Time
from contract.requests.pages import PageRequest
from contract.words import Action

MAX_AHEAD_DAYS = 3650


class EntriesRequest(Request):
    """Entries of the audit trail that match every filter."""

    aliases: ClassVar = {"after": "created_after", "before": "created_before"}

    user_id: Annotated[int | None, Count(), Option(None)] = None
    user_soeid: Annotated[
        str | None, Text(1, 200, "SOEID"), Help("The user who acted."), Option("--user")
    ] = None
    action: Annotated[
        tuple[Action, ...] | None,
        Items(Choice.of(Action), most=100),
        Help("One or more, separated by commas or repeated."),
    ] = None
    dataset_id: Annotated[int | None, Count(), Option(None)] = None
    object_id: Annotated[
        str | None,
        Text(1, 200, "ID"),
        Help("A job, a ref, a table, a token or a user."),
        Option("--object"),
    ] = None
    created_after: Annotated[
        str | None,
        Time(),
        Help("At this time or later."),
        Option("--created-after", formerly="--after"),
    ] = None
    created_before: Annotated[
        str | None,
        Time(),
        Help("Before this time."),
        Option("--created-before", formerly="--before"),
    ] = None


class AuditRequest(PageRequest, EntriesRequest):
    """A page of the audit trail."""


def ahead_with_dry_run(given: Mapping[str, Any]) -> None:
    """What can only be removed later isn't removed."""
    if given.get("ahead_days") and not given.get("dry_run"):
        raise RefusedField("ahead_days", "`ahead_days` requires `dry_run`.")


class PruneRequest(Request):
    """What a prune removes, or would."""

    rules = (ahead_with_dry_run,)

    dry_run: Annotated[bool, Flag(), Help("Report what would be removed, and remove nothing.")]
    ahead_days: Annotated[
        int,
        Count(Bounds(0, MAX_AHEAD_DAYS)),
        Help("With `dry_run`: what could be removed in so many days."),
    ] = 0


class BinRequest(PageRequest):
    """What is in the bin."""

    dataset_id: Annotated[int | None, Count()] = None


class RestoreRequest(Request):
    """How an entry of the bin is restored."""

    name: Annotated[
        str | None, Name(most=200), Help("Another name; by default the name that it had.")
    ] = None


class SearchRequest(Request):
    """A search over everything that has a name or an id."""

    q: Annotated[
        str,
        Text(1, 200),
        Help(
            "Part of a name or purpose; the first 6 or more digits of a job's or commit's id; or a "
            'row, such as "primary:17".'
        ),
    ]
    limit: Annotated[int, Count(Bounds(1, 50)), Help("Maximum number of results of each kind.")] = (
        10
    )
