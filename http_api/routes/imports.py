"""Routes of imports: preview a file, import it into a ref."""

from __future__ import annotations

from functools import wraps
from pathlib import PurePath, PureWindowsPath
from typing import Any, cast

from apiflask import Schema
from apiflask.fields import File
from flask import request
from marshmallow import ValidationError, fields, validate

from application.import_preview import preview_import
from application.job_submission import MAX_URI_LENGTH, submit_import, submit_uri_import
from domain_errors import InvalidRequest
from http_api.access import SignedInBlueprint, View, access, caller, service
from http_api.routes.submissions import submission
from http_api.schemas import out
from http_api.schemas.base import StrictSchema, text
from http_api.schemas.fields import StrictString, check_text
from http_api.schemas.jobs import JobAcceptedOut, accepted, priority_field
from http_api.server.uploads import written_path

blueprint = SignedInBlueprint("imports", __name__, url_prefix="/api/datasets", tag="Import")


class UriImportIn(StrictSchema):
    """The JSON alternative of ``ImportIn``."""

    uri = text(
        1,
        MAX_URI_LENGTH,
        required=True,
        description="An https, s3, gs, az or file URI under an allowed prefix. One that ends with "
        "a slash is a folder, whose files make one table.",
    )
    commit_message = text(0, 10_000)
    priority = priority_field()


class ImportIn(StrictSchema):
    or_json = UriImportIn

    file = File(  # type: ignore[no-untyped-call]
        required=True, metadata={"description": "CSV, TSV, JSON, NDJSON, Parquet or XLSX."}
    )
    commit_message = text(0, 10_000)
    priority = priority_field()


class PreviewIn(StrictSchema):
    file = File(  # type: ignore[no-untyped-call]
        required=True, metadata={"description": "The file, or the beginning of a text file."}
    )
    whole = StrictString(load_default="true", validate=validate.OneOf(("true", "false")))


class PreviewTableOut(Schema):
    key = out.string()
    columns = out.list_of(
        fields.Dict(), "name and type; the type is null if the beginning has no value."
    )
    row_count = out.integer("Null for the beginning of a file.", null=True)
    data = out.list_of(fields.Dict(), "The first rows.")
    notes = out.list_of(fields.String())


class PreviewOut(Schema):
    tables = out.list_of(PreviewTableOut)


def large_uploads(view: View) -> View:
    """Count a request with a large file as slow work, since its thread copies the file."""

    @wraps(view)
    def counted(*args: Any, **values: Any) -> Any:
        size_bytes = request.content_length
        limits = access().work_limits
        if size_bytes is not None and size_bytes <= limits.small_upload_bytes:
            return view(*args, **values)
        with limits.uploads.piece(caller().user.id):
            return view(*args, **values)

    return cast(View, counted)


@blueprint.post("/<int:dataset_id>/preview", form=PreviewIn, output=PreviewOut, guard=large_uploads)
def preview(dataset_id: int, given: dict[str, Any]) -> dict[str, Any]:
    """Preview the import of a file.

    Columns, types and first rows; nothing is stored. Send `whole=false` with the beginning of a
    text file. At most 32 MiB.
    """
    caller().dataset(dataset_id, "write")
    return _preview(given)


@blueprint.post("/preview", form=PreviewIn, output=PreviewOut, guard=large_uploads)
def first_preview(given: dict[str, Any]) -> dict[str, Any]:
    """Preview a file without a dataset.

    For users who can create a dataset.
    """
    caller().require_role("admin", "analyst")
    return _preview(given)


@blueprint.post(
    "/<int:dataset_id>/refs/<ref>/import", form=ImportIn, output=JobAcceptedOut, guard=large_uploads
)
def import_file(dataset_id: int, ref: str, given: dict[str, Any]) -> dict[str, str]:
    """Import a file.

    A job reads the file; then the ref moves to its commit. Instead of the form, send JSON with the
    `uri` of a file: the job downloads it.
    """
    dataset = caller().dataset(dataset_id, "write")
    message = given.get("commit_message")
    if "uri" in given:
        by = submission(given["priority"], given["uri"], message or "")
        job = submit_uri_import(
            service(), by, dataset, given["uri"], ref_name=ref, commit_message=message
        )
        return accepted(job, "Import job created")
    upload = given["file"]
    path = written_path(upload.stream)
    name = _plain_name(upload.filename or "")
    by = submission(given["priority"], name, message or "", file=path)
    job = submit_import(
        service(), by, dataset, path, ref_name=ref, file_name=name, commit_message=message
    )
    return accepted(job, "Import job created")


def _preview(given: dict[str, Any]) -> dict[str, Any]:
    upload = given["file"]
    name = _plain_name(upload.filename or "")
    path = written_path(upload.stream)
    with access().work_limits.previews.piece(caller().user.id):
        return {"tables": preview_import(service(), path, name, whole=given["whole"] == "true")}


def _plain_name(given: str) -> str:
    """Return the base name of the client's file name; it is shown, never used as a path."""
    try:
        check_text(given)
    except ValidationError as error:
        raise InvalidRequest(
            "The name of `file`: {problem}", loc=("body", "file"), problem=str(error.messages[0])
        ) from None
    name = PurePath(PureWindowsPath(given).name).name
    if not name:
        raise InvalidRequest("`file` has no name.", loc=("body", "file"))
    return name[:200] if len(name) <= 200 else name[-200:]
