"""Filters with relative dates, such as ``day >= today - 7``: read once, when a draw is submitted.

The rounds of a job, a plan or a panel have the dates themselves, so a draw never depends on when it
runs. The requested ones are recorded beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypedDict, cast

from contract.declarations import Help
from contract.requests.draw import RoundJson
from domain_errors import Loc
from parquet_tables.tables import TableFiles
from sampling_engine.filters import absolute_condition, absolute_expression

FIELD = "relative_filters"
"""The run parameter of a draw that has some."""


class RelativeFilters(TypedDict):
    """The filters of a draw's rounds that have relative dates, as they were requested."""

    read_at: Annotated[str, Help("The time at which they were read; its zone is that of `today`.")]
    rounds: Annotated[list[dict[str, Any] | None], Help("Null for a round without one.")]


def absolute_rounds(
    rounds: Sequence[Mapping[str, Any]], table: TableFiles, now: datetime
) -> tuple[list[RoundJson], RelativeFilters | None]:
    """Rounds whose filters have dates in the place of relative ones, and the filters that had some.

    Raises
    ------
    InvalidFilter, UnknownColumn
        A filter doesn't fit the table; ``loc`` starts with ``("rounds", i, "filters")``.
    """
    absolute: list[RoundJson] = []
    asked: list[dict[str, Any] | None] = []
    for place, given in enumerate(rounds):
        filters = given.get("filters")
        settled = absolute_filters(filters, table, now, ("rounds", place, "filters"))
        asked.append(None if settled == filters else dict(filters or {}))
        own = dict(given) if settled == filters else {**given, "filters": settled}
        absolute.append(cast("RoundJson", own))
    if not any(asked):
        return absolute, None
    return absolute, {"read_at": now.isoformat(timespec="seconds"), "rounds": asked}


def absolute_filters(
    filters: Mapping[str, Any] | None, table: TableFiles, now: datetime, loc: Loc
) -> Mapping[str, Any] | None:
    """A filter with dates in the place of relative ones."""
    if not filters:
        return filters
    settled = dict(filters)
    if "expression" in filters:
        at = (*loc, "expression")
        settled["expression"] = absolute_expression(filters["expression"], table, loc=at, now=now)
    elif isinstance(conditions := filters.get("conditions"), list):
        settled["conditions"] = [absolute_condition(each, table, now) for each in conditions]
    return settled


def requested_rounds(parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rounds of a draw's ``run_parameters`` with the filters as they were requested."""
    asked = parameters.get(FIELD, {}).get("rounds") or [None] * len(parameters["rounds"])
    return [
        dict(given) if filters is None else {**given, "filters": filters}
        for given, filters in zip(parameters["rounds"], asked, strict=True)
    ]
