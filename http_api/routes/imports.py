"""Routes of imports: preview a file, import it into a ref."""

from __future__ import annotations

from functools import wraps
from pathlib import PurePath, PureWindowsPath
from typing import Any, cast

from flask import request
from marshmallow import ValidationError

from application.identity.column_reports import ColumnChanges, preview_changes
from application.import_preview import Preview, preview_import, preview_uri
from application.job_submission import (
    required_columns,
    row_key_of_import,
    submit_import,
    submit_uri_import,
)
from contract.requests.importing import (
    DatasetPreviewRequest,
    ImportRequest,
    PreviewRequest,
    UriDatasetPreviewRequest,
    UriImportRequest,
    UriPreviewRequest,
)
from domain_errors import InvalidRequest
from http_api.access import SignedInBlueprint, View, access, caller, service
from http_api.routes.submissions import submission
from http_api.schemas.fields import check_name, check_text
from http_api.schemas.jobs import JobAccepted, accepted
from http_api.server.uploads import written_path
from lazy_dataclasses import dataclass

blueprint = SignedInBlueprint("imports", "Import", "/api/datasets")


@dataclass(frozen=True)
class DatasetPreview(Preview):
    """What an import would read, and what it would change in the columns of the ref."""

    column_changes: ColumnChanges | None


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


@blueprint.post("/<int:dataset_id>/preview", form=DatasetPreviewRequest, guard=large_uploads)
def preview(
    dataset_id: int, given: DatasetPreviewRequest | UriDatasetPreviewRequest
) -> DatasetPreview:
    """Preview the import of a file.

    Columns, types and first rows as an import with the same `options` gives them, what was
    detected and what the file leaves open; nothing is stored. Send `whole=false` with the beginning
    of a text file, and its `end` to find totals. At most 32 MiB. Instead of the form, send JSON
    with the `uri` of a file: little is read of a large one. `column_changes` compares the columns
    with those of `base_ref`.
    """
    caller().dataset(dataset_id, "write")
    shown = _preview(given)
    shapes = [table.shape for table in shown.tables]
    changes = preview_changes(caller(), dataset_id, given.base_ref, shapes)
    return DatasetPreview(**vars(shown), column_changes=changes)


@blueprint.post("/preview", form=PreviewRequest, guard=large_uploads)
def first_preview(given: PreviewRequest | UriPreviewRequest) -> Preview:
    """Preview a file without a dataset.

    For users who can create a dataset.
    """
    caller().require_role("admin", "analyst")
    return _preview(given)


@blueprint.post("/<int:dataset_id>/refs/<ref>/import", form=ImportRequest, guard=large_uploads)
def import_file(dataset_id: int, ref: str, given: ImportRequest | UriImportRequest) -> JobAccepted:
    """Import a file.

    A job reads the file; then the ref moves to its commit. Instead of the form, send JSON with the
    `uri` of a file: the job downloads it.
    """
    dataset = caller().dataset(dataset_id, "write")
    message = given.commit_message or ""
    declared = {
        **required_columns(given.require_columns),
        **row_key_of_import(given),
    }
    meaning = {**given.options, **declared} or None
    if isinstance(given, UriImportRequest):
        by = submission(given.priority, given.uri, message, body=meaning)
        job = submit_uri_import(service(), by, dataset, ref, given)
    else:
        path, name = written_path(given.file.stream), plain_name(given.file.filename or "")
        by = submission(given.priority, name, message, body=meaning, file=path)
        job = submit_import(service(), by, dataset, ref, given, path, name)
    return accepted(job, "Import job created")


def _preview(given: PreviewRequest | UriPreviewRequest) -> Preview:
    with access().work_limits.previews.piece(caller().user.id):
        if isinstance(given, UriPreviewRequest):
            return preview_uri(service(), given.uri, options=given.options)
        return preview_import(
            service(),
            written_path(given.file.stream),
            plain_name(given.file.filename or ""),
            whole=given.whole,
            end=written_path(given.end.stream) if given.end else None,
            options=given.options,
        )


def plain_name(given: str) -> str:
    """Return the base name of the client's file name; it is shown, never used as a path."""
    try:
        check_text(given)
        check_name(given)
    except ValidationError as error:
        raise InvalidRequest(
            "The name of `file`: {problem}", loc=("body", "file"), problem=str(error.messages[0])
        ) from None
    name = PurePath(PureWindowsPath(given).name).name
    if not name:
        raise InvalidRequest("`file` has no name.", loc=("body", "file"))
    return name[:200] if len(name) <= 200 else name[-200:]
