"""The import forms, for a dataset and for a new dataset.

The script creates a new dataset only when its first file is uploaded.
"""

from __future__ import annotations

from typing import Any

from flask import Response, request

from application.import_preview import MAX_BYTES
from import_engine.formats import ENDINGS
from storage.versions.refs import MAIN, list_refs
from web_ui.shell import blueprint, caller, service, show, signed_in


@blueprint.get("/datasets/<int:dataset_id>/import")
@signed_in
def import_form(dataset_id: int) -> Response:
    """Show the form for a file and a version."""
    dataset = caller().dataset(dataset_id, "write")
    with service().database.read() as tx:
        refs, _ = list_refs(tx, dataset_id)
    return show(
        "dataset_import.html",
        dataset=dataset,
        refs=refs,
        ref=request.args.get("ref", MAIN),
        **_limits(),
    )


@blueprint.get("/datasets/new")
@signed_in
def new_dataset() -> Response:
    """Show the form for a new dataset and its first file."""
    caller().require_role("admin", "analyst")
    return show("dataset_new.html", **_limits())


def _limits() -> dict[str, Any]:
    """The limits of a file."""
    return {
        "endings": [*ENDINGS, ".gz"],
        "preview_bytes": MAX_BYTES,
        "upload_max_mb": service().settings.upload_max_mb,
    }
