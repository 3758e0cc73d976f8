"""The route of the search over everything that has a name or an id."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from marshmallow import validate

from application.identity.search import search
from http_api.access import SignedInBlueprint, caller
from http_api.schemas import out
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


class HitOut(Schema):
    kind = out.string("`dataset`, `sample`, `query`, `version`, `job` or `row`.")
    name = out.string()
    purpose = out.string(null=True)
    dataset_id = out.integer()
    dataset_name = out.string()
    created_at = out.string()
    ref_name = out.string(null=True)
    commit_id = out.string(null=True)
    job_id = out.string("The job of the sample, the saved query or the row.", null=True)
    run_type = out.string(null=True)
    job_kind = out.string("What that job makes.", null=True)
    row = out.string("The row's `_logical_row_id` in the sample of the job.", null=True)


class SearchOut(Schema):
    q = out.string()
    results = out.list_of(HitOut)


@blueprint.get("", query=SearchQuery, output=SearchOut)
def find(query: dict[str, Any]) -> dict[str, Any]:
    """Find datasets, samples, saved queries, versions, jobs and rows that I can see.

    By name and purpose: all datasets, the 20,000 refs that changed last, the latest 200 jobs. A row
    is looked up in the tables of the latest samples.
    """
    q = query["q"].strip()
    with caller().reading():  # it reads many jobs and refs
        return {"q": q, "results": search(caller(), q, query["limit"]) if q else []}
