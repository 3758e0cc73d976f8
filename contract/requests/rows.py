"""Queries about rows of a sample's source: those next in its order, and why a row was drawn."""

from __future__ import annotations

from typing import Annotated

from contract.declarations import Help, Request
from contract.fields import Bounds, Count, Text
from contract.requests.draw import MAX_ROUNDS

MAX_LOOKED_UP = 50


class ReservesRequest(Request):
    """The next rows of a round's order."""

    round: Annotated[int, Count(Bounds(1, MAX_ROUNDS))] = 1
    limit: Annotated[int, Count(Bounds(1, 1000))] = 10


class LookupRequest(Request):
    """The value by which rows are looked up."""

    value: Annotated[str, Text(1, 10_000), Help("The value, or a row key, a row id or a number.")]
    column: Annotated[
        str | None,
        Text(1),
        Help(
            "A column of the source; by default `value` is a row key, or a row id such as "
            "`primary:17`."
        ),
    ] = None
    limit: Annotated[int, Count(Bounds(1, MAX_LOOKED_UP))] = 10
