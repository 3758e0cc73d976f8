"""The page of a list."""

from __future__ import annotations

from typing import Annotated

from contract.declarations import Help, Request
from contract.fields import Bounds, Count

MAX_PAGE = 1000
DEFAULT_PAGE = 100


class PageRequest(Request):
    """A page of a list."""

    offset: Annotated[int, Count(Bounds(0)), Help("Results to skip.")] = 0
    limit: Annotated[int, Count(Bounds(1, MAX_PAGE)), Help("Maximum number of results.")] = (
        DEFAULT_PAGE
    )
