"""The route of the search over everything that has a name or an id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow import validate

from application.identity.search import Hit, search
from http_api.access import SignedInBlueprint, caller
from http_api.schemas.base import StrictQuery, text
from http_api.schemas.fields import QueryInteger

blueprint = SignedInBlueprint("search", __name__, url_prefix="/api/search", tag="Search")


class SearchQuery(StrictQuery):
    q = text(
        1,
        200,
        required=True,
        description="Part of a name or purpose; the first 6 or more digits of a job's or commit's "
        'id; or a row, such as "primary:17".',
    )
    limit = QueryInteger(
        load_default=10,
        validate=validate.Range(min=1, max=50),
        description="Maximum number of results of each kind.",
    )


@dataclass(frozen=True)
class Found:
    """What a text was found in."""

    q: str
    results: list[Hit]


@blueprint.get("", query=SearchQuery, output=Found)
def find(query: dict[str, Any]) -> Found:
    """Find datasets, samples, saved queries, versions, jobs and rows that I can see.

    By name and purpose: all datasets, the 20,000 refs that changed last, the latest 200 jobs. A row
    is looked up in the tables of the latest samples.
    """
    q = query["q"].strip()
    with caller().reading():  # it reads many jobs and refs
        return Found(q, search(caller(), q, query["limit"]) if q else [])
