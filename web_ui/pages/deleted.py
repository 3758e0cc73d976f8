"""The bin: deleted samples, saved queries, versions and datasets."""

from __future__ import annotations

from flask import Response

from application.identity.bin import binned_since, shown_entry
from storage.versions.bin import list_bin
from web_ui.shell import ListQuery, blueprint, caller, service, show


@blueprint.get("/bin")
def deleted() -> Response:
    """List what can be restored, newest first; of one dataset if the URL names one."""
    query, by = ListQuery(), caller()
    dataset_id = query.number("dataset_id")
    page = {"offset": query.offset, "limit": query.limit}
    with service().database.read() as tx:
        found, total = list_bin(tx, by.user, binned_since(service()), dataset_id=dataset_id, **page)
    return show(
        "bin.html",
        entries=[shown_entry(by, entry) for entry in found],
        page=query.page(total),
        problem=query.problem,
        dataset_id=dataset_id,
        days=service().settings.bin_days,
    )
