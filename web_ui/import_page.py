"""The page on which a file is imported: dropped, looked at, sent."""

from __future__ import annotations

from flask import Response, request

from http_api.access import dataset_for, service
from import_engine.formats import ENDINGS
from job_runner.import_preview import LARGEST_BYTES
from storage.refs import MAIN, list_refs
from web_ui.shell import blueprint, show, signed_in


@blueprint.get("/datasets/<int:dataset_id>/import")
@signed_in
def import_form(dataset_id: int) -> Response:
    """Choose a file and a ref."""
    dataset = dataset_for(dataset_id, "write")
    with service().database.read() as tx:
        refs, _ = list_refs(tx, dataset_id)
    return show(
        "dataset_import.html",
        dataset=dataset,
        refs=refs,
        ref=request.args.get("ref", MAIN),
        endings=[*ENDINGS, ".gz"],
        preview_bytes=LARGEST_BYTES,
        upload_max_mb=service().settings.upload_max_mb,
    )
