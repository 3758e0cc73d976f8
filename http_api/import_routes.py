"""Importing a file into a ref."""

from __future__ import annotations

from pathlib import PurePath, PureWindowsPath
from typing import Any

from apiflask import APIBlueprint
from apiflask.fields import File
from marshmallow import RAISE

from http_api.access import bearer, dataset_for, service, user
from http_api.auditing import origin
from http_api.idempotency import idempotency_key
from http_api.job_schemas import JobAcceptedOut, priority_field
from http_api.problems import InvalidRequest
from http_api.strict_fields import check_text
from http_api.strict_schemas import StrictSchema, text
from http_api.uploads import written_path
from job_runner.import_job import submit_import

blueprint = APIBlueprint(
    "imports", __name__, url_prefix="/api/datasets/<int:dataset_id>", tag="Import"
)
ENDPOINT = "imports.import_file"


class ImportIn(StrictSchema):
    file = File(  # type: ignore[no-untyped-call]
        required=True, metadata={"description": "CSV, TSV, JSON, NDJSON, Parquet or XLSX."}
    )
    commit_message = text(0, 10_000)
    priority = priority_field()


@blueprint.post("/refs/<ref>/import")
@blueprint.auth_required(bearer)
@blueprint.input(ImportIn, location="form_and_files", unknown=RAISE, arg_name="given")
@blueprint.output(JobAcceptedOut)
@blueprint.doc(
    summary="Import a file", description="A job reads the file; then the ref moves to its commit."
)
def import_file(dataset_id: int, ref: str, given: dict[str, Any]) -> dict[str, str]:
    dataset = dataset_for(dataset_id, "write")
    upload = given["file"]
    path = written_path(upload.stream)
    name = _plain_name(upload.filename or "")
    message = given.get("commit_message")
    job_id = submit_import(
        service(),
        user(),
        dataset,
        ref_name=ref,
        upload=path,
        file_name=name,
        commit_message=message,
        priority=given["priority"],
        key=idempotency_key(name, message or "", file=path),
        origin=origin(),
    )
    return {"job_id": job_id, "status": "pending", "message": "Import job created"}


def _plain_name(given: str) -> str:
    """The last part of what the client called the file; it is shown, never used as a path."""
    name = PurePath(PureWindowsPath(check_text(given)).name).name
    if not name:
        raise InvalidRequest("The file has no name.", loc=("body", "file"))
    return name[:200] if len(name) <= 200 else name[-200:]
