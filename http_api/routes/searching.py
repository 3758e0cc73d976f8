"""The route of the search over everything that has a name or an id."""

from __future__ import annotations

from application.identity.search import Hit, search
from contract.requests.administration import SearchRequest
from http_api.access import SignedInBlueprint, caller
from lazy_dataclasses import dataclass

blueprint = SignedInBlueprint("search", "Search", "/api/search")


@dataclass(frozen=True)
class Found:
    """What a text was found in."""

    q: str
    results: list[Hit]


@blueprint.get("")
def find(query: SearchRequest) -> Found:
    """Find datasets, samples, saved queries, versions, jobs and rows that I can see.

    By name and purpose: all datasets, the 20,000 refs that changed last, the latest 200 jobs. A row
    is looked up in the tables of the latest samples.
    """
    q = query.q.strip()
    with caller().reading():  # it reads many jobs and refs
        return Found(q, search(caller(), q, query.limit) if q else [])
