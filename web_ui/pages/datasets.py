"""The list of datasets."""

from __future__ import annotations

from flask import Response, request

from http_api.auth.access import service, user
from storage.accounts.datasets import SORTS, DatasetFilters, list_datasets
from web_ui.shell import blueprint, show, signed_in

LIMIT = 50
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
    text, tag = request.args.get("q", "").strip(), request.args.get("tag", "").strip()
    sort = request.args.get("sort", "-updated_at")
    offset = request.args.get("offset", 0, type=int)
    page = {"offset": max(0, min(offset, 2**62)), "limit": LIMIT}
    with service().database.read() as tx:
        found, total = list_datasets(
            tx,
            user(),
            DatasetFilters(text or None, tag or None),
            sort=sort if sort in SORTS else "-updated_at",
            **page,
        )
    return show(
        "datasets.html",
        datasets=found,
        page={**page, "total": total},
        q=text,
        tag=tag,
        sort=sort,
        sorts={name: title for name, title in SORT_NAMES.items() if name in SORTS},
        can_create=user().role_name != "viewer",
    )
