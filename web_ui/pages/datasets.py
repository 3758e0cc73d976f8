"""The list of datasets."""

from __future__ import annotations

from flask import Response, request

from storage.accounts.datasets import SORTS, DatasetFilters, list_datasets
from web_ui.shell import ListQuery, blueprint, caller, service, show, signed_in

SORT_NAMES = {
    "-updated_at": "last change",
    "name": "name",
    "-created_at": "newest first",
    "created_at": "oldest first",
}


@blueprint.get("/datasets")
@signed_in
def datasets() -> Response:
    """List the datasets that the user can view and that match the filters."""
    query, user = ListQuery(), caller().user
    text, tag = query.text("q"), query.text("tag")
    sort = request.args.get("sort", "-updated_at")
    with service().database.read() as tx:
        found, total = list_datasets(
            tx,
            user,
            DatasetFilters(text, tag),
            sort=sort if sort in SORTS else "-updated_at",
            offset=query.offset,
            limit=query.limit,
        )
    return show(
        "datasets.html",
        datasets=found,
        page=query.page(total),
        q=text or "",
        tag=tag or "",
        sort=sort,
        sorts={name: title for name, title in SORT_NAMES.items() if name in SORTS},
        can_create=user.role_name != "viewer",
    )
