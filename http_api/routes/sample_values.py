"""Routes of values of sampled rows from outside: preview a file, store it, list the uploads."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from apiflask.fields import File
from marshmallow import fields

from application.access import sample_source
from application.estimation.uploaded_values import (
    MatchedFile,
    StoredUpload,
    ValuesUpload,
    preview_values,
    store_values,
    uploads_of,
)
from application.samples.row_files import RowFile
from contract.requests.importing import ReadOptions
from contract.requests.pages import PageRequest
from http_api.access import SignedInBlueprint, access, caller, service
from http_api.routes.imports import large_uploads, plain_name
from http_api.routes.submissions import completed_sample
from http_api.schemas.base import StrictSchema
from http_api.schemas.contract import JsonPart, Listing, list_schema, page_of
from http_api.schemas.fields import check_text, invalid
from http_api.server.uploads import written_path
from storage.jobs.jobs import JobRecord

blueprint = SignedInBlueprint("sample_values", "Sampling", "/api/sampling/jobs/<job_id>/values")

MAX_KEY_COLUMNS = 10


class KeyField(fields.Field[list[str]]):
    """A form field with the names of the key's columns as JSON."""

    def __init__(self) -> None:
        super().__init__(
            load_default=list,
            metadata={
                "type": "string",
                "description": "The columns that identify rows, in the sample and in the file, as "
                "a JSON array of names; `_logical_row_id` if it is left out, or "
                "the table's row key if the file has no such column.",
            },
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> list[str]:
        try:
            given: list[str] = json.loads(value)
        except (TypeError, ValueError, RecursionError):
            raise invalid("Must be a JSON array of names.") from None
        is_list = isinstance(given, list) and len(given) <= MAX_KEY_COLUMNS
        if not is_list or not all(isinstance(name, str) for name in given):
            raise invalid("Must be a JSON array of at most {most} names.", most=MAX_KEY_COLUMNS)
        for name in given:
            check_text(name)
        return given


class RowFileIn(StrictSchema):
    file = File(  # type: ignore[no-untyped-call]
        required=True,
        metadata={"description": "CSV, TSV, JSON, NDJSON, Parquet or XLSX, at most 32 MiB."},
    )
    key = KeyField()
    options = JsonPart(ReadOptions, "Import options; what is left out is detected.")


def _job(job_id: str) -> JobRecord:
    """The sample, for a user who may change the dataset."""
    job = completed_sample(job_id)
    caller().dataset(job.dataset_id, "write")
    return job


def row_file(given: dict[str, Any]) -> RowFile:
    """The file of a form with its key and options."""
    upload = given["file"]
    name = plain_name(upload.filename or "")
    return RowFile(written_path(upload.stream), name, given["key"], given["options"])


@blueprint.post("/preview", form=RowFileIn, guard=large_uploads)
def preview(job_id: str, given: dict[str, Any]) -> MatchedFile:
    """Preview values of sampled rows from a file.

    The columns, and how the file's rows match the sample's rows. Nothing is stored.
    """
    job = _job(job_id)
    with access().work_limits.previews.piece(caller().user.id):
        found = preview_values(service(), job, row_file(given))
    caller().audit_view(sample_source(job), "keys")
    return found


@blueprint.post("", form=RowFileIn, guard=large_uploads)
def store(job_id: str, given: dict[str, Any]) -> StoredUpload:
    """Upload values of sampled rows from a file.

    The values get a number in the sample and never change; each file makes a new upload, except for
    a file that was uploaded before. Each row of the file must be that of one sampled row.
    """
    job = _job(job_id)
    with access().work_limits.previews.piece(caller().user.id):
        return store_values(caller(), job, row_file(given))


@blueprint.get("", output=list_schema("uploads", ValuesUpload, "Newest first."))
def uploads(job_id: str, query: PageRequest) -> Listing:
    """List the uploads of values of a sample."""
    job = completed_sample(job_id)
    page = page_of(uploads_of(service(), job), query)
    return replace(page, items=[ValuesUpload.of(each, job) for each in page.items])
